/* SPDX-License-Identifier: Apache-2.0
 *
 * Backends that complete late and out of order, as an accelerator does: the work itself is openssl's, but
 * it is done inside poll, for some of the jobs under way and in an order drawn from a seed. Until then
 * neither outputs nor status change. For tests; register with haw_selector_add (crypto-backends/select.h)
 * and choose with haw_selector_override(s, "*=late-poll", ...) or "*=late-fd".
 *
 * One thread. Counters and settings are for all sealers together.
 */
#ifndef HAWSER_TESTS_LATE_BACKEND_H
#define HAWSER_TESTS_LATE_BACKEND_H

#include <hawser/backend.h>

extern const haw_backend
	late_backend_poll;                /* "late-poll", HAW_COMPLETES_BY_POLL: poll often has nothing yet */
extern const haw_backend late_backend_fd; /* "late-fd", HAW_COMPLETES_BY_FD: readable while work is left */

struct late_counters {
	uint64_t jobs;      /* finished */
	uint64_t overtaken; /* of them, finished before one submitted earlier */
	uint64_t in_flight; /* now */
	uint64_t most_in_flight;
	uint64_t refused;    /* jobs offered beyond the depth */
	uint64_t violations; /* inputs that changed while their job was under way */
};
extern struct late_counters late_counters;

/* Sealers made from now on draw from SEED, take at most DEPTH jobs at a time (0: no bound), and fail, with
 * HAW_ECRYPTO from submit and poll, after FAIL_AFTER jobs (0: never). Clears the counters. */
void late_backend_reset(uint64_t seed, unsigned depth, uint64_t fail_after);

#endif
