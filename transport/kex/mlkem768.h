/* SPDX-License-Identifier: Apache-2.0
 *
 * ML-KEM-768 (FIPS 203), for OpenSSL before 3.5, which has none: what its files share. Polynomials are
 * elements of Z_q[x] / (x^256 + 1) with q = 3329, or their number-theoretic transforms.
 */
#ifndef HAW_KEX_MLKEM768_H
#define HAW_KEX_MLKEM768_H

#include "transport/kex/kem.h"

enum {
	MLKEM_N = 256,
	MLKEM_Q = 3329,
	MLKEM_K = 3,
	MLKEM_SEED = 32,
	MLKEM_POLY_BYTES = MLKEM_N * 12 / 8,
	MLKEM_VECTOR_BYTES = MLKEM_K * MLKEM_POLY_BYTES,
	MLKEM_PUBLIC_BYTES = MLKEM_VECTOR_BYTES + MLKEM_SEED,
	/* vector, public key, its hash, what a bad ciphertext gives a key with */
	MLKEM_SECRET_BYTES = MLKEM_VECTOR_BYTES + MLKEM_PUBLIC_BYTES + 2 * MLKEM_SEED,
	MLKEM_U_BITS = 10,
	MLKEM_V_BITS = 4,
	MLKEM_U_BYTES = MLKEM_K * MLKEM_N * MLKEM_U_BITS / 8,
	MLKEM_CIPHERTEXT_BYTES = MLKEM_U_BYTES + MLKEM_N * MLKEM_V_BITS / 8
};

typedef int16_t mlkem_poly[MLKEM_N];

/* ---- mlkem768_ring.c ---- */

/* Bring coefficients between -q / 2 and q / 2. */
void haw_mlkem_reduce(mlkem_poly p);
/* Algorithms 9 and 10 of FIPS 203; the result is reduced. The inverse also takes away the factor 2^-16 that
 * haw_mlkem_multiply leaves. */
void haw_mlkem_transform(mlkem_poly p);
void haw_mlkem_transform_back(mlkem_poly p);
/* SUM += A B / 2^16, in the domain of transforms; B is reduced. */
void haw_mlkem_multiply(mlkem_poly sum, const mlkem_poly a, const mlkem_poly b);
/* P times 2^16. */
void haw_mlkem_restore(mlkem_poly p);
void haw_mlkem_add(mlkem_poly p, const mlkem_poly q);
void haw_mlkem_subtract(mlkem_poly p, const mlkem_poly q);

/* ---- mlkem768_code.c ---- */

/* Algorithms 5 and 6 with 12 bits a coefficient; the first reduces to 0 ... q - 1. Decoding says whether all
 * are below q, in a time that depends on that alone. */
void haw_mlkem_encode(uint8_t out[MLKEM_POLY_BYTES], const mlkem_poly p);
bool haw_mlkem_decode(mlkem_poly p, const uint8_t in[MLKEM_POLY_BYTES]);
/* The same with 1, 4 or 10 BITS, compressed and decompressed (section 4.2.1). */
void haw_mlkem_compress(uint8_t *out, unsigned bits, const mlkem_poly p);
void haw_mlkem_decompress(mlkem_poly p, unsigned bits, const uint8_t *in);
/* Noise of 128 random bytes, between -2 and 2 (algorithm 8). */
void haw_mlkem_noise(mlkem_poly p, const uint8_t random[128]);
/* Take coefficients off LEN random bytes (algorithm 7) until P has COUNT = MLKEM_N of them; returns COUNT.
 * For public numbers only. */
size_t haw_mlkem_sample(mlkem_poly p, size_t count, const uint8_t *random, size_t len);

/* ---- mlkem768_own.c: the three algorithms, with their random numbers given ---- */

enum haw_kem_result haw_mlkem768_make(OSSL_LIB_CTX *ctx, const uint8_t d[MLKEM_SEED],
				      const uint8_t z[MLKEM_SEED], uint8_t public[MLKEM_PUBLIC_BYTES],
				      uint8_t secret[MLKEM_SECRET_BYTES]);
/* HAW_KEM_INVALID: PUBLIC is no key (section 7.2). */
enum haw_kem_result haw_mlkem768_encapsulate(OSSL_LIB_CTX *ctx, const uint8_t m[MLKEM_SEED],
					     const uint8_t public[MLKEM_PUBLIC_BYTES],
					     uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
					     uint8_t key[HAW_KEM_KEY_SIZE]);
enum haw_kem_result haw_mlkem768_decapsulate(OSSL_LIB_CTX *ctx, const uint8_t secret[MLKEM_SECRET_BYTES],
					     const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
					     uint8_t key[HAW_KEM_KEY_SIZE]);
/* The same as a struct haw_kem, whatever OpenSSL has. */
extern const struct haw_kem haw_mlkem768_own;

#endif
