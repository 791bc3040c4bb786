/* SPDX-License-Identifier: Apache-2.0
 *
 * Another program in place of our own connection: ssh, or what -S names, run as scp runs it; or an SFTP
 * server on this machine (-D). Its standard input and output are one socket, whose other end is ours. One
 * that ends while it is needed is run again (remote.c), as a connection is made again.
 */
#ifndef CP_PROGRAM_H
#define CP_PROGRAM_H

#include <sys/types.h>

#include <hawser/error.h>

#include "location.h"
#include "report.h"
#include "scp_args.h"

/* Of scp on the first of two hosts (-R): itself with its options, the source, the target. */
enum { CP_ORIGIN_WORDS = 3 };

struct cp_program {
	struct cp_program *next; /* among those that are to end */
	uint64_t left_ns;	 /* when its stream was closed; 0: not yet */
	bool asked;		 /* to end */
	char *name;
	pid_t pid;
	int fd; /* ours, until somebody takes it over; then -1 */
	int rest; /* the same, for what comes when that one is closed */
};

/* Run the program of ARGS for PEER: with COMMAND there, or with the subsystem sftp if that is NULL. PORT is
 * that of -P, 0 if none. NULL and ERR if that cannot be. */
struct cp_program *cp_program_start(const struct cp_scp_args *args, const struct cp_location *peer,
				    uint16_t port, const char *command, haw_error *err);
/* The same for what is to run on the first of two hosts. */
struct cp_program *cp_program_start_for_origin(const struct cp_scp_args *args, const struct cp_location *peer,
					       uint16_t port, const char *const origin[CP_ORIGIN_WORDS],
					       haw_error *err);
/* Its stream has been closed: wait for its end, and say how it ended unless that was well. One that does not
 * end within a few seconds is asked to. Frees PROGRAM, which may be NULL. Returns its exit status, or -1. */
int cp_program_end(struct cp_report *report, struct cp_program *program);
/* The same without waiting, for one that was run in place of a connection that was lost: true if it has
 * ended, which is only a note then. */
bool cp_program_has_ended(struct cp_report *report, struct cp_program *program);

#endif
