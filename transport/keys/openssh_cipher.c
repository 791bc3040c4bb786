/* SPDX-License-Identifier: Apache-2.0
 *
 * The ciphers that protect the private half in OpenSSH's key files, over OpenSSL. Files are small, so
 * nothing here needs the backends of packet protection.
 */
#include "transport/keys/key_internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "transport/keys/bcrypt_pbkdf.h"

enum {
	CHACHA_KEY_SIZE = 32, /* the first of two keys; the second is for packet lengths */
	POLY_KEY_SIZE = 32,
	POLY_TAG_SIZE = 16,
	SECRET_MAX = 64 + 16
};

static const struct haw_openssh_cipher ciphers[] = {
	{"aes256-ctr", "AES-256-CTR", 32, 16, 16, 0},
	{"aes192-ctr", "AES-192-CTR", 24, 16, 16, 0},
	{"aes128-ctr", "AES-128-CTR", 16, 16, 16, 0},
	{"aes256-cbc", "AES-256-CBC", 32, 16, 16, 0},
	{"aes192-cbc", "AES-192-CBC", 24, 16, 16, 0},
	{"aes128-cbc", "AES-128-CBC", 16, 16, 16, 0},
	{"3des-cbc", "DES-EDE3-CBC", 24, 8, 8, 0},
	{"aes256-gcm@openssh.com", "AES-256-GCM", 32, 12, 16, 16},
	{"aes128-gcm@openssh.com", "AES-128-GCM", 16, 12, 16, 16},
	{"chacha20-poly1305@openssh.com", NULL, 64, 0, 8, POLY_TAG_SIZE},
};

const struct haw_openssh_cipher *haw_openssh_cipher_find(haw_span name)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		if (haw_span_is(name, ciphers[i].name))
			return &ciphers[i];
	return NULL;
}

/* One pass of a cipher; 0, HAW_EPASSPHRASE for a wrong tag, HAW_ECRYPTO. */
static int run_evp(const struct haw_openssh_cipher *cipher, bool encrypt, const uint8_t *secret,
		   uint8_t *data, size_t len, const uint8_t *tag)
{
	EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, cipher->evp, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, result = HAW_ECRYPTO;

	if (!evp || !ctx ||
	    EVP_CipherInit_ex2(ctx, evp, secret, secret + cipher->key_size, encrypt, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
		goto out;
	if (tag &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, cipher->tag_size, (void *)(uintptr_t)tag) != 1)
		goto out;
	if (EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1 || (size_t)n != len)
		goto out;
	if (EVP_CipherFinal_ex(ctx, data + n, &n) == 1)
		result = 0;
	else if (tag)
		result = HAW_EPASSPHRASE;
out:
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(evp);
	return result;
}

static bool chacha(const uint8_t *key, uint8_t counter, uint8_t *data, size_t len)
{
	/* Counter in the first eight bytes, little-endian; the nonce is the packet's number: 0. */
	uint8_t iv[16] = {counter};
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok = ctx && EVP_EncryptInit_ex2(ctx, EVP_chacha20(), key, iv, NULL) == 1 &&
		  EVP_EncryptUpdate(ctx, data, &n, data, (int)len) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* Decrypt as chacha20-poly1305@openssh.com does a packet of number 0 without its length. */
static int open_chacha(const uint8_t *key, uint8_t *data, size_t len, const uint8_t *tag)
{
	uint8_t poly_key[POLY_KEY_SIZE] = {0}, computed[POLY_TAG_SIZE];
	int result = HAW_ECRYPTO;
	size_t n;

	if (chacha(key, 0, poly_key, sizeof(poly_key)) &&
	    EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, poly_key, sizeof(poly_key), data, len, computed,
		      sizeof(computed), &n)) {
		if (CRYPTO_memcmp(computed, tag, sizeof(computed)) != 0)
			result = HAW_EPASSPHRASE;
		else if (chacha(key, 1, data, len))
			result = 0;
	}
	OPENSSL_cleanse(poly_key, sizeof(poly_key));
	return result;
}

int haw_openssh_crypt(const struct haw_openssh_cipher *cipher, bool encrypt, const char *passphrase,
		      haw_span salt, uint32_t rounds, uint8_t *data, size_t len, const uint8_t *tag,
		      haw_error *err)
{
	uint8_t secret[SECRET_MAX];
	int result;

	if (encrypt && cipher->tag_size > 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "keys are written with CTR or CBC ciphers");
	result = haw_bcrypt_pbkdf(passphrase, strlen(passphrase), salt.ptr, salt.len, rounds, secret,
				  (size_t)cipher->key_size + cipher->iv_size, err);
	if (result < 0) {
		OPENSSL_cleanse(secret, sizeof(secret));
		return result;
	}
	result = cipher->evp ? run_evp(cipher, encrypt, secret, data, len, cipher->tag_size > 0 ? tag : NULL)
			     : open_chacha(secret, data, len, tag);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (result == HAW_EPASSPHRASE)
		return haw_key_passphrase_error(err, true);
	if (result < 0)
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL cannot run %s",
				     cipher->name);
	return 0;
}
