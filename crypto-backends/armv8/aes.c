/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/armv8/aes.h"

#include <openssl/crypto.h>
#include <string.h>

/* SubWord of FIPS 197 §5.2, in constant time. In a state of four equal columns each row is constant, so
 * the ShiftRows of AESE changes nothing. */
static uint32_t sub_word(uint32_t word)
{
	uint8x16_t state = vreinterpretq_u8_u32(vdupq_n_u32(word));

	return vgetq_lane_u32(vreinterpretq_u32_u8(vaeseq_u8(state, vdupq_n_u8(0))), 0);
}

/* FIPS 197 §5.2. Words are loaded as little-endian numbers, so RotWord turns right. */
void haw_armv8_aes_init(struct haw_armv8_aes *aes, const uint8_t *key, size_t key_size)
{
	size_t words = key_size / 4, all;
	uint32_t w[60], constant = 1;

	aes->rounds = (unsigned)words + 6;
	all = 4 * ((size_t)aes->rounds + 1);
	memcpy(w, key, key_size);
	for (size_t i = words; i < all; i++) {
		uint32_t word = w[i - 1];

		if (i % words == 0) {
			word = sub_word(word >> 8 | word << 24) ^ constant;
			constant = constant << 1 ^ (constant >> 7) * 0x11b;
		} else if (words > 6 && i % words == 4) {
			word = sub_word(word);
		}
		w[i] = w[i - words] ^ word;
	}
	memcpy(aes->round_key, w, 4 * all);
	OPENSSL_cleanse(w, sizeof(w));
}

uint8x16_t haw_armv8_aes_block(const struct haw_armv8_aes *aes, uint8x16_t block)
{
	aes_rounds(aes, aes->rounds, &block, 1);
	return veorq_u8(block, aes->round_key[aes->rounds]);
}
