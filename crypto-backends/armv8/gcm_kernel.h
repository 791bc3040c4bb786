/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels of AES-GCM, in terms of xor3(); included by a file for each way to do that.
 *
 * Eight blocks a turn. Their AES rounds and the hashing of eight ciphertext blocks stand between each other
 * in the text, for the processor's units for them differ, and a core that looks little ahead must find both
 * at hand. Opening hashes what it is about to decipher; sealing hashes what the turn before has made.
 */
#include "crypto-backends/armv8/ghash.h"

enum { LANES = 8 };

/* Fill in N counter blocks; only the last word counts, modulo 2^32 (SP 800-38D §6.2). */
ALWAYS_INLINE void counters(uint32x4_t *counter, uint8x16_t *block, unsigned n)
{
	const uint32x4_t one = {0, 0, 0, 1};

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++) {
		block[i] = vrev32q_u8(vreinterpretq_u8_u32(*counter));
		*counter = vaddq_u32(*counter, one);
	}
}

/* Make the key stream of the next eight blocks, its last key still to be xored, and hash HASHED with it. */
ALWAYS_INLINE void stream_and_hash(const struct haw_armv8_aes *aes, unsigned rounds,
				   const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
				   uint8x16_t *block, const uint8x16_t *hashed)
{
	struct ghash_sums sums = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};

	counters(&state->counter, block, LANES);
#pragma GCC unroll 16
	for (unsigned r = 0; r < rounds - 1; r++) {
		aes_round(aes->round_key[r], block, LANES);
		if (r % 2 == 0 && r < LANES) {
			uint8x16_t first = vrbitq_u8(hashed[r]);

			if (r == 0)
				first = veorq_u8(first, state->hash);
			ghash_add_two(&sums, ghash, LANES - r, first, vrbitq_u8(hashed[r + 1]));
		}
	}
	state->hash = ghash_reduce(&sums);
#pragma GCC unroll 8
	for (unsigned i = 0; i < LANES; i++)
		block[i] = vaeseq_u8(block[i], aes->round_key[rounds - 1]);
}

ALWAYS_INLINE void load(const uint8_t *in, uint8x16_t *data)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < LANES; i++)
		data[i] = vld1q_u8(in + 16 * i);
}

/* Finish the key stream in BLOCK, xor it to DATA and store that; DATA becomes what was stored. */
ALWAYS_INLINE void store(uint8_t *out, uint8x16_t *data, const uint8x16_t *block, uint8x16_t last_key)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < LANES; i++) {
		data[i] = xor3(data[i], block[i], last_key);
		vst1q_u8(out + 16 * i, data[i]);
	}
}

/* Hash N blocks, at most eight. */
ALWAYS_INLINE void hash_some(const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			     const uint8x16_t *data, size_t n)
{
	struct ghash_sums sums = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};

	for (size_t i = 0; i < n; i++) {
		uint8x16_t block = vrbitq_u8(data[i]);

		ghash_add(&sums, ghash, (unsigned)(n - i), i == 0 ? veorq_u8(block, state->hash) : block);
	}
	state->hash = ghash_reduce(&sums);
}

/* What is left: N blocks, fewer than eight. Few blocks take the key stream of four. */
ALWAYS_INLINE void crypt_rest(const struct haw_armv8_aes *aes, unsigned rounds,
			      const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			      const uint8_t *in, uint8_t *out, size_t n, bool opens)
{
	uint8x16_t block[LANES], data[LANES];
	uint32x4_t counter = state->counter;

	if (n == 0)
		return;
	if (n <= LANES / 2) {
		counters(&state->counter, block, LANES / 2);
		aes_rounds(aes, rounds, block, LANES / 2);
	} else {
		counters(&state->counter, block, LANES);
		aes_rounds(aes, rounds, block, LANES);
	}
	for (size_t i = 0; i < n; i++)
		data[i] = vld1q_u8(in + 16 * i);
	state->counter = vsetq_lane_u32(vgetq_lane_u32(counter, 3) + (uint32_t)n, counter, 3);
	if (opens)
		hash_some(ghash, state, data, n);
	for (size_t i = 0; i < n; i++) {
		data[i] = xor3(data[i], block[i], aes->round_key[rounds]);
		vst1q_u8(out + 16 * i, data[i]);
	}
	if (!opens)
		hash_some(ghash, state, data, n);
}

ALWAYS_INLINE void seal_blocks(const struct haw_armv8_aes *aes, unsigned rounds,
			       const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			       const uint8_t *in, uint8_t *out, size_t blocks)
{
	uint8x16_t block[LANES], made[LANES], data[LANES];

	if (blocks >= LANES) {
		counters(&state->counter, block, LANES);
		aes_rounds(aes, rounds, block, LANES);
		load(in, made);
		store(out, made, block, aes->round_key[rounds]);
		in += 16 * LANES, out += 16 * LANES;
		for (blocks -= LANES; blocks >= LANES; blocks -= LANES) {
			stream_and_hash(aes, rounds, ghash, state, block, made);
			load(in, data);
			store(out, data, block, aes->round_key[rounds]);
#pragma GCC unroll 8
			for (unsigned i = 0; i < LANES; i++)
				made[i] = data[i];
			in += 16 * LANES, out += 16 * LANES;
		}
		hash_some(ghash, state, made, LANES);
	}
	crypt_rest(aes, rounds, ghash, state, in, out, blocks, false);
}

ALWAYS_INLINE void open_blocks(const struct haw_armv8_aes *aes, unsigned rounds,
			       const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			       const uint8_t *in, uint8_t *out, size_t blocks)
{
	uint8x16_t block[LANES], data[LANES];

	for (; blocks >= LANES; blocks -= LANES) {
		load(in, data);
		stream_and_hash(aes, rounds, ghash, state, block, data);
		store(out, data, block, aes->round_key[rounds]);
		in += 16 * LANES, out += 16 * LANES;
	}
	crypt_rest(aes, rounds, ghash, state, in, out, blocks, true);
}

/* A kernel for each number of rounds, so that loops over them have none. SSH has no AES-192 in GCM. The state
 * is copied, or it would be in memory at each turn: OUT might be it. */
#define DEFINE_KERNEL(name, process)                                                                 \
	void name(const struct haw_armv8_aes *aes, const struct haw_armv8_ghash *ghash,              \
		  struct haw_armv8_gcm_state *state, const uint8_t *in, uint8_t *out, size_t blocks) \
	{                                                                                            \
		struct haw_armv8_gcm_state now = *state;                                             \
                                                                                                     \
		if (aes->rounds == 10)                                                               \
			process(aes, 10, ghash, &now, in, out, blocks);                              \
		else                                                                                 \
			process(aes, 14, ghash, &now, in, out, blocks);                              \
		*state = now;                                                                        \
	}
