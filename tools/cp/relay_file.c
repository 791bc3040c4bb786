/* SPDX-License-Identifier: Apache-2.0
 *
 * One file between two servers:
 *
 *   source:        OPEN [FSTAT] -> READ... -> [FSTAT] CLOSE
 *   destination:   [LSTAT] OPEN ->     WRITE... -> FSETSTAT CLOSE -> [RENAME]
 *
 * A stage ends when all its requests are answered.
 */
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "tempname.h"

enum stage { OPENING, MOVING, CLOSING, RENAMING, REMOVING };

/* Larger ones are looked at before and after they are read. */
enum { SMALL = 128 << 10 };

/* ---- The end ---- */

static void destroy(struct cp_relay_file *f)
{
	struct cp_relay_dir *dir = f->dir;

	f->r->files--;
	f->r->to->flow.files--;
	f->r->from->flow.files--;
	free(f->source);
	free(f->path);
	free(f->final);
	cp_ranges_free(&f->have);
	free(f);
	cp_relay_dir_put(dir);
}

void cp_relay_file_check(struct cp_relay_file *f, struct cp_session *s, int code, const haw_error *err)
{
	struct cp_relay *r = f->r;

	if (code == 0)
		return;
	if (!f->failed)
		cp_relay_fail(r, s, s == r->from ? f->source : f->final, code, err);
	else
		cp_session_ended(s, code, err);
	f->failed = true;
}

/* A request that this waits for; or the reason why there is none. */
static bool await(struct cp_relay_file *f, struct cp_session *s, const struct cp_reply *reply,
		  const haw_error *err)
{
	if (!reply) {
		cp_relay_file_check(f, s, err->code, err);
		return false;
	}
	f->pending++;
	return true;
}

static void answered(struct cp_relay_file *f)
{
	f->pending--;
	cp_relay_file_settle(f);
}

/* What the answer is does not matter, but to the session. */
static void on_to_forget(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code < 0)
		cp_session_ended(f->r->to, code, &err);
	answered(f);
}

/* Nothing half-written stays, under whatever name. */
static void abandon(struct cp_relay_file *f)
{
	/* Whether a later run is to go on with what is there. */
	bool kept = cp_relay_is_recorded(f) && !cp_relay_running(f->r);
	haw_error err;

	if (!kept)
		cp_relay_record_forget(f);
	else if (f->created)
		cp_relay_record(f, true);
	f->failed = true;
	f->stage = REMOVING;
	if (f->in)
		cp_file_close(f->in, cp_relay_ignore, NULL, &err);
	if (f->out)
		cp_file_close(f->out, cp_relay_ignore, NULL, &err);
	f->in = f->out = NULL;
	if (f->created && !kept && !f->in_place && !f->r->to->lost)
		await(f, f->r->to, cp_sftp_remove(f->r->to, f->path, on_to_forget, f, &err), &err);
	if (f->pending == 0)
		destroy(f);
}

static void succeed(struct cp_relay_file *f)
{
	cp_relay_record_forget(f);
	cp_report_file(&f->r->from->report, f->source, f->end);
	destroy(f);
}

/* ---- Renaming ---- */

static void on_to(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	cp_relay_file_check(f, f->r->to, code, &err);
	answered(f);
}

/* Servers without posix-rename only rename to free names. */
static void rename_file(struct cp_relay_file *f)
{
	struct cp_session *to = f->r->to;
	bool replace = to->extensions & HAW_SFTP_POSIX_RENAME;
	haw_error err;

	f->stage = RENAMING;
	await(f, to,
	      cp_sftp_rename(to, f->path, f->final,
			     replace		 ? CP_RENAME_REPLACE
			     : f->standing.flags ? CP_RENAME_REMOVE
						 : CP_RENAME_FREE,
			     on_to, f, &err),
	      &err);
	if (f->pending == 0)
		abandon(f);
}

