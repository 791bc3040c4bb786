/* SPDX-License-Identifier: Apache-2.0
 *
 * UMAC's three layers (RFC 4418 §5) over messages of packet size, its keys and its pads (§3, §4).
 */
#include "crypto-backends/openssl/umac.h"

#include <openssl/crypto.h>
#include <string.h>

#include "crypto-backends/spans.h"

#define PRIME_36 UINT64_C(0x0000000ffffffffb)
#define PRIME_64 UINT64_C(0xffffffffffffffc5)
enum { OFFSET_64 = 59 }; /* 2^64 - PRIME_64 */

/* ---- Keys ---- */

/* RFC 4418 §3.2.1 */
static bool derive(EVP_CIPHER_CTX *aes, uint8_t index, uint8_t *out, size_t len)
{
	for (uint8_t i = 1; len > 0; i++) {
		uint8_t block[16] = {[7] = index, [15] = i};
		size_t n = len < sizeof(block) ? len : sizeof(block);
		int written;

		if (!EVP_EncryptUpdate(aes, block, &written, block, sizeof(block)))
			return false;
		memcpy(out, block, n);
		OPENSSL_cleanse(block, sizeof(block));
		out += n;
		len -= n;
	}
	return true;
}

static void set_nh_key(struct haw_nh_key *k, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len / 4; i++) {
		uint32_t word = haw_fetch_be32(bytes + 4 * i);
		size_t piece = i / 4;

		if (piece % 2 == 0)
			k->even[piece / 2][i % 4] = word;
		else
			k->odd[piece / 2][i % 4] = word;
	}
}

static void set_stream_keys(struct haw_umac *u, const uint8_t *second, const uint8_t *inner,
			    const uint8_t *outer)
{
	for (unsigned s = 0; s < u->streams; s++) {
		/* RFC 4418 §5.3: keys that make products of 64 bits easy to reduce. */
		u->poly_key[s] = haw_fetch_be64(second + 24 * s) & UINT64_C(0x01ffffff01ffffff);
		/* §5.4: the first four meet the zeroes of a value below 2^64 only. */
		for (int i = 0; i < 4; i++)
			u->inner_key[s][i] = haw_fetch_be64(inner + 64 * s + 32 + 8 * i) % PRIME_36;
		u->outer_key[s] = haw_fetch_be32(outer + 4 * s);
	}
}

static bool set_keys(struct haw_umac *u)
{
	uint8_t first[HAW_UMAC_CHUNK + 16 * (HAW_UMAC_STREAMS - 1)], second[24 * HAW_UMAC_STREAMS],
		inner[64 * HAW_UMAC_STREAMS], outer[4 * HAW_UMAC_STREAMS], pad_key[16];
	size_t first_len = HAW_UMAC_CHUNK + 16 * (u->streams - 1);
	bool ok = derive(u->aes, 0, pad_key, sizeof(pad_key)) && derive(u->aes, 1, first, first_len) &&
		  derive(u->aes, 2, second, 24 * u->streams) && derive(u->aes, 3, inner, 64 * u->streams) &&
		  derive(u->aes, 4, outer, 4 * u->streams);

	if (ok) {
		set_nh_key(&u->nh, first, first_len);
		set_stream_keys(u, second, inner, outer);
		ok = EVP_EncryptInit_ex2(u->aes, NULL, pad_key, NULL, NULL);
	}
	OPENSSL_cleanse(first, sizeof(first));
	OPENSSL_cleanse(second, sizeof(second));
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
	OPENSSL_cleanse(pad_key, sizeof(pad_key));
	return ok;
}

bool haw_umac_init(struct haw_umac *u, const EVP_CIPHER *cipher, const uint8_t key[HAW_UMAC_KEY], size_t size)
{
	memset(u, 0, sizeof(*u));
	u->size = size;
	u->streams = (unsigned)size / 4;
	u->pads_of = UINT64_MAX;
	u->aes = EVP_CIPHER_CTX_new();
	return u->aes && EVP_EncryptInit_ex2(u->aes, cipher, key, NULL, NULL) &&
	       EVP_CIPHER_CTX_set_padding(u->aes, 0) && set_keys(u);
}

void haw_umac_free(struct haw_umac *u)
{
	EVP_CIPHER_CTX_free(u->aes);
	OPENSSL_cleanse(u, sizeof(*u));
}

/* ---- The second layer: a polynomial modulo 2^64 - 59 (RFC 4418 §5.3) ---- */

/* X + Y modulo PRIME_64, not always below it. Y is below 2^64 - 59. */
static uint64_t add(uint64_t x, uint64_t y)
{
	uint64_t sum = x + y;

	return sum + (OFFSET_64 & -(uint64_t)(sum < y));
}

