/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode, alone or with SHA-256 over what is read or written, in one pass.
 *
 * One stream of SHA-256 is a chain in which each instruction waits for the one before it, so the units for
 * AES idle meanwhile. A turn enciphers 64 bytes and hashes 64 of the turn before: an AES round of four blocks
 * stands behind each four rounds of SHA-256, and fourteen of the one go into sixteen of the other.
 *
 * The MAC begins with the sequence number, and with -etm the length, which are not enciphered. So a block of
 * SHA-256 begins 4 or 8 bytes before a group of four cipher blocks does: EXT takes it from the group and the
 * block before that.
 */
#include "crypto-backends/armv8/sha256.h"

enum { ALONE = 8, HASHED = 4 };

/* Fill in N counter blocks: one number of 128 bits, big-endian. */
ALWAYS_INLINE void counters(struct haw_armv8_ctr_state *state, uint8x16_t *block, unsigned n)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++) {
		uint64x2_t number = {__builtin_bswap64(state->high), __builtin_bswap64(state->low)};

		block[i] = vreinterpretq_u8_u64(number);
		state->low++;
		state->high += state->low == 0;
	}
}

ALWAYS_INLINE uint8x16_t finish(const struct haw_armv8_aes *aes, unsigned rounds, uint8x16_t block,
				uint8x16_t data)
{
	return veorq_u8(data, veorq_u8(block, aes->round_key[rounds]));
}

/* ---- Alone ---- */

ALWAYS_INLINE void crypt_alone(const struct haw_armv8_aes *aes, unsigned rounds,
			       struct haw_armv8_ctr_state *state, const uint8_t *in, uint8_t *out,
			       size_t blocks)
{
	uint8x16_t block[ALONE];

	for (; blocks >= ALONE; blocks -= ALONE) {
		counters(state, block, ALONE);
		aes_rounds(aes, rounds, block, ALONE);
#pragma GCC unroll 8
		for (unsigned i = 0; i < ALONE; i++)
			vst1q_u8(out + 16 * i, finish(aes, rounds, block[i], vld1q_u8(in + 16 * i)));
		in += 16 * ALONE, out += 16 * ALONE;
	}
	for (; blocks > 0; blocks--) {
		counters(state, block, 1);
		aes_rounds(aes, rounds, block, 1);
		vst1q_u8(out, finish(aes, rounds, block[0], vld1q_u8(in)));
		in += 16, out += 16;
	}
}

void haw_armv8_ctr_plain(const struct haw_armv8_aes *aes, struct haw_armv8_ctr_state *state,
			 const uint8_t *in, uint8_t *out, size_t blocks)
{
	if (aes->rounds == 10)
		crypt_alone(aes, 10, state, in, out, blocks);
	else if (aes->rounds == 12)
		crypt_alone(aes, 12, state, in, out, blocks);
	else
		crypt_alone(aes, 14, state, in, out, blocks);
}

/* ---- With SHA-256 ---- */

/* The block of SHA-256 that ends CARRIED bytes before the end of DATA. */
ALWAYS_INLINE void take_words(uint8x16_t *carry, const uint8x16_t *data, unsigned carried, uint32x4_t *words)
{
	uint8x16_t before = *carry;

#pragma GCC unroll 4
	for (unsigned i = 0; i < HASHED; i++) {
		/* The number of bytes must be a constant of the instruction. */
		words[i] = sha256_words(carried == 8 ? vextq_u8(before, data[i], 8)
						     : vextq_u8(before, data[i], 12));
		before = data[i];
	}
	*carry = before;
}

ALWAYS_INLINE void hash_group(struct haw_armv8_ctr_state *state, const uint8x16_t *data, unsigned carried)
{
	const struct haw_armv8_sha256 before = state->sha;
	uint32x4_t words[4];

	take_words(&state->carry, data, carried, words);
#pragma GCC unroll 16
	for (unsigned step = 0; step < 16; step++)
		sha256_step(&state->sha, words, step);
	sha256_add(&state->sha, &before);
}

