/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/channel/channel.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

void haw_channels_init(struct haw_channels *channels, size_t memory)
{
	memset(channels, 0, sizeof(*channels));
	channels->memory = memory;
}

static void free_segments(struct haw_chan *chan);

static void leave_ready(struct haw_chan *chan)
{
	struct haw_channels *channels = chan->channels;
	struct haw_chan *before = NULL;

	for (struct haw_chan *at = channels->ready_first; at && at != chan; at = at->ready_next)
		before = at;
	if (before)
		before->ready_next = chan->ready_next;
	else
		channels->ready_first = chan->ready_next;
	if (channels->ready_last == chan)
		channels->ready_last = before;
	chan->ready = false;
}

static void destroy(struct haw_chan *chan)
{
	struct haw_channels *channels = chan->channels;

	if (chan->ready)
		leave_ready(chan);
	if (chan->id < channels->slot_count && channels->slots[chan->id] == chan) {
		channels->slots[chan->id] = NULL;
		channels->count--;
	}
	channels->window_sum -= chan->window_max;
	free_segments(chan);
	haw_chan_drop_held(chan);
	haw_message_free(&chan->open_message);
	haw_replies_clear(&chan->replies);
	free(chan);
}

void haw_channels_clear(struct haw_channels *channels)
{
	for (uint32_t i = 0; i < channels->slot_count; i++)
		if (channels->slots[i])
			destroy(channels->slots[i]);
	while (channels->flights) {
		struct haw_flight *flight = channels->flights;

		channels->flights = flight->made_before;
		free(flight);
	}
	free(channels->spare);
	free(channels->slots);
	memset(channels, 0, sizeof(*channels));
}

struct haw_chan *haw_channels_find(const struct haw_channels *channels, uint32_t id)
{
	return id < channels->slot_count ? channels->slots[id] : NULL;
}

static int find_slot(struct haw_channels *channels, uint32_t *id, haw_error *err)
{
	struct haw_chan **slots;
	uint32_t count;

	for (uint32_t i = 0; i < channels->slot_count; i++)
		if (!channels->slots[i]) {
			*id = i;
			return 0;
		}
	if (channels->slot_count >= HAW_CHANNELS_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "a connection carries at most %d channels at a time", HAW_CHANNELS_MAX);
	count = channels->slot_count ? channels->slot_count * 2 : 4;
	slots = realloc(channels->slots, count * sizeof(*slots));
	if (!slots)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	memset(slots + channels->slot_count, 0, (count - channels->slot_count) * sizeof(*slots));
	*id = channels->slot_count;
	channels->slots = slots;
	channels->slot_count = count;
	return 0;
}

struct haw_chan *haw_chan_new(struct haw_channels *channels, const char *type, size_t type_len,
			      uint32_t window, uint32_t max_packet, void *owner, haw_error *err)
{
	struct haw_chan *chan;
	uint32_t start = window ? window : HAW_WINDOW_START;
	uint32_t id = 0;

	if (type_len >= sizeof(chan->type)) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the channel type's name is too long");
		return NULL;
	}
	if (channels->window_sum + start > channels->memory && !window)
		start = HAW_MAX_PACKET * 4;
	if (channels->window_sum + start > channels->memory) {
		haw_error_set(
			err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
			"the windows of this connection's channels would exceed its memory of %zu bytes",
			channels->memory);
		return NULL;
	}
	if (find_slot(channels, &id, err) < 0)
		return NULL;
	chan = calloc(1, sizeof(*chan));
	if (!chan) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	chan->channels = channels;
	chan->id = id;
	memcpy(chan->type, type, type_len);
	chan->owner = owner;
	chan->window_max = chan->window = start;
	chan->window_most = UINT32_MAX;
	chan->granted = start;
	chan->window_pinned = window != 0;
	chan->max_packet = max_packet ? max_packet : HAW_MAX_PACKET;
	chan->low_mark = 1024 * 1024;
	channels->window_sum += start;
	channels->slots[id] = chan;
	channels->count++;
	return chan;
}

/* ---- Receiving ---- */

/* A window that is too small for the path cannot be seen from its size here: what we grant counts at once,
 * but reaches the peer later. But a peer that it holds back sends up to the end of what it was granted, to
 * the byte, and stands there until it hears of more; so it is held back if data end exactly where an earlier
 * grant did. */
static void note_edge(struct haw_chan *chan)
{
	for (unsigned i = 0; i < HAW_EDGES; i++)
		if (chan->edges[i] == chan->arrived)
			chan->held_back = true;
	if (chan->arrived == chan->granted)
		chan->held_back = true;
}

static void remember_edge(struct haw_chan *chan)
{
	chan->edges[chan->next_edge] = chan->granted;
	chan->next_edge = (chan->next_edge + 1) % HAW_EDGES;
}

int haw_chan_arrived(struct haw_chan *chan, size_t len, haw_error *err)
{
	if (chan->eof_in)
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the peer sent data on channel %u after it had announced their end",
				     chan->id);
	/* RFC 4254 §5.2: neither more than the window nor more than the packet size that we gave. */
	if (len > chan->window || len > chan->max_packet)
		return haw_error_set(
			err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			"the peer sent %zu bytes on channel %u, more than its window (%u) or packet size "
			"(%u) allows",
			len, chan->id, chan->window, chan->max_packet);
	chan->window -= (uint32_t)len;
	chan->unread += len;
	chan->arrived += len;
	note_edge(chan);
	return 0;
}

