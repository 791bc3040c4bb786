/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305).
 *
 * The library's own AEAD pads the associated data and appends lengths, which OpenSSH's does not; so its
 * ChaCha20 and its Poly1305 are used apart. Its ChaCha20 begins each job at block 1, where packets begin too,
 * and wants input and output that lie together: long packets that lie in pieces are encrypted by OpenSSL,
 * whose ChaCha20 is as fast, and hashed by the library. Keys of all packets of a submit are made first, side
 * by side.
 */
#include "crypto-backends/ipsecmb/first_blocks.h"
#include "crypto-backends/ipsecmb/stream.h"
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
	BLOCK = 64,
	TAG = 16,
	KEY = HAW_CHACHA_KEY,
	TURN = 1024,   /* bytes that the library encrypts side by side */
	TAILS_MIN = 4, /* last blocks that are worth making apart */
	GROUP = HAW_SECRETS_GROUP,
	GROUPS = HAW_BATCH_MAX / GROUP + 1
};

struct chacha {
	struct haw_sync sync;
	struct haw_ipsecmb *library;
	EVP_CIPHER_CTX *pieces; /* the packet's key, for what lies in pieces */
	EVP_MAC_CTX *poly;
	uint8_t key[2 * KEY]; /* the packet's, the length's */
	/* Secrets of the packets around the present one, by groups of sequence numbers; as many as an opener
	 * learns the lengths of before it opens the first. `made` is the group that stands there, and 1. */
	struct haw_packet_secrets ahead[GROUPS][GROUP];
	uint64_t made[GROUPS];
};

static const struct haw_packet_secrets *secrets_of(struct chacha *c, uint32_t seq)
{
	uint32_t group = seq / GROUP;

	if (c->made[group % GROUPS] != (uint64_t)group + 1) {
		haw_packet_secrets_make(c->key, group * GROUP, c->ahead[group % GROUPS]);
		c->made[group % GROUPS] = (uint64_t)group + 1;
	}
	return &c->ahead[group % GROUPS][seq % GROUP];
}

/* ---- By the library ---- */

/* Encrypt LEN bytes of AT in place if CRYPTS, then hash them and the FRONT bytes before them if TAG is given.
 */
static bool run_job(struct chacha *c, IMB_MGR *mgr, const haw_job *packet, const uint8_t *in, uint8_t *out,
		    size_t len, size_t front, const uint8_t *mac_key, uint8_t *tag)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(mgr);
	uint8_t nonce[12] = {0};

	haw_store_be32(nonce + 8, packet->seq);
	job->src = in - front;
	job->dst = out;
	job->cipher_mode = out ? IMB_CIPHER_CHACHA20 : IMB_CIPHER_NULL;
	job->cipher_direction = IMB_DIR_ENCRYPT;
	job->chain_order = IMB_ORDER_CIPHER_HASH;
	job->enc_keys = job->dec_keys = c->key;
	job->key_len_in_bytes = KEY;
	job->iv = nonce;
	job->iv_len_in_bytes = sizeof(nonce);
	job->cipher_start_src_offset_in_bytes = front;
	job->msg_len_to_cipher_in_bytes = len;
	job->hash_alg = tag ? IMB_AUTH_POLY1305 : IMB_AUTH_NULL;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = front + len;
	job->u.POLY1305._key = mac_key;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = TAG;
	job = IMB_SUBMIT_JOB(mgr);
	/* Neither algorithm waits for other jobs. */
	return job && job->status == IMB_STATUS_COMPLETED;
}

/* ---- By OpenSSL ---- */

/* Encrypt or decrypt the next LEFT bytes, the packet's first. */
static bool crypt_pieces(struct chacha *c, const haw_job *job, struct haw_walk *walk, size_t left)
{
	uint8_t iv[16] = {1}; /* the counter, and the nonce */
	int n;

	haw_store_be32(iv + 12, job->seq);
	if (left > 0 && !EVP_CipherInit_ex2(c->pieces, NULL, NULL, iv, -1, NULL))
		return false;
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_ipsecmb_run(walk, left, BLOCK, &in, &out);

		if (len == 0) /* a block in several outputs: slow, and rare */
			len = haw_walk_both(walk, left < BLOCK ? left : BLOCK, &in, &out);
		if (!EVP_CipherUpdate(c->pieces, out, &n, in, (int)len))
			return false;
		left -= len;
	}
	return true;
}

