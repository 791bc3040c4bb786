/* SPDX-License-Identifier: Apache-2.0
 *
 * Polynomials of ML-KEM as bytes, and out of random bytes. Nothing here divides: the time that a division
 * takes shows its operands on many processors, and those are secret here.
 */
#include "transport/kex/mlkem768.h"

/* X, between -q and q, as a number from 0 to q - 1. */
static uint32_t canonical(int16_t x)
{
	int32_t value = x + (x >> 15 & MLKEM_Q);

	value -= MLKEM_Q;
	return (uint32_t)(value + (value >> 31 & MLKEM_Q));
}

void haw_mlkem_encode(uint8_t out[MLKEM_POLY_BYTES], const mlkem_poly p)
{
	for (size_t i = 0; i < MLKEM_N; i += 2) {
		uint32_t pair = canonical(p[i]) | canonical(p[i + 1]) << 12;

		*out++ = (uint8_t)pair;
		*out++ = (uint8_t)(pair >> 8);
		*out++ = (uint8_t)(pair >> 16);
	}
}

bool haw_mlkem_decode(mlkem_poly p, const uint8_t in[MLKEM_POLY_BYTES])
{
	int32_t all_below = -1;

	for (size_t i = 0; i < MLKEM_N; i += 2, in += 3) {
		uint32_t pair = in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;

		p[i] = (int16_t)(pair & 0xfff);
		p[i + 1] = (int16_t)(pair >> 12);
		all_below &= (p[i] - MLKEM_Q) & (p[i + 1] - MLKEM_Q);
	}
	all_below = (int32_t)((uint32_t)all_below >> 31);
	HAW_DECLASSIFY(&all_below, sizeof(all_below));
	return all_below;
}

/* 2^BITS / q X, rounded; the factors give the same as a division would for every X. */
static uint32_t compressed(uint32_t x, unsigned bits)
{
	if (bits == 1)
		return ((x << 1) + 1665) * 5039 >> 24 & 1;
	if (bits == 4)
		return ((x << 4) + 1664) * 5040 >> 24 & 15;
	return (uint32_t)(((uint64_t)(x << 10) + 1664) * 161271 >> 29) & 1023;
}

void haw_mlkem_compress(uint8_t *out, unsigned bits, const mlkem_poly p)
{
	uint32_t store = 0;
	unsigned have = 0;

	for (size_t i = 0; i < MLKEM_N; i++) {
		store |= compressed(canonical(p[i]), bits) << have;
		for (have += bits; have >= 8; have -= 8) {
			*out++ = (uint8_t)store;
			store >>= 8;
		}
	}
}

void haw_mlkem_decompress(mlkem_poly p, unsigned bits, const uint8_t *in)
{
	const uint32_t mask = (1u << bits) - 1, half = 1u << (bits - 1);
	uint32_t store = 0;
	unsigned have = 0;

	for (size_t i = 0; i < MLKEM_N; i++) {
		for (; have < bits; have += 8)
			store |= (uint32_t)*in++ << have;
		p[i] = (int16_t)(((store & mask) * MLKEM_Q + half) >> bits);
		store >>= bits;
		have -= bits;
	}
}

/* Each coefficient is the difference of two sums of two bits. */
void haw_mlkem_noise(mlkem_poly p, const uint8_t random[128])
{
	for (size_t i = 0; i < MLKEM_N / 8; i++) {
		const uint8_t *in = random + 4 * i;
		uint32_t bits = in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
		uint32_t sums = (bits & 0x55555555) + (bits >> 1 & 0x55555555);

		for (size_t j = 0; j < 8; j++)
			p[8 * i + j] = (int16_t)((int)(sums >> 4 * j & 3) - (int)(sums >> (4 * j + 2) & 3));
	}
}

size_t haw_mlkem_sample(mlkem_poly p, size_t count, const uint8_t *random, size_t len)
{
	for (size_t i = 0; i + 3 <= len && count < MLKEM_N; i += 3) {
		unsigned first = random[i] | (random[i + 1] & 15u) << 8;
		unsigned second = random[i + 1] >> 4 | (unsigned)random[i + 2] << 4;

		if (first < MLKEM_Q)
			p[count++] = (int16_t)first;
		if (second < MLKEM_Q && count < MLKEM_N)
			p[count++] = (int16_t)second;
	}
	return count;
}
