/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode (RFC 4344 §4) with HMAC, in both orders: encrypt-and-MAC (RFC 4253 §6.4), and
 * encrypt-then-MAC as OpenSSH's -etm@openssh.com names it; and the cipher's half alone.
 *
 * One message cannot be hashed faster than its rounds follow each other, but several can be hashed side by
 * side. So the packets of a submit are taken in groups, as many as there are lanes if that pays, else two by
 * two where the processor has SHA extensions, else one by one by OpenSSL.
 *
 * The library hashes messages that lie together, and in front of the packet a MAC has its sequence number, so
 * messages are copied to scratch memory behind it. One copy is saved: where a packet is sealed right behind
 * another of the same submit, the last bytes of that one's tag are ours, and not yet written; the number is
 * put there.
 */
#include "crypto-backends/ipsecmb/stream.h"
#include "crypto-backends/openssl/hmac.h"
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
	NUMBER = 4,     /* bytes of a sequence number */
	HASH_MAX = 128, /* block of SHA-512 */
	SCHEDULE = 15 * 16,
	/* The library counts bytes of a message, with its padding, in 16 bits. It refuses longer ones in a
	 * burst, and hashes them wrongly in a job. */
	MESSAGE_MAX = 65024,
	PAIRS_GROUP = 16,   /* short packets that are hashed two by two in one burst */
	PAIRS_BYTES = 65536 /* as many bytes as the caches close to the core hold while they are used twice */
};

struct ctr {
	struct haw_sync sync;
	struct haw_ipsecmb *library;
	bool etm, crypts_first;
	IMB_HASH_ALG hash;
	struct haw_ipsecmb_lanes lanes;
	bool has_pairs;
	struct haw_hmac hmac; /* by OpenSSL */
	uint8_t iv[16];
	_Alignas(64) uint8_t schedule[SCHEDULE];
	_Alignas(64) uint8_t inner[64], outer[64]; /* hash states behind the padded key */
};

/* Packets that are worked on together. */
struct group {
	haw_job *const *jobs;
	size_t count;
	IMB_MGR *mgr; /* who hashes; NULL: OpenSSL */
	uint8_t (*tags)[HAW_TAG_MAX];
	const uint8_t *copies[HAW_BATCH_MAX]; /* of packets, in the cache still; NULL: there is none */
	size_t used;                          /* bytes of scratch memory that hold them */
};

static size_t packet_size(const haw_job *job)
{
	return (size_t)job->length + HAW_LENGTH_SIZE;
}

/* ---- Groups ---- */

static size_t slot_size(size_t message)
{
	return (message + 63) / 64 * 64 + 64;
}

/* Take the first packets of JOBS, N at least one, that are best hashed together. */
static struct group take_group(const struct ctr *c, struct haw_ipsecmb_workspace *w, haw_job *const *jobs,
			       size_t n)
{
	struct group group = {.jobs = jobs, .count = 1};
	size_t count = 0, sum = 0, longest = 0, room = 0, close = 0, most = c->lanes.count;

	if (c->has_pairs && most < PAIRS_GROUP)
		most = PAIRS_GROUP;
	while (count < n && count < most) {
		size_t message = NUMBER + packet_size(jobs[count]);

		room += slot_size(message);
		if (message > MESSAGE_MAX || room > HAW_IPSECMB_SCRATCH)
			break;
		if (count < c->lanes.count) {
			sum += message;
			longest = message > longest ? message : longest;
		}
		count++;
		if (count <= 2 || room <= PAIRS_BYTES)
			close = count;
	}
	if (count == 0)
		return group;
	if (10 * sum >= c->lanes.worth * longest) {
		group.count = count < c->lanes.count ? count : c->lanes.count;
		group.mgr = w->mgr;
	} else if (c->has_pairs) {
		group.count = close;
		group.mgr = haw_ipsecmb_pairs(c->library, w);
	}
	return group;
}

/* ---- Encryption ---- */

