/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

struct harness harness;

void harness_fail(const char *file, int line, const char *what)
{
	harness.failed = true;
	printf("  %s:%d: check failed in %s: %s\n", file, line, harness.name, what);
}

void harness_run(const char *name, void (*test)(void))
{
	harness.name = name;
	harness.failed = false;
	test();
	if (harness.failed) {
		harness.failed_count++;
		printf("FAIL %s\n", name);
	} else {
		harness.passed_count++;
		printf("ok   %s\n", name);
	}
	fflush(stdout);
}

void harness_skip(const char *name, const char *reason)
{
	harness.skipped_count++;
	printf("SKIP %s: %s\n", name, reason);
}

int harness_end(void)
{
	printf("%d passed, %d failed, %d skipped\n", harness.passed_count, harness.failed_count,
	       harness.skipped_count);
	return harness.failed_count > 0 ? 1 : 0;
}
