/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels inside the connection core (RFC 4254 §5): windows both ways, the send queue, the
 * state of opening and closing, replies that are awaited. What travels is decided here; the
 * connection moves the messages.
 */
#ifndef HAW_CHANNEL_CHANNEL_H
#define HAW_CHANNEL_CHANNEL_H

#include <hawser/message.h>

#include "transport/packet/packetizer.h"

enum {
	HAW_CHANNELS_MAX = 1024,	/* of one connection */
	HAW_REPLIES_MAX = 1024,		/* awaited on one channel, and by the connection */
	HAW_WINDOW_START = 2 * 1024 * 1024,
	HAW_MAX_PACKET = 32768,		/* data in one message that we accept */
	HAW_EDGES = 8			/* of a window, remembered */
};

/* A piece of a send queue: bytes of its own behind the struct, or bytes of the caller's. */
struct haw_segment {
	struct haw_segment *next;
	const uint8_t *ptr;
	size_t len;
	size_t taken, sealed;	/* by packets; sealed <= taken <= len */
	size_t capacity;	/* of its own bytes; 0: not its own */
	uint32_t extended;	/* data type; 0: plain data */
	void (*release)(void *user);
	void *user;
};

/* Tags of requests whose replies are awaited, in order. */
struct haw_replies {
	void **tags;
	uint32_t head, count, capacity;
};

/* A request that waits for the channel's confirmation: its message behind the recipient. */
struct haw_held {
	struct haw_held *next;
	size_t len;
	uint8_t bytes[];
};

enum haw_chan_state {
	HAW_CHAN_WAITING,	/* the open is not sent yet */
	HAW_CHAN_OPENING,	/* sent */
	HAW_CHAN_OFFERED,	/* the peer's, not answered yet */
	HAW_CHAN_OPEN,
	HAW_CHAN_CLOSED
};

struct haw_chan {
	struct haw_channels *channels;
	uint32_t id, remote_id;
	enum haw_chan_state state;
	char type[64];
	void *owner;
	haw_message open_message;	/* until the peer has answered, so that it can be sent again */
	bool early;			/* it was sent before authentication had ended */

	/* Receiving. */
	uint32_t window_max, window, max_packet; /* what the peer may still send */
	uint32_t window_most;		/* to which it grows */
	size_t consumed;		/* taken by the consumer, not yet granted again */
	size_t unread;			/* delivered and not consumed */
	bool window_pinned, eof_in, close_in;
	bool held_back;			/* the peer has stood at the end of its window */
	uint64_t arrived, granted;	/* bytes, in all */
	uint64_t edges[HAW_EDGES];	/* what was granted in all before the last grants; 0: none */
	unsigned next_edge;

	/* Sending. */
	uint32_t remote_window, remote_max_packet;
	struct haw_segment *first, *last, *next;	/* next: first with bytes not taken */
	size_t queued;			/* bytes not taken */
	size_t low_mark;
	bool mark_armed;		/* the queue has been above the mark since the last event */
	uint32_t in_flight;		/* packets taken and not sealed */
	bool eof_wanted, eof_out, close_wanted, close_out, freed;

	struct haw_replies replies;
	struct haw_held *held_first, *held_last; /* requests waiting for the confirmation */
	struct haw_chan *ready_next;	/* in the list of channels with bulk to send */
	bool ready;
};

struct haw_flight {
	struct haw_flight *next;	/* among the free ones */
	struct haw_flight *made_before;	/* all there are: an end may come while packets are under way */
	struct haw_chan *chan;
	uint32_t bytes;
};

/* All channels of one connection. */
struct haw_channels {
	struct haw_chan **slots;
	uint32_t slot_count, count;
	size_t memory, window_sum;	/* budget; sum of window_max */
	struct haw_chan *ready_first, *ready_last;
	struct haw_flight *flight_free, *flights;
	struct haw_segment *spare;	/* one inline segment kept */
};

void haw_channels_init(struct haw_channels *channels, size_t memory);
void haw_channels_clear(struct haw_channels *channels);
struct haw_chan *haw_channels_find(const struct haw_channels *channels, uint32_t id);

/* Make a channel in a free slot; NULL if the limits are reached. */
struct haw_chan *haw_chan_new(struct haw_channels *channels, const char *type, size_t type_len,
			      uint32_t window, uint32_t max_packet, void *owner, haw_error *err);
/* Forget the owner's interest: queued references are released, and memory freed once no packet of it
 * is under way and the peer has closed. */
void haw_chan_free(struct haw_chan *chan);

/* ---- Sending ---- */

int haw_chan_send(struct haw_chan *chan, haw_span data, uint32_t extended, haw_error *err);
int haw_chan_send_ref(struct haw_chan *chan, haw_span head, haw_span body, void (*release)(void *user),
		      void *user, haw_error *err);
/* Window from the peer. HAW_EPROTOCOL beyond 2^32 - 1 (RFC 4254 §5.2). */
int haw_chan_grant(struct haw_chan *chan, uint32_t bytes, haw_error *err);
/* Put the channel in the list of those with something to send, if it has. */
void haw_chan_update_ready(struct haw_chan *chan);
/* The packetizer's bulk source, over all channels in turn. */
bool haw_channels_next_bulk(struct haw_channels *channels, struct haw_bulk *bulk);
void haw_channels_sealed(struct haw_channels *channels, struct haw_flight *flight);
/* True once after the queue has fallen from above its low mark to below it. */
bool haw_chan_fell_below_mark(struct haw_chan *chan);

/* ---- Receiving ---- */

/* Account for LEN bytes of data that arrived; HAW_EPROTOCOL if they exceed what was granted. */
int haw_chan_arrived(struct haw_chan *chan, size_t len, haw_error *err);
/* The consumer has taken LEN bytes. */
void haw_chan_consumed(struct haw_chan *chan, size_t len);
/* Replace the window of a channel that the peer offers, before it is accepted. */
void haw_chan_pin_window(struct haw_chan *chan, uint32_t window);
void haw_chan_limit_window(struct haw_chan *chan, uint32_t most);
/* How many bytes to grant the peer now; 0: not yet. Grows the window of a channel that is held back
 * by it, within the budget. */
uint32_t haw_chan_adjustment(struct haw_chan *chan);

/* Requests behind an open that is not confirmed. */
void haw_chan_drop_held(struct haw_chan *chan);
int haw_chan_hold(struct haw_chan *chan, haw_span bytes, haw_error *err);
bool haw_replies_push(struct haw_replies *replies, void *tag);
bool haw_replies_pop(struct haw_replies *replies, void **tag);
void haw_replies_clear(struct haw_replies *replies);

#endif
