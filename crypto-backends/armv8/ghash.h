/* SPDX-License-Identifier: Apache-2.0
 *
 * Multiplication in the field of GHASH (NIST SP 800-38D §6.3): polynomials over GF(2) modulo
 * x^128 + x^7 + x^2 + x + 1.
 *
 * The standard writes the coefficient of x^0 into the most significant bit of the first byte. Turning round
 * the bits of each byte (RBIT) makes a block the little-endian number whose bit i is the coefficient of x^i.
 * In that order PMULL, a multiplication of 64 by 64 coefficients, gives products with nothing left to shift.
 *
 * A product of two blocks is 256 coefficients, kept in three sums by Karatsuba's method:
 *
 *   low = a0 b0,  high = a1 b1,  middle = (a0 + a1)(b0 + b1);
 *   a b = low + x^64 (middle + low + high) + x^128 high.
 *
 * The sums of several products may be added up before they are reduced, and so
 *
 *   Y = (Y + C1) H^n + C2 H^(n-1) + ... + Cn H
 *
 * takes one reduction for n blocks. To reduce: x^128 = x^7 + x^2 + x + 1, which is 0x87, so a multiple of
 * x^128 is multiplied by 0x87 and added further down.
 *
 * Whoever includes this defines xor3(a, b, c) first: with the SHA3 extension it is one instruction.
 */
#ifndef HAW_ARMV8_GHASH_H
#define HAW_ARMV8_GHASH_H

#include "crypto-backends/armv8/aes.h"

struct ghash_sums {
	uint8x16_t low, middle, high;
};

ALWAYS_INLINE uint8x16_t multiply_low(uint8x16_t a, uint8x16_t b)
{
	return vreinterpretq_u8_p128(vmull_p64((poly64_t)vgetq_lane_u64(vreinterpretq_u64_u8(a), 0),
					       (poly64_t)vgetq_lane_u64(vreinterpretq_u64_u8(b), 0)));
}

ALWAYS_INLINE uint8x16_t multiply_high(uint8x16_t a, uint8x16_t b)
{
	return vreinterpretq_u8_p128(vmull_high_p64(vreinterpretq_p64_u8(a), vreinterpretq_p64_u8(b)));
}

/* Both halves are the sum of the halves of A. */
ALWAYS_INLINE uint8x16_t fold(uint8x16_t a)
{
	return veorq_u8(a, vextq_u8(a, a, 8));
}

ALWAYS_INLINE struct ghash_sums ghash_multiply(const struct haw_armv8_ghash *ghash, unsigned power,
					       uint8x16_t block)
{
	return (struct ghash_sums){
		.low = multiply_low(block, ghash->power[power - 1]),
		.middle = multiply_low(fold(block), ghash->folded[power - 1]),
		.high = multiply_high(block, ghash->power[power - 1]),
	};
}

/* Add FIRST times H^power and SECOND times H^(power - 1). */
ALWAYS_INLINE void ghash_add_two(struct ghash_sums *s, const struct haw_armv8_ghash *ghash, unsigned power,
				 uint8x16_t first, uint8x16_t second)
{
	struct ghash_sums a = ghash_multiply(ghash, power, first),
			  b = ghash_multiply(ghash, power - 1, second);

	s->low = xor3(s->low, a.low, b.low);
	s->middle = xor3(s->middle, a.middle, b.middle);
	s->high = xor3(s->high, a.high, b.high);
}

ALWAYS_INLINE void ghash_add(struct ghash_sums *s, const struct haw_armv8_ghash *ghash, unsigned power,
			     uint8x16_t block)
{
	struct ghash_sums a = ghash_multiply(ghash, power, block);

	s->low = veorq_u8(s->low, a.low);
	s->middle = veorq_u8(s->middle, a.middle);
	s->high = veorq_u8(s->high, a.high);
}

ALWAYS_INLINE uint8x16_t ghash_reduce(const struct ghash_sums *s)
{
	const uint8x16_t zero = vdupq_n_u8(0);
	const uint8x16_t modulus = vreinterpretq_u8_u64(vdupq_n_u64(0x87));
	uint8x16_t middle = xor3(s->middle, s->low, s->high), low, high, from_top;

	low = veorq_u8(s->low, vextq_u8(zero, middle, 8));
	high = veorq_u8(s->high, vextq_u8(middle, zero, 8));
	/* Coefficients 192 and up come down by 128: 71 of them, from 64 on, the last of which are in the
	 * lower half of HIGH. */
	from_top = multiply_high(high, modulus);
	low = veorq_u8(low, vextq_u8(zero, from_top, 8));
	high = veorq_u8(high, vextq_u8(from_top, zero, 8));
	return veorq_u8(low, multiply_low(high, modulus));
}

ALWAYS_INLINE uint8x16_t ghash_block(const struct haw_armv8_ghash *ghash, uint8x16_t block)
{
	struct ghash_sums s = ghash_multiply(ghash, 1, block);

	return ghash_reduce(&s);
}

#endif
