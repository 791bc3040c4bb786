/* SPDX-License-Identifier: Apache-2.0
 *
 * ML-KEM-768 by OpenSSL where it has it (3.5 and later, asked for by name when it runs), else by Hawser. The
 * keys of both have the form of FIPS 203.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "transport/kex/mlkem768.h"

static const char name[] = "ML-KEM-768";

static bool openssl_has_it(OSSL_LIB_CTX *ctx)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(ctx, name, NULL);
	EVP_KEM *kem = EVP_KEM_fetch(ctx, name, NULL);
	bool has = keys && kem;

	EVP_KEYMGMT_free(keys);
	EVP_KEM_free(kem);
	ERR_clear_error();
	return has;
}

static bool available(OSSL_LIB_CTX *ctx)
{
	return openssl_has_it(ctx) || haw_mlkem768_own.available(ctx);
}

static bool get(EVP_PKEY *key, const char *part, uint8_t *out, size_t size)
{
	size_t len = 0;

	return EVP_PKEY_get_octet_string_param(key, part, out, size, &len) == 1 && len == size;
}

static enum haw_kem_result make(OSSL_LIB_CTX *ctx, uint8_t *public, uint8_t *secret)
{
	EVP_PKEY *key;
	bool done;

	if (!openssl_has_it(ctx))
		return haw_mlkem768_own.make(ctx, public, secret);
	key = EVP_PKEY_Q_keygen(ctx, NULL, name);
	done = key && get(key, OSSL_PKEY_PARAM_PUB_KEY, public, MLKEM_PUBLIC_BYTES) &&
	       get(key, OSSL_PKEY_PARAM_PRIV_KEY, secret, MLKEM_SECRET_BYTES);
	EVP_PKEY_free(key);
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

static enum haw_kem_result encapsulate(OSSL_LIB_CTX *ctx, const uint8_t *public, uint8_t *ciphertext,
				       uint8_t key[HAW_KEM_KEY_SIZE])
{
	size_t ciphertext_len = MLKEM_CIPHERTEXT_BYTES, key_len = HAW_KEM_KEY_SIZE;
	EVP_PKEY *peer;
	EVP_PKEY_CTX *context;
	bool done;

	if (!openssl_has_it(ctx))
		return haw_mlkem768_own.encapsulate(ctx, public, ciphertext, key);
	peer = EVP_PKEY_new_raw_public_key_ex(ctx, name, NULL, public, MLKEM_PUBLIC_BYTES);
	if (!peer) {
		ERR_clear_error();
		return HAW_KEM_INVALID;
	}
	context = EVP_PKEY_CTX_new_from_pkey(ctx, peer, NULL);
	done = context && EVP_PKEY_encapsulate_init(context, NULL) == 1 &&
	       EVP_PKEY_encapsulate(context, ciphertext, &ciphertext_len, key, &key_len) == 1 &&
	       ciphertext_len == MLKEM_CIPHERTEXT_BYTES && key_len == HAW_KEM_KEY_SIZE;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

static enum haw_kem_result decapsulate(OSSL_LIB_CTX *ctx, const uint8_t *secret, const uint8_t *ciphertext,
				       uint8_t key[HAW_KEM_KEY_SIZE])
{
	size_t key_len = HAW_KEM_KEY_SIZE;
	EVP_PKEY *own;
	EVP_PKEY_CTX *context;
	bool done;

	if (!openssl_has_it(ctx))
		return haw_mlkem768_own.decapsulate(ctx, secret, ciphertext, key);
	own = EVP_PKEY_new_raw_private_key_ex(ctx, name, NULL, secret, MLKEM_SECRET_BYTES);
	context = own ? EVP_PKEY_CTX_new_from_pkey(ctx, own, NULL) : NULL;
	done = context && EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
	       EVP_PKEY_decapsulate(context, key, &key_len, ciphertext, MLKEM_CIPHERTEXT_BYTES) == 1 &&
	       key_len == HAW_KEM_KEY_SIZE;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(own);
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

const struct haw_kem haw_mlkem768 = {
	.name = name,
	.public_size = MLKEM_PUBLIC_BYTES,
	.secret_size = MLKEM_SECRET_BYTES,
	.ciphertext_size = MLKEM_CIPHERTEXT_BYTES,
	.available = available,
	.make = make,
	.encapsulate = encapsulate,
	.decapsulate = decapsulate,
};
