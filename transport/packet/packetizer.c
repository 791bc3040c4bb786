/* SPDX-License-Identifier: Apache-2.0
 *
 * The packetizer's handle: the operations table, keys and accounts. Its two directions share nothing
 * but the pool, the selector and this struct.
 *
 * Outgoing (seal.c). Messages wait in a queue, which also holds the keys that take over behind
 * them; bulk waits in the source and is asked for only when the queue is empty. output() lays
 * packets one behind the other into one wire buffer and has them sealed:
 *
 *     buffer  |  sent   |  handed out by output()  |  free  |      nothing in flight
 *             0         sent                       fill     size
 *
 *     buffer  | packet | packet | packet |  ...  |  free   |      under way: jobs in the table
 *             0                                  fill      size
 *
 * A buffer is handed out only when every job in it is done, and nothing is laid into it after
 * that until it has been sent to its last byte and goes back to the pool, which lends the same
 * warm one again. So a message that is put waits for at most one buffer, sealing never touches
 * what the kernel may be sending, and an idle connection has no buffer at all.
 *
 * A bulk packet is read by the engine from where it lies: [length, padding length, message head]
 * and the padding in the job's slot, the rest in the source's memory. Small messages, and bulk
 * under suites that read their input twice, are copied to their place in the buffer and sealed
 * upon themselves. A bulk packet that did not fit stays in its slot and opens the next buffer,
 * ahead of what was put meanwhile: the source gave it out first.
 *
 * New outgoing keys are an entry of the queue. When it comes up, what the old sealer still has
 * under way is waited for, then the old one is freed.
 *
 * Incoming (open.c). The fed bytes lie in the receive ring of the connection's loop:
 *
 *     ring    | delivered | opened or under way | not cut: complete packets, then a part |
 *             base        delivered             cut                                      base + len
 *
 * Offsets count from the start of the stream, because the ring's address of a byte changes when
 * it is released across the ring's end. next() cuts a batch of packets behind CUT, bounded in
 * bytes so that they are still in cache when the connection reads them, and has them opened in
 * place. A cut is a guess until its packet is opened: what looks wrong ends the batch, and is
 * judged only when it has become the first undelivered packet. By then every packet before it
 * was authentic, and keys that came with one of them are in use. Nothing behind CUT is ever
 * written to, so what follows NEWKEYS can be cut again; that is why nothing is opened ahead
 * (single) while the next packet may be NEWKEYS. Where a MAC covers the plaintext a packet that is
 * not authentic is judged late (discard.c), so that its length does not show.
 */
#include "transport/packet/packetizer.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "transport/packet/padding.h"
#include "transport/packet/state.h"

static struct haw_packet_state *state(struct haw_packetizer *p)
{
	return (struct haw_packet_state *)p;
}

static const struct haw_packet_state *const_state(const struct haw_packetizer *p)
{
	return (const struct haw_packet_state *)p;
}

void haw_keyed_advance(struct haw_keyed *keys, uint32_t length, uint32_t wire)
{
	uint32_t enciphered = (haw_padding_length_excluded(keys->suite) ? 0 : HAW_LENGTH_SIZE) + length;

	keys->seq++; /* wraps: RFC 4253 §6.4 */
	keys->number++;
	keys->blocks += enciphered / (uint32_t)haw_padding_unit(keys->suite);
	keys->bytes += wire;
}

size_t haw_keyed_tag(const struct haw_keyed *keys)
{
	return keys->suite ? keys->suite->tag_size : 0;
}

static void packetizer_free(struct haw_packetizer *handle)
{
	struct haw_packet_state *p = state(handle);

	if (!p)
		return;
	haw_seal_free(p);
	haw_open_free(p);
	OPENSSL_cleanse(p, sizeof(*p));
	free(p);
}

/* ---- Receiving ---- */

static void packetizer_feed(struct haw_packetizer *handle, uint8_t *data, size_t len)
{
	struct haw_incoming *in = &state(handle)->in;

	in->data = data;
	in->len = len;
}

static int packetizer_next(struct haw_packetizer *handle, struct haw_packet *packet, haw_error *err)
{
	return haw_open_next(state(handle), packet, err);
}

static size_t packetizer_release(struct haw_packetizer *handle)
{
	return haw_open_release(state(handle));
}

static size_t packetizer_wants(struct haw_packetizer *handle)
{
	return haw_open_wants(state(handle));
}

static void packetizer_set_single(struct haw_packetizer *handle, bool single)
{
	state(handle)->in.single = single;
}

