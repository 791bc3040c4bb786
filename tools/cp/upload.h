/* SPDX-License-Identifier: Apache-2.0
 *
 * Local files to the server.
 *
 *   upload.c       operands, and what is started when there is room
 *   upload_dir.c   a directory: made or listed, walked, completed
 *   upload_file.c  a file: what stands in its place, opened, renamed
 *   upload_data.c  its bytes
 *   upload_link.c  a symbolic link
 *   remove.c       what a broken run has left
 *
 * Everything is started as soon as the limits allow, and nothing waits for a reply that need not: the
 * server works off one session's requests in order, so a directory's entries follow its MKDIR at once.
 *
 * A directory that does not exist yet on the server is filled under one temporary name and renamed at
 * the end, so that its files need no rename each. Where a directory exists, each file gets a temporary
 * name of its own.
 */
#ifndef CP_UPLOAD_H
#define CP_UPLOAD_H

#include <dirent.h>
#include <sys/stat.h>

#include "begun.h"
#include "journal.h"
#include "names.h"
#include "ranges.h"
#include "session.h"
#include "source.h"

/* How is known what stands in a directory on the server? */
enum cp_up_kind {
	CP_UP_FRESH,	/* made by this run under a temporary name: nothing does */
	CP_UP_LISTED,	/* it was listed */
	CP_UP_ASKED	/* each name is asked for */
};

struct cp_upload;

struct cp_up_dir {
	struct cp_upload *up;
	struct cp_up_dir *parent, *next;
	char *local;		/* its name here */
	char *path;		/* where its entries are written: its final or its temporary name there */
	char *final;		/* its final name there */
	enum cp_up_kind kind;
	struct cp_names names;	/* CP_UP_LISTED */
	struct cp_file *listing;
	unsigned references;	/* its walk, entries under way, requests */
	unsigned steps;		/* requests of its completion under way */
	bool staged;		/* path is temporary */
	bool made;		/* by this run */
	bool failed;		/* it is not there: its entries are passed over */
	bool cleaned;		/* what a broken run had left was removed */
	bool base;		/* only stands for the directory that the operands go to */
	struct stat st;
	DIR *stream;
};

struct cp_up_file {
	struct cp_up_dir *dir;
	struct cp_up_file *next;	/* among those that have more to send */
	char *local;
	char *final, *path;	/* names there: the final one, and the one that is written */
	struct cp_source source;
	uint8_t *data;		/* of a small file */
	struct cp_file *file;
	haw_attrs standing;	/* flags 0: nothing stands there */
	uint64_t next_offset, extent_end, piece_end;
	uint64_t sent_ns;
	unsigned pending;	/* requests under way */
	bool in_place, whole;	/* written under its final name; holes are sent too */
	bool temporary;		/* path is renamed to final */
	bool created, closed, failed, retried, cleared, active;
	bool verified;
	struct cp_ranges have;	/* acknowledged, by an earlier run too (--resume) */
	uint64_t recorded_ns;
	bool resumed, dense;	/* it is gone on with; holes are sent too */
	bool postponed, second;	/* to be tried again when all others are done; that was the second time */
};

struct cp_upload {
	struct cp_session *s;
	char **sources;
	size_t source_count, source_next;
	struct cp_up_dir *base;		/* where the operands go */
	const char *rename_to;		/* the one operand's name in it; NULL: its own */
	struct cp_up_dir *ready;	/* to be walked */
	struct cp_up_dir *current;	/* being walked */
	struct cp_up_file *active, **active_end;
	unsigned active_count;
	struct cp_up_file *postponed;
	struct cp_journal journal;	/* --resume */
	struct cp_begun begun;
	unsigned open_dirs;		/* directories that are not complete */
};

/* Copy COUNT local SOURCES to DESTINATION on the server. */
void cp_upload(struct cp_session *s, char **sources, size_t count, const char *destination);
/* Start what there is room for. */
void cp_upload_pump(struct cp_upload *up);

/* ---- upload_dir.c ---- */

/* Begin with the local directory LOCAL, which becomes NAME in PARENT. */
void cp_up_dir_add(struct cp_up_dir *parent, const char *local, const char *name, const struct stat *st);
/* The same for its content, which goes to the directory FINAL itself. */
struct cp_up_dir *cp_up_dir_new(struct cp_upload *up, struct cp_up_dir *parent, const char *local,
				const char *final);
void cp_up_dir_prepare(struct cp_up_dir *dir);
/* Take the next entry of the directory that is being walked. */
void cp_up_dir_step(struct cp_upload *up);
void cp_up_dir_put(struct cp_up_dir *dir);

/* ---- upload_file.c ---- */

/* Copy the file NAME of the open directory FD; it becomes AS in DIR. LOCAL is its whole name. */
void cp_up_file_add(struct cp_up_dir *dir, int fd, const char *name, const char *local, const char *as,
		    bool follow);
/* Open it there, and send it. */
void cp_up_file_open(struct cp_up_file *f);
/* What stands there is not it: copy it. */
void cp_up_file_replace(struct cp_up_file *f);
/* It stands there already. */
void cp_up_file_leave(struct cp_up_file *f);
/* Try a file again that was postponed. */
void cp_up_file_again(struct cp_up_file *f);
/* All requests of the file have been answered. */
void cp_up_file_settle(struct cp_up_file *f);
/* A request of the file was answered with CODE. Says so once, and returns whether it was good. */
bool cp_up_file_check(struct cp_up_file *f, int code, const haw_error *err);

/* ---- upload_data.c ---- */

/* The file is open there: send what there is room for. True when all was sent and CLOSE is on its way. */
bool cp_up_data_send(struct cp_up_file *f);

/* ---- upload_resume.c ---- */

/* See what an earlier run has left, then open the file; false: there is nothing to see. */
bool cp_up_resume(struct cp_up_file *f);
/* Record what is there, if it is time, or NOW. */
void cp_up_record(struct cp_up_file *f, bool now);
void cp_up_record_forget(struct cp_up_file *f);

/* ---- upload_skip.c ---- */

/* See whether what stands there is this file already, then leave it or go on with cp_up_file_replace; false:
 * it is not. */
bool cp_up_skip(struct cp_up_file *f);
/* It is complete. */
void cp_up_skip_later(struct cp_up_file *f);
/* Of all that is copied. */
void cp_up_journal_open(struct cp_upload *up, const char *destination);

/* ---- upload_link.c ---- */

void cp_up_link_add(struct cp_up_dir *dir, int fd, const char *name, const char *local);

/* ---- remove.c ---- */

/* Remove the tree PATH on the server; DONE is called with 0 or the first failure. */
void cp_remove_tree(struct cp_session *s, const char *path,
		    void (*done)(void *user, int code, const haw_error *err), void *user);

#endif
