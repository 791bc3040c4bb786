/* SPDX-License-Identifier: Apache-2.0
 *
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 §7; the length in the clear).
 *
 * The library has a one-shot call for bytes that lie together, and an incremental one. Three inputs
 * (header, payload, padding) cost some 60 ns more by the incremental one: nothing at 32 KiB, half
 * the speed at 64 bytes. So short packets are gathered in the output and sealed there.
 */
#include "crypto-backends/ipsecmb/ipsecmb.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

enum {
	TAG = 16,
	GATHER_MAX = 1536 /* longest packet that copying is worth it for, measured */
};

struct gcm {
	struct haw_sync sync;
	const struct haw_ipsecmb_gcm *calls;
	uint8_t iv[12];
	_Alignas(64) struct gcm_key_data key; /* its type is aligned only where LINUX is defined */
};

/* ---- Packets in any pieces ---- */

static void seal_or_open(const struct gcm *g, const haw_job *job, const uint8_t nonce[12], bool seals,
			 struct haw_walk *walk, uint8_t tag[TAG])
{
	struct gcm_context_data context;
	uint8_t length[HAW_LENGTH_SIZE];
	size_t left = job->length;

	haw_walk_get(walk, length, sizeof(length));
	haw_walk_put(walk, length, sizeof(length));
	g->calls->start(&g->key, &context, nonce, length, sizeof(length));
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(walk, left, &in, &out);

		(seals ? g->calls->seal_more : g->calls->open_more)(&g->key, &context, out, in, len);
		left -= len;
	}
	(seals ? g->calls->seal_finish : g->calls->open_finish)(&g->key, &context, tag, TAG);
	OPENSSL_cleanse(&context, sizeof(context));
}

static void seal_pieces(const struct gcm *g, const haw_job *job, const uint8_t nonce[12])
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t tag[TAG];

	seal_or_open(g, job, nonce, true, &walk, tag);
	haw_walk_put(&walk, tag, TAG);
}

static int open_pieces(const struct gcm *g, const haw_job *job, const uint8_t nonce[12])
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t computed[TAG], received[TAG];

	seal_or_open(g, job, nonce, false, &walk, computed);
	haw_walk_get(&walk, received, TAG);
	return CRYPTO_memcmp(computed, received, TAG) == 0 ? 0 : HAW_EINTEGRITY;
}

/* ---- Packets that lie together where they should ---- */

/* Bring all input, which is short, to OUT. */
static void gather(const haw_job *job, uint8_t *out)
{
	for (unsigned i = 0; i < job->in_count; i++) {
		const haw_span *piece = &job->in[i];

		if (piece->len > 0 && piece->ptr != out)
			memcpy(out, piece->ptr, piece->len);
		out += piece->len;
	}
}

/* Seal at OUT what lies at IN, both with the length field. */
static void seal_whole(const struct gcm *g, const haw_job *job, const uint8_t nonce[12], const uint8_t *in,
		       uint8_t *out)
{
	struct gcm_context_data context;

	if (in != out)
		memcpy(out, in, HAW_LENGTH_SIZE);
	g->calls->seal(&g->key, &context, out + HAW_LENGTH_SIZE, in + HAW_LENGTH_SIZE, job->length, nonce,
		       out, HAW_LENGTH_SIZE, out + HAW_LENGTH_SIZE + job->length, TAG);
}

static int seal(struct haw_sync *s, haw_job *job)
{
	const struct gcm *g = (const struct gcm *)s;
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE;
	uint8_t nonce[12], *out = job->out[0].ptr;

	haw_gcm_nonce(nonce, g->iv, job->number);
	if (job->out[0].len < packet + TAG) {
		seal_pieces(g, job, nonce);
	} else if (job->in[0].len == packet) {
		seal_whole(g, job, nonce, job->in[0].ptr, out);
	} else if (job->length <= GATHER_MAX) {
		gather(job, out);
		seal_whole(g, job, nonce, out, out);
	} else {
		seal_pieces(g, job, nonce);
	}
	return 0;
}

static int open(struct haw_sync *s, haw_job *job)
{
	const struct gcm *g = (const struct gcm *)s;
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE;
	const uint8_t *in = job->in[0].ptr;
	uint8_t nonce[12], computed[TAG], *out = job->out[0].ptr;
	struct gcm_context_data context;

	haw_gcm_nonce(nonce, g->iv, job->number);
	if (job->in[0].len < packet + TAG || job->out[0].len < packet)
		return open_pieces(g, job, nonce);
	g->calls->open(&g->key, &context, out + HAW_LENGTH_SIZE, in + HAW_LENGTH_SIZE, job->length, nonce, in,
		       HAW_LENGTH_SIZE, computed, TAG);
	if (in != out)
		memcpy(out, in, HAW_LENGTH_SIZE);
	return CRYPTO_memcmp(computed, in + packet, TAG) == 0 ? 0 : HAW_EINTEGRITY;
}

static void gcm_free(haw_sealer *s)
{
	OPENSSL_cleanse(s, sizeof(struct gcm));
	free(s);
}

haw_sealer *haw_ipsecmb_gcm_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				bool opens, haw_error *err)
{
	struct gcm *g = aligned_alloc(_Alignof(struct gcm), sizeof(*g));

	if (!g) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	memset(g, 0, sizeof(*g));
	haw_sync_init(&g->sync, suite, opens, opens ? open : seal, gcm_free);
	g->calls = suite->key_size == 16 ? &library->gcm128 : &library->gcm256;
	memcpy(g->iv, keys->iv, sizeof(g->iv));
	g->calls->expand_key(keys->key, &g->key);
	return &g->sync.base;
}
