/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/ipsecmb/first_blocks.h"

#include <openssl/crypto.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f")))

enum { LANES = HAW_FIRST_BLOCKS, WORDS = 16, KEY_WORDS = 8 };

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

/* RFC 8439 §2.1. */
#define ROTATE(v, n) ((v) << (n) | (v) >> (32 - (n)))
#define QUARTER_ROUND(a, b, c, d)      \
	do {                           \
		a += b;                \
		d = ROTATE(d ^ a, 16); \
		c += d;                \
		b = ROTATE(b ^ c, 12); \
		a += b;                \
		d = ROTATE(d ^ a, 8);  \
		c += d;                \
		b = ROTATE(b ^ c, 7);  \
	} while (0)

AVX512 static void permute(lanes x[WORDS])
{
	for (int round = 0; round < 20; round += 2) {
		QUARTER_ROUND(x[0], x[4], x[8], x[12]);
		QUARTER_ROUND(x[1], x[5], x[9], x[13]);
		QUARTER_ROUND(x[2], x[6], x[10], x[14]);
		QUARTER_ROUND(x[3], x[7], x[11], x[15]);
		QUARTER_ROUND(x[0], x[5], x[10], x[15]);
		QUARTER_ROUND(x[1], x[6], x[11], x[12]);
		QUARTER_ROUND(x[2], x[7], x[8], x[13]);
		QUARTER_ROUND(x[3], x[4], x[9], x[14]);
	}
}

/* Words in memory are little-endian, as the processors that have AVX-512 are. */
AVX512 void haw_first_blocks(const struct haw_first_block *blocks, size_t count)
{
	static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	_Alignas(64) uint32_t words[WORDS][LANES];
	lanes x[WORDS];

	memset(words, 0, sizeof(words));
	for (size_t lane = 0; lane < count; lane++) {
		uint32_t key[KEY_WORDS];

		memcpy(key, blocks[lane].key, sizeof(key));
		for (int i = 0; i < KEY_WORDS; i++)
			words[4 + i][lane] = key[i];
		/* Words 12 to 14 are the counter, which is 0, and the upper half of the nonce. */
		words[15][lane] = __builtin_bswap32(blocks[lane].seq);
		OPENSSL_cleanse(key, sizeof(key));
	}
	for (int i = 0; i < 4; i++)
		for (size_t lane = 0; lane < LANES; lane++)
			words[i][lane] = constants[i];
	memcpy(x, words, sizeof(x));
	permute(x);
	for (int i = 0; i < HAW_FIRST_BYTES / 4; i++) {
		lanes sum;

		memcpy(&sum, words[i], sizeof(sum));
		sum += x[i];
		memcpy(words[i], &sum, sizeof(sum));
	}
	for (size_t lane = 0; lane < count; lane++) {
		uint32_t out[HAW_FIRST_BYTES / 4];

		for (int i = 0; i < HAW_FIRST_BYTES / 4; i++)
			out[i] = words[i][lane];
		memcpy(blocks[lane].out, out, sizeof(out));
	}
	OPENSSL_cleanse(words, sizeof(words));
}
