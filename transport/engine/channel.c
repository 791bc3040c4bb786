/* SPDX-License-Identifier: Apache-2.0
 *
 * Channel handles: opening, requests, ends. Their data are in channel_io.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/engine/transport_internal.h"

/* ---- Life ---- */

static void set_callbacks(struct haw_channel *channel, const haw_channel_callbacks *callbacks)
{
	size_t size = callbacks->size < sizeof(*callbacks) ? callbacks->size : sizeof(*callbacks);

	memset(&channel->callbacks, 0, sizeof(channel->callbacks));
	memcpy(&channel->callbacks, callbacks, size);
}

void haw_channel_set_callbacks(haw_channel *channel, const haw_channel_callbacks *callbacks)
{
	set_callbacks(channel, callbacks);
}

static void link_channel(struct haw_transport *t, struct haw_channel *channel)
{
	channel->next = t->channels;
	if (channel->next)
		channel->next->link = &channel->next;
	channel->link = &t->channels;
	t->channels = channel;
}

static void unlink_channel(struct haw_channel *channel)
{
	if (!channel->transport)
		return;
	*channel->link = channel->next;
	if (channel->next)
		channel->next->link = channel->link;
	for (struct haw_channel **at = &channel->transport->batch; *at; at = &(*at)->batch_next)
		if (*at == channel) {
			*at = channel->batch_next;
			break;
		}
}

static void destroy(struct haw_channel *channel)
{
	const haw_error gone = {
		.code = HAW_ECANCELED, .fault = HAW_FAULT_LOCAL, .message = "the channel was freed"};

	/* The operations that end here may call for the channel's end once more. */
	channel->in_callback++;
	unlink_channel(channel);
	if (channel->chan) {
		channel->chan->close_wanted = true;
		haw_chan_free(channel->chan);
		channel->chan = NULL;
		haw_transport_touch(channel->transport);
	}
	haw_transport_op_end_all(&channel->opens, HAW_ECANCELED, &gone);
	haw_transport_op_end_all(&channel->replies, HAW_ECANCELED, &gone);
	haw_channel_free_inboxes(channel);
	free(channel);
}

void haw_channel_enter(struct haw_channel *channel)
{
	channel->in_callback++;
}

bool haw_channel_leave(struct haw_channel *channel)
{
	if (--channel->in_callback > 0 || !channel->free_wanted)
		return true;
	destroy(channel);
	return false;
}

void haw_channel_free(haw_channel *channel)
{
	if (!channel)
		return;
	memset(&channel->callbacks, 0, sizeof(channel->callbacks));
	if (channel->in_callback)
		channel->free_wanted = true;
	else
		destroy(channel);
}

struct haw_transport *haw_channel_transport(const haw_channel *channel)
{
	return channel->transport;
}

uint32_t haw_channel_id(const haw_channel *channel)
{
	return channel->id;
}

bool haw_channel_is_open(const haw_channel *channel)
{
	return channel->opened && channel->chan && !channel->closed;
}

/* ---- Opening ---- */

/* TYPE and what stands behind the sizes in its open message, if that could be written. */
static haw_op *open_start(struct haw_transport *t, const char *type, const haw_message *specific,
			  const haw_channel_options *options, haw_channel **result, haw_op_fn done,
			  void *user, haw_error *err)
{
	haw_channel_options o = {0};
	struct haw_transport_op *op;
	struct haw_channel *channel = calloc(1, sizeof(*channel));

	*result = NULL;
	if (!channel) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	if (options)
		memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	channel->exit_status = -1;
	channel->chan = haw_connection_channel_open(t->connection, type, haw_message_all(specific), o.window,
						    o.max_packet, channel, err);
	op = channel->chan ? haw_transport_op_new(t, &channel->opens, done, user, err) : NULL;
	if (!op) {
		if (channel->chan)
			haw_chan_free(channel->chan);
		free(channel);
		return NULL;
	}
	channel->id = channel->chan->id;
	channel->transport = t;
	set_callbacks(channel, &o.callbacks);
	link_channel(t, channel);
	haw_transport_touch(t);
	*result = channel;
	return &op->op;
}

haw_op *haw_channel_open_start(struct haw_transport *t, const haw_channel_options *options,
			       haw_channel **channel, haw_op_fn done, void *user, haw_error *err)
{
	haw_message nothing = {0};

	return open_start(t, "session", &nothing, options, channel, done, user, err);
}

