/* SPDX-License-Identifier: Apache-2.0
 *
 * One file on its way up:
 *
 *   add -> [LSTAT [STAT, REALPATH]] -> OPEN -> WRITE... FSETSTAT CLOSE -> [RENAME] -> done
 *
 * What is in brackets is needed only where something may stand in its place already.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tempname.h"
#include "upload.h"
#include "verify.h"

static void fail_plain(struct cp_up_file *f, const char *reason);

static struct cp_session *session(const struct cp_up_file *f)
{
	return f->dir->up->s;
}

/* ---- The end of it ---- */

static void destroy(struct cp_up_file *f)
{
	struct cp_up_dir *dir = f->dir;

	session(f)->flow.files--;
	cp_source_close(&f->source);
	cp_ranges_free(&f->have);
	free(f->data);
	free(f->local);
	free(f->final);
	free(f->path);
	free(f);
	cp_up_dir_put(dir);
}

bool cp_up_file_check(struct cp_up_file *f, int code, const haw_error *err)
{
	struct cp_session *s = session(f);
	if (code == 0)
		return !f->failed;
	if (!f->failed && f->data && !f->second && code == HAW_ESTATUS && err->reason == HAW_SFTP_FAILURE) {
		/* A disk that another file fills may have room again when that one has been given up. */
		f->failed = f->second = f->postponed = true;
		return false;
	}
	/* After a signal failures are only its consequences. */
	if (!cp_session_ended(s, code, err) && !f->failed && !s->stopped) {
		cp_report_remote(s, f->local, f->final, cp_reason(err));
	}
	f->failed = true;
	return false;
}

/* It is gone there. Once more later, or the end of it. */
static void leave(struct cp_up_file *f)
{
	struct cp_upload *up = f->dir->up;

	if (!f->postponed || !cp_running(up->s)) {
		destroy(f);
		return;
	}
	up->s->flow.files--;
	f->next = up->postponed;
	up->postponed = f;
}

void cp_up_file_again(struct cp_up_file *f)
{
	struct cp_session *s = session(f);

	s->flow.files++;
	if (!cp_running(s)) {
		destroy(f);
		return;
	}
	s->report.retries++;
	f->postponed = f->failed = f->created = f->closed = f->cleared = false;
	f->verified = false;
	f->next_offset = f->extent_end = 0;
	cp_up_file_open(f);
}

static void remove_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0)
		cp_session_ended(session(f), code, &err);
	leave(f);
}

/* Whether a later run is to go on with what is there. */
static bool keeps(const struct cp_up_file *f)
{
	return session(f)->args->resume && f->temporary && !f->data && !cp_running(session(f));
}

/* Nothing half-written stays, under whatever name. */
static void abandon(struct cp_up_file *f)
{
	haw_error err;
	struct cp_reply *op = NULL;

	f->failed = true;
	if (f->created && session(f)->args->resume && !cp_running(session(f)))
		cp_up_record(f, true); /* and what is there stays */
	else
		cp_up_record_forget(f);
	if (f->created && !f->in_place && !session(f)->lost && !keeps(f))
		op = cp_sftp_remove(session(f), f->path, remove_done, f, &err);
	if (!op)
		leave(f);
}

static void succeed(struct cp_up_file *f)
{
	struct cp_session *s = session(f);

	cp_up_record_forget(f);
	cp_up_skip_later(f);
	cp_report_file(&s->report, f->local, f->source.size);
	destroy(f);
}

static void rename_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (cp_up_file_check(f, code, &err))
		succeed(f);
	else
		abandon(f);
}

static void forget_done(void *user, struct cp_reply *op)
{
	(void)user;
	(void)op;
}

/* Into its place in one step. Servers without posix-rename only rename to free names. */
static void rename_file(struct cp_up_file *f)
{
	struct cp_session *s = session(f);
	bool replace = s->extensions & HAW_SFTP_POSIX_RENAME;
	haw_error err;
	struct cp_reply *op;

	op = cp_sftp_rename(s, f->path, f->final,
			    replace		? CP_RENAME_REPLACE
			    : f->standing.flags ? CP_RENAME_REMOVE
						: CP_RENAME_FREE,
			    rename_done, f, &err);
	if (op)
		return;
	cp_up_file_check(f, err.code, &err);
	abandon(f);
}

static void compared(void *user, enum cp_verdict verdict, enum cp_verify_method method, const haw_error *err)
{
	struct cp_up_file *f = user;
	struct cp_session *s = session(f);

	f->pending--;
	f->verified = true;
	if (verdict == CP_SAME) {
		s->report.verified[method]++;
	} else if (verdict == CP_UNKNOWN) {
		cp_up_file_check(f, err->code, err);
	} else if (!f->failed && cp_running(s)) {
		cp_report_failed(&s->report, f->local, "differs from its copy on the server (compared %s)",
				 cp_verify_words[method]);
		f->failed = true;
	}
	cp_up_file_settle(f);
}

