/* SPDX-License-Identifier: Apache-2.0
 *
 * The packets in which the last 32 bits of the counter of AES-CTR overflow, one in 2^32 blocks. RFC 4344 §4
 * carries into the 96 bits in front; crypto_aesni_mb does not, and says success. They are few, so they are
 * left to no device.
 */
#include "crypto-backends/cryptodev/cryptodev.h"
#include "crypto-backends/spans.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

bool haw_cryptodev_carries(const struct haw_cryptodev_form *form, const haw_job *job)
{
	uint32_t first = haw_fetch_be32(form->iv + 12) + (uint32_t)job->block;

	return form->suite->cipher_kind == HAW_CIPHER_AES_CTR &&
	       first + (uint64_t)job->length / 16 + 1 > UINT32_MAX;
}

static bool crypt(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot)
{
	uint8_t *data = slot->copy + slot->sym.cipher.data.offset;
	int len = (int)slot->sym.cipher.data.length, n;

	return EVP_CipherInit_ex2(form->cpu, NULL, NULL, slot->iv, -1, NULL) &&
	       EVP_CipherUpdate(form->cpu, data, &n, data, len) && n == len;
}

/* Make the tag, or compare it. */
static bool authenticate(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, bool *right)
{
	const haw_suite *suite = form->suite;
	const EVP_MD *hash = suite->mac_kind == HAW_MAC_HMAC_SHA1       ? EVP_sha1()
			     : suite->mac_kind == HAW_MAC_HMAC_SHA2_256 ? EVP_sha256()
									: EVP_sha512();
	uint8_t tag[EVP_MAX_MD_SIZE];

	if (!HMAC(hash, form->mac_key, suite->mac_key_size, slot->copy, slot->sym.auth.data.length, tag,
		  NULL))
		return false;
	*right = !form->opens || CRYPTO_memcmp(tag, slot->tag, suite->tag_size) == 0;
	memcpy(slot->tag, tag, suite->tag_size);
	return true;
}

void haw_cryptodev_work_here(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot)
{
	const haw_suite *suite = form->suite;
	bool mac = suite->mac_kind != HAW_MAC_NONE, right = true;
	bool mac_first = (suite->length_mode == HAW_LENGTH_CLEAR) == form->opens;

	slot->op.status = RTE_CRYPTO_OP_STATUS_ERROR;
	if (mac && mac_first && !authenticate(form, slot, &right))
		return;
	if (right && !crypt(form, slot))
		return;
	if (mac && !mac_first && !authenticate(form, slot, &right))
		return;
	slot->op.status = right ? RTE_CRYPTO_OP_STATUS_SUCCESS : RTE_CRYPTO_OP_STATUS_AUTH_FAILED;
}
