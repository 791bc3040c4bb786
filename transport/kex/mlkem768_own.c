/* SPDX-License-Identifier: Apache-2.0
 *
 * Key generation, encapsulation and decapsulation of ML-KEM-768 (FIPS 203, sections 5 to 7).
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "transport/kex/mlkem768.h"

typedef mlkem_poly vector[MLKEM_K];

enum { SEED = MLKEM_SEED, NOISE = 128, SHAKE128_RATE = 168 };

/* ---- Hashes ---- */

/* Looked up once for each operation, for that takes as long as hashing. */
struct hashes {
	EVP_MD *h, *g, *prf, *xof;
	EVP_MD_CTX *context;
};

static void hashes_end(struct hashes *hashes)
{
	EVP_MD_free(hashes->h);
	EVP_MD_free(hashes->g);
	EVP_MD_free(hashes->prf);
	EVP_MD_free(hashes->xof);
	EVP_MD_CTX_free(hashes->context);
}

static bool hashes_begin(struct hashes *hashes, OSSL_LIB_CTX *ctx)
{
	*hashes = (struct hashes){
		.h = EVP_MD_fetch(ctx, "SHA3-256", NULL),
		.g = EVP_MD_fetch(ctx, "SHA3-512", NULL),
		.prf = EVP_MD_fetch(ctx, "SHAKE256", NULL),
		.xof = EVP_MD_fetch(ctx, "SHAKE128", NULL),
		.context = EVP_MD_CTX_new(),
	};
	if (hashes->h && hashes->g && hashes->prf && hashes->xof && hashes->context)
		return true;
	hashes_end(hashes);
	return false;
}

/* H and G over A and B. */
static bool digest(struct hashes *hashes, EVP_MD *md, const uint8_t *a, size_t a_len, const uint8_t *b,
		   size_t b_len, uint8_t *out)
{
	return EVP_DigestInit_ex2(hashes->context, md, NULL) == 1 &&
	       EVP_DigestUpdate(hashes->context, a, a_len) == 1 &&
	       EVP_DigestUpdate(hashes->context, b, b_len) == 1 &&
	       EVP_DigestFinal_ex(hashes->context, out, NULL) == 1;
}

/* PRF, XOF and J: LEN bytes. */
static bool expand(struct hashes *hashes, EVP_MD *md, const uint8_t seed[SEED], const uint8_t *more,
		   size_t more_len, uint8_t *out, size_t len)
{
	return EVP_DigestInit_ex2(hashes->context, md, NULL) == 1 &&
	       EVP_DigestUpdate(hashes->context, seed, SEED) == 1 &&
	       EVP_DigestUpdate(hashes->context, more, more_len) == 1 &&
	       EVP_DigestFinalXOF(hashes->context, out, len) == 1;
}

/* ---- Polynomials out of seeds ---- */

/* Three blocks are enough for 99 of 100 polynomials. OpenSSL 3.0 gives the bytes of SHAKE at once only, so
 * for the others it begins again and gives twice as many. */
static bool sample(struct hashes *hashes, const uint8_t rho[SEED], uint8_t column, uint8_t row, mlkem_poly p)
{
	const uint8_t place[2] = {column, row};
	uint8_t random[12 * SHAKE128_RATE];

	for (size_t len = 3 * SHAKE128_RATE; len <= sizeof(random); len *= 2) {
		if (!expand(hashes, hashes->xof, rho, place, sizeof(place), random, len))
			return false;
		if (haw_mlkem_sample(p, 0, random, len) == MLKEM_N)
			return true;
	}
	/* Below 2^-300 a polynomial. */
	return false;
}

static bool matrix(struct hashes *hashes, const uint8_t rho[SEED], vector rows[MLKEM_K])
{
	for (uint8_t i = 0; i < MLKEM_K; i++)
		for (uint8_t j = 0; j < MLKEM_K; j++)
			if (!sample(hashes, rho, j, i, rows[i][j]))
				return false;
	return true;
}