/* Encrypt or decrypt the packets whose status is 0. */
static bool crypt_group(struct ctr *c, struct haw_ipsecmb_workspace *w, const struct group *g)
{
	struct haw_ipsecmb_stream stream = {.workspace = w,
					    .schedule = c->schedule,
					    .key_size = c->sync.base.suite->key_size,
					    .iv = c->iv};

	for (size_t i = 0; i < g->count; i++) {
		const haw_job *job = g->jobs[i];
		const haw_span copied = {c->crypts_first ? NULL : g->copies[i], packet_size(job)};
		struct haw_walk walk = haw_walk_start(job);
		uint8_t length[HAW_LENGTH_SIZE];
		size_t len = packet_size(job);

		if (copied.ptr)
			walk.in = &copied;

		if (job->status != 0)
			continue;
		if (c->etm) {
			haw_walk_get(&walk, length, sizeof(length));
			haw_walk_put(&walk, length, sizeof(length));
			len -= sizeof(length);
		}
		haw_ipsecmb_stream_add(&stream, &walk, job->block, len);
	}
	return haw_ipsecmb_stream_run(&stream);
}

/* ---- The MAC ---- */

/* If JOB begins right behind BEFORE, a packet of the same submit: the last bytes of that one's tag. When
 * sealing, the tag stands elsewhere so far; when packets are opened upon themselves, it is put back. */
static uint8_t *room_before(const struct ctr *c, const haw_job *before, const haw_job *job)
{
	uint8_t *at = job->out[0].ptr;
	const haw_mut_span *out = &before->out[before->out_count - 1];
	const haw_span *in = &before->in[before->in_count - 1];

	if (job->out[0].len < packet_size(job))
		return NULL;
	if (!c->sync.opens)
		return out->len >= NUMBER && out->ptr + out->len == at ? at - NUMBER : NULL;
	if (job->in[0].ptr != at || job->in[0].len < packet_size(job) ||
	    before->in[0].ptr != before->out[0].ptr)
		return NULL;
	return in->len >= NUMBER && in->ptr + in->len == at ? at - NUMBER : NULL;
}

/* Copy sequence number and packet to TO. RFC 4253 §6.4: the MAC is over both. */
static void copy_message(const struct ctr *c, const haw_job *job, uint8_t *to)
{
	struct haw_walk walk = haw_walk_start(job);
	size_t left = packet_size(job);

	haw_store_be32(to, job->seq);
	to += NUMBER;
	if (!c->crypts_first) {
		haw_walk_get(&walk, to, left);
		return;
	}
	while (left > 0) {
		haw_mut_span piece = haw_walk_out(&walk, left);

		memcpy(to, piece.ptr, piece.len);
		to += piece.len;
		left -= piece.len;
	}
}

/* Let job HASH of the library compute the tag of the I-th packet of G over MESSAGE. */
static void set_hash(const struct ctr *c, const struct group *g, size_t i, const uint8_t *message,
		     IMB_JOB *hash)
{
	hash->src = message;
	hash->hash_start_src_offset_in_bytes = 0;
	hash->msg_len_to_hash_in_bytes = NUMBER + packet_size(g->jobs[i]);
	hash->auth_tag_output = g->tags[i];
	hash->auth_tag_output_len_in_bytes = c->sync.base.suite->tag_size;
	hash->u.HMAC._hashed_auth_key_xor_ipad = c->inner;
	hash->u.HMAC._hashed_auth_key_xor_opad = c->outer;
}

/* Compute the tags of a group in one burst. AT is where the group begins in the submit. */
static bool hash_by_lanes(struct ctr *c, struct haw_ipsecmb_workspace *w, struct group *g, size_t at)
{
	uint8_t *scratch = w->scratch, *rooms[HAW_BATCH_MAX], saved[HAW_BATCH_MAX][NUMBER];
	bool done;

	for (size_t i = 0; i < g->count; i++) {
		const haw_job *job = g->jobs[i];
		uint8_t *room = c->etm && at + i > 0 ? room_before(c, g->jobs[(ptrdiff_t)i - 1], job) : NULL;

		rooms[i] = room;
		if (room) {
			memcpy(saved[i], room, NUMBER);
			haw_store_be32(room, job->seq);
		} else {
			copy_message(c, job, scratch);
			g->copies[i] = scratch + NUMBER;
		}
		set_hash(c, g, i, room ? room : scratch, &w->jobs[i]);
		scratch += room ? 0 : slot_size(NUMBER + packet_size(job));
		g->used = (size_t)(scratch - w->scratch);
	}
	done = IMB_SUBMIT_HASH_BURST(g->mgr, w->jobs, (uint32_t)g->count, c->hash) == g->count;
	for (size_t i = 0; i < g->count; i++)
		if (rooms[i])
			memcpy(rooms[i], saved[i], NUMBER);
	return done;
}

