/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the length is enciphered and the MAC covers the plaintext, whoever puts a block of somebody else's
 * in a packet's place could learn from our answer how its first four bytes decipher: from the error, from
 * the number of bytes that we take before it, or from the time that it takes ("Plaintext Recovery Attacks
 * Against SSH", CPNI-957037). So a length that cannot be and a MAC that is wrong end in the same way: as many
 * bytes as the largest packet has are taken from where the packet began, each of them is deciphered and
 * hashed when it comes, and then the MAC is what was wrong.
 */
#include <openssl/crypto.h>

#include "transport/packet/state.h"

enum { DISCARD = HAW_LENGTH_SIZE + HAW_PACKET_LENGTH_MAX };

bool haw_discard_is_due(const struct haw_packet_state *p)
{
	const haw_suite *suite = p->in.keys.suite;

	return suite && suite->length_mode == HAW_LENGTH_FIRST_BLOCK && suite->tag_size > 0;
}

void haw_discard_start(struct haw_packet_state *p, uint64_t from, uint32_t seq)
{
	struct haw_incoming *in = &p->in;

	in->discard = (struct haw_discard){
		.on = true,
		.end = from + DISCARD + haw_keyed_tag(&in->keys),
		.seq = seq,
	};
	in->partial = 0;
}

static uint64_t arrived(const struct haw_incoming *in)
{
	uint64_t end = in->base + in->len;

	return end < in->discard.end ? end : in->discard.end;
}

/* Bytes that have come and were not worked on; packets cut ahead may reach beyond the end. */
static size_t left(const struct haw_incoming *in)
{
	return in->cut < arrived(in) ? (size_t)(arrived(in) - in->cut) : 0;
}

uint64_t haw_discard_wants(const struct haw_packet_state *p)
{
	return p->in.discard.end - arrived(&p->in);
}

/* Open N bytes at the cut, and what takes the place of a tag behind them, like a packet. */
static bool add_job(struct haw_packet_state *p, size_t n)
{
	struct haw_incoming *in = &p->in;
	struct haw_slot *slot = haw_jobs_space(&in->jobs, p->pool);
	uint8_t *at = in->data + (in->cut - in->base);

	if (!slot)
		return false;
	slot->job.in[0] = (haw_span){at, n + haw_keyed_tag(&in->keys)};
	slot->job.out[0] = (haw_mut_span){at, n};
	slot->job.in_count = slot->job.out_count = 1;
	slot->job.length = (uint32_t)(n - HAW_LENGTH_SIZE);
	slot->job.seq = in->discard.seq;
	slot->job.number = in->keys.number;
	slot->job.block = in->keys.blocks;
	haw_jobs_add(&in->jobs, false);
	in->cut += n;
	return true;
}

/* Whether nothing is under way any more. What comes of it interests nobody, nor does an engine's failure. */
static bool settle(struct haw_packet_state *p)
{
	struct haw_incoming *in = &p->in;
	struct haw_slot *slot;

	if (haw_jobs_run(&in->jobs, in->keys.engine) < 0) {
		in->keys.engine->ops->free(in->keys.engine);
		in->keys.engine = NULL;
		haw_jobs_forget_engine(&in->jobs);
	}
	while ((slot = haw_jobs_first(&in->jobs))) {
		OPENSSL_cleanse(slot->job.out[0].ptr, slot->job.out[0].len);
		haw_jobs_drop_first(&in->jobs);
	}
	haw_jobs_rest(&in->jobs, p->pool);
	return in->jobs.count == 0;
}

bool haw_discard_is_over(struct haw_packet_state *p)
{
	struct haw_incoming *in = &p->in;
	size_t unit = in->keys.suite->block_size, tag = haw_keyed_tag(&in->keys);

	do {
		if (!settle(p))
			return false;
	} while (in->keys.engine && left(in) >= tag + unit && add_job(p, (left(in) - tag) / unit * unit));
	/* All of it may leave the ring but what the next piece begins with. */
	in->delivered = in->keys.engine && left(in) > 0 ? in->cut : arrived(in);
	return haw_discard_wants(p) == 0;
}
