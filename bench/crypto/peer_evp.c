/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crypto/peer.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct evp {
	struct peer base;
	EVP_CIPHER_CTX *seals, *opens; /* of chacha20: the packet's key, the length's key */
	EVP_MAC_CTX *mac;              /* NULL: portable_poly1305 */
	uint8_t iv[16];
	size_t tag_size;
};

static void evp_free(struct peer *p)
{
	struct evp *e = (struct evp *)p;

	EVP_CIPHER_CTX_free(e->seals);
	EVP_CIPHER_CTX_free(e->opens);
	EVP_MAC_CTX_free(e->mac);
	free(e);
}

static EVP_CIPHER_CTX *keyed(const char *name, const uint8_t *key, const uint8_t *iv, int seals)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!cipher || !EVP_CipherInit_ex2(ctx, cipher, key, iv, seals, NULL)) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(cipher);
	return ctx;
}

static struct peer *made(struct evp *e)
{
	if (e->seals && e->opens)
		return &e->base;
	evp_free(&e->base);
	return NULL;
}

/* ---- AES-GCM ---- */

static bool gcm(struct evp *e, EVP_CIPHER_CTX *ctx, const struct peer_packet *p, bool seals)
{
	const uint8_t *in = seals ? p->plain : p->wire;
	uint8_t *out = seals ? p->wire : p->plain, *tag = p->wire + HAW_LENGTH_SIZE + p->length;
	int n;

	memcpy(out, in, HAW_LENGTH_SIZE);
	return EVP_CipherInit_ex2(ctx, NULL, NULL, e->iv, -1, NULL) &&
	       EVP_CipherUpdate(ctx, NULL, &n, in, HAW_LENGTH_SIZE) &&
	       EVP_CipherUpdate(ctx, out + HAW_LENGTH_SIZE, &n, in + HAW_LENGTH_SIZE, (int)p->length) &&
	       (seals || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag)) &&
	       EVP_CipherFinal_ex(ctx, out + HAW_LENGTH_SIZE + p->length, &n) &&
	       (!seals || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag));
}

static bool gcm_seal(struct peer *p, const struct peer_packet *packet)
{
	return gcm((struct evp *)p, ((struct evp *)p)->seals, packet, true);
}

static bool gcm_open(struct peer *p, const struct peer_packet *packet)
{
	return gcm((struct evp *)p, ((struct evp *)p)->opens, packet, false);
}

struct peer *peer_evp_gcm(const haw_suite *suite, const haw_keys *keys)
{
	const char *name = suite->key_size == 16 ? "AES-128-GCM" : "AES-256-GCM";
	struct evp *e = calloc(1, sizeof(*e));

	e->base = (struct peer){gcm_seal, gcm_open, evp_free};
	memcpy(e->iv, keys->iv, 12);
	e->seals = keyed(name, keys->key, keys->iv, 1);
	e->opens = keyed(name, keys->key, keys->iv, 0);
	return made(e);
}

/* ---- AES-CTR with HMAC ---- */

static bool hmac(struct evp *e, const struct peer_packet *p, uint8_t *tag)
{
	uint8_t number[4] = {(uint8_t)(p->seq >> 24), (uint8_t)(p->seq >> 16), (uint8_t)(p->seq >> 8),
			     (uint8_t)p->seq};
	size_t n;

	return EVP_MAC_init(e->mac, NULL, 0, NULL) && EVP_MAC_update(e->mac, number, sizeof(number)) &&
	       EVP_MAC_update(e->mac, p->wire, HAW_LENGTH_SIZE + (size_t)p->length) &&
	       EVP_MAC_final(e->mac, tag, &n, HAW_TAG_MAX);
}

static bool ctr_seal(struct peer *peer, const struct peer_packet *p)
{
	struct evp *e = (struct evp *)peer;
	uint8_t tag[HAW_TAG_MAX];
	int n;

	memcpy(p->wire, p->plain, HAW_LENGTH_SIZE);
	if (!EVP_CipherUpdate(e->seals, p->wire + HAW_LENGTH_SIZE, &n, p->plain + HAW_LENGTH_SIZE,
			      (int)p->length) ||
	    !hmac(e, p, tag))
		return false;
	memcpy(p->wire + HAW_LENGTH_SIZE + p->length, tag, e->tag_size);
	return true;
}

