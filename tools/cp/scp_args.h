/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that mean what they mean in scp(1), beyond those that any copy needs.
 */
#ifndef CP_SCP_ARGS_H
#define CP_SCP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For getopt; their values are found by cp_scp_args_take. */
#define CP_SCP_OPTIONS "3ACD:J:l:ORsS:TX:"

#define CP_SCP_USAGE \
	"  -3                 between two hosts: through this machine (it always is, but for -R)\n" \
	"  -A                 let the program of -S forward the authentication agent\n" \
	"  -C                 compress\n" \
	"  -D PROGRAM         an SFTP server here, run in place of any connection\n" \
	"  -J HOST            go by way of this host, as ssh's ProxyJump\n" \
	"  -l LIMIT           Kbit/s at most\n" \
	"  -O                 the old scp protocol, for hosts without SFTP\n" \
	"  -R                 between two hosts: run scp on the first\n" \
	"  -S PROGRAM         run this, as scp runs ssh, in place of our own connection\n" \
	"  -s                 SFTP (the default)\n" \
	"  -T                 with -O: take names that were not asked for\n" \
	"  -X nrequests=N     requests under way at most\n" \
	"  -X buffer=BYTES    of data in a request at most\n"

struct cp_scp_args {
	bool compress, legacy, unchecked, on_origin, agent;
	uint64_t bytes_per_s;	/* -l; 0: no limit */
	uint32_t requests;	/* -X nrequests; 0: not given */
	uint32_t buffer;	/* -X buffer; 0: not given */
	const char *program;	/* -S */
	const char *server;	/* -D */
	const char *jump;	/* -J */
	char **passed;		/* words for the program of -S, in order; each belongs to this */
	size_t passed_count;
};

/* Note what the program of -S is to be told, and take OPTION if it is one of these. False, with a sentence
 * on standard error, if VALUE is wrong; *MINE tells whether it was one. */
bool cp_scp_args_take(struct cp_scp_args *args, int option, const char *value, bool *mine);
/* Options that contradict each other; says so. */
bool cp_scp_args_check(const struct cp_scp_args *args);
void cp_scp_args_free(struct cp_scp_args *args);

#endif
