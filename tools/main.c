/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser: finds the command and hands over.
 */
#include <stdio.h>
#include <string.h>

#include <hawser/error.h>

#include "backend_test.h"
#include "bench.h"
#include "ciphers.h"
#include "cp/cp.h"

static const char usage[] = "usage: hawser COMMAND [ARGUMENTS]\n"
			    "\n"
			    "  cp        copy files and directory trees over SSH\n"
			    "  ciphers   list algorithms and the engines that serve them\n"
			    "  bench     measure this machine: packets, connections, what to configure\n"
			    "  backend-test\n"
			    "            put an engine to the test\n"
			    "\n"
			    "  hawser COMMAND --help   the options of a command\n"
			    "  hawser --version        the version\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{.name = "cp", .run = haw_tool_cp},
	{.name = "ciphers", .run = haw_tool_ciphers},
	{.name = "bench", .run = haw_tool_bench},
	{.name = "backend-test", .run = haw_tool_backend_test},
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("hawser %s\n", haw_version());
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "hawser: there is no command \"%s\"\n", name);
	fputs(usage, stderr);
	return 2;
}
