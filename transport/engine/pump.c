/* SPDX-License-Identifier: Apache-2.0
 *
 * The pump: bytes between the stream and the connection core.
 *
 *   stream ──receive──> ring ──> core ──events──> handles, callbacks ──> batch callbacks ──> release
 *   stream <──send── one wire buffer at a time <── core <── what the callbacks queued
 *
 * One turn of the pump alternates: send while the stream takes it, receive what is there, until
 * neither moves, or until the share of one turn is used up, so that one busy connection does not
 * starve the others of its loop. A send in progress and a receive in progress are the stream's.
 */
#include <string.h>
#include <time.h>

#include "transport/engine/transport_internal.h"

enum { TURN_SHARE = 8 * 1024 * 1024 };

static void received(struct haw_receive *op);
static void sent(struct haw_send *op);

static void stream_failed(struct haw_transport *t, int code, int sys_errno)
{
	char text[128];
	haw_error err;

	if (t->end_reason.code)
		err = t->end_reason;
	else if (code == HAW_ECLOSED)
		haw_error_set(&err, HAW_ECLOSED, HAW_FAULT_PEER, sys_errno, "the connection was cut: %s",
			      sys_errno ? strerror_r(sys_errno, text, sizeof(text)) : "the peer has gone");
	else
		haw_error_set(&err, code, HAW_FAULT_SYSTEM, sys_errno, "the network connection failed: %s",
			      sys_errno ? strerror_r(sys_errno, text, sizeof(text)) : haw_code_name(code));
	haw_connection_stream_ended(t->connection, &err);
	t->receive_ended = true;
}

/* ---- What takes the time ---- */

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t make_output(struct haw_transport *t)
{
	uint64_t before = clock_ns();
	size_t n = haw_connection_output(t->connection, t->send.spans, HAW_SEND_SPANS);

	t->packet_ns += clock_ns() - before;
	return n;
}

static bool next_event(struct haw_transport *t, struct haw_event *event)
{
	uint64_t before = clock_ns();
	bool any = haw_connection_next_event(t->connection, event);

	t->packet_ns += clock_ns() - before;
	return any;
}

/* ---- Out ---- */

static void count_sent(struct haw_transport *t)
{
	haw_connection_sent(t->connection, t->sending);
	t->sending = 0;
}

/* Send until the stream has enough; true if anything went. */
static bool flush(struct haw_transport *t, size_t *share)
{
	bool moved = false;

	while (!t->sending && !t->send_failure && *share > 0) {
		size_t n = make_output(t);
		uint64_t before;
		int result;

		if (n == 0)
			break;
		t->send.count = (unsigned)n;
		for (size_t i = 0; i < n; i++)
			t->sending += t->send.spans[i].len;
		*share -= t->sending < *share ? t->sending : *share;
		moved = true;
		before = clock_ns();
		result = haw_stream_send(t->stream, &t->send);
		t->stream_ns += clock_ns() - before;
		if (result < 0)
			t->send_failure = result;
		if (result != 0)
			count_sent(t);
	}
	return moved;
}

static void sent(struct haw_send *op)
{
	struct haw_transport *t = op->user;

	if (op->result < 0)
		t->send_failure = op->result;
	count_sent(t);
	haw_transport_pump(t);
}

/* ---- In ---- */

static uint64_t packets_received(const struct haw_transport *t)
{
	const struct haw_packetizer *p = haw_connection_packetizer(t->connection);
	struct haw_packet_count count;

	p->ops->count(p, HAW_INCOMING, &count);
	return count.packets;
}

static bool handle_all(struct haw_transport *t)
{
	struct haw_event event;
	bool any = false;

	while (!t->freed && next_event(t, &event)) {
		haw_transport_handle(t, &event);
		any = true;
	}
	while (t->batch) {
		struct haw_channel *channel = t->batch;

		t->batch = channel->batch_next;
		channel->in_batch = false;
		haw_channel_end_batch(channel);
	}
	return any;
}

/* What is handed out is bounded where packets grow as they are opened: more comes when it is used up. */
static bool use_up(struct haw_transport *t)
{
	haw_mut_span data;

	if (!haw_connection_holds(t->connection))
		return false;
	haw_ring_release(t->ring, haw_connection_released(t->connection));
	data = haw_ring_data(t->ring);
	haw_connection_receive(t->connection, data.ptr, data.len);
	return true;
}

/* True if anything was reported, or a packet was taken that the core answers by itself (an engine may have
 * been late with it): then the core may have more to do, and to say. */
static bool drain(struct haw_transport *t)
{
	uint64_t before = packets_received(t);
	bool any = false;

	do {
		any |= handle_all(t);
	} while (!t->freed && t->ring && use_up(t));
	return any || (!t->freed && packets_received(t) != before);
}

/* Hand the ring's content to the core, and free what it has used. */
static void process(struct haw_transport *t)
{
	haw_mut_span data = haw_ring_data(t->ring);
	uint64_t before;

	before = clock_ns();
	haw_connection_receive(t->connection, data.ptr, data.len);
	t->packet_ns += clock_ns() - before;
	drain(t);
	if (!t->freed)
		haw_ring_release(t->ring, haw_connection_released(t->connection));
}

