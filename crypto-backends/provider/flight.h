/* SPDX-License-Identifier: Apache-2.0
 *
 * One packet on its way through an algorithm that pauses: an ASYNC_JOB, its wait context, a keyed sealer or
 * opener that works inside the job, and memory of its own.
 *
 * Whatever stands behind a paused job may still read and write the packet's memory, and nothing can call it
 * back. So it never gets the caller's: the packet is gathered into the flight's memory, worked on there in
 * one piece (one request instead of one for each span), and copied out when it is done and found right. A
 * flight that never lands can then be left to itself without harm to anybody.
 */
#ifndef HAW_PROVIDER_FLIGHT_H
#define HAW_PROVIDER_FLIGHT_H

#include <hawser/backend.h>

#include <openssl/async.h>

enum { HAW_FLIGHT_FDS = 4 };

struct haw_flight {
	haw_sealer *inner; /* finishes inside submit, or pauses the job that it runs in */
	bool opens;
	ASYNC_WAIT_CTX *wait;
	ASYNC_JOB *job;  /* NULL unless paused */
	haw_job *packet; /* the caller's; NULL: free, or abandoned */
	haw_job copy;    /* over the flight's memory */
	uint8_t *memory;
	size_t room;
	bool blind; /* paused without a descriptor that tells when to go on */
};

enum haw_flight_state {
	HAW_FLIGHT_LANDED, /* packet->status and its outputs are filled in */
	HAW_FLIGHT_PAUSED,
	HAW_FLIGHT_FAILED /* the job could not be started or gone on with */
};

/* A flight for INNER, which becomes its own even if NULL is returned (out of memory). */
struct haw_flight *haw_flight_new(haw_sealer *inner, bool opens);
/* Only while it is not paused. Wipes its memory. */
void haw_flight_free(struct haw_flight *f);
/* Take PACKET, which fits its suite, and work on it until it is done or pauses. */
enum haw_flight_state haw_flight_start(struct haw_flight *f, haw_job *packet);
/* Go on with a paused one. */
enum haw_flight_state haw_flight_resume(struct haw_flight *f);
/* Write to FDS the descriptors that tell when to go on; returns how many, 0 if there is none to rely on. */
size_t haw_flight_fds(const struct haw_flight *f, int fds[HAW_FLIGHT_FDS]);

#endif
