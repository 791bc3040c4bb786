/* SPDX-License-Identifier: Apache-2.0
 *
 * The send queue of a channel: a list of segments, each either bytes that were copied (small
 * ones gather in one segment) or bytes that the caller lends until they are sealed. Packets are
 * cut across segments, so a request's header and the data behind it travel together.
 *
 *   first ── sealed ──> [ in flight ] ── next: taken ──> [ queued ] ── last
 */
#include <stdlib.h>
#include <string.h>

#include "transport/channel/channel.h"
#include "transport/wire/load.h"
#include "transport/wire/ssh_numbers.h"

enum { INLINE_CAPACITY = 16384 };

static int no_memory(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
}

static void append(struct haw_chan *chan, struct haw_segment *segment)
{
	segment->next = NULL;
	if (chan->last)
		chan->last->next = segment;
	else
		chan->first = segment;
	chan->last = segment;
	if (!chan->next)
		chan->next = segment;
}

static void account(struct haw_chan *chan, size_t len)
{
	chan->queued += len;
	if (chan->queued >= chan->low_mark)
		chan->mark_armed = true;
	haw_chan_update_ready(chan);
}

/* A segment at the end of the queue that can take bytes of its own. */
static struct haw_segment *open_segment(struct haw_chan *chan, size_t len, uint32_t extended)
{
	struct haw_channels *channels = chan->channels;
	struct haw_segment *segment = chan->last;
	size_t capacity = len > INLINE_CAPACITY ? len : INLINE_CAPACITY;

	if (segment && segment->capacity - segment->len >= len && segment->capacity &&
	    segment->extended == extended)
		return segment;
	if (capacity == INLINE_CAPACITY && channels->spare) {
		segment = channels->spare;
		channels->spare = NULL;
	} else {
		segment = malloc(sizeof(*segment) + capacity);
		if (!segment)
			return NULL;
	}
	memset(segment, 0, sizeof(*segment));
	segment->ptr = (const uint8_t *)(segment + 1);
	segment->capacity = capacity;
	segment->extended = extended;
	append(chan, segment);
	return segment;
}

int haw_chan_send(struct haw_chan *chan, haw_span data, uint32_t extended, haw_error *err)
{
	struct haw_segment *segment;

	if (data.len == 0)
		return 0;
	segment = open_segment(chan, data.len, extended);
	if (!segment)
		return no_memory(err);
	memcpy((uint8_t *)(segment + 1) + segment->len, data.ptr, data.len);
	segment->len += data.len;
	/* Bytes added to a segment that had been taken to its end are queued again. */
	if (!chan->next)
		chan->next = segment;
	account(chan, data.len);
	return 0;
}

int haw_chan_send_ref(struct haw_chan *chan, haw_span head, haw_span body, void (*release)(void *user),
		      void *user, haw_error *err)
{
	struct haw_segment *segment;

	if (body.len == 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "an empty piece cannot be lent");
	segment = calloc(1, sizeof(*segment));
	if (!segment)
		return no_memory(err);
	if (haw_chan_send(chan, head, 0, err) < 0) {
		free(segment);
		return HAW_ENOMEM;
	}
	segment->ptr = body.ptr;
	segment->len = body.len;
	segment->release = release;
	segment->user = user;
	append(chan, segment);
	account(chan, body.len);
	return 0;
}

int haw_chan_grant(struct haw_chan *chan, uint32_t bytes, haw_error *err)
{
	if (bytes > UINT32_MAX - chan->remote_window)
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the peer raised the window of channel %u beyond 2^32 - 1 bytes",
				     chan->id);
	chan->remote_window += bytes;
	haw_chan_update_ready(chan);
	return 0;
}

void haw_chan_update_ready(struct haw_chan *chan)
{
	struct haw_channels *channels = chan->channels;

	if (chan->ready || chan->state != HAW_CHAN_OPEN || chan->queued == 0 || chan->remote_window == 0 ||
	    chan->close_out)
		return;
	chan->ready = true;
	chan->ready_next = NULL;
	if (channels->ready_last)
		channels->ready_last->ready_next = chan;
	else
		channels->ready_first = chan;
	channels->ready_last = chan;
}

static struct haw_chan *take_ready(struct haw_channels *channels)
{
	struct haw_chan *chan = channels->ready_first;

	channels->ready_first = chan->ready_next;
	if (!channels->ready_first)
		channels->ready_last = NULL;
	chan->ready = false;
	return chan;
}