/* Compute the tag of one packet by OpenSSL, from where it lies. */
static bool hash_by_openssl(struct ctr *c, const haw_job *job, uint8_t *tag)
{
	struct haw_walk walk = haw_walk_start(job);
	size_t left = packet_size(job);
	uint8_t number[NUMBER];
	bool ok;

	haw_store_be32(number, job->seq);
	ok = haw_hmac_start(&c->hmac) && haw_hmac_update(&c->hmac, number, sizeof(number));
	while (ok && left > 0) {
		haw_mut_span out = {0};
		haw_span piece;

		if (c->crypts_first) {
			out = haw_walk_out(&walk, left);
			piece = (haw_span){out.ptr, out.len};
		} else {
			piece = haw_walk_in(&walk, left);
		}
		ok = haw_hmac_update(&c->hmac, piece.ptr, piece.len);
		left -= piece.len;
	}
	if (ok && haw_hmac_finish(&c->hmac, tag))
		return true;
	ERR_clear_error();
	return false;
}

static bool tag_is_right(const haw_job *job, const uint8_t *tag, size_t size)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t received[HAW_TAG_MAX];

	haw_walk_skip(&walk, packet_size(job));
	haw_walk_get(&walk, received, size);
	return CRYPTO_memcmp(tag, received, size) == 0;
}

/* ---- Batches ---- */

static bool run_group(struct ctr *c, struct haw_ipsecmb_workspace *w, struct group *g, size_t at)
{
	size_t size = c->sync.base.suite->tag_size;

	if (c->crypts_first && !crypt_group(c, w, g))
		return false;
	if (!(g->mgr ? hash_by_lanes(c, w, g, at) : hash_by_openssl(c, g->jobs[0], g->tags[0])))
		return false;
	for (size_t i = 0; c->sync.opens && i < g->count; i++)
		if (!tag_is_right(g->jobs[i], g->tags[i], size))
			g->jobs[i]->status = HAW_EINTEGRITY;
	return c->crypts_first || crypt_group(c, w, g);
}

/* The tags are written when all is hashed: until then their place may hold sequence numbers. */
static void write_tags(const struct ctr *c, haw_job *const *jobs, size_t n, uint8_t (*tags)[HAW_TAG_MAX])
{
	for (size_t i = 0; i < n; i++) {
		struct haw_walk walk = haw_walk_start(jobs[i]);

		if (jobs[i]->status != 0)
			continue;
		for (size_t left = packet_size(jobs[i]); left > 0;)
			left -= haw_walk_out(&walk, left).len;
		haw_walk_put(&walk, tags[i], c->sync.base.suite->tag_size);
	}
}

static void fail(haw_job *const *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jobs[i]->status = HAW_ECRYPTO;
}

static void run_batch(struct haw_sync *s, haw_job *const *jobs, size_t n)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_ipsecmb_workspace *w = haw_ipsecmb_borrow(c->library);
	uint8_t tags[HAW_BATCH_MAX][HAW_TAG_MAX];

	if (!w) {
		fail(jobs, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		jobs[i]->status = 0;
	for (size_t at = 0; at < n;) {
		struct group group = take_group(c, w, jobs + at, n - at);

		group.tags = tags + at;
		if (!run_group(c, w, &group, at))
			fail(jobs + at, group.count);
		/* Encrypt-and-MAC copies plaintext there, and the workspace is lent to others. */
		if (!c->etm && group.used > 0)
			OPENSSL_cleanse(w->scratch, group.used);
		at += group.count;
	}
	haw_ipsecmb_return(c->library, w);
	if (!s->opens)
		write_tags(c, jobs, n, tags);
}

/* The cipher alone. */
static void run_half(struct haw_sync *s, haw_job *const *jobs, size_t n)
{
	struct ctr *c = (struct ctr *)s;
	struct haw_ipsecmb_workspace *w = haw_ipsecmb_borrow(c->library);
	const struct group all = {.jobs = jobs, .count = n};

	for (size_t i = 0; i < n; i++)
		jobs[i]->status = 0;
	if (!w || !crypt_group(c, w, &all))
		fail(jobs, n);
	if (w)
		haw_ipsecmb_return(c->library, w);
}

static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	struct ctr *c = (struct ctr *)s;
	const haw_span in = {head, 16};
	uint8_t plain[16];
	const haw_mut_span out = {plain, sizeof(plain)};
	struct haw_walk walk = {.in = &in, .out = &out};
	struct haw_ipsecmb_stream stream = {
		.schedule = c->schedule, .key_size = s->suite->key_size, .iv = c->iv};
	bool ok;

	stream.workspace = haw_ipsecmb_borrow(c->library);
	if (!stream.workspace)
		return HAW_ECRYPTO;
	haw_ipsecmb_stream_add(&stream, &walk, block, sizeof(plain));
	ok = haw_ipsecmb_stream_run(&stream);
	haw_ipsecmb_return(c->library, stream.workspace);
	*length = haw_fetch_be32(plain);
	OPENSSL_cleanse(plain, sizeof(plain));
	return ok ? 0 : HAW_ECRYPTO;
}

