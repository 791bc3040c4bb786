/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the server to this machine.
 *
 *   download.c        operands, and what is started when there is room
 *   download_dir.c    a directory here: found or made, completed
 *   download_list.c   a directory there: listed, its entries taken
 *   download_file.c   a file: opened, read whole or in pieces, put in its place
 *   download_data.c   the pieces of a large one
 *   download_link.c   a symbolic link
 *   sink.c            where the bytes go
 *
 * Names from the server are single components or refused; directories here are descriptors, reached
 * from one another without following links, so nothing is ever written outside the destination.
 */
#ifndef CP_DOWNLOAD_H
#define CP_DOWNLOAD_H

#include "begun.h"
#include "journal.h"
#include "ranges.h"
#include "session.h"
#include "sink.h"

struct cp_download;
struct cp_dl_file;

struct cp_dl_dir {
	struct cp_download *dl;
	struct cp_dl_dir *parent, *next;
	char *remote;		/* its name there */
	char *name;		/* its final name in the parent's directory; NULL: it is that directory */
	char *written;		/* its temporary name, or NULL */
	char *real;		/* its canonical name there, where links are followed */
	int fd;
	haw_attrs attrs;
	struct cp_file *listing;
	unsigned references, reading;
	bool fresh;		/* nothing stands in it but what this run has put there */
	bool made, failed, base, listed;
};

struct cp_dl_file {
	struct cp_download *dl;
	struct cp_dl_dir *dir;
	struct cp_dl_file *next;	/* waiting, or active */
	struct cp_dl_file *next_dirty;
	char *name;		/* here */
	char *remote;		/* there */
	haw_attrs attrs;
	struct cp_file *file;
	struct cp_sink sink;
	uint64_t size;		/* as far as announced, or more where it was found to have grown */
	uint64_t requested, end;	/* asked for up to here; where the end was met */
	uint64_t taken;			/* bytes that came */
	uint64_t sent_ns;
	haw_attrs opened, now;	/* of a large file, when its reading began and when it had ended */
	unsigned pending;
	bool whole;		/* one READ for all, with CLOSE behind it */
	bool again;		/* that was not enough: once more, in pieces */
	bool pieced;		/* its data may be of two files: the same */
	bool closed, failed, active, dirty;
	bool verified;
	int verify_fd;
	struct cp_ranges have;	/* that came, in an earlier run too (--resume) */
	uint64_t recorded_ns;
	bool postponed, second;	/* to be tried again when all others are done; that was the second time */
};

struct cp_download {
	struct cp_session *s;
	struct cp_dl_dir *base;
	const char *rename_to;		/* the one operand's name here; NULL: its own */
	bool must_be_dir;		/* the destination's name ends in a slash */
	struct cp_dl_dir *unlisted;		/* directories to be listed */
	struct cp_dl_dir *paused;	/* their listing waits until fewer files wait */
	unsigned listing_count;
	struct cp_dl_file *waiting, **waiting_end;
	unsigned waiting_count;
	struct cp_dl_file *active, **active_end;
	struct cp_dl_file *postponed;
	struct cp_dl_file *dirty;	/* hold views of the current batch */
	struct cp_journal journal;	/* --resume */
	struct cp_begun begun;
	unsigned work;			/* operands, directories and files that are not complete */
	unsigned short_reads;		/* how often less came than was asked for */
};

void cp_download(struct cp_session *s, char **sources, size_t count, const char *destination);

/* "HOST:PATH" failed. */
void cp_dl_fail(struct cp_session *s, const char *remote, const char *reason);

/* The same where it becomes NAME in DIR (NULL: DIR itself), and the failure is here. */
void cp_dl_fail_local(struct cp_dl_dir *dir, const char *remote, const char *name, const char *reason);

/* ---- download_dir.c ---- */

/* The directory REMOTE becomes NAME in PARENT (NULL: its content goes to PARENT itself). REAL may be NULL. */
void cp_dl_dir_add(struct cp_dl_dir *parent, const char *remote, const char *name, const haw_attrs *attrs,
		   const char *real);
void cp_dl_dir_put(struct cp_dl_dir *dir);
/* Find or make it here. False if that failed, which has been said. */
bool cp_dl_dir_open(struct cp_dl_dir *dir);

/* ---- download_list.c ---- */

/* Begin to list the directory, which holds a reference. */
void cp_dl_list(struct cp_dl_dir *dir);
/* Go on with a listing that was paused. */
void cp_dl_list_resume(struct cp_dl_dir *dir);

/* ---- download_file.c ---- */

void cp_dl_file_add(struct cp_dl_dir *dir, const char *remote, const char *name, const haw_attrs *attrs);
/* Start a file that waited. */
void cp_dl_file_start(struct cp_dl_file *f);
/* Open it there, for it is not here. */
void cp_dl_file_fetch(struct cp_dl_file *f);
/* It stands here already. */
void cp_dl_file_leave(struct cp_dl_file *f);
/* A request of the file was answered with CODE; says so once. */
void cp_dl_file_check(struct cp_dl_file *f, int code, const haw_error *err);
/* Something here failed with an errno. */
void cp_dl_file_fail_local(struct cp_dl_file *f, int error);
void cp_dl_file_settle(struct cp_dl_file *f);
/* More is to be asked for once there is room. */
void cp_dl_file_activate(struct cp_dl_file *f);
/* A haw_sink_fn for the file. */
void cp_dl_file_take(struct cp_dl_file *f, uint64_t offset, haw_span view);

/* ---- download_data.c ---- */

/* Ask for what there is room for. True when nothing more is to be asked. */
bool cp_dl_data_read(struct cp_dl_file *f);
/* All was read: see whether it has changed meanwhile. */
void cp_dl_data_check(struct cp_dl_file *f);

/* ---- download_resume.c ---- */

/* Go on with what an earlier run has left, if it is known what of it is good. */
void cp_dl_resume(struct cp_dl_file *f);
/* Record what is there, if it is time, or NOW; everything that came was written. */
void cp_dl_record(struct cp_dl_file *f, bool now);
void cp_dl_record_forget(struct cp_dl_file *f);

/* ---- download_skip.c ---- */

/* See whether what stands here is this file already, then leave it or go on with cp_dl_file_fetch; false: it
 * is not. */
bool cp_dl_skip(struct cp_dl_file *f);
/* It is complete. */
void cp_dl_skip_later(struct cp_dl_file *f);
/* SYNC is the destination, borrowed. */
void cp_dl_journal_open(struct cp_download *dl, int sync, char **sources, size_t count);

/* ---- download_link.c ---- */

void cp_dl_link_add(struct cp_dl_dir *dir, const char *remote, const char *name);
/* The same with -L: what it leads to. */
void cp_dl_link_follow(struct cp_dl_dir *dir, const char *remote, const char *name);

/* ---- clear.c ---- */

/* Remove the tree NAME below DIRECTORY, following no link. It must be this user's. Returns 0 or an errno. */
int cp_clear(int directory, const char *name);

#endif
