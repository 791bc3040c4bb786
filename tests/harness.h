/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole test framework: checks that count, skips that name a reason, one closing line.
 */
#ifndef HAWSER_TESTS_HARNESS_H
#define HAWSER_TESTS_HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct harness {
	const char *name;
	bool failed;
	int passed_count, failed_count, skipped_count;
};

extern struct harness harness;

/* Fail the running test, and leave the function that checks, if COND is false. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			harness_fail(__FILE__, __LINE__, #cond);                                   \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* The same with a printf explanation. */
#define CHECK_MSG(cond, ...)                                                                       \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			harness_fail(__FILE__, __LINE__, #cond);                                   \
			printf("    " __VA_ARGS__);                                                \
			printf("\n");                                                              \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* CHECK in a function that returns a value. */
#define CHECK_OR(cond, result)                                                                     \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			harness_fail(__FILE__, __LINE__, #cond);                                   \
			return result;                                                             \
		}                                                                                  \
	} while (0)

#define RUN(test) harness_run(#test, test)

void harness_fail(const char *file, int line, const char *what);
/* Run one test function; it passes if no check in it failed. */
void harness_run(const char *name, void (*test)(void));
/* Count a test as skipped, with the reason. */
void harness_skip(const char *name, const char *reason);
/* Print "N passed, N failed, N skipped" and return the exit status of the program. */
int harness_end(void);

#endif
