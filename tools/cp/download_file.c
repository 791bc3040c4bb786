/* SPDX-License-Identifier: Apache-2.0
 *
 * One file on its way down:
 *
 *   small:  OPEN -> READ of one byte more than announced, and CLOSE behind it -> done
 *   large:  OPEN -> FSTAT READ... -> FSTAT CLOSE -> done
 *
 * The announced size is only a hint. A small file whose READ brings another amount is read once more,
 * like a large one, to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "download.h"
#include "verify.h"

/* A server that returned less than there is so many times does so always. */
enum { WHOLE_MAX = 256 << 10, SHORT_READS = 4 };

static struct cp_session *session(const struct cp_dl_file *f)
{
	return f->dl->s;
}

void cp_dl_fail(struct cp_session *s, const char *remote, const char *reason)
{
	char *name = cp_remote_name(s, remote);

	cp_report_failed(&s->report, name ? name : remote, "%s", reason);
	free(name);
}

/* What DIR is here, as the user would write it. */
static char *local_name(const struct cp_dl_dir *dir)
{
	char *around, *name;

	if (!dir->parent)
		return strdup(dir->remote);
	around = local_name(dir->parent);
	if (!around || !dir->name)
		return around;
	name = cp_join(around, dir->name);
	free(around);
	return name;
}

void cp_dl_fail_local(struct cp_dl_dir *dir, const char *remote, const char *name, const char *reason)
{
	struct cp_session *s = dir->dl->s;
	char *around = local_name(dir), *local = around && name ? cp_join(around, name) : NULL;
	char *there = cp_remote_name(s, remote), shown[4400];

	if (!name) {
		local = around;
		around = NULL;
	}
	haw_escape(shown, sizeof(shown), local ? local : "", local ? strlen(local) : 0);
	cp_report_failed(&s->report, there ? there : remote, "%s: %s", shown, reason);
	free(around);
	free(local);
	free(there);
}

/* ---- Failures ---- */

void cp_dl_file_check(struct cp_dl_file *f, int code, const haw_error *err)
{
	struct cp_session *s = session(f);
	char *name;

	if (code == 0)
		return;
	if (!cp_session_ended(s, code, err) && !f->failed && !s->stopped) {
		name = cp_remote_name(s, f->remote);
		if (code == HAW_ENOTFOUND)
			cp_report_changed(&s->report, name ? name : f->remote,
					  "vanished before it was read: No such file or directory");
		else
			cp_dl_fail(s, f->remote, cp_reason(err));
		free(name);
	}
	f->failed = true;
}

void cp_dl_file_fail_local(struct cp_dl_file *f, int error)
{
	struct cp_session *s = session(f);

	if (!f->failed && !f->second && f->size < WHOLE_MAX && (error == ENOSPC || error == EDQUOT)) {
		/* A disk that another file fills may have room again when that one has been given up. */
		f->second = f->postponed = true;
	} else if (!f->failed && cp_running(s)) {
		cp_dl_fail_local(f->dir, f->remote, f->name, cp_sink_reason(error));
	}
	f->failed = true;
}

/* ---- The end ---- */

static void destroy(struct cp_dl_file *f)
{
	struct cp_dl_dir *dir = f->dir;

	f->dl->work--;
	cp_ranges_free(&f->have);
	free(f->name);
	free(f->remote);
	free(f);
	cp_dl_dir_put(dir);
}

static void begin_sink(struct cp_dl_file *f)
{
	cp_sink_begin(&f->sink, f->dir->fd, f->name, f->dir->fresh, f->dir->base, f->attrs.mode);
}

static void postpone(struct cp_dl_file *f)
{
	session(f)->flow.files--;
	session(f)->report.retries++;
	cp_sink_abandon(&f->sink);
	begin_sink(f);
	f->postponed = f->failed = f->closed = false;
	f->requested = f->taken = f->end = 0;
	f->next = f->dl->postponed;
	f->dl->postponed = f;
}

