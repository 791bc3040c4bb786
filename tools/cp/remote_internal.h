/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the requests that survive their connections.
 *
 *   begin -> waiting -> under way on a connection -> answered
 *               ^                |
 *               +---- cut -------+       or with its file: parked until that is open there,
 *                                        held until the file's data are answered
 */
#ifndef CP_REMOTE_INTERNAL_H
#define CP_REMOTE_INTERNAL_H

#include "names.h"
#include "session.h"

enum cp_request_kind {
	CP_STAT,
	CP_SETSTAT,
	CP_MKDIR,
	CP_RMDIR,
	CP_REMOVE,
	CP_RENAME,
	CP_SYMLINK,
	CP_READLINK,
	CP_REALPATH,
	CP_EXPAND_PATH,
	CP_OPEN,
	CP_OPENDIR,
	CP_CHECK_FILE,
	CP_READ, /* from here on: of an open file */
	CP_WRITE,
	CP_FSTAT,
	CP_FCHECK,
	CP_FSETSTAT,
	CP_READDIR,
	CP_CLOSE
};

struct cp_reply {
	struct cp_session *s;
	struct cp_reply *next, *previous; /* waiting, held or finished; or under way on CONN */
	struct cp_reply *parked;	  /* the next one that waits for the same opening */
	struct cp_reply *hash_next;
	struct cp_conn *conn;
	struct cp_file *file;
	char *path, *to;
	const void *data;
	haw_sink_fn sink;
	cp_reply_fn done;
	void *user;
	uint64_t offset, sent_ns;
	uint64_t settled_ns; /* by then the server of its lost connection has ended */
	uint32_t len, flags; /* FLAGS: what else is no data, the length of what is hashed, say */
	uint32_t moved; /* of LEN: arrived, or written and answered */
	uint32_t kept;	/* of MOVED: by attempts before this one */
	uint32_t part;	/* of a WRITE, sent at a time; 0: all of it */
	uint8_t kind;
	bool follow, mine;
	bool repeated; /* it may have been done already */
	bool checked;  /* and whether it has was found out */
	bool hashed, sealed;
	haw_attrs attrs;

	haw_op *op; /* the answer */
	int code;
	haw_error *error; /* own, where it is not OP's */
	haw_name *names;  /* what is new of a listing */
	size_t name_count;
};

/* A file on one connection. */
struct cp_place {
	struct cp_file *owner;
	haw_file *file;	  /* NULL: not open there */
	haw_op *op;	  /* it is being opened */
	bool opening, relaxed;
	unsigned pending; /* READs and WRITEs under way */
	struct cp_reply *parked, **parked_end;
};

struct cp_file {
	struct cp_session *s;
	struct cp_file *next, *previous;
	char *path;
	uint32_t flags;	     /* HAW_OPEN_READ or _WRITE, to open it once more */
	bool directory, again;
	bool in_parts; /* WRITEs go in parts: nothing may be sent behind them before all are done */
	bool in_place; /* the name is the user's, not of this run's making */
	bool relaxed;  /* its mode was changed so that it opens for writing again */
	uint32_t mode; /* which is to be this in the end */
	bool once;     /* what was written cannot be written again: no regular file */
	unsigned references; /* its owner's and its requests' */
	unsigned pending;    /* READs and WRITEs under way anywhere */
	uint64_t moved;	     /* bytes asked for */
	struct cp_reply *held, **held_end; /* wait until none are pending */
	struct cp_seen seen;		   /* of a listing */
	unsigned place_count;
	struct cp_place places[];
};

enum cp_conn_state {
	CP_CONN_NONE,	    /* not wanted, not yet, or not any more */
	CP_CONN_CONNECTING,
	CP_CONN_READY,
	CP_CONN_CUT	    /* to be connected once more */
};

struct cp_conn {
	struct cp_session *s;
	unsigned index;
	enum cp_conn_state state;
	bool lost;	/* found out, not yet dealt with */
	bool had_been_ready;
	haw_error why;
	haw_client *client;
	struct cp_program *program; /* that it runs through; NULL: our own transport */
	haw_sftp *sftp;
	haw_op *connecting, *opening;
	struct cp_reply *first, *last; /* under way, in the order of sending */
	unsigned count;
	uint64_t bytes;
	unsigned allowance; /* requests under way at most: few at first on a connection that came back */
	uint64_t deadline_ns, patience_ns; /* of its session's opening */
	unsigned login;			   /* its number among the logins */
	/* For the account of what is waited for. */
	haw_op *ping;
	uint64_t ping_sent_ns, ping_ns, least_ping_ns, request_ns;
	uint64_t packet_ns, stream_ns;
};

