/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode (RFC 4344 §4) with HMAC, in both orders: encrypt-and-MAC (RFC 4253 §6.4),
 * and encrypt-then-MAC as OpenSSH's -etm@openssh.com names it, where the length stays in the clear.
 */
#include "crypto-backends/openssl/hmac.h"
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

/* A packet is encrypted and hashed by turns in pieces that the first-level cache holds. */
enum { TURN = 8192 };

struct ctr {
	struct haw_sync sync;
	EVP_CIPHER_CTX *cipher;
	EVP_CIPHER_CTX *peek; /* decrypts the first block of a packet that is not submitted yet */
	struct haw_hmac hmac;
	uint64_t next_block; /* where the stream of cipher stands */
	uint8_t iv[16];
};

static bool set_block(struct ctr *c, EVP_CIPHER_CTX *ctx, uint64_t block)
{
	uint8_t counter[16];
	uint64_t low = haw_fetch_be64(c->iv + 8) + block;

	/* RFC 4344 §4: X is a 128-bit number modulo 2^128. */
	haw_store_be64(counter + 8, low);
	haw_store_be64(counter, haw_fetch_be64(c->iv) + (low < block));
	return EVP_CipherInit_ex2(ctx, NULL, NULL, counter, -1, NULL);
}

/* Bring the cipher to JOB's first block; where packets follow each other it is there already. */
static bool seek(struct ctr *c, const haw_job *job, size_t encrypted)
{
	if (job->block != c->next_block && !set_block(c, c->cipher, job->block))
		return false;
	c->next_block = job->block + encrypted / 16;
	return true;
}

static bool crypt(struct ctr *c, uint8_t *out, const uint8_t *in, size_t len)
{
	int n;

	return EVP_CipherUpdate(c->cipher, out, &n, in, (int)len) && n == (int)len;
}

/* RFC 4253 §6.4: the MAC starts with the sequence number. */
static bool start_mac(struct ctr *c, uint32_t seq)
{
	uint8_t number[4];

	haw_store_be32(number, seq);
	return haw_hmac_start(&c->hmac) && haw_hmac_update(&c->hmac, number, sizeof(number));
}

/* What a packet's pieces are put through. */
enum order { MAC_THEN_CRYPT, CRYPT_THEN_MAC, CRYPT };

static bool process(struct ctr *c, struct haw_walk *walk, size_t left, enum order order)
{
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(walk, left < TURN ? left : TURN, &in, &out);

		if (order == MAC_THEN_CRYPT && !haw_hmac_update(&c->hmac, in, len))
			return false;
		if (!crypt(c, out, in, len))
			return false;
		if (order == CRYPT_THEN_MAC && !haw_hmac_update(&c->hmac, out, len))
			return false;
		left -= len;
	}
	return true;
}

/* Copy the length field, which stays in the clear. */
static void copy_length(struct haw_walk *walk, uint8_t length[HAW_LENGTH_SIZE])
{
	haw_walk_get(walk, length, HAW_LENGTH_SIZE);
	haw_walk_put(walk, length, HAW_LENGTH_SIZE);
}

static int failed(struct ctr *c)
{
	ERR_clear_error();
	c->next_block = UINT64_MAX; /* nobody knows where the stream stands */
	return HAW_ECRYPTO;
}

static int seal_etm(struct haw_sync *s, haw_job *job)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	uint8_t length[HAW_LENGTH_SIZE], tag[HAW_TAG_MAX];

	copy_length(&walk, length);
	if (!seek(c, job, job->length) || !start_mac(c, job->seq) ||
	    !haw_hmac_update(&c->hmac, length, sizeof(length)) ||
	    !process(c, &walk, job->length, CRYPT_THEN_MAC) || !haw_hmac_finish(&c->hmac, tag))
		return failed(c);
	haw_walk_put(&walk, tag, c->hmac.size);
	return 0;
}

static int seal_plain_mac(struct haw_sync *s, haw_job *job)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE;
	uint8_t tag[HAW_TAG_MAX];

	if (!seek(c, job, packet) || !start_mac(c, job->seq) || !process(c, &walk, packet, MAC_THEN_CRYPT) ||
	    !haw_hmac_finish(&c->hmac, tag))
		return failed(c);
	haw_walk_put(&walk, tag, c->hmac.size);
	return 0;
}

