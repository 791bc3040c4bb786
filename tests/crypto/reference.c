/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static uint32_t load_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_be(uint8_t *p, uint64_t value, int size)
{
	while (size-- > 0) {
		p[size] = (uint8_t)value;
		value >>= 8;
	}
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
	static const int turns[4] = {16, 12, 8, 7};

	for (int i = 0; i < 4; i += 2) {
		x[a] += x[b];
		x[d] ^= x[a];
		x[d] = x[d] << turns[i] | x[d] >> (32 - turns[i]);
		x[c] += x[d];
		x[b] ^= x[c];
		x[b] = x[b] << turns[i + 1] | x[b] >> (32 - turns[i + 1]);
	}
}

/* Bernstein's original: 64-bit counter, 64-bit nonce. */
static void chacha_block(const uint8_t key[32], uint64_t counter, const uint8_t nonce[8], uint8_t out[64])
{
	uint32_t s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

	for (int i = 0; i < 8; i++)
		s[4 + i] = load_le32(key + 4 * i);
	s[12] = (uint32_t)counter;
	s[13] = (uint32_t)(counter >> 32);
	s[14] = load_le32(nonce);
	s[15] = load_le32(nonce + 4);
	memcpy(x, s, sizeof(x));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			quarter(x, i, 4 + i, 8 + i, 12 + i);
		for (int i = 0; i < 4; i++)
			quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 4; j++)
			out[4 * i + j] = (uint8_t)((x[i] + s[i]) >> (8 * j));
}

void reference_chacha20(const uint8_t key[32], uint64_t counter, const uint8_t nonce[8], const uint8_t *in,
			uint8_t *out, size_t len)
{
	uint8_t stream[64];

	for (size_t i = 0; i < len; i++) {
		if (i % 64 == 0)
			chacha_block(key, counter++, nonce, stream);
		out[i] = in[i] ^ stream[i % 64];
	}
}

static BIGNUM *from_le(const uint8_t *p, int len)
{
	return BN_lebin2bn(p, len, NULL);
}

/* RFC 8439 §2.5, in the integers. */
void reference_poly1305(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t tag[16])
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *acc = BN_new(), *prime = NULL, *r, *s = from_le(key + 16, 16);
	uint8_t clamped[16];

	memcpy(clamped, key, 16);
	for (int i = 3; i < 16; i += 4)
		clamped[i] &= 15;
	for (int i = 4; i < 16; i += 4)
		clamped[i] &= 252;
	r = from_le(clamped, 16);
	BN_hex2bn(&prime, "3fffffffffffffffffffffffffffffffb");
	BN_zero(acc);
	while (len > 0) {
		uint8_t block[17];
		size_t n = len < 16 ? len : 16;
		BIGNUM *b;

		memcpy(block, data, n);
		block[n] = 1;
		b = from_le(block, (int)n + 1);
		BN_add(acc, acc, b);
		BN_mod_mul(acc, acc, r, prime, ctx);
		BN_free(b);
		data += n;
		len -= n;
	}
	BN_add(acc, acc, s);
	BN_mask_bits(acc, 128);
	BN_bn2lebinpad(acc, tag, 16);
	BN_free(acc);
	BN_free(prime);
	BN_free(r);
	BN_free(s);
	BN_CTX_free(ctx);
}

/* An AES block at a time; the schedule is kept between calls by CTX. */
static EVP_CIPHER_CTX *aes_new(const uint8_t *key, size_t key_size)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = key_size == 16   ? EVP_aes_128_ecb()
				   : key_size == 24 ? EVP_aes_192_ecb()
						    : EVP_aes_256_ecb();

	if (!ctx || !EVP_EncryptInit_ex(ctx, cipher, NULL, key, NULL))
		abort();
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	return ctx;
}

static void aes_block(EVP_CIPHER_CTX *ctx, const uint8_t in[16], uint8_t out[16])
{
	int n;

	if (!EVP_EncryptUpdate(ctx, out, &n, in, 16) || n != 16)
		abort();
}

/* Add one to the last SIZE bytes of a block. */
static void increment(uint8_t block[16], int size)
{
	for (int i = 15; i >= 16 - size; i--)
		if (++block[i] != 0)
			break;
}

/* Add N to a block that is a number of 128 bits. */
static void add(uint8_t block[16], uint64_t n)
{
	unsigned carry = 0;

	for (int i = 15; i >= 0; i--) {
		unsigned sum = block[i] + (unsigned)(n & 0xff) + carry;

		block[i] = (uint8_t)sum;
		carry = sum >> 8;
		n >>= 8;
	}
}

static void counter_mode(EVP_CIPHER_CTX *ctx, uint8_t counter[16], int wrap, const uint8_t *in, uint8_t *out,
			 size_t len)
{
	uint8_t stream[16];

	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0) {
			aes_block(ctx, counter, stream);
			increment(counter, wrap);
		}
		out[i] = in[i] ^ stream[i % 16];
	}
}

