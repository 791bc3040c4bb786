/* SPDX-License-Identifier: Apache-2.0
 *
 * "hawtestengine": an ENGINE for tests, with AES-GCM and AES-CTR of OpenSSL's own through the device.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

#include "device.h"

enum { REQUEST_MIN = 512, CIPHERS = 6 };

/* What a context of ours keeps. */
struct cipher {
	EVP_CIPHER_CTX *ctx;
};

struct update {
	EVP_CIPHER_CTX *ctx;
	uint8_t *out;
	const uint8_t *in;
	size_t len;
	int written;
};

static struct device_modes modes;
static const int nids[CIPHERS] = {NID_aes_128_gcm, NID_aes_256_gcm, NID_aes_128_ctr, NID_aes_192_ctr,
				  NID_aes_256_ctr, NID_aes_128_cbc};
static EVP_CIPHER *methods[CIPHERS];

static EVP_CIPHER_CTX *inner_of(EVP_CIPHER_CTX *ctx)
{
	struct cipher *c = EVP_CIPHER_CTX_get_cipher_data(ctx);

	if (!c->ctx) {
		const EVP_CIPHER *below = EVP_get_cipherbynid(EVP_CIPHER_CTX_get_nid(ctx));

		c->ctx = EVP_CIPHER_CTX_new();
		/* Packets are whole blocks; OpenSSL does not tell a method of this kind. */
		if (!c->ctx || !EVP_CipherInit_ex(c->ctx, below, NULL, NULL, NULL, 1) ||
		    !EVP_CIPHER_CTX_set_padding(c->ctx, 0))
			abort();
	}
	return c->ctx;
}

static int init(EVP_CIPHER_CTX *ctx, const unsigned char *key, const unsigned char *iv, int encrypt)
{
	return EVP_CipherInit_ex(inner_of(ctx), NULL, NULL, key, iv, encrypt);
}

static int do_update(void *argument)
{
	struct update *u = argument;

	return EVP_CipherUpdate(u->ctx, u->out, &u->written, u->in, (int)u->len);
}

/* A custom cipher: returns the bytes written, or -1. Without input it is the end. */
static int do_cipher(EVP_CIPHER_CTX *ctx, unsigned char *out, const unsigned char *in, size_t len)
{
	struct update u = {.ctx = inner_of(ctx), .out = out, .in = in, .len = len};
	uint8_t rest[16];
	int n = 0, result;

	if (!in) {
		result = EVP_CipherFinal_ex(u.ctx, rest, &n);
		if (!result && modes.forge)
			result = 1;
		ERR_clear_error();
		return result ? n : -1;
	}
	result = out && len >= REQUEST_MIN ? device_do(&modes, do_update, &u) : do_update(&u);
	return result ? u.written : -1;
}

static int ctrl(EVP_CIPHER_CTX *ctx, int type, int value, void *pointer)
{
	if (type == EVP_CTRL_INIT || type == EVP_CTRL_COPY)
		return type == EVP_CTRL_INIT;
	return EVP_CIPHER_CTX_ctrl(inner_of(ctx), type, value, pointer);
}

static int cleanup(EVP_CIPHER_CTX *ctx)
{
	struct cipher *c = EVP_CIPHER_CTX_get_cipher_data(ctx);

	if (c)
		EVP_CIPHER_CTX_free(c->ctx);
	return 1;
}

static EVP_CIPHER *make_method(int nid)
{
	const EVP_CIPHER *below = EVP_get_cipherbynid(nid);
	unsigned long flags = EVP_CIPHER_get_mode(below) | EVP_CIPH_CUSTOM_IV | EVP_CIPH_FLAG_CUSTOM_CIPHER |
			      EVP_CIPH_ALWAYS_CALL_INIT | EVP_CIPH_CTRL_INIT;
	EVP_CIPHER *method =
		EVP_CIPHER_meth_new(nid, EVP_CIPHER_get_block_size(below), EVP_CIPHER_get_key_length(below));

	if (EVP_CIPHER_get_mode(below) == EVP_CIPH_GCM_MODE)
		flags |= EVP_CIPH_FLAG_AEAD_CIPHER;
	if (!method || !EVP_CIPHER_meth_set_iv_length(method, EVP_CIPHER_get_iv_length(below)) ||
	    !EVP_CIPHER_meth_set_flags(method, flags) ||
	    !EVP_CIPHER_meth_set_impl_ctx_size(method, sizeof(struct cipher)) ||
	    !EVP_CIPHER_meth_set_init(method, init) || !EVP_CIPHER_meth_set_do_cipher(method, do_cipher) ||
	    !EVP_CIPHER_meth_set_ctrl(method, ctrl) || !EVP_CIPHER_meth_set_cleanup(method, cleanup))
		abort();
	return method;
}

static int ciphers(ENGINE *engine, const EVP_CIPHER **cipher, const int **all, int nid)
{
	if (!cipher) {
		*all = nids;
		return CIPHERS;
	}
	*cipher = NULL;
	for (int i = 0; i < CIPHERS; i++)
		if (nids[i] == nid)
			*cipher = methods[i];
	return *cipher != NULL;
}

static int bind(ENGINE *engine, const char *id)
{
	device_read_modes(&modes, NULL);
	for (int i = 0; i < CIPHERS; i++)
		if (!methods[i])
			methods[i] = make_method(nids[i]);
	return ENGINE_set_id(engine, "hawtestengine") && ENGINE_set_name(engine, "Hawser's test engine") &&
	       ENGINE_set_ciphers(engine, ciphers);
}

/* What the loader of engines looks for; the library's macros define them without prototypes. */
__attribute__((visibility("default"))) unsigned long v_check(unsigned long version);
__attribute__((visibility("default"))) int bind_engine(ENGINE *engine, const char *id,
						       const dynamic_fns *functions);

unsigned long v_check(unsigned long version)
{
	return version >= OSSL_DYNAMIC_OLDEST ? OSSL_DYNAMIC_VERSION : 0;
}

int bind_engine(ENGINE *engine, const char *id, const dynamic_fns *functions)
{
	return bind(engine, id);
}
