/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP sessions without SSH: over a pair of sockets, to a real server or to a function of the test
 * that runs in a child.
 */
#ifndef HAWSER_TESTS_SFTP_PIPE_H
#define HAWSER_TESTS_SFTP_PIPE_H

#include <sys/types.h>

#include "harness.h"
#include "transport/sftp/session.h"

#define SFTP_SERVER "/usr/lib/openssh/sftp-server"

struct pipe_session {
	haw_loop *loop;
	haw_sftp *sftp;
	pid_t pid;
	char dir[64]; /* an empty directory */
};

/* Start a session to OpenSSH's server (SERVER NULL), or to SERVER(fd), and wait until it is ready. */
bool pipe_open(struct pipe_session *s, void (*server)(int fd));
/* End the session, the server and the directory. */
void pipe_close(struct pipe_session *s);
/* DIR/NAME, valid until the fourth call after this one. */
const char *pipe_path(const struct pipe_session *s, const char *name);

#endif