static bool noise(struct hashes *hashes, const uint8_t seed[SEED], uint8_t number, mlkem_poly p)
{
	uint8_t random[NOISE];
	bool done = expand(hashes, hashes->prf, seed, &number, 1, random, sizeof(random));

	if (done)
		haw_mlkem_noise(p, random);
	OPENSSL_cleanse(random, sizeof(random));
	return done;
}

static bool noises(struct hashes *hashes, const uint8_t seed[SEED], uint8_t first, vector v)
{
	for (uint8_t i = 0; i < MLKEM_K; i++)
		if (!noise(hashes, seed, (uint8_t)(first + i), v[i]))
			return false;
	return true;
}

static void transform(vector v)
{
	for (size_t i = 0; i < MLKEM_K; i++)
		haw_mlkem_transform(v[i]);
}

/* ---- Keys (algorithms 13 and 16) ---- */

static void encode_vector(uint8_t out[MLKEM_VECTOR_BYTES], vector v)
{
	for (size_t i = 0; i < MLKEM_K; i++) {
		haw_mlkem_reduce(v[i]);
		haw_mlkem_encode(out + i * MLKEM_POLY_BYTES, v[i]);
	}
}

static bool decode_vector(vector v, const uint8_t in[MLKEM_VECTOR_BYTES])
{
	bool valid = true;

	for (size_t i = 0; i < MLKEM_K; i++)
		valid &= haw_mlkem_decode(v[i], in + i * MLKEM_POLY_BYTES);
	return valid;
}

/* t = A s + e */
static bool make(struct hashes *hashes, const uint8_t d[SEED], uint8_t *public, uint8_t *secret)
{
	const uint8_t k = MLKEM_K;
	uint8_t seeds[2 * SEED];
	vector a[MLKEM_K], s, e;
	bool done = digest(hashes, hashes->g, d, SEED, &k, 1, seeds);

	HAW_DECLASSIFY(seeds, SEED);
	done = done && matrix(hashes, seeds, a) && noises(hashes, seeds + SEED, 0, s) &&
	       noises(hashes, seeds + SEED, MLKEM_K, e);
	if (done) {
		transform(s);
		transform(e);
		for (size_t i = 0; i < MLKEM_K; i++) {
			mlkem_poly t = {0};

			for (size_t j = 0; j < MLKEM_K; j++)
				haw_mlkem_multiply(t, a[i][j], s[j]);
			haw_mlkem_restore(t);
			haw_mlkem_add(e[i], t);
		}
		encode_vector(public, e);
		memcpy(public + MLKEM_VECTOR_BYTES, seeds, SEED);
		encode_vector(secret, s);
	}
	OPENSSL_cleanse(seeds, sizeof(seeds));
	OPENSSL_cleanse(s, sizeof(s));
	OPENSSL_cleanse(e, sizeof(e));
	return done;
}

enum haw_kem_result haw_mlkem768_make(OSSL_LIB_CTX *ctx, const uint8_t d[SEED], const uint8_t z[SEED],
				      uint8_t public[MLKEM_PUBLIC_BYTES], uint8_t secret[MLKEM_SECRET_BYTES])
{
	uint8_t *copy = secret + MLKEM_VECTOR_BYTES, *hashed = copy + MLKEM_PUBLIC_BYTES;
	struct hashes hashes;
	bool done;

	if (!hashes_begin(&hashes, ctx))
		return HAW_KEM_FAILED;
	done = make(&hashes, d, public, secret);
	if (done) {
		HAW_DECLASSIFY(public, MLKEM_PUBLIC_BYTES);
		memcpy(copy, public, MLKEM_PUBLIC_BYTES);
		memcpy(hashed + SEED, z, SEED);
		done = digest(&hashes, hashes.h, public, MLKEM_PUBLIC_BYTES, NULL, 0, hashed);
	}
	hashes_end(&hashes);
	return done ? HAW_KEM_DONE : HAW_KEM_FAILED;
}

/* ---- Encryption (algorithm 14) ---- */

struct encryption {
	vector a[MLKEM_K], t, y, u; /* of the key; of chance */
	mlkem_poly v, m;
};

