/* SPDX-License-Identifier: Apache-2.0
 *
 * A packet as the reference seals it, to compare what a subject makes of it.
 */
#ifndef HAWSER_TESTS_SAMPLE_H
#define HAWSER_TESTS_SAMPLE_H

#include "subject.h"

struct sample {
	uint32_t length, seq;
	uint64_t number, block;
	size_t packet, total; /* bytes without and with the tag */
	uint8_t *plain, *wire;
};

/* Make a packet of at least LENGTH, whose content SEQ decides. Where packets are chained it is the first
 * under KEYS, or with BEFORE the one behind that. */
void sample_make(struct sample *s, const haw_suite *suite, const haw_keys *keys, uint32_t length,
		 uint32_t seq, uint64_t number, uint64_t block, const struct sample *before);
void sample_free(struct sample *s);
/* Make COUNT packets that follow one another from the first under KEYS on; their sizes are LENGTHS. */
void samples_make(struct sample *samples, size_t count, const haw_suite *suite, const haw_keys *keys,
		  const uint32_t *lengths);
void samples_free(struct sample *samples, size_t count);
/* A job with the numbers of S and no spans; one that seals it to OUT; one that opens it to OUT. */
void sample_job(const struct sample *s, haw_job *job);
void sample_sealing(const struct sample *s, haw_job *job, uint8_t *out);
void sample_opening(const struct sample *s, haw_job *job, uint8_t *out);
/* Seal and open the packet elsewhere, then both in place, and compare all bytes and what lies around them.
 * Fails the test that runs. S is the first packet under SUBJECT's keys if packets are chained. */
void check_whole(struct subject *subject, const struct sample *s);

#endif
