/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode (RFC 4344 §4), AES and 3DES in CBC mode (RFC 4253 §6.3), with a MAC in both orders:
 * encrypt-and-MAC (RFC 4253 §6.4), and encrypt-then-MAC as OpenSSH's -etm@openssh.com names it, where the
 * length stays in the clear; or without one, as the half of a suite whose MAC another does.
 */
#include "crypto-backends/openssl/mac_job.h"
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
	TURN = 8192, /* a packet is encrypted and hashed by turns in pieces that the first-level cache holds
		      */
	BLOCK_MAX = 16
};

struct cipher {
	struct haw_sync sync;
	EVP_CIPHER_CTX *ctx;
	EVP_CIPHER_CTX *peek; /* decrypts the first block of a packet that is not submitted yet */
	struct haw_mac mac;
	uint64_t next_block;   /* CTR: where the stream of cipher stands */
	uint8_t iv[BLOCK_MAX]; /* CTR: the initial one; an opener of CBC: the last ciphertext block */
	size_t block;
	size_t clear; /* bytes of each packet that are not enciphered: those of the length field, or none */
	bool chained; /* CBC, which works on whole blocks and keeps its state in the context */
};

static bool set_block(struct cipher *c, EVP_CIPHER_CTX *ctx, uint64_t block)
{
	uint8_t counter[16];
	uint64_t low = haw_fetch_be64(c->iv + 8) + block;

	/* RFC 4344 §4: X is a 128-bit number modulo 2^128. */
	haw_store_be64(counter + 8, low);
	haw_store_be64(counter, haw_fetch_be64(c->iv) + (low < block));
	return EVP_CipherInit_ex2(ctx, NULL, NULL, counter, -1, NULL);
}

/* Bring the cipher to JOB's first block; where packets follow each other it is there already. */
static bool seek(struct cipher *c, const haw_job *job, size_t encrypted)
{
	if (c->chained)
		return true;
	if (job->block != c->next_block && !set_block(c, c->ctx, job->block))
		return false;
	c->next_block = job->block + encrypted / c->block;
	return true;
}

static bool crypt(struct cipher *c, uint8_t *out, const uint8_t *in, size_t len)
{
	int n;

	if (c->chained && c->sync.opens)
		memcpy(c->iv, in + len - c->block, c->block);
	return EVP_CipherUpdate(c->ctx, out, &n, in, (int)len) && n == (int)len;
}

/* What a packet's pieces are put through. */
enum order { MAC_THEN_CRYPT, CRYPT_THEN_MAC, CRYPT };

static bool process_piece(struct cipher *c, const uint8_t *in, uint8_t *out, size_t len, enum order order)
{
	if (order == MAC_THEN_CRYPT && !haw_mac_update(&c->mac, in, len))
		return false;
	if (!crypt(c, out, in, len))
		return false;
	return order != CRYPT_THEN_MAC || haw_mac_update(&c->mac, out, len);
}

/* A block that the spans cut goes through memory of its own. */
static bool process_cut_block(struct cipher *c, struct haw_walk *walk, enum order order)
{
	uint8_t block[BLOCK_MAX];
	bool ok;

	haw_walk_get(walk, block, c->block);
	ok = process_piece(c, block, block, c->block, order);
	haw_walk_put(walk, block, c->block);
	return ok;
}

static bool process(struct cipher *c, struct haw_walk *walk, size_t left, enum order order)
{
	while (left > 0) {
		struct haw_walk before = *walk;
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(walk, left < TURN ? left : TURN, &in, &out);

		if (c->chained && len % c->block != 0) {
			*walk = before;
			len -= len % c->block;
			if (len > 0)
				haw_walk_both(walk, len, &in, &out);
		}
		if (len == 0) {
			len = c->block;
			if (!process_cut_block(c, walk, order))
				return false;
		} else if (!process_piece(c, in, out, len, order)) {
			return false;
		}
		left -= len;
	}
	return true;
}

/* Copy what stays in the clear. */
static bool copy_clear(struct cipher *c, struct haw_walk *walk, bool hash)
{
	uint8_t length[HAW_LENGTH_SIZE];

	if (c->clear == 0)
		return true;
	haw_walk_get(walk, length, c->clear);
	haw_walk_put(walk, length, c->clear);
	return !hash || haw_mac_update(&c->mac, length, c->clear);
}

static int failed(struct cipher *c)
{
	ERR_clear_error();
	c->next_block = UINT64_MAX; /* nobody knows where the stream stands */
	return HAW_ECRYPTO;
}

