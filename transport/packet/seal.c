/* SPDX-License-Identifier: Apache-2.0
 *
 * Outgoing: queue, then bulk, become jobs, whose outputs lie one behind the other in a wire buffer.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "transport/packet/padding.h"
#include "transport/packet/state.h"

/* What came of adding to the buffer; or a negative code. */
enum fill_result {
	FILL_END,  /* nothing more to add, or no room: the buffer is complete */
	FILL_WAIT, /* an engine must finish something first */
	FILL_ADDED
};

static int fail(struct haw_packet_state *p, int code, int fault, const char *what)
{
	p->out.failed = haw_error_set(&p->out_error, code, fault, 0, "%s", what);
	/* Where suites seal in place, plaintext may be lying in the buffer. */
	if (p->out.buffer)
		OPENSSL_cleanse(p->out.buffer->data + p->out.sent, p->out.fill - p->out.sent);
	return p->out.failed;
}

static int fail_engine(struct haw_packet_state *p)
{
	return fail(p, HAW_ECRYPTO, HAW_FAULT_SYSTEM, "the cryptographic engine failed to protect a packet");
}

/* Run the engine and tell the source, in its order, which of its packets are sealed. */
static int settle(struct haw_packet_state *p)
{
	struct haw_outgoing *o = &p->out;
	struct haw_slot *slot;
	int rc;

	if (o->jobs.count == 0)
		return 0;
	rc = haw_jobs_run(&o->jobs, o->keys.engine);
	if (rc < 0)
		return fail_engine(p);
	while ((slot = haw_jobs_first(&o->jobs))) {
		bool tell = slot->is_bulk;
		void *cookie = slot->bulk.cookie;

		if (slot->job.status != 0)
			return fail_engine(p);
		haw_jobs_drop_first(&o->jobs);
		if (tell && o->source)
			o->source->sealed(o->source->user, cookie);
	}
	return rc;
}

static void put_header(uint8_t *at, uint32_t length, size_t padding)
{
	at[0] = (uint8_t)(length >> 24);
	at[1] = (uint8_t)(length >> 16);
	at[2] = (uint8_t)(length >> 8);
	at[3] = (uint8_t)length;
	at[4] = (uint8_t)padding;
}

/* The measures of one packet to be sealed. */
struct measure {
	size_t payload, padding, wire;
	uint32_t length;
};

static struct measure measure(const struct haw_keyed *keys, size_t payload)
{
	struct measure m = {.payload = payload, .padding = haw_padding_size(keys->suite, payload)};

	m.length = (uint32_t)(1 + payload + m.padding);
	m.wire = HAW_LENGTH_SIZE + m.length + haw_keyed_tag(keys);
	return m;
}

/* A buffer with room for WIRE bytes: 1, 0 if there is no room, or an error that may pass. */
static int have_room(struct haw_packet_state *p, size_t wire, haw_error *err)
{
	struct haw_outgoing *o = &p->out;

	if (!o->buffer) {
		o->buffer = haw_wire_pool_lend(p->pool);
		if (!o->buffer)
			return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0,
					     "no buffer is free for what is to be sent");
		o->fill = o->sent = 0;
		o->closed = false;
	}
	return o->buffer->size - o->fill >= wire;
}

static int check_limits(struct haw_packet_state *p, const struct measure *m)
{
	const struct haw_keyed *keys = &p->out.keys;

	if (keys->number >= HAW_KEY_PACKETS_MAX)
		return fail(
			p, HAW_ELIMIT, HAW_FAULT_LOCAL,
			"all sequence numbers have been used under one key: the peer did not finish a rekey");
	if (keys->engine && keys->engine->traits.max_length > 0 &&
	    m->length > keys->engine->traits.max_length)
		return fail(p, HAW_ELIMIT, HAW_FAULT_LOCAL,
			    "a packet is larger than the cryptographic engine in use can take");
	return 0;
}

/* Account for the packet laid out at the end of the buffer, and queue its job. */
static void commit(struct haw_packet_state *p, struct haw_slot *slot, const struct measure *m)
{
	struct haw_outgoing *o = &p->out;

	if (slot) {
		haw_job *job = &slot->job;

		job->out[0] = (haw_mut_span){.ptr = o->buffer->data + o->fill, .len = m->wire};
		job->out_count = 1;
		job->length = m->length;
		job->seq = o->keys.seq;
		job->number = o->keys.number;
		job->block = o->keys.blocks;
		slot->wire = (uint32_t)m->wire;
		haw_jobs_add(&o->jobs, false);
	}
	o->fill += m->wire;
	o->packets++;
	o->bytes += m->wire;
	haw_keyed_advance(&o->keys, m->length, (uint32_t)m->wire);
}