/* The tag over the encrypted packet, which is the output if it is being sealed. */
static bool hash_pieces(struct chacha *c, const haw_job *job, const uint8_t *key, uint8_t tag[TAG])
{
	struct haw_walk walk = haw_walk_start(job);
	size_t left = (size_t)job->length + HAW_LENGTH_SIZE, size;

	if (!EVP_MAC_init(c->poly, key, KEY, NULL))
		return false;
	while (left > 0) {
		const uint8_t *ptr;
		size_t len;

		if (c->sync.opens) {
			haw_span piece = haw_walk_in(&walk, left);

			ptr = piece.ptr;
			len = piece.len;
		} else {
			haw_mut_span piece = haw_walk_out(&walk, left);

			ptr = piece.ptr;
			len = piece.len;
		}
		if (!EVP_MAC_update(c->poly, ptr, len))
			return false;
		left -= len;
	}
	return EVP_MAC_final(c->poly, tag, &size, TAG) && size == TAG;
}

/* ---- Packets ---- */

/* The output's first span, if it holds the packet with its length field; else NULL. */
static uint8_t *whole_output(const haw_job *job)
{
	return job->out[0].len >= (size_t)job->length + HAW_LENGTH_SIZE ? job->out[0].ptr : NULL;
}

/* Bytes of JOB before its last block, if that is made apart. */
static size_t size_before(const haw_job *job, const struct haw_tail *tail)
{
	return tail ? (size_t)(tail->counter - 1) * BLOCK : job->length;
}

/* Encrypt or decrypt the last block with what was made for it. */
static void crypt_tail(const haw_job *job, struct haw_walk *walk, const struct haw_tail *tail)
{
	size_t len = job->length - size_before(job, tail);
	uint8_t bytes[BLOCK];

	if (!tail)
		return;
	haw_walk_get(walk, bytes, len);
	for (size_t i = 0; i < len; i++)
		bytes[i] ^= tail->stream[i];
	haw_walk_put(walk, bytes, len);
	OPENSSL_cleanse(bytes, len);
}

static bool hash(struct chacha *c, IMB_MGR *mgr, const haw_job *job, const uint8_t *packet,
		 const uint8_t *key, uint8_t tag[TAG])
{
	if (!packet)
		return hash_pieces(c, job, key, tag);
	return run_job(c, mgr, job, packet + HAW_LENGTH_SIZE, NULL, job->length, HAW_LENGTH_SIZE, key, tag);
}

/* TAIL is NULL, or the stream of the last block. */
static bool seal_one(struct chacha *c, IMB_MGR *mgr, const haw_job *job, const struct haw_tail *tail)
{
	const struct haw_packet_secrets *secrets = secrets_of(c, job->seq);
	struct haw_walk walk = haw_walk_start(job), run;
	uint8_t length[HAW_LENGTH_SIZE], tag[TAG], *packet = whole_output(job), *out = NULL;
	size_t left = size_before(job, tail);
	const uint8_t *in = NULL;
	bool ok;

	haw_walk_get(&walk, length, sizeof(length));
	for (size_t i = 0; i < sizeof(length); i++)
		length[i] ^= secrets->length_stream[i];
	haw_walk_put(&walk, length, sizeof(length));
	run = walk;
	if (packet && left > 0 && haw_ipsecmb_run(&run, left, BLOCK, &in, &out) == left && in == out) {
		walk = run;
		ok = run_job(c, mgr, job, out, out, left, HAW_LENGTH_SIZE, secrets->mac_key,
			     tail ? NULL : tag);
	} else {
		ok = crypt_pieces(c, job, &walk, left);
		in = NULL;
	}
	crypt_tail(job, &walk, tail);
	/* The library's job has hashed what it has encrypted to the end. */
	if (tail || in != out || !in)
		ok = ok && hash(c, mgr, job, packet, secrets->mac_key, tag);
	haw_walk_put(&walk, tag, sizeof(tag));
	return ok;
}

/* The tag is judged before a byte is decrypted. */
static int open_one(struct chacha *c, IMB_MGR *mgr, const haw_job *job, const struct haw_tail *tail)
{
	struct haw_walk walk = haw_walk_start(job);
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE, left = size_before(job, tail);
	const uint8_t *in = job->in[0].len >= packet ? job->in[0].ptr : NULL;
	uint8_t length[HAW_LENGTH_SIZE], computed[TAG], received[TAG], *out = whole_output(job);
	bool ok;

	if (!hash(c, mgr, job, in, secrets_of(c, job->seq)->mac_key, computed))
		return HAW_ECRYPTO;
	haw_walk_skip(&walk, packet);
	haw_walk_get(&walk, received, TAG);
	if (CRYPTO_memcmp(computed, received, TAG) != 0)
		return HAW_EINTEGRITY;
	walk = haw_walk_start(job);
	haw_walk_skip(&walk, HAW_LENGTH_SIZE);
	/* What the length field decrypts to is what open_length said, and the tag vouches for it. */
	haw_store_be32(length, job->length);
	haw_walk_put(&walk, length, sizeof(length));
	if (in && out && left > 0) {
		ok = run_job(c, mgr, job, in + HAW_LENGTH_SIZE, out + HAW_LENGTH_SIZE, left, 0, NULL, NULL);
		walk.in_at += left;
		walk.out_at += left;
	} else {
		ok = crypt_pieces(c, job, &walk, left);
	}
	crypt_tail(job, &walk, tail);
	return ok ? 0 : HAW_ECRYPTO;
}

