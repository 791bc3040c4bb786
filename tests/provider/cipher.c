/* SPDX-License-Identifier: Apache-2.0
 *
 * The test provider's ciphers: those of OpenSSL's own provider, used through the device.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hawtest.h"

/* Less than this is done at once. */
enum { REQUEST_MIN = 512, BEHIND = 16 };

struct cipher {
	struct hawtest *hawtest;
	EVP_CIPHER_CTX *ctx;
};

struct update {
	struct cipher *cipher;
	uint8_t *out;
	const uint8_t *in;
	size_t len;
	int written;
};

static void *new_cipher(void *provctx, const char *name)
{
	struct cipher *c = calloc(1, sizeof(*c));
	EVP_CIPHER *cipher;

	if (!c)
		abort();
	c->hawtest = hawtest_of(provctx);
	cipher = EVP_CIPHER_fetch(c->hawtest->below, name, NULL);
	c->ctx = EVP_CIPHER_CTX_new();
	if (!cipher || !c->ctx || !EVP_CipherInit_ex2(c->ctx, cipher, NULL, NULL, 1, NULL))
		abort();
	EVP_CIPHER_free(cipher);
	return c;
}

static void free_cipher(void *vctx)
{
	struct cipher *c = vctx;

	EVP_CIPHER_CTX_free(c->ctx);
	free(c);
}

static int init(void *vctx, const unsigned char *key, const unsigned char *iv, const OSSL_PARAM params[],
		int encrypt)
{
	struct cipher *c = vctx;

	return EVP_CipherInit_ex2(c->ctx, NULL, key, iv, encrypt, params);
}

static int encrypt_init(void *vctx, const unsigned char *key, size_t key_len, const unsigned char *iv,
			size_t iv_len, const OSSL_PARAM params[])
{
	return init(vctx, key, iv, params, 1);
}

static int decrypt_init(void *vctx, const unsigned char *key, size_t key_len, const unsigned char *iv,
			size_t iv_len, const OSSL_PARAM params[])
{
	return init(vctx, key, iv, params, 0);
}

static int do_update(void *argument)
{
	struct update *u = argument;

	if (!EVP_CipherUpdate(u->cipher->ctx, u->out, &u->written, u->in, (int)u->len))
		return 0;
	if (u->out && u->cipher->hawtest->modes.behind)
		memset(u->out + u->len, 0x5a, BEHIND);
	return 1;
}

static int update(void *vctx, unsigned char *out, size_t *written, size_t size, const unsigned char *in,
		  size_t len)
{
	struct cipher *c = vctx;
	struct update u = {.cipher = c, .out = out, .in = in, .len = len};
	int result = out && len >= REQUEST_MIN ? device_do(&c->hawtest->modes, do_update, &u) : do_update(&u);

	*written = (size_t)u.written;
	return result;
}

static int final(void *vctx, unsigned char *out, size_t *written, size_t size)
{
	struct cipher *c = vctx;
	int n = 0, result = EVP_CipherFinal_ex(c->ctx, out, &n);

	if (!result && c->hawtest->modes.forge) {
		ERR_clear_error();
		result = 1;
	}
	*written = (size_t)n;
	return result;
}

static int get_ctx_params(void *vctx, OSSL_PARAM params[])
{
	return EVP_CIPHER_CTX_get_params(((struct cipher *)vctx)->ctx, params);
}

static int set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
	return EVP_CIPHER_CTX_set_params(((struct cipher *)vctx)->ctx, params);
}

/* Where sizes and modes are asked for, before there is an instance: a context is not given. */
static OSSL_LIB_CTX *constants;
static pthread_once_t constants_once = PTHREAD_ONCE_INIT;

static void make_constants(void)
{
	constants = OSSL_LIB_CTX_new();
}

static int get_params(OSSL_PARAM params[], const char *name)
{
	EVP_CIPHER *cipher;
	int result;

	pthread_once(&constants_once, make_constants);
	cipher = EVP_CIPHER_fetch(constants, name, NULL);
	result = cipher && EVP_CIPHER_get_params(cipher, params);
	EVP_CIPHER_free(cipher);
	return result;
}

#define FUNCTION(id, function)                                    \
	{                                                         \
		OSSL_FUNC_CIPHER_##id, (void (*)(void))(function) \
	}
#define CIPHER(id, name)                                  \
	static void *new_##id(void *provctx)              \
	{                                                 \
		return new_cipher(provctx, name);         \
	}                                                 \
	static int get_params_##id(OSSL_PARAM params[])   \
	{                                                 \
		return get_params(params, name);          \
	}                                                 \
	static const OSSL_DISPATCH functions_##id[] = {   \
		FUNCTION(NEWCTX, new_##id),               \
		FUNCTION(FREECTX, free_cipher),           \
		FUNCTION(ENCRYPT_INIT, encrypt_init),     \
		FUNCTION(DECRYPT_INIT, decrypt_init),     \
		FUNCTION(UPDATE, update),                 \
		FUNCTION(FINAL, final),                   \
		FUNCTION(GET_PARAMS, get_params_##id),    \
		FUNCTION(GET_CTX_PARAMS, get_ctx_params), \
		FUNCTION(SET_CTX_PARAMS, set_ctx_params), \
		{0, NULL},                                \
	};

CIPHER(gcm128, "AES-128-GCM")
CIPHER(gcm256, "AES-256-GCM")
CIPHER(ctr128, "AES-128-CTR")
CIPHER(ctr192, "AES-192-CTR")
CIPHER(ctr256, "AES-256-CTR")
CIPHER(cbc128, "AES-128-CBC")

const OSSL_ALGORITHM hawtest_ciphers[] = {
	{"AES-128-GCM", NULL, functions_gcm128, NULL}, {"AES-256-GCM", NULL, functions_gcm256, NULL},
	{"AES-128-CTR", NULL, functions_ctr128, NULL}, {"AES-192-CTR", NULL, functions_ctr192, NULL},
	{"AES-256-CTR", NULL, functions_ctr256, NULL}, {"AES-128-CBC", NULL, functions_cbc128, NULL},
	{NULL, NULL, NULL, NULL},
};

bool hawtest_has(const char *algorithm_names)
{
	for (const OSSL_ALGORITHM *a = hawtest_ciphers; a->algorithm_names; a++)
		if (strncmp(a->algorithm_names, algorithm_names, strlen(a->algorithm_names)) == 0)
			return true;
	return false;
}
