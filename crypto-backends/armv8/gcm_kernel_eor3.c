/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-GCM with EOR3 of the SHA3 extension: sums of products, and key stream, last key and text, take one
 * instruction where there were two.
 */
#include <arm_neon.h>

static inline uint8x16_t xor3(uint8x16_t a, uint8x16_t b, uint8x16_t c)
{
	return veor3q_u8(a, b, c);
}

#include "crypto-backends/armv8/gcm_kernel.h"

DEFINE_KERNEL(haw_armv8_gcm_seal_eor3, seal_blocks)
DEFINE_KERNEL(haw_armv8_gcm_open_eor3, open_blocks)
