/* SPDX-License-Identifier: Apache-2.0
 *
 * Every suite on every backend that can serve it here, as the subject of one test after another. The
 * backends: those built in; the same held to less than the processor has, where a backend lets tests do that
 * (subject_register); two that complete late and out of order; ciphers and MACs joined; and instead of all
 * these the one that the environment names, so that a test() entry of its own takes any module through the
 * same tests:
 *
 *   HAWSER_TEST_BACKEND=/path/module.so[:ARGUMENT] or NAME[:ARGUMENT]
 *   HAWSER_TEST_EAL, HAWSER_TEST_PROVIDER_PATH, HAWSER_TEST_MODULES: options it is opened with
 *   HAWSER_TEST_EFFORT=reduced: fewer cases of each kind, for emulated processors
 *
 * A suite that a backend serves in half, and what runs elsewhere than on this processor, is also made the way
 * connections get it: by a selector, which puts what is missing around it.
 */
#ifndef HAWSER_TESTS_SUBJECT_H
#define HAWSER_TESTS_SUBJECT_H

#include <hawser/backend.h>

#include "harness.h"

enum { GUARD = 32, GUARD_BYTE = 0xc3, SUBJECTS_MAX = 64, VARIANTS_MAX = 32 };

struct subject {
	const haw_backend *backend;
	haw_selector *selector; /* not NULL: it makes the sealer and the opener */
	const haw_suite *suite;
	uint8_t key[HAW_KEY_MAX], iv[HAW_IV_MAX], mac_key[HAW_MAC_KEY_MAX];
	haw_keys keys; /* the three above */
	haw_sealer *sealer, *opener;
};

/* Add BACKEND, which stands for another in a restricted form: from a constructor function in a source file
 * that is built where that other backend is. Its name says what it is held to: "ipsecmb-avx2". */
void subject_register(const haw_backend *backend);

/* Run TEST with each; it says which one it was when a check failed. */
void for_each_subject(void (*test)(struct subject *subject));
/* The same, all subjects of one suite at a time. */
void for_each_suite(void (*test)(struct subject *subjects, size_t count));
/* Make the sealer and the opener of S anew, with the keys that now stand in it. */
bool subject_renew(struct subject *s);
/* Call before a packet that does not follow the last one: where packets are chained, renew. */
bool subject_restart(struct subject *s);
/* Whether S takes packets of LENGTH. */
bool subject_takes(const struct subject *s, uint32_t length);
/* For messages: the backend's name, and whether a selector is between. */
const char *subject_name(const struct subject *s);
/* FULL, or LESS where the environment asks for reduced effort. */
unsigned effort(unsigned full, unsigned less);

/* Put jobs through S until all are done; false if the engine failed. */
bool drive(haw_sealer *s, haw_job *const *jobs, size_t n);
bool drive_one(haw_sealer *s, haw_job *job);
/* The least packet_length of SUITE that is at least LENGTH. */
uint32_t fit_length(const haw_suite *suite, uint32_t length);
/* Cipher blocks that a packet of LENGTH takes. */
uint64_t blocks_of(const haw_suite *suite, uint32_t length);
bool is_chained(const haw_suite *suite);
/* Fill in a plaintext packet of LENGTH, different for each SEED. */
void fill_packet(uint8_t *packet, uint32_t length, unsigned seed);
void set_numbers(haw_job *job, uint32_t length, uint32_t seq, uint64_t number, uint64_t block);
bool all_are(const uint8_t *p, size_t len, uint8_t value);
/* Deterministic random numbers, below BELOW. */
uint32_t draw(uint64_t *state, uint32_t below);
void draw_bytes(uint64_t *state, uint8_t *out, size_t len);

#endif
