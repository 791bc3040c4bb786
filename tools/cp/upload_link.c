/* SPDX-License-Identifier: Apache-2.0
 *
 * One symbolic link on its way up. Where something may stand in its place it is made under a temporary
 * name and renamed, like a file.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tempname.h"
#include "upload.h"

struct link {
	struct cp_up_dir *dir;
	char *local, *final, *path, *target;
	bool temporary, cleared, replace, bare;
};

static struct cp_session *session(const struct link *l)
{
	return l->dir->up->s;
}

static void destroy(struct link *l)
{
	struct cp_up_dir *dir = l->dir;

	session(l)->flow.files--;
	free(l->local);
	free(l->final);
	free(l->path);
	free(l->target);
	free(l);
	cp_up_dir_put(dir);
}

static void fail(struct link *l, int code, const haw_error *err)
{
	struct cp_session *s = session(l);

	if (!cp_session_ended(s, code, err) && !l->dir->failed && !s->stopped) {
		cp_report_remote(s, l->local, l->final, cp_reason(err));
	}
	destroy(l);
}

static void ignored(void *user, struct cp_reply *op)
{
	(void)user;
	(void)op;
}

static void remove_quietly(struct link *l, const char *path)
{
	cp_sftp_remove(session(l), path, ignored, NULL, NULL);
}

static void renamed(void *user, struct cp_reply *op)
{
	struct link *l = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0) {
		remove_quietly(l, l->path);
		fail(l, code, &err);
		return;
	}
	destroy(l);
}

static void make(struct link *l);

static void made(void *user, struct cp_reply *op)
{
	struct link *l = user;
	struct cp_session *s = session(l);
	bool replace = s->extensions & HAW_SFTP_POSIX_RENAME;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code == HAW_ESTATUS && (l->temporary || l->bare) && !l->cleared) {
		l->cleared = true;
		remove_quietly(l, l->path);
		make(l);
		return;
	}
	if (code < 0) {
		fail(l, code, &err);
		return;
	}
	if (!l->temporary) {
		destroy(l);
		return;
	}
	op = cp_sftp_rename(s, l->path, l->final,
			    replace	 ? CP_RENAME_REPLACE
			    : l->replace ? CP_RENAME_REMOVE
					 : CP_RENAME_FREE,
			    renamed, l, &err);
	if (!op)
		fail(l, err.code, &err);
}

static void make(struct link *l)
{
	haw_error err;
	struct cp_reply *op = cp_sftp_symlink(session(l), l->target, l->path, made, l, &err);

	if (!op)
		fail(l, err.code, &err);
}

static char *read_target(int fd, const char *name)
{
	char *target = malloc(PATH_MAX + 1);
	ssize_t n = target ? readlinkat(fd, name, target, PATH_MAX) : -1;

	if (n < 0) {
		free(target);
		return NULL;
	}
	target[n] = '\0';
	return target;
}

/* ProFTPD's RENAME moves what a link leads to, instead of the link. Its REMOVE does not. */
static bool rename_follows(const struct cp_session *s)
{
	return strstr(s->account.peer_version, "mod_sftp") != NULL;
}

void cp_up_link_add(struct cp_up_dir *dir, int fd, const char *name, const char *local)
{
	struct cp_session *s = dir->up->s;
	char *target = read_target(fd, name);
	struct link *l = target ? calloc(1, sizeof(*l)) : NULL;
	const haw_attrs *standing = NULL;

	if (!l) {
		cp_report_failed(&s->report, local, "%s", strerror(errno));
		free(target);
		return;
	}
	l->dir = dir;
	l->target = target;
	l->local = strdup(local);
	l->final = cp_join(dir->final, name);
	if (dir->kind == CP_UP_LISTED)
		standing = cp_names_find(&dir->names, name);
	l->bare = dir->kind != CP_UP_FRESH && rename_follows(s);
	l->temporary = dir->kind != CP_UP_FRESH && !l->bare && (standing || dir->kind == CP_UP_ASKED);
	l->path = l->temporary ? l->final ? cp_temp_path(l->final) : NULL : cp_join(dir->path, name);
	dir->references++;
	s->flow.files++;
	l->replace = standing != NULL;
	if (!l->local || !l->final || !l->path) {
		cp_report_failed(&s->report, local, "out of memory");
		destroy(l);
	} else if (standing && S_ISDIR(standing->mode)) {
		cp_report_failed(&s->report, local, "cannot replace a directory on the server by a link");
		destroy(l);
	} else {
		make(l);
	}
}
