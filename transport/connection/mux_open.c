/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening channels (RFC 4254 §5.1), ahead of authentication's end where the peer takes that, and
 * requests on them (§5.4, §6).
 */
#include <string.h>

#include "transport/connection/internal.h"

/* ---- Ours ---- */

struct haw_chan *haw_connection_channel_open(struct haw_connection *c, const char *type, haw_span specific,
					     uint32_t window, uint32_t max_packet, void *owner,
					     haw_error *err)
{
	struct haw_chan *chan;
	haw_message *m;

	if (c->closed) {
		haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the connection is closed");
		return NULL;
	}
	chan = haw_chan_new(&c->channels, type, strlen(type), window, max_packet, owner, err);
	if (!chan)
		return NULL;
	m = &chan->open_message;
	haw_message_write(m, 0);
	haw_put_byte(m, HAW_MSG_CHANNEL_OPEN);
	haw_put_string(m, type, strlen(type));
	haw_put_u32(m, chan->id);
	haw_put_u32(m, chan->window);
	haw_put_u32(m, chan->max_packet);
	haw_put_bytes(m, specific.ptr, specific.len);
	if (haw_message_ok(m))
		return chan;
	haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "the channel's open message is too long");
	haw_chan_free(chan);
	return NULL;
}

int haw_mux_send_open(struct haw_connection *c, struct haw_chan *chan, haw_error *err)
{
	haw_span message = haw_message_all(&chan->open_message);
	bool early = !c->login.authenticated;

	/* Early: right behind an attempt that is on its way, once per attempt. Not behind one that may want
	 * further messages of ours: the open would come between them and be lost. */
	if (early && (!haw_connection_peer_pipelines(c) || haw_compression_is_delayed(c) || !c->login.sent ||
		      c->login.signing || !c->login.requested || haw_connection_kex_blocks(c) ||
		      c->login.method == HAW_AUTH_INTERACTIVE ||
		      (c->login.method == HAW_AUTH_PUBLICKEY && !c->login.attempt.sign)))
		return 0;
	haw_message_reset(&c->scratch);
	haw_put_bytes(&c->scratch, message.ptr, message.len);
	chan->state = HAW_CHAN_OPENING;
	chan->early = early;
	return haw_connection_send(c, err);
}

/* The attempt failed, so an open behind it was not taken: the peer answers it UNIMPLEMENTED. */
void haw_mux_forget_early(struct haw_connection *c)
{
	for (uint32_t i = 0; i < c->channels.slot_count; i++) {
		struct haw_chan *chan = c->channels.slots[i];

		if (!chan || chan->state != HAW_CHAN_OPENING || !chan->early)
			continue;
		chan->state = HAW_CHAN_WAITING;
		if (chan->freed)
			haw_chan_free(chan);
	}
}

int haw_mux_confirmation(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m), remote_id = haw_get_u32(m), window = haw_get_u32(m);
	uint32_t max_packet = haw_get_u32(m);
	struct haw_chan *chan = haw_channels_find(&c->channels, id);
	struct haw_event *event;

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "CHANNEL_OPEN_CONFIRMATION", err);
	if (!chan || chan->state != HAW_CHAN_OPENING)
		return haw_protocol_error(err, "the peer confirmed channel %u, which was not being opened",
					  id);
	if (max_packet == 0)
		return haw_protocol_error(err, "the peer takes no data at all: its maximum packet is 0");
	chan->remote_id = remote_id;
	chan->remote_window = window;
	chan->remote_max_packet = max_packet;
	chan->state = HAW_CHAN_OPEN;
	haw_message_free(&chan->open_message);
	if (chan->freed) { /* its owner has gone meanwhile: what it asked for is not begun */
		haw_chan_drop_held(chan);
		chan->close_wanted = true;
		return 0;
	}
	for (struct haw_held *held = chan->held_first; held; held = held->next) {
		haw_put_u32(haw_connection_begin(c, HAW_MSG_CHANNEL_REQUEST), remote_id);
		haw_put_bytes(&c->scratch, held->bytes, held->len);
		if (haw_connection_send(c, err) < 0)
			return HAW_ELIMIT;
	}
	haw_chan_drop_held(chan);
	haw_chan_update_ready(chan);
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_READY);
	event->chan = chan;
	event->data = haw_message_remainder(m);
	return 0;
}

int haw_mux_refused(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m), reason = haw_get_u32(m);
	haw_span text = haw_get_string(m);
	struct haw_chan *chan = haw_channels_find(&c->channels, id);
	struct haw_event *event;

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "CHANNEL_OPEN_FAILURE", err);
	if (!chan || chan->state != HAW_CHAN_OPENING)
		return haw_protocol_error(err, "the peer refused channel %u, which was not being opened", id);
	chan->state = HAW_CHAN_CLOSED;
	if (chan->freed) {
		haw_chan_free(chan);
		return 0;
	}
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_REFUSED);
	event->chan = chan;
	event->number = reason;
	event->text = haw_escape(c->event_text, sizeof(c->event_text), text.ptr, text.len);
	return 0;
}

/* ---- The peer's ---- */

static int refuse(struct haw_connection *c, uint32_t remote_id, uint32_t reason, const char *text,
		  haw_error *err)
{
	haw_message *m = haw_connection_begin(c, HAW_MSG_CHANNEL_OPEN_FAILURE);

	haw_put_u32(m, remote_id);
	haw_put_u32(m, reason);
	haw_put_string(m, text, strlen(text));
	haw_put_string(m, "", 0);
	return haw_connection_send(c, err);
}

