/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that put a backend to the test: sealed by openssl, laid out in all ways that callers may, with
 * guards around everything that is written.
 */
#ifndef HAWSER_TOOLS_PACKETS_H
#define HAWSER_TOOLS_PACKETS_H

#include <hawser/backend.h>

enum { PACKETS_GUARD = 64, PACKETS_SPANS = 5 };

/* One packet of a stream: PLAIN is the whole plaintext packet, WIRE what openssl makes of it. */
struct packet {
	uint32_t length, seq;
	uint64_t number, block;
	size_t plain_len, wire_len;
	uint8_t *plain, *wire;
};

/* Packets that follow one another under one set of keys. */
struct packets {
	const haw_suite *suite;
	haw_keys keys;
	uint8_t key[HAW_KEY_MAX], iv[HAW_IV_MAX], mac_key[HAW_MAC_KEY_MAX];
	struct packet *items;
	size_t count;
};

/* How jobs are laid out. */
struct layout {
	size_t batch;   /* jobs of one submit */
	size_t offset;  /* of outputs from an aligned address */
	unsigned spans; /* that inputs and outputs are cut into, at most PACKETS_SPANS */
	bool in_place;  /* outputs lie upon inputs */
};

/* The least length that SUITE can have that is at least LENGTH; the greatest that is at most LENGTH. */
uint32_t packets_length_up(const haw_suite *suite, uint32_t length);
uint32_t packets_length_down(const haw_suite *suite, uint32_t length);
/* Make packets of LENGTHS with keys and contents of SEED; with CARRY the IV is all ones, so that counters
 * carry at once. NULL, or what is wrong; to be freed in any case. */
const char *packets_make(struct packets *p, const haw_suite *suite, const uint32_t *lengths, size_t count,
			 unsigned seed, bool carry);
void packets_free(struct packets *p);

/* A job with its memory. */
struct placed {
	haw_job job;
	uint8_t *memory;
	size_t room, front, len; /* of memory; where the output starts; how long it is */
	size_t headroom;
};

/* Lay out the job of PACKET for S, a sealer or (OPENS) an opener. False if out of memory. */
bool placed_make(struct placed *p, const haw_sealer *s, const struct packet *packet, const haw_suite *suite,
		 bool opens, const struct layout *layout);
void placed_free(struct placed *p);
/* Whether nothing outside of the output was written. */
bool placed_guards_stand(const struct placed *p);
/* Whether the output is what it must be. */
bool placed_is_right(const struct placed *p, const struct packet *packet, bool opens);

/* Put N jobs through S; false if it fails, loses jobs, or finishes none for a while. */
bool packets_drive(haw_sealer *s, haw_job *const *jobs, size_t n);
/* Seal all packets and open them with engines of BACKEND, and compare. NULL, or what is wrong. */
const char *packets_agree(const struct packets *p, const haw_backend *backend, const struct layout *layout);

#endif