/* Write the plaintext packet at its place in the buffer, where it is sealed upon itself: small
 * messages, whose queue moves on; what must not change while an engine reads it twice; and what
 * travels in the clear. SLOT is NULL for the last. */
static int lay_out(struct haw_packet_state *p, struct haw_slot *slot, const haw_span *spans, size_t n,
		   const struct measure *m)
{
	uint8_t *start = p->out.buffer->data + p->out.fill, *at = start + HAW_LENGTH_SIZE + 1;

	put_header(start, m->length, m->padding);
	for (size_t i = 0; i < n; i++) {
		memcpy(at, spans[i].ptr, spans[i].len);
		at += spans[i].len;
	}
	if (!haw_wire_pool_random(p->pool, at, m->padding))
		return fail(p, HAW_ECRYPTO, HAW_FAULT_SYSTEM, "the random generator failed");
	if (slot) {
		slot->job.in[0] = (haw_span){.ptr = start, .len = HAW_LENGTH_SIZE + m->length};
		slot->job.in_count = 1;
	}
	return 0;
}

/* Let the engine read header, spans and padding from where they lie. */
static int scatter(struct haw_packet_state *p, struct haw_slot *slot, const struct measure *m)
{
	const struct haw_bulk *bulk = &slot->bulk;
	haw_job *job = &slot->job;
	uint8_t n = 0;

	put_header(slot->header, m->length, m->padding);
	job->in[n++] = (haw_span){.ptr = slot->header, .len = sizeof(slot->header) + bulk->head_len};
	for (size_t i = 0; i < bulk->span_count; i++)
		if (bulk->spans[i].len > 0)
			job->in[n++] = bulk->spans[i];
	if (!haw_wire_pool_random(p->pool, slot->padding, m->padding))
		return fail(p, HAW_ECRYPTO, HAW_FAULT_SYSTEM, "the random generator failed");
	job->in[n++] = (haw_span){.ptr = slot->padding, .len = m->padding};
	job->in_count = n;
	return 0;
}

static int copy_bulk(struct haw_packet_state *p, struct haw_slot *slot, bool sealed, const struct measure *m)
{
	haw_span pieces[1 + HAW_PAYLOAD_SPANS];
	size_t n = 0;

	pieces[n++] = (haw_span){.ptr = slot->bulk.head, .len = slot->bulk.head_len};
	for (size_t i = 0; i < slot->bulk.span_count; i++)
		pieces[n++] = slot->bulk.spans[i];
	return lay_out(p, sealed ? slot : NULL, pieces, n, m);
}

/* Add the bulk packet that the source has written into SLOT. */
static int add_bulk(struct haw_packet_state *p, struct haw_slot *slot, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	const struct haw_bulk *bulk = &slot->bulk;
	size_t payload = bulk->head_len;
	struct measure m;
	int rc;

	if (bulk->head_len > HAW_BULK_HEAD || bulk->span_count > HAW_PAYLOAD_SPANS)
		return fail(p, HAW_EINVAL, HAW_FAULT_LOCAL, "a bulk packet has too many pieces");
	for (size_t i = 0; i < bulk->span_count && payload <= HAW_PAYLOAD_MAX; i++)
		payload = bulk->spans[i].len > HAW_PAYLOAD_MAX ? HAW_PAYLOAD_MAX + 1
							       : payload + bulk->spans[i].len;
	if (payload == 0 || payload > HAW_PAYLOAD_MAX)
		return fail(p, HAW_EINVAL, HAW_FAULT_LOCAL, "a bulk packet is empty or too large");
	m = measure(&o->keys, payload);
	o->held = true;
	rc = check_limits(p, &m);
	if (rc == 0)
		rc = have_room(p, m.wire, err);
	if (rc <= 0)
		return rc < 0 ? rc : FILL_END;
	o->held = false;
	slot->is_bulk = true;
	if (!o->keys.engine || o->keys.suite->reads_twice)
		rc = copy_bulk(p, slot, o->keys.engine != NULL, &m);
	else
		rc = scatter(p, slot, &m);
	if (rc < 0)
		return rc;
	commit(p, o->keys.engine ? slot : NULL, &m);
	if (!o->keys.engine)
		o->source->sealed(o->source->user, bulk->cookie);
	return FILL_ADDED;
}

