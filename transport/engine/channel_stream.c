/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel as the stream of another connection: what arrives waits in the channel's queue, which its
 * window bounds, until that connection has room.
 */
#include <stdlib.h>

#include "transport/engine/transport_internal.h"

struct channel_stream {
	haw_channel *channel;
	haw_stream *stream; /* the maker's, and there until it is closed */
};

/* ---- The stream's callbacks ---- */

static ptrdiff_t stream_read(void *user, void *ptr, size_t len)
{
	struct channel_stream *s = user;
	ptrdiff_t n = haw_channel_recv(s->channel, HAW_STREAM_DATA, ptr, len, NULL);

	return n == HAW_EEND ? 0 : n;
}

static ptrdiff_t stream_write(void *user, const void *ptr, size_t len)
{
	return haw_channel_send(((struct channel_stream *)user)->channel, ptr, len, NULL);
}

static void stream_end(void *user)
{
	haw_error err;

	/* A channel that is gone has ended. */
	if (haw_channel_send_eof(((struct channel_stream *)user)->channel, &err) < 0)
		return;
}

static void stream_close(void *user)
{
	struct channel_stream *s = user;

	haw_channel_free(s->channel);
	free(s);
}

/* ---- The channel's callbacks ---- */

static size_t on_data(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view)
{
	(void)user;
	(void)channel;
	/* Nobody reads it. */
	return stream == HAW_STREAM_STDERR ? view.len : 0;
}

static void on_change(void *user, haw_channel *channel)
{
	(void)channel;
	haw_stream_ready(((struct channel_stream *)user)->stream);
}

static void on_closed(void *user, haw_channel *channel, const haw_error *error)
{
	(void)error;
	on_change(user, channel);
}

haw_stream *haw_channel_stream(haw_channel *channel, haw_error *err)
{
	struct channel_stream *s = calloc(1, sizeof(*s));
	haw_stream_callbacks stream = {.size = sizeof(stream),
				       .user = s,
				       .read = stream_read,
				       .write = stream_write,
				       .end = stream_end,
				       .close = stream_close};
	haw_channel_callbacks callbacks = {.size = sizeof(callbacks),
					   .user = s,
					   .data = on_data,
					   .batch = on_change,
					   .writable = on_change,
					   .eof = on_change,
					   .closed = on_closed};

	if (!s) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	s->channel = channel;
	s->stream = haw_stream_new(&stream, err);
	if (!s->stream) {
		free(s);
		return NULL;
	}
	haw_channel_set_callbacks(channel, &callbacks);
	return s->stream;
}
