/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode (RFC 4344 §4) with HMAC-SHA2-256 (RFC 2104, RFC 6668), encrypt-and-MAC (RFC 4253 §6.4)
 * and encrypt-then-MAC (-etm@openssh.com), and the cipher's half of suites with another MAC.
 *
 * Each is one pass over the packet but for opening with -etm: there the MAC is over the ciphertext, and
 * nothing is deciphered before it has been judged.
 */
#include "crypto-backends/armv8/armv8.h"
#include "crypto-backends/armv8/pieces.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { TAG = 32, ALONE_GROUP = 128, HASHED_GROUP = 64, SHA_BLOCK = 64 };

struct ctr {
	struct haw_sync sync;
	haw_armv8_ctr_kernel *kernel; /* for whole groups */
	struct haw_armv8_aes aes;
	struct haw_armv8_sha256 inner, outer; /* having hashed the key */
	uint64_t high, low;                   /* the initial counter block */
	bool etm, hash_input;
};

/* RFC 4344 §4: X is a 128-bit number modulo 2^128. */
static void set_block(const struct ctr *c, struct haw_armv8_ctr_state *state, uint64_t block)
{
	state->low = c->low + block;
	state->high = c->high + (state->low < block);
}

/* Start after the part of the packet that is not enciphered; returns how many bytes are. */
static size_t start(const struct ctr *c, const haw_job *job, struct haw_walk *walk,
		    struct haw_armv8_ctr_state *state)
{
	uint8_t front[16] = {0};

	set_block(c, state, job->block);
	state->sha = c->inner;
	haw_store_be32(front + (c->etm ? 8 : 12), job->seq);
	if (c->etm) {
		haw_walk_get(walk, front + 12, HAW_LENGTH_SIZE);
		haw_walk_put(walk, front + 12, HAW_LENGTH_SIZE);
	}
	state->carry = vld1q_u8(front);
	return (size_t)job->length + (c->etm ? 0 : HAW_LENGTH_SIZE);
}

/* The end of the inner hash: what is carried, then LEN < 64 bytes of text; TOTAL bytes were enciphered. */
static void finish_hash(const struct ctr *c, struct haw_armv8_ctr_state *state, const uint8_t *text,
			size_t len, size_t total)
{
	size_t carried = c->etm ? 8 : 4, at = carried + len, blocks = at + 9 <= SHA_BLOCK ? 1 : 2;
	uint8_t carry[16], end[2 * SHA_BLOCK] = {0};

	vst1q_u8(carry, state->carry);
	memcpy(end, carry + 16 - carried, carried);
	memcpy(end + carried, text, len);
	end[at] = 0x80;
	haw_store_be64(end + SHA_BLOCK * blocks - 8, 8 * (SHA_BLOCK + carried + (uint64_t)total));
	haw_armv8_sha256_blocks(&state->sha, end, blocks);
}

/* Encipher the last blocks, fewer than a group, and hash them. */
static void last_group(const struct ctr *c, struct haw_armv8_ctr_state *state, const struct piece *piece,
		       size_t total)
{
	uint8_t text[HASHED_GROUP] = {0};
	size_t len = piece ? piece->len : 0;

	if (c->hash_input && len)
		memcpy(text, piece->in, len);
	if (len)
		haw_armv8_ctr_plain(&c->aes, state, piece->in, piece->out, len / HAW_ARMV8_BLOCK);
	if (!c->hash_input && len)
		memcpy(text, piece->out, len);
	finish_hash(c, state, text, len, total);
}

/* HMAC's outer hash: the digest behind the key, and its padding. */
static void outer_hash(const struct ctr *c, const struct haw_armv8_sha256 *inner, uint8_t tag[TAG])
{
	struct haw_armv8_sha256 sha = c->outer;
	uint8_t block[SHA_BLOCK] = {0};

	haw_armv8_sha256_put(inner, block);
	block[TAG] = 0x80;
	haw_store_be64(block + SHA_BLOCK - 8, 8 * (SHA_BLOCK + TAG));
	haw_armv8_sha256_blocks(&sha, block, 1);
	haw_armv8_sha256_put(&sha, tag);
}

/* Seal or open the packet at WALK and compute its tag. */
static void process(const struct ctr *c, const haw_job *job, struct haw_walk *walk, uint8_t tag[TAG])
{
	struct haw_armv8_ctr_state state;
	size_t total = start(c, job, walk, &state);
	struct piece piece;

	for (size_t left = total; left >= HASHED_GROUP; left -= piece.len) {
		piece_next(&piece, walk, left, HASHED_GROUP);
		c->kernel(&c->aes, &state, piece.in, piece.out, piece.len / HAW_ARMV8_BLOCK);
		piece_done(&piece, walk);
	}
	if (total % HASHED_GROUP != 0) {
		piece_next(&piece, walk, total % HASHED_GROUP, HASHED_GROUP);
		last_group(c, &state, &piece, total);
		piece_done(&piece, walk);
	} else {
		last_group(c, &state, NULL, total);
	}
	outer_hash(c, &state.sha, tag);
}

