/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of one run share: the arguments, the connection, the account.
 */
#ifndef CP_SESSION_H
#define CP_SESSION_H

#include <sys/types.h>

#include <hawser/client.h>

#include "answers.h"
#include "args.h"
#include "flow.h"
#include "location.h"
#include "remote.h"
#include "report.h"

enum { CP_REMOTE_BUCKETS = 512 };

struct cp_request_queue {
	struct cp_reply *first, **end;
};

/* The connections, and what they carry (remote_internal.h). */
struct cp_remote {
	struct cp_conn *conns;
	unsigned count;
	bool early; /* requests may follow the login at once */
	bool full;  /* the server takes no more connections */
	struct cp_request_queue waiting, finished;
	struct cp_file *files;
	struct cp_late *late;	/* names that may come to stand there (remote_late.c) */
	unsigned late_count, late_pending;
	struct cp_reply *changes[CP_REMOTE_BUCKETS]; /* under way, by the name that they change */
	uint64_t answered, answered_before;	     /* requests; at the last loss */
	unsigned tries;			     /* since something was answered */
	unsigned failures;			     /* attempts to connect that failed in a row */
	uint64_t lost_ns, retry_ns;
	haw_error gone; /* code 0: not so */
	char fingerprint[128];
	struct cp_exec *execs; /* commands under way (exec_hash.c) */
	unsigned exec_count;
	bool no_exec; /* the server runs none that help */
	struct cp_answers answers;
	struct cp_program *ending; /* were run in place of connections that are lost */
	enum cp_wait waits_for; /* while the loop waits */
	void (*batch)(void *user);
	void *batch_user;
};

/* Who waits until the limit on the rate has room (--bwlimit). Belongs to the waiter; AGAIN is called once. */
struct cp_paced {
	struct cp_paced *next;
	void (*again)(void *user);
	void *user;
	bool queued;
};

struct cp_session {
	const struct cp_args *args;
	struct cp_report report;
	struct cp_flow flow;
	struct cp_paced *paced, **paced_end;
	mode_t umask;
	bool several;		/* sources, perhaps elsewhere: the destination is a directory */

	const struct cp_location *peer;	/* whose host this is */
	haw_loop *loop;
	bool borrows_loop;	/* it is another session's */
	bool plain;		/* there is no SFTP session, only the connection */
	struct cp_session *companion; /* runs with it, on the same loop */
	haw_selector *selector;
	haw_host_config *tool_config; /* of hawser itself */
	haw_config *config;
	haw_host_config *host_config;
	bool hushed; /* LogLevel leaves out the server's banner and the library's notes */
	struct cp_remote remote;
	const char *ask_path;	/* asked about as early as possible (STAT): */
	struct cp_asked {
		bool done;
		int code;
		haw_error err;
		haw_attrs attrs;
	} asked;		/* the answer */
	haw_sftp_limits limits;
	uint32_t extensions;
	unsigned attempts;	/* ConnectionAttempts; 0: not set */
	uint64_t waited_ns;	/* by the loop, as far as accounted for */
	bool lost;		/* the session has ended: start nothing, say nothing more */
	bool stopped;		/* a signal came: start nothing, clean up */
	char *host_text;	/* for messages */
	char ciphers[1024];	/* sorted, where they are to be */
	/* What stays in the account when the transport is gone, and the session is another. */
	struct cp_account {
		char suite[96], backend[64], engine[16], peer_version[256];
	} account;
};

/* ---- settings.c ---- */

/* Load what holds for the peer into s->host_config. Reports what is wrong. */
bool cp_load_config(struct cp_session *s);
/* Print what is in force for the host that is the only operand, as ssh -G does. */
void cp_show_config(struct cp_session *s);

/* ---- connect.c ---- */

/* Begin to connect and log in as the connection CONN of the pool; false and ERR if that cannot be. */
struct cp_conn;
bool cp_connect_start(struct cp_session *s, struct cp_conn *conn, haw_error *err);
/* Connect, log in and open the SFTP session. UPLOAD tells which direction's suite is accounted.
 * Reports what fails. */
