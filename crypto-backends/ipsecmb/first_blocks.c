/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/ipsecmb/first_blocks.h"

#include <openssl/crypto.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f")))

enum { GROUP = HAW_SECRETS_GROUP, LANES = 2 * GROUP, WORDS = 16, KEY_WORDS = 8 };

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

AVX512 static inline void permute(lanes x[WORDS])
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

static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

/* Words in memory are little-endian, as the processors that have AVX-512 are. The first half of the lanes has
 * the packet's key. */
AVX512 void haw_packet_secrets_make(const uint8_t keys[2 * HAW_CHACHA_KEY], uint32_t seq,
				    struct haw_packet_secrets secrets[GROUP])
{
	uint32_t key[2][KEY_WORDS];
	_Alignas(64) uint32_t words[KEY_WORDS][LANES];
	lanes x[WORDS], from[KEY_WORDS];

	memcpy(key, keys, sizeof(key));
	for (int i = 0; i < KEY_WORDS; i++)
		for (int lane = 0; lane < LANES; lane++)
			words[i][lane] = key[lane / GROUP][i];
	memcpy(x + 4, words, sizeof(words));
	for (int i = 0; i < 4; i++)
		x[i] = (lanes){0} + constants[i];
	/* Words 12 to 14 are the counter, which is 0, and the upper half of the nonce. */
	for (int lane = 0; lane < LANES; lane++)
		words[0][lane] = __builtin_bswap32(seq + (uint32_t)lane % GROUP);
	x[12] = x[13] = x[14] = (lanes){0};
	memcpy(&x[15], words[0], sizeof(x[15]));
	memcpy(from, x, sizeof(from));
	permute(x);
	for (int i = 0; i < KEY_WORDS; i++)
		from[i] += x[i];
	memcpy(words, from, sizeof(words));
	for (int n = 0; n < GROUP; n++) {
		uint32_t mac_key[KEY_WORDS];

		for (int i = 0; i < KEY_WORDS; i++)
			mac_key[i] = words[i][n];
		memcpy(secrets[n].mac_key, mac_key, sizeof(mac_key));
		memcpy(secrets[n].length_stream, &words[0][GROUP + n], 4);
	}
	OPENSSL_cleanse(words, sizeof(words));
	OPENSSL_cleanse(key, sizeof(key));
}

AVX512 void haw_tails_make(const uint8_t key[HAW_CHACHA_KEY], struct haw_tail *tails, unsigned count)
{
	_Alignas(64) uint32_t words[WORDS][LANES] = {{0}};
	uint32_t key_words[KEY_WORDS];
	lanes x[WORDS], from[WORDS];

	memcpy(key_words, key, sizeof(key_words));
	for (unsigned n = 0; n < count; n++) {
		words[12][n] = tails[n].counter;
		words[15][n] = __builtin_bswap32(tails[n].seq);
	}
	memcpy(from, words, sizeof(from));
	for (int i = 0; i < 4; i++)
		from[i] = (lanes){0} + constants[i];
	for (int i = 0; i < KEY_WORDS; i++)
		from[4 + i] = (lanes){0} + key_words[i];
	memcpy(x, from, sizeof(x));
	permute(x);
	for (int i = 0; i < WORDS; i++)
		x[i] += from[i];
	memcpy(words, x, sizeof(words));
	for (unsigned n = 0; n < count; n++) {
		uint32_t stream[WORDS];

		for (int i = 0; i < WORDS; i++)
			stream[i] = words[i][n];
		memcpy(tails[n].stream, stream, sizeof(stream));
	}
	OPENSSL_cleanse(words, sizeof(words));
	OPENSSL_cleanse(key_words, sizeof(key_words));
}
