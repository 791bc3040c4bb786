/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression in front of a packetizer. A stream of zlib must be made in the order in which packets leave,
 * and the packetizer behind decides that: bulk that it has asked for goes out before what was put meanwhile.
 * So while a direction is compressed, messages wait here, and the packetizer behind gets everything as bulk,
 * when it asks for the next packet:
 *
 *   put ──> queue ─┐
 *                  ├─ next() of our source ──deflate──> buffer ──> packetizer ──> ... ──> sealed()
 *   their source ──┘
 *
 * Buffers live from next to sealed, in the same order. Behind new keys a new stream begins, as with OpenSSH.
 *
 * What comes in is inflated when it is handed out and lives until release, as it would without compression.
 * A ring full of small packets may become gigabytes: so when HELD_MAX bytes are out, next gives nothing until
 * the release, and holds() says so.
 */
#include "transport/packet/compress.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "transport/packet/queue.h"
#include "transport/packet/state.h"
#include "transport/packet/zstream.h"

enum { HELD_MAX = 4 * 1024 * 1024 };

/* A compressed payload on its way. */
struct parcel {
	struct parcel *next;
	void *cookie; /* of the source's packet */
	bool is_bulk;
	size_t len;
	uint8_t bytes[];
};

struct compressing {
	struct haw_packetizer handle;
	struct haw_packetizer *inner;
	struct haw_bulk_source ours;
	const struct haw_bulk_source *theirs;
	struct haw_deflater *deflater; /* made when first needed */
	struct haw_inflater *inflater;
	bool deflates, inflates;       /* now */
	struct haw_queue queue;
	struct parcel *first, *last; /* given out and not yet sealed */
	bool held;		     /* next gave nothing because too much is out */
	int failed;
};

static struct compressing *of(struct haw_packetizer *p)
{
	return (struct compressing *)p;
}

static struct haw_packetizer *inner_of(const struct haw_packetizer *p)
{
	return ((const struct compressing *)p)->inner;
}

static int no_memory(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for compression");
}

/* ---- Sending ---- */

static struct parcel *parcel_new(size_t size)
{
	return calloc(1, sizeof(struct parcel) + size);
}

static void drop_first(struct compressing *c)
{
	struct parcel *parcel = c->first;

	c->first = parcel->next;
	if (!c->first)
		c->last = NULL;
	OPENSSL_cleanse(parcel->bytes, parcel->len);
	free(parcel);
}

/* PARCEL, filled, as the packetizer behind takes it. */
static bool hand_over(struct compressing *c, struct parcel *parcel, struct haw_bulk *bulk)
{
	if (c->last)
		c->last->next = parcel;
	else
		c->first = parcel;
	c->last = parcel;
	bulk->head_len = 0;
	bulk->span_count = 1;
	bulk->spans[0] = (haw_span){parcel->bytes, parcel->len};
	bulk->cookie = parcel;
	return true;
}

/* The oldest message, compressed; NULL if it failed. */
static struct parcel *take_message(struct compressing *c, haw_span payload)
{
	size_t size = haw_deflater_bound(c->deflater, payload.len);
	struct parcel *parcel = parcel_new(size);

	if (parcel)
		parcel->len = haw_deflater_packet(c->deflater, &payload, 1, parcel->bytes, size);
	if (!parcel || parcel->len == 0) {
		free(parcel);
		c->failed = HAW_ENOMEM;
		return NULL;
	}
	haw_queue_drop(&c->queue);
	return parcel;
}

static bool next_message(struct compressing *c, haw_span payload, struct haw_bulk *bulk)
{
	struct parcel *parcel = take_message(c, payload);

	return parcel && hand_over(c, parcel, bulk);
}

/* The source's next packet is asked for when there is memory for what becomes of it: it cannot be given
 * back. */
static bool next_bulk(struct compressing *c, struct haw_bulk *bulk)
{
	size_t size = haw_deflater_bound(c->deflater, HAW_BULK_HEAD + HAW_BULK_PAYLOAD);
	struct parcel *parcel = parcel_new(size);
	haw_span pieces[1 + HAW_PAYLOAD_SPANS];
	size_t n = 0;

	if (!parcel) {
		c->failed = HAW_ENOMEM;
		return false;
	}
	if (!c->theirs || !c->theirs->next(c->theirs->user, bulk)) {
		free(parcel);
		return false;
	}
	pieces[n++] = (haw_span){bulk->head, bulk->head_len};
	for (size_t i = 0; i < bulk->span_count; i++)
		pieces[n++] = bulk->spans[i];
	parcel->len = haw_deflater_packet(c->deflater, pieces, n, parcel->bytes, size);
	parcel->is_bulk = true;
	parcel->cookie = bulk->cookie;
	if (parcel->len == 0)
		c->failed = HAW_ELIMIT;
	return hand_over(c, parcel, bulk);
}