bool cp_connect(struct cp_session *s, bool upload);
/* The same without SFTP. Through a program of -S nothing is started yet. */
bool cp_connect_plain(struct cp_session *s, bool upload);
void cp_disconnect(struct cp_session *s);

/* ---- remote.c ---- */

/* Make room for COUNT connections. */
bool cp_remote_begin(struct cp_session *s, unsigned count);
/* Called at the end of each batch of answers, and of data, whose views are gone then. */
void cp_remote_set_batch(struct cp_session *s, void (*batch)(void *user), void *user);
/* Begin the first connection, and do what is due: lose, bring back, make more, send, answer. */
void cp_remote_turn(struct cp_session *s);
/* Nanoseconds until cp_remote_turn has something to do by itself. */
uint64_t cp_remote_wait_ns(const struct cp_session *s);
/* The first connection that is ready, or NULL. */
struct cp_conn *cp_remote_ready(const struct cp_session *s);
/* The loop is about to wait, and has waited: for what? */
void cp_remote_wait_begins(struct cp_session *s);
void cp_remote_wait_ended(struct cp_session *s);
/* The connection of a plain session, on which nothing is under way any more, was found to be gone, for the
 * reason in ERR: it is brought back, or that is given up and said. */
void cp_remote_lose(struct cp_session *s, const haw_error *err);
/* Wait until there is a connection, or none will be. Whether there is. */
bool cp_remote_wait(struct cp_session *s);
/* All is done: remove what late requests may have left. Waits. */
void cp_remote_clean(struct cp_session *s);
void cp_remote_end(struct cp_session *s);

/* ---- session.c ---- */

/* The connection itself; NULL through a program. */
haw_transport *cp_session_transport(const struct cp_session *s);
/* Ask about PATH, which was not known before there was a session. */
void cp_session_ask(struct cp_session *s, const char *path);
/* The answer about ask_path: waits for it. */
int cp_session_asked(struct cp_session *s, haw_attrs *attrs, haw_error *err);
/* Whether new work may be started. */
bool cp_running(const struct cp_session *s);
/* An operation has failed with CODE, the details in ERR: true if that was the session's end, which is
 * then reported, and false if it concerns this operation only. */
bool cp_session_ended(struct cp_session *s, int code, const haw_error *err);
/* What reads back, outside of the flow of data, asks for LEN bytes: false if the rate has no room for them.
 * Then PACED is called with the turn that has, or that ends everything. */
bool cp_session_paces(struct cp_session *s, uint64_t len, struct cp_paced *paced);
/* Turn the loop until FINISHED says so; draws the progress and notices signals. */
void cp_session_run(struct cp_session *s, bool (*finished)(void *user), void (*turn)(void *user), void *user);
/* Wait for OP, which stays the caller's, and return its result. OP may be NULL: it could not be started,
 * for the reason in ERR. */
int cp_wait(struct cp_session *s, haw_op *op, haw_error *err);
/* The same until the clock of cp_now_ns shows DEADLINE_NS (HAW_ETIMEDOUT). */
int cp_wait_until(struct cp_session *s, haw_op *op, uint64_t deadline_ns, haw_error *err);
/* "host:PATH" for messages; the caller frees it. Falls back on a constant copy if out of memory. */
char *cp_remote_name(const struct cp_session *s, const char *path);
/* LOCAL failed on its way to FINAL on the server. */
void cp_report_remote(struct cp_session *s, const char *local, const char *final, const char *reason);
/* DIRECTORY/NAME; NULL if out of memory. "." as DIRECTORY adds nothing. */
char *cp_join(const char *directory, const char *name);
/* The last component of PATH, without trailing slashes; what is in front of it, "." if nothing. The caller
 * frees them; NULL if out of memory. */
char *cp_last_name(const char *path);
char *cp_around_name(const char *path);
/* The sentence for a server's refusal: the reason in the words that people know. */
const char *cp_reason(const haw_error *err);

#endif