/* ---- Sending ---- */

static int enqueue(struct haw_packet_state *p, enum haw_queue_kind kind, haw_span bytes, size_t max,
		   haw_error *err)
{
	int rc;

	if (p->out.failed) {
		if (err)
			*err = p->out_error;
		return p->out.failed;
	}
	if (bytes.len == 0 || bytes.len > max)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "a message of %zu bytes cannot be sent: 1 to %zu are possible",
				     bytes.len, max);
	rc = haw_queue_add(&p->out.queue, kind, bytes.ptr, bytes.len);
	if (rc < 0)
		return haw_error_set(err, rc, HAW_FAULT_LOCAL, 0,
				     "too much waits to be sent: %zu bytes, and the peer takes none",
				     p->out.queue.bytes);
	return 0;
}

static int packetizer_put(struct haw_packetizer *handle, haw_span payload, haw_error *err)
{
	return enqueue(state(handle), HAW_QUEUE_MESSAGE, payload, HAW_PAYLOAD_MAX, err);
}

static int packetizer_put_raw(struct haw_packetizer *handle, haw_span bytes, haw_error *err)
{
	return enqueue(state(handle), HAW_QUEUE_RAW, bytes, HAW_RAW_MAX, err);
}

static void packetizer_set_source(struct haw_packetizer *handle, const struct haw_bulk_source *source)
{
	state(handle)->out.source = source;
}

static ptrdiff_t packetizer_output(struct haw_packetizer *handle, haw_span *spans, size_t max, haw_error *err)
{
	return haw_seal_output(state(handle), spans, max, err);
}

static void packetizer_sent(struct haw_packetizer *handle, size_t n)
{
	haw_seal_sent(state(handle), n);
}

static size_t packetizer_pending(struct haw_packetizer *handle)
{
	const struct haw_outgoing *out = &state(handle)->out;

	return out->queue.bytes + (out->fill - out->sent);
}

/* ---- Keys ---- */

/* Packets stand back to back on the wire, so their places cannot suit an engine that wants them
 * aligned, or wants to write in front of them. */
static int check_traits(const struct haw_keyed *keys, haw_error *err)
{
	const haw_backend_traits *traits = &keys->engine->traits;

	if (traits->alignment <= 1 && traits->headroom == 0 &&
	    haw_padding_unit(keys->suite) + HAW_PADDING_MIN <= HAW_SLOT_PADDING)
		return 0;
	return haw_error_set(
		err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
		"backend %s needs aligned packets for %s, which a stream cannot give: choose another",
		keys->backend ? keys->backend->name : "of this suite", keys->suite->name);
}

static int packetizer_set_keys(struct haw_packetizer *handle, enum haw_direction direction,
			       const haw_suite *suite, const haw_keys *secrets, bool reset_seq,
			       haw_error *err)
{
	struct haw_packet_state *p = state(handle);
	struct haw_keyed keys = {.suite = suite, .reset_seq = reset_seq};
	haw_error ignored;
	int rc;

	if (!err)
		err = &ignored;

	if (direction == HAW_OUTGOING)
		keys.engine = haw_selector_sealer(p->selector, suite, secrets, &keys.backend, err);
	else
		keys.engine = haw_selector_opener(p->selector, suite, secrets, &keys.backend, err);
	if (!keys.engine)
		return err->code;
	keys.id = ++p->engines;
	rc = check_traits(&keys, err);
	if (rc == 0)
		rc = direction == HAW_OUTGOING ? haw_seal_set_keys(p, &keys, err)
					       : haw_open_set_keys(p, &keys, err);
	if (rc < 0)
		keys.engine->ops->free(keys.engine);
	return rc;
}

/* ---- Asynchronous engines ---- */

static int packetizer_poll(struct haw_packetizer *handle, haw_error *err)
{
	int sealed = haw_seal_poll(state(handle), err), opened;

	if (sealed < 0)
		return sealed;
	opened = haw_open_poll(state(handle), err);
	return opened < 0 ? opened : sealed | opened;
}

static void packetizer_abandon(struct haw_packetizer *handle)
{
	haw_open_abandon(state(handle));
	haw_seal_abandon(state(handle));
}

static int packetizer_fd(struct haw_packetizer *handle, enum haw_direction direction)
{
	struct haw_packet_state *p = state(handle);
	haw_sealer *engine = direction == HAW_OUTGOING ? p->out.keys.engine : p->in.keys.engine;

	return engine && engine->ops->fd ? engine->ops->fd(engine) : -1;
}

