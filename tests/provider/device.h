/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands behind the test provider and the test engine: a "device", which is a thread, and the ways in
 * which it can be told to behave.
 */
#ifndef HAWSER_TESTS_DEVICE_H
#define HAWSER_TESTS_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Named by words with commas between them, from the provider's parameter "mode" or, without it, from the
 * environment's HAWTEST. */
struct device_modes {
	bool pause;       /* work of a job is done by the thread meanwhile */
	bool blind;       /* the same, and nothing tells when to go on */
	bool forge;       /* every tag is right */
	bool behind;      /* 16 bytes behind each output are written */
	bool hash;        /* the provider has hashes too */
	bool mixup;       /* its hashes are there, and one called SHA2-512 is SHA3-512 */
	bool fips;        /* the provider has everything that is approved, with the property fips=yes */
	bool strict;      /* fips without the curves of RFC 7748 and RFC 8032 */
	long fail_after;  /* "fail=N": requests that it serves before it fails; 0: all */
	long stuck_after; /* "stuck=N": requests that it serves before it stops answering; 0: all */
	atomic_long requests;
};

void device_read_modes(struct device_modes *modes, const char *text);

/* Do WORK, by the thread and with the job paused if the modes say so and there is one. Returns what WORK
 * returns, or 0 if the device has failed. */
int device_do(struct device_modes *modes, int (*work)(void *argument), void *argument);

#endif
