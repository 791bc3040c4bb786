/* SPDX-License-Identifier: Apache-2.0
 *
 * AES on several blocks side by side. AESE xors the round key, then does SubBytes and ShiftRows; AESMC does
 * MixColumns (Arm Architecture Reference Manual, C7.2). So the key of round i goes into the AESE of the
 * round behind it, and the last key is xored by itself. One block alone waits for each instruction; eight
 * side by side keep the units busy.
 */
#ifndef HAW_ARMV8_AES_H
#define HAW_ARMV8_AES_H

#include "crypto-backends/armv8/armv8.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* One round but the last two steps of the cipher, on N blocks. */
ALWAYS_INLINE void aes_round(uint8x16_t key, uint8x16_t *block, unsigned n)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++)
		block[i] = vaesmcq_u8(vaeseq_u8(block[i], key));
}

/* All rounds on N blocks, but that the last key is still to be xored. */
ALWAYS_INLINE void aes_rounds(const struct haw_armv8_aes *aes, unsigned rounds, uint8x16_t *block, unsigned n)
{
#pragma GCC unroll 16
	for (unsigned r = 0; r < rounds - 1; r++)
		aes_round(aes->round_key[r], block, n);
#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++)
		block[i] = vaeseq_u8(block[i], aes->round_key[rounds - 1]);
}

#endif
