/* SPDX-License-Identifier: Apache-2.0
 *
 * Padding of packets (RFC 4253 §6): how much, and random bytes for it.
 */
#ifndef HAW_PACKET_PADDING_H
#define HAW_PACKET_PADDING_H

#include <hawser/backend.h>

enum {
	HAW_PADDING_MIN = 4,
	HAW_PADDING_MAX = 255,
	HAW_RANDOM_POOL = 4096
};

/* Random bytes made ahead: one call of the generator serves some hundred packets. Each byte is
 * used once. Zeroed at the start. */
struct haw_random_pool {
	uint8_t bytes[HAW_RANDOM_POOL];
	size_t left;
};

/* Whether packet_length itself stays outside of what must be a multiple of the block: it does
 * where it is not part of the enciphered blocks. SUITE is NULL before the first keys. */
bool haw_padding_length_excluded(const haw_suite *suite);
/* The padding unit under SUITE. */
size_t haw_padding_unit(const haw_suite *suite);
/* Bytes of padding behind PAYLOAD bytes under SUITE: the least that the rules allow. */
size_t haw_padding_size(const haw_suite *suite, size_t payload);
/* Whether LENGTH may stand in the packet_length field under SUITE. */
bool haw_padding_length_fits(const haw_suite *suite, uint32_t length);
/* Write N random bytes to OUT; false if the generator fails. */
bool haw_padding_random(struct haw_random_pool *pool, uint8_t *out, size_t n);

#endif
