/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-GCM with AES and PMULL alone, and the parts of it that are done once for a key or a packet.
 */
#include <arm_neon.h>

static inline uint8x16_t xor3(uint8x16_t a, uint8x16_t b, uint8x16_t c)
{
	return veorq_u8(a, veorq_u8(b, c));
}

#include "crypto-backends/armv8/gcm_kernel.h"
#include "crypto-backends/spans.h"

DEFINE_KERNEL(haw_armv8_gcm_seal, seal_blocks)
DEFINE_KERNEL(haw_armv8_gcm_open, open_blocks)

void haw_armv8_ghash_init(struct haw_armv8_ghash *ghash, const struct haw_armv8_aes *aes)
{
	uint8x16_t power = vrbitq_u8(haw_armv8_aes_block(aes, vdupq_n_u8(0)));

	for (unsigned i = 0; i < HAW_ARMV8_POWERS; i++) {
		if (i > 0)
			power = ghash_block(ghash, power);
		ghash->power[i] = power;
		ghash->folded[i] = fold(power);
	}
}

/* SP 800-38D §7.1: J0 is the nonce and a one; it masks the tag, and the text starts with the block behind. */
void haw_armv8_gcm_start(const struct haw_armv8_aes *aes, struct haw_armv8_gcm_state *state,
			 const uint8_t nonce[12], uint8x16_t *mask)
{
	uint8_t first[16] = {0};

	memcpy(first, nonce, 12);
	first[15] = 1;
	*mask = haw_armv8_aes_block(aes, vld1q_u8(first));
	first[15] = 2;
	state->counter = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(first)));
	state->hash = vdupq_n_u8(0);
}

void haw_armv8_gcm_hash(const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			const uint8_t block[16])
{
	state->hash = ghash_block(ghash, veorq_u8(state->hash, vrbitq_u8(vld1q_u8(block))));
}

void haw_armv8_gcm_finish(const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			  uint64_t aad_len, uint64_t len, uint8x16_t mask, uint8_t tag[16])
{
	uint8_t lengths[16];

	haw_store_be64(lengths, 8 * aad_len);
	haw_store_be64(lengths + 8, 8 * len);
	haw_armv8_gcm_hash(ghash, state, lengths);
	vst1q_u8(tag, veorq_u8(vrbitq_u8(state->hash), mask));
}