static bool ctr_open(struct peer *peer, const struct peer_packet *p)
{
	struct evp *e = (struct evp *)peer;
	uint8_t tag[HAW_TAG_MAX];
	int n;

	memcpy(p->plain, p->wire, HAW_LENGTH_SIZE);
	return hmac(e, p, tag) &&
	       CRYPTO_memcmp(tag, p->wire + HAW_LENGTH_SIZE + p->length, e->tag_size) == 0 &&
	       EVP_CipherUpdate(e->opens, p->plain + HAW_LENGTH_SIZE, &n, p->wire + HAW_LENGTH_SIZE,
				(int)p->length);
}

struct peer *peer_evp_ctr_hmac(const haw_suite *suite, const haw_keys *keys)
{
	struct evp *e = calloc(1, sizeof(*e));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char name[16], sha2_256[] = "SHA256", sha2_512[] = "SHA512", sha1[] = "SHA1";
	char *hash = suite->mac_kind == HAW_MAC_HMAC_SHA1       ? sha1
		     : suite->mac_kind == HAW_MAC_HMAC_SHA2_512 ? sha2_512
								: sha2_256;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", hash, 0),
			       OSSL_PARAM_construct_end()};

	e->base = (struct peer){ctr_seal, ctr_open, evp_free};
	e->tag_size = suite->tag_size;
	snprintf(name, sizeof(name), "AES-%d-CTR", 8 * suite->key_size);
	e->seals = keyed(name, keys->key, keys->iv, 1);
	e->opens = keyed(name, keys->key, keys->iv, 0);
	e->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (!EVP_MAC_init(e->mac, keys->mac_key, suite->mac_key_size, params)) {
		evp_free(&e->base);
		return NULL;
	}
	return made(e);
}

/* ---- chacha20-poly1305@openssh.com ---- */

static bool chacha_nonce(EVP_CIPHER_CTX *ctx, uint32_t seq)
{
	uint8_t iv[16] = {
		[12] = (uint8_t)(seq >> 24), (uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq};

	return EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL);
}

/* The packet key's block 0; the stream then stands at block 1. */
static bool chacha_start(struct evp *e, uint32_t seq, uint8_t block[64])
{
	static const uint8_t zeroes[64];
	int n;

	return chacha_nonce(e->seals, seq) && EVP_CipherUpdate(e->seals, block, &n, zeroes, 64);
}

static bool poly(struct evp *e, const struct peer_packet *p, const uint8_t *key, uint8_t *tag)
{
	size_t n, len = HAW_LENGTH_SIZE + (size_t)p->length;

	if (e->mac)
		return EVP_MAC_init(e->mac, key, 32, NULL) && EVP_MAC_update(e->mac, p->wire, len) &&
		       EVP_MAC_final(e->mac, tag, &n, 16);
	portable_poly1305(key, p->wire, len, tag);
	return true;
}

static bool chacha_seal(struct peer *peer, const struct peer_packet *p)
{
	struct evp *e = (struct evp *)peer;
	uint8_t block[64];
	int n;

	return chacha_nonce(e->opens, p->seq) &&
	       EVP_CipherUpdate(e->opens, p->wire, &n, p->plain, HAW_LENGTH_SIZE) &&
	       chacha_start(e, p->seq, block) &&
	       EVP_CipherUpdate(e->seals, p->wire + HAW_LENGTH_SIZE, &n, p->plain + HAW_LENGTH_SIZE,
				(int)p->length) &&
	       poly(e, p, block, p->wire + HAW_LENGTH_SIZE + p->length);
}

static bool chacha_open(struct peer *peer, const struct peer_packet *p)
{
	struct evp *e = (struct evp *)peer;
	uint8_t block[64], tag[16];
	int n;

	return chacha_nonce(e->opens, p->seq) &&
	       EVP_CipherUpdate(e->opens, p->plain, &n, p->wire, HAW_LENGTH_SIZE) &&
	       chacha_start(e, p->seq, block) && poly(e, p, block, tag) &&
	       CRYPTO_memcmp(tag, p->wire + HAW_LENGTH_SIZE + p->length, sizeof(tag)) == 0 &&
	       EVP_CipherUpdate(e->seals, p->plain + HAW_LENGTH_SIZE, &n, p->wire + HAW_LENGTH_SIZE,
				(int)p->length);
}

struct peer *peer_evp_chacha(const haw_keys *keys, bool portable)
{
	struct evp *e = calloc(1, sizeof(*e));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "Poly1305", NULL);
	static const uint8_t iv[16];

	e->base = (struct peer){chacha_seal, chacha_open, evp_free};
	e->tag_size = 16;
	e->seals = keyed("ChaCha20", keys->key, iv, 1);
	e->opens = keyed("ChaCha20", keys->key + 32, iv, 1);
	e->mac = portable ? NULL : EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	return made(e);
}
