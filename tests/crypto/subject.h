/* SPDX-License-Identifier: Apache-2.0
 *
 * Every suite on every backend that can serve it here, those that complete late included, as the subject of
 * one test after another.
 */
#ifndef HAWSER_TESTS_SUBJECT_H
#define HAWSER_TESTS_SUBJECT_H

#include <hawser/backend.h>

#include "harness.h"

enum { GUARD = 32, GUARD_BYTE = 0xc3, VARIANTS_MAX = 32 };

struct subject {
	const haw_backend *backend;
	const haw_suite *suite;
	haw_keys keys;
	haw_sealer *sealer, *opener;
};

/* Add BACKEND, which stands for another in a restricted form: from a constructor function in a source file
 * that is built where that other backend is. Its name says what it is held to: "ipsecmb-avx2". */
void subject_register(const haw_backend *backend);

/* Run TEST with each; it says which one it was when a check failed. */
void for_each_subject(void (*test)(const struct subject *subject));
/* The same with an IV of ones, whose counters wrap at once. */
void for_each_subject_at_wrap(void (*test)(const struct subject *subject));
/* Put jobs through S until all are done; false if the engine failed. */
bool drive(haw_sealer *s, haw_job *const *jobs, size_t n);
bool drive_one(haw_sealer *s, haw_job *job);
/* The least packet_length of SUITE that is at least LENGTH. */
uint32_t fit_length(const haw_suite *suite, uint32_t length);
/* Cipher blocks that a packet of LENGTH takes. */
uint64_t blocks_of(const haw_suite *suite, uint32_t length);
/* Fill in a plaintext packet of LENGTH, different for each SEED. */
void fill_packet(uint8_t *packet, uint32_t length, unsigned seed);
void set_numbers(haw_job *job, uint32_t length, uint32_t seq, uint64_t number, uint64_t block);
bool all_are(const uint8_t *p, size_t len, uint8_t value);

#endif
