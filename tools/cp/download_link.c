/* SPDX-License-Identifier: Apache-2.0
 *
 * A symbolic link on the server: made here, or with -L followed there.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "download.h"

struct link {
	struct cp_dl_dir *dir;
	char *remote, *name;
	haw_attrs attrs;
};

static void destroy(struct link *l)
{
	struct cp_dl_dir *dir = l->dir;

	dir->dl->s->flow.files--;
	free(l->remote);
	free(l->name);
	free(l);
	cp_dl_dir_put(dir);
}

static struct link *new_link(struct cp_dl_dir *dir, const char *remote, const char *name)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l || !(l->remote = strdup(remote)) || !(l->name = strdup(name))) {
		cp_dl_fail(dir->dl->s, remote, "out of memory");
		if (l)
			free(l->remote);
		free(l);
		return NULL;
	}
	l->dir = dir;
	dir->references++;
	dir->dl->s->flow.files++;
	return l;
}

static void fail(struct link *l, int code, const haw_error *err)
{
	struct cp_session *s = l->dir->dl->s;

	if (!cp_session_ended(s, code, err) && !s->stopped)
		cp_dl_fail(s, l->remote, code == HAW_ENOTFOUND ? "is a link to nothing" : cp_reason(err));
	destroy(l);
}

/* ---- As a link ---- */

static void put(struct link *l, haw_span path)
{
	char *target = path.len > 0 && path.len < PATH_MAX && !memchr(path.ptr, 0, path.len)
			       ? strndup((const char *)path.ptr, path.len)
			       : NULL;
	int error = 0;

	if (!target)
		error = EINVAL;
	else
		error = cp_put_link(l->dir->fd, target, l->name, l->dir->fresh);
	if (error)
		cp_report_failed(&l->dir->dl->s->report, l->remote, "the link cannot be made: %s",
				 error == EISDIR ? "a directory stands there" : strerror(error));
	free(target);
}

static void read_done(void *user, struct cp_reply *op)
{
	struct link *l = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0) {
		fail(l, code, &err);
		return;
	}
	put(l, cp_reply_path(op));
	destroy(l);
}

void cp_dl_link_add(struct cp_dl_dir *dir, const char *remote, const char *name)
{
	struct link *l = new_link(dir, remote, name);
	haw_error err;
	struct cp_reply *op;

	if (!l)
		return;
	op = cp_sftp_readlink(dir->dl->s, remote, read_done, l, &err);
	if (!op)
		fail(l, err.code, &err);
}

/* ---- As what it leads to ---- */

static bool is_around(const struct cp_dl_dir *dir, haw_span real)
{
	for (; dir; dir = dir->parent) {
		size_t len = dir->real ? strlen(dir->real) : 0;

		/* A directory, or one above it: either way this never ends. */
		if (len >= real.len && real.len > 0 && memcmp(dir->real, real.ptr, real.len) == 0 &&
		    (dir->real[real.len] == '/' || !dir->real[real.len] || real.len == 1))
			return true;
	}
	return false;
}

static void real_known(void *user, struct cp_reply *op)
{
	struct link *l = user;
	haw_error err;
	int code = cp_reply_result(op, &err);
	haw_span path = code == 0 ? cp_reply_path(op) : (haw_span){NULL, 0};
	char *real;

	if (code < 0) {
		fail(l, code, &err);
		return;
	}
	real = strndup((const char *)path.ptr, path.len);
	if (!real)
		cp_dl_fail(l->dir->dl->s, l->remote, "out of memory");
	else if (is_around(l->dir, path))
		cp_dl_fail(l->dir->dl->s, l->remote, "is a link to a directory around it");
	else
		cp_dl_dir_add(l->dir, l->remote, l->name, &l->attrs, real);
	free(real);
	destroy(l);
}

static void target_known(void *user, struct cp_reply *op)
{
	struct link *l = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0) {
		fail(l, code, &err);
		return;
	}
	cp_reply_attrs(op, &l->attrs);
	if (S_ISDIR(l->attrs.mode)) {
		op = cp_sftp_realpath(l->dir->dl->s, l->remote, real_known, l, &err);
		if (!op)
			fail(l, err.code, &err);
		return;
	}
	if (S_ISREG(l->attrs.mode))
		cp_dl_file_add(l->dir, l->remote, l->name, &l->attrs);
	else
		cp_dl_fail(l->dir->dl->s, l->remote, "leads to neither a file nor a directory: not copied");
	destroy(l);
}

void cp_dl_link_follow(struct cp_dl_dir *dir, const char *remote, const char *name)
{
	struct link *l = new_link(dir, remote, name);
	haw_error err;
	struct cp_reply *op;

	if (!l)
		return;
	op = cp_sftp_stat(dir->dl->s, remote, true, target_known, l, &err);
	if (!op)
		fail(l, err.code, &err);
}