static bool source_next(void *user, struct haw_bulk *bulk)
{
	struct compressing *c = user;
	enum haw_queue_kind kind;
	haw_span payload;

	if (c->failed)
		return false;
	if (!c->deflates)
		return c->theirs && c->theirs->next(c->theirs->user, bulk);
	if (haw_queue_peek(&c->queue, &kind, &payload))
		return next_message(c, payload, bulk);
	if (next_bulk(c, bulk))
		return true;
	/* The source has nothing, but may have put a message. */
	return !c->failed && haw_queue_peek(&c->queue, &kind, &payload) && next_message(c, payload, bulk);
}

static void source_sealed(void *user, void *cookie)
{
	struct compressing *c = user;
	struct parcel *parcel = c->first;
	bool tell;

	/* What was given before compression began is sealed before what was given since. */
	if (!parcel || parcel != cookie) {
		c->theirs->sealed(c->theirs->user, cookie);
		return;
	}
	tell = parcel->is_bulk;
	cookie = parcel->cookie;
	drop_first(c);
	if (tell)
		c->theirs->sealed(c->theirs->user, cookie);
}

static int report(struct compressing *c, haw_error *err)
{
	return haw_error_set(err, c->failed, HAW_FAULT_SYSTEM, 0, "a packet could not be compressed");
}

static int compressing_put(struct haw_packetizer *p, haw_span payload, haw_error *err)
{
	struct compressing *c = of(p);
	/* What does not compress grows by less. */
	const size_t max = HAW_PAYLOAD_MAX - 1024;

	if (c->failed)
		return report(c, err);
	if (!c->deflates)
		return c->inner->ops->put(c->inner, payload, err);
	if (payload.len == 0 || payload.len > max)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "a message of %zu bytes cannot be sent: 1 to %zu are possible",
				     payload.len, max);
	if (haw_queue_add(&c->queue, HAW_QUEUE_MESSAGE, payload.ptr, payload.len) < 0)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0,
				     "too much waits to be sent: %zu bytes, and the peer takes none",
				     c->queue.bytes);
	return 0;
}

static int compressing_put_raw(struct haw_packetizer *p, haw_span bytes, haw_error *err)
{
	return inner_of(p)->ops->put_raw(inner_of(p), bytes, err);
}

static void compressing_set_source(struct haw_packetizer *p, const struct haw_bulk_source *source)
{
	of(p)->theirs = source;
}

static ptrdiff_t compressing_output(struct haw_packetizer *p, haw_span *spans, size_t max, haw_error *err)
{
	struct compressing *c = of(p);
	ptrdiff_t n = c->inner->ops->output(c->inner, spans, max, err);

	return c->failed ? report(c, err) : n;
}

static void compressing_sent(struct haw_packetizer *p, size_t n)
{
	inner_of(p)->ops->sent(inner_of(p), n);
}

static size_t compressing_pending(struct haw_packetizer *p)
{
	return of(p)->queue.bytes + inner_of(p)->ops->pending(inner_of(p));
}

/* ---- Receiving ---- */

static void compressing_feed(struct haw_packetizer *p, uint8_t *data, size_t len)
{
	inner_of(p)->ops->feed(inner_of(p), data, len);
}

static int compressing_next(struct haw_packetizer *p, struct haw_packet *packet, haw_error *err)
{
	struct compressing *c = of(p);
	int n;

	c->held = c->inflates && haw_inflater_held(c->inflater) >= HELD_MAX;
	if (c->held)
		return 0;
	n = c->inner->ops->next(c->inner, packet, err);
	if (n <= 0 || !c->inflates)
		return n;
	n = haw_inflater_packet(c->inflater, packet->payload, &packet->payload, err);
	return n < 0 ? n : 1;
}

static size_t compressing_release(struct haw_packetizer *p)
{
	struct compressing *c = of(p);

	if (c->inflater)
		haw_inflater_release(c->inflater);
	c->held = false;
	return c->inner->ops->release(c->inner);
}

static bool compressing_holds(struct haw_packetizer *p)
{
	return of(p)->held;
}

static size_t compressing_wants(struct haw_packetizer *p)
{
	return inner_of(p)->ops->wants(inner_of(p));
}

static void compressing_set_single(struct haw_packetizer *p, bool single)
{
	inner_of(p)->ops->set_single(inner_of(p), single);
}

/* ---- Keys, and what begins with them ---- */

/* What waits goes out under the old keys and in the old stream. */
static int flush_queue(struct compressing *c, haw_error *err)
{
	enum haw_queue_kind kind;
	haw_span payload;

	while (haw_queue_peek(&c->queue, &kind, &payload)) {
		struct parcel *parcel = take_message(c, payload);
		int result;

		if (!parcel)
			return report(c, err);
		result = c->inner->ops->put(c->inner, (haw_span){parcel->bytes, parcel->len}, err);
		OPENSSL_cleanse(parcel->bytes, parcel->len);
		free(parcel);
		if (result < 0)
			return result;
	}
	return 0;
}

