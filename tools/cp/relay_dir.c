/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory between two servers. It is listed to its end, files starting as their names come; then its
 * directories follow, so that one listing is open at a time (of thousands some come before, so that they do
 * not fill the memory). It is complete when all in it is.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "tempname.h"
#include "upload.h"

/* No path is so deep on any system; a ring of links is, with -L. */
enum { DEPTH_MAX = PATH_MAX / 2, KEPT_MAX = 4096 };

/* Directories of the one that is being walked. */
struct entry {
	struct entry *next;
	haw_attrs attrs;
	char *real;
	char name[];
};

struct walk {
	struct cp_relay_dir *dir;
	struct entry *first, **end;
	unsigned kept;
};

static struct cp_session *from(const struct cp_relay_dir *dir)
{
	return dir->r->from;
}

static struct cp_session *to(const struct cp_relay_dir *dir)
{
	return dir->r->to;
}

/* ---- Completion ---- */

static void destroy(struct cp_relay_dir *dir)
{
	struct cp_relay_dir *parent = dir->parent;

	dir->r->work--;
	free(dir->source);
	free(dir->path);
	free(dir->final);
	free(dir->real);
	free(dir);
	if (parent)
		cp_relay_dir_put(parent);
}

static void renamed(void *user, struct cp_reply *reply)
{
	struct cp_relay_dir *dir = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code < 0)
		cp_relay_fail(dir->r, dir->r->to, dir->final, code, &err);
	destroy(dir);
}

static void rename_stage(struct cp_relay_dir *dir)
{
	struct cp_reply *reply = NULL;
	haw_error err;

	if (dir->staged && cp_relay_running(dir->r)) {
		reply = cp_sftp_rename(to(dir), dir->path, dir->final, CP_RENAME_FREE, renamed, dir, &err);
		if (!reply)
			cp_relay_fail(dir->r, dir->r->to, dir->final, err.code, &err);
	}
	if (!reply)
		destroy(dir);
}

static void attributes_set(void *user, struct cp_reply *reply)
{
	struct cp_relay_dir *dir = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	if (code < 0)
		cp_relay_fail(dir->r, dir->r->to, dir->final, code, &err);
	rename_stage(dir);
}

/* What the entries needed, or have changed. */
static haw_attrs final_attributes(const struct cp_relay_dir *dir)
{
	haw_attrs attrs = dir->attrs;

	attrs.flags &= HAW_ATTR_MODE | HAW_ATTR_TIMES;
	attrs.mode &= 07777;
	if (dir->r->to->args->preserve)
		return attrs;
	/* Made writable to be filled; the server's umask shows in what it has made. */
	attrs.flags &= HAW_ATTR_MODE;
	if (!dir->made || (attrs.mode & 0700) == 0700 || !dir->made_mode)
		attrs.flags = 0;
	attrs.mode &= dir->made_mode & 0777;
	return attrs;
}

void cp_relay_dir_put(struct cp_relay_dir *dir)
{
	struct cp_reply *reply = NULL;
	haw_attrs attrs;
	haw_error err;

	if (--dir->references > 0)
		return;
	if (dir->base || dir->failed || !cp_relay_running(dir->r)) {
		destroy(dir);
		return;
	}
	attrs = final_attributes(dir);
	if (attrs.flags) {
		reply = cp_sftp_setstat(to(dir), dir->path, &attrs, attributes_set, dir, &err);
		if (!reply)
			cp_relay_fail(dir->r, dir->r->to, dir->final, err.code, &err);
	}
	if (!reply)
		rename_stage(dir);
}

struct cp_relay_dir *cp_relay_dir_new(struct cp_relay *r, struct cp_relay_dir *parent, const char *source,
				      const char *final)
{
	struct cp_relay_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->source = strdup(source);
	dir->final = strdup(final);
	dir->path = strdup(final);
	if (!dir->source || !dir->final || !dir->path) {
		free(dir->source);
		free(dir->final);
		free(dir->path);
		free(dir);
		return NULL;
	}
	dir->r = r;
	dir->references = 1;
	dir->parent = parent;
	if (parent) {
		parent->references++;
		dir->depth = parent->depth + 1;
	}
	r->work++;
	return dir;
}