/* The MAC over length and ciphertext is judged before a byte is decrypted. */
static int open_etm(struct haw_sync *s, haw_job *job)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	size_t left = (size_t)job->length + HAW_LENGTH_SIZE;
	uint8_t length[HAW_LENGTH_SIZE], computed[HAW_TAG_MAX], received[HAW_TAG_MAX];

	if (!start_mac(c, job->seq))
		return failed(c);
	while (left > 0) {
		haw_span piece = haw_walk_in(&walk, left);

		if (!haw_hmac_update(&c->hmac, piece.ptr, piece.len))
			return failed(c);
		left -= piece.len;
	}
	haw_walk_get(&walk, received, c->hmac.size);
	if (!haw_hmac_finish(&c->hmac, computed))
		return failed(c);
	if (CRYPTO_memcmp(computed, received, c->hmac.size) != 0)
		return HAW_EINTEGRITY;
	walk = haw_walk_start(job);
	copy_length(&walk, length);
	if (!seek(c, job, job->length) || !process(c, &walk, job->length, CRYPT))
		return failed(c);
	return 0;
}

static int open_plain_mac(struct haw_sync *s, haw_job *job)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE;
	uint8_t computed[HAW_TAG_MAX], received[HAW_TAG_MAX];

	if (!seek(c, job, packet) || !start_mac(c, job->seq) || !process(c, &walk, packet, CRYPT_THEN_MAC) ||
	    !haw_hmac_finish(&c->hmac, computed))
		return failed(c);
	haw_walk_get(&walk, received, c->hmac.size);
	return CRYPTO_memcmp(computed, received, c->hmac.size) == 0 ? 0 : HAW_EINTEGRITY;
}

static int open_length_clear(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			     const uint8_t *head, uint32_t *length)
{
	*length = haw_fetch_be32(head);
	return 0;
}

static int open_length_first_block(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
				   const uint8_t *head, uint32_t *length)
{
	struct ctr *c = (struct ctr *)s;
	uint8_t plain[16];
	int n;

	if (!set_block(c, c->peek, block) || !EVP_CipherUpdate(c->peek, plain, &n, head, sizeof(plain))) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	*length = haw_fetch_be32(plain);
	return 0;
}

static void ctr_free(haw_sealer *s)
{
	struct ctr *c = (struct ctr *)s;

	EVP_CIPHER_CTX_free(c->cipher);
	EVP_CIPHER_CTX_free(c->peek);
	haw_hmac_free(&c->hmac);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

static const haw_sealer_ops sealer_ops = {
	.submit = haw_sync_submit,
	.poll = haw_sync_poll,
	.fd = haw_sync_fd,
	.free = ctr_free,
};

static const haw_sealer_ops etm_opener_ops = {
	.submit = haw_sync_submit,
	.poll = haw_sync_poll,
	.open_length = open_length_clear,
	.fd = haw_sync_fd,
	.free = ctr_free,
};

static const haw_sealer_ops plain_mac_opener_ops = {
	.submit = haw_sync_submit,
	.poll = haw_sync_poll,
	.open_length = open_length_first_block,
	.fd = haw_sync_fd,
	.free = ctr_free,
};

static bool set_keys(struct ctr *c, struct haw_openssl_source *source, const haw_suite *suite,
		     const haw_keys *keys)
{
	const EVP_CIPHER *cipher = haw_openssl_cipher(source, haw_openssl_cipher_name(suite));
	const EVP_MD *digest = haw_openssl_digest(source, haw_openssl_digest_name(suite));

	memcpy(c->iv, keys->iv, sizeof(c->iv));
	c->cipher = EVP_CIPHER_CTX_new();
	c->peek = EVP_CIPHER_CTX_new();
	/* In counter mode decrypting is encrypting. */
	return cipher && digest && c->cipher && c->peek &&
	       EVP_CipherInit_ex2(c->cipher, cipher, keys->key, keys->iv, 1, NULL) &&
	       EVP_CipherInit_ex2(c->peek, cipher, keys->key, keys->iv, 1, NULL) &&
	       haw_hmac_init(&c->hmac, digest, keys->mac_key, suite->mac_key_size);
}

haw_sealer *haw_openssl_ctr_new(struct haw_openssl_source *source, const haw_suite *suite,
				const haw_keys *keys, bool opens, haw_error *err)
{
	bool etm = suite->length_mode == HAW_LENGTH_CLEAR;
	const haw_sealer_ops *ops = !opens ? &sealer_ops : etm ? &etm_opener_ops : &plain_mac_opener_ops;
	struct ctr *c = calloc(1, sizeof(*c));

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	if (opens)
		haw_sync_init(&c->sync, ops, suite, opens, etm ? open_etm : open_plain_mac);
	else
		haw_sync_init(&c->sync, ops, suite, opens, etm ? seal_etm : seal_plain_mac);
	if (!set_keys(c, source, suite, keys)) {
		haw_openssl_error(err, "set up AES-CTR with HMAC");
		ctr_free(&c->sync.base);
		return NULL;
	}
	return &c->sync.base;
}
