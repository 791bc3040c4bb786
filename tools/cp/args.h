/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user wrote behind `hawser cp`.
 */
#ifndef CP_ARGS_H
#define CP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../backends.h"
#include "scp_args.h"

enum { CP_WORDS_MAX = 64, CP_CONNECTIONS_MAX = 64 };

/* Words given by options that may be repeated; they point into argv. */
struct cp_words {
	const char *items[CP_WORDS_MAX];
	size_t count;
};

struct cp_args {
	int family;    /* AF_INET, AF_INET6, or 0 */
	uint16_t port; /* 0: not given */
	bool batch, follow, preserve, quiet, recursive, json;
	bool show_config; /* instead of copying */
	int verbose;
	uint32_t reconnect_s; /* how long a lost connection is tried to be had back; 0: not at all */
	bool reconnect_given;
	unsigned connections;
	bool verify, resume;
	unsigned memory_mib; /* that may be under way */
	uint64_t rate; /* bytes a second at most, of file data; 0: no limit */
	const char *ciphers, *config_file;
	struct cp_words identities, settings;
	struct tool_backends backends;
	struct cp_scp_args scp;
	char **operands; /* sources and, last, the destination */
	size_t operand_count;
};

enum cp_args_result { CP_ARGS_RUN, CP_ARGS_HELP, CP_ARGS_WRONG };

/* Read ARGV; says on standard error what is wrong. */
enum cp_args_result cp_args_parse(struct cp_args *args, int argc, char **argv);
extern const char cp_usage[];

#endif