/* Make the streams of last blocks that would cost a whole turn of the library; TAILS_OF is NULL for the
 * others, and for all if they are too few. */
static void make_tails(const struct chacha *c, haw_job *const *jobs, size_t n, struct haw_tail *tails,
		       struct haw_tail **tail_of)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t before = jobs[i]->length / TURN * TURN, rest = jobs[i]->length - before;

		tail_of[i] = NULL;
		if (rest == 0 || rest > BLOCK)
			continue;
		tails[count].seq = jobs[i]->seq;
		tails[count].counter = 1 + before / BLOCK;
		tail_of[i] = &tails[count++];
	}
	if (count >= TAILS_MIN)
		haw_tails_make(c->key, tails, count);
	else
		memset(tail_of, 0, n * sizeof(tail_of[0]));
}

static void run_some(struct chacha *c, IMB_MGR *mgr, haw_job *const *jobs, size_t n)
{
	struct haw_tail tails[HAW_TAILS_MAX], *tail_of[HAW_TAILS_MAX];

	make_tails(c, jobs, n, tails, tail_of);
	for (size_t i = 0; i < n; i++) {
		if (c->sync.opens)
			jobs[i]->status = open_one(c, mgr, jobs[i], tail_of[i]);
		else
			jobs[i]->status = seal_one(c, mgr, jobs[i], tail_of[i]) ? 0 : HAW_ECRYPTO;
		if (jobs[i]->status == HAW_ECRYPTO)
			ERR_clear_error();
	}
	OPENSSL_cleanse(tails, sizeof(tails));
}

static void run_batch(struct haw_sync *s, haw_job *const *jobs, size_t n)
{
	struct chacha *c = (struct chacha *)s;
	struct haw_ipsecmb_workspace *w = haw_ipsecmb_borrow(c->library);

	for (size_t i = 0; i < n; i += HAW_TAILS_MAX) {
		size_t count = n - i < HAW_TAILS_MAX ? n - i : HAW_TAILS_MAX;

		if (w)
			run_some(c, w->mgr, jobs + i, count);
		for (size_t k = i; !w && k < i + count; k++)
			jobs[k]->status = HAW_ECRYPTO;
	}
	if (w)
		haw_ipsecmb_return(c->library, w);
}

static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	*length = haw_fetch_be32(head) ^ haw_fetch_be32(secrets_of((struct chacha *)s, seq)->length_stream);
	return 0;
}

static void chacha_free(haw_sealer *s)
{
	struct chacha *c = (struct chacha *)s;

	EVP_CIPHER_CTX_free(c->pieces);
	EVP_MAC_CTX_free(c->poly);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

static bool set_keys(struct chacha *c, const haw_keys *keys)
{
	const EVP_CIPHER *cipher = haw_openssl_cipher(&haw_openssl_configured, "ChaCha20");
	const EVP_MAC *mac = haw_openssl_mac(&haw_openssl_configured, "Poly1305");
	static const uint8_t iv[16];

	memcpy(c->key, keys->key, sizeof(c->key));
	c->pieces = EVP_CIPHER_CTX_new();
	c->poly = mac ? EVP_MAC_CTX_new((EVP_MAC *)(uintptr_t)mac) : NULL;
	return cipher && c->pieces && c->poly &&
	       EVP_CipherInit_ex2(c->pieces, cipher, keys->key, iv, 1, NULL);
}

haw_sealer *haw_ipsecmb_chacha_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				   bool opens, haw_error *err)
{
	struct chacha *c = calloc(1, sizeof(*c));

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	haw_sync_init(&c->sync, suite, opens, NULL, chacha_free);
	c->sync.open_length = open_length;
	c->sync.run_batch = run_batch;
	c->library = library;
	if (!set_keys(c, keys)) {
		haw_openssl_error(err, "set up ChaCha20-Poly1305");
		chacha_free(&c->sync.base);
		return NULL;
	}
	return &c->sync.base;
}
