/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interrupt.h"

enum { QUEUED_MAX = 1 << 20, TURN_MS = 100, WINDOW_LEAST = 4 << 20 };

/* 10 Gbit/s. */
static const double window_bytes_per_ns = 1.25;

/* How long the command may take to end when all is done. */
static const uint64_t patience_ns = 10000000000u;

static struct cp_rate *rate(const struct cp_wire *w)
{
	return &w->s->flow.rate;
}

bool cp_wire_running(const struct cp_wire *w)
{
	return cp_running(w->s) && !w->failed;
}

/* ---- What the command writes to its standard error ---- */

static void say_line(struct cp_wire *w)
{
	char shown[4 * sizeof(w->said)], line[sizeof(shown) + 256];

	haw_escape(shown, sizeof(shown), w->said, w->said_len);
	snprintf(line, sizeof(line), "%.200s: %s", w->s->host_text, shown);
	cp_report_note(&w->s->report, 0, line);
	w->said_len = 0;
}

static void say(struct cp_wire *w, haw_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\n')
			w->said[w->said_len++] = (char)text.ptr[i];
		if (w->said_len == sizeof(w->said) || (text.ptr[i] == '\n' && w->said_len > 0))
			say_line(w);
	}
}

/* ---- Over a channel ---- */

/* Data of a file go where they belong without a copy. With a limited rate they wait in the channel's queue.
 */
static size_t on_data(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view)
{
	struct cp_wire *w = user;
	size_t len;

	if (stream == HAW_STREAM_STDERR) {
		say(w, view);
		return view.len;
	}
	if (w->wanted == 0 || rate(w)->bytes_per_s)
		return 0;
	len = view.len < w->wanted ? view.len : (size_t)w->wanted;
	w->wanted -= len;
	w->take(w->user, view.ptr, len);
	return len;
}

static void on_batch(void *user, haw_channel *channel)
{
	struct cp_wire *w = user;

	if (w->flush)
		w->flush(w->user);
}

static void on_eof(void *user, haw_channel *channel)
{
	struct cp_wire *w = user;

	w->ended = w->eof = true;
}

static void note_cut(struct cp_wire *w, const haw_error *why)
{
	if (w->cut)
		return;
	w->cut = true;
	w->why = *why;
}

static void on_closed(void *user, haw_channel *channel, const haw_error *error)
{
	struct cp_wire *w = user;

	w->ended = true;
	if (error && error->code)
		note_cut(w, error);
}

static void ponged(void *user, haw_op *op)
{
	struct cp_wire *w = user;
	double most = (double)(cp_now_ns() - w->ping_ns) * window_bytes_per_ns;

	if (w->channel && most > WINDOW_LEAST)
		haw_channel_limit_window(w->channel, most < UINT32_MAX ? (uint32_t)most : UINT32_MAX);
}

/* What the server may send ahead follows the delay, which is asked for while nothing else is under way and
 * the command is running: with more, all that is gained on a short path is that data have left the caches
 * when they are opened (measured on loopback: half the speed, and less when processors are scarce). */
static void limit_window(struct cp_wire *w)
{
	const haw_span none = {NULL, 0};

	haw_channel_limit_window(w->channel, WINDOW_LEAST);
	w->ping_ns = cp_now_ns();
	w->ping = haw_transport_global_request_start(cp_session_transport(w->s), "keepalive@openssh.com",
						     true, none, ponged, w, NULL);
}