static int seal(struct haw_sync *s, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t tag[TAG];

	process((const struct ctr *)s, job, &walk, tag);
	haw_walk_put(&walk, tag, TAG);
	return 0;
}

static int open_plain_mac(struct haw_sync *s, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t computed[TAG], received[TAG];

	process((const struct ctr *)s, job, &walk, computed);
	haw_walk_get(&walk, received, TAG);
	return CRYPTO_memcmp(computed, received, TAG) == 0 ? 0 : HAW_EINTEGRITY;
}

/* The cipher alone, which is the same both ways. */
static int crypt_half(struct haw_sync *s, haw_job *job)
{
	const struct ctr *c = (const struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	struct haw_armv8_ctr_state state;
	struct piece piece;

	for (size_t left = start(c, job, &walk, &state); left > 0; left -= piece.len) {
		piece_next(&piece, &walk, left, ALONE_GROUP);
		haw_armv8_ctr_plain(&c->aes, &state, piece.in, piece.out, piece.len / HAW_ARMV8_BLOCK);
		piece_done(&piece, &walk);
	}
	return 0;
}

/* Hash LEFT bytes of ciphertext behind what STATE carries. */
static void hash_only(struct haw_armv8_ctr_state *state, struct haw_walk *walk, size_t left)
{
	uint8_t group[HASHED_GROUP];

	while (left >= HASHED_GROUP) {
		struct haw_walk before = *walk;
		haw_span piece = haw_walk_in(walk, left);

		if (piece.len < HASHED_GROUP) {
			*walk = before;
			haw_walk_get(walk, group, sizeof(group));
			piece = (haw_span){group, sizeof(group)};
		} else if (piece.len % HASHED_GROUP != 0) {
			*walk = before;
			piece = haw_walk_in(walk, piece.len - piece.len % HASHED_GROUP);
		}
		haw_armv8_ctr_hash(state, piece.ptr, piece.len / HAW_ARMV8_BLOCK);
		left -= piece.len;
	}
}

/* The MAC over length and ciphertext is judged before a byte is deciphered or written. */
static int open_etm(struct haw_sync *s, haw_job *job)
{
	const struct ctr *c = (const struct ctr *)s;
	struct haw_walk walk = haw_walk_start(job);
	struct haw_armv8_ctr_state state;
	uint8_t front[16] = {0}, rest[HASHED_GROUP], computed[TAG], received[TAG];
	size_t total = job->length, rest_len = total % HASHED_GROUP;

	haw_store_be32(front + 8, job->seq);
	haw_walk_get(&walk, front + 12, HAW_LENGTH_SIZE);
	state.sha = c->inner;
	state.carry = vld1q_u8(front);
	hash_only(&state, &walk, total);
	haw_walk_get(&walk, rest, rest_len);
	finish_hash(c, &state, rest, rest_len, total);
	outer_hash(c, &state.sha, computed);
	haw_walk_get(&walk, received, TAG);
	return CRYPTO_memcmp(computed, received, TAG) == 0 ? crypt_half(s, job) : HAW_EINTEGRITY;
}

static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	const struct ctr *c = (const struct ctr *)s;
	struct haw_armv8_ctr_state state;
	uint8_t plain[16];

	set_block(c, &state, block);
	haw_armv8_ctr_plain(&c->aes, &state, head, plain, 1);
	*length = haw_fetch_be32(plain);
	return 0;
}

static void ctr_free(haw_sealer *s)
{
	OPENSSL_cleanse(s, sizeof(struct ctr));
	free(s);
}

/* RFC 2104: the state after the key, xored with PAD, as a block. */
static void hash_key(struct haw_armv8_sha256 *sha, const uint8_t *key, size_t key_size, uint8_t pad)
{
	uint8_t block[SHA_BLOCK];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_size; i++)
		block[i] ^= key[i];
	haw_armv8_sha256_start(sha);
	haw_armv8_sha256_blocks(sha, block, 1);
	OPENSSL_cleanse(block, sizeof(block));
}

haw_sealer *haw_armv8_ctr_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err)
{
	struct ctr *c = calloc(1, sizeof(*c));
	bool half = suite->mac_kind == HAW_MAC_NONE;
	int (*run)(struct haw_sync *, haw_job *) = seal;

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	c->etm = suite->length_mode == HAW_LENGTH_CLEAR;
	if (half)
		run = crypt_half;
	else if (opens)
		run = c->etm ? open_etm : open_plain_mac;
	haw_sync_init(&c->sync, suite, opens, run, ctr_free);
	c->sync.open_length = open_length;
	c->hash_input = !c->etm && !opens; /* the ciphertext with -etm, the plaintext without */
	c->high = haw_fetch_be64(keys->iv);
	c->low = haw_fetch_be64(keys->iv + 8);
	haw_armv8_aes_init(&c->aes, keys->key, suite->key_size);
	if (half)
		return &c->sync.base;
	c->kernel = haw_armv8_ctr_hashing(&c->aes, c->etm, c->hash_input);
	hash_key(&c->inner, keys->mac_key, suite->mac_key_size, 0x36);
	hash_key(&c->outer, keys->mac_key, suite->mac_key_size, 0x5c);
	return &c->sync.base;
}
