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

struct packet {
	struct haw_walk walk;
	uint8_t nonce[12], length[HAW_LENGTH_SIZE], tag[TAG];
};

static void start(const struct gcm *g, const haw_job *job, struct packet *p)
{
	p->walk = haw_walk_start(job);
	haw_gcm_nonce(p->nonce, g->iv, job->number);
	haw_walk_get(&p->walk, p->length, HAW_LENGTH_SIZE);
	haw_walk_put(&p->walk, p->length, HAW_LENGTH_SIZE);
}

/* Find the packet behind its length field as one piece on both sides, gathering it in the output if it
 * is short; moves the walk behind it. False if it is in pieces, which are then still ahead. */
static bool in_one(const haw_job *job, struct packet *p, const uint8_t **in, uint8_t **out)
{
	struct haw_walk walk = p->walk, copy = p->walk;
	haw_span from = haw_walk_in(&walk, job->length);
	haw_mut_span to = haw_walk_out(&walk, job->length);

	if (to.len != job->length || (from.len != job->length && job->length > GATHER_MAX))
		return false;
	*in = from.ptr;
	*out = to.ptr;
	for (size_t left = job->length; from.len != job->length && left > 0;) {
		size_t len = haw_walk_both(&copy, left, &from.ptr, &to.ptr);

		if (from.ptr != to.ptr)
			memcpy(to.ptr, from.ptr, len);
		left -= len;
		*in = *out;
	}
	haw_walk_skip(&p->walk, job->length);
	(void)haw_walk_out(&p->walk, job->length);
	return true;
}

/* Put the packet through the incremental calls, piece by piece. */
static void in_pieces(const struct gcm *g, const haw_job *job, struct packet *p,
		      aes_gcm_enc_dec_update_t more, aes_gcm_enc_dec_finalize_t finish)
{
	struct gcm_context_data context;
	size_t left = job->length;

	g->calls->start(&g->key, &context, p->nonce, p->length, HAW_LENGTH_SIZE);
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_walk_both(&p->walk, left, &in, &out);

		more(&g->key, &context, out, in, len);
		left -= len;
	}
	finish(&g->key, &context, p->tag, TAG);
	OPENSSL_cleanse(&context, sizeof(context));
}

static int seal(struct haw_sync *s, haw_job *job)
{
	const struct gcm *g = (const struct gcm *)s;
	struct gcm_context_data context;
	struct packet p;
	const uint8_t *in;
	uint8_t *out;

	start(g, job, &p);
	if (in_one(job, &p, &in, &out))
		g->calls->seal(&g->key, &context, out, in, job->length, p.nonce, p.length, HAW_LENGTH_SIZE,
			       p.tag, TAG);
	else
		in_pieces(g, job, &p, g->calls->seal_more, g->calls->seal_finish);
	haw_walk_put(&p.walk, p.tag, TAG);
	return 0;
}

static int open(struct haw_sync *s, haw_job *job)
{
	const struct gcm *g = (const struct gcm *)s;
	struct gcm_context_data context;
	struct packet p;
	const uint8_t *in;
	uint8_t *out, received[TAG];

	start(g, job, &p);
	if (in_one(job, &p, &in, &out))
		g->calls->open(&g->key, &context, out, in, job->length, p.nonce, p.length, HAW_LENGTH_SIZE,
			       p.tag, TAG);
	else
		in_pieces(g, job, &p, g->calls->open_more, g->calls->open_finish);
	haw_walk_get(&p.walk, received, TAG);
	return CRYPTO_memcmp(p.tag, received, TAG) == 0 ? 0 : HAW_EINTEGRITY;
}

static int open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	*length = haw_fetch_be32(head);
	return 0;
}

static void gcm_free(haw_sealer *s)
{
	OPENSSL_cleanse(s, sizeof(struct gcm));
	free(s);
}

static const haw_sealer_ops sealer_ops = {
	.submit = haw_sync_submit,
	.poll = haw_sync_poll,
	.fd = haw_sync_fd,
	.free = gcm_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = haw_sync_submit,
	.poll = haw_sync_poll,
	.open_length = open_length,
	.fd = haw_sync_fd,
	.free = gcm_free,
};

haw_sealer *haw_ipsecmb_gcm_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				bool opens, haw_error *err)
{
	struct gcm *g = aligned_alloc(_Alignof(struct gcm), sizeof(*g));

	if (!g) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	memset(g, 0, sizeof(*g));
	haw_sync_init(&g->sync, opens ? &opener_ops : &sealer_ops, suite, opens, opens ? open : seal);
	g->calls = suite->key_size == 16 ? &library->gcm128 : &library->gcm256;
	memcpy(g->iv, keys->iv, sizeof(g->iv));
	g->calls->expand_key(keys->key, &g->key);
	return &g->sync.base;
}