static int compressing_set_keys(struct haw_packetizer *p, enum haw_direction direction,
				const haw_suite *suite, const haw_keys *keys, bool reset_seq, haw_error *err)
{
	struct compressing *c = of(p);
	int result = direction == HAW_OUTGOING ? flush_queue(c, err) : 0;

	if (result < 0)
		return result;
	*(direction == HAW_OUTGOING ? &c->deflates : &c->inflates) = false;
	return c->inner->ops->set_keys(c->inner, direction, suite, keys, reset_seq, err);
}

static int compressing_set_compression(struct haw_packetizer *p, enum haw_direction direction, haw_error *err)
{
	struct compressing *c = of(p);

	if (direction == HAW_OUTGOING && !c->deflates) {
		if (c->deflater)
			haw_deflater_restart(c->deflater);
		else
			c->deflater = haw_deflater_new();
		c->deflates = c->deflater;
		return c->deflates ? 0 : no_memory(err);
	}
	if (direction == HAW_INCOMING && !c->inflates) {
		if (c->inflater)
			haw_inflater_restart(c->inflater);
		else
			c->inflater = haw_inflater_new();
		c->inflates = c->inflater;
		return c->inflates ? 0 : no_memory(err);
	}
	return 0;
}

/* ---- Ends ---- */

static void compressing_abandon(struct haw_packetizer *p)
{
	inner_of(p)->ops->abandon(inner_of(p));
}

static void compressing_free(struct haw_packetizer *p)
{
	struct compressing *c = of(p);

	if (!c)
		return;
	c->inner->ops->free(c->inner);
	while (c->first)
		drop_first(c);
	haw_queue_free(&c->queue);
	haw_deflater_free(c->deflater);
	haw_inflater_free(c->inflater);
	free(c);
}

/* ---- What the packetizer behind answers ---- */

static int compressing_poll(struct haw_packetizer *p, haw_error *err)
{
	return inner_of(p)->ops->poll(inner_of(p), err);
}

static int compressing_fd(struct haw_packetizer *p, enum haw_direction direction)
{
	return inner_of(p)->ops->fd(inner_of(p), direction);
}

static bool compressing_busy(struct haw_packetizer *p)
{
	return inner_of(p)->ops->busy(inner_of(p));
}

static uint64_t compressing_engine(const struct haw_packetizer *p, enum haw_direction direction)
{
	return inner_of(p)->ops->engine(inner_of(p), direction);
}

static void compressing_count(const struct haw_packetizer *p, enum haw_direction direction,
			      struct haw_packet_count *count)
{
	inner_of(p)->ops->count(inner_of(p), direction, count);
}

static bool compressing_wants_rekey(const struct haw_packetizer *p)
{
	return inner_of(p)->ops->wants_rekey(inner_of(p));
}

static void compressing_set_rekey_limit(struct haw_packetizer *p, uint64_t bytes)
{
	inner_of(p)->ops->set_rekey_limit(inner_of(p), bytes);
}

static const haw_suite *compressing_suite(const struct haw_packetizer *p, enum haw_direction direction)
{
	return inner_of(p)->ops->suite(inner_of(p), direction);
}

static const haw_backend *compressing_backend(const struct haw_packetizer *p, enum haw_direction direction)
{
	return inner_of(p)->ops->backend(inner_of(p), direction);
}

static const struct haw_packetizer_ops compressing_ops = {
	.free = compressing_free,
	.feed = compressing_feed,
	.next = compressing_next,
	.release = compressing_release,
	.holds = compressing_holds,
	.wants = compressing_wants,
	.set_single = compressing_set_single,
	.put = compressing_put,
	.put_raw = compressing_put_raw,
	.set_source = compressing_set_source,
	.output = compressing_output,
	.sent = compressing_sent,
	.pending = compressing_pending,
	.set_keys = compressing_set_keys,
	.set_compression = compressing_set_compression,
	.poll = compressing_poll,
	.abandon = compressing_abandon,
	.fd = compressing_fd,
	.busy = compressing_busy,
	.engine = compressing_engine,
	.count = compressing_count,
	.wants_rekey = compressing_wants_rekey,
	.set_rekey_limit = compressing_set_rekey_limit,
	.suite = compressing_suite,
	.backend = compressing_backend,
};

struct haw_packetizer *haw_compressing_new(struct haw_packetizer *inner, haw_error *err)
{
	struct compressing *c = calloc(1, sizeof(*c));

	if (!c) {
		inner->ops->free(inner);
		no_memory(err);
		return NULL;
	}
	c->handle.ops = &compressing_ops;
	c->inner = inner;
	c->ours = (struct haw_bulk_source){.next = source_next, .sealed = source_sealed, .user = c};
	inner->ops->set_source(inner, &c->ours);
	return &c->handle;
}