static bool open_channel(struct cp_wire *w, const char *command)
{
	const haw_channel_options options = {
		.size = sizeof(options),
		.callbacks = {.size = sizeof(haw_channel_callbacks),
			      .user = w,
			      .data = on_data,
			      .batch = on_batch,
			      .eof = on_eof,
			      .closed = on_closed},
	};
	haw_op *open, *exec = NULL;
	haw_error err;
	int code;

	open = haw_channel_open_start(cp_session_transport(w->s), &options, &w->channel, NULL, NULL, &err);
	if (open)
		exec = haw_channel_exec_start(w->channel, command, NULL, NULL, &err);
	code = exec ? cp_wait(w->s, open, &err) : err.code;
	if (code == 0)
		code = cp_wait(w->s, exec, &err);
	if (code == 0)
		limit_window(w);
	haw_op_free(exec);
	haw_op_free(open);
	if (code == HAW_EREFUSED)
		cp_report_wrong(&w->s->report, "%s: the server refuses to run scp there", w->s->host_text);
	else if (code < 0 && !haw_transport_is_open(cp_session_transport(w->s)))
		note_cut(w, &err);
	else if (code < 0 && cp_running(w->s))
		cp_report_wrong(&w->s->report, "%s: %s", w->s->host_text, err.message);
	return code == 0;
}

bool cp_wire_is_cut(const struct cp_wire *w)
{
	haw_transport *transport;

	if (w->eof || w->program)
		return false;
	transport = cp_session_transport(w->s);
	return w->cut || (transport && !haw_transport_is_open(transport));
}

/* ---- Both ---- */

static bool open_program(struct cp_wire *w, struct cp_program *program, const haw_error *err)
{
	w->program = program;
	if (!program) {
		cp_report_wrong(&w->s->report, "%s", err->message);
		return false;
	}
	w->fd = program->fd;
	fcntl(w->fd, F_SETFL, O_NONBLOCK);
	return true;
}

static void begin(struct cp_wire *w, struct cp_session *s)
{
	memset(w, 0, offsetof(struct cp_wire, buffer));
	w->s = s;
	w->fd = -1;
}

bool cp_wire_open(struct cp_wire *w, struct cp_session *s, const char *command)
{
	struct cp_program *program;
	haw_error err;

	begin(w, s);
	if (!s->args->scp.program)
		return cp_remote_wait(s) && open_channel(w, command);
	program = cp_program_start(&s->args->scp, s->peer, s->args->port, command, &err);
	return open_program(w, program, &err);
}

bool cp_wire_open_origin(struct cp_wire *w, struct cp_session *s, const char *const words[CP_ORIGIN_WORDS])
{
	struct cp_program *program;
	char *command = NULL;
	haw_error err;
	bool good;

	begin(w, s);
	if (s->args->scp.program) {
		program = cp_program_start_for_origin(&s->args->scp, s->peer, s->args->port, words, &err);
		return open_program(w, program, &err);
	}
	if (asprintf(&command, "%s %s %s", words[0], words[1], words[2]) < 0) {
		cp_report_wrong(&s->report, "out of memory");
		return false;
	}
	good = cp_remote_wait(s) && open_channel(w, command);
	free(command);
	return good;
}

static bool wait_fd(struct cp_wire *w, short events)
{
	struct pollfd waiting = {.fd = w->fd, .events = events};

	poll(&waiting, 1, TURN_MS);
	if (cp_interrupted())
		w->s->stopped = true;
	cp_report_progress(&w->s->report);
	return cp_wire_running(w);
}