haw_op *haw_channel_open_tcpip_start(struct haw_transport *t, const char *host, uint16_t port,
				     const haw_channel_options *options, haw_channel **channel,
				     haw_op_fn done, void *user, haw_error *err)
{
	static const char origin[] = "127.0.0.1";
	haw_message specific;
	haw_op *op;

	/* RFC 4254 §7.2. Where it comes from is nobody's business; OpenSSH says the same. */
	haw_message_write(&specific, 0);
	haw_put_string(&specific, host, strlen(host));
	haw_put_u32(&specific, port);
	haw_put_string(&specific, origin, sizeof(origin) - 1);
	haw_put_u32(&specific, 65535);
	op = open_start(t, "direct-tcpip", &specific, options, channel, done, user, err);
	haw_message_free(&specific);
	return op;
}

int haw_channel_open(struct haw_transport *t, const haw_channel_options *options, haw_channel **channel,
		     int timeout_ms, haw_error *err)
{
	int result =
		haw_op_await(haw_channel_open_start(t, options, channel, NULL, NULL, err), timeout_ms, err);

	if (result < 0 && *channel) {
		haw_channel_free(*channel);
		*channel = NULL;
	}
	return result;
}

int haw_channel_open_tcpip(struct haw_transport *t, const char *host, uint16_t port,
			   const haw_channel_options *options, haw_channel **channel, int timeout_ms,
			   haw_error *err)
{
	int result = haw_op_await(
		haw_channel_open_tcpip_start(t, host, port, options, channel, NULL, NULL, err), timeout_ms,
		err);

	if (result < 0 && *channel) {
		haw_channel_free(*channel);
		*channel = NULL;
	}
	return result;
}

/* ---- Requests ---- */

haw_op *haw_channel_request_start(haw_channel *channel, const char *type, bool want_reply, haw_span payload,
				  haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport *t = channel->transport;
	struct haw_transport_op *op;

	if (!t || !channel->chan || channel->closed) {
		haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the channel is closed");
		return NULL;
	}
	op = haw_transport_op_new(t, &channel->replies, done, user, err);
	if (!op)
		return NULL;
	if (haw_connection_channel_request(t->connection, channel->chan, type, want_reply, payload,
					   haw_transport_op_tag(op), err) < 0) {
		haw_op_free(&op->op);
		return NULL;
	}
	haw_transport_touch(t);
	if (!want_reply)
		haw_transport_op_end_later(op, 0, NULL);
	return &op->op;
}

static haw_op *text_request(haw_channel *channel, const char *type, const char *text, haw_op_fn done,
			    void *user, haw_error *err)
{
	haw_message payload;
	haw_op *op;

	haw_message_write(&payload, 0);
	haw_put_string(&payload, text, strlen(text));
	op = haw_channel_request_start(channel, type, true, haw_message_all(&payload), done, user, err);
	haw_message_free(&payload);
	return op;
}

haw_op *haw_channel_exec_start(haw_channel *channel, const char *command, haw_op_fn done, void *user,
			       haw_error *err)
{
	return text_request(channel, "exec", command, done, user, err);
}

haw_op *haw_channel_subsystem_start(haw_channel *channel, const char *name, haw_op_fn done, void *user,
				    haw_error *err)
{
	return text_request(channel, "subsystem", name, done, user, err);
}

int haw_channel_exec(haw_channel *channel, const char *command, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_channel_exec_start(channel, command, NULL, NULL, err), timeout_ms, err);
}

int haw_channel_subsystem(haw_channel *channel, const char *name, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_channel_subsystem_start(channel, name, NULL, NULL, err), timeout_ms, err);
}

int64_t haw_channel_exit_status(const haw_channel *channel, const char **signal)
{
	if (signal)
		*signal = channel->exit_signal[0] ? channel->exit_signal : NULL;
	return channel->exit_status;
}

/* ---- Ends ---- */

int haw_channel_send_eof(haw_channel *channel, haw_error *err)
{
	if (!channel->chan || channel->closed)
		return haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the channel is closed");
	channel->chan->eof_wanted = true;
	haw_transport_touch(channel->transport);
	return 0;
}

void haw_channel_close(haw_channel *channel)
{
	if (!channel->chan || channel->closed)
		return;
	channel->chan->close_wanted = true;
	haw_transport_touch(channel->transport);
}

