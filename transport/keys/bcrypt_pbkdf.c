/* SPDX-License-Identifier: Apache-2.0
 *
 * bcrypt_pbkdf: PBKDF2's outline with bcrypt's expensive key schedule as the pseudo-random
 * function. Blowfish itself is written out here, because OpenSSL keeps it in a legacy provider that
 * need not be installed, and because bcrypt needs its key schedule with a salt, which no library
 * interface offers.
 */
#include "transport/keys/bcrypt_pbkdf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "transport/keys/blowfish_pi.h"

enum {
	HASH_SIZE = 32, /* bytes out of one bcrypt */
	HASH_WORDS = HASH_SIZE / 4,
	DIGEST_SIZE = 64, /* SHA-512, of passphrase and salt */
	DIGEST_WORDS = DIGEST_SIZE / 4,
	EXPANSIONS = 64, /* bcrypt's cost of 6 */
	ENCRYPTIONS = 64,
	KEY_MAX = 1024
};

struct blowfish {
	uint32_t p[18];
	uint32_t s[4][256];
};

static uint32_t blowfish_f(const struct blowfish *b, uint32_t x)
{
	return ((b->s[0][x >> 24] + b->s[1][x >> 16 & 0xff]) ^ b->s[2][x >> 8 & 0xff]) + b->s[3][x & 0xff];
}

static void blowfish_encrypt(const struct blowfish *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left ^ b->p[0], r = *right;

	for (int i = 1; i < 17; i += 2) {
		r ^= blowfish_f(b, l) ^ b->p[i];
		l ^= blowfish_f(b, r) ^ b->p[i + 1];
	}
	*left = r ^ b->p[17];
	*right = l;
}

/* The key schedule: mix KEY into the P-array, then replace every word by the encryption of a chain
 * that SALT (NULL: zeroes) is mixed into. Both are DIGEST_WORDS long. */
static void blowfish_expand(struct blowfish *b, const uint32_t *key, const uint32_t *salt)
{
	uint32_t l = 0, r = 0;
	size_t at = 0;

	for (size_t i = 0; i < 18; i++)
		b->p[i] ^= key[i % DIGEST_WORDS];
	for (size_t i = 0; i < 18 + 4 * 256; i += 2) {
		uint32_t *to = i < 18 ? b->p + i : &b->s[(i - 18) / 256][(i - 18) % 256];

		if (salt) {
			l ^= salt[at % DIGEST_WORDS];
			r ^= salt[(at + 1) % DIGEST_WORDS];
			at += 2;
		}
		blowfish_encrypt(b, &l, &r);
		to[0] = l;
		to[1] = r;
	}
}

static void load_words(uint32_t *words, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++, bytes += 4)
		words[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
			   bytes[3];
}

/* One bcrypt of two digests. Its output words are little-endian, unlike everything before. */
static void bcrypt_hash(struct blowfish *b, const uint8_t *passphrase, const uint8_t *salt, uint8_t *out)
{
	static const uint8_t magic[HASH_SIZE + 1] = "OxychromaticBlowfishSwatDynamite";
	uint32_t key[DIGEST_WORDS], salt_words[DIGEST_WORDS], data[HASH_WORDS];

	load_words(key, passphrase, DIGEST_WORDS);
	load_words(salt_words, salt, DIGEST_WORDS);
	load_words(data, magic, HASH_WORDS);
	memcpy(b->p, haw_blowfish_pi, sizeof(b->p));
	memcpy(b->s, haw_blowfish_pi + 18, sizeof(b->s));
	blowfish_expand(b, key, salt_words);
	for (int i = 0; i < EXPANSIONS; i++) {
		blowfish_expand(b, salt_words, NULL);
		blowfish_expand(b, key, NULL);
	}
	for (int i = 0; i < HASH_WORDS; i += 2)
		for (int n = 0; n < ENCRYPTIONS; n++)
			blowfish_encrypt(b, &data[i], &data[i + 1]);
	for (int i = 0; i < HASH_WORDS; i++)
		for (int n = 0; n < 4; n++)
			out[4 * i + n] = (uint8_t)(data[i] >> 8 * n);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(salt_words, sizeof(salt_words));
	OPENSSL_cleanse(data, sizeof(data));
}

static bool sha512(const void *data, size_t len, uint8_t *out)
{
	return EVP_Digest(data, len, out, NULL, EVP_sha512(), NULL) == 1;
}

/* What one derivation works on; wiped as a whole. */
struct derivation {
	struct blowfish blowfish;
	uint8_t pass[DIGEST_SIZE], salt[DIGEST_SIZE];
	uint8_t last[HASH_SIZE], sum[HASH_SIZE];
	uint8_t counted_salt[HAW_BCRYPT_SALT_MAX + 4];
};

/* The COUNT-th block of output, as PBKDF2 makes it, into d->sum. */
static bool derive_block(struct derivation *d, const void *salt, size_t salt_len, uint32_t count,
			 unsigned int rounds)
{
	memcpy(d->counted_salt, salt, salt_len);
	for (int i = 0; i < 4; i++)
		d->counted_salt[salt_len + (size_t)i] = (uint8_t)(count >> (24 - 8 * i));
	if (!sha512(d->counted_salt, salt_len + 4, d->salt))
		return false;
	bcrypt_hash(&d->blowfish, d->pass, d->salt, d->last);
	memcpy(d->sum, d->last, HASH_SIZE);
	for (unsigned int round = 1; round < rounds; round++) {
		if (!sha512(d->last, HASH_SIZE, d->salt))
			return false;
		bcrypt_hash(&d->blowfish, d->pass, d->salt, d->last);
		for (int i = 0; i < HASH_SIZE; i++)
			d->sum[i] ^= d->last[i];
	}
	return true;
}

int haw_bcrypt_pbkdf(const void *passphrase, size_t passphrase_len, const void *salt, size_t salt_len,
		     unsigned int rounds, uint8_t *out, size_t out_len, haw_error *err)
{
	size_t stride = (out_len + HASH_SIZE - 1) / HASH_SIZE;
	struct derivation *d;
	bool ok;

	if (passphrase_len == 0 || salt_len == 0 || salt_len > HAW_BCRYPT_SALT_MAX || rounds == 0 ||
	    rounds > HAW_BCRYPT_ROUNDS_MAX || out_len == 0 || out_len > KEY_MAX)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "bcrypt: %zu bytes of salt and %u rounds are out of range", salt_len,
				     rounds);
	d = calloc(1, sizeof(*d));
	if (!d)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	ok = sha512(passphrase, passphrase_len, d->pass);
	/* Blocks are interleaved: byte i of block n goes to i * stride + n, so that every part of
	 * the key costs all the work. */
	for (size_t n = 0; ok && n < stride; n++) {
		ok = derive_block(d, salt, salt_len, (uint32_t)n + 1, rounds);
		for (size_t i = 0; ok && i < HASH_SIZE && i * stride + n < out_len; i++)
			out[i * stride + n] = d->sum[i];
	}
	OPENSSL_cleanse(d, sizeof(*d));
	free(d);
	if (!ok)
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL refuses SHA-512");
	return 0;
}