static int add_message(struct haw_packet_state *p, struct haw_slot *slot, haw_span payload, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	struct measure m = measure(&o->keys, payload.len);
	int rc = check_limits(p, &m);

	if (rc == 0)
		rc = have_room(p, m.wire, err);
	if (rc <= 0)
		return rc < 0 ? rc : FILL_END;
	slot->is_bulk = false;
	rc = lay_out(p, o->keys.engine ? slot : NULL, &payload, 1, &m);
	if (rc < 0)
		return rc;
	commit(p, o->keys.engine ? slot : NULL, &m);
	haw_queue_drop(&o->queue);
	return FILL_ADDED;
}

static int add_raw(struct haw_packet_state *p, haw_span bytes, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	int rc = have_room(p, bytes.len, err);

	if (rc <= 0)
		return rc < 0 ? rc : FILL_END;
	memcpy(o->buffer->data + o->fill, bytes.ptr, bytes.len);
	o->fill += bytes.len;
	o->bytes += bytes.len;
	haw_queue_drop(&o->queue);
	return FILL_ADDED;
}

static void take_keys(struct haw_outgoing *o, const struct haw_keyed *keys)
{
	uint32_t seq = keys->reset_seq ? 0 : o->keys.seq;

	if (o->keys.engine)
		o->keys.engine->ops->free(o->keys.engine);
	o->keys = *keys;
	o->keys.seq = seq;
}

/* The old sealer lives until its last job is done. */
static int change_keys(struct haw_packet_state *p)
{
	struct haw_outgoing *o = &p->out;
	enum haw_queue_kind kind;
	struct haw_keyed keys;
	haw_span entry;
	int rc = settle(p);

	if (rc < 0)
		return rc;
	if (o->jobs.count > 0 || !haw_queue_peek(&o->queue, &kind, &entry))
		return FILL_WAIT;
	memcpy(&keys, entry.ptr, sizeof(keys));
	take_keys(o, &keys);
	o->key_changes--;
	haw_queue_drop(&o->queue);
	return FILL_ADDED;
}

/* A free slot; full tables get one when the engine has finished something. */
static int have_slot(struct haw_packet_state *p, struct haw_slot **slot, haw_error *err)
{
	int rc;

	if (p->out.jobs.count == HAW_BATCH_MAX) {
		rc = settle(p);
		if (rc < 0)
			return rc;
		if (p->out.jobs.count == HAW_BATCH_MAX)
			return FILL_WAIT;
	}
	*slot = haw_jobs_space(&p->out.jobs, p->pool);
	if (!*slot)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				     "out of memory for packets to send");
	return FILL_ADDED;
}

/* Add the next thing in order: a bulk packet that was held, what is queued, then bulk. */
static int add_next(struct haw_packet_state *p, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	enum haw_queue_kind kind;
	struct haw_slot *slot;
	haw_span bytes;
	bool queued = !o->held && haw_queue_peek(&o->queue, &kind, &bytes);
	int rc;

	if (queued && kind == HAW_QUEUE_KEYS)
		return change_keys(p);
	if (queued && kind == HAW_QUEUE_RAW)
		return add_raw(p, bytes, err);
	if (!queued && !o->held && !o->source)
		return FILL_END;
	rc = have_slot(p, &slot, err);
	if (rc != FILL_ADDED)
		return rc;
	/* Finding a slot may have told the source of sealed packets, which may have put a message. */
	queued = !o->held && haw_queue_peek(&o->queue, &kind, &bytes);
	if (queued && kind != HAW_QUEUE_MESSAGE)
		return FILL_ADDED;
	if (queued)
		return add_message(p, slot, bytes, err);
	if (!o->held && !o->source->next(o->source->user, &slot->bulk))
		return haw_queue_peek(&o->queue, &kind, &bytes) ? FILL_ADDED : FILL_END;
	return add_bulk(p, slot, err);
}

static size_t batch_of(const struct haw_keyed *keys)
{
	size_t batch = keys->engine ? keys->engine->traits.batch : 0;

	return batch > 0 && batch < HAW_BATCH_MAX ? batch : HAW_BATCH_MAX;
}

/* Add until there is nothing more, no room, or the engine must finish something first. */
static int add_all(struct haw_packet_state *p, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	int rc = FILL_ADDED;

	while (rc == FILL_ADDED) {
		rc = add_next(p, err);
		if (rc == FILL_ADDED && o->jobs.count - o->jobs.taken >= batch_of(&o->keys) && settle(p) < 0)
			return o->failed;
	}
	return rc;
}

/* Lay out and seal as much as one wire buffer holds. */
static int fill_buffer(struct haw_packet_state *p, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	int rc, settled;

	do {
		rc = add_all(p, err);
		/* What is there is sealed and sent even where no memory was found for more. */
		settled = o->failed ? o->failed : settle(p);
		if (settled < 0)
			return settled;
	} while (rc == FILL_WAIT && settled > 0);
	if (o->fill > o->sent)
		o->closed = rc != FILL_WAIT;
	return rc < 0 && o->fill == o->sent ? rc : 0;
}

