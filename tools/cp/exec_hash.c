/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote_internal.h"

/* At a time: servers take ten sessions a connection (MaxSessions), and one is in use. */
enum { EXEC_MOST = 4, OUTPUT_MOST = 8192 };

/* A second for each 20 MB, and a while for the rest. */
static const uint64_t patience_ns = 30000000000, byte_ns = 50;

struct cp_exec {
	struct cp_session *s;
	struct cp_conn *conn;
	struct cp_exec *next;
	haw_channel *channel;
	haw_op *opening, *running;
	char output[OUTPUT_MOST];
	size_t len;
	bool ended, overflowed;
	uint64_t deadline_ns;
	void (*done)(void *user, const uint8_t *hash);
	void *user;
};

/* ---- What it says ---- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cp_hash_parse(const char *text, size_t len, uint8_t hash[CP_HASH_SIZE])
{
	/* One line: a backslash in front if the name is escaped, the hash, a space, the mode, the name. */
	if (len > 0 && text[0] == '\\') {
		text++;
		len--;
	}
	if (len < 2 * CP_HASH_SIZE + 4 || text[len - 1] != '\n' || memchr(text, '\n', len - 1))
		return false;
	if (text[2 * CP_HASH_SIZE] != ' ' ||
	    (text[2 * CP_HASH_SIZE + 1] != ' ' && text[2 * CP_HASH_SIZE + 1] != '*'))
		return false;
	for (size_t i = 0; i < CP_HASH_SIZE; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* ---- The command ---- */

/* The name in single quotes, which every shell takes; NULL if it cannot be said in one line. */
static char *command_for(const char *path)
{
	char *command = malloc(4 * strlen(path) + 32), *p;

	if (!command || strchr(path, '\n')) {
		free(command);
		return NULL;
	}
	p = stpcpy(command, "sha256sum -- '");
	for (; *path; path++)
		p = *path == '\'' ? stpcpy(p, "'\\''") : (*p = *path, p + 1);
	strcpy(p, "'");
	return command;
}

static void finish(struct cp_exec *e)
{
	struct cp_exec **at = &e->s->remote.execs;
	uint8_t hash[CP_HASH_SIZE];
	bool good = e->ended && !e->overflowed && cp_hash_parse(e->output, e->len, hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->s->remote.exec_count--;
	haw_op_free(e->running);
	haw_op_free(e->opening);
	haw_channel_free(e->channel);
	/* What cannot be done once is not tried for each file. */
	if (!good)
		e->s->remote.no_exec = true;
	e->done(e->user, good ? hash : NULL);
	free(e);
}

static size_t on_data(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view)
{
	struct cp_exec *e = user;

	(void)channel;
	if (stream != HAW_STREAM_DATA)
		return view.len;
	if (view.len > sizeof(e->output) - e->len) {
		e->overflowed = true;
		return view.len;
	}
	memcpy(e->output + e->len, view.ptr, view.len);
	e->len += view.len;
	return view.len;
}

static void on_end(void *user, haw_channel *channel)
{
	struct cp_exec *e = user;

	(void)channel;
	e->ended = true;
	haw_loop_wake(e->s->loop);
}

static void on_closed(void *user, haw_channel *channel, const haw_error *error)
{
	(void)error;
	on_end(user, channel);
}

bool cp_exec_hash(struct cp_session *s, const char *path, uint64_t size,
		  void (*done)(void *user, const uint8_t *hash), void *user)
{
	struct cp_conn *conn = cp_remote_ready(s);
	struct cp_exec *e;
	char *command;
	haw_error err;
	const haw_channel_options options = {
		.size = sizeof(options),
		.callbacks = {.size = sizeof(haw_channel_callbacks),
			      .data = on_data,
			      .eof = on_end,
			      .closed = on_closed},
	};
	haw_channel_callbacks callbacks = options.callbacks;

	if (s->remote.no_exec || s->remote.exec_count >= EXEC_MOST || !conn || !conn->client)
		return false;
	command = command_for(path);
	e = command ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		free(command);
		return false;
	}
	callbacks.user = e;
	e->opening = haw_channel_open_start(haw_client_transport(conn->client), &options, &e->channel, NULL,
					    NULL, &err);
	if (e->opening) {
		haw_channel_set_callbacks(e->channel, &callbacks);
		e->running = haw_channel_exec_start(e->channel, command, NULL, NULL, &err);
		/* It gets nothing to read, whatever it is that the server runs instead. */
		(void)!haw_channel_send_eof(e->channel, &err);
	}
	free(command);
	if (!e->running) {
		haw_op_free(e->opening);
		haw_channel_free(e->channel);
		free(e);
		s->remote.no_exec = true;
		return false;
	}
	e->s = s;
	e->conn = conn;
	e->done = done;
	e->user = user;
	e->deadline_ns = cp_now_ns() + patience_ns + size * byte_ns;
	e->next = s->remote.execs;
	s->remote.execs = e;
	s->remote.exec_count++;
	return true;
}

static bool is_over(const struct cp_exec *e)
{
	return e->ended || cp_now_ns() > e->deadline_ns ||
	       (haw_op_done(e->opening) && haw_op_result(e->opening, NULL) < 0) ||
	       (haw_op_done(e->running) && haw_op_result(e->running, NULL) < 0);
}

void cp_exec_hash_turn(struct cp_session *s, const struct cp_conn *conn)
{
	struct cp_exec *e = s->remote.execs;

	while (e) {
		struct cp_exec *next = e->next;
		bool none = s->remote.no_exec;

		if (e->conn == conn || is_over(e)) {
			finish(e);
			/* A connection that goes says nothing about the server. */
			if (conn)
				s->remote.no_exec = none;
			e = s->remote.execs;
		} else {
			e = next;
		}
	}
}
