/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over a user's callbacks that may block. Two helper threads call them, one for each
 * direction, started by the first operation of theirs:
 *
 *	loop  <- copy <-  buffer of the reader  <- read()   reading helper
 *	loop  -> copy ->  buffer of the writer  -> write()  writing helper
 *
 * The buffers are in between because a callback that hangs must not hold memory of the loop's caller. A
 * buffer belongs to the helper while it is marked as the helper's, else to the loop. Closing tells the
 * helpers to end and waits for nothing; each holds the stream's memory, and whoever leaves last
 * makes the user's close callback.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "nic/user_stream.h"

enum { BUFFER = 256 * 1024 };

struct direction {
	bool started;		/* there is a helper */
	bool working;		/* the buffer is the helper's */
	bool done;		/* RESULT stops this direction; no further callback */
	int result;		/* 0: end of the stream (reading) */
	size_t at, len;		/* bytes in the buffer that wait for their taker */
	pthread_cond_t work;	/* WORKING was set, or the stream was closed */
	uint8_t *buffer;
};

struct blocking_stream {
	struct haw_stream base;
	struct haw_stream_call call;
	haw_stream_callbacks callbacks;
	pthread_mutex_t lock;	/* the directions, QUIT, END */
	struct direction reading, writing;
	bool quit;
	bool end;		/* no more will be sent: say so when the buffer is empty */
};

static struct blocking_stream *of(struct haw_stream *stream)
{
	return (struct blocking_stream *)stream;
}

/* ---- Helpers ---- */

/* With the lock held: wait until the buffer is the helper's; false if it is to end. */
static bool wait_work(struct blocking_stream *b, struct direction *d)
{
	while (!b->quit && !d->working)
		pthread_cond_wait(&d->work, &b->lock);
	return !b->quit;
}

/* With the lock held: the buffer is the loop's again. */
static void give_back(struct blocking_stream *b, struct direction *d, ptrdiff_t result)
{
	d->working = false;
	if (result <= 0) {
		d->done = true;
		d->result = (int)result;
	}
	if (!b->quit)
		haw_stream_call_post(&b->call);
}

static void *read_for_ever(void *arg)
{
	struct blocking_stream *b = arg;
	struct direction *d = &b->reading;

	pthread_mutex_lock(&b->lock);
	while (!d->done && wait_work(b, d)) {
		ptrdiff_t n;

		pthread_mutex_unlock(&b->lock);
		n = haw_callback_result(b->callbacks.read(b->callbacks.user, d->buffer, BUFFER), BUFFER);
		pthread_mutex_lock(&b->lock);
		d->at = 0;
		d->len = n > 0 ? (size_t)n : 0;
		give_back(b, d, n);
	}
	pthread_mutex_unlock(&b->lock);
	haw_stream_release(&b->base);
	return NULL;
}

/* With the lock held, which is let go during callbacks: write all of the buffer, then the end if it was
 * asked for. Returns 1, or the code that ends this direction. */
static ptrdiff_t write_buffer(struct blocking_stream *b, struct direction *d)
{
	while (d->at < d->len) {
		size_t left = d->len - d->at;
		ptrdiff_t n;

		if (b->quit)
			return HAW_ECANCELED;
		pthread_mutex_unlock(&b->lock);
		n = b->callbacks.write(b->callbacks.user, d->buffer + d->at, left);
		pthread_mutex_lock(&b->lock);
		n = haw_callback_result(n, left);
		if (n <= 0)
			return n == 0 ? HAW_EINVAL : n;
		d->at += (size_t)n;
	}
	if (!b->end)
		return 1;
	pthread_mutex_unlock(&b->lock);
	b->callbacks.end(b->callbacks.user);
	pthread_mutex_lock(&b->lock);
	return HAW_ECLOSED;
}

static void *write_for_ever(void *arg)
{
	struct blocking_stream *b = arg;
	struct direction *d = &b->writing;

	pthread_mutex_lock(&b->lock);
	while (!d->done && wait_work(b, d))
		give_back(b, d, write_buffer(b, d));
	pthread_mutex_unlock(&b->lock);
	haw_stream_release(&b->base);
	return NULL;
}

/* Start a direction's helper if there is none. The process's signals are for its own threads. */
static int need_helper(struct blocking_stream *b, struct direction *d, void *(*run)(void *))
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, old;
	int e;

	if (d->started)
		return 0;
	d->buffer = malloc(BUFFER);
	if (!d->buffer)
		return HAW_ENOMEM;
	haw_stream_hold(&b->base);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&thread, &attributes, run, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	d->started = e == 0;
	if (e == 0)
		return 0;
	free(d->buffer);
	d->buffer = NULL;
	haw_stream_release(&b->base);
	return HAW_ESYSTEM;
}

/* With the lock held. */
static void hand_over(struct direction *d)
{
	d->working = true;
	pthread_cond_signal(&d->work);
}

/* ---- The loop's side ---- */

static int blocking_attach(struct haw_stream *stream, haw_error *err)
{
	haw_stream_call_bind(&of(stream)->call, stream->io);
	return 0;
}