void haw_chan_consumed(struct haw_chan *chan, size_t len)
{
	chan->unread -= len;
	chan->consumed += len;
}

uint32_t haw_chan_adjustment(struct haw_chan *chan)
{
	size_t grant = chan->consumed;

	/* RFC 4254 §5.3: nothing follows our CLOSE; a peer that has answered it knows the channel no more. */
	if (chan->eof_in || chan->close_in || chan->close_out || chan->state != HAW_CHAN_OPEN ||
	    grant < chan->window_max / 4)
		return 0;
	/* The peer has nearly used up its window although nothing waits to be read here: the window
	 * is what holds it back. */
	if (!chan->window_pinned && chan->window_max < chan->window_most &&
	    (chan->held_back || chan->window < chan->window_max / 2) && chan->unread == 0) {
		size_t room = chan->channels->memory - chan->channels->window_sum;
		size_t more = chan->window_max < room ? chan->window_max : room;

		if (more > chan->window_most - chan->window_max)
			more = chan->window_most - chan->window_max;
		chan->window_max += (uint32_t)more;
		chan->channels->window_sum += more;
		grant += more;
		/* What shows whether this was enough comes after it. */
		chan->held_back = false;
		memset(chan->edges, 0, sizeof(chan->edges));
	}
	remember_edge(chan);
	chan->granted += grant;
	chan->consumed = 0;
	chan->window += (uint32_t)grant;
	return (uint32_t)grant;
}

void haw_chan_pin_window(struct haw_chan *chan, uint32_t window)
{
	size_t others = chan->channels->window_sum - chan->window_max;

	if (window > chan->channels->memory - others)
		window = (uint32_t)(chan->channels->memory - others);
	chan->channels->window_sum = others + window;
	chan->window_max = chan->window = window;
	chan->granted = chan->arrived + window;
	chan->window_pinned = true;
}

void haw_chan_limit_window(struct haw_chan *chan, uint32_t most)
{
	chan->window_most = most;
}

/* ---- Awaited replies ---- */

bool haw_replies_push(struct haw_replies *replies, void *tag)
{
	if (replies->count == replies->capacity) {
		uint32_t capacity = replies->capacity ? replies->capacity * 2 : 8;
		void **tags;

		if (capacity > HAW_REPLIES_MAX)
			return false;
		tags = malloc(capacity * sizeof(*tags));
		if (!tags)
			return false;
		for (uint32_t i = 0; i < replies->count; i++)
			tags[i] = replies->tags[(replies->head + i) % replies->capacity];
		free(replies->tags);
		replies->tags = tags;
		replies->capacity = capacity;
		replies->head = 0;
	}
	replies->tags[(replies->head + replies->count++) % replies->capacity] = tag;
	return true;
}

bool haw_replies_pop(struct haw_replies *replies, void **tag)
{
	if (replies->count == 0)
		return false;
	*tag = replies->tags[replies->head];
	replies->head = (replies->head + 1) % replies->capacity;
	replies->count--;
	return true;
}

void haw_replies_clear(struct haw_replies *replies)
{
	free(replies->tags);
	memset(replies, 0, sizeof(*replies));
}

int haw_chan_hold(struct haw_chan *chan, haw_span bytes, haw_error *err)
{
	struct haw_held *held = malloc(sizeof(*held) + bytes.len);

	if (!held)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	held->next = NULL;
	held->len = bytes.len;
	memcpy(held->bytes, bytes.ptr, bytes.len);
	if (chan->held_last)
		chan->held_last->next = held;
	else
		chan->held_first = held;
	chan->held_last = held;
	return 0;
}

void haw_chan_drop_held(struct haw_chan *chan)
{
	while (chan->held_first) {
		struct haw_held *held = chan->held_first;

		chan->held_first = held->next;
		free(held);
	}
	chan->held_last = NULL;
}

/* ---- Ending ---- */

static void free_segments(struct haw_chan *chan)
{
	while (chan->first) {
		struct haw_segment *segment = chan->first;

		chan->first = segment->next;
		if (segment->release)
			segment->release(segment->user);
		if (segment->capacity)
			OPENSSL_cleanse((uint8_t *)segment->ptr, segment->len);
		free(segment);
	}
	chan->last = chan->next = NULL;
	chan->queued = 0;
}

void haw_chan_free(struct haw_chan *chan)
{
	bool finished = chan->state == HAW_CHAN_WAITING || (chan->close_in && chan->close_out) ||
			chan->state == HAW_CHAN_CLOSED;

	chan->owner = NULL;
	chan->freed = true;
	/* Nothing more is taken from the queue of a channel that nobody owns. */
	chan->next = NULL;
	chan->queued = 0;
	/* What an engine still reads stays until it is sealed (haw_channels_sealed ends it). */
	if (chan->in_flight > 0)
		return;
	free_segments(chan);
	if (finished)
		destroy(chan);
}