static uint64_t packetizer_engine(const struct haw_packetizer *handle, enum haw_direction direction)
{
	const struct haw_packet_state *p = const_state(handle);

	return direction == HAW_OUTGOING ? p->out.keys.id : p->in.keys.id;
}

static bool must_be_polled(const struct haw_jobs *jobs, const haw_sealer *engine)
{
	return engine && (jobs->under_way > 0 || jobs->taken < jobs->count) &&
	       engine->traits.completion != HAW_COMPLETES_BY_FD;
}

static bool packetizer_busy(struct haw_packetizer *handle)
{
	struct haw_packet_state *p = state(handle);

	return must_be_polled(&p->out.jobs, p->out.keys.engine) ||
	       must_be_polled(&p->in.jobs, p->in.keys.engine);
}

/* ---- Accounts ---- */

static void packetizer_count(const struct haw_packetizer *handle, enum haw_direction direction,
			     struct haw_packet_count *count)
{
	const struct haw_packet_state *p = const_state(handle);

	if (direction == HAW_OUTGOING)
		*count = (struct haw_packet_count){
			.key_packets = p->out.keys.number,
			.key_bytes = p->out.keys.bytes,
			.packets = p->out.packets,
			.bytes = p->out.bytes,
			.seq = p->out.keys.seq,
		};
	else
		*count = (struct haw_packet_count){
			.key_packets = p->in.key_packets,
			.key_bytes = p->in.key_bytes,
			.packets = p->in.packets,
			.bytes = p->in.bytes,
			.seq = p->in.seq,
		};
}

static bool over_limit(const struct haw_packet_state *p, const haw_suite *suite, uint64_t packets,
		       uint64_t bytes)
{
	if (!suite)
		return false;
	return (suite->soft_bytes > 0 && bytes >= suite->soft_bytes) ||
	       (suite->soft_packets > 0 && packets >= suite->soft_packets) ||
	       (p->rekey_limit > 0 && bytes >= p->rekey_limit);
}

static bool packetizer_wants_rekey(const struct haw_packetizer *handle)
{
	const struct haw_packet_state *p = const_state(handle);

	/* Keys that wait in the queue are the rekey that was asked for. */
	if (p->out.key_changes == 0 &&
	    over_limit(p, p->out.keys.suite, p->out.keys.number, p->out.keys.bytes))
		return true;
	return over_limit(p, p->in.keys.suite, p->in.key_packets, p->in.key_bytes);
}

static void packetizer_set_rekey_limit(struct haw_packetizer *handle, uint64_t bytes)
{
	state(handle)->rekey_limit = bytes;
}

static const haw_suite *packetizer_suite(const struct haw_packetizer *handle, enum haw_direction direction)
{
	const struct haw_packet_state *p = const_state(handle);

	return direction == HAW_OUTGOING ? p->out.last.suite : p->in.keys.suite;
}

static const haw_backend *packetizer_backend(const struct haw_packetizer *handle,
					     enum haw_direction direction)
{
	const struct haw_packet_state *p = const_state(handle);

	return direction == HAW_OUTGOING ? p->out.last.backend : p->in.keys.backend;
}

static const struct haw_packetizer_ops packetizer_ops = {
	.free = packetizer_free,
	.feed = packetizer_feed,
	.next = packetizer_next,
	.release = packetizer_release,
	.wants = packetizer_wants,
	.set_single = packetizer_set_single,
	.put = packetizer_put,
	.put_raw = packetizer_put_raw,
	.set_source = packetizer_set_source,
	.output = packetizer_output,
	.sent = packetizer_sent,
	.pending = packetizer_pending,
	.set_keys = packetizer_set_keys,
	.poll = packetizer_poll,
	.abandon = packetizer_abandon,
	.fd = packetizer_fd,
	.busy = packetizer_busy,
	.engine = packetizer_engine,
	.count = packetizer_count,
	.wants_rekey = packetizer_wants_rekey,
	.set_rekey_limit = packetizer_set_rekey_limit,
	.suite = packetizer_suite,
	.backend = packetizer_backend,
};

struct haw_packetizer *haw_packetizer_new(const haw_selector *selector, struct haw_wire_pool *pool,
					  haw_error *err)
{
	struct haw_packet_state *p = calloc(1, sizeof(*p));

	if (!p) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for a packetizer");
		return NULL;
	}
	p->handle.ops = &packetizer_ops;
	p->selector = selector;
	p->pool = pool;
	return &p->handle;
}
