/* SPDX-License-Identifier: Apache-2.0
 *
 * From one server to another, through this machine's memory and never its disk.
 *
 *   relay.c        operands, the two sessions, what both sides allow
 *   relay_dir.c    a directory: made there, listed here, walked, completed
 *   relay_file.c   a file: opened on both sides, moved, put in its place
 *   relay_data.c   its pieces: each READ's answer becomes a WRITE
 *   relay_resume.c what an earlier run has left of it
 *   relay_verify.c whether it is what it was
 *
 * Requests of both sides survive their connections (remote.h). Directories are walked one after another;
 * files, and the pieces of large ones, are under way in numbers that both sides' flow allows. As with
 * uploads, a file gets a temporary name where something may stand in its place, and a directory that does
 * not exist is filled under one.
 */
#ifndef CP_RELAY_H
#define CP_RELAY_H

#include <sys/stat.h>

#include "outcome.h"
#include "ranges.h"

struct cp_relay_file;

struct cp_relay {
	struct cp_session *from, *to;               /* both on FROM's loop; FROM keeps the account */
	struct cp_relay_file *active, **active_end; /* have more to ask for */
	uint64_t held;                              /* bytes of pieces in memory */
	unsigned files;                             /* under way */
	unsigned work;                              /* operations of directories under way */
};

struct cp_relay_dir {
	struct cp_relay *r;
	struct cp_relay_dir *parent;
	char *source;       /* its name on the one side */
	char *path, *final; /* where its entries are written on the other, and its name at the end */
	char *real;         /* canonical name of the source, where links are followed */
	haw_attrs attrs;
	uint32_t made_mode; /* what the server made of it; 0: unknown */
	unsigned references, depth;
	bool fresh;  /* nothing stands in it but what this run has put there */
	bool staged; /* path is a temporary name */
	bool made, failed, base;
};

/* Copy COUNT patterns of FROM, which is connected, to DESTINATION on TO, whose session has asked for that. */
void cp_relay(struct cp_session *from, struct cp_session *to, char **sources, size_t count,
	      const char *destination);

/* Whether new work may be started. */
bool cp_relay_running(struct cp_relay *r);
/* Go on with what there is room for. */
void cp_relay_pump(struct cp_relay *r);
/* Turn the loop until FINISHED says so. */
void cp_relay_run(struct cp_relay *r, bool (*finished)(void *user), void *user);
/* Wait for REPLY, whose user OUTCOME is, while all else goes on; NULL: not begun, for the reason in ERR. */
int cp_relay_wait(struct cp_relay *r, const struct cp_reply *reply, struct cp_outcome *outcome,
		  haw_error *err);
/* A cp_reply_fn for what nobody waits for. */
void cp_relay_ignore(void *user, struct cp_reply *reply);
/* PATH failed on the side of S with CODE: says so, unless that is the end of the session. */
void cp_relay_fail(struct cp_relay *r, struct cp_session *s, const char *path, int code,
		   const haw_error *err);
void cp_relay_fail_plain(struct cp_relay *r, struct cp_session *s, const char *path, const char *reason);

/* ---- relay_dir.c ---- */

/* Copy the directory SOURCE as NAME into PARENT, or its content if NAME is NULL. */
void cp_relay_directory(struct cp_relay_dir *parent, const char *source, const char *name,
			const haw_attrs *attrs, const char *real);
struct cp_relay_dir *cp_relay_dir_new(struct cp_relay *r, struct cp_relay_dir *parent, const char *source,
				      const char *final);
void cp_relay_dir_put(struct cp_relay_dir *dir);

/* ---- relay_file.c ---- */

/* Start the file SOURCE, which becomes NAME in DIR, when there is room for it. */
void cp_relay_file_add(struct cp_relay_dir *dir, const char *source, const char *name,
		       const haw_attrs *attrs);

/* ---- relay_data.c ---- */

struct cp_relay_file {
	struct cp_relay *r;
	struct cp_relay_dir *dir;
	struct cp_relay_file *next;
	char *source, *path, *final;
	haw_attrs attrs, opened, now; /* of the source: listed; when it was opened and when all was read */
	haw_attrs standing;           /* of what stands in its place; flags 0: nothing */
	struct cp_file *in, *out;
	uint64_t size, requested,
		end; /* announced or grown to; asked for up to here; where the end was met */
	unsigned pending, stage;
	bool temporary, in_place, created, cleared, failed, active;
	bool once; /* it is no regular file: what was written cannot be written again */
	struct cp_ranges have; /* acknowledged, by an earlier run too (--resume) */
	uint64_t recorded_ns, regained;
	uint64_t reconnects; /* of the source, when it was opened */
	bool resumed, verified;
};

/* Ask for what there is room for. True when nothing more is to be asked. */
bool cp_relay_data_read(struct cp_relay_file *f);
void cp_relay_file_settle(struct cp_relay_file *f);
/* A request of F on the side of S was answered with CODE. */
void cp_relay_file_check(struct cp_relay_file *f, struct cp_session *s, int code, const haw_error *err);
void cp_relay_file_activate(struct cp_relay_file *f);

/* ---- relay_resume.c ---- */

/* Whether F is one that a later run may go on with. Its path is known. */
bool cp_relay_is_recorded(const struct cp_relay_file *f);
/* PART stands under the temporary name: go on with it, if it is known what of it is good. */
void cp_relay_resume(struct cp_relay_file *f, const haw_attrs *part);
/* It cannot be gone on with after all. */
void cp_relay_restart(struct cp_relay_file *f);
/* Record what is there, if it is time, or NOW. */
void cp_relay_record(struct cp_relay_file *f, bool now);
void cp_relay_record_forget(struct cp_relay_file *f);

/* ---- relay_verify.c ---- */

/* Compare what was written with the source, which F waits for. False: out of memory. */
bool cp_relay_verify(struct cp_relay_file *f);

#endif
