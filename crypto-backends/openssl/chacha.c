/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305).
 *
 * Two keys: the first half of the key material protects the packet, the second half the length
 * alone. The nonce of both is the sequence number. The packet key's block 0 is the one-time
 * Poly1305 key, and the packet is encrypted from block 1 on; the tag covers the encrypted length
 * and the ciphertext.
 */
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { BLOCK = 64, POLY_KEY = 32, TAG = 16 };

struct chacha {
	struct haw_sync sync;
	EVP_CIPHER_CTX *packet, *length; /* keyed; the nonce is set for each packet */
	EVP_MAC_CTX *poly;
};

/* OpenSSL's IV is the block counter (here 64 bits, little-endian, zero) and the nonce. */
static bool set_nonce(EVP_CIPHER_CTX *ctx, uint32_t seq)
{
	uint8_t iv[16] = {0};

	haw_store_be32(iv + 12, seq);
	return EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL);
}

static bool crypt(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
	int n;

	return EVP_CipherUpdate(ctx, out, &n, in, (int)len) && n == (int)len;
}

static bool crypt_length(struct chacha *c, uint32_t seq, const uint8_t *in, uint8_t *out)
{
	return set_nonce(c->length, seq) && crypt(c->length, out, in, HAW_LENGTH_SIZE);
}

/* Start the packet's stream: block 0 keys the MAC, and the next byte is that of block 1. */
static bool start(struct chacha *c, uint32_t seq)
{
	static const uint8_t zeroes[BLOCK];
	uint8_t block[BLOCK];
	bool ok = set_nonce(c->packet, seq) && crypt(c->packet, block, zeroes, BLOCK) &&
		  EVP_MAC_init(c->poly, block, POLY_KEY, NULL);

	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}

static bool finish_tag(struct chacha *c, uint8_t tag[TAG])
{
	size_t len;

	return EVP_MAC_final(c->poly, tag, &len, TAG) && len == TAG;
}

/* The next bytes to encrypt in one call: whole blocks while the packet goes on, because a call that starts
 * inside a block falls back to single bytes. A block that lies in several inputs is gathered in the output
 * if it has room there. */
static size_t next_run(struct haw_walk *walk, size_t left, const uint8_t **in, uint8_t **out)
{
	struct haw_walk walked = *walk;
	size_t len = haw_walk_both(&walked, left, in, out), whole = len / BLOCK * BLOCK;
	haw_mut_span block;

	if (len == left || len % BLOCK == 0) {
		*walk = walked;
		return len;
	}
	if (whole > 0)
		return haw_walk_both(walk, whole, in, out);
	walked = *walk;
	whole = left < BLOCK ? left : BLOCK;
	block = haw_walk_out(&walked, whole);
	if (block.len < whole)
		return haw_walk_both(walk, len, in, out);
	walked.in = walk->in;
	walked.in_at = walk->in_at;
	for (size_t at = 0; at < whole;) {
		haw_span piece = haw_walk_in(&walked, whole - at);

		if (piece.ptr != block.ptr + at)
			memcpy(block.ptr + at, piece.ptr, piece.len);
		at += piece.len;
	}
	*walk = walked;
	*in = *out = block.ptr;
	return whole;
}

static bool seal_packet(struct chacha *c, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t length[HAW_LENGTH_SIZE], tag[TAG];
	size_t left = job->length;

	haw_walk_get(&walk, length, sizeof(length));
	if (!crypt_length(c, job->seq, length, length) || !start(c, job->seq) ||
	    !EVP_MAC_update(c->poly, length, sizeof(length)))
		return false;
	haw_walk_put(&walk, length, sizeof(length));
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = next_run(&walk, left, &in, &out);

		if (!crypt(c->packet, out, in, len) || !EVP_MAC_update(c->poly, out, len))
			return false;
		left -= len;
	}
	if (!finish_tag(c, tag))
		return false;
	haw_walk_put(&walk, tag, sizeof(tag));
	return true;
}

static int seal(struct haw_sync *s, haw_job *job)
{
	if (seal_packet((struct chacha *)s, job))
		return 0;
	ERR_clear_error();
	return HAW_ECRYPTO;
}

/* Compute the tag over the encrypted length and the ciphertext, and get the one that came. */
static bool read_tags(struct chacha *c, const haw_job *job, uint8_t computed[TAG], uint8_t received[TAG])
{
	struct haw_walk walk = haw_walk_start(job);
	size_t left = (size_t)job->length + HAW_LENGTH_SIZE;

	while (left > 0) {
		haw_span piece = haw_walk_in(&walk, left);

		if (!EVP_MAC_update(c->poly, piece.ptr, piece.len))
			return false;
		left -= piece.len;
	}
	haw_walk_get(&walk, received, TAG);
	return finish_tag(c, computed);
}

/* Only called once the tag has been found right. */
static bool decrypt(struct chacha *c, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t length[HAW_LENGTH_SIZE];
	size_t left = job->length;

	/* What the length field decrypts to is what open_length said, and the tag vouches for it. */
	haw_store_be32(length, job->length);
	haw_walk_skip(&walk, sizeof(length));
	haw_walk_put(&walk, length, sizeof(length));
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(&walk, left, &in, &out);

		if (!crypt(c->packet, out, in, len))
			return false;
		left -= len;
	}
	return true;
}

static int open(struct haw_sync *s, haw_job *job)
{
	struct chacha *c = (struct chacha *)s;
	uint8_t computed[TAG], received[TAG];

	if (!start(c, job->seq) || !read_tags(c, job, computed, received)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	if (CRYPTO_memcmp(computed, received, TAG) != 0)
		return HAW_EINTEGRITY;
	if (!decrypt(c, job)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	return 0;
}

static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	uint8_t plain[HAW_LENGTH_SIZE];

	if (!crypt_length((struct chacha *)s, seq, head, plain)) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	*length = haw_fetch_be32(plain);
	return 0;
}

static void chacha_free(haw_sealer *s)
{
	struct chacha *c = (struct chacha *)s;

	EVP_CIPHER_CTX_free(c->packet);
	EVP_CIPHER_CTX_free(c->length);
	EVP_MAC_CTX_free(c->poly);
	free(c);
}

static bool set_keys(struct chacha *c, struct haw_openssl_source *source, const haw_keys *keys)
{
	const EVP_CIPHER *cipher = haw_openssl_cipher(source, "ChaCha20");
	const EVP_MAC *mac = haw_openssl_mac(source, "Poly1305");
	static const uint8_t iv[16];

	c->packet = EVP_CIPHER_CTX_new();
	c->length = EVP_CIPHER_CTX_new();
	c->poly = mac ? EVP_MAC_CTX_new((EVP_MAC *)(uintptr_t)mac) : NULL;
	return c->packet && c->length && c->poly &&
	       EVP_CipherInit_ex2(c->packet, cipher, keys->key, iv, 1, NULL) &&
	       EVP_CipherInit_ex2(c->length, cipher, keys->key + 32, iv, 1, NULL);
}

haw_sealer *haw_openssl_chacha_new(struct haw_openssl_source *source, const haw_suite *suite,
				   const haw_keys *keys, bool opens, haw_error *err)
{
	struct chacha *c = calloc(1, sizeof(*c));

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	haw_sync_init(&c->sync, suite, opens, opens ? open : seal, chacha_free);
	c->sync.open_length = open_length;
	if (!set_keys(c, source, keys)) {
		haw_openssl_error(err, "set up ChaCha20-Poly1305");
		chacha_free(&c->sync.base);
		return NULL;
	}
	return &c->sync.base;
}
