/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP sessions over SSH, to Debian's sshd on the other end of a pair of sockets.
 */
#ifndef HAWSER_TESTS_SFTP_SSH_H
#define HAWSER_TESTS_SFTP_SSH_H

#include <hawser/key.h>
#include <hawser/transport.h>

#include "pipe.h"

#define SSHD "/usr/sbin/sshd"

struct ssh_session {
	struct pipe_session s; /* s.sftp is a session over a channel */
	struct haw_transport *transport;
	haw_key *key;
	char keys[64];         /* the directory of keys and configuration */
	haw_op *login, *start; /* under way */
};

/* True if sshd can be run here, else *WHY says what is missing. */
bool ssh_usable(const char **why);
/* Start a connection whose login and SFTP session are under way. SUBSYSTEM is sshd's for sftp (NULL:
 * none), SUITE a cipher (NULL: the default). */
bool ssh_begin(struct ssh_session *ssh, const char *subsystem, const char *suite);
/* Wait until the session is ready. */
int ssh_wait(struct ssh_session *ssh, haw_error *err);
void ssh_close(struct ssh_session *ssh);

#endif