/* ---- Making it there ---- */

struct removal {
	bool done;
	int code;
	haw_error err;
};

static void removed(void *user, int code, const haw_error *err)
{
	struct removal *removal = user;

	removal->done = true;
	removal->code = code;
	if (err)
		removal->err = *err;
}

static bool is_removed(void *user)
{
	const struct removal *removal = user;

	return removal->done;
}

/* What a broken run has left under the temporary name. */
static bool clear(struct cp_relay_dir *dir)
{
	struct removal removal = {.done = false};

	cp_remove_tree(dir->r->to, dir->path, removed, &removal);
	cp_relay_run(dir->r, is_removed, &removal);
	return removal.code == 0;
}

static int make(struct cp_relay_dir *dir, bool fresh, haw_error *err)
{
	uint32_t mode = dir->attrs.flags & HAW_ATTR_MODE ? dir->attrs.mode & 0777 : 0777;
	struct cp_outcome o = {0};
	int code = cp_relay_wait(
		dir->r,
		cp_sftp_mkdir(to(dir), dir->path, mode | 0700, !dir->staged, cp_outcome_take, &o, err), &o,
		err);

	if (code < 0)
		return code;
	dir->made = true;
	dir->fresh = fresh;
	if ((mode & 0700) == 0700 || dir->r->to->args->preserve)
		return 0;
	o.done = false;
	if (cp_relay_wait(dir->r, cp_sftp_stat(to(dir), dir->path, false, cp_outcome_take, &o, err), &o,
			  err) == 0)
		dir->made_mode = o.attrs.mode;
	return 0;
}

/* Nothing stands there: a temporary name, until it is complete, where it can be had (see upload_dir.c). */
static int stage(struct cp_relay_dir *dir, haw_error *err)
{
	int code;

	if (!(to(dir)->extensions & HAW_SFTP_POSIX_RENAME) || to(dir)->args->resume)
		return make(dir, false, err);
	free(dir->path);
	dir->path = cp_temp_path(dir->final);
	if (!dir->path)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	dir->staged = true;
	code = make(dir, true, err);
	if (code == HAW_ESTATUS && err->reason == HAW_SFTP_FAILURE && clear(dir))
		code = make(dir, true, err);
	return code;
}

/* Find it there or make it. */
static bool open_there(struct cp_relay_dir *dir)
{
	struct cp_relay *r = dir->r;
	struct cp_outcome o = {0};
	haw_error err;
	int code;

	if (dir->parent->fresh) {
		code = make(dir, true, &err);
	} else {
		code = cp_relay_wait(
			r, cp_sftp_stat(to(dir), dir->final, true, cp_outcome_take, &o, &err), &o, &err);
		if (code == HAW_ENOTFOUND) {
			code = stage(dir, &err);
		} else if (code == 0 && !S_ISDIR(o.attrs.mode)) {
			cp_relay_fail_plain(r, r->to, dir->final, "is a file, where a directory is needed");
			return false;
		}
	}
	if (code < 0)
		cp_relay_fail(r, r->to, dir->final, code, &err);
	return code == 0;
}

/* ---- Links ---- */

/* Under the name WRITTEN first, unless that is NAME itself. */
static int make_link(struct cp_relay_dir *dir, const char *target, const char *written, const char *name,
		     haw_error *err)
{
	struct cp_session *s = to(dir);
	struct cp_outcome o = {0};
	int code;

	if (written != name)
		cp_sftp_remove(s, written, cp_relay_ignore, NULL, err);
	code = cp_relay_wait(dir->r, cp_sftp_symlink(s, target, written, cp_outcome_take, &o, err), &o, err);
	if (code < 0 || written == name)
		return code;
	o.done = false;
	return cp_relay_wait(dir->r,
			     cp_sftp_rename(s, written, name,
					    s->extensions & HAW_SFTP_POSIX_RENAME ? CP_RENAME_REPLACE
										  : CP_RENAME_REMOVE,
					    cp_outcome_take, &o, err),
			     &o, err);
}

