/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of every command that protects packets: which engines there are and which is to serve what.
 */
#ifndef HAWSER_TOOLS_BACKENDS_H
#define HAWSER_TOOLS_BACKENDS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include <hawser/backend.h>
#include <hawser/config.h>

enum { TOOL_BACKEND = 512, TOOL_BACKEND_MODULE, TOOL_PROVIDER_PATH, TOOL_EAL, TOOL_PREFER };

/* Rows for a command's table of long options, and their part of its usage. */
#define TOOL_BACKEND_OPTIONS                                                      \
	{"backend", required_argument, NULL, TOOL_BACKEND},                       \
		{"backend-module", required_argument, NULL, TOOL_BACKEND_MODULE}, \
		{"provider-path", required_argument, NULL, TOOL_PROVIDER_PATH},   \
		{"eal", required_argument, NULL, TOOL_EAL},                       \
	{                                                                         \
		"prefer", required_argument, NULL, TOOL_PREFER                    \
	}

#define TOOL_BACKEND_USAGE                                                                   \
	"  --backend ALG=NAME        engine that seals and opens ALG (see hawser ciphers)\n" \
	"  --backend-module FILE     load engines from a module\n"                           \
	"  --provider-path DIR       where OpenSSL's provider and engine modules are\n"      \
	"  --eal ARGUMENTS           what DPDK is started with, for cryptodev\n"             \
	"  --prefer WHAT             throughput (the default), or cpu: what costs it less\n"

/* Words that point into argv. */
struct tool_words {
	const char **items;
	size_t count;
};

/* What the command line says. All zero at first. */
struct tool_backends {
	struct tool_words choices, modules;
	const char *provider_path, *eal, *prefer;
	bool out_of_memory;
};

/* Take the option VAL with ARGUMENT; false if it is none of these. */
bool tool_backends_take(struct tool_backends *b, int val, const char *argument);
void tool_backends_free(struct tool_backends *b);

/* A selector of what the command line says in B, over HAWSER_BACKEND, over the configuration CONFIG (may be
 * NULL). NULL and an error that says where it was asked for. */
haw_selector *tool_backends_selector(const struct tool_backends *b, const haw_host_config *config,
				     haw_error *err);

#endif