/* u = A^T y + e1, v = t y + e2 + m */
static bool encrypt(struct hashes *hashes, struct encryption *x, const uint8_t r[SEED],
		    uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES])
{
	mlkem_poly e;

	if (!noises(hashes, r, 0, x->y))
		return false;
	transform(x->y);
	memset(x->u, 0, sizeof(x->u));
	memset(x->v, 0, sizeof(x->v));
	for (size_t i = 0; i < MLKEM_K; i++) {
		for (size_t j = 0; j < MLKEM_K; j++)
			haw_mlkem_multiply(x->u[i], x->a[j][i], x->y[j]);
		haw_mlkem_multiply(x->v, x->t[i], x->y[i]);
	}
	for (size_t i = 0; i < MLKEM_K; i++) {
		haw_mlkem_transform_back(x->u[i]);
		if (!noise(hashes, r, (uint8_t)(MLKEM_K + i), e))
			return false;
		haw_mlkem_add(x->u[i], e);
		haw_mlkem_compress(ciphertext + i * MLKEM_N * MLKEM_U_BITS / 8, MLKEM_U_BITS, x->u[i]);
	}
	haw_mlkem_transform_back(x->v);
	if (!noise(hashes, r, 2 * MLKEM_K, e))
		return false;
	haw_mlkem_add(x->v, e);
	haw_mlkem_add(x->v, x->m);
	haw_mlkem_reduce(x->v);
	haw_mlkem_compress(ciphertext + MLKEM_U_BYTES, MLKEM_V_BITS, x->v);
	OPENSSL_cleanse(e, sizeof(e));
	return true;
}

/* Of the message M and the hash of the public key: the key, and the ciphertext that M gives. */
static enum haw_kem_result encrypt_message(struct hashes *hashes, const uint8_t m[SEED],
					   const uint8_t hashed[SEED], const uint8_t *public,
					   uint8_t *ciphertext, uint8_t key[SEED])
{
	enum haw_kem_result result = HAW_KEM_FAILED;
	struct encryption x;
	uint8_t pair[2 * SEED]; /* key, seed of chance */

	if (!decode_vector(x.t, public))
		return HAW_KEM_INVALID;
	haw_mlkem_decompress(x.m, 1, m);
	if (digest(hashes, hashes->g, m, SEED, hashed, SEED, pair) &&
	    matrix(hashes, public + MLKEM_VECTOR_BYTES, x.a) &&
	    encrypt(hashes, &x, pair + SEED, ciphertext)) {
		memcpy(key, pair, SEED);
		result = HAW_KEM_DONE;
	}
	OPENSSL_cleanse(&x, sizeof(x));
	OPENSSL_cleanse(pair, sizeof(pair));
	return result;
}

enum haw_kem_result haw_mlkem768_encapsulate(OSSL_LIB_CTX *ctx, const uint8_t m[SEED],
					     const uint8_t public[MLKEM_PUBLIC_BYTES],
					     uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], uint8_t key[SEED])
{
	enum haw_kem_result result = HAW_KEM_FAILED;
	struct hashes hashes;
	uint8_t hashed[SEED];

	if (!hashes_begin(&hashes, ctx))
		return HAW_KEM_FAILED;
	if (digest(&hashes, hashes.h, public, MLKEM_PUBLIC_BYTES, NULL, 0, hashed))
		result = encrypt_message(&hashes, m, hashed, public, ciphertext, key);
	hashes_end(&hashes);
	return result;
}

/* ---- Decryption (algorithms 15 and 18) ---- */

/* m = v - s u, each coefficient nearer to q / 2 or to 0 */
static void decrypt(const uint8_t *secret, const uint8_t *ciphertext, uint8_t m[SEED])
{
	mlkem_poly s, u, v, product = {0};

	for (size_t i = 0; i < MLKEM_K; i++) {
		haw_mlkem_decode(s, secret + i * MLKEM_POLY_BYTES);
		haw_mlkem_decompress(u, MLKEM_U_BITS, ciphertext + i * MLKEM_N * MLKEM_U_BITS / 8);
		haw_mlkem_transform(u);
		haw_mlkem_multiply(product, s, u);
	}
	haw_mlkem_transform_back(product);
	haw_mlkem_decompress(v, MLKEM_V_BITS, ciphertext + MLKEM_U_BYTES);
	haw_mlkem_subtract(v, product);
	haw_mlkem_reduce(v);
	haw_mlkem_compress(m, 1, v);
	OPENSSL_cleanse(s, sizeof(s));
	OPENSSL_cleanse(v, sizeof(v));
	OPENSSL_cleanse(product, sizeof(product));
}

