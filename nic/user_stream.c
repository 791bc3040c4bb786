/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over a user's callbacks that do not block: they are tried when an operation starts, and
 * again whenever the user says that the stream is ready.
 */
#include <stdlib.h>
#include <string.h>

#include "nic/user_stream.h"

/* ---- Calls from any thread ---- */

static void run_call(struct haw_post *post)
{
	struct haw_stream_call *call = (struct haw_stream_call *)post;
	struct haw_stream *stream = call->stream;

	/* Before the work, so that readiness during it is not lost. */
	atomic_store(&call->posted, false);
	if (!stream->closed)
		call->fn(stream);
	haw_stream_release(stream);
}

static void drop_call(struct haw_post *post)
{
	haw_stream_release(((struct haw_stream_call *)post)->stream);
}

void haw_stream_call_init(struct haw_stream_call *call, struct haw_stream *stream,
			  void (*fn)(struct haw_stream *stream))
{
	call->post.fn = run_call;
	call->post.drop = drop_call;
	call->stream = stream;
	call->fn = fn;
}

/* The order of the two steps here, and of those in haw_stream_call_post, makes sure that a call is either
 * posted, or was made before the stream was bound and so before its first operation. */
void haw_stream_call_bind(struct haw_stream_call *call, struct haw_io *io)
{
	atomic_store(&call->mailbox, haw_mailbox_hold(haw_io_mailbox(io)));
	atomic_exchange(&call->posted, false);
}

void haw_stream_call_post(struct haw_stream_call *call)
{
	struct haw_mailbox *mailbox;

	if (atomic_exchange(&call->posted, true))
		return;
	mailbox = atomic_load(&call->mailbox);
	if (!mailbox)
		return;
	haw_stream_hold(call->stream);
	if (!haw_mailbox_post(mailbox, &call->post))
		haw_stream_release(call->stream);
}

void haw_stream_call_cancel(struct haw_stream_call *call)
{
	struct haw_mailbox *mailbox = atomic_load(&call->mailbox);

	/* Whoever closes holds the stream as well, so this is never the last hold. */
	if (mailbox && haw_mailbox_unpost(mailbox, &call->post))
		haw_stream_release(call->stream);
}

void haw_stream_call_free(struct haw_stream_call *call)
{
	haw_mailbox_release(atomic_load(&call->mailbox));
}

/* ---- Streams ---- */

struct user_stream {
	struct haw_stream base;
	struct haw_stream_call call;
	haw_stream_callbacks callbacks;
	int read_error, write_error; /* what ended the direction; HAW_EEND: the end of the stream */
	bool ended;
};

static struct user_stream *of(struct haw_stream *stream)
{
	return (struct user_stream *)stream;
}

static int user_attach(struct haw_stream *stream, haw_error *err)
{
	haw_stream_call_bind(&of(stream)->call, stream->io);
	return 0;
}

static int user_send(struct haw_stream *stream, struct haw_send *op)
{
	struct user_stream *u = of(stream);
	ptrdiff_t n;

	if (u->ended)
		return HAW_ECLOSED;
	if (u->write_error)
		return u->write_error;
	do {
		haw_span next = haw_send_next(op);

		n = haw_callback_result(u->callbacks.write(u->callbacks.user, next.ptr, next.len), next.len);
		if (n == HAW_EAGAIN)
			return 0;
		if (n <= 0) {
			u->write_error = n == 0 ? HAW_EINVAL : (int)n;
			return u->write_error;
		}
		stream->sent += (size_t)n;
	} while (!haw_send_advance(op, (size_t)n));
	return 1;
}

static int user_receive(struct haw_stream *stream, struct haw_receive *op)
{
	struct user_stream *u = of(stream);
	ptrdiff_t n;

	if (u->read_error && u->read_error != HAW_EEND)
		return u->read_error;
	n = u->read_error ? 0 : u->callbacks.read(u->callbacks.user, op->ptr, op->len);
	n = haw_callback_result(n, op->len);
	if (n == HAW_EAGAIN)
		return 0;
	if (n <= 0)
		u->read_error = n == 0 ? HAW_EEND : (int)n;
	if (n < 0)
		return (int)n;
	op->result = n;
	stream->received += (size_t)n;
	return 1;
}

static void user_called(struct haw_stream *stream)
{
	int rc;

	/* The callback of one operation may close the stream; the call holds its memory. */
	rc = stream->receive ? user_receive(stream, stream->receive) : 0;
	if (rc != 0)
		haw_stream_receive_done(stream, rc < 0 ? rc : stream->receive->result, 0);
	if (stream->closed)
		return;
	rc = stream->send ? user_send(stream, stream->send) : 0;
	if (rc != 0)
		haw_stream_send_done(stream, rc < 0 ? rc : 0, 0);
}

static void user_cancel_receive(struct haw_stream *stream)
{
	/* Nothing is under way between calls. */
}

static int user_shutdown_write(struct haw_stream *stream, haw_error *err)
{
	struct user_stream *u = of(stream);

	if (u->ended)
		return 0;
	if (!u->callbacks.end)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the stream's callbacks cannot end one direction");
	u->ended = true;
	u->callbacks.end(u->callbacks.user);
	return 0;
}

static void user_close(struct haw_stream *stream)
{
	struct user_stream *u = of(stream);

	haw_stream_call_cancel(&u->call);
	if (u->callbacks.close)
		u->callbacks.close(u->callbacks.user);
}

static void user_free(struct haw_stream *stream)
{
	haw_stream_call_free(&of(stream)->call);
	free(of(stream));
}

static void user_ready(struct haw_stream *stream)
{
	haw_stream_call_post(&of(stream)->call);
}

static const struct haw_stream_ops user_ops = {
	.attach = user_attach,
	.send = user_send,
	.receive = user_receive,
	.cancel_receive = user_cancel_receive,
	.shutdown_write = user_shutdown_write,
	.close = user_close,
	.free = user_free,
	.ready = user_ready,
};

haw_stream *haw_stream_new(const haw_stream_callbacks *callbacks, haw_error *err)
{
	haw_stream_callbacks own = {0};
	struct user_stream *u;

	if (callbacks->size < offsetof(haw_stream_callbacks, end)) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "the stream's callbacks must state their size and a read and a write function");
		return NULL;
	}
	memcpy(&own, callbacks, callbacks->size < sizeof(own) ? callbacks->size : sizeof(own));
	if (!own.read || !own.write || (own.flags & ~HAW_STREAM_BLOCKING)) {
		haw_error_set(
			err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			"the stream's callbacks need read and write, and no flag but HAW_STREAM_BLOCKING");
		return NULL;
	}
	if (own.flags & HAW_STREAM_BLOCKING)
		return haw_blocking_stream_new(&own, err);
	u = calloc(1, sizeof(*u));
	if (!u) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for a stream");
		return NULL;
	}
	haw_stream_init(&u->base, &user_ops);
	haw_stream_call_init(&u->call, &u->base, user_called);
	u->callbacks = own;
	return &u->base;
}
