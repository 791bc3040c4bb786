/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/raw.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>
#include <string>

#include "bench/hardware/keys.h"

namespace bench
{

namespace
{

const char *cipher_name(const haw_suite *suite)
{
	static const char *const names[][3] = {{"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"},
					       {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"},
					       {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"}};
	size_t strength = (suite->key_size - 16u) / 8;

	switch (suite->cipher_kind) {
	case HAW_CIPHER_AES_GCM:
		return names[0][strength];
	case HAW_CIPHER_AES_CTR:
		return names[1][strength];
	case HAW_CIPHER_AES_CBC:
		return names[2][strength];
	case HAW_CIPHER_3DES_CBC:
		return "DES-EDE3-CBC";
	default:
		return "ChaCha20";
	}
}

/* NULL: OpenSSL has no such MAC. */
const char *digest_name(const haw_suite *suite)
{
	switch (suite->mac_kind) {
	case HAW_MAC_HMAC_SHA1:
		return "SHA1";
	case HAW_MAC_HMAC_SHA2_256:
		return "SHA256";
	case HAW_MAC_HMAC_SHA2_512:
		return "SHA512";
	default:
		return nullptr;
	}
}

struct Evp : RawPrimitive {
	const haw_suite *suite;
	bool opens, is_gcm, is_chacha;
	Keys keys;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_MAC *mac = nullptr;
	EVP_MAC_CTX *mac_ctx = nullptr;
	bool good;

	Evp(const haw_suite *s, bool o)
	    : suite(s), opens(o), is_gcm(s->cipher_kind == HAW_CIPHER_AES_GCM),
	      is_chacha(s->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305),
	      cipher(EVP_CIPHER_fetch(nullptr, cipher_name(s), nullptr))
	{
		/* Three different keys: OpenSSL may refuse others for 3DES. Padding is ours. */
		good = cipher && EVP_CipherInit_ex2(ctx, cipher, keys.key, keys.iv, !opens, nullptr) &&
		       EVP_CIPHER_CTX_set_padding(ctx, 0) && (is_gcm || init_mac());
	}
	~Evp() override
	{
		EVP_CIPHER_CTX_free(ctx);
		EVP_CIPHER_free(cipher);
		EVP_MAC_CTX_free(mac_ctx);
		EVP_MAC_free(mac);
	}

	bool init_mac()
	{
		const char *digest = digest_name(suite);

		mac = EVP_MAC_fetch(nullptr, is_chacha ? "Poly1305" : "HMAC", nullptr);
		mac_ctx = EVP_MAC_CTX_new(mac);
		if (is_chacha || !mac_ctx)
			return mac_ctx != nullptr;
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string("digest", const_cast<char *>(digest), 0),
			OSSL_PARAM_construct_end()};
		return EVP_MAC_init(mac_ctx, keys.mac_key, suite->mac_key_size, params) == 1;
	}

	bool gcm(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag)
	{
		static const uint8_t aad[4] = {};
		int n;

		if (!EVP_CipherInit_ex2(ctx, nullptr, nullptr, keys.iv, -1, nullptr) ||
		    !EVP_CipherUpdate(ctx, nullptr, &n, aad, sizeof(aad)) ||
		    !EVP_CipherUpdate(ctx, out, &n, in, int(len)))
			return false;
		if (opens && !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag))
			return false;
		return EVP_CipherFinal_ex(ctx, out, &n) &&
		       (opens || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag));
	}

	bool mac_over(const uint8_t *data, size_t len, uint8_t *tag)
	{
		uint8_t computed[64];
		size_t n;

		if (!EVP_MAC_update(mac_ctx, data, len) ||
		    !EVP_MAC_final(mac_ctx, computed, &n, sizeof(computed)))
			return false;
		if (opens)
			return CRYPTO_memcmp(computed, tag, n) == 0;
		memcpy(tag, computed, n);
		return true;
	}

	bool run(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag) override
	{
		uint8_t block[64] = {};
		int n;

		if (is_gcm)
			return gcm(in, out, len, tag);
		if (!EVP_CipherInit_ex2(ctx, nullptr, nullptr, keys.iv, -1, nullptr))
			return false;
		if (is_chacha && !EVP_CipherUpdate(ctx, block, &n, block, sizeof(block)))
			return false;
		if (!EVP_MAC_init(mac_ctx, is_chacha ? block : nullptr, is_chacha ? 32 : 0, nullptr))
			return false;
		/* The MAC is over the ciphertext, but with encrypt-and-MAC over the plaintext. */
		bool over_input = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? !opens : opens;
		return (!over_input || mac_over(in, len, tag)) &&
		       EVP_CipherUpdate(ctx, out, &n, in, int(len)) &&
		       (over_input || mac_over(out, len, tag));
	}
};

} // namespace

std::unique_ptr<RawPrimitive> make_raw_openssl(const haw_suite *suite, bool opens)
{
	if (suite->mac_kind != HAW_MAC_NONE && !digest_name(suite))
		return nullptr;
	auto evp = std::make_unique<Evp>(suite, opens);
	return evp->good ? std::move(evp) : nullptr;
}

std::unique_ptr<RawPrimitive> make_raw(const std::string &backend, const haw_suite *suite, bool opens)
{
	if (backend == "openssl")
		return make_raw_openssl(suite, opens);
	if (backend == "ipsecmb")
		return make_raw_ipsecmb(suite, opens);
	return nullptr;
}

} // namespace bench
