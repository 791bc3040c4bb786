/* SPDX-License-Identifier: Apache-2.0 */
#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "glob.h"

/* Listings run ahead of the files, but each holds a directory open here. */
enum { LISTINGS_MAX = 16, WAITING_ENOUGH = 2048 };

struct operand {
	struct cp_download *dl;
	const char *path;
};

/* ---- What is under way ---- */

/* The views of a batch are about to go: write them. */
static void flush(struct cp_download *dl)
{
	uint64_t before = dl->dirty ? cp_now_ns() : 0;
	struct cp_dl_file *f;

	while ((f = dl->dirty)) {
		int error = 0;

		dl->dirty = f->next_dirty;
		f->dirty = false;
		/* What is to be recorded is written, also where the file has failed. */
		if ((!f->failed || f->have.count > 0) && f->sink.view_count > 0)
			error = cp_sink_flush(&f->sink);
		if (error)
			cp_ranges_free(&f->have);
		if (error)
			cp_dl_file_fail_local(f, error);
		else
			cp_dl_record(f, false);
		cp_dl_file_settle(f);
	}
	if (before)
		cp_waits_add(&dl->s->report.waits, CP_WAIT_SINK, cp_now_ns() - before);
}

static void read_active(struct cp_download *dl)
{
	struct cp_session *s = dl->s;
	struct cp_dl_file *f;

	while ((f = dl->active) && (f->failed || !cp_running(s) || cp_flow_room_for_bytes(&s->flow))) {
		if (!cp_dl_data_read(f))
			break;
		dl->active = f->next;
		if (!dl->active)
			dl->active_end = &dl->active;
		f->active = false;
		cp_dl_file_settle(f);
	}
}

static void start_files(struct cp_download *dl)
{
	struct cp_session *s = dl->s;
	struct cp_dl_file *f;

	while ((f = dl->waiting) && (!cp_running(s) || cp_flow_room_for_file(&s->flow))) {
		dl->waiting = f->next;
		if (!dl->waiting)
			dl->waiting_end = &dl->waiting;
		dl->waiting_count--;
		cp_dl_file_start(f);
	}
}

static void start_listings(struct cp_download *dl)
{
	bool running = cp_running(dl->s);
	struct cp_dl_dir *dir;

	while ((dir = dl->paused) && (!running || dl->waiting_count < WAITING_ENOUGH)) {
		dl->paused = dir->next;
		cp_dl_list_resume(dir);
	}
	while ((dir = dl->unlisted) &&
	       (!running || (dl->listing_count < LISTINGS_MAX && dl->waiting_count < WAITING_ENOUGH))) {
		dl->unlisted = dir->next;
		cp_dl_list(dir);
	}
}

/* When nothing else is under way. */
static void start_postponed(struct cp_download *dl)
{
	struct cp_dl_file *f, *next;

	if (cp_running(dl->s) &&
	    (dl->waiting || dl->unlisted || dl->paused || dl->listing_count > 0 || dl->s->flow.files > 0))
		return;
	for (f = dl->postponed, dl->postponed = NULL; f; f = next) {
		next = f->next;
		f->next = NULL;
		*dl->waiting_end = f;
		dl->waiting_end = &f->next;
		dl->waiting_count++;
	}
	start_files(dl);
}

static void pump(void *user)
{
	struct cp_download *dl = user;

	flush(dl);
	read_active(dl);
	start_files(dl);
	start_listings(dl);
	start_postponed(dl);
	dl->s->report.total_known = !dl->unlisted && !dl->paused && dl->listing_count == 0;
}

static bool finished(void *user)
{
	const struct cp_download *dl = user;

	return dl->work == 0;
}

/* ---- Operands ---- */

static bool is_contents(const char *name)
{
	return !name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0;
}

static void take_operand(struct cp_download *dl, const char *path, const haw_attrs *attrs)
{
	struct cp_session *s = dl->s;
	char *own = cp_last_name(path);
	const char *name = dl->rename_to ? dl->rename_to : own;

	if (!own) {
		cp_dl_fail(s, path, "out of memory");
	} else if (S_ISDIR(attrs->mode)) {
		if (s->args->recursive)
			cp_dl_dir_add(dl->base, path, is_contents(name) ? NULL : name, attrs, NULL);
		else
			cp_dl_fail(s, path, "is a directory, which only -r copies");
	} else if (dl->must_be_dir) {
		cp_report_failed(&s->report, dl->rename_to, "No such directory");
	} else if (S_ISREG(attrs->mode) || !(attrs->flags & HAW_ATTR_MODE)) {
		cp_dl_file_add(dl->base, path, name, attrs);
	} else {
		cp_dl_fail(s, path, "is not a regular file");
	}
	free(own);
}