/* Where A and B differ, KEY becomes OTHER. */
static void replace_if_different(const uint8_t *a, const uint8_t *b, size_t len, uint8_t key[SEED],
				 const uint8_t other[SEED])
{
	uint32_t any = 0;
	uint8_t mask;

	for (size_t i = 0; i < len; i++)
		any |= a[i] ^ b[i];
	mask = (uint8_t)haw_kem_mask(-((any + 255) >> 8));
	for (size_t i = 0; i < SEED; i++)
		key[i] ^= mask & (key[i] ^ other[i]);
}

enum haw_kem_result haw_mlkem768_decapsulate(OSSL_LIB_CTX *ctx, const uint8_t secret[MLKEM_SECRET_BYTES],
					     const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
					     uint8_t key[SEED])
{
	const uint8_t *public = secret + MLKEM_VECTOR_BYTES, *hashed = public + MLKEM_PUBLIC_BYTES;
	uint8_t m[SEED], rejection[SEED], again[MLKEM_CIPHERTEXT_BYTES];
	enum haw_kem_result result = HAW_KEM_FAILED;
	struct hashes hashes;

	if (!hashes_begin(&hashes, ctx))
		return HAW_KEM_FAILED;
	decrypt(secret, ciphertext, m);
	if (expand(&hashes, hashes.prf, hashed + SEED, ciphertext, MLKEM_CIPHERTEXT_BYTES, rejection, SEED))
		result = encrypt_message(&hashes, m, hashed, public, again, key);
	if (result == HAW_KEM_DONE)
		replace_if_different(again, ciphertext, sizeof(again), key, rejection);
	OPENSSL_cleanse(m, sizeof(m));
	OPENSSL_cleanse(rejection, sizeof(rejection));
	OPENSSL_cleanse(again, sizeof(again));
	hashes_end(&hashes);
	return result;
}

/* ---- As a method uses it ---- */

/* Where only approved algorithms are wanted, what is Hawser's own is not offered. */
static bool own_available(OSSL_LIB_CTX *ctx)
{
	struct hashes hashes;

	if (EVP_default_properties_is_fips_enabled(ctx) || !hashes_begin(&hashes, ctx))
		return false;
	hashes_end(&hashes);
	return true;
}

static enum haw_kem_result own_make(OSSL_LIB_CTX *ctx, uint8_t *public, uint8_t *secret)
{
	enum haw_kem_result result = HAW_KEM_FAILED;
	uint8_t random[2 * SEED];

	if (RAND_priv_bytes_ex(ctx, random, sizeof(random), 0) == 1)
		result = haw_mlkem768_make(ctx, random, random + SEED, public, secret);
	OPENSSL_cleanse(random, sizeof(random));
	return result;
}

static enum haw_kem_result own_encapsulate(OSSL_LIB_CTX *ctx, const uint8_t *public, uint8_t *ciphertext,
					   uint8_t key[HAW_KEM_KEY_SIZE])
{
	enum haw_kem_result result = HAW_KEM_FAILED;
	uint8_t m[SEED];

	if (RAND_priv_bytes_ex(ctx, m, sizeof(m), 0) == 1)
		result = haw_mlkem768_encapsulate(ctx, m, public, ciphertext, key);
	OPENSSL_cleanse(m, sizeof(m));
	return result;
}

const struct haw_kem haw_mlkem768_own = {
	.name = "ML-KEM-768",
	.public_size = MLKEM_PUBLIC_BYTES,
	.secret_size = MLKEM_SECRET_BYTES,
	.ciphertext_size = MLKEM_CIPHERTEXT_BYTES,
	.available = own_available,
	.make = own_make,
	.encapsulate = own_encapsulate,
	.decapsulate = haw_mlkem768_decapsulate,
};
