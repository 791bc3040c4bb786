/* SPDX-License-Identifier: Apache-2.0
 *
 * Make a symbolic link on this machine, in place of what stands there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink.h"
#include "tempname.h"

static int replace(int directory, const char *target, const char *name)
{
	char *temporary = cp_temp_path(name);
	struct stat st;
	int error = 0;

	if (!temporary)
		return ENOMEM;
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		error = EISDIR;
	if (!error && symlinkat(target, directory, temporary) != 0)
		error = errno;
	if (error == EEXIST && unlinkat(directory, temporary, 0) == 0)
		error = symlinkat(target, directory, temporary) == 0 ? 0 : errno;
	if (!error && renameat(directory, temporary, directory, name) != 0) {
		error = errno;
		unlinkat(directory, temporary, 0);
	}
	free(temporary);
	return error;
}

int cp_put_link(int directory, const char *target, const char *name, bool fresh)
{
	if (!fresh)
		return replace(directory, target, name);
	return symlinkat(target, directory, name) == 0 ? 0 : errno;
}
