/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine around another one that takes its time: a bounded number of jobs in flight, done in
 * any order, some polls without a result, and the inputs watched until then.
 */
#ifndef HAWSER_TESTS_PACKET_LATE_ENGINE_H
#define HAWSER_TESTS_PACKET_LATE_ENGINE_H

#include <hawser/backend.h>

struct late_options {
	uint16_t depth, batch;
	uint32_t seed;    /* of the order and the delays */
	uint64_t fail_at; /* the job that ends with HAW_ECRYPTO, counted from 1 */
	uint64_t die_at;  /* the submit that ends the engine, counted from 1 */
	int fd;           /* unless 0: the descriptor that it claims to complete by */
	/* A second sealer with the same keys makes it read twice: BETWEEN is called between the two
	 * readings, the ciphertext is the second one's and the tag the first one's. */
	haw_sealer *second;
	void (*between)(void *user);
	void *user;
};

struct late_stats {
	uint64_t submitted, finished, out_of_order;
	unsigned most_in_flight;
	bool inputs_changed, freed;
};

/* Takes INNER over (and options->second). STATS outlive the engine. */
haw_sealer *late_engine_new(haw_sealer *inner, const struct late_options *options, struct late_stats *stats);

#endif