/* All is here. False if the disk was full and the file is to be tried again. */
static bool complete(struct cp_dl_file *f)
{
	struct cp_session *s = session(f);
	const struct timespec times[2] = {{.tv_sec = f->attrs.atime}, {.tv_sec = f->attrs.mtime}};
	bool keep = s->args->preserve && f->attrs.flags & HAW_ATTR_TIMES;
	int error = cp_sink_finish(&f->sink, f->end, f->attrs.mode & 07777, s->umask, keep ? times : NULL);

	if (!error) {
		cp_dl_record_forget(f);
		cp_dl_skip_later(f);
		cp_report_file(&s->report, f->name, f->end);
		return true;
	}
	cp_dl_file_fail_local(f, error);
	if (!f->postponed)
		return true;
	postpone(f);
	return false;
}

static void close_file(struct cp_dl_file *f);

static void start_again(struct cp_dl_file *f)
{
	f->again = true;
	f->whole = f->closed = false;
	f->requested = f->taken = 0;
	f->end = UINT64_MAX;
	f->sink.view_count = 0;
	session(f)->report.retries++;
	session(f)->flow.files--;
	cp_dl_file_start(f);
}

/* Shorter than the server said: it has changed since, or was not sent whole. */
static bool ended_early(struct cp_dl_file *f)
{
	char *name;

	if (!(f->attrs.flags & HAW_ATTR_SIZE) || f->end >= f->attrs.size ||
	    (f->now.flags & HAW_ATTR_SIZE && f->end == f->now.size && f->now.size == f->opened.size))
		return false;
	name = cp_remote_name(session(f), f->remote);
	cp_report_changed(&session(f)->report, name ? name : f->remote,
			  "changed while it was read: the server ended it after %llu of %llu bytes",
			  (unsigned long long)f->end, (unsigned long long)f->attrs.size);
	free(name);
	return true;
}

static bool has_changed(struct cp_dl_file *f)
{
	const haw_attrs *a = &f->opened, *b = &f->now;
	uint32_t both = a->flags & b->flags;
	char *name;

	if (!(both & HAW_ATTR_TIMES && a->mtime != b->mtime) && !(both & HAW_ATTR_SIZE && a->size != b->size))
		return false;
	name = cp_remote_name(session(f), f->remote);
	cp_report_changed(&session(f)->report, name ? name : f->remote, "changed while it was read");
	free(name);
	return true;
}

static void compared(void *user, enum cp_verdict verdict, enum cp_verify_method method, const haw_error *err)
{
	struct cp_dl_file *f = user;
	struct cp_session *s = session(f);
	char text[120];

	close(f->verify_fd);
	f->pending--;
	f->verified = true;
	if (verdict == CP_SAME) {
		s->report.verified[method]++;
	} else if (verdict == CP_UNKNOWN) {
		cp_dl_file_check(f, err->code, err);
	} else if (!f->failed && cp_running(s)) {
		snprintf(text, sizeof(text), "differs from its copy here (compared %s)",
			 cp_verify_words[method]);
		cp_dl_fail(s, f->remote, text);
		f->failed = true;
	}
	cp_dl_file_settle(f);
}

/* Before it gets its final name. False if it cannot be: there is nothing to read here. */
static bool verify(struct cp_dl_file *f)
{
	struct cp_verify_local local = {.size = f->end};
	int error = cp_sink_prepare(&f->sink, f->end);
	char path[64];

	f->verified = true;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->sink.fd);
	local.fd = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (local.fd < 0) {
		cp_dl_file_fail_local(f, error ? error : errno);
		return false;
	}
	f->verify_fd = local.fd;
	if (cp_verify(session(f), f->remote, &local, compared, f)) {
		f->pending++;
		return true;
	}
	close(local.fd);
	cp_dl_file_fail_local(f, ENOMEM);
	return false;
}

