/* SPDX-License-Identifier: Apache-2.0
 *
 * Channel messages (RFC 4254 §5): windows, data, ends. Opening and requests are in mux_open.c.
 */
#include <string.h>

#include "transport/connection/internal.h"

static haw_message *begin_for(struct haw_connection *c, uint8_t number, const struct haw_chan *chan)
{
	haw_message *m = haw_connection_begin(c, number);

	haw_put_u32(m, chan->remote_id);
	return m;
}

/* The channel that a message is for; one that does not exist, or is not open, is the peer's error. */
static struct haw_chan *find_open(struct haw_connection *c, uint32_t id, const char *name, haw_error *err)
{
	struct haw_chan *chan = haw_channels_find(&c->channels, id);

	if (chan && chan->state == HAW_CHAN_OPEN && !chan->close_in)
		return chan;
	haw_protocol_error(err, "the peer sent %s for channel %u, which is not open", name, id);
	return NULL;
}

int haw_mux_window(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m), bytes = haw_get_u32(m);
	struct haw_chan *chan;

	if (haw_connection_end_of_message(m, "WINDOW_ADJUST", err) < 0)
		return HAW_EPROTOCOL;
	chan = find_open(c, id, "WINDOW_ADJUST", err);
	return chan ? haw_chan_grant(chan, bytes, err) : HAW_EPROTOCOL;
}

int haw_mux_data(struct haw_connection *c, haw_message *m, haw_error *err)
{
	bool extended = haw_message_all(m).ptr[0] == HAW_MSG_CHANNEL_EXTENDED_DATA;
	uint32_t id = haw_get_u32(m);
	uint32_t type = extended ? haw_get_u32(m) : 0;
	haw_span data = haw_get_string(m);
	struct haw_event *event;
	struct haw_chan *chan;

	if (haw_connection_end_of_message(m, "CHANNEL_DATA", err) < 0)
		return HAW_EPROTOCOL;
	chan = find_open(c, id, "data", err);
	if (!chan || haw_chan_arrived(chan, data.len, err) < 0)
		return HAW_EPROTOCOL;
	if (chan->freed || data.len == 0 || (extended && type != HAW_EXTENDED_DATA_STDERR)) {
		haw_chan_consumed(chan, data.len);
		return 0;
	}
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_DATA);
	event->chan = chan;
	event->data = data;
	event->number = type;
	return 0;
}

int haw_mux_eof(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m);
	struct haw_chan *chan;

	if (haw_connection_end_of_message(m, "CHANNEL_EOF", err) < 0)
		return HAW_EPROTOCOL;
	chan = find_open(c, id, "EOF", err);
	if (!chan)
		return HAW_EPROTOCOL;
	if (!chan->eof_in && !chan->freed)
		haw_connection_event(c, HAW_EVENT_CHANNEL_EOF)->chan = chan;
	chan->eof_in = true;
	return 0;
}

/* Both ends have closed: the last event of the channel, or its end if nobody owns it any more. */
static void finish(struct haw_connection *c, struct haw_chan *chan)
{
	chan->state = HAW_CHAN_CLOSED;
	if (chan->freed)
		haw_chan_free(chan);
	else
		haw_connection_event(c, HAW_EVENT_CHANNEL_CLOSED)->chan = chan;
}

static int send_close(struct haw_connection *c, struct haw_chan *chan, haw_error *err)
{
	int result;

	begin_for(c, HAW_MSG_CHANNEL_CLOSE, chan);
	result = haw_connection_send(c, err);
	chan->close_out = true;
	if (result == 0 && chan->close_in)
		finish(c, chan);
	return result;
}

int haw_mux_close(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m);
	struct haw_chan *chan;

	if (haw_connection_end_of_message(m, "CHANNEL_CLOSE", err) < 0)
		return HAW_EPROTOCOL;
	chan = find_open(c, id, "CLOSE", err);
	if (!chan)
		return HAW_EPROTOCOL;
	chan->close_in = true;
	/* RFC 4254 §5.3: answered at once; what is queued here has nobody to read it. */
	if (!chan->close_out)
		return send_close(c, chan, err);
	finish(c, chan);
	return 0;
}

/* ---- What is due ---- */

static int advance_channel(struct haw_connection *c, struct haw_chan *chan, haw_error *err)
{
	uint32_t grant = haw_chan_adjustment(chan);

	if (grant > 0) {
		haw_put_u32(begin_for(c, HAW_MSG_CHANNEL_WINDOW_ADJUST, chan), grant);
		if (haw_connection_send(c, err) < 0)
			return HAW_ELIMIT;
	}
	/* Where there is no room for the event, the mark stays armed and the next turn reports it. */
	if (!chan->freed && haw_connection_has_room(c) && haw_chan_fell_below_mark(chan))
		haw_connection_event(c, HAW_EVENT_CHANNEL_WINDOW)->chan = chan;
	/* Behind the last data; bulk that an engine has not sealed yet precedes it in sequence. */
	if (chan->state != HAW_CHAN_OPEN || chan->queued > 0 || chan->close_out)
		return 0;
	if (chan->eof_wanted && !chan->eof_out) {
		begin_for(c, HAW_MSG_CHANNEL_EOF, chan);
		chan->eof_out = true;
		if (haw_connection_send(c, err) < 0)
			return HAW_ELIMIT;
	}
	return chan->close_wanted ? send_close(c, chan, err) : 0;
}

int haw_mux_advance(struct haw_connection *c, haw_error *err)
{
	for (uint32_t i = 0; i < c->channels.slot_count; i++) {
		struct haw_chan *chan = c->channels.slots[i];
		int result;

		if (!chan)
			continue;
		result = chan->state == HAW_CHAN_WAITING ? haw_mux_send_open(c, chan, err)
							 : advance_channel(c, chan, err);
		if (result < 0)
			return result;
	}
	return 0;
}