static int put_link(struct cp_relay_dir *dir, const char *target, const char *name, haw_error *err)
{
	char *temporary = dir->fresh ? NULL : cp_temp_path(name);
	int code;

	if (!dir->fresh && !temporary)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	code = make_link(dir, target, temporary ? temporary : name, name, err);
	if (code < 0 && temporary && cp_relay_running(dir->r)) {
		haw_error ignored;

		cp_sftp_remove(to(dir), temporary, cp_relay_ignore, NULL, &ignored);
	}
	free(temporary);
	return code;
}

static void copy_link(struct cp_relay_dir *dir, const char *source, const char *name)
{
	struct cp_outcome o = {0};
	haw_error err;
	int code = cp_relay_wait(dir->r, cp_sftp_readlink(from(dir), source, cp_outcome_take, &o, &err), &o,
				 &err);
	char *final = cp_join(dir->path, name);

	if (code < 0) {
		cp_relay_fail(dir->r, dir->r->from, source, code, &err);
	} else if (!o.path || !final) {
		cp_relay_fail_plain(dir->r, dir->r->from, source,
				    final ? "is a link to what no name can be" : "out of memory");
	} else {
		code = put_link(dir, o.path, final, &err);
		if (code < 0)
			cp_relay_fail(dir->r, dir->r->to, final, code, &err);
	}
	cp_outcome_clear(&o);
	free(final);
}

static bool is_around(const struct cp_relay_dir *dir, const char *real)
{
	size_t len = strlen(real);

	for (; dir; dir = dir->parent)
		if (dir->real && strncmp(dir->real, real, len) == 0 &&
		    (len <= 1 || dir->real[len] == '/' || !dir->real[len]))
			return true;
	return false;
}

/* The canonical name of a directory, unless it is one around DIR, which is said. */
static char *real_name(struct cp_relay_dir *dir, const char *source)
{
	struct cp_outcome o = {0};
	haw_error err;
	int code = cp_relay_wait(dir->r, cp_sftp_realpath(from(dir), source, cp_outcome_take, &o, &err), &o,
				 &err);
	char *real = o.path;

	if (code < 0) {
		cp_relay_fail(dir->r, dir->r->from, source, code, &err);
	} else if (!real || is_around(dir, real)) {
		cp_relay_fail_plain(dir->r, dir->r->from, source,
				    real ? "is a link to a directory around it"
					 : "is a link to what no name can be");
		free(real);
		real = NULL;
	}
	return real;
}

/* ---- Walking ---- */

static void keep(struct walk *w, const char *name, const haw_attrs *attrs, char *real)
{
	size_t len = strlen(name) + 1;
	struct entry *entry = malloc(sizeof(*entry) + len);

	if (!entry) {
		cp_relay_fail_plain(w->dir->r, w->dir->r->from, w->dir->source, "out of memory");
		free(real);
		return;
	}
	*entry = (struct entry){.attrs = *attrs, .real = real};
	memcpy(entry->name, name, len);
	*w->end = entry;
	w->end = &entry->next;
	w->kept++;
}

static void take_kind(struct walk *w, const char *source, const char *name, const haw_attrs *attrs,
		      char *real)
{
	struct cp_relay *r = w->dir->r;

	if (S_ISREG(attrs->mode))
		cp_relay_file_add(w->dir, source, name, attrs);
	else if (S_ISDIR(attrs->mode))
		keep(w, name, attrs, real);
	else if (S_ISLNK(attrs->mode))
		copy_link(w->dir, source, name);
	else
		cp_relay_fail_plain(r, r->from, source,
				    "is neither a file, a directory nor a link: not copied");
}

/* With -L. */
static void follow(struct walk *w, const char *source, const char *name)
{
	struct cp_relay *r = w->dir->r;
	struct cp_outcome o = {0};
	haw_error err;
	int code = cp_relay_wait(r, cp_sftp_stat(from(w->dir), source, true, cp_outcome_take, &o, &err), &o,
				 &err);
	char *real = NULL;

	if (code == 0 && S_ISDIR(o.attrs.mode))
		real = real_name(w->dir, source);
	if (code == HAW_ENOTFOUND)
		cp_relay_fail_plain(r, r->from, source, "is a link to nothing");
	else if (code < 0)
		cp_relay_fail(r, r->from, source, code, &err);
	else if (real || !S_ISDIR(o.attrs.mode))
		take_kind(w, source, name, &o.attrs, real);
}

