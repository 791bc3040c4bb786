/* SPDX-License-Identifier: Apache-2.0
 *
 * Incoming: what was fed is cut into packets, opened in place in batches, and handed out in order.
 */
#include <openssl/crypto.h>

#include "transport/packet/padding.h"
#include "transport/packet/state.h"

enum {
	/* RFC 4253 §11.1 */
	REASON_PROTOCOL_ERROR = 2,
	REASON_MAC_ERROR = 5
};

static uint32_t load_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint8_t *place(const struct haw_incoming *in, uint64_t at)
{
	return in->data + (at - in->base);
}

static int failed(struct haw_packet_state *p, uint32_t reason, haw_error *err)
{
	p->in.failed = p->in_error.code;
	p->in_error.reason = reason;
	if (err)
		*err = p->in_error;
	return p->in.failed;
}

static int fail_engine(struct haw_packet_state *p, haw_error *err)
{
	haw_error_set(&p->in_error, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0,
		      "the cryptographic engine failed to open a packet");
	return failed(p, 0, err);
}

/* ---- Cutting ---- */

/* Learn packet_length of the packet that begins at the cut: 1, 0 if too few bytes are there, or an
 * engine's code. */
static int peek_length(struct haw_incoming *in, size_t have, uint32_t *length)
{
	const struct haw_suite *suite = in->keys.suite;
	const uint8_t *head = place(in, in->cut);
	int mode = suite ? suite->length_mode : HAW_LENGTH_CLEAR, rc;

	if (have < (mode == HAW_LENGTH_FIRST_BLOCK ? (size_t)suite->block_size : HAW_LENGTH_SIZE))
		return 0;
	if (mode == HAW_LENGTH_CLEAR) {
		*length = load_be32(head);
		return 1;
	}
	rc = in->keys.engine->ops->open_length(in->keys.engine, in->keys.seq, in->keys.number,
					       in->keys.blocks, head, length);
	return rc < 0 ? rc : 1;
}

static void add_job(struct haw_incoming *in, struct haw_slot *slot, uint32_t length, uint32_t wire)
{
	haw_job *job = &slot->job;
	uint8_t *at = place(in, in->cut);

	job->in[0] = (haw_span){.ptr = at, .len = wire};
	job->out[0] = (haw_mut_span){.ptr = at, .len = HAW_LENGTH_SIZE + length};
	job->in_count = job->out_count = 1;
	job->length = length;
	job->seq = in->keys.seq;
	job->number = in->keys.number;
	job->block = in->keys.blocks;
	slot->at = in->cut;
	slot->wire = wire;
	haw_jobs_add(&in->jobs, !in->keys.engine);
	haw_keyed_advance(&in->keys, length, wire);
	in->cut += wire;
	in->partial = 0;
}

static int fail_integrity(struct haw_packet_state *p, uint32_t seq, haw_error *err)
{
	haw_error_set(
		&p->in_error, HAW_EINTEGRITY, HAW_FAULT_PEER, 0,
		"packet %u failed its integrity check (%s): it was altered on its way, or the keys differ",
		seq, p->in.keys.suite->name);
	return failed(p, REASON_MAC_ERROR, err);
}

static int bad_length(struct haw_packet_state *p, uint32_t length, haw_error *err)
{
	if (haw_discard_is_due(p)) {
		haw_discard_start(p, p->in.cut, p->in.keys.seq);
		return 0;
	}
	if (length < 1 + HAW_PADDING_MIN || length > HAW_PACKET_LENGTH_MAX)
		haw_error_set(&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the peer sent a packet of length %u, which is outside of %d to %d", length,
			      1 + HAW_PADDING_MIN, HAW_PACKET_LENGTH_MAX);
	else
		haw_error_set(&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the peer sent a packet of length %u, which does not fit blocks of %zu bytes",
			      length, haw_padding_unit(p->in.keys.suite));
	return failed(p, REASON_PROTOCOL_ERROR, err);
}

/* Cut one packet at the end of what is cut: 1, 0 if none is complete or what stands there is
 * wrong but must not be judged, since keys may change before it, or a code. */
