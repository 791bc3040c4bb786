/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory on this machine. One that does not exist is filled under a temporary name and renamed
 * when it is complete, so that its files need no rename each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "download.h"
#include "tempname.h"

static void fail(struct cp_dl_dir *dir, const char *reason)
{
	struct cp_session *s = dir->dl->s;

	if (!dir->failed && cp_running(s))
		cp_dl_fail_local(dir, dir->remote, NULL, reason);
	dir->failed = true;
}

void cp_dl_dir_add(struct cp_dl_dir *parent, const char *remote, const char *name, const haw_attrs *attrs,
		   const char *real)
{
	struct cp_download *dl = parent->dl;
	struct cp_dl_dir *dir = calloc(1, sizeof(*dir));

	if (!dir || !(dir->remote = strdup(remote)) || (name && !(dir->name = strdup(name)))) {
		if (dir)
			free(dir->remote);
		free(dir);
		cp_dl_fail(dl->s, remote, "out of memory");
		return;
	}
	dir->real = real ? strdup(real) : NULL;
	dir->dl = dl;
	dir->parent = parent;
	parent->references++;
	dir->attrs = *attrs;
	dir->references = 1;
	dir->fd = -1;
	dl->work++;
	dir->next = dl->unlisted;
	dl->unlisted = dir;
}

/* ---- Opening ---- */

static bool open_fd(struct cp_dl_dir *dir, const char *name, bool follow)
{
	dir->fd =
		openat(dir->parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (dir->fd >= 0)
		return true;
	fail(dir, strerror(errno));
	return false;
}

/* Writable while it is filled. */
static bool make(struct cp_dl_dir *dir, const char *name)
{
	mode_t mode = dir->attrs.flags & HAW_ATTR_MODE ? (dir->attrs.mode & 0777) | 0700 : 0777;
	int error = mkdirat(dir->parent->fd, name, mode) == 0 ? 0 : errno;

	if (error == EEXIST && dir->written) {
		error = cp_clear(dir->parent->fd, name);
		if (!error && mkdirat(dir->parent->fd, name, mode) != 0)
			error = errno;
	}
	if (error) {
		fail(dir, strerror(error));
		return false;
	}
	dir->made = true;
	dir->fresh = !dir->dl->s->args->resume;
	return open_fd(dir, name, false);
}

static bool find(struct cp_dl_dir *dir)
{
	struct stat st;

	if (fstatat(dir->parent->fd, dir->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT) {
			fail(dir, strerror(errno));
			return false;
		}
		/* What is to be gone on with has to be found the next time. */
		if (dir->dl->s->args->resume)
			return make(dir, dir->name);
		dir->written = cp_temp_path(dir->name);
		if (dir->written)
			return make(dir, dir->written);
		fail(dir, "out of memory");
		return false;
	}
	if (S_ISDIR(st.st_mode))
		return open_fd(dir, dir->name, false);
	if (!S_ISLNK(st.st_mode)) {
		fail(dir, "is a file, where a directory is needed");
		return false;
	}
	/* A link that the user named is his; one inside a tree could be the server's. */
	if (dir->parent->base)
		return open_fd(dir, dir->name, true);
	fail(dir, "is a link, where a directory is needed: not followed");
	return false;
}

bool cp_dl_dir_open(struct cp_dl_dir *dir)
{
	if (!dir->name)
		return open_fd(dir, ".", false);
	return dir->parent->fresh ? make(dir, dir->name) : find(dir);
}

/* ---- Completion ---- */

static void set_attributes(struct cp_dl_dir *dir)
{
	struct cp_session *s = dir->dl->s;
	const struct timespec times[2] = {{.tv_sec = dir->attrs.atime}, {.tv_sec = dir->attrs.mtime}};
	mode_t mode = dir->attrs.mode;

	if (s->args->preserve) {
		if (dir->attrs.flags & HAW_ATTR_MODE && fchmod(dir->fd, mode & 07777) != 0)
			fail(dir, strerror(errno));
		if (dir->attrs.flags & HAW_ATTR_TIMES && futimens(dir->fd, times) != 0)
			fail(dir, strerror(errno));
	} else if (dir->made && dir->attrs.flags & HAW_ATTR_MODE && (mode & 0700) != 0700) {
		if (fchmod(dir->fd, mode & 0777 & ~s->umask) != 0)
			fail(dir, strerror(errno));
	}
}

static void destroy(struct cp_dl_dir *dir)
{
	struct cp_dl_dir *parent = dir->parent;

	dir->dl->work--;
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir->remote);
	free(dir->name);
	free(dir->written);
	free(dir->real);
	free(dir);
	if (parent)
		cp_dl_dir_put(parent);
}

void cp_dl_dir_put(struct cp_dl_dir *dir)
{
	if (--dir->references > 0)
		return;
	if (!dir->base && dir->fd >= 0 && cp_running(dir->dl->s)) {
		set_attributes(dir);
		if (dir->written && renameat(dir->parent->fd, dir->written, dir->parent->fd, dir->name) != 0)
			fail(dir, strerror(errno));
	}
	destroy(dir);
}