/* ---- Closing ---- */

static void on_from_forget(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code < 0)
		cp_session_ended(f->r->from, code, &err);
	answered(f);
}

static void stat_again(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;

	cp_reply_attrs(reply, &f->now);
	on_from_forget(user, reply);
}

static void send_attrs(struct cp_relay_file *f)
{
	struct cp_session *to = f->r->to;
	bool preserve = to->args->preserve;
	haw_attrs attrs = {.flags = HAW_ATTR_SIZE, .size = f->end};
	haw_error err;

	/* What stood there, or an earlier run has left, could be longer. */
	if (f->resumed || (f->in_place && !f->once))
		await(f, to, cp_file_setstat(f->out, &attrs, on_to, f, &err), &err);
	attrs = (haw_attrs){0};
	if (preserve && !(f->standing.flags && !S_ISREG(f->standing.mode))) {
		attrs = f->attrs;
		attrs.flags &= HAW_ATTR_MODE | HAW_ATTR_TIMES;
	} else if (f->temporary && f->standing.flags & HAW_ATTR_MODE) {
		/* Owner and mode of what is replaced are kept as far as the server allows. */
		attrs = f->standing;
		attrs.flags &= HAW_ATTR_MODE | HAW_ATTR_OWNER;
	}
	attrs.mode &= 07777;
	if (attrs.flags)
		await(f, to, cp_file_setstat(f->out, &attrs, preserve ? on_to : on_to_forget, f, &err), &err);
}

static void close_both(struct cp_relay_file *f)
{
	haw_error err;

	f->stage = CLOSING;
	/* A small one that was opened again may be another by now. */
	if (!f->opened.flags && f->r->from->report.reconnects != f->reconnects)
		f->opened = f->attrs;
	if (f->opened.flags)
		await(f, f->r->from, cp_file_stat(f->in, stat_again, f, &err), &err);
	send_attrs(f);
	await(f, f->r->to, cp_file_close(f->out, on_to, f, &err), &err);
	f->out = NULL;
	await(f, f->r->from, cp_file_close(f->in, on_from_forget, f, &err), &err);
	f->in = NULL;
	if (f->pending == 0)
		abandon(f);
}

static bool has_changed(const struct cp_relay_file *f)
{
	const haw_attrs *a = &f->opened, *b = &f->now;
	uint32_t both = a->flags & b->flags;

	/* What an earlier run has left is of the file that was listed. */
	if (f->resumed && (f->attrs.mtime != b->mtime || f->attrs.size != b->size))
		return true;
	if ((both & HAW_ATTR_TIMES && a->mtime != b->mtime) || (both & HAW_ATTR_SIZE && a->size != b->size))
		return true;
	/* Shorter than the server said, and it does not say now that this is all. */
	return f->attrs.flags & HAW_ATTR_SIZE && f->end < f->attrs.size &&
	       !(b->flags & HAW_ATTR_SIZE && b->size == f->end);
}

static void say_changed(struct cp_relay_file *f)
{
	char *name = cp_remote_name(f->r->from, f->source);

	cp_report_changed(&f->r->from->report, name ? name : f->source, "changed while it was read");
	free(name);
}

/* ---- From stage to stage ---- */

/* Before it gets its final name: what stands there now is not lost to a bad copy. */
static void verify(struct cp_relay_file *f)
{
	f->verified = true;
	if (cp_relay_verify(f))
		return;
	cp_relay_fail_plain(f->r, f->r->to, f->final, "out of memory");
	abandon(f);
}

void cp_relay_file_activate(struct cp_relay_file *f)
{
	f->active = true;
	f->next = NULL;
	*f->r->active_end = f;
	f->r->active_end = &f->next;
}

