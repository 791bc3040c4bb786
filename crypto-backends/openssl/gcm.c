/* SPDX-License-Identifier: Apache-2.0
 *
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 §7; the length in the clear).
 */
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

struct gcm {
	struct haw_sync sync;
	EVP_CIPHER_CTX *ctx; /* keyed; the nonce is set for each packet */
	uint8_t iv[12];
};

/* Nonce and associated data: the length field, which is copied in the clear. */
static bool start(struct gcm *g, const haw_job *job, struct haw_walk *walk)
{
	uint8_t nonce[12], length[HAW_LENGTH_SIZE];
	int n;

	haw_gcm_nonce(nonce, g->iv, job->number);
	haw_walk_get(walk, length, sizeof(length));
	haw_walk_put(walk, length, sizeof(length));
	return EVP_CipherInit_ex2(g->ctx, NULL, NULL, nonce, -1, NULL) &&
	       EVP_CipherUpdate(g->ctx, NULL, &n, length, sizeof(length));
}

static bool update(struct gcm *g, const haw_job *job, struct haw_walk *walk)
{
	size_t left = job->length;

	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(walk, left, &in, &out);
		int n;

		if (!EVP_CipherUpdate(g->ctx, out, &n, in, (int)len) || n != (int)len)
			return false;
		left -= len;
	}
	return true;
}

static int seal(struct haw_sync *s, haw_job *job)
{
	struct gcm *g = (struct gcm *)s;
	struct haw_walk walk = haw_walk_start(job);
	uint8_t tag[16], rest[16];
	int n;

	if (!start(g, job, &walk) || !update(g, job, &walk) || !EVP_CipherFinal_ex(g->ctx, rest, &n) ||
	    !EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	haw_walk_put(&walk, tag, sizeof(tag));
	return 0;
}

static int open(struct haw_sync *s, haw_job *job)
{
	struct gcm *g = (struct gcm *)s;
	struct haw_walk walk = haw_walk_start(job);
	uint8_t tag[16], rest[16];
	int n;

	if (!start(g, job, &walk) || !update(g, job, &walk)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	haw_walk_get(&walk, tag, sizeof(tag));
	/* The final call compares in constant time. */
	if (!EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	if (!EVP_CipherFinal_ex(g->ctx, rest, &n)) {
		ERR_clear_error();
		return HAW_EINTEGRITY;
	}
	return 0;
}

static void gcm_free(haw_sealer *s)
{
	struct gcm *g = (struct gcm *)s;

	EVP_CIPHER_CTX_free(g->ctx);
	OPENSSL_cleanse(g, sizeof(*g));
	free(g);
}

haw_sealer *haw_openssl_gcm_new(struct haw_openssl_source *source, const haw_suite *suite,
				const haw_keys *keys, bool opens, haw_error *err)
{
	const EVP_CIPHER *cipher = haw_openssl_cipher(source, haw_openssl_cipher_name(suite));
	struct gcm *g = calloc(1, sizeof(*g));

	if (!g) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	haw_sync_init(&g->sync, suite, opens, opens ? open : seal, gcm_free);
	memcpy(g->iv, keys->iv, sizeof(g->iv));
	g->ctx = EVP_CIPHER_CTX_new();
	if (!g->ctx || !EVP_CipherInit_ex2(g->ctx, cipher, keys->key, keys->iv, !opens, NULL)) {
		haw_openssl_error(err, "set up AES-GCM");
		gcm_free(&g->sync.base);
		return NULL;
	}
	return &g->sync.base;
}
