/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/openssl/mac.h"

#include <openssl/crypto.h>

#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"

const char *haw_mac_refuses(struct haw_openssl_source *source, const haw_suite *suite)
{
	const char *digest = haw_openssl_digest_name(suite);

	if (suite->mac_kind == HAW_MAC_NONE)
		return NULL;
	if (!digest)
		return "OpenSSL does not do this MAC";
	return haw_openssl_digest(source, digest) ? NULL
						  : "this OpenSSL, as configured, has not got the hash";
}

bool haw_mac_init(struct haw_mac *m, struct haw_openssl_source *source, const haw_suite *suite,
		  const uint8_t *key)
{
	const char *digest = haw_openssl_digest_name(suite);

	m->kind = suite->mac_kind;
	m->size = suite->tag_size;
	if (m->kind == HAW_MAC_NONE)
		return true;
	return digest && haw_openssl_digest(source, digest) &&
	       haw_hmac_init(&m->hmac, haw_openssl_digest(source, digest), key, suite->mac_key_size);
}

bool haw_mac_start(struct haw_mac *m, uint32_t seq)
{
	uint8_t number[4];

	if (m->kind == HAW_MAC_NONE)
		return true;
	/* RFC 4253 §6.4: the MAC starts with the sequence number. */
	haw_store_be32(number, seq);
	return haw_hmac_start(&m->hmac) && haw_hmac_update(&m->hmac, number, sizeof(number));
}

bool haw_mac_update(struct haw_mac *m, const void *data, size_t len)
{
	return m->kind == HAW_MAC_NONE || haw_hmac_update(&m->hmac, data, len);
}

bool haw_mac_finish(struct haw_mac *m, uint8_t *tag)
{
	return m->kind == HAW_MAC_NONE || haw_hmac_finish(&m->hmac, tag);
}

int haw_mac_judge(struct haw_mac *m, const uint8_t *received)
{
	uint8_t computed[HAW_TAG_MAX];

	if (!haw_mac_finish(m, computed))
		return HAW_ECRYPTO;
	return CRYPTO_memcmp(computed, received, m->size) == 0 ? 0 : HAW_EINTEGRITY;
}

void haw_mac_free(struct haw_mac *m)
{
	haw_hmac_free(&m->hmac);
	OPENSSL_cleanse(m, sizeof(*m));
}