static int cut_one(struct haw_packet_state *p, haw_error *err)
{
	struct haw_incoming *in = &p->in;
	size_t have = in->len - (size_t)(in->cut - in->base);
	struct haw_slot *slot;
	uint32_t length = 0;
	int rc;

	if (in->partial > have)
		return 0;
	rc = peek_length(in, have, &length);
	if (rc == 0)
		return 0;
	/* Behind a packet that is not yet delivered nothing is judged: it may be NEWKEYS. */
	if (rc < 0)
		return in->jobs.count > 0 ? 0 : fail_engine(p, err);
	if (!haw_padding_length_fits(in->keys.suite, length))
		return in->jobs.count > 0 ? 0 : bad_length(p, length, err);
	in->partial = (uint32_t)(HAW_LENGTH_SIZE + length + haw_keyed_tag(&in->keys));
	if (in->partial > have)
		return 0;
	if (in->keys.number >= HAW_KEY_PACKETS_MAX) {
		if (in->jobs.count > 0)
			return 0;
		haw_error_set(&p->in_error, HAW_ELIMIT, HAW_FAULT_PEER, 0,
			      "the peer used up all sequence numbers without a rekey");
		return failed(p, REASON_PROTOCOL_ERROR, err);
	}
	slot = haw_jobs_space(&in->jobs, p->pool);
	if (!slot)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				     "out of memory for received packets");
	add_job(in, slot, length, in->partial);
	return 1;
}