void cp_dl_file_settle(struct cp_dl_file *f)
{
	struct cp_session *s = session(f);

	if (f->pending > 0 || f->active || f->dirty)
		return;
	if (f->file && !f->closed) {
		cp_dl_data_check(f);
		close_file(f);
		if (f->pending > 0)
			return;
	}
	if (f->postponed && cp_running(s)) {
		postpone(f);
		return;
	}
	if (!cp_running(s) && s->args->resume && f->have.count > 0 && f->sink.written) {
		cp_dl_record(f, true);
		cp_sink_keep(&f->sink);
	} else if (f->failed || !cp_running(s)) {
		cp_dl_record_forget(f);
		cp_sink_abandon(&f->sink);
	} else if (f->whole && (f->end != f->size || f->pieced)) {
		f->dl->short_reads += f->end < f->size;
		start_again(f);
		return;
	} else if (has_changed(f) || ended_early(f)) {
		cp_dl_record_forget(f);
		cp_sink_abandon(&f->sink);
	} else if (s->args->verify && !f->verified && !f->sink.special && verify(f)) {
		return;
	} else if (!complete(f)) {
		return;
	}
	s->flow.files--;
	destroy(f);
}

static void closed(void *user, struct cp_reply *op)
{
	struct cp_dl_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	/* What CLOSE says of a file that was only read does not matter, but for the session. */
	if (code < 0)
		cp_session_ended(session(f), code, &err);
	cp_dl_file_settle(f);
}

static void close_file(struct cp_dl_file *f)
{
	haw_error err;
	struct cp_reply *op = cp_file_close(f->file, closed, f, &err);

	f->file = NULL;
	f->closed = true;
	if (op) {
		f->pending++;
	} else {
		cp_dl_file_check(f, err.code, &err);
	}
}

/* ---- Data ---- */

void cp_dl_file_take(struct cp_dl_file *f, uint64_t offset, haw_span view)
{
	uint64_t before;
	bool flushes;
	int error;

	if (f->failed)
		return;
	flushes = f->sink.view_count == CP_SINK_VIEWS;
	before = flushes ? cp_now_ns() : 0;
	error = cp_sink_put(&f->sink, offset, view.ptr, view.len);
	if (flushes)
		cp_waits_add(&session(f)->report.waits, CP_WAIT_SINK, cp_now_ns() - before);
	if (error) {
		cp_dl_file_fail_local(f, error);
		return;
	}
	f->taken += view.len;
	if (!f->dirty) {
		f->dirty = true;
		f->next_dirty = f->dl->dirty;
		f->dl->dirty = f;
	}
}

static void whole_view(void *user, uint64_t offset, haw_span view)
{
	struct cp_dl_file *f = user;

	cp_dl_file_take(f, offset, view);
}

static void whole_done(void *user, struct cp_reply *op)
{
	struct cp_dl_file *f = user;
	struct cp_session *s = session(f);
	haw_error err;
	int code = cp_reply_result(op, NULL);

	if (code < 0)
		code = cp_reply_result(op, &err);
	f->pending--;
	cp_flow_done(&s->flow, f->size, f->sent_ns, cp_now_ns());
	if (code == 0) {
		f->end = cp_reply_count(op);
		f->pieced = cp_reply_is_pieced(op);
		s->report.bytes += f->end;
	} else if (code == HAW_EEND) {
		f->end = 0;
	} else {
		cp_dl_file_check(f, code, &err);
	}
	cp_dl_file_settle(f);
}

static void read_whole(struct cp_dl_file *f)
{
	haw_error err;
	struct cp_reply *op =
		cp_file_read(f->file, 0, (uint32_t)f->size + 1, whole_view, whole_done, f, &err);

	f->end = UINT64_MAX;
	f->sent_ns = cp_now_ns();
	if (op) {
		f->pending++;
		cp_flow_sent(&session(f)->flow, f->size);
	} else {
		cp_dl_file_check(f, err.code, &err);
	}
	close_file(f);
}