void reference_aes_ctr(const uint8_t *key, size_t key_size, const uint8_t counter[16], const uint8_t *in,
		       uint8_t *out, size_t len)
{
	EVP_CIPHER_CTX *ctx = aes_new(key, key_size);
	uint8_t block[16];

	memcpy(block, counter, 16);
	counter_mode(ctx, block, 16, in, out, len);
	EVP_CIPHER_CTX_free(ctx);
}

/* SP 800-38D §6.3: multiply in GF(2^128), bit by bit. */
static void multiply(uint8_t x[16], const uint8_t h[16])
{
	uint8_t z[16] = {0}, v[16];

	memcpy(v, h, 16);
	for (int i = 0; i < 128; i++) {
		bool carry = v[15] & 1;

		if (x[i / 8] >> (7 - i % 8) & 1)
			for (int j = 0; j < 16; j++)
				z[j] ^= v[j];
		for (int j = 15; j > 0; j--)
			v[j] = (uint8_t)(v[j] >> 1 | v[j - 1] << 7);
		v[0] >>= 1;
		if (carry)
			v[0] ^= 0xe1;
	}
	memcpy(x, z, 16);
}

static void ghash(uint8_t y[16], const uint8_t h[16], const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		y[i % 16] ^= data[i];
		if (i % 16 == 15 || i + 1 == len)
			multiply(y, h);
	}
}

void reference_aes_gcm(const uint8_t *key, size_t key_size, const uint8_t iv[12], const uint8_t *aad,
		       size_t aad_len, const uint8_t *in, uint8_t *out, size_t len, uint8_t tag[16])
{
	EVP_CIPHER_CTX *ctx = aes_new(key, key_size);
	uint8_t h[16] = {0}, y[16] = {0}, first[16] = {0}, counter[16], lengths[16], mask[16];

	aes_block(ctx, h, h);
	memcpy(first, iv, 12);
	first[15] = 1;
	memcpy(counter, first, 16);
	increment(counter, 4);
	counter_mode(ctx, counter, 4, in, out, len);
	ghash(y, h, aad, aad_len);
	ghash(y, h, out, len);
	store_be(lengths, aad_len * 8, 8);
	store_be(lengths + 8, len * 8, 8);
	ghash(y, h, lengths, 16);
	aes_block(ctx, first, mask);
	for (int i = 0; i < 16; i++)
		tag[i] = y[i] ^ mask[i];
	EVP_CIPHER_CTX_free(ctx);
}

static void seal_chacha(const haw_keys *keys, uint32_t seq, const uint8_t *packet, uint32_t length,
			uint8_t *wire)
{
	uint8_t nonce[8], poly_key[32] = {0};

	store_be(nonce, seq, 8);
	reference_chacha20(keys->key + 32, 0, nonce, packet, wire, 4);
	reference_chacha20(keys->key, 1, nonce, packet + 4, wire + 4, length);
	reference_chacha20(keys->key, 0, nonce, poly_key, poly_key, 32);
	reference_poly1305(poly_key, wire, 4 + (size_t)length, wire + 4 + length);
}

static void seal_gcm(const haw_suite *suite, const haw_keys *keys, uint64_t number, const uint8_t *packet,
		     uint32_t length, uint8_t *wire)
{
	uint8_t iv[12];
	uint64_t counter = 0;

	memcpy(iv, keys->iv, 12);
	for (int i = 4; i < 12; i++)
		counter = counter << 8 | iv[i];
	store_be(iv + 4, counter + number, 8);
	memcpy(wire, packet, 4);
	reference_aes_gcm(keys->key, suite->key_size, iv, packet, 4, packet + 4, wire + 4, length,
			  wire + 4 + length);
}

static void seal_ctr(const haw_suite *suite, const haw_keys *keys, uint32_t seq, uint64_t block,
		     const uint8_t *packet, uint32_t length, uint8_t *wire)
{
	const EVP_MD *digest = strstr(suite->mac, "sha2-256")   ? EVP_sha256()
			       : strstr(suite->mac, "sha2-512") ? EVP_sha512()
								: EVP_sha1();
	bool etm = strstr(suite->mac, "-etm@") != NULL;
	size_t clear = etm ? 4 : 0, total = 4 + (size_t)length;
	uint8_t counter[16], *hashed = malloc(4 + total);

	memcpy(counter, keys->iv, 16);
	add(counter, block);
	memcpy(wire, packet, clear);
	reference_aes_ctr(keys->key, suite->key_size, counter, packet + clear, wire + clear, total - clear);
	store_be(hashed, seq, 4);
	memcpy(hashed + 4, etm ? wire : packet, total);
	HMAC(digest, keys->mac_key, suite->mac_key_size, hashed, 4 + total, wire + total, NULL);
	free(hashed);
}

void reference_seal(const haw_suite *suite, const haw_keys *keys, uint32_t seq, uint64_t number,
		    uint64_t block, const uint8_t *packet, uint32_t length, uint8_t *wire)
{
	if (strstr(suite->cipher, "chacha20"))
		seal_chacha(keys, seq, packet, length, wire);
	else if (strstr(suite->cipher, "-gcm@"))
		seal_gcm(suite, keys, number, packet, length, wire);
	else
		seal_ctr(suite, keys, seq, block, packet, length, wire);
}