/* With the lock held and the buffer the loop's: fill it from OP and hand it over. */
static void write_next(struct haw_stream *stream, struct direction *d, struct haw_send *op)
{
	haw_span next;

	d->at = 0;
	d->len = 0;
	while (d->len < BUFFER && (next = haw_send_next(op)).len > 0) {
		size_t n = next.len < BUFFER - d->len ? next.len : BUFFER - d->len;

		memcpy(d->buffer + d->len, next.ptr, n);
		d->len += n;
		haw_send_advance(op, n);
	}
	stream->sent += d->len;
	hand_over(d);
}

/* Done when the last byte of OP has been taken by the user's callback. */
static int blocking_send(struct haw_stream *stream, struct haw_send *op)
{
	struct blocking_stream *b = of(stream);
	struct direction *d = &b->writing;
	int rc = need_helper(b, d, write_for_ever);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&b->lock);
	if (d->done || (b->end && !stream->send))
		rc = d->done && d->result < 0 ? d->result : HAW_ECLOSED;
	else if (!d->working && haw_send_next(op).len > 0)
		write_next(stream, d, op);
	else if (!d->working)
		rc = 1;
	pthread_mutex_unlock(&b->lock);
	return rc;
}

static int blocking_receive(struct haw_stream *stream, struct haw_receive *op)
{
	struct blocking_stream *b = of(stream);
	struct direction *d = &b->reading;
	int rc = need_helper(b, d, read_for_ever);
	size_t n;

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&b->lock);
	if (!d->working && d->at < d->len) {
		n = d->len - d->at < op->len ? d->len - d->at : op->len;
		memcpy(op->ptr, d->buffer + d->at, n);
		d->at += n;
		stream->received += n;
		op->result = (int64_t)n;
		rc = 1;
	} else if (!d->working && d->done) {
		op->result = 0;
		rc = d->result < 0 ? d->result : 1;
	}
	/* Reads ahead by one buffer. */
	if (!d->working && !d->done && d->at == d->len)
		hand_over(d);
	pthread_mutex_unlock(&b->lock);
	return rc;
}

static void blocking_called(struct haw_stream *stream)
{
	int rc = stream->receive ? blocking_receive(stream, stream->receive) : 0;

	if (rc != 0)
		haw_stream_receive_done(stream, rc < 0 ? rc : stream->receive->result, 0);
	if (stream->closed)
		return;
	rc = stream->send ? blocking_send(stream, stream->send) : 0;
	if (rc != 0)
		haw_stream_send_done(stream, rc < 0 ? rc : 0, 0);
}

static void blocking_cancel_receive(struct haw_stream *stream)
{
	/* What the helper reads stays in its buffer for the next receive. */
}

static int blocking_shutdown_write(struct haw_stream *stream, haw_error *err)
{
	struct blocking_stream *b = of(stream);
	struct direction *d = &b->writing;

	if (!b->callbacks.end)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the stream's callbacks cannot end one direction");
	if (need_helper(b, d, write_for_ever) < 0)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0,
				     "out of memory for a helper thread");
	pthread_mutex_lock(&b->lock);
	b->end = true;
	if (!d->working && !d->done) {
		d->at = d->len;
		hand_over(d);
	}
	pthread_mutex_unlock(&b->lock);
	return 0;
}

static void blocking_close(struct haw_stream *stream)
{
	struct blocking_stream *b = of(stream);

	pthread_mutex_lock(&b->lock);
	b->quit = true;
	pthread_cond_signal(&b->reading.work);
	pthread_cond_signal(&b->writing.work);
	pthread_mutex_unlock(&b->lock);
	haw_stream_call_cancel(&b->call);
	if (b->callbacks.interrupt && (b->reading.started || b->writing.started))
		b->callbacks.interrupt(b->callbacks.user);
}

static void blocking_free(struct haw_stream *stream)
{
	struct blocking_stream *b = of(stream);

	if (b->callbacks.close)
		b->callbacks.close(b->callbacks.user);
	haw_stream_call_free(&b->call);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->reading.work);
	pthread_cond_destroy(&b->writing.work);
	free(b->reading.buffer);
	free(b->writing.buffer);
	free(b);
}

static const struct haw_stream_ops blocking_ops = {
	.attach = blocking_attach,
	.send = blocking_send,
	.receive = blocking_receive,
	.cancel_receive = blocking_cancel_receive,
	.shutdown_write = blocking_shutdown_write,
	.close = blocking_close,
	.free = blocking_free,
};

haw_stream *haw_blocking_stream_new(const haw_stream_callbacks *callbacks, haw_error *err)
{
	struct blocking_stream *b = calloc(1, sizeof(*b));

	if (!b) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for a stream");
		return NULL;
	}
	haw_stream_init(&b->base, &blocking_ops);
	haw_stream_call_init(&b->call, &b->base, blocking_called);
	b->callbacks = *callbacks;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->reading.work, NULL);
	pthread_cond_init(&b->writing.work, NULL);
	return &b->base;
}