/* How many packets may be opened ahead of delivery. */
static size_t batch_limit(const struct haw_incoming *in)
{
	if (in->single || !in->keys.engine || in->keys.suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
		return 1;
	return HAW_BATCH_MAX;
}

/* Cut a batch. 0, or a code if there is none to be had any more. */
static int cut_batch(struct haw_packet_state *p, haw_error *err)
{
	struct haw_incoming *in = &p->in;
	uint64_t start = in->cut;
	size_t limit = batch_limit(in);
	int rc = 1;

	while (rc == 1 && in->jobs.count < limit && in->cut - start < HAW_OPEN_BATCH_BYTES)
		rc = cut_one(p, err);
	return rc < 0 ? rc : 0;
}

/* ---- Delivering ---- */

/* 1 if the packet is authentic and has the length that it was cut by; 0 if what is behind it must be thrown
 * away first; or a code. */
static int judge_status(struct haw_packet_state *p, const struct haw_slot *slot, haw_error *err)
{
	struct haw_incoming *in = &p->in;
	int status = slot->job.status;

	/* The length that it was cut by may have been deciphered by another engine than the packet. */
	if (status == 0 && load_be32(place(in, slot->at)) != slot->job.length)
		status = HAW_EINTEGRITY;
	if (status == 0)
		return 1;
	/* What a failed engine leaves there belongs to nobody. */
	OPENSSL_cleanse(place(in, slot->at), slot->wire);
	if (status != HAW_EINTEGRITY)
		return fail_engine(p, err);
	if (!haw_discard_is_due(p))
		return fail_integrity(p, slot->job.seq, err);
	haw_discard_start(p, slot->at, slot->job.seq);
	return 0;
}

static int judge_padding(struct haw_packet_state *p, uint32_t length, uint8_t padding, haw_error *err)
{
	if (padding < HAW_PADDING_MIN)
		haw_error_set(&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the peer sent a packet with %u bytes of padding, fewer than %d", padding,
			      HAW_PADDING_MIN);
	else if (padding > length - 1)
		haw_error_set(
			&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			"the peer sent a packet whose padding of %u bytes reaches beyond its length of %u",
			padding, length);
	else if (padding == length - 1)
		haw_error_set(&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the peer sent a packet with an empty payload");
	else
		return 0;
	return failed(p, REASON_PROTOCOL_ERROR, err);
}

static int deliver(struct haw_packet_state *p, const struct haw_slot *slot, struct haw_packet *packet,
		   haw_error *err)
{
	struct haw_incoming *in = &p->in;
	const uint8_t *at = place(in, slot->at);
	uint32_t length = slot->job.length;
	uint8_t padding;
	int rc = judge_status(p, slot, err);

	if (rc <= 0)
		return rc;
	padding = at[HAW_LENGTH_SIZE];
	rc = judge_padding(p, length, padding, err);
	if (rc < 0)
		return rc;
	packet->payload = (haw_span){.ptr = at + HAW_LENGTH_SIZE + 1, .len = length - 1 - padding};
	packet->seq = slot->job.seq;
	in->seq = packet->seq + 1;
	in->delivered = slot->at + slot->wire;
	in->packets++;
	in->key_packets++;
	in->bytes += slot->wire;
	in->key_bytes += slot->wire;
	haw_jobs_drop_first(&in->jobs);
	haw_jobs_rest(&in->jobs, p->pool);
	return 1;
}

/* Go on with a packet that is not authentic. */
static int discard(struct haw_packet_state *p, haw_error *err)
{
	return haw_discard_is_over(p) ? fail_integrity(p, p->in.discard.seq, err) : 0;
}

int haw_open_next(struct haw_packet_state *p, struct haw_packet *packet, haw_error *err)
{
	struct haw_incoming *in = &p->in;
	struct haw_slot *slot;
	int rc = 0;

	if (in->failed)
		return failed(p, p->in_error.reason, err);
	if (in->jobs.count == 0 && !in->discard.on)
		rc = cut_batch(p, err);
	if (rc < 0)
		return rc;
	if (in->discard.on)
		return discard(p, err);
	if (in->jobs.count == 0)
		return 0;
	slot = haw_jobs_first(&in->jobs);
	if (!slot) {
		if (haw_jobs_run(&in->jobs, in->keys.engine) < 0)
			return fail_engine(p, err);
		slot = haw_jobs_first(&in->jobs);
	}
	rc = slot ? deliver(p, slot, packet, err) : 0;
	return in->discard.on ? discard(p, err) : rc;
}

size_t haw_open_release(struct haw_packet_state *p)
{
	struct haw_incoming *in = &p->in;
	size_t n = (size_t)(in->delivered - in->base);

	in->base += n;
	in->data += n;
	in->len -= n;
	return n;
}

size_t haw_open_wants(const struct haw_packet_state *p)
{
	const struct haw_incoming *in = &p->in;
	size_t have = in->len - (size_t)(in->cut - in->base);

	if (in->discard.on)
		return (size_t)haw_discard_wants(p);
	return in->partial > have ? in->partial - have : 0;
}

int haw_open_poll(struct haw_packet_state *p, haw_error *err)
{
	int rc;

	if (p->in.failed)
		return failed(p, p->in_error.reason, err);
	/* Behind a packet that is not authentic next() does it. */
	rc = p->in.discard.on ? 0 : haw_jobs_run(&p->in.jobs, p->in.keys.engine);
	return rc < 0 ? fail_engine(p, err) : rc;
}

int haw_open_set_keys(struct haw_packet_state *p, const struct haw_keyed *keys, haw_error *err)
{
	struct haw_incoming *in = &p->in;
	uint32_t seq = keys->reset_seq ? 0 : in->seq;

	if (in->failed)
		return failed(p, p->in_error.reason, err);
	if (in->jobs.count > 0) {
		haw_error_set(&p->in_error, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the peer sent NEWKEYS before its key exchange allowed it");
		return failed(p, REASON_PROTOCOL_ERROR, err);
	}
	if (in->keys.engine)
		in->keys.engine->ops->free(in->keys.engine);
	in->keys = *keys;
	in->keys.seq = in->seq = seq;
	in->key_packets = in->key_bytes = 0;
	/* Its length was read with the old keys. */
	in->partial = 0;
	return 0;
}

void haw_open_abandon(struct haw_packet_state *p)
{
	if (!p->in.failed) {
		haw_error_set(&p->in_error, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the connection is over");
		failed(p, 0, NULL);
	}
	haw_open_free(p);
}

void haw_open_free(struct haw_packet_state *p)
{
	struct haw_incoming *in = &p->in;

	if (in->keys.engine)
		in->keys.engine->ops->free(in->keys.engine);
	in->keys.engine = NULL;
	haw_jobs_abandon(&in->jobs, p->pool);
}
