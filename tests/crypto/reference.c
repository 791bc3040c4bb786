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

/* A block at a time; the schedule is kept between calls by CTX. */
static EVP_CIPHER_CTX *block_new(const EVP_CIPHER *cipher, const uint8_t *key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx || !EVP_EncryptInit_ex(ctx, cipher, NULL, key, NULL))
		abort();
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	return ctx;
}

static EVP_CIPHER_CTX *aes_new(const uint8_t *key, size_t key_size)
{
	return block_new(key_size == 16   ? EVP_aes_128_ecb()
			 : key_size == 24 ? EVP_aes_192_ecb()
					  : EVP_aes_256_ecb(),
			 key);
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

void reference_cbc(const uint8_t *key, size_t key_size, size_t block, const uint8_t *iv, const uint8_t *in,
		   uint8_t *out, size_t len)
{
	EVP_CIPHER_CTX *ctx = block == 8 ? block_new(EVP_des_ede3_ecb(), key) : aes_new(key, key_size);
	uint8_t chain[16];
	int n;

	memcpy(chain, iv, block);
	for (size_t at = 0; at < len; at += block) {
		for (size_t i = 0; i < block; i++)
			chain[i] ^= in[at + i];
		if (!EVP_EncryptUpdate(ctx, chain, &n, chain, (int)block) || n != (int)block)
			abort();
		memcpy(out + at, chain, block);
	}
	EVP_CIPHER_CTX_free(ctx);
}

/* ---- UMAC, in the words of RFC 4418 ---- */

/* §3.2.1 */
static void umac_kdf(const uint8_t key[16], uint64_t index, uint8_t *out, size_t len)
{
	EVP_CIPHER_CTX *ctx = aes_new(key, 16);
	uint8_t block[16];

	for (size_t at = 0; at < len; at += 16) {
		store_be(block, index, 8);
		store_be(block + 8, at / 16 + 1, 8);
		aes_block(ctx, block, block);
		memcpy(out + at, block, len - at < 16 ? len - at : 16);
	}
	EVP_CIPHER_CTX_free(ctx);
}

/* §3.3.1 */
static void umac_pdf(const uint8_t key[16], const uint8_t nonce[8], size_t tag_size, uint8_t *pad)
{
	uint8_t pad_key[16], block[16] = {0};
	size_t index = nonce[7] % (16 / tag_size);
	EVP_CIPHER_CTX *ctx;

	umac_kdf(key, 0, pad_key, 16);
	memcpy(block, nonce, 8);
	block[7] -= (uint8_t)index;
	ctx = aes_new(pad_key, 16);
	aes_block(ctx, block, block);
	EVP_CIPHER_CTX_free(ctx);
	memcpy(pad, block + index * tag_size, tag_size);
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* §5.2: the hash of one chunk of at most 1024 bytes. */
static uint64_t umac_l1(const uint8_t *key, const uint8_t *data, size_t len)
{
	uint8_t chunk[1024] = {0};
	size_t padded = len == 0 ? 32 : (len + 31) / 32 * 32;
	uint64_t y = 0;

	if (len > 0)
		memcpy(chunk, data, len);
	for (size_t at = 0; at < padded; at += 32)
		for (size_t i = at; i < at + 16; i += 4)
			y += (uint64_t)(uint32_t)(load_le32(chunk + i) + load_be32(key + i)) *
			     (uint32_t)(load_le32(chunk + i + 16) + load_be32(key + i + 16));
	return y + 8 * (uint64_t)len;
}

/* §5.3, of words that are below 2^64, and of at most 2^14 of them: POLY with a prime of 64 bits. */
struct umac_poly {
	BIGNUM *key, *y, *prime;
	BN_CTX *ctx;
};

static void poly_word(struct umac_poly *p, uint64_t word)
{
	uint8_t bytes[8];
	BIGNUM *m;

	if (word >= UINT64_C(0xffffffff00000000)) {
		/* The marker is prime - 1. */
		BN_mod_mul(p->y, p->y, p->key, p->prime, p->ctx);
		BN_mod_sub(p->y, p->y, BN_value_one(), p->prime, p->ctx);
		word -= 59;
	}
	store_be(bytes, word, 8);
	m = BN_bin2bn(bytes, 8, NULL);
	BN_mod_mul(p->y, p->y, p->key, p->prime, p->ctx);
	BN_mod_add(p->y, p->y, m, p->prime, p->ctx);
	BN_free(m);
}

static void umac_l2(const uint8_t *key, const uint8_t *l1_key, const uint8_t *data, size_t len,
		    uint8_t out[16])
{
	struct umac_poly p = {.y = BN_new(), .prime = NULL, .ctx = BN_CTX_new()};
	uint8_t masked[8];

	for (int i = 0; i < 8; i++)
		masked[i] = key[i] & (i % 4 == 0 ? 0x01 : 0xff);
	p.key = BN_bin2bn(masked, 8, NULL);
	BN_hex2bn(&p.prime, "ffffffffffffffc5");
	BN_one(p.y);
	for (size_t at = 0; at < len; at += 1024)
		poly_word(&p, umac_l1(l1_key, data + at, len - at < 1024 ? len - at : 1024));
	BN_bn2binpad(p.y, out, 16);
	BN_free(p.key);
	BN_free(p.y);
	BN_free(p.prime);
	BN_CTX_free(p.ctx);
}

/* §5.4 */
static uint32_t umac_l3(const uint8_t *key1, const uint8_t *key2, const uint8_t in[16])
{
	const uint64_t prime = (UINT64_C(1) << 36) - 5;
	uint64_t y = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t k = ((uint64_t)load_be32(key1 + 8 * i) << 32 | load_be32(key1 + 8 * i + 4)) % prime;

		y = (y + (uint64_t)(in[2 * i] << 8 | in[2 * i + 1]) * k) % prime;
	}
	return (uint32_t)y ^ load_be32(key2);
}

void reference_umac(const uint8_t key[16], const uint8_t nonce[8], const uint8_t *data, size_t len,
		    size_t tag_size, uint8_t *tag)
{
	uint8_t l1[1024 + 48], l2[96], l3_1[256], l3_2[16], pad[16];

	umac_kdf(key, 1, l1, sizeof(l1));
	umac_kdf(key, 2, l2, sizeof(l2));
	umac_kdf(key, 3, l3_1, sizeof(l3_1));
	umac_kdf(key, 4, l3_2, sizeof(l3_2));
	umac_pdf(key, nonce, tag_size, pad);
	for (size_t i = 0; i < tag_size / 4; i++) {
		uint8_t value[16] = {0};

		if (len <= 1024)
			store_be(value + 8, umac_l1(l1 + 16 * i, data, len), 8);
		else
			umac_l2(l2 + 24 * i, l1 + 16 * i, data, len, value);
		store_be(tag + 4 * i, umac_l3(l3_1 + 64 * i, l3_2 + 4 * i, value) ^ load_be32(pad + 4 * i),
			 4);
	}
}

/* ---- Packets with a MAC beside the cipher ---- */

static void encipher(const haw_suite *suite, const haw_keys *keys, uint64_t block, const uint8_t *in,
		     uint8_t *out, size_t len)
{
	uint8_t counter[16];

	if (strstr(suite->cipher, "-cbc")) {
		reference_cbc(keys->key, suite->key_size, suite->block_size, keys->iv, in, out, len);
		return;
	}
	memcpy(counter, keys->iv, 16);
	add(counter, block);
	reference_aes_ctr(keys->key, suite->key_size, counter, in, out, len);
}

static void authenticate(const haw_suite *suite, const haw_keys *keys, uint32_t seq, const uint8_t *data,
			 size_t len, uint8_t *tag)
{
	const EVP_MD *digest = strstr(suite->mac, "sha2-256")   ? EVP_sha256()
			       : strstr(suite->mac, "sha2-512") ? EVP_sha512()
								: EVP_sha1();
	uint8_t nonce[8], *hashed;

	if (strstr(suite->mac, "umac-")) {
		store_be(nonce, seq, 8);
		reference_umac(keys->mac_key, nonce, data, len, strstr(suite->mac, "128") ? 16 : 8, tag);
		return;
	}
	hashed = malloc(4 + len);
	store_be(hashed, seq, 4);
	memcpy(hashed + 4, data, len);
	HMAC(digest, keys->mac_key, suite->mac_key_size, hashed, 4 + len, tag, NULL);
	free(hashed);
}

static void seal_with_mac(const haw_suite *suite, const haw_keys *keys, uint32_t seq, uint64_t block,
			  const uint8_t *packet, uint32_t length, uint8_t *wire)
{
	bool etm = strstr(suite->mac, "-etm@") != NULL;
	size_t clear = etm ? 4 : 0, total = 4 + (size_t)length;

	memcpy(wire, packet, clear);
	encipher(suite, keys, block, packet + clear, wire + clear, total - clear);
	authenticate(suite, keys, seq, etm ? wire : packet, total, wire + total);
}

void reference_seal(const haw_suite *suite, const haw_keys *keys, uint32_t seq, uint64_t number,
		    uint64_t block, const uint8_t *packet, uint32_t length, uint8_t *wire)
{
	if (strstr(suite->cipher, "chacha20"))
		seal_chacha(keys, seq, packet, length, wire);
	else if (!suite->mac)
		seal_gcm(suite, keys, number, packet, length, wire);
	else
		seal_with_mac(suite, keys, seq, block, packet, length, wire);
}