/* KEY, below 2^57, times Y: the same. */
static uint64_t multiply(uint64_t key, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128)key * y;
	uint64_t low = (uint64_t)product, high = (uint64_t)(product >> 64) * OFFSET_64;

	return add(low, high);
}

/* Words from 2^64 - 2^32 on take two steps; which of both it was must not show in the time. */
static uint64_t poly_step(uint64_t key, uint64_t y, uint64_t word)
{
	uint64_t product = multiply(key, y), large = -(uint64_t)((word >> 32) == UINT32_MAX);
	uint64_t one = add(product, word & ~large);
	uint64_t two = add(multiply(key, add(product, PRIME_64 - 1)), (word - OFFSET_64) & large);

	return (two & large) | (one & ~large);
}

/* ---- The third (RFC 4418 §5.4) ---- */

static uint32_t third_layer(const uint64_t key[4], uint32_t outer, uint64_t value)
{
	uint64_t sum = 0, over;

	for (int i = 0; i < 4; i++)
		sum += (value >> (48 - 16 * i) & 0xffff) * key[i];
	/* The sum is below 2^54: 2^36 is 5. */
	sum = (sum & ((UINT64_C(1) << 36) - 1)) + 5 * (sum >> 36);
	over = sum - PRIME_36;
	sum = over + (PRIME_36 & -(over >> 63));
	return (uint32_t)sum ^ outer;
}

/* ---- Messages ---- */

static void take_chunk(struct haw_umac *u, const uint8_t *data, size_t len, size_t bytes)
{
	haw_nh(&u->nh, u->streams, data, len, u->last);
	for (unsigned s = 0; s < u->streams; s++) {
		u->last[s] += 8 * (uint64_t)bytes;
		u->poly[s] = poly_step(u->poly_key[s], u->poly[s], u->last[s]);
	}
	u->chunks++;
}

void haw_umac_start(struct haw_umac *u, uint32_t seq)
{
	u->seq = seq;
	u->chunks = 0;
	u->held = 0;
	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		u->poly[s] = 1;
}

void haw_umac_update(struct haw_umac *u, const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t n = HAW_UMAC_CHUNK - u->held;

		n = n < len ? n : len;
		if (n == HAW_UMAC_CHUNK) {
			take_chunk(u, data, n, n);
		} else {
			memcpy(u->buffer + u->held, data, n);
			u->held += n;
		}
		if (u->held == HAW_UMAC_CHUNK) {
			take_chunk(u, u->buffer, HAW_UMAC_CHUNK, HAW_UMAC_CHUNK);
			u->held = 0;
		}
		data += n;
		len -= n;
	}
}

/* RFC 4418 §5.2: the last chunk, and an empty message, are filled with zeroes. */
static void take_rest(struct haw_umac *u)
{
	size_t len = (u->held + HAW_UMAC_UNIT - 1) / HAW_UMAC_UNIT * HAW_UMAC_UNIT;

	if (u->chunks > 0 && u->held == 0)
		return;
	len = len > 0 ? len : HAW_UMAC_UNIT;
	memset(u->buffer + u->held, 0, len - u->held);
	take_chunk(u, u->buffer, len, u->held);
}

/* RFC 4418 §4.1: AES of the nonce, two pads of 64 bits out of one block. Blocks for several packets are
 * made at once. */
static const uint8_t *pad_of(struct haw_umac *u)
{
	uint32_t halves = u->size == 8 ? 2 : 1, block = u->seq / halves;
	int n;

	if (block / HAW_UMAC_PADS != u->pads_of) {
		memset(u->pads, 0, sizeof(u->pads));
		for (uint32_t i = 0; i < HAW_UMAC_PADS; i++)
			haw_store_be32(u->pads[i] + 4, (block / HAW_UMAC_PADS * HAW_UMAC_PADS + i) * halves);
		u->pads_of = UINT64_MAX;
		if (!EVP_EncryptUpdate(u->aes, u->pads[0], &n, u->pads[0], sizeof(u->pads)))
			return NULL;
		u->pads_of = block / HAW_UMAC_PADS;
	}
	return u->pads[block % HAW_UMAC_PADS] + u->size * (u->seq % halves);
}

bool haw_umac_finish(struct haw_umac *u, uint8_t *tag)
{
	const uint8_t *pad = pad_of(u);

	if (!pad)
		return false;
	take_rest(u);
	for (unsigned s = 0; s < u->streams; s++) {
		uint64_t y = u->poly[s];

		y -= PRIME_64 & -(uint64_t)(y >= PRIME_64);
		/* RFC 4418 §5.1: what fits into one chunk skips the second layer. */
		y = u->chunks > 1 ? y : u->last[s];
		haw_store_be32(tag + 4 * s, third_layer(u->inner_key[s], u->outer_key[s], y) ^
						    haw_fetch_be32(pad + 4 * s));
	}
	return true;
}