/* ---- Making them ---- */

static void ctr_free(haw_sealer *s)
{
	struct ctr *c = (struct ctr *)s;

	haw_hmac_free(&c->hmac);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

static void set_cipher_key(struct ctr *c, const uint8_t *key, size_t key_size)
{
	_Alignas(16) uint8_t decryption[SCHEDULE]; /* which counter mode has no use for */
	keyexp_t expand = key_size == 16   ? c->library->expand128
			  : key_size == 24 ? c->library->expand192
					   : c->library->expand256;

	expand(key, c->schedule, decryption);
	OPENSSL_cleanse(decryption, sizeof(decryption));
}

/* Hash one block of KEY and PAD. */
static void pad_key(hash_one_block_t hash, const uint8_t *key, size_t key_size, size_t block, uint8_t pad,
		    uint8_t *state)
{
	uint8_t bytes[HASH_MAX];

	memset(bytes, pad, block);
	for (size_t i = 0; i < key_size; i++)
		bytes[i] ^= key[i];
	hash(bytes, state);
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

static bool set_mac_key(struct ctr *c, const haw_suite *suite, const uint8_t *key)
{
	const struct haw_ipsecmb *l = c->library;
	const EVP_MD *digest = haw_openssl_digest(&haw_openssl_configured, haw_openssl_digest_name(suite));
	bool sha1 = suite->mac_kind == HAW_MAC_HMAC_SHA1, sha512 = suite->mac_kind == HAW_MAC_HMAC_SHA2_512;
	hash_one_block_t block = sha1 ? l->sha1_block : sha512 ? l->sha512_block : l->sha256_block;
	size_t size = sha512 ? 128 : 64;

	c->hash = sha1 ? IMB_AUTH_HMAC_SHA_1 : sha512 ? IMB_AUTH_HMAC_SHA_512 : IMB_AUTH_HMAC_SHA_256;
	c->lanes = sha1 ? l->sha1 : sha512 ? l->sha512 : l->sha256;
	c->has_pairs = !sha512 && l->init_pairs;
	pad_key(block, key, suite->mac_key_size, size, 0x36, c->inner);
	pad_key(block, key, suite->mac_key_size, size, 0x5c, c->outer);
	return digest && haw_hmac_init(&c->hmac, digest, key, suite->mac_key_size);
}

haw_sealer *haw_ipsecmb_ctr_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				bool opens, haw_error *err)
{
	struct ctr *c = aligned_alloc(_Alignof(struct ctr), sizeof(*c));
	bool has_mac = suite->mac_kind != HAW_MAC_NONE;

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	haw_sync_init(&c->sync, suite, opens, NULL, ctr_free);
	c->sync.open_length = open_length;
	c->sync.run_batch = has_mac ? run_batch : run_half;
	c->library = library;
	c->etm = suite->length_mode == HAW_LENGTH_CLEAR;
	c->crypts_first = !has_mac || opens != c->etm;
	memcpy(c->iv, keys->iv, sizeof(c->iv));
	set_cipher_key(c, keys->key, suite->key_size);
	if (has_mac && !set_mac_key(c, suite, keys->mac_key)) {
		haw_openssl_error(err, "set up HMAC");
		ctr_free(&c->sync.base);
		return NULL;
	}
	return &c->sync.base;
}
