/* SPDX-License-Identifier: Apache-2.0
 *
 * A session over any byte stream: a server program behind a pair of pipes, or another SSH client that
 * runs the subsystem.
 *
 *   pieces  (head, copied | body, borrowed) -> haw_stream_send, a few at a time -> released when gone
 *   stream -> space -> haw_sftp_feed -> batch end, behind which the space is used again
 */
#include <stdlib.h>
#include <string.h>

#include "nic/io.h"
#include "transport/engine/loop.h"
#include "transport/sftp/session.h"

enum { SPACE = 256 * 1024, TURN_SHARE = 8 * 1024 * 1024 };

/* One call of the carrier's send. */
struct piece {
	struct piece *next;
	haw_span body;
	void (*release)(void *user);
	void *user;
	size_t head_len;
	uint8_t head[];
};

struct sftp_stream {
	struct haw_io *io;
	struct haw_stream *stream;
	struct haw_sftp *sftp;
	struct haw_timer kick;
	struct haw_send send;
	struct haw_receive receive;
	struct piece *first, *last;
	unsigned sending; /* pieces in the send under way */
	bool receiving, ended, closed;
	unsigned busy; /* inside a callback: who closes does not free */
	uint8_t space[SPACE];
};

/* ---- The end ---- */

static void leave(struct sftp_stream *s)
{
	if (--s->busy == 0 && s->closed)
		free(s);
}

static void lost(struct sftp_stream *s, int code, int sys_errno)
{
	char text[128];
	haw_error err = {.code = 0};

	if (s->ended || s->closed)
		return;
	s->ended = true;
	if (code < 0 && code != HAW_ECLOSED)
		haw_error_set(&err, code, HAW_FAULT_SYSTEM, sys_errno,
			      "the stream to the SFTP server failed: %s",
			      sys_errno ? strerror_r(sys_errno, text, sizeof(text)) : haw_code_name(code));
	haw_sftp_closed(s->sftp, &err);
}

/* ---- Out ---- */

static void drop_first(struct sftp_stream *s)
{
	struct piece *piece = s->first;

	s->first = piece->next;
	if (!s->first)
		s->last = NULL;
	if (piece->release)
		piece->release(piece->user);
	free(piece);
}

static bool fill_send(struct sftp_stream *s)
{
	struct piece *piece = s->first;

	s->send.count = 0;
	s->sending = 0;
	for (; piece && s->send.count + 2 <= HAW_SEND_SPANS; piece = piece->next) {
		if (piece->head_len > 0)
			s->send.spans[s->send.count++] = (haw_span){piece->head, piece->head_len};
		if (piece->body.len > 0)
			s->send.spans[s->send.count++] = piece->body;
		s->sending++;
	}
	return s->send.count > 0;
}

/* Releasing calls back, and that may close the session. */
static void count_sent(struct sftp_stream *s)
{
	while (s->sending > 0 && !s->closed) {
		s->sending--;
		drop_first(s);
	}
}

static void pump_out(struct sftp_stream *s)
{
	while (!s->closed && !s->ended && s->sending == 0 && fill_send(s)) {
		int rc = haw_stream_send(s->stream, &s->send);

		if (rc == 0)
			return;
		/* What the server said before it went is still to be read, and says more. */
		if (rc < 0) {
			if (rc != HAW_ECLOSED)
				lost(s, rc, s->send.sys_errno);
			return;
		}
		count_sent(s);
	}
}

/* ---- In ---- */

static void take(struct sftp_stream *s)
{
	if (s->receive.result <= 0) {
		lost(s, (int)s->receive.result, s->receive.sys_errno);
		return;
	}
	haw_sftp_feed(s->sftp, (haw_span){s->space, (size_t)s->receive.result});
	if (!s->closed)
		haw_sftp_batch_end(s->sftp);
}

static void on_kick(void *user);

