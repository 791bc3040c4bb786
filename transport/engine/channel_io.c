/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of channel handles: queues to read from, queues to write to, and waiting for both.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/engine/transport_internal.h"

enum { SEND_QUEUE_MAX = 4 * 1024 * 1024, HEAD_MAX = 4096 };

/* ---- What arrives ---- */

static int inbox_put(struct haw_inbox *inbox, haw_span data)
{
	if (inbox->start > 0 && inbox->start + inbox->len + data.len > inbox->capacity) {
		memmove(inbox->data, inbox->data + inbox->start, inbox->len);
		inbox->start = 0;
	}
	if (inbox->len + data.len > inbox->capacity) {
		size_t capacity = inbox->capacity ? inbox->capacity : 65536;
		uint8_t *grown;

		while (capacity < inbox->len + data.len)
			capacity *= 2;
		grown = realloc(inbox->data, capacity);
		if (!grown)
			return HAW_ENOMEM;
		inbox->data = grown;
		inbox->capacity = capacity;
	}
	memcpy(inbox->data + inbox->start + inbox->len, data.ptr, data.len);
	inbox->len += data.len;
	return 0;
}

void haw_channel_free_inboxes(struct haw_channel *channel)
{
	for (int i = 0; i < 2; i++) {
		free(channel->inboxes[i].data);
		memset(&channel->inboxes[i], 0, sizeof(channel->inboxes[i]));
	}
}

static void join_batch(struct haw_channel *channel)
{
	struct haw_transport *t = channel->transport;

	if (channel->in_batch || !channel->callbacks.batch)
		return;
	channel->in_batch = true;
	channel->batch_next = t->batch;
	t->batch = channel;
}

/* What the callback leaves goes to the channel's own queue, which the window bounds. */
void haw_channel_take_data(struct haw_channel *channel, const struct haw_event *event)
{
	enum haw_channel_stream stream = event->number ? HAW_STREAM_STDERR : HAW_STREAM_DATA;
	struct haw_inbox *inbox = &channel->inboxes[stream];
	haw_span data = event->data;
	size_t taken = 0;

	join_batch(channel);
	if (inbox->len == 0 && channel->callbacks.data) {
		taken = channel->callbacks.data(channel->callbacks.user, channel, stream, data);
		if (taken > data.len)
			taken = data.len;
	}
	if (!channel->chan)
		return;
	haw_chan_consumed(channel->chan, taken);
	data.ptr += taken;
	data.len -= taken;
	if (data.len > 0 && inbox_put(inbox, data) < 0) {
		haw_error err;

		haw_error_set(&err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for a channel's data");
		haw_connection_fail(channel->transport->connection, 0, &err);
	}
}

void haw_channel_end_batch(struct haw_channel *channel)
{
	if (!channel->callbacks.batch)
		return;
	haw_channel_enter(channel);
	channel->callbacks.batch(channel->callbacks.user, channel);
	haw_channel_leave(channel);
}

static int closed_error(const haw_channel *channel, haw_error *err)
{
	if (err && channel->error.code)
		*err = channel->error;
	else
		haw_error_set(err, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the channel is closed");
	return HAW_ECLOSED;
}

ptrdiff_t haw_channel_recv(haw_channel *channel, enum haw_channel_stream stream, void *buffer, size_t len,
			   haw_error *err)
{
	struct haw_inbox *inbox = &channel->inboxes[stream == HAW_STREAM_STDERR];

	if (inbox->len > 0) {
		if (len > inbox->len)
			len = inbox->len;
		memcpy(buffer, inbox->data + inbox->start, len);
		inbox->start += len;
		inbox->len -= len;
		if (channel->chan) {
			haw_chan_consumed(channel->chan, len);
			haw_transport_touch(channel->transport);
		}
		return (ptrdiff_t)len;
	}
	if (channel->eof || (channel->closed && !channel->error.code))
		return haw_error_set(err, HAW_EEND, HAW_FAULT_NONE, 0, "end of the channel's data");
	if (channel->closed)
		return closed_error(channel, err);
	return haw_error_set(err, HAW_EAGAIN, HAW_FAULT_NONE, 0, "nothing has arrived");
}

/* ---- What is sent ---- */

static int check_sendable(haw_channel *channel, haw_error *err)
{
	if (!channel->chan || channel->closed)
		return closed_error(channel, err);
	if (channel->chan->eof_wanted || channel->chan->close_wanted)
		return haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0,
				     "nothing can be sent on the channel after its end was announced");
	return 0;
}

ptrdiff_t haw_channel_send(haw_channel *channel, const void *data, size_t len, haw_error *err)
{
	size_t room;
	int result = check_sendable(channel, err);

	if (result < 0)
		return result;
	room = channel->chan->queued < SEND_QUEUE_MAX ? SEND_QUEUE_MAX - channel->chan->queued : 0;
	if (room == 0)
		return haw_error_set(err, HAW_EAGAIN, HAW_FAULT_NONE, 0, "the channel's send queue is full");
	if (len > room)
		len = room;
	result = haw_chan_send(channel->chan, (haw_span){data, len}, 0, err);
	if (result < 0)
		return result;
	haw_transport_touch(channel->transport);
	return (ptrdiff_t)len;
}

int haw_channel_send_ref(haw_channel *channel, haw_span head, haw_span body, void (*release)(void *user),
			 void *user, haw_error *err)
{
	int result = check_sendable(channel, err);

	if (result < 0)
		return result;
	if (head.len > HEAD_MAX)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the head is longer than %d bytes",
				     HEAD_MAX);
	result = haw_chan_send_ref(channel->chan, head, body, release, user, err);
	haw_transport_touch(channel->transport);
	return result;
}

