/* SPDX-License-Identifier: Apache-2.0
 *
 * A command on the server and the bytes to and from it: over a channel of our own connection, or through
 * the program of -S. Calls wait, while the loop turns, for as long as the run goes on.
 */
#ifndef CP_WIRE_H
#define CP_WIRE_H

#include "program.h"
#include "session.h"

enum { CP_WIRE_BUFFER = 64 << 10 };

struct cp_wire {
	struct cp_session *s;
	haw_channel *channel;       /* or: */
	struct cp_program *program; /* and its socket: */
	int fd;
	haw_op *ping; /* finds out the path's delay */
	uint64_t ping_ns;
	bool ended;  /* nothing more comes */
	bool eof;    /* since the command has closed its end */
	bool cut;    /* since the connection is gone: */
	haw_error why;
	bool failed; /* said already */
	/* While the data of a file are taken: */
	uint64_t wanted;
	void (*take)(void *user, const uint8_t *data, size_t len);
	void (*flush)(void *user); /* the views of TAKE are about to go */
	void *user;
	/* What was read and not used. */
	size_t start, len;
	/* A line of the command's standard error. */
	size_t said_len;
	char said[512];
	uint8_t buffer[CP_WIRE_BUFFER];
};

/* Run COMMAND on the server of S, whose connection is waited for. Reports what fails, but not that the
 * connection was cut (cp_wire_is_cut): then it is to be tried again, by the caller, when this is closed. */
bool cp_wire_open(struct cp_wire *w, struct cp_session *s, const char *command);
/* The same for scp on the first of two hosts. */
bool cp_wire_open_origin(struct cp_wire *w, struct cp_session *s, const char *const words[CP_ORIGIN_WORDS]);
/* The next byte, or -1 at the end of the stream, or of the run. */
int cp_wire_byte(struct cp_wire *w);
/* A line of fewer than SIZE bytes into LINE, without its end; a terminator is added. Its length, -1 at the
 * end of the stream, -2 for a longer one. */
ptrdiff_t cp_wire_line(struct cp_wire *w, char *line, size_t size);
/* Give the next LEN bytes to TAKE, in views that live until FLUSH has returned. False if they did not come.
 */
bool cp_wire_take(struct cp_wire *w, uint64_t len, void (*take)(void *user, const uint8_t *data, size_t len),
		  void (*flush)(void *user), void *user);
/* Send a few bytes, which are copied. */
bool cp_wire_send(struct cp_wire *w, const void *data, size_t len);
/* Send LEN bytes when there is room for them; RELEASE is called once they are not needed any more, also on
 * failure. */
bool cp_wire_lend(struct cp_wire *w, const void *data, size_t len, void (*release)(void *user), void *user);
/* Give each side what the other sends, until one ends. */
void cp_wire_join(struct cp_wire *from, struct cp_wire *to);
/* Whether the connection ended before the command did. */
bool cp_wire_is_cut(const struct cp_wire *w);
/* The end: wait for that of the command. Returns its status, or -1 if it is not known. */
int64_t cp_wire_close(struct cp_wire *w);

/* ---- Among the files of it ---- */

bool cp_wire_running(const struct cp_wire *w);
/* What is there, at most LEN bytes, or HAW_EAGAIN, or 0 at the end. */
ptrdiff_t cp_wire_receive(struct cp_wire *w, void *buffer, size_t len);
/* Whether more may be queued (USER: the wire), or never will. */
bool cp_wire_has_room(void *user);

#endif