static void take_entry(struct walk *w, const haw_name *entry)
{
	struct cp_relay_dir *dir = w->dir;
	char *name, *source;

	if (haw_span_is(entry->name, ".") || haw_span_is(entry->name, ".."))
		return;
	if (entry->name.len == 0 || memchr(entry->name.ptr, '/', entry->name.len) ||
	    memchr(entry->name.ptr, 0, entry->name.len)) {
		cp_relay_fail_plain(dir->r, dir->r->from, dir->source,
				    "the server lists a name that no directory can hold: refused");
		return;
	}
	name = strndup((const char *)entry->name.ptr, entry->name.len);
	source = name ? cp_join(dir->source, name) : NULL;
	if (!source)
		cp_relay_fail_plain(dir->r, dir->r->from, dir->source, "out of memory");
	else if (S_ISLNK(entry->attrs.mode) && dir->r->from->args->follow && !cp_is_temp_name(name))
		follow(w, source, name);
	else if (!cp_is_temp_name(name))
		take_kind(w, source, name, &entry->attrs, NULL);
	free(name);
	free(source);
}

static void descend(struct walk *w);

static void list(struct walk *w)
{
	struct cp_relay *r = w->dir->r;
	struct cp_outcome o = {0};
	struct cp_file *listing;
	haw_error err;
	int code = cp_relay_wait(
		r, cp_sftp_opendir(from(w->dir), w->dir->source, cp_outcome_take, &o, &err), &o, &err);

	listing = o.file;
	while (code == 0 && cp_relay_running(r)) {
		o = (struct cp_outcome){0};
		code = cp_relay_wait(r, cp_file_readdir(listing, cp_outcome_take, &o, &err), &o, &err);
		for (size_t i = 0; i < o.name_count && cp_relay_running(r); i++)
			take_entry(w, &o.names[i]);
		cp_outcome_clear(&o);
		if (w->kept >= KEPT_MAX)
			descend(w);
	}
	if (listing)
		cp_file_close(listing, cp_relay_ignore, NULL, NULL);
	if (code < 0 && code != HAW_EEND) {
		cp_relay_fail(r, r->from, w->dir->source, code, &err);
		w->dir->failed = !w->dir->made;
	}
}

static void descend(struct walk *w)
{
	struct entry *entry;

	while ((entry = w->first)) {
		char *source = cp_join(w->dir->source, entry->name);

		w->first = entry->next;
		if (source && cp_relay_running(w->dir->r))
			cp_relay_directory(w->dir, source, entry->name, &entry->attrs, entry->real);
		else if (!source)
			cp_relay_fail_plain(w->dir->r, w->dir->r->from, w->dir->source, "out of memory");
		free(source);
		free(entry->real);
		free(entry);
	}
	w->end = &w->first;
	w->kept = 0;
}

void cp_relay_directory(struct cp_relay_dir *parent, const char *source, const char *name,
			const haw_attrs *attrs, const char *real)
{
	struct cp_relay *r = parent->r;
	char *final = name ? cp_join(parent->path, name) : strdup(parent->path);
	struct cp_relay_dir *dir = final ? cp_relay_dir_new(r, parent, source, final) : NULL;
	struct walk w = {.dir = dir};

	free(final);
	w.end = &w.first;
	if (!dir) {
		cp_relay_fail_plain(r, r->from, source, "out of memory");
		return;
	}
	dir->attrs = *attrs;
	dir->real = real ? strdup(real) : NULL;
	if (dir->depth > DEPTH_MAX) {
		cp_relay_fail_plain(r, r->from, source, "is too deep: not copied");
		dir->failed = true;
	} else if (open_there(dir)) {
		list(&w);
		descend(&w);
	} else {
		dir->failed = true;
	}
	cp_relay_dir_put(dir);
}