int haw_mux_open(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span type = haw_get_string(m);
	uint32_t remote_id = haw_get_u32(m), window = haw_get_u32(m), max_packet = haw_get_u32(m);
	struct haw_event *event;
	struct haw_chan *chan;

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "CHANNEL_OPEN", err);
	if (max_packet == 0)
		return haw_protocol_error(err, "the peer opened a channel with a maximum packet of 0");
	chan = haw_chan_new(&c->channels, (const char *)type.ptr, type.len, 0, 0, NULL, NULL);
	if (!chan)
		return refuse(c, remote_id, HAW_OPEN_RESOURCE_SHORTAGE, "no room for another channel", err);
	chan->state = HAW_CHAN_OFFERED;
	chan->remote_id = remote_id;
	chan->remote_window = window;
	chan->remote_max_packet = max_packet;
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_OPEN);
	event->chan = chan;
	event->name = type;
	event->data = haw_message_remainder(m);
	return 0;
}

void haw_connection_channel_accept(struct haw_connection *c, struct haw_chan *chan, uint32_t window,
				   uint32_t max_packet, void *owner)
{
	haw_message *m;
	haw_error err;

	if (c->closed || chan->state != HAW_CHAN_OFFERED)
		return;
	chan->owner = owner;
	if (window)
		haw_chan_pin_window(chan, window);
	if (max_packet)
		chan->max_packet = max_packet;
	chan->state = HAW_CHAN_OPEN;
	m = haw_connection_begin(c, HAW_MSG_CHANNEL_OPEN_CONFIRMATION);
	haw_put_u32(m, chan->remote_id);
	haw_put_u32(m, chan->id);
	haw_put_u32(m, chan->window);
	haw_put_u32(m, chan->max_packet);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
}

void haw_connection_channel_refuse(struct haw_connection *c, struct haw_chan *chan, uint32_t reason,
				   const char *text)
{
	haw_error err;

	if (c->closed || chan->state != HAW_CHAN_OFFERED)
		return;
	if (refuse(c, chan->remote_id, reason, text, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
	chan->state = HAW_CHAN_CLOSED;
	haw_chan_free(chan);
}

/* ---- Requests ---- */

int haw_connection_channel_request(struct haw_connection *c, struct haw_chan *chan, const char *type,
				   bool want_reply, haw_span payload, void *tag, haw_error *err)
{
	haw_message *m = &c->scratch;
	bool waits = chan->state == HAW_CHAN_WAITING || chan->state == HAW_CHAN_OPENING;

	if (c->closed || chan->close_out || chan->close_in || (!waits && chan->state != HAW_CHAN_OPEN))
		return haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the channel is closed");
	haw_message_reset(m);
	if (!waits) {
		haw_put_byte(m, HAW_MSG_CHANNEL_REQUEST);
		haw_put_u32(m, chan->remote_id);
	}
	haw_put_string(m, type, strlen(type));
	haw_put_bool(m, want_reply);
	haw_put_bytes(m, payload.ptr, payload.len);
	if (!haw_message_ok(m))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "the channel request is too long");
	if (want_reply && !haw_replies_push(&chan->replies, tag))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "too many channel requests wait for their answers");
	return waits ? haw_chan_hold(chan, haw_message_all(m), err) : haw_connection_send(c, err);
}

int haw_mux_request(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t id = haw_get_u32(m);
	haw_span type = haw_get_string(m);
	bool want_reply = haw_get_bool(m);
	struct haw_chan *chan = haw_channels_find(&c->channels, id);
	struct haw_event *event;

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "CHANNEL_REQUEST", err);
	if (!chan || chan->state != HAW_CHAN_OPEN || chan->close_in)
		return haw_protocol_error(err, "the peer sent a request for channel %u, which is not open",
					  id);
	if (chan->freed) {
		if (want_reply && !chan->close_out)
			haw_connection_channel_reply(c, chan, false);
		return 0;
	}
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_REQUEST);
	event->chan = chan;
	event->name = type;
	event->flag = want_reply;
	event->data = haw_message_remainder(m);
	return 0;
}

void haw_connection_channel_reply(struct haw_connection *c, struct haw_chan *chan, bool success)
{
	haw_error err;

	if (c->closed || chan->close_out)
		return;
	haw_put_u32(haw_connection_begin(c, success ? HAW_MSG_CHANNEL_SUCCESS : HAW_MSG_CHANNEL_FAILURE),
		    chan->remote_id);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
}

int haw_mux_reply(struct haw_connection *c, haw_message *m, haw_error *err)
{
	bool success = haw_message_all(m).ptr[0] == HAW_MSG_CHANNEL_SUCCESS;
	uint32_t id = haw_get_u32(m);
	struct haw_chan *chan = haw_channels_find(&c->channels, id);
	struct haw_event *event;
	void *tag;

	if (haw_connection_end_of_message(m, "reply to a channel request", err) < 0)
		return HAW_EPROTOCOL;
	if (!chan || chan->state != HAW_CHAN_OPEN || !haw_replies_pop(&chan->replies, &tag))
		return haw_protocol_error(err, "the peer answered a request on channel %u that was not made",
					  id);
	if (chan->freed)
		return 0;
	event = haw_connection_event(c, HAW_EVENT_CHANNEL_REPLY);
	event->chan = chan;
	event->number = success;
	event->tag = tag;
	return 0;
}