/* What is there, or HAW_EAGAIN, or 0 at the end. */
ptrdiff_t cp_wire_receive(struct cp_wire *w, void *buffer, size_t len)
{
	ptrdiff_t n;

	if (w->channel) {
		n = haw_channel_recv(w->channel, HAW_STREAM_DATA, buffer, len, NULL);
		return n > 0 || n == HAW_EAGAIN ? n : 0;
	}
	do
		n = read(w->fd, buffer, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return HAW_EAGAIN;
	w->ended = n <= 0;
	return n > 0 ? n : 0;
}

struct fill {
	struct cp_wire *w;
	ptrdiff_t n;
	uint8_t *buffer;
	size_t size;
};

static bool has_come(void *user)
{
	struct fill *f = user;

	if (f->n == HAW_EAGAIN)
		f->n = cp_wire_receive(f->w, f->buffer, f->size);
	return f->n != HAW_EAGAIN || !cp_wire_running(f->w);
}

static void no_turn(void *user)
{
	(void)user;
}

/* Wait for something; 0 at the end. */
static size_t wait_for_data(struct cp_wire *w, uint8_t *buffer, size_t size)
{
	struct fill f = {.w = w, .n = HAW_EAGAIN, .buffer = buffer, .size = size};

	if (w->channel)
		cp_session_run(w->s, has_come, no_turn, &f);
	else
		while (!has_come(&f))
			wait_fd(w, POLLIN);
	if (f.n <= 0)
		return 0;
	w->s->remote.answered++;
	return (size_t)f.n;
}

int cp_wire_byte(struct cp_wire *w)
{
	if (w->len == 0) {
		w->start = 0;
		w->len = wait_for_data(w, w->buffer, sizeof(w->buffer));
	}
	if (w->len == 0)
		return -1;
	w->len--;
	return w->buffer[w->start++];
}

ptrdiff_t cp_wire_line(struct cp_wire *w, char *line, size_t size)
{
	size_t len = 0;
	int c;

	while ((c = cp_wire_byte(w)) != '\n') {
		if (c < 0)
			return -1;
		if (len + 1 >= size)
			return -2;
		line[len++] = (char)c;
	}
	line[len] = '\0';
	return (ptrdiff_t)len;
}

/* ---- The data of a file ---- */

static bool has_taken(void *user)
{
	const struct cp_wire *w = user;

	return w->wanted == 0 || w->ended || !cp_wire_running(w);
}

static bool has_rate(void *user)
{
	struct cp_wire *w = user;

	return cp_rate_room(rate(w), cp_now_ns()) || !cp_wire_running(w);
}

/* Wait until the rate has room. */
static void wait_for_rate(struct cp_wire *w)
{
	if (has_rate(w))
		return;
	if (w->channel)
		cp_session_run(w->s, has_rate, no_turn, w);
	else
		while (!has_rate(w))
			poll(NULL, 0, (int)(cp_rate_wait_ns(rate(w), cp_now_ns()) / 1000000) % TURN_MS + 1);
}

static void hand_over(struct cp_wire *w, const uint8_t *data, size_t len)
{
	w->take(w->user, data, len);
	w->flush(w->user);
	cp_rate_take(rate(w), len);
}

/* What was read already, and what has come to the channel's queue. */
static void take_queued(struct cp_wire *w)
{
	size_t len = w->len < w->wanted ? w->len : (size_t)w->wanted;
	ptrdiff_t n = 1;

	if (len > 0) {
		w->wanted -= len;
		hand_over(w, w->buffer + w->start, len);
		w->start += len;
		w->len -= len;
	}
	while (w->wanted > 0 && n > 0) {
		len = cp_rate_piece(rate(w), sizeof(w->buffer));
		if (len > w->wanted)
			len = (size_t)w->wanted;
		wait_for_rate(w);
		n = cp_wire_receive(w, w->buffer, len);
		if (n > 0) {
			w->wanted -= (size_t)n;
			hand_over(w, w->buffer, (size_t)n);
		}
	}
}

static void take_paced(struct cp_wire *w)
{
	while (w->wanted > 0 && cp_wire_running(w)) {
		size_t len = cp_rate_piece(rate(w), sizeof(w->buffer));

		if (len > w->wanted)
			len = (size_t)w->wanted;
		wait_for_rate(w);
		len = wait_for_data(w, w->buffer, len);
		if (len == 0)
			break;
		w->wanted -= len;
		hand_over(w, w->buffer, len);
	}
}

bool cp_wire_take(struct cp_wire *w, uint64_t len, void (*take)(void *user, const uint8_t *data, size_t len),
		  void (*flush)(void *user), void *user)
{
	w->take = take;
	w->flush = flush;
	w->user = user;
	w->wanted = len;
	take_queued(w);
	if (w->channel && !rate(w)->bytes_per_s && w->wanted > 0 && !w->ended)
		cp_session_run(w->s, has_taken, no_turn, w);
	else
		take_paced(w);
	w->flush = NULL;
	len = w->wanted;
	w->wanted = 0;
	return len == 0;
}

/* ---- Sending ---- */

static bool send_fd(struct cp_wire *w, const uint8_t *data, size_t len)
{
	while (len > 0 && cp_wire_running(w)) {
		ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			wait_fd(w, POLLOUT);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return len == 0;
}

bool cp_wire_has_room(void *user)
{
	struct cp_wire *w = user;

	return w->ended || haw_channel_queued(w->channel) < QUEUED_MAX || !cp_wire_running(w);
}

bool cp_wire_send(struct cp_wire *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (!w->channel)
		return send_fd(w, data, len);
	while (len > 0 && cp_wire_running(w)) {
		ptrdiff_t n = haw_channel_send(w->channel, p, len, NULL);

		if (n < 0 && n != HAW_EAGAIN)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else {
			cp_session_run(w->s, cp_wire_has_room, no_turn, w);
		}
	}
	return len == 0;
}

bool cp_wire_lend(struct cp_wire *w, const void *data, size_t len, void (*release)(void *user), void *user)
{
	haw_span none = {NULL, 0};
	bool good;

	wait_for_rate(w);
	cp_rate_take(rate(w), len);
	if (!w->channel) {
		good = send_fd(w, data, len);
		release(user);
		return good;
	}
	if (!cp_wire_has_room(w))
		cp_session_run(w->s, cp_wire_has_room, no_turn, w);
	good = !w->ended && cp_wire_running(w) &&
	       haw_channel_send_ref(w->channel, none, (haw_span){data, len}, release, user, NULL) == 0;
	if (!good)
		release(user);
	return good;
}

/* ---- The end ---- */

struct ending {
	struct cp_wire *w;
	uint64_t deadline_ns;
};

static bool has_ended(void *user)
{
	struct ending *e = user;
	uint8_t ignored[1024];

	while (haw_channel_recv(e->w->channel, HAW_STREAM_DATA, ignored, sizeof(ignored), NULL) > 0)
		;
	return haw_channel_exit_status(e->w->channel, NULL) >= 0 || !haw_channel_is_open(e->w->channel) ||
	       !cp_wire_running(e->w) || cp_now_ns() > e->deadline_ns;
}

static void say_signal(struct cp_wire *w, const char *name)
{
	char shown[80];

	cp_report_failed(&w->s->report, w->s->host_text, "scp there was ended by signal %s",
			 haw_escape(shown, sizeof(shown), name, strnlen(name, 16)));
}

/* Nothing of ours is on the connection any more. */
static void tell_cut(struct cp_wire *w)
{
	haw_transport *transport = cp_session_transport(w->s);

	if (!w->cut && transport && !haw_transport_is_open(transport)) {
		haw_transport_error(transport, &w->why);
		w->cut = true;
	}
	if (w->cut)
		cp_remote_lose(w->s, &w->why);
}

int64_t cp_wire_close(struct cp_wire *w)
{
	struct ending e = {w, cp_now_ns() + patience_ns};
	int64_t status = -1;
	const char *signal_name = NULL;

	if (w->program) {
		w->program->fd = w->fd;
		return cp_program_end(&w->s->report, w->program);
	}
	if (!w->channel) {
		tell_cut(w);
		return -1;
	}
	if (cp_wire_running(w) && haw_channel_send_eof(w->channel, NULL) == 0)
		cp_session_run(w->s, has_ended, no_turn, &e);
	status = haw_channel_exit_status(w->channel, &signal_name);
	if (signal_name)
		say_signal(w, signal_name);
	if (w->said_len > 0)
		say_line(w);
	haw_op_free(w->ping);
	haw_channel_free(w->channel);
	w->channel = NULL;
	tell_cut(w);
	return status;
}
