/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets made by hand under real keys, good and bad ones.
 */
#ifndef HAWSER_TESTS_PACKET_FORGE_H
#define HAWSER_TESTS_PACKET_FORGE_H

#include "pair.h"

enum {
	FORGE_KEYS = 9, /* the seed of its keys */
	/* Bytes from the start of a packet that is not authentic to the end of the connection, but for the
	 * tag, where the length is enciphered and the MAC covers the plaintext. */
	FORGE_DISCARD = 4 + HAW_PACKET_LENGTH_MAX
};

/* Seals with the suite's own sealer. */
struct forge {
	const haw_suite *suite;
	haw_sealer *sealer;
	struct wire wire;
	uint32_t seq;
	uint64_t block;
};

bool forge_open(struct forge *f, const haw_suite *suite);
void forge_close(struct forge *f);
/* Seal LEN bytes of plaintext that stand behind packet_length; the field itself says LENGTH. */
bool forge_sealed(struct forge *f, uint32_t length, const uint8_t *plain, size_t len);
/* One packet of LENGTH bytes (behind the field) that claims PADDING. */
bool forge_packet(struct forge *f, uint32_t length, uint8_t padding);
/* COUNT good packets: the payload of the I-th has forge_fitting(30 + 40 I) - 5 - I bytes. */
bool forge_good(struct forge *f, uint32_t count);
/* LEN bytes that nobody sealed. */
bool forge_garbage(struct forge *f, size_t len);
/* The least packet_length that fits the suite's blocks and is at least LEAST. */
uint32_t forge_fitting(const haw_suite *suite, uint32_t least);

#endif
