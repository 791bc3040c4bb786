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

static haw_sftp *from(const struct cp_relay_dir *dir)
{
	return cp_session_sftp(dir->r->from);
}

static haw_sftp *to(const struct cp_relay_dir *dir)
{
	return cp_session_sftp(dir->r->to);
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

static void renamed(void *user, haw_op *op)
{
	struct cp_relay_dir *dir = user;
	haw_error err;
	int code = haw_op_result(op, &err);

	if (code < 0)
		cp_relay_fail(dir->r, dir->r->to, dir->final, code, &err);
	destroy(dir);
}

static void rename_stage(struct cp_relay_dir *dir)
{
	haw_op *op = NULL;
	haw_error err;

	if (dir->staged && cp_relay_running(dir->r)) {
		op = haw_sftp_rename_start(to(dir), dir->path, dir->final, false, renamed, dir, &err);
		if (!op)
			cp_relay_fail(dir->r, dir->r->to, dir->final, err.code, &err);
	}
	if (op)
		haw_op_detach(op);
	else
		destroy(dir);
}

static void attributes_set(void *user, haw_op *op)
{
	struct cp_relay_dir *dir = user;
	haw_error err;
	int code = haw_op_result(op, &err);

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
	haw_attrs attrs;
	haw_op *op = NULL;
	haw_error err;

	if (--dir->references > 0)
		return;
	if (dir->base || dir->failed || !cp_relay_running(dir->r)) {
		destroy(dir);
		return;
	}
	attrs = final_attributes(dir);
	if (attrs.flags) {
		op = haw_sftp_setstat_start(to(dir), dir->path, true, &attrs, attributes_set, dir, &err);
		if (!op)
			cp_relay_fail(dir->r, dir->r->to, dir->final, err.code, &err);
	}
	if (op)
		haw_op_detach(op);
	else
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

static int make(struct cp_relay_dir *dir, haw_error *err)
{
	uint32_t mode = dir->attrs.flags & HAW_ATTR_MODE ? dir->attrs.mode & 0777 : 0777;
	haw_attrs made;
	haw_op *op;
	int code = cp_relay_do(dir->r, haw_sftp_mkdir_start(to(dir), dir->path, mode | 0700, NULL, NULL, err),
			       err);

	if (code < 0)
		return code;
	dir->made = dir->fresh = true;
	if ((mode & 0700) == 0700 || dir->r->to->args->preserve)
		return 0;
	op = haw_sftp_stat_start(to(dir), dir->path, false, NULL, NULL, err);
	if (cp_relay_wait(dir->r, op, err) == 0 && haw_sftp_op_attrs(op, &made))
		dir->made_mode = made.mode;
	haw_op_free(op);
	return 0;
}

/* Nothing stands there: a temporary name, until it is complete. */
static int stage(struct cp_relay_dir *dir, haw_error *err)
{
	int code;

	free(dir->path);
	dir->path = cp_temp_path(dir->final);
	if (!dir->path)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	dir->staged = true;
	code = make(dir, err);
	if (code == HAW_ESTATUS && err->reason == HAW_SFTP_FAILURE && clear(dir))
		code = make(dir, err);
	return code;
}

/* Find it there or make it. */
static bool open_there(struct cp_relay_dir *dir)
{
	struct cp_relay *r = dir->r;
	haw_attrs standing = {0};
	haw_error err;
	haw_op *op;
	int code;

	if (dir->parent->fresh) {
		code = make(dir, &err);
	} else {
		op = haw_sftp_stat_start(to(dir), dir->final, true, NULL, NULL, &err);
		code = cp_relay_wait(r, op, &err);
		if (code == 0)
			haw_sftp_op_attrs(op, &standing);
		haw_op_free(op);
		if (code == HAW_ENOTFOUND) {
			code = stage(dir, &err);
		} else if (code == 0 && !S_ISDIR(standing.mode)) {
			cp_relay_fail_plain(r, r->to, dir->final, "is a file, where a directory is needed");
			return false;
		}
	}
	if (code < 0)
		cp_relay_fail(r, r->to, dir->final, code, &err);
	return code == 0;
}

/* ---- Links ---- */

static int put_link(struct cp_relay_dir *dir, const char *target, const char *name, haw_error *err)
{
	struct cp_session *s = dir->r->to;
	bool replace = s->extensions & HAW_SFTP_POSIX_RENAME;
	char *written = dir->fresh ? strdup(name) : cp_temp_path(name);
	int code = HAW_ENOMEM;

	if (!written)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	if (!dir->fresh)
		cp_relay_do(dir->r, haw_sftp_remove_start(to(dir), written, NULL, NULL, err), err);
	code = cp_relay_do(dir->r, haw_sftp_symlink_start(to(dir), target, written, NULL, NULL, err), err);
	if (code == 0 && !dir->fresh) {
		if (!replace)
			cp_relay_do(dir->r, haw_sftp_remove_start(to(dir), name, NULL, NULL, err), err);
		code = cp_relay_do(
			dir->r, haw_sftp_rename_start(to(dir), written, name, replace, NULL, NULL, err), err);
	}
	if (code < 0 && !dir->fresh && cp_relay_running(dir->r)) {
		haw_error ignored;

		cp_relay_do(dir->r, haw_sftp_remove_start(to(dir), written, NULL, NULL, &ignored), &ignored);
	}
	free(written);
	return code;
}

static void copy_link(struct cp_relay_dir *dir, const char *source, const char *name)
{
	haw_error err;
	haw_op *op = haw_sftp_readlink_start(from(dir), source, NULL, NULL, &err);
	int code = cp_relay_wait(dir->r, op, &err);
	haw_span path = code == 0 ? haw_sftp_op_path(op) : (haw_span){NULL, 0};
	char *target = code == 0 ? strndup((const char *)path.ptr, path.len) : NULL;
	char *final = cp_join(dir->path, name);

	haw_op_free(op);
	if (code < 0) {
		cp_relay_fail(dir->r, dir->r->from, source, code, &err);
	} else if (!target || !final) {
		cp_relay_fail_plain(dir->r, dir->r->from, source, "out of memory");
	} else {
		code = put_link(dir, target, final, &err);
		if (code < 0)
			cp_relay_fail(dir->r, dir->r->to, final, code, &err);
	}
	free(target);
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
	haw_error err;
	haw_op *op = haw_sftp_realpath_start(from(dir), source, NULL, NULL, &err);
	int code = cp_relay_wait(dir->r, op, &err);
	haw_span path = code == 0 ? haw_sftp_op_path(op) : (haw_span){NULL, 0};
	char *real = code == 0 ? strndup((const char *)path.ptr, path.len) : NULL;

	haw_op_free(op);
	if (code < 0) {
		cp_relay_fail(dir->r, dir->r->from, source, code, &err);
	} else if (!real || is_around(dir, real)) {
		cp_relay_fail_plain(dir->r, dir->r->from, source,
				    real ? "is a link to a directory around it" : "out of memory");
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
	haw_attrs attrs = {0};
	haw_error err;
	haw_op *op = haw_sftp_stat_start(from(w->dir), source, true, NULL, NULL, &err);
	int code = cp_relay_wait(r, op, &err);
	char *real = NULL;

	if (code == 0)
		haw_sftp_op_attrs(op, &attrs);
	haw_op_free(op);
	if (code == 0 && S_ISDIR(attrs.mode))
		real = real_name(w->dir, source);
	if (code == HAW_ENOTFOUND)
		cp_relay_fail_plain(r, r->from, source, "is a link to nothing");
	else if (code < 0)
		cp_relay_fail(r, r->from, source, code, &err);
	else if (real || !S_ISDIR(attrs.mode))
		take_kind(w, source, name, &attrs, real);
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
	haw_error err;
	haw_op *op = haw_sftp_opendir_start(from(w->dir), w->dir->source, NULL, NULL, &err);
	haw_file *listing = NULL;
	int code = cp_relay_wait(r, op, &err);

	if (code == 0)
		listing = haw_sftp_op_file(op);
	haw_op_free(op);
	while (code == 0 && cp_relay_running(r)) {
		const haw_name *names;
		size_t count;

		op = haw_file_readdir_start(listing, NULL, NULL, &err);
		code = cp_relay_wait(r, op, &err);
		count = code == 0 ? haw_sftp_op_names(op, &names) : 0;
		for (size_t i = 0; i < count && cp_relay_running(r); i++)
			take_entry(w, &names[i]);
		haw_op_free(op);
		if (w->kept >= KEPT_MAX)
			descend(w);
	}
	haw_file_free(listing);
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
