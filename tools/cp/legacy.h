/* SPDX-License-Identifier: Apache-2.0
 *
 * The old scp protocol (-O), for hosts without SFTP: scp runs there as `scp -t` or `scp -f`, and one
 * side sends records to the other, which answers each.
 *
 *   C0644 1234 NAME   a file, whose bytes follow, and then a byte of 0 or a message
 *   D0755 0 NAME      into a directory       E   out of it again
 *   T mtime 0 atime 0 times of what the next record names
 *   1 TEXT, 2 TEXT    (bytes of that value) a failure, of one file or of all
 *
 * Where the connection is cut, all of that begins anew over the next one. What was settled before is passed
 * over: it is not sent, or refused by an answer of 1, and the side that sends goes on with the next. The file
 * that was under way starts again.
 *
 *   legacy.c         commands, messages, the next connection
 *   legacy_copy.c    operands
 *   legacy_done.c    what was settled
 *   legacy_source.c  sends local files
 *   legacy_sink.c    takes records apart, and files
 *   legacy_dir.c     directories here
 *   wire.c           the bytes
 *
 * Nothing that the server says is trusted: names are single components and were asked for, numbers are
 * within their ranges, lines end, and directories here are descriptors, reached without following links.
 */
#ifndef CP_LEGACY_H
#define CP_LEGACY_H

#include "legacy_done.h"
#include "sink.h"
#include "wire.h"

enum { CP_LEGACY_LINE = 8192 };

struct cp_legacy {
	struct cp_session *s;
	struct cp_wire *wire;
	bool broken;    /* the protocol cannot go on */
	bool cut;       /* since the connection was cut */
	bool empty;     /* nothing at all has come */
	bool passed;    /* something was refused that is here already, which the server takes for a failure */
	struct cp_done *done;     /* NULL: nothing is remembered */
	struct cp_seen told;      /* messages of the server */
	unsigned attempts, stuck; /* those that were cut, in all; and since something was settled */
	bool settled;             /* something was, by this one */
	bool directory; /* the name that is given to what comes is to be a directory's */
};

/* Copy local SOURCES to the server, or COUNT sources of it here; from one server to another. RAW names are as
 * the user wrote them: the shell there expands them. */
void cp_legacy_upload(struct cp_session *s, char **sources, size_t count, const char *raw);
void cp_legacy_download(struct cp_session *s, const char *const *raw, size_t count, const char *destination);
void cp_legacy_relay(struct cp_session *from, struct cp_session *to, const char *const *raw, size_t count,
		     const char *raw_destination);
/* Have scp on the server of S copy from there to TARGET (-R). */
void cp_legacy_on_origin(struct cp_session *s, const char *const *raw, size_t count,
			 const struct cp_location *target);

/* ---- Messages ---- */

/* Take the answer to a record about NAME. False if it was a failure, which has been said. */
bool cp_legacy_answer(struct cp_legacy *l, const char *name);
/* The server said TEXT, LEN bytes, of NAME (may be NULL). What it said before a cut is not told again. */
void cp_legacy_complain(struct cp_legacy *l, const char *name, const char *text, size_t len);
/* The server broke the protocol: nothing more can be had from it. */
void cp_legacy_break(struct cp_legacy *l, const char *what);
/* Answer that all is well, or that it is not. */
void cp_legacy_accept(struct cp_legacy *l);
void cp_legacy_refuse(struct cp_legacy *l, const char *reason);
bool cp_legacy_running(const struct cp_legacy *l);

/* ---- Commands and connections ---- */

/* Let what is settled be remembered, if a connection that is cut is to be brought back. */
void cp_legacy_begin(struct cp_legacy *l);
/* Run scp on the server: "-t" or "-f", for RAW, which is to be a DIRECTORY. Reports what fails. */
bool cp_legacy_open(struct cp_legacy *l, const char *mode, const char *raw, bool directory);
/* Run scp on the first of two hosts. Reports what fails. */
bool cp_legacy_open_origin(struct cp_legacy *l, const char *const words[CP_ORIGIN_WORDS]);
/* Its end. QUIET: how it ended does not matter. */
void cp_legacy_close(struct cp_legacy *l, bool quiet);
/* After that: whether it was cut, and is to be done again. */
bool cp_legacy_again(struct cp_legacy *l);
/* It was cut and cannot be done again, for the reason WHY. */
void cp_legacy_give_up(struct cp_legacy *l, const char *why);
/* NAME of DONE is settled. */
void cp_legacy_settle(struct cp_legacy *l, struct cp_done *done, const char *name);
void cp_legacy_end(struct cp_legacy *l);

/* ---- legacy_source.c ---- */

/* Send the operand LOCAL and what is in it, as AS, or under its own name if that is NULL. */
void cp_legacy_send(struct cp_legacy *l, const char *local, const char *as);

/* ---- legacy_dir.c ---- */

struct cp_legacy_dir {
	struct cp_legacy_dir *parent;
	char *name, *written; /* its final name in the parent's directory, and its temporary one or NULL */
	int fd;
	mode_t mode;
	struct timespec times[2];
	bool timed, made, fresh, base;
	bool again; /* this run has begun with it before */
	struct cp_done *done;
};

/* Enter NAME of PARENT, or make it; as THEIRS the server knows it. NULL with an errno. */
struct cp_legacy_dir *cp_legacy_enter(struct cp_session *s, struct cp_legacy_dir *parent, const char *name,
				      const char *theirs, mode_t mode, bool trusted);
/* Leave it: attributes, final name. COMPLETE: all of it came. Returns 0 or an errno. Frees it. */
int cp_legacy_leave(struct cp_session *s, struct cp_legacy_dir *dir, bool complete);

/* ---- legacy_sink.c ---- */

/* Take what the server sends into BASE; as RENAME_TO, unless that is NULL. REQUEST: the name that was asked
 * for, as the user wrote it. */
void cp_legacy_take(struct cp_legacy *l, struct cp_legacy_dir *base, const char *rename_to,
		    const char *request);

#endif
