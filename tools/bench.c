/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser bench: hands over to the program that measures, which is C++ and installed apart.
 */
#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

enum { CANNOT = 2 };

/* The folder of this command, or an empty string. */
static void find_self(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
	else
		out[0] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Become the program at DIR/NAME, if it is there. Does not return then. */
static void try_to_become(const char *dir, const char *name, char **argv)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	if (access(path, X_OK) == 0)
		execv(path, argv);
}

/* A carried installation has its modules beside it; only the program's own folder is trusted for that. */
static void point_at_modules(const char *self)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/../lib/hawser", self);
	if (access(path, X_OK) == 0)
		setenv("HAWSER_MODULE_DIR", path, 0);
}

int haw_tool_bench(int argc, char **argv)
{
	static char program[] = "hawser-bench";
	char self[PATH_MAX];
	haw_error err;

	find_self(self, sizeof(self));
	argv[0] = program;
	argv = tool_config_arguments(argv, &err);
	if (!argv) {
		fprintf(stderr, "hawser: %s\n", err.message);
		return CANNOT;
	}
	/* Beside the command first, so that a carried or moved installation measures itself. */
	if (self[0]) {
		point_at_modules(self);
		try_to_become(self, "/../libexec/hawser/hawser-bench", argv);
		if (ends_with(self, "/tools"))
			try_to_become(self, "/../bench/hardware/hawser-bench", argv);
	}
	try_to_become(HAW_LIBEXEC_DIR, "/hawser-bench", argv);
	fprintf(stderr,
		"hawser: bench: the program hawser-bench is not installed (%s, looked for beside this "
		"command and in %s): build with -Dbenchmarks=true, or install the package that has it\n",
		strerror(errno), HAW_LIBEXEC_DIR);
	tool_config_free_arguments(argv);
	return CANNOT;
}