/* Make the key stream of a group in BLOCK, its last key still to be xored, and hash DATA with it. */
ALWAYS_INLINE void stream_and_hash(const struct haw_armv8_aes *aes, unsigned rounds,
				   struct haw_armv8_ctr_state *state, const uint8x16_t *data,
				   unsigned carried, uint8x16_t *block)
{
	const struct haw_armv8_sha256 before = state->sha;
	uint32x4_t words[4];

	take_words(&state->carry, data, carried, words);
	counters(state, block, HASHED);
#pragma GCC unroll 16
	for (unsigned step = 0; step < 16; step++) {
		sha256_step(&state->sha, words, step);
		if (step < rounds - 1)
			aes_round(aes->round_key[step], block, HASHED);
	}
#pragma GCC unroll 4
	for (unsigned i = 0; i < HASHED; i++)
		block[i] = vaeseq_u8(block[i], aes->round_key[rounds - 1]);
	sha256_add(&state->sha, &before);
}

/* Xor the key stream to a group; DATA becomes what is to be hashed. */
ALWAYS_INLINE void put_group(const struct haw_armv8_aes *aes, unsigned rounds, const uint8x16_t *block,
			     const uint8_t *in, uint8_t *out, bool hash_input, uint8x16_t *data)
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < HASHED; i++) {
		uint8x16_t text = vld1q_u8(in + 16 * i), made = finish(aes, rounds, block[i], text);

		vst1q_u8(out + 16 * i, made);
		data[i] = hash_input ? text : made;
	}
}

ALWAYS_INLINE void crypt_hashing(const struct haw_armv8_aes *aes, unsigned rounds,
				 struct haw_armv8_ctr_state *state, const uint8_t *in, uint8_t *out,
				 size_t blocks, unsigned carried, bool hash_input)
{
	uint8x16_t block[HASHED], data[HASHED];

	counters(state, block, HASHED);
	aes_rounds(aes, rounds, block, HASHED);
	put_group(aes, rounds, block, in, out, hash_input, data);
	for (blocks -= HASHED; blocks > 0; blocks -= HASHED) {
		in += 16 * HASHED, out += 16 * HASHED;
		stream_and_hash(aes, rounds, state, data, carried, block);
		put_group(aes, rounds, block, in, out, hash_input, data);
	}
	hash_group(state, data, carried);
}

/* The state is copied, or it would be in memory at each turn: OUT might be it. */
#define DEFINE_KERNEL(name, rounds, carried, hash_input)                                     \
	static void name(const struct haw_armv8_aes *aes, struct haw_armv8_ctr_state *state, \
			 const uint8_t *in, uint8_t *out, size_t blocks)                     \
	{                                                                                    \
		struct haw_armv8_ctr_state now = *state;                                     \
                                                                                             \
		crypt_hashing(aes, rounds, &now, in, out, blocks, carried, hash_input);      \
		*state = now;                                                                \
	}

#define DEFINE_KERNELS(rounds)                              \
	DEFINE_KERNEL(plain_out_##rounds, rounds, 4, false) \
	DEFINE_KERNEL(plain_in_##rounds, rounds, 4, true)   \
	DEFINE_KERNEL(etm_out_##rounds, rounds, 8, false)

DEFINE_KERNELS(10)
DEFINE_KERNELS(12)
DEFINE_KERNELS(14)

haw_armv8_ctr_kernel *haw_armv8_ctr_hashing(const struct haw_armv8_aes *aes, bool etm, bool hash_input)
{
	static haw_armv8_ctr_kernel *const kernels[3][3] = {
		{etm_out_10, plain_out_10, plain_in_10},
		{etm_out_12, plain_out_12, plain_in_12},
		{etm_out_14, plain_out_14, plain_in_14},
	};

	return kernels[(aes->rounds - 10) / 2][etm ? 0 : hash_input ? 2 : 1];
}

void haw_armv8_ctr_hash(struct haw_armv8_ctr_state *state, const uint8_t *in, size_t blocks)
{
	struct haw_armv8_ctr_state now = *state;

	for (; blocks > 0; blocks -= HASHED, in += 16 * HASHED) {
		uint8x16_t data[HASHED];

		for (unsigned i = 0; i < HASHED; i++)
			data[i] = vld1q_u8(in + 16 * i);
		hash_group(&now, data, 8);
	}
	*state = now;
}