void cp_relay_file_settle(struct cp_relay_file *f)
{
	if (f->pending > 0 || f->active)
		return;
	if (f->stage == REMOVING) {
		destroy(f);
	} else if (f->failed || !cp_relay_running(f->r)) {
		abandon(f);
	} else if (f->stage == OPENING) {
		f->stage = MOVING;
		cp_relay_file_activate(f);
		cp_relay_pump(f->r);
	} else if (f->stage == MOVING) {
		close_both(f);
	} else if (f->stage == CLOSING && has_changed(f)) {
		say_changed(f);
		abandon(f);
	} else if (f->stage == CLOSING && f->r->to->args->verify && !f->verified && !f->once) {
		verify(f);
	} else if (f->stage == CLOSING && f->temporary) {
		rename_file(f);
	} else {
		succeed(f);
	}
}

/* ---- Opening the destination ---- */

static void open_out(struct cp_relay_file *f);

/* Another way to open it, after the server has refused one. */
static bool reopen(struct cp_relay_file *f, const haw_error *err)
{
	struct cp_session *to = f->r->to;
	bool refused = err->code == HAW_ESTATUS && err->reason == HAW_SFTP_PERMISSION_DENIED;
	haw_error ignored;

	if (f->resumed) {
		cp_relay_restart(f);
		return true;
	}
	if (!f->temporary || err->code == HAW_ENOTFOUND)
		return false;
	if (refused && f->standing.flags) {
		/* The directory takes no new names: into what stands there. */
		f->temporary = false;
		f->in_place = true;
		free(f->path);
		f->path = strdup(f->final);
		return f->path != NULL;
	}
	if (f->cleared)
		return false;
	/* What a broken run has left stands under the temporary name. It is not written to: it could be a
	 * link. */
	f->cleared = true;
	return await(f, to, cp_sftp_remove(to, f->path, on_to_forget, f, &ignored), &ignored);
}

static void out_opened(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code == 0) {
		f->out = cp_reply_file(reply);
		if (f->once)
			cp_file_set_once(f->out);
		f->created = true;
	} else if (!f->failed && cp_relay_running(f->r) && reopen(f, &err)) {
		open_out(f);
	} else {
		cp_relay_file_check(f, f->r->to, code, &err);
	}
	answered(f);
}

static void open_out(struct cp_relay_file *f)
{
	struct cp_session *to = f->r->to;
	haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = f->attrs.mode & 0777};
	uint32_t flags = HAW_OPEN_WRITE;
	haw_error err;

	if (f->temporary && f->standing.flags & HAW_ATTR_MODE && !to->args->preserve)
		attrs.mode = f->standing.mode & 0777;
	if (!f->resumed)
		flags |= HAW_OPEN_CREATE | (f->in_place ? 0 : HAW_OPEN_EXCLUSIVE);
	await(f, to, cp_sftp_open(to, f->path, flags, &attrs, out_opened, f, &err), &err);
}

static void part_known(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_attrs part = {0};

	if (cp_reply_result(reply, NULL) == 0 && cp_reply_attrs(reply, &part))
		cp_relay_resume(f, &part);
	if (!f->failed && cp_relay_running(f->r))
		open_out(f);
	answered(f);
}

/* What an earlier run has left is looked at first. */
static void begin_temporary(struct cp_relay_file *f)
{
	haw_error err;

	if (cp_relay_is_recorded(f))
		await(f, f->r->to, cp_sftp_stat(f->r->to, f->path, false, part_known, f, &err), &err);
	else
		open_out(f);
}

/* Where a link leads, which is written through. */
static void led_to(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_attrs attrs = {0};

	f->once = cp_reply_result(reply, NULL) == 0 && cp_reply_attrs(reply, &attrs) &&
		  attrs.flags & HAW_ATTR_MODE && !S_ISREG(attrs.mode);
	if (!f->failed && cp_relay_running(f->r))
		open_out(f);
	answered(f);
}

