/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4 §6.2) by the SHA2 instructions: SHA256H and SHA256H2 do four rounds, each on one half
 * of the state; SHA256SU0 and SHA256SU1 make four words of the message schedule.
 */
#ifndef HAW_ARMV8_SHA256_H
#define HAW_ARMV8_SHA256_H

#include "crypto-backends/armv8/aes.h"

extern const uint32_t haw_armv8_sha256_constants[64];

/* Rounds 4 STEP to 4 STEP + 3; WORDS are the sixteen last words of the schedule. */
ALWAYS_INLINE void sha256_step(struct haw_armv8_sha256 *s, uint32x4_t words[4], unsigned step)
{
	uint32x4_t w = words[step % 4], abcd = s->abcd;
	uint32x4_t sum = vaddq_u32(w, vld1q_u32(haw_armv8_sha256_constants + 4 * step));

	s->abcd = vsha256hq_u32(abcd, s->efgh, sum);
	s->efgh = vsha256h2q_u32(s->efgh, abcd, sum);
	if (step < 12)
		words[step % 4] = vsha256su1q_u32(vsha256su0q_u32(w, words[(step + 1) % 4]),
						  words[(step + 2) % 4], words[(step + 3) % 4]);
}

/* Four words of a message, which are big-endian. */
ALWAYS_INLINE uint32x4_t sha256_words(uint8x16_t bytes)
{
	return vreinterpretq_u32_u8(vrev32q_u8(bytes));
}

ALWAYS_INLINE void sha256_add(struct haw_armv8_sha256 *s, const struct haw_armv8_sha256 *before)
{
	s->abcd = vaddq_u32(s->abcd, before->abcd);
	s->efgh = vaddq_u32(s->efgh, before->efgh);
}

#endif
