/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to a socket of this machine. The kernel answers at once: there is nothing to wait for
 * but room in the listener's queue, which no descriptor tells of.
 */
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "nic/loop.h"

struct haw_stream *haw_stream_connect_unix(struct haw_io *io, const char *path, haw_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char shown[128], reason[128];
	int fd, sys_errno;

	if (strlen(path) >= sizeof(address.sun_path)) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, ENAMETOOLONG,
			      "%s: too long for the path of a socket",
			      haw_escape(shown, sizeof(shown), path, strlen(path)));
		return NULL;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return haw_stream_adopt(io, fd, err);
	sys_errno = errno;
	if (fd >= 0)
		close(fd);
	haw_error_set(err,
		      fd < 0                ? HAW_ESYSTEM
		      : sys_errno == EAGAIN ? HAW_EAGAIN
					    : HAW_ECONNECT,
		      HAW_FAULT_SYSTEM, sys_errno, "cannot connect to %s: %s",
		      haw_escape(shown, sizeof(shown), path, strlen(path)),
		      strerror_r(sys_errno, reason, sizeof(reason)));
	return NULL;
}