/* Before it gets its final name: what stands there now is not lost to a bad copy. */
static void verify(struct cp_up_file *f)
{
	const struct cp_verify_local local = {f->data, f->source.fd, f->source.size};

	if (cp_verify(session(f), f->path, &local, compared, f)) {
		f->pending++;
		return;
	}
	fail_plain(f, "out of memory");
}

void cp_up_file_settle(struct cp_up_file *f)
{
	struct cp_session *s = session(f);

	if (f->pending > 0 || f->active)
		return;
	if (f->failed || s->lost || s->stopped) {
		abandon(f);
	} else if (f->source.fd >= 0 ? cp_source_has_changed(&f->source) : f->source.changed) {
		cp_report_changed(&s->report, f->local, "changed while it was read");
		abandon(f);
	} else if (s->args->verify && !f->verified && !f->whole) {
		verify(f);
	} else if (f->temporary) {
		rename_file(f);
	} else {
		succeed(f);
	}
}

/* ---- Opening ---- */

static void activate(struct cp_up_file *f)
{
	struct cp_upload *up = f->dir->up;

	f->active = true;
	f->next = NULL;
	*up->active_end = f;
	up->active_end = &f->next;
	up->active_count++;
}

static bool reopen(struct cp_up_file *f, const haw_error *err)
{
	bool refused = err->code == HAW_ESTATUS && err->reason == HAW_SFTP_PERMISSION_DENIED;
	bool missing = err->code == HAW_ENOTFOUND;
	haw_error ignored;
	struct cp_reply *op;

	if (f->resumed) {
		/* What was there cannot be gone on with. */
		f->resumed = f->dense = false;
		cp_ranges_free(&f->have);
		return true;
	}
	if (f->temporary && refused && f->standing.flags) {
		/* The directory takes no new names: into what stands there. */
		f->temporary = false;
		f->in_place = true;
		free(f->path);
		f->path = strdup(f->final);
		return f->path != NULL;
	}
	if (missing && f->dir->kind == CP_UP_FRESH && !f->retried && !f->dir->failed) {
		/* A server that works off requests in another order: the directory is there by now. */
		f->retried = true;
		session(f)->report.retries++;
		return true;
	}
	if (f->temporary && !missing && !f->cleared) {
		/* What a broken run has left stands under the temporary name. It is not written to: it could
		 * be a link. */
		f->cleared = true;
		op = cp_sftp_remove(session(f), f->path, forget_done, NULL, &ignored);
		return op != NULL;
	}
	return false;
}

static void open_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	struct cp_session *s = session(f);
	haw_error err;
	int code = cp_reply_result(op, NULL);

	f->pending--;
	cp_flow_answered(&s->flow, f->sent_ns, cp_now_ns());
	if (code < 0) {
		code = cp_reply_result(op, &err);
		if (!f->dir->failed && cp_running(s) && reopen(f, &err)) {
			cp_up_file_open(f);
			return;
		}
		/* One word about the directory is enough. */
		if (!f->dir->failed)
			cp_up_file_check(f, code, &err);
		f->failed = true;
		f->closed = true;
		cp_up_file_settle(f);
		return;
	}
	f->file = cp_reply_file(op);
	if (f->whole)
		cp_file_set_once(f->file);
	f->created = true;
	if (!cp_up_data_send(f))
		activate(f);
	else
		cp_up_file_settle(f);
}

static uint32_t mode_of(const struct cp_up_file *f)
{
	if (f->temporary && f->standing.flags & HAW_ATTR_MODE && !session(f)->args->preserve)
		return f->standing.mode & 0777;
	return f->source.st.st_mode & 0777;
}

void cp_up_file_open(struct cp_up_file *f)
{
	const haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = mode_of(f)};
	/* What is written in place gets its size at the end: a request that empties it could come once more,
	 * late, from a connection that was lost. */
	uint32_t flags = HAW_OPEN_WRITE | (f->resumed	 ? 0
					   : f->in_place ? HAW_OPEN_CREATE
							 : HAW_OPEN_CREATE | HAW_OPEN_EXCLUSIVE);
	haw_error err;
	struct cp_reply *op;

	if (f->in_place && !f->whole)
		f->dense = true;
	f->sent_ns = cp_now_ns();
	op = cp_sftp_open(session(f), f->path, flags, &attrs, open_done, f, &err);
	if (op) {
		f->pending++;
		return;
	}
	cp_up_file_check(f, err.code, &err);
	f->closed = true;
	abandon(f);
}

/* ---- What stands there ---- */

static void fail_plain(struct cp_up_file *f, const char *reason)
{
	struct cp_session *s = session(f);

	cp_report_remote(s, f->local, f->final, reason);
	abandon(f);
}

static void open_as(struct cp_up_file *f, bool in_place)
{
	f->in_place = in_place;
	f->temporary = !in_place;
	f->path = in_place ? strdup(f->final) : cp_temp_path(f->final);
	if (!f->path)
		fail_plain(f, "out of memory");
	else if (!cp_up_resume(f))
		cp_up_file_open(f);
}