static void asked(void *user, struct cp_reply *op)
{
	struct operand *o = user;
	struct cp_download *dl = o->dl;
	haw_attrs attrs = {0};
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code == 0) {
		cp_reply_attrs(op, &attrs);
		take_operand(dl, o->path, &attrs);
	} else if (!cp_session_ended(dl->s, code, &err) && !dl->s->stopped) {
		cp_dl_fail(dl->s, o->path, cp_reason(&err));
	}
	dl->work--;
	cp_dl_dir_put(dl->base);
	free(o);
}

static void ask(struct cp_download *dl, const char *path)
{
	struct operand *o = calloc(1, sizeof(*o));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};
	struct cp_reply *op = NULL;

	if (o) {
		o->dl = dl;
		o->path = path;
		op = cp_sftp_stat(dl->s, path, true, asked, o, &err);
	}
	if (!op) {
		free(o);
		if (!cp_session_ended(dl->s, err.code, &err))
			cp_dl_fail(dl->s, path, err.message);
		return;
	}
	dl->work++;
	dl->base->references++;
}

/* ---- Destination ---- */

static struct cp_dl_dir *open_base(struct cp_download *dl, const char *path, const char *shown)
{
	struct cp_dl_dir *base = calloc(1, sizeof(*base));

	if (base) {
		base->dl = dl;
		base->base = true;
		base->references = 1;
		base->remote = strdup(path);
		base->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dl->work++;
		if (base->fd >= 0 && base->remote)
			return base;
		cp_report_failed(&dl->s->report, shown, "%s", strerror(errno));
		free(base->remote);
	}
	free(base);
	dl->work = 0;
	return NULL;
}

static struct cp_dl_dir *find_base(struct cp_download *dl, const char *destination, bool several, char **name)
{
	size_t len = strlen(destination);
	struct cp_dl_dir *base = NULL;
	char *around;
	struct stat st;
	int found = stat(destination, &st);
	bool goes_on = found == 0 && S_ISDIR(st.st_mode) && cp_begun_before(&dl->begun);

	if (found == 0 && S_ISDIR(st.st_mode) && !goes_on)
		return open_base(dl, destination, destination);
	if (found != 0 && errno != ENOENT && errno != ENOTDIR) {
		cp_report_failed(&dl->s->report, destination, "%s", strerror(errno));
		return NULL;
	}
	if (several) {
		cp_report_failed(&dl->s->report, destination,
				 found == 0 ? "is not a directory" : "No such directory");
		return NULL;
	}
	dl->must_be_dir = len > 0 && destination[len - 1] == '/';
	around = cp_around_name(destination);
	*name = cp_last_name(destination);
	if (around && *name)
		base = open_base(dl, around, destination);
	free(around);
	if (base)
		cp_begun_note(&dl->begun);
	return base;
}

void cp_download(struct cp_session *s, char **sources, size_t count, const char *destination)
{
	struct cp_download dl = {.s = s};
	struct cp_glob glob = {0};
	char *name = NULL;
	bool done;
	int sync; /* the base may be closed by the end */

	dl.waiting_end = &dl.waiting;
	dl.active_end = &dl.active;
	for (size_t i = 0; i < count && cp_running(s); i++)
		cp_glob_add(&glob, s, sources[i]);
	if (glob.count == 1 && !s->several && s->args->recursive)
		cp_begun_init(&dl.begun, s, NULL, sources[0], destination);
	if (glob.count > 0)
		dl.base = find_base(&dl, destination, s->several || glob.count > 1, &name);
	if (dl.base) {
		dl.rename_to = name;
		/* What replies make room for leaves together, at the end of each batch of them. */
		cp_remote_set_batch(s, pump, &dl);
		sync = dup(dl.base->fd);
		cp_dl_journal_open(&dl, sync, sources, count);
		for (size_t i = 0; i < glob.count; i++)
			ask(&dl, glob.paths[i]);
		cp_dl_dir_put(dl.base);
		cp_session_run(s, finished, pump, &dl);
		cp_remote_set_batch(s, NULL, NULL);
		done = cp_running(s) && s->report.failed == 0;
		cp_journal_close(&dl.journal, done);
		if (done)
			cp_begun_forget(&dl.begun);
		if (sync >= 0)
			close(sync);
	}
	cp_glob_free(&glob);
	free(name);
}