static void take(struct haw_transport *t, int64_t result, int sys_errno)
{
	if (result > 0) {
		haw_ring_fill(t->ring, (size_t)result);
		process(t);
		return;
	}
	if (result < 0)
		stream_failed(t, (int)result, sys_errno);
	else
		haw_connection_stream_ended(t->connection, t->end_reason.code ? &t->end_reason : NULL);
	t->receive_ended = true;
}

static bool receive(struct haw_transport *t, size_t *share)
{
	haw_mut_span space;
	uint64_t before;
	int result;

	/* No ring: none could be made, and that is what ends the connection now. */
	if (!t->ring || t->receiving || t->receive_ended || *share == 0 ||
	    haw_connection_is_closed(t->connection))
		return false;
	space = haw_ring_space(t->ring);
	if (space.len == 0) {
		/* What an engine was late with has been used since. */
		haw_ring_release(t->ring, haw_connection_released(t->connection));
		space = haw_ring_space(t->ring);
	}
	if (space.len == 0)
		return false;
	t->receive.ptr = space.ptr;
	t->receive.len = space.len;
	before = clock_ns();
	result = haw_stream_receive(t->stream, &t->receive);
	t->stream_ns += clock_ns() - before;
	if (result == 0) {
		t->receiving = true;
		return false;
	}
	if (result < 0)
		t->receive.result = result;
	*share -= (size_t)t->receive.result < *share && t->receive.result > 0 ? (size_t)t->receive.result
									      : *share;
	take(t, t->receive.result, t->receive.sys_errno);
	return true;
}

static void received(struct haw_receive *op)
{
	struct haw_transport *t = op->user;

	t->receiving = false;
	t->pumping = true;
	take(t, op->result, op->sys_errno);
	t->pumping = false;
	haw_transport_pump(t);
}

/* ---- Time ---- */

static void kicked(void *user)
{
	haw_transport_pump(user);
}

static void set_timer(struct haw_transport *t)
{
	uint64_t due = haw_connection_tick(t->connection, haw_io_now(t->loop->io));

	if (due)
		haw_timer_set(t->loop->io, &t->timer, due, kicked, t);
	else
		haw_timer_cancel(t->loop->io, &t->timer);
}

/* ---- The pump ---- */

void haw_transport_touch(struct haw_transport *t)
{
	if (!t->pumping && !t->freed && !t->kick.set)
		haw_timer_set(t->loop->io, &t->kick, haw_io_now(t->loop->io), kicked, t);
}

void haw_transport_stop(struct haw_transport *t)
{
	/* The kick stays: the end that it reports needs no stream. */
	haw_timer_cancel(t->loop->io, &t->timer);
	haw_transport_forget_crypto(t);
	/* Who does not answer is given up: nothing that waits for the way to open reaches it later, when
	 * another connection may have done the same once more. */
	if (t->stream && haw_connection_error(t->connection)->code == HAW_ETIMEDOUT)
		haw_stream_discard(t->stream);
	haw_stream_close(t->stream);
	t->stream = NULL;
	t->sending = 0;
	t->receiving = false;
	/* Engines work upon the ring. */
	haw_connection_abandon(t->connection);
	if (t->ring)
		haw_ring_pool_return(t->loop->ring_pool, t->ring);
	t->ring = NULL;
}

static void pump_stream(struct haw_transport *t)
{
	size_t share = TURN_SHARE;
	bool moved = true;

	t->send.done = sent;
	t->receive.done = received;
	t->send.user = t->receive.user = t;
	/* What an answer has resumed lies in the ring already. */
	if (t->ring && !t->receiving && !haw_ring_empty(t->ring))
		process(t);
	while (moved && !t->freed && share > 0) {
		moved = flush(t, &share);
		if (t->freed)
			break;
		moved |= drain(t);
		if (!t->freed)
			moved |= receive(t, &share);
	}
	/* The peer takes no more. Why, its last bytes may have said (a DISCONNECT): they are read by now. */
	if (t->send_failure && share > 0 && !t->freed) {
		stream_failed(t, t->send_failure, t->send.sys_errno);
		drain(t);
	}
	if (share == 0 && !t->freed && !t->kick.set)
		haw_timer_set(t->loop->io, &t->kick, haw_io_now(t->loop->io), kicked, t);
}

void haw_transport_pump(struct haw_transport *t)
{
	if (t->pumping)
		return;
	t->pumping = true;
	if (t->stream) {
		set_timer(t);
		haw_connection_crypto_poll(t->connection);
		pump_stream(t);
	}
	if (!t->freed) {
		/* The end of a connection whose stream never came, or what an engine has finished since. */
		bool more = drain(t);

		if (more && t->stream && !t->freed && !t->kick.set)
			haw_timer_set(t->loop->io, &t->kick, haw_io_now(t->loop->io), kicked, t);
		if (t->stream)
			set_timer(t);
		/* Everything said, and nothing left to be sent: the stream is no longer needed. */
		if (haw_connection_is_closed(t->connection) && !t->sending && t->stream)
			haw_transport_stop(t);
		if (t->stream && !t->freed)
			haw_transport_wait_crypto(t);
	}
	t->pumping = false;
	if (t->freed && !t->closing)
		haw_transport_release(t);
}