void cp_up_file_replace(struct cp_up_file *f)
{
	if (f->failed || !cp_running(session(f)))
		abandon(f);
	else
		open_as(f, false);
}

void cp_up_file_leave(struct cp_up_file *f)
{
	session(f)->report.resumed += f->source.size;
	succeed(f);
}

static void resolve_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);
	haw_span path = code == 0 ? cp_reply_path(op) : (haw_span){NULL, 0};
	char *resolved = path.len > 0 && !memchr(path.ptr, 0, path.len)
				 ? strndup((const char *)path.ptr, path.len)
				 : NULL;

	if (!resolved) {
		/* Through the link, then. */
		if (code < 0 && cp_session_ended(session(f), code, &err)) {
			abandon(f);
			return;
		}
		open_as(f, true);
		return;
	}
	free(f->final);
	f->final = resolved;
	open_as(f, false);
}

/* What a link leads to. */
static void target_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0) {
		if (cp_session_ended(session(f), code, &err))
			abandon(f);
		else
			open_as(f, true); /* nothing: the server makes it */
		return;
	}
	cp_reply_attrs(op, &f->standing);
	if (S_ISDIR(f->standing.mode)) {
		fail_plain(f, "is a directory");
	} else if (S_ISREG(f->standing.mode)) {
		op = cp_sftp_realpath(session(f), f->final, resolve_done, f, &err);
		if (!op)
			open_as(f, true);
	} else {
		f->whole = true;
		open_as(f, true);
	}
}

/* ATTRS (NULL: nothing) stands where the file goes. */
static void meet(struct cp_up_file *f, const haw_attrs *attrs)
{
	haw_error err;
	struct cp_reply *op;

	if (attrs)
		f->standing = *attrs;
	if (!attrs || S_ISREG(attrs->mode) || !(attrs->flags & HAW_ATTR_MODE)) {
		if (!cp_up_skip(f))
			open_as(f, false);
	} else if (S_ISDIR(attrs->mode)) {
		fail_plain(f, "is a directory");
	} else if (S_ISLNK(attrs->mode)) {
		op = cp_sftp_stat(session(f), f->final, true, target_done, f, &err);
		if (!op && !cp_up_file_check(f, err.code, &err))
			abandon(f);
	} else {
		f->whole = true;
		open_as(f, true);
	}
}

static void asked(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_attrs attrs;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code == 0 && cp_reply_attrs(op, &attrs)) {
		meet(f, &attrs);
	} else if (code == HAW_ENOTFOUND && !session(f)->lost) {
		meet(f, NULL);
	} else {
		cp_up_file_check(f, code, &err);
		abandon(f);
	}
}

static void begin(struct cp_up_file *f, const char *as)
{
	haw_error err;
	struct cp_reply *op;

	switch (f->dir->kind) {
	case CP_UP_FRESH:
		f->path = cp_join(f->dir->path, as);
		if (f->path)
			cp_up_file_open(f);
		else
			fail_plain(f, "out of memory");
		break;
	case CP_UP_LISTED:
		meet(f, cp_names_find(&f->dir->names, as));
		break;
	case CP_UP_ASKED:
		op = cp_sftp_stat(session(f), f->final, false, asked, f, &err);
		if (op) {
			break;
		}
		cp_up_file_check(f, err.code, &err);
		abandon(f);
		break;
	}
}

/* ---- Here ---- */

static void fail_local(struct cp_session *s, const char *local, int error)
{
	if (error == ENOENT)
		cp_report_changed(&s->report, local,
				  "vanished before it was read: No such file or directory");
	else
		cp_report_failed(&s->report, local, "%s",
				 error == EINVAL || error == ENXIO ? "is not a regular file"
								   : strerror(error));
}

/* Have a small file's content at hand, so that its descriptor is free again at once. */
static int load(struct cp_up_file *f)
{
	int error;

	if (f->source.size > CP_SOURCE_SMALL)
		return 0;
	f->data = malloc(f->source.size + 1);
	if (!f->data)
		return ENOMEM;
	error = cp_source_read(&f->source, f->data);
	cp_source_close(&f->source);
	return error;
}

void cp_up_file_add(struct cp_up_dir *dir, int fd, const char *name, const char *local, const char *as,
		    bool follow)
{
	struct cp_session *s = dir->up->s;
	struct cp_up_file *f = calloc(1, sizeof(*f));
	uint64_t before = cp_now_ns();
	int error = f ? cp_source_open(&f->source, fd, name, follow) : ENOMEM;

	if (error) {
		fail_local(s, local, error);
		free(f);
		return;
	}
	f->dir = dir;
	dir->references++;
	s->flow.files++;
	f->local = strdup(local);
	f->final = cp_join(dir->final, as);
	error = f->local && f->final ? load(f) : ENOMEM;
	cp_waits_add(&s->report.waits, CP_WAIT_SOURCE, cp_now_ns() - before);
	if (error) {
		cp_report_failed(&s->report, local, "%s", strerror(error));
		destroy(f);
		return;
	}
	begin(f, as);
}