static void begin_in_place(struct cp_relay_file *f)
{
	haw_error err;

	f->once = !S_ISLNK(f->standing.mode);
	if (f->once)
		open_out(f);
	else
		await(f, f->r->to, cp_sftp_stat(f->r->to, f->final, true, led_to, f, &err), &err);
}

/* What stands there is known. */
static void choose_name(struct cp_relay_file *f)
{
	f->in_place = f->standing.flags & HAW_ATTR_MODE && !S_ISREG(f->standing.mode);
	f->temporary = !f->in_place;
	f->path = f->temporary ? cp_temp_path(f->final) : strdup(f->final);
	if (f->standing.flags & HAW_ATTR_MODE && S_ISDIR(f->standing.mode)) {
		cp_relay_fail_plain(f->r, f->r->to, f->final, "is a directory");
		f->failed = true;
	} else if (!f->path) {
		cp_relay_fail_plain(f->r, f->r->to, f->final, "out of memory");
		f->failed = true;
	} else if (f->temporary) {
		begin_temporary(f);
	} else {
		begin_in_place(f);
	}
}

static void standing_known(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code == 0)
		cp_reply_attrs(reply, &f->standing);
	if (code == 0 || code == HAW_ENOTFOUND)
		choose_name(f);
	else
		cp_relay_file_check(f, f->r->to, code, &err);
	answered(f);
}

static void begin_out(struct cp_relay_file *f)
{
	haw_error err;

	if (!f->dir->fresh) {
		await(f, f->r->to, cp_sftp_stat(f->r->to, f->final, false, standing_known, f, &err), &err);
		return;
	}
	f->path = strdup(f->final);
	if (f->path) {
		open_out(f);
		return;
	}
	cp_relay_fail_plain(f->r, f->r->to, f->final, "out of memory");
	f->failed = true;
}

/* ---- Opening the source ---- */

static void opened_known(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;

	if (cp_reply_attrs(reply, &f->opened) && f->opened.flags & HAW_ATTR_SIZE)
		f->size = f->opened.size;
	on_from_forget(user, reply);
}

static void in_opened(void *user, struct cp_reply *reply)
{
	struct cp_relay_file *f = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	cp_relay_file_check(f, f->r->from, code, &err);
	if (code == 0) {
		f->in = cp_reply_file(reply);
		if (f->size > SMALL)
			await(f, f->r->from, cp_file_stat(f->in, opened_known, f, &err), &err);
	}
	answered(f);
}

static bool has_room(void *user)
{
	struct cp_relay *r = user;

	return !cp_relay_running(r) ||
	       (cp_flow_room_for_file(&r->from->flow) && cp_flow_room_for_file(&r->to->flow));
}

void cp_relay_file_add(struct cp_relay_dir *dir, const char *source, const char *name, const haw_attrs *attrs)
{
	struct cp_relay *r = dir->r;
	struct cp_relay_file *f = calloc(1, sizeof(*f));
	const haw_attrs none = {0};
	haw_error err;

	cp_relay_run(r, has_room, r);
	if (!f || !(f->source = strdup(source)) || !(f->final = cp_join(dir->path, name))) {
		cp_relay_fail_plain(r, r->from, source, "out of memory");
		if (f)
			free(f->source);
		free(f);
		return;
	}
	f->r = r;
	f->dir = dir;
	dir->references++;
	f->attrs = *attrs;
	if (!(attrs->flags & HAW_ATTR_MODE))
		f->attrs.mode = S_IFREG | 0666;
	f->size = attrs->flags & HAW_ATTR_SIZE ? attrs->size : 0;
	f->end = UINT64_MAX;
	r->files++;
	r->from->flow.files++;
	r->to->flow.files++;
	f->reconnects = r->from->report.reconnects;
	f->pending++; /* until both have begun */
	if (cp_relay_running(r)) {
		await(f, r->from, cp_sftp_open(r->from, source, HAW_OPEN_READ, &none, in_opened, f, &err),
		      &err);
		begin_out(f);
	}
	answered(f);
}
