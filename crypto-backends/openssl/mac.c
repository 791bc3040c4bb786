/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/openssl/mac.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"

static bool is_umac(const haw_suite *suite)
{
	return suite->mac_kind == HAW_MAC_UMAC_64 || suite->mac_kind == HAW_MAC_UMAC_128;
}

/* UMAC is none of the approved algorithms, although the AES in it may be had from an approved module. */
static bool approved_only(struct haw_openssl_source *source, const EVP_CIPHER *cipher)
{
	const OSSL_PROVIDER *provider = EVP_CIPHER_get0_provider(cipher);

	return EVP_default_properties_is_fips_enabled(source->context) ||
	       (provider && strcmp(OSSL_PROVIDER_get0_name(provider), "fips") == 0);
}

const char *haw_mac_refuses(struct haw_openssl_source *source, const haw_suite *suite)
{
	const char *digest = haw_openssl_digest_name(suite);
	const EVP_CIPHER *aes;

	if (suite->mac_kind == HAW_MAC_NONE)
		return NULL;
	if (is_umac(suite)) {
		aes = haw_openssl_cipher(source, "AES-128-ECB");
		if (!aes)
			return "this OpenSSL, as configured, has not got the AES that UMAC needs";
		return approved_only(source, aes)
			       ? "this OpenSSL is configured for approved algorithms, and UMAC is none"
			       : NULL;
	}
	if (!digest)
		return "OpenSSL does not do this MAC";
	return haw_openssl_digest(source, digest) ? NULL
						  : "this OpenSSL, as configured, has not got the hash";
}

static bool umac_init(struct haw_mac *m, struct haw_openssl_source *source, const uint8_t *key)
{
	const EVP_CIPHER *aes = haw_openssl_cipher(source, "AES-128-ECB");

	m->umac = calloc(1, sizeof(*m->umac));
	return aes && m->umac && haw_umac_init(m->umac, aes, key, m->size);
}

bool haw_mac_init(struct haw_mac *m, struct haw_openssl_source *source, const haw_suite *suite,
		  const uint8_t *key)
{
	const char *digest = haw_openssl_digest_name(suite);

	m->kind = suite->mac_kind;
	m->size = suite->tag_size;
	if (m->kind == HAW_MAC_NONE)
		return true;
	if (is_umac(suite))
		return umac_init(m, source, key);
	return digest && haw_openssl_digest(source, digest) &&
	       haw_hmac_init(&m->hmac, haw_openssl_digest(source, digest), key, suite->mac_key_size);
}

bool haw_mac_start(struct haw_mac *m, uint32_t seq)
{
	uint8_t number[4];

	if (m->kind == HAW_MAC_NONE)
		return true;
	if (m->umac) {
		haw_umac_start(m->umac, seq);
		return true;
	}
	/* RFC 4253 §6.4: the MAC starts with the sequence number. */
	haw_store_be32(number, seq);
	return haw_hmac_start(&m->hmac) && haw_hmac_update(&m->hmac, number, sizeof(number));
}

bool haw_mac_update(struct haw_mac *m, const void *data, size_t len)
{
	if (m->kind == HAW_MAC_NONE)
		return true;
	if (!m->umac)
		return haw_hmac_update(&m->hmac, data, len);
	haw_umac_update(m->umac, data, len);
	return true;
}

bool haw_mac_finish(struct haw_mac *m, uint8_t *tag)
{
	if (m->kind == HAW_MAC_NONE)
		return true;
	return m->umac ? haw_umac_finish(m->umac, tag) : haw_hmac_finish(&m->hmac, tag);
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
	if (m->umac)
		haw_umac_free(m->umac);
	free(m->umac);
	OPENSSL_cleanse(m, sizeof(*m));
}