static void give_back(struct haw_packet_state *p)
{
	struct haw_outgoing *o = &p->out;

	if (o->buffer)
		haw_wire_pool_return(p->pool, o->buffer);
	o->buffer = NULL;
	o->fill = o->sent = 0;
	o->closed = false;
	/* A held packet waits in its slot. */
	if (!o->held)
		haw_jobs_rest(&o->jobs, p->pool);
}

static int report(struct haw_packet_state *p, haw_error *err)
{
	if (err)
		*err = p->out_error;
	return p->out.failed;
}

ptrdiff_t haw_seal_output(struct haw_packet_state *p, haw_span *spans, size_t max, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	int rc = 0;

	if (!o->failed)
		settle(p);
	if (!o->failed && !o->closed)
		rc = fill_buffer(p, err);
	if (o->failed)
		return report(p, err);
	if (o->fill == o->sent) {
		if (o->jobs.count == 0)
			give_back(p);
		return rc;
	}
	if (max == 0 || !o->closed || o->jobs.count > 0)
		return 0;
	if (!o->held)
		haw_jobs_rest(&o->jobs, p->pool);
	spans[0] = (haw_span){.ptr = o->buffer->data + o->sent, .len = o->fill - o->sent};
	return 1;
}

void haw_seal_sent(struct haw_packet_state *p, size_t n)
{
	struct haw_outgoing *o = &p->out;

	if (o->failed || !o->buffer || o->jobs.count > 0)
		return;
	o->sent += n < o->fill - o->sent ? n : o->fill - o->sent;
	if (o->sent == o->fill)
		give_back(p);
}

int haw_seal_poll(struct haw_packet_state *p, haw_error *err)
{
	int rc = p->out.failed ? p->out.failed : settle(p);

	return rc < 0 ? report(p, err) : rc;
}

int haw_seal_set_keys(struct haw_packet_state *p, const struct haw_keyed *keys, haw_error *err)
{
	struct haw_outgoing *o = &p->out;
	int rc;

	if (o->failed)
		return report(p, err);
	if (!o->held && o->jobs.count == 0 && o->queue.head == o->queue.tail) {
		take_keys(o, keys);
	} else {
		rc = haw_queue_add(&o->queue, HAW_QUEUE_KEYS, keys, sizeof(*keys));
		if (rc < 0)
			return haw_error_set(err, rc, HAW_FAULT_SYSTEM, 0, "out of memory for new keys");
		o->key_changes++;
	}
	o->last = *keys;
	return 0;
}

static void free_engine(struct haw_outgoing *o)
{
	if (o->keys.engine)
		o->keys.engine->ops->free(o->keys.engine);
	o->keys.engine = NULL;
}

void haw_seal_abandon(struct haw_packet_state *p)
{
	struct haw_outgoing *o = &p->out;
	struct haw_slot *slot;

	if (!o->failed)
		fail(p, HAW_ECLOSED, HAW_FAULT_LOCAL, "the connection is over");
	/* Once it has let go, the spans are the source's again. */
	free_engine(o);
	haw_jobs_forget_engine(&o->jobs);
	while ((slot = haw_jobs_first(&o->jobs))) {
		bool tell = slot->is_bulk;
		void *cookie = slot->bulk.cookie;

		haw_jobs_drop_first(&o->jobs);
		if (tell && o->source)
			o->source->sealed(o->source->user, cookie);
	}
	slot = o->held ? haw_jobs_space(&o->jobs, p->pool) : NULL;
	o->held = false;
	if (slot && o->source)
		o->source->sealed(o->source->user, slot->bulk.cookie);
	give_back(p);
}

void haw_seal_free(struct haw_packet_state *p)
{
	struct haw_outgoing *o = &p->out;
	enum haw_queue_kind kind;
	struct haw_keyed keys;
	haw_span bytes;

	/* The engine first: nothing is written behind its back once it has let go. */
	free_engine(o);
	for (; haw_queue_peek(&o->queue, &kind, &bytes); haw_queue_drop(&o->queue))
		if (kind == HAW_QUEUE_KEYS) {
			memcpy(&keys, bytes.ptr, sizeof(keys));
			keys.engine->ops->free(keys.engine);
		}
	haw_queue_free(&o->queue);
	if (o->buffer && o->jobs.count > 0)
		OPENSSL_cleanse(o->buffer->data, o->fill);
	haw_jobs_abandon(&o->jobs, p->pool);
	o->held = false;
	give_back(p);
}