static void stat_opened(void *user, struct cp_reply *op)
{
	struct cp_dl_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	if (code == 0)
		cp_reply_attrs(op, &f->opened);
	else
		cp_session_ended(session(f), code, &err);
	cp_dl_file_settle(f);
}

void cp_dl_file_activate(struct cp_dl_file *f)
{
	f->active = true;
	f->next = NULL;
	*f->dl->active_end = f;
	f->dl->active_end = &f->next;
}

static void read_pieces(struct cp_dl_file *f)
{
	haw_error err;
	struct cp_reply *op = cp_file_stat(f->file, stat_opened, f, &err);

	if (op) {
		f->pending++;
	}
	f->end = UINT64_MAX;
	if (!f->again)
		cp_dl_resume(f);
	if (!cp_dl_data_read(f))
		cp_dl_file_activate(f);
}

static void opened(void *user, struct cp_reply *op)
{
	struct cp_dl_file *f = user;
	struct cp_session *s = session(f);
	haw_error err;
	int code = cp_reply_result(op, NULL);

	f->pending--;
	cp_flow_answered(&s->flow, f->sent_ns, cp_now_ns());
	if (code < 0) {
		code = cp_reply_result(op, &err);
		cp_dl_file_check(f, code, &err);
	} else {
		f->file = cp_reply_file(op);
		if (f->whole)
			read_whole(f);
		else
			read_pieces(f);
	}
	cp_dl_file_settle(f);
}

/* ---- The beginning ---- */

void cp_dl_file_leave(struct cp_dl_file *f)
{
	struct cp_session *s = session(f);

	s->report.resumed += f->attrs.size;
	cp_report_file(&s->report, f->name, f->attrs.size);
	cp_sink_abandon(&f->sink);
	s->flow.files--;
	destroy(f);
}

void cp_dl_file_start(struct cp_dl_file *f)
{
	session(f)->flow.files++;
	if (f->again || !cp_running(session(f)) || !cp_dl_skip(f))
		cp_dl_file_fetch(f);
}

void cp_dl_file_fetch(struct cp_dl_file *f)
{
	struct cp_session *s = session(f);
	const haw_attrs none = {0};
	haw_error err;
	struct cp_reply *op = NULL;

	f->size = f->attrs.flags & HAW_ATTR_SIZE ? f->attrs.size : 0;
	f->whole = !f->again && f->dl->short_reads < SHORT_READS && f->size < WHOLE_MAX &&
		   f->size < s->limits.read && !cp_flow_paced(&s->flow);
	f->sent_ns = cp_now_ns();
	if (cp_running(s))
		op = cp_sftp_open(s, f->remote, HAW_OPEN_READ, &none, opened, f, &err);
	if (op) {
		f->pending++;
		return;
	}
	if (cp_running(s))
		cp_dl_file_check(f, err.code, &err);
	f->failed = true;
	cp_dl_file_settle(f);
}

void cp_dl_file_add(struct cp_dl_dir *dir, const char *remote, const char *name, const haw_attrs *attrs)
{
	struct cp_download *dl = dir->dl;
	struct cp_dl_file *f = calloc(1, sizeof(*f));

	if (!f || !(f->name = strdup(name)) || !(f->remote = strdup(remote))) {
		cp_dl_fail(dl->s, remote, "out of memory");
		if (f)
			free(f->name);
		free(f);
		return;
	}
	f->dl = dl;
	f->dir = dir;
	f->attrs = *attrs;
	if (!(attrs->flags & HAW_ATTR_MODE))
		f->attrs.mode = S_IFREG | 0666;
	begin_sink(f);
	dir->references++;
	dl->work++;
	dl->s->report.total_files++;
	dl->s->report.total_bytes += attrs->flags & HAW_ATTR_SIZE ? attrs->size : 0;
	*dl->waiting_end = f;
	dl->waiting_end = &f->next;
	dl->waiting_count++;
}
