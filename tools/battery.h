/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend has to stand, beyond its self-test, before one trusts it.
 */
#ifndef HAWSER_TOOLS_BATTERY_H
#define HAWSER_TOOLS_BATTERY_H

#include <hawser/backend.h>

/* One check of a backend with a suite: NULL if it passed, else what is wrong (constant text). */
struct battery_check {
	const char *name;
	const char *(*run)(const haw_backend *backend, const haw_suite *suite);
};

/* The check at INDEX (0, 1, ...), or NULL behind the last. */
const struct battery_check *battery_at(size_t index);

#endif
