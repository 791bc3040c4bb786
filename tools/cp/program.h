/* SPDX-License-Identifier: Apache-2.0
 *
 * Another program in place of our own connection: ssh, or what -S names, run as scp runs it; or an SFTP
 * server on this machine (-D). Its standard input and output are one socket, whose other end is ours.
 */
#ifndef CP_PROGRAM_H
#define CP_PROGRAM_H

#include <sys/types.h>

#include "location.h"
#include "report.h"
#include "scp_args.h"

struct cp_program {
	char *name;
	pid_t pid;
	int fd; /* ours, until somebody takes it over; then -1 */
	int rest; /* the same, for what comes when that one is closed */
};

/* Run the program of ARGS for PEER: with COMMAND there, or with the subsystem sftp if that is NULL. PORT is
 * that of -P, 0 if none. Says what is wrong; NULL then. */
struct cp_program *cp_program_start(struct cp_report *report, const struct cp_scp_args *args,
				    const struct cp_location *peer, uint16_t port, const char *command);
/* Its stream has been closed: wait for its end, and say how it ended unless that was well. One that does not
 * end within a few seconds is asked to. Frees PROGRAM, which may be NULL. Returns its exit status, or -1. */
int cp_program_end(struct cp_report *report, struct cp_program *program);

#endif
