/* SPDX-License-Identifier: Apache-2.0
 *
 * The key encapsulation sntrup761.
 *
 *   public key   h, encoded
 *   secret key   f | 1 / g | public key | rho, what a bad ciphertext gives a key with | hash of public key
 *   ciphertext   h r, each coefficient rounded to a multiple of 3 | confirmation, a hash of r
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "transport/kex/kem.h"
#include "transport/kex/sntrup761.h"

enum {
	HASH = 32,
	SECRET_G = SNTRUP_SMALL_BYTES,
	SECRET_PUBLIC = SECRET_G + SNTRUP_SMALL_BYTES,
	SECRET_RHO = SECRET_PUBLIC + SNTRUP_PUBLIC_BYTES,
	SECRET_HASH = SECRET_RHO + SNTRUP_SMALL_BYTES,
	SECRET_BYTES = SECRET_HASH + HASH,
	CIPHERTEXT_BYTES = SNTRUP_ROUNDED_BYTES + HASH
};

/* What the first byte of a hash tells apart. */
enum purpose { NO_SESSION = 0, SESSION = 1, CONFIRM = 2, INPUT = 3, PUBLIC_KEY = 4 };

/* ---- Hashes and chance ---- */

/* The first half of SHA-512 over a byte, A and B. */
static bool hash(OSSL_LIB_CTX *ctx, uint8_t purpose, const uint8_t *a, size_t a_len, const uint8_t *b,
		 size_t b_len, uint8_t out[HASH])
{
	EVP_MD *digest = EVP_MD_fetch(ctx, "SHA512", NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t whole[64];
	bool done = digest && context && EVP_DigestInit_ex2(context, digest, NULL) == 1 &&
		    EVP_DigestUpdate(context, &purpose, 1) == 1 && EVP_DigestUpdate(context, a, a_len) == 1 &&
		    EVP_DigestUpdate(context, b, b_len) == 1 && EVP_DigestFinal_ex(context, whole, NULL) == 1;

	if (done)
		memcpy(out, whole, HASH);
	OPENSSL_cleanse(whole, sizeof(whole));
	EVP_MD_CTX_free(context);
	EVP_MD_free(digest);
	return done;
}

static void order(uint32_t *a, uint32_t *b)
{
	uint32_t swap = haw_kem_mask((uint32_t)-(int32_t)(((uint64_t)*b - *a) >> 63));
	uint32_t different = swap & (*a ^ *b);

	*a ^= different;
	*b ^= different;
}

/* Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M): which pairs are
 * compared depends on their number alone. */
static void sort(uint32_t *x, size_t n)
{
	size_t top = 1;

	while (top < n - top)
		top += top;
	for (size_t p = top; p > 0; p >>= 1) {
		size_t r = 0, d = p;

		for (size_t q = top;; q >>= 1) {
			for (size_t i = 0; i + d < n; i++)
				if ((i & p) == r)
					order(&x[i], &x[i + d]);
			if (q == p)
				break;
			d = q - p;
			r = p;
		}
	}
}

static bool random_small(OSSL_LIB_CTX *ctx, int8_t out[SNTRUP_P])
{
	uint32_t random[SNTRUP_P];
	bool done = RAND_priv_bytes_ex(ctx, (unsigned char *)random, sizeof(random), 0) == 1;

	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = (int8_t)((int32_t)((random[i] & 0x3fffffff) * 3 >> 30) - 1);
	OPENSSL_cleanse(random, sizeof(random));
	return done;
}

/* Exactly SNTRUP_W coefficients of 1 or -1, at places that a sort finds. */
static bool random_short(OSSL_LIB_CTX *ctx, int8_t out[SNTRUP_P])
{
	uint32_t random[SNTRUP_P];
	bool done = RAND_priv_bytes_ex(ctx, (unsigned char *)random, sizeof(random), 0) == 1;

	for (size_t i = 0; i < SNTRUP_W; i++)
		random[i] &= ~1u;
	for (size_t i = SNTRUP_W; i < SNTRUP_P; i++)
		random[i] = (random[i] & ~3u) | 1;
	sort(random, SNTRUP_P);
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = (int8_t)((random[i] & 3) - 1);
	OPENSSL_cleanse(random, sizeof(random));
	return done;
}

/* ---- Keys ---- */

/* A small polynomial that can be divided by modulo 3, as most can: how many had to be passed over says
 * nothing about the one that is taken. */
static bool random_invertible(OSSL_LIB_CTX *ctx, int8_t g[SNTRUP_P], int8_t inverse[SNTRUP_P])
{
	uint32_t invertible = 0;

	while (!invertible) {
		if (!random_small(ctx, g))
			return false;
		invertible = haw_sntrup_invert_small(inverse, g);
		HAW_DECLASSIFY(&invertible, sizeof(invertible));
	}
	return true;
}

static enum haw_kem_result sntrup_make(OSSL_LIB_CTX *ctx, uint8_t *public, uint8_t *secret)
{
	int8_t f[SNTRUP_P], g[SNTRUP_P], g_inverse[SNTRUP_P];
	int16_t h[SNTRUP_P], third[SNTRUP_P];
	bool done = random_invertible(ctx, g, g_inverse) && random_short(ctx, f) &&
		    RAND_priv_bytes_ex(ctx, secret + SECRET_RHO, SNTRUP_SMALL_BYTES, 0) == 1;

	if (done) {
		haw_sntrup_invert_3(third, f);
		haw_sntrup_multiply(h, third, g);
		haw_sntrup_encode(public, h);
		HAW_DECLASSIFY(public, SNTRUP_PUBLIC_BYTES);
		haw_sntrup_encode_small(secret, f);
		haw_sntrup_encode_small(secret + SECRET_G, g_inverse);
		memcpy(secret + SECRET_PUBLIC, public, SNTRUP_PUBLIC_BYTES);
		done = hash(ctx, PUBLIC_KEY, public, SNTRUP_PUBLIC_BYTES, NULL, 0, secret + SECRET_HASH);
	}
	OPENSSL_cleanse(f, sizeof(f));
	OPENSSL_cleanse(g, sizeof(g));
	OPENSSL_cleanse(g_inverse, sizeof(g_inverse));
	OPENSSL_cleanse(third, sizeof(third));
	OPENSSL_cleanse(h, sizeof(h));
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

/* ---- Encapsulation ---- */

/* The ciphertext of R under the public key H, whose hash is HASHED. */
static bool hide(OSSL_LIB_CTX *ctx, const int8_t r[SNTRUP_P], const int16_t h[SNTRUP_P],
		 const uint8_t hashed[HASH], uint8_t encoded[SNTRUP_SMALL_BYTES],
		 uint8_t ciphertext[CIPHERTEXT_BYTES])
{
	int16_t c[SNTRUP_P];
	uint8_t input[HASH];
	bool done;

	haw_sntrup_encode_small(encoded, r);
	haw_sntrup_multiply(c, h, r);
	for (size_t i = 0; i < SNTRUP_P; i++)
		c[i] = (int16_t)(c[i] - haw_sntrup_mod_3(c[i]));
	haw_sntrup_encode_rounded(ciphertext, c);
	done = hash(ctx, INPUT, encoded, SNTRUP_SMALL_BYTES, NULL, 0, input) &&
	       hash(ctx, CONFIRM, input, HASH, hashed, HASH, ciphertext + SNTRUP_ROUNDED_BYTES);
	OPENSSL_cleanse(c, sizeof(c));
	OPENSSL_cleanse(input, sizeof(input));
	return done;
}

static bool session_key(OSSL_LIB_CTX *ctx, uint8_t purpose, const uint8_t encoded[SNTRUP_SMALL_BYTES],
			const uint8_t *ciphertext, uint8_t key[HAW_KEM_KEY_SIZE])
{
	uint8_t input[HASH];
	bool done = hash(ctx, INPUT, encoded, SNTRUP_SMALL_BYTES, NULL, 0, input) &&
		    hash(ctx, purpose, input, HASH, ciphertext, CIPHERTEXT_BYTES, key);

	OPENSSL_cleanse(input, sizeof(input));
	return done;
}

/* Bytes that no encoding gives stand for a key too, says the specification; no honest peer sends them. */
static bool is_encoding(const uint8_t *public, const int16_t h[SNTRUP_P])
{
	uint8_t again[SNTRUP_PUBLIC_BYTES];

	haw_sntrup_encode(again, h);
	return memcmp(again, public, sizeof(again)) == 0;
}

static enum haw_kem_result sntrup_encapsulate(OSSL_LIB_CTX *ctx, const uint8_t *public, uint8_t *ciphertext,
					      uint8_t key[HAW_KEM_KEY_SIZE])
{
	uint8_t encoded[SNTRUP_SMALL_BYTES], hashed[HASH];
	int16_t h[SNTRUP_P];
	int8_t r[SNTRUP_P];
	bool done;

	haw_sntrup_decode(h, public);
	if (!is_encoding(public, h))
		return HAW_KEM_INVALID;
	done = random_short(ctx, r) && hash(ctx, PUBLIC_KEY, public, SNTRUP_PUBLIC_BYTES, NULL, 0, hashed) &&
	       hide(ctx, r, h, hashed, encoded, ciphertext) &&
	       session_key(ctx, SESSION, encoded, ciphertext, key);
	OPENSSL_cleanse(r, sizeof(r));
	OPENSSL_cleanse(encoded, sizeof(encoded));
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

/* ---- Decapsulation ---- */

/* All bits set if R has not exactly SNTRUP_W coefficients that are not zero. */
static uint32_t wrong_weight(const int8_t r[SNTRUP_P])
{
	uint32_t weight = 0;

	for (size_t i = 0; i < SNTRUP_P; i++)
		weight += (uint32_t)r[i] & 1;
	weight ^= SNTRUP_W;
	return haw_kem_mask(-((weight | -weight) >> 31));
}

/* The r of a ciphertext. One of another weight is put in order, whatever it says then: the ciphertext made
 * of it will not be the same. */
static void decrypt(const uint8_t *secret, const uint8_t *ciphertext, int8_t r[SNTRUP_P])
{
	int8_t f[SNTRUP_P], g_inverse[SNTRUP_P], e[SNTRUP_P];
	int16_t c[SNTRUP_P], cf[SNTRUP_P];
	uint32_t wrong;

	haw_sntrup_decode_rounded(c, ciphertext);
	haw_sntrup_decode_small(f, secret);
	haw_sntrup_decode_small(g_inverse, secret + SECRET_G);
	haw_sntrup_multiply(cf, c, f);
	for (size_t i = 0; i < SNTRUP_P; i++)
		e[i] = haw_sntrup_mod_3(haw_sntrup_mod_q(3 * cf[i]));
	haw_sntrup_multiply_small(r, e, g_inverse);
	wrong = wrong_weight(r);
	for (size_t i = 0; i < SNTRUP_P; i++)
		r[i] = (int8_t)((r[i] & (int8_t)~wrong) | ((i < SNTRUP_W) & (int8_t)wrong));
	OPENSSL_cleanse(f, sizeof(f));
	OPENSSL_cleanse(g_inverse, sizeof(g_inverse));
	OPENSSL_cleanse(e, sizeof(e));
	OPENSSL_cleanse(cf, sizeof(cf));
}

/* All bits set where A and B differ. */
static uint8_t difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint32_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= a[i] ^ b[i];
	return (uint8_t)haw_kem_mask(-((any + 255) >> 8));
}

static enum haw_kem_result sntrup_decapsulate(OSSL_LIB_CTX *ctx, const uint8_t *secret,
					      const uint8_t *ciphertext, uint8_t key[HAW_KEM_KEY_SIZE])
{
	uint8_t encoded[SNTRUP_SMALL_BYTES], again[CIPHERTEXT_BYTES], differs;
	int16_t h[SNTRUP_P];
	int8_t r[SNTRUP_P];
	bool done;

	decrypt(secret, ciphertext, r);
	haw_sntrup_decode(h, secret + SECRET_PUBLIC);
	done = hide(ctx, r, h, secret + SECRET_HASH, encoded, again);
	differs = difference(again, ciphertext, CIPHERTEXT_BYTES);
	for (size_t i = 0; i < SNTRUP_SMALL_BYTES; i++)
		encoded[i] ^= differs & (encoded[i] ^ secret[SECRET_RHO + i]);
	/* SESSION, or NO_SESSION where it differs. */
	done = done && session_key(ctx, (uint8_t)(SESSION & ~differs), encoded, ciphertext, key);
	OPENSSL_cleanse(r, sizeof(r));
	OPENSSL_cleanse(encoded, sizeof(encoded));
	OPENSSL_cleanse(again, sizeof(again));
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

/* Where only approved algorithms are wanted, what is Hawser's own is not offered. */
static bool sntrup_available(OSSL_LIB_CTX *ctx)
{
	return !EVP_default_properties_is_fips_enabled(ctx);
}

const struct haw_kem haw_sntrup761 = {
	.name = "sntrup761",
	.public_size = SNTRUP_PUBLIC_BYTES,
	.secret_size = SECRET_BYTES,
	.ciphertext_size = CIPHERTEXT_BYTES,
	.available = sntrup_available,
	.make = sntrup_make,
	.encapsulate = sntrup_encapsulate,
	.decapsulate = sntrup_decapsulate,
};