uint32_t haw_channel_peer_window(const haw_channel *channel)
{
	return channel->chan ? channel->chan->remote_window : 0;
}

void haw_channel_limit_window(haw_channel *channel, uint32_t bytes)
{
	if (channel->chan)
		haw_chan_limit_window(channel->chan, bytes);
}

size_t haw_channel_queued(const haw_channel *channel)
{
	return channel->chan ? channel->chan->queued : 0;
}

void haw_channel_set_low_mark(haw_channel *channel, size_t bytes)
{
	if (channel->chan)
		channel->chan->low_mark = bytes;
}

/* ---- Waiting ---- */

static int run_until(haw_loop *loop, uint64_t end, haw_error *err)
{
	uint64_t now = haw_io_now(loop->io);

	if (end && now >= end)
		return haw_error_set(err, HAW_ETIMEDOUT, HAW_FAULT_NONE, 0, "the time allowed has passed");
	return haw_loop_run(loop, end ? (int)((end - now + 999999) / 1000000) : -1, err);
}

static uint64_t end_of(const haw_channel *channel, int timeout_ms)
{
	if (timeout_ms < 0 || !channel->transport)
		return 0;
	return haw_io_now(channel->transport->loop->io) + (uint64_t)timeout_ms * 1000000 + 1;
}

int haw_channel_send_wait(haw_channel *channel, const void *data, size_t len, int timeout_ms, haw_error *err)
{
	const uint8_t *p = data;
	uint64_t end = end_of(channel, timeout_ms);

	while (len > 0) {
		ptrdiff_t n = haw_channel_send(channel, p, len, err);

		if (n == HAW_EAGAIN) {
			int result = run_until(channel->transport->loop, end, err);

			if (result < 0)
				return result;
			continue;
		}
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ptrdiff_t haw_channel_recv_wait(haw_channel *channel, enum haw_channel_stream stream, void *buffer,
				size_t len, int timeout_ms, haw_error *err)
{
	uint64_t end = end_of(channel, timeout_ms);

	for (;;) {
		ptrdiff_t n = haw_channel_recv(channel, stream, buffer, len, err);
		int result;

		if (n != HAW_EAGAIN)
			return n;
		result = run_until(channel->transport->loop, end, err);
		if (result < 0)
			return result;
	}
}