static struct haw_flight *new_flight(struct haw_channels *channels)
{
	struct haw_flight *flight = channels->flight_free;

	if (flight) {
		channels->flight_free = flight->next;
		return flight;
	}
	flight = malloc(sizeof(*flight));
	if (!flight)
		return NULL;
	flight->made_before = channels->flights;
	channels->flights = flight;
	return flight;
}

/* Gather up to LIMIT bytes of one data type from the queue into BULK. */
static size_t gather(struct haw_chan *chan, struct haw_bulk *bulk, size_t limit)
{
	uint32_t extended = chan->next->extended;
	size_t total = 0;

	bulk->span_count = 0;
	while (chan->next && total < limit && bulk->span_count < HAW_PAYLOAD_SPANS) {
		struct haw_segment *segment = chan->next;
		size_t n = segment->len - segment->taken;

		if (segment->extended != extended)
			break;
		if (n > limit - total)
			n = limit - total;
		if (n > 0)
			bulk->spans[bulk->span_count++] = (haw_span){segment->ptr + segment->taken, n};
		segment->taken += n;
		total += n;
		if (segment->taken == segment->len)
			chan->next = segment->next;
	}
	return total;
}

/* RFC 4254 §5.2: SSH_MSG_CHANNEL_DATA and SSH_MSG_CHANNEL_EXTENDED_DATA. */
static void write_head(const struct haw_chan *chan, struct haw_bulk *bulk, uint32_t extended, size_t len)
{
	uint8_t *p = bulk->head;

	*p++ = extended ? HAW_MSG_CHANNEL_EXTENDED_DATA : HAW_MSG_CHANNEL_DATA;
	haw_store_be32(p, chan->remote_id);
	p += 4;
	if (extended) {
		haw_store_be32(p, extended);
		p += 4;
	}
	haw_store_be32(p, (uint32_t)len);
	p += 4;
	bulk->head_len = (uint16_t)(p - bulk->head);
}

bool haw_channels_next_bulk(struct haw_channels *channels, struct haw_bulk *bulk)
{
	while (channels->ready_first) {
		struct haw_chan *chan = take_ready(channels);
		struct haw_flight *flight;
		size_t limit = HAW_BULK_PAYLOAD;
		uint32_t extended;

		if (chan->state != HAW_CHAN_OPEN || !chan->next || chan->remote_window == 0 ||
		    chan->close_out)
			continue;
		flight = new_flight(channels);
		if (!flight) {
			haw_chan_update_ready(chan);
			return false;
		}
		if (limit > chan->remote_window)
			limit = chan->remote_window;
		if (limit > chan->remote_max_packet)
			limit = chan->remote_max_packet;
		extended = chan->next->extended;
		flight->chan = chan;
		flight->bytes = (uint32_t)gather(chan, bulk, limit);
		write_head(chan, bulk, extended, flight->bytes);
		bulk->cookie = flight;
		chan->queued -= flight->bytes;
		chan->remote_window -= flight->bytes;
		chan->in_flight++;
		haw_chan_update_ready(chan); /* behind the others: channels take turns */
		return true;
	}
	return false;
}

static void drop_segment(struct haw_chan *chan, struct haw_segment *segment)
{
	struct haw_channels *channels = chan->channels;

	chan->first = segment->next;
	if (!chan->first)
		chan->last = NULL;
	if (segment->release)
		segment->release(segment->user);
	if (segment->capacity == INLINE_CAPACITY && !channels->spare)
		channels->spare = segment;
	else
		free(segment);
}

void haw_channels_sealed(struct haw_channels *channels, struct haw_flight *flight)
{
	struct haw_chan *chan = flight->chan;
	size_t left = flight->bytes;

	flight->next = channels->flight_free;
	channels->flight_free = flight;
	while (chan->first) {
		struct haw_segment *segment = chan->first;
		size_t n = segment->taken - segment->sealed;

		if (n > left)
			n = left;
		segment->sealed += n;
		left -= n;
		/* The open segment at the end is kept for what comes next, unless it is full. */
		if (segment->sealed < segment->len || segment == chan->next)
			break;
		drop_segment(chan, segment);
	}
	chan->in_flight--; /* last, so that a release function that frees the channel only marks it */
	if (chan->freed && chan->in_flight == 0)
		haw_chan_free(chan);
}

bool haw_chan_fell_below_mark(struct haw_chan *chan)
{
	if (!chan->mark_armed || chan->queued >= chan->low_mark)
		return false;
	chan->mark_armed = false;
	return true;
}
