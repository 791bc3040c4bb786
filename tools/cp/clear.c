/* SPDX-License-Identifier: Apache-2.0
 *
 * Remove a tree on this machine: what a broken run has left under a temporary name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "download.h"

static int clear_entries(int fd)
{
	DIR *stream = fdopendir(fd);
	struct dirent *entry;
	int error = 0;

	if (!stream) {
		error = errno;
		close(fd);
		return error;
	}
	while (!error && (entry = readdir(stream))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(dirfd(stream), name, 0) == 0 || errno == ENOENT)
			continue;
		error = errno == EISDIR || errno == EPERM ? cp_clear(dirfd(stream), name) : errno;
	}
	closedir(stream);
	return error;
}

int cp_clear(int directory, const char *name)
{
	struct stat st;
	int fd, error;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : errno;
	if (st.st_uid != geteuid())
		return EPERM;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(directory, name, 0) == 0 ? 0 : errno;
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	/* A part of the tree may have got its final mode already. */
	if ((st.st_mode & 0700) != 0700)
		fchmod(fd, 0700);
	error = clear_entries(fd);
	if (error)
		return error;
	return unlinkat(directory, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}