/* ---- remote.c ---- */

/* CODE means that the connection is gone, not that the request failed. */
bool cp_conn_is_code(int code);
void cp_conn_lose(struct cp_conn *conn, const haw_error *err);
/* The connection for a request that needs none in particular; NULL: none is ready. */
struct cp_conn *cp_conn_choose(struct cp_session *s);

/* ---- remote_waits.c ---- */

/* A request that left at SENT_NS was answered. */
void cp_conn_answered(struct cp_conn *conn, uint64_t sent_ns);
/* Ask the question, if it is time. */
void cp_conn_ping(struct cp_conn *conn);
/* Add what the connection has taken since the last time. */
void cp_conn_account(struct cp_conn *conn);

/* ---- remote_request.c ---- */

void cp_request_free(struct cp_reply *r);
/* Send R, or put it where it will be sent from; false: it cannot be sent now. */
bool cp_request_try(struct cp_reply *r);
/* Send R when it is its turn. */
void cp_request_submit(struct cp_reply *r);
/* Send all that wait. */
void cp_request_pump(struct cp_session *s);
void cp_request_attach(struct cp_reply *r, struct cp_conn *conn);
void cp_request_detach(struct cp_reply *r);
/* Start it on its connection. */
void cp_request_start(struct cp_reply *r);
/* The raw operation that stands for R has begun, or has not. */
void cp_request_started(struct cp_reply *r, haw_op *op, const haw_error *err);
/* The raw operation's callback for most requests. */
void cp_request_done(void *user, haw_op *op);
/* Answer R from outside its callback: with the next turn. ERR NULL: it is good. */
void cp_request_finish_later(struct cp_reply *r, const haw_error *err);
void cp_request_finish(struct cp_reply *r, int code);
/* The requests of a connection that is gone wait once more, in front of the others. */
void cp_request_take_back(struct cp_conn *conn);
void cp_request_fail_all(struct cp_session *s, const haw_error *err);
void cp_request_deliver(struct cp_session *s);
/* Where requests have been sent that one for PATH must not overtake. */
struct cp_conn *cp_request_conflict(struct cp_session *s, const char *path);

/* ---- remote_repeat.c ---- */

/* R may have been done: find that out, or make room for it. True if it is being looked after. */
bool cp_repeat_check(struct cp_reply *r);
/* What a repeated RENAME was to move is gone, perhaps only now, by a server that was still at work for the
 * connection that was lost: see whether it has arrived. */
void cp_repeat_moved(struct cp_reply *r);
/* A repeated request that makes one of this run's own names has failed with CODE: that name may be there. */
bool cp_repeat_makes(const struct cp_reply *r, int code);
/* See whether it is what the first attempt was to make; else it has failed for the reason in ERR. */
void cp_repeat_find(struct cp_reply *r, const haw_error *err);
/* Whether R may be sent once more by now. */
bool cp_repeat_may_start(const struct cp_reply *r);
/* A repeated MKDIR has failed: see whether the directory is there. */
void cp_repeat_made(struct cp_reply *r);
/* Whether the failure CODE of a repeated request means that it had been done before. */
bool cp_repeat_excuses(const struct cp_reply *r, int code);

/* ---- remote_late.c ---- */

/* R's connection is gone. What R makes may be made at any time now. */
void cp_late_note(const struct cp_reply *r);
void cp_late_free(struct cp_session *s);

/* ---- remote_file.c ---- */

struct cp_file *cp_file_new(struct cp_session *s, const char *path, uint32_t flags, bool directory);
void cp_file_put(struct cp_file *file);
/* The file that the OPEN or OPENDIR R has brought: RAW, or NULL if it is there but not open yet. False: out
 * of memory; RAW is freed. */
bool cp_file_take(struct cp_reply *r, haw_file *raw);
bool cp_file_try(struct cp_reply *r);
void cp_file_release_held(struct cp_file *file);
/* The connection is gone, and what was open on it. */
void cp_file_forget_conn(struct cp_session *s, unsigned index);
void cp_file_start(struct cp_reply *r);
/* A part of a WRITE is done: false if another was sent. */
bool cp_file_took_part(struct cp_reply *r);
/* A listing's answer: false if there is nothing new in it, and it was asked for once more. */
bool cp_file_take_names(struct cp_reply *r);

#endif