static int seal(struct haw_sync *s, haw_job *job)
{
	struct cipher *c = (struct cipher *)s;
	struct haw_walk walk = haw_walk_start(job);
	size_t encrypted = (size_t)job->length + HAW_LENGTH_SIZE - c->clear;
	uint8_t tag[HAW_TAG_MAX];

	if (!seek(c, job, encrypted) || !haw_mac_start(&c->mac, job->seq) || !copy_clear(c, &walk, true) ||
	    !process(c, &walk, encrypted, c->clear ? CRYPT_THEN_MAC : MAC_THEN_CRYPT) ||
	    !haw_mac_finish(&c->mac, tag))
		return failed(c);
	haw_walk_put(&walk, tag, c->mac.size);
	return 0;
}

/* Encrypt-then-MAC: not a byte is decrypted before the MAC was judged. And the half of such a suite. */
static int open_clear(struct haw_sync *s, haw_job *job)
{
	struct cipher *c = (struct cipher *)s;
	struct haw_walk walk = haw_walk_start(job);
	int status = c->mac.size > 0 ? haw_mac_judge_input(&c->mac, job) : 0;

	if (status != 0)
		return status == HAW_EINTEGRITY ? status : failed(c);
	if (!copy_clear(c, &walk, false) || !seek(c, job, job->length) ||
	    !process(c, &walk, job->length, CRYPT))
		return failed(c);
	return 0;
}

/* Encrypt-and-MAC, and the half of such a suite. */
static int open_first_block(struct haw_sync *s, haw_job *job)
{
	struct cipher *c = (struct cipher *)s;
	struct haw_walk walk = haw_walk_start(job);
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE;
	uint8_t received[HAW_TAG_MAX];
	int status;

	if (!seek(c, job, packet) || !haw_mac_start(&c->mac, job->seq) ||
	    !process(c, &walk, packet, CRYPT_THEN_MAC))
		return failed(c);
	if (c->mac.size == 0)
		return 0;
	haw_walk_get(&walk, received, c->mac.size);
	status = haw_mac_judge(&c->mac, received);
	return status == HAW_ECRYPTO ? failed(c) : status;
}

/* Decrypt a packet's first block, with the context of its own that leaves the opener's state alone. */
static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
				   const uint8_t *head, uint32_t *length)
{
	struct cipher *c = (struct cipher *)s;
	uint8_t plain[BLOCK_MAX];
	bool set;
	int n;

	set = c->chained ? EVP_CipherInit_ex2(c->peek, NULL, NULL, c->iv, -1, NULL)
			 : set_block(c, c->peek, block);
	if (!set || !EVP_CipherUpdate(c->peek, plain, &n, head, (int)c->block) || n != (int)c->block) {
		ERR_clear_error();
		return HAW_ECRYPTO;
	}
	*length = haw_fetch_be32(plain);
	return 0;
}

static void cipher_free(haw_sealer *s)
{
	struct cipher *c = (struct cipher *)s;

	EVP_CIPHER_CTX_free(c->ctx);
	EVP_CIPHER_CTX_free(c->peek);
	haw_mac_free(&c->mac);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

static EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher, const haw_keys *keys, bool encrypts)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx && EVP_CipherInit_ex2(ctx, cipher, keys->key, keys->iv, encrypts, NULL) &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static bool set_keys(struct cipher *c, struct haw_openssl_source *source, const haw_suite *suite,
		     const haw_keys *keys)
{
	const EVP_CIPHER *cipher = haw_openssl_cipher(source, haw_openssl_cipher_name(suite));
	/* In counter mode decrypting is encrypting. */
	bool encrypts = !c->chained || !c->sync.opens;

	memcpy(c->iv, keys->iv, suite->iv_size);
	c->ctx = cipher ? new_context(cipher, keys, encrypts) : NULL;
	if (c->ctx && c->sync.opens && c->clear == 0)
		c->peek = new_context(cipher, keys, encrypts);
	return c->ctx && (c->peek || !c->sync.opens || c->clear > 0) &&
	       haw_mac_init(&c->mac, source, suite, keys->mac_key);
}

haw_sealer *haw_openssl_cipher_new(struct haw_openssl_source *source, const haw_suite *suite,
				   const haw_keys *keys, bool opens, haw_error *err)
{
	bool clear = suite->length_mode == HAW_LENGTH_CLEAR;
	struct cipher *c = calloc(1, sizeof(*c));

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	haw_sync_init(&c->sync, suite, opens, !opens ? seal : clear ? open_clear : open_first_block,
		      cipher_free);
	c->sync.open_length = open_length;
	c->block = suite->block_size;
	c->clear = clear ? HAW_LENGTH_SIZE : 0;
	c->chained = suite->chain_mode == HAW_CHAIN_CIPHERTEXT;
	if (!set_keys(c, source, suite, keys)) {
		haw_openssl_error(err, "set up a cipher");
		cipher_free(&c->sync.base);
		return NULL;
	}
	return &c->sync.base;
}