/* The core's part is over; what was received and not read stays to be read. */
void haw_channel_end(struct haw_channel *channel, const haw_error *err)
{
	haw_error closed;

	if (channel->close_reported)
		return;
	channel->closed = channel->close_reported = true;
	channel->error = *err;
	closed = *err;
	if (!closed.code)
		haw_error_set(&closed, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the peer closed the channel");
	if (channel->chan) {
		haw_chan_free(channel->chan);
		channel->chan = NULL;
	}
	haw_channel_enter(channel);
	haw_transport_op_end_all(&channel->opens, closed.code, &closed);
	haw_transport_op_end_all(&channel->replies, closed.code, &closed);
	if (channel->callbacks.closed)
		channel->callbacks.closed(channel->callbacks.user, channel, err);
	haw_channel_leave(channel);
}

/* ---- Events ---- */

/* RFC 4254 §6.10. */
static bool take_exit(struct haw_channel *channel, const struct haw_event *event)
{
	haw_message m;

	haw_message_read(&m, event->data.ptr, event->data.len);
	if (haw_span_is(event->name, "exit-status")) {
		uint32_t status = haw_get_u32(&m);

		if (haw_message_ok(&m))
			channel->exit_status = status;
		return true;
	}
	if (haw_span_is(event->name, "exit-signal")) {
		haw_span name = haw_get_string(&m);

		haw_escape(channel->exit_signal, sizeof(channel->exit_signal), name.ptr, name.len);
		return true;
	}
	return false;
}

static void peer_request(struct haw_channel *channel, const struct haw_event *event)
{
	bool understood = take_exit(channel, event);
	struct haw_transport *t = channel->transport;

	if (!understood && channel->callbacks.request)
		understood = channel->callbacks.request(channel->callbacks.user, channel, event->name,
							event->flag, event->data);
	if (event->flag && channel->chan)
		haw_connection_channel_reply(t->connection, channel->chan, understood);
}

static void reply(struct haw_channel *channel, const struct haw_event *event)
{
	struct haw_transport_op *op = channel->replies;
	haw_error err;

	while (op && haw_transport_op_tag(op) != event->tag)
		op = op->next;
	if (!op)
		return;
	if (event->number) {
		haw_transport_op_end_one(op, 0, NULL);
		return;
	}
	haw_error_set(&err, HAW_EREFUSED, HAW_FAULT_PEER, 0, "the server refused the request on the channel");
	haw_transport_op_end_one(op, HAW_EREFUSED, &err);
}

static void refused(struct haw_channel *channel, const struct haw_event *event)
{
	/* RFC 4254 §5.1. */
	static const char *const reasons[] = {"no reason", "administratively prohibited", "connect failed",
					      "unknown channel type", "resource shortage"};
	const char *reason = event->number < sizeof(reasons) / sizeof(reasons[0]) ? reasons[event->number]
										  : "unknown reason";
	haw_error err;

	haw_error_set(&err, HAW_EREFUSED, HAW_FAULT_PEER, 0,
		      "the server refused to open a channel: %s (reason %u, %s)",
		      event->text[0] ? event->text : "no text", (unsigned)event->number, reason);
	err.reason = (uint32_t)event->number;
	haw_channel_end(channel, &err);
}

void haw_channel_handle(struct haw_channel *channel, const struct haw_event *event)
{
	const haw_error in_order = {0};

	haw_channel_enter(channel);
	switch (event->kind) {
	case HAW_EVENT_CHANNEL_READY:
		channel->opened = true;
		haw_transport_op_end_all(&channel->opens, 0, NULL);
		break;
	case HAW_EVENT_CHANNEL_DATA:
		haw_channel_take_data(channel, event);
		break;
	case HAW_EVENT_CHANNEL_WINDOW:
		if (channel->callbacks.writable)
			channel->callbacks.writable(channel->callbacks.user, channel);
		break;
	case HAW_EVENT_CHANNEL_EOF:
		channel->eof = true;
		if (channel->callbacks.eof)
			channel->callbacks.eof(channel->callbacks.user, channel);
		break;
	case HAW_EVENT_CHANNEL_REQUEST:
		peer_request(channel, event);
		break;
	case HAW_EVENT_CHANNEL_REPLY:
		reply(channel, event);
		break;
	default:
		break;
	}
	if (!haw_channel_leave(channel))
		return;
	if (event->kind == HAW_EVENT_CHANNEL_REFUSED)
		refused(channel, event);
	else if (event->kind == HAW_EVENT_CHANNEL_CLOSED)
		haw_channel_end(channel, &in_order);
}
