/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that the old protocol makes here: as download_dir.c has them, one after another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "download.h"
#include "legacy.h"
#include "tempname.h"

static int open_existing(struct cp_legacy_dir *dir, const char *name, bool follow)
{
	dir->fd =
		openat(dir->parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	return dir->fd >= 0 ? 0 : errno;
}

/* Writable while it is filled. */
static int make(struct cp_legacy_dir *dir, const char *name)
{
	mode_t mode = (dir->mode & 0777) | 0700;
	int error = mkdirat(dir->parent->fd, name, mode) == 0 ? 0 : errno;

	if (error == EEXIST && dir->again) {
		error = 0;
	} else if (error == EEXIST && dir->written) {
		error = cp_clear(dir->parent->fd, name);
		if (!error && mkdirat(dir->parent->fd, name, mode) != 0)
			error = errno;
	}
	if (error)
		return error;
	dir->made = dir->fresh = true;
	return open_existing(dir, name, false);
}

static int find(struct cp_legacy_dir *dir, bool trusted)
{
	struct stat st;

	if (fstatat(dir->parent->fd, dir->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			return errno;
		dir->written = cp_temp_path(dir->name);
		return dir->written ? make(dir, dir->written) : ENOMEM;
	}
	/* A link that the user named is his; another could be the server's. */
	if (S_ISDIR(st.st_mode) || (S_ISLNK(st.st_mode) && trusted))
		return open_existing(dir, dir->name, S_ISLNK(st.st_mode));
	return S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
}

static void destroy(struct cp_legacy_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir->name);
	free(dir->written);
	free(dir);
}

struct cp_legacy_dir *cp_legacy_enter(struct cp_session *s, struct cp_legacy_dir *parent, const char *name,
				      const char *theirs, mode_t mode, bool trusted)
{
	struct cp_legacy_dir *dir = calloc(1, sizeof(*dir));
	int error = ENOMEM;

	if (!dir) {
		errno = error;
		return NULL;
	}
	dir->parent = parent;
	dir->fd = -1;
	dir->mode = mode;
	dir->name = strdup(name);
	dir->done = cp_done_enter(parent->done, theirs, &dir->again);
	if (dir->name)
		error = parent->fresh ? make(dir, dir->name) : find(dir, trusted);
	if (!error)
		return dir;
	cp_done_free(dir->done);
	destroy(dir);
	errno = error;
	return NULL;
}

static int set_attributes(const struct cp_session *s, const struct cp_legacy_dir *dir)
{
	if (s->args->preserve) {
		if (fchmod(dir->fd, dir->mode & 07777) != 0)
			return errno;
	} else if (dir->made && (dir->mode & 0700) != 0700) {
		if (fchmod(dir->fd, dir->mode & 0777 & ~s->umask) != 0)
			return errno;
	}
	return dir->timed && futimens(dir->fd, dir->times) != 0 ? errno : 0;
}

int cp_legacy_leave(struct cp_session *s, struct cp_legacy_dir *dir, bool complete)
{
	int error = 0;

	if (complete) {
		error = set_attributes(s, dir);
		if (dir->written &&
		    renameat(dir->parent->fd, dir->written, dir->parent->fd, dir->name) != 0 && !error)
			error = errno;
	}
	cp_done_leave(dir->parent->done, dir->done, complete);
	destroy(dir);
	return error;
}
