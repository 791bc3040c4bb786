/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"
#include "tempname.h"

/* No system call uses these. */
enum { LEADS_OUT = 100001 };

void cp_sink_begin(struct cp_sink *sink, int directory, const char *name, bool fresh, bool trusted,
		   mode_t mode)
{
	memset(sink, 0, offsetof(struct cp_sink, views));
	sink->directory = directory;
	sink->name = name;
	sink->fresh = fresh;
	sink->trusted = trusted;
	sink->mode = mode & 0777;
	sink->fd = sink->own_directory = -1;
	sink->view_count = 0;
	sink->views_offset = sink->views_length = sink->reach = 0;
}

const char *cp_sink_reason(int error)
{
	if (error == LEADS_OUT)
		return "is a link that leads out of its directory: not followed";
	return strerror(error);
}

/* ---- Opening ---- */

static int open_new(struct cp_sink *sink, const char *name)
{
	sink->fd = openat(sink->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  sink->mode);
	if (sink->fd < 0)
		return errno;
	sink->made = true;
	return 0;
}

static int open_in_place(struct cp_sink *sink)
{
	int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;

	sink->in_place = true;
	sink->special = !S_ISREG(sink->standing.st_mode);
	sink->fd = openat(sink->directory, sink->name, flags | (sink->special ? 0 : O_TRUNC));
	if (sink->fd < 0)
		return errno;
	/* O_NONBLOCK is only against a FIFO that nobody reads. */
	fcntl(sink->fd, F_SETFL, fcntl(sink->fd, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

static int open_temporary(struct cp_sink *sink)
{
	int error;

	sink->written = cp_temp_path(sink->name);
	if (!sink->written)
		return ENOMEM;
	error = open_new(sink, sink->written);
	/* What a broken run has left is not written to: it could be a link. */
	if (error == EEXIST && unlinkat(sink->directory, sink->written, 0) == 0)
		error = open_new(sink, sink->written);
	if (!error)
		return 0;
	free(sink->written);
	sink->written = NULL;
	/* The directory takes no new names: into what stands there. */
	if ((error == EACCES || error == EPERM || error == EROFS) && sink->standing.st_mode)
		return open_in_place(sink);
	return error;
}

/* A link at a name that the user gave: go where it leads. */
static int follow_trusted(struct cp_sink *sink)
{
	char path[PATH_MAX], *target, *around, *name;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", sink->directory, sink->name);
	target = realpath(path, NULL);
	if (!target && errno == ENOENT) {
		/* It leads to nothing: make that. */
		sink->in_place = true;
		sink->fd = openat(sink->directory, sink->name, O_WRONLY | O_CREAT | O_CLOEXEC, sink->mode);
		return sink->fd < 0 ? errno : 0;
	}
	if (!target)
		return errno;
	around = cp_around_name(target);
	name = cp_last_name(target);
	free(target);
	sink->own_directory = around ? open(around, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	free(around);
	if (sink->own_directory < 0 || !name) {
		free(name);
		return name ? errno : ENOMEM;
	}
	sink->directory = sink->own_directory;
	sink->name = sink->resolved = name;
	if (fstatat(sink->directory, sink->name, &sink->standing, AT_SYMLINK_NOFOLLOW) != 0)
		return errno;
	if (S_ISDIR(sink->standing.st_mode))
		return EISDIR;
	return S_ISREG(sink->standing.st_mode) ? open_temporary(sink) : open_in_place(sink);
}

/* A link inside a tree: only as far as it stays below its directory. */
static int follow_beneath(struct cp_sink *sink)
{
	struct open_how how = {
		.flags = O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;

	sink->in_place = true;
	sink->fd = (int)syscall(SYS_openat2, sink->directory, sink->name, &how, sizeof(how));
	if (sink->fd < 0)
		return errno == EISDIR ? EISDIR : LEADS_OUT;
	if (fstat(sink->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return LEADS_OUT;
}

static int open_sink(struct cp_sink *sink)
{
	struct stat *st = &sink->standing;

	if (sink->fresh)
		return open_new(sink, sink->name);
	if (fstatat(sink->directory, sink->name, st, AT_SYMLINK_NOFOLLOW) != 0) {
		memset(st, 0, sizeof(*st));
		return errno == ENOENT ? open_temporary(sink) : errno;
	}
	if (S_ISREG(st->st_mode))
		return open_temporary(sink);
	if (S_ISDIR(st->st_mode))
		return EISDIR;
	if (S_ISLNK(st->st_mode))
		return sink->trusted ? follow_trusted(sink) : follow_beneath(sink);
	return open_in_place(sink);
}

/* ---- Writing ---- */

static ssize_t write_views(struct cp_sink *sink, const struct iovec *views, int count, uint64_t offset)
{
	if (sink->special)
		return writev(sink->fd, views, count);
	return pwritev(sink->fd, views, count, (off_t)offset);
}

int cp_sink_flush(struct cp_sink *sink)
{
	struct iovec *views = sink->views;
	uint64_t offset = sink->views_offset;
	int count = sink->view_count, error;

	sink->view_count = 0;
	sink->views_length = 0;
	if (sink->fd < 0 && (error = open_sink(sink)))
		return error;
	/* What is no regular file has no offsets. */
	if (sink->special && count > 0 && offset != sink->reach)
		return ESPIPE;
	while (count > 0) {
		ssize_t n = write_views(sink, views, count, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		offset += (uint64_t)n;
		while (count > 0 && (size_t)n >= views->iov_len) {
			n -= (ssize_t)views->iov_len;
			views++;
			count--;
		}
		if (count > 0) {
			views->iov_base = (char *)views->iov_base + n;
			views->iov_len -= (size_t)n;
		}
	}
	if (offset > sink->reach)
		sink->reach = offset;
	return 0;
}

int cp_sink_put(struct cp_sink *sink, uint64_t offset, const void *data, size_t len)
{
	int error;

	if (sink->view_count > 0 &&
	    (sink->view_count == CP_SINK_VIEWS || offset != sink->views_offset + sink->views_length)) {
		error = cp_sink_flush(sink);
		if (error)
			return error;
	}
	if (sink->view_count == 0) {
		sink->views_offset = offset;
		sink->views_length = 0;
	}
	sink->views[sink->view_count].iov_base = (void *)(uintptr_t)data;
	sink->views[sink->view_count++].iov_len = len;
	sink->views_length += len;
	return 0;
}

/* ---- The end ---- */

static void release(struct cp_sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	if (sink->own_directory >= 0)
		close(sink->own_directory);
	free(sink->written);
	free(sink->resolved);
	sink->fd = sink->own_directory = -1;
	sink->written = sink->resolved = NULL;
	sink->view_count = 0;
}

void cp_sink_abandon(struct cp_sink *sink)
{
	if (sink->made)
		unlinkat(sink->directory, sink->written ? sink->written : sink->name, 0);
	sink->made = false;
	release(sink);
}

/* What is replaced keeps its mode, and its owner as far as this user may give files away. */
static int keep_standing(struct cp_sink *sink)
{
	const struct stat *st = &sink->standing;

	if (!sink->written || !st->st_mode)
		return 0;
	if ((st->st_uid != geteuid() || st->st_gid != getegid()) &&
	    fchown(sink->fd, st->st_uid, st->st_gid) != 0 && errno != EPERM)
		return errno;
	return fchmod(sink->fd, st->st_mode & 07777) == 0 ? 0 : errno;
}

static int set_attributes(struct cp_sink *sink, mode_t mode, mode_t umask, const struct timespec *times)
{
	bool as_wanted = sink->made && (mode & umask) == 0 && (mode & 07000) == 0 && sink->mode == mode;

	if (!times)
		return keep_standing(sink);
	if (sink->special)
		return 0;
	if (!as_wanted && fchmod(sink->fd, mode & 07777) != 0)
		return errno;
	return futimens(sink->fd, times) == 0 ? 0 : errno;
}

static int close_checked(struct cp_sink *sink)
{
	int fd = sink->fd;

	/* Network file systems may say only here that a write has failed. */
	sink->fd = -1;
	return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

int cp_sink_prepare(struct cp_sink *sink, uint64_t length)
{
	int error = 0;

	if (sink->fd < 0 || sink->view_count > 0)
		error = cp_sink_flush(sink);
	if (!error && sink->reach > length && !sink->special && ftruncate(sink->fd, (off_t)length) != 0)
		error = errno;
	return error;
}

int cp_sink_finish(struct cp_sink *sink, uint64_t length, mode_t mode, mode_t umask,
		   const struct timespec *times)
{
	int error = cp_sink_prepare(sink, length);

	if (!error)
		error = set_attributes(sink, mode, umask, times);
	if (!error)
		error = close_checked(sink);
	if (!error && sink->written &&
	    renameat(sink->directory, sink->written, sink->directory, sink->name) != 0)
		error = errno;
	if (error) {
		cp_sink_abandon(sink);
		return error;
	}
	release(sink);
	return 0;
}

/* ---- Going on later ---- */

bool cp_sink_resume(struct cp_sink *sink)
{
	struct stat *standing = &sink->standing, st;

	if (fstatat(sink->directory, sink->name, standing, AT_SYMLINK_NOFOLLOW) != 0)
		memset(standing, 0, sizeof(*standing));
	if (sink->fresh || sink->fd >= 0 || (standing->st_mode && !S_ISREG(standing->st_mode)))
		return false;
	sink->written = cp_temp_path(sink->name);
	if (sink->written)
		sink->fd = openat(sink->directory, sink->written,
				  O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (sink->fd >= 0 && fstat(sink->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_nlink == 1) {
		sink->made = true;
		sink->reach = (uint64_t)st.st_size;
		return true;
	}
	cp_sink_restart(sink);
	return false;
}

void cp_sink_restart(struct cp_sink *sink)
{
	release(sink);
	memset(&sink->standing, 0, sizeof(sink->standing));
	sink->made = false;
	sink->reach = 0;
}

void cp_sink_keep(struct cp_sink *sink)
{
	sink->made = false;
	release(sink);
}
