/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>

#include "nic/stream_base.h"

void haw_stream_init(struct haw_stream *stream, const struct haw_stream_ops *ops)
{
	stream->ops = ops;
	atomic_init(&stream->references, 1);
}

void haw_stream_hold(struct haw_stream *stream)
{
	atomic_fetch_add_explicit(&stream->references, 1, memory_order_relaxed);
}

void haw_stream_release(struct haw_stream *stream)
{
	if (atomic_fetch_sub_explicit(&stream->references, 1, memory_order_acq_rel) > 1)
		return;
	if (!stream->closed) {
		stream->closed = true;
		stream->ops->close(stream);
	}
	stream->ops->free(stream);
}

int haw_stream_attach(struct haw_io *io, struct haw_stream *stream, haw_error *err)
{
	int rc;

	if (stream->io || stream->closed)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the stream is in use already");
	stream->io = io;
	rc = stream->ops->attach(stream, err);
	if (rc < 0) {
		stream->io = NULL;
		return rc;
	}
	haw_stream_hold(stream);
	return 0;
}

/* ---- Operations ---- */

haw_span haw_send_next(struct haw_send *op)
{
	haw_span next = {0};

	while (op->at < op->count && op->offset >= op->spans[op->at].len) {
		op->at++;
		op->offset = 0;
	}
	if (op->at < op->count) {
		next.ptr = op->spans[op->at].ptr + op->offset;
		next.len = op->spans[op->at].len - op->offset;
	}
	return next;
}

bool haw_send_advance(struct haw_send *op, size_t sent)
{
	haw_span next;

	for (;;) {
		next = haw_send_next(op);
		if (next.len == 0)
			return true;
		if (sent < next.len)
			break;
		op->offset += next.len;
		sent -= next.len;
	}
	op->offset += sent;
	return false;
}

int haw_stream_send(struct haw_stream *stream, struct haw_send *op)
{
	int rc;

	/* OP may be the one that is pending. */
	if (stream->send || op->count > HAW_SEND_SPANS)
		return HAW_EINVAL;
	op->at = 0;
	op->offset = 0;
	op->sys_errno = 0;
	rc = haw_send_next(op).len == 0 ? 1 : stream->ops->send(stream, op);
	op->result = rc < 0 ? rc : 0;
	if (rc == 0)
		stream->send = op;
	return rc;
}

int haw_stream_receive(struct haw_stream *stream, struct haw_receive *op)
{
	int rc;

	if (stream->receive || op->len == 0)
		return HAW_EINVAL;
	op->sys_errno = 0;
	rc = stream->ops->receive(stream, op);
	if (rc < 0)
		op->result = rc;
	if (rc == 0)
		stream->receive = op;
	return rc;
}

void haw_stream_send_done(struct haw_stream *stream, int result, int sys_errno)
{
	struct haw_send *op = stream->send;

	stream->send = NULL;
	op->result = result;
	op->sys_errno = sys_errno;
	haw_callback_made(stream->io);
	op->done(op);
}

void haw_stream_receive_done(struct haw_stream *stream, int64_t result, int sys_errno)
{
	struct haw_receive *op = stream->receive;

	stream->receive = NULL;
	op->result = result;
	op->sys_errno = sys_errno;
	haw_callback_made(stream->io);
	op->done(op);
}

bool haw_stream_cancel_receive(struct haw_stream *stream)
{
	if (!stream->receive)
		return false;
	stream->ops->cancel_receive(stream);
	stream->receive = NULL;
	return true;
}

int haw_stream_shutdown_write(struct haw_stream *stream, haw_error *err)
{
	if (stream->send)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the stream cannot be ended while a send is pending");
	return stream->ops->shutdown_write(stream, err);
}

void haw_stream_discard(struct haw_stream *stream)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};
	int fd = stream->closed || !stream->ops->socket ? -1 : stream->ops->socket(stream);

	/* Sockets of other families take it and do nothing. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void haw_stream_close(struct haw_stream *stream)
{
	if (!stream || stream->closed)
		return;
	stream->closed = true;
	stream->send = NULL;
	stream->receive = NULL;
	stream->ops->close(stream);
	haw_stream_release(stream);
}

void haw_stream_byte_counts(const struct haw_stream *stream, uint64_t *sent, uint64_t *received)
{
	if (sent)
		*sent = stream->sent;
	if (received)
		*received = stream->received;
}

int haw_stream_socket(const struct haw_stream *stream)
{
	return stream->ops->socket ? stream->ops->socket(stream) : -1;
}

void haw_stream_set_unsent_limit(struct haw_stream *stream, unsigned bytes)
{
	if (stream->ops->set_unsent_limit)
		stream->ops->set_unsent_limit(stream, bytes);
}

/* ---- The maker's handle ---- */

void haw_stream_ready(haw_stream *stream)
{
	if (stream->ops->ready)
		stream->ops->ready(stream);
}

void haw_stream_free(haw_stream *stream)
{
	if (stream)
		haw_stream_release(stream);
}