static void pump_in(struct sftp_stream *s)
{
	size_t share = TURN_SHARE;

	while (!s->closed && !s->ended && !s->receiving) {
		int rc;

		if (share < SPACE) {
			haw_timer_set(s->io, &s->kick, haw_io_now(s->io), on_kick, s);
			return;
		}
		s->receive.ptr = s->space;
		s->receive.len = SPACE;
		rc = haw_stream_receive(s->stream, &s->receive);
		if (rc == 0) {
			s->receiving = true;
			return;
		}
		if (rc < 0)
			s->receive.result = rc;
		else
			share -= (size_t)s->receive.result;
		take(s);
		pump_out(s);
	}
}

static void on_kick(void *user)
{
	struct sftp_stream *s = user;

	s->busy++;
	pump_out(s);
	pump_in(s);
	leave(s);
}

static void on_sent(struct haw_send *op)
{
	struct sftp_stream *s = op->user;

	s->busy++;
	if (op->result < 0 && op->result != HAW_ECLOSED) {
		lost(s, op->result, op->sys_errno);
	} else if (op->result == 0) {
		count_sent(s);
		pump_out(s);
	}
	leave(s);
}

static void on_received(struct haw_receive *op)
{
	struct sftp_stream *s = op->user;

	s->busy++;
	s->receiving = false;
	take(s);
	pump_out(s);
	pump_in(s);
	leave(s);
}

/* ---- The carrier ---- */

static int stream_send(void *stream, haw_span head, haw_span body, void (*release)(void *user), void *user,
		       haw_error *err)
{
	struct sftp_stream *s = stream;
	struct piece *piece = malloc(sizeof(*piece) + head.len);

	if (!piece)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for SFTP requests");
	*piece = (struct piece){.body = body, .release = release, .user = user, .head_len = head.len};
	if (head.len > 0)
		memcpy(piece->head, head.ptr, head.len);
	if (s->last)
		s->last->next = piece;
	else
		s->first = piece;
	s->last = piece;
	if (!s->busy && !s->kick.set)
		haw_timer_set(s->io, &s->kick, haw_io_now(s->io), on_kick, s);
	return 0;
}

/* Who answers is known only by its version. */
static bool stream_pipelines(void *stream)
{
	return false;
}

static void stream_close(void *stream)
{
	struct sftp_stream *s = stream;

	s->closed = true;
	s->busy++;
	haw_timer_cancel(s->io, &s->kick);
	haw_stream_close(s->stream);
	while (s->first)
		drop_first(s);
	leave(s);
}

static const struct haw_sftp_carrier stream_carrier = {
	.send = stream_send,
	.pipelines = stream_pipelines,
	.close = stream_close,
};

/* ---- Starting ---- */

static struct sftp_stream *new_stream(haw_loop *loop, haw_stream *stream, haw_error *err)
{
	struct sftp_stream *s;

	if (haw_stream_attach(loop->io, stream, err) < 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		haw_stream_close(stream);
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for an SFTP session");
		return NULL;
	}
	s->io = loop->io;
	s->stream = stream;
	s->send.done = on_sent;
	s->receive.done = on_received;
	s->send.user = s->receive.user = s;
	return s;
}

haw_op *haw_sftp_start_stream(haw_loop *loop, haw_stream *stream, haw_sftp **result, haw_op_fn done,
			      void *user, haw_error *err)
{
	struct sftp_stream *s = new_stream(loop, stream, err);
	haw_sftp *sftp;
	haw_op *op;

	*result = NULL;
	if (!s)
		return NULL;
	sftp = haw_sftp_create(loop, &stream_carrier, s, done, user, err);
	if (!sftp) {
		stream_close(s);
		return NULL;
	}
	s->sftp = sftp;
	op = &sftp->start->op;
	if (haw_sftp_hello(sftp, err) < 0) {
		haw_op_free(op);
		haw_sftp_free(sftp);
		return NULL;
	}
	/* The first turn of the loop sends, and begins to receive. */
	*result = sftp;
	return op;
}
