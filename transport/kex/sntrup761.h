/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamlined NTRU Prime with p = 761, q = 4591, w = 286 (NTRU Prime, round 3 of NIST's project, sections
 * 2 and 3): what the files of it share. Polynomials are elements of Z[x] / (x^p - x - 1), with
 * coefficients modulo q between -2295 and 2295, or modulo 3 between -1 and 1 ("small").
 */
#ifndef HAW_KEX_SNTRUP761_H
#define HAW_KEX_SNTRUP761_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SNTRUP_P = 761,
	SNTRUP_Q = 4591,
	SNTRUP_HALF = (SNTRUP_Q - 1) / 2,
	SNTRUP_W = 286,
	SNTRUP_SMALL_BYTES = (SNTRUP_P + 3) / 4,
	SNTRUP_PUBLIC_BYTES = 1158, /* an encoded polynomial modulo q */
	SNTRUP_ROUNDED_BYTES = 1007 /* one whose coefficients are multiples of 3 */
};

/* sntrup761_ring.c */

/* X modulo q, for any X of 23 bits and a sign; modulo 3, for any of 13. */
int16_t haw_sntrup_mod_q(int32_t x);
int8_t haw_sntrup_mod_3(int16_t x);
/* The product of A, modulo q, and the small B. */
void haw_sntrup_multiply(int16_t out[SNTRUP_P], const int16_t a[SNTRUP_P], const int8_t b[SNTRUP_P]);
/* The product of two small ones, modulo 3. */
void haw_sntrup_multiply_small(int8_t out[SNTRUP_P], const int8_t a[SNTRUP_P], const int8_t b[SNTRUP_P]);

/* sntrup761_invert.c */

/* 1 / (3 A) modulo q; A is small and not zero. */
void haw_sntrup_invert_3(int16_t out[SNTRUP_P], const int8_t a[SNTRUP_P]);
/* 1 / A modulo 3; 0 if there is none, else all bits set. */
uint32_t haw_sntrup_invert_small(int8_t out[SNTRUP_P], const int8_t a[SNTRUP_P]);

/* sntrup761_code.c */

void haw_sntrup_encode_small(uint8_t out[SNTRUP_SMALL_BYTES], const int8_t a[SNTRUP_P]);
void haw_sntrup_decode_small(int8_t a[SNTRUP_P], const uint8_t in[SNTRUP_SMALL_BYTES]);
void haw_sntrup_encode(uint8_t out[SNTRUP_PUBLIC_BYTES], const int16_t a[SNTRUP_P]);
void haw_sntrup_encode_rounded(uint8_t out[SNTRUP_ROUNDED_BYTES], const int16_t a[SNTRUP_P]);
/* Not for secrets: they divide. */
void haw_sntrup_decode(int16_t a[SNTRUP_P], const uint8_t in[SNTRUP_PUBLIC_BYTES]);
void haw_sntrup_decode_rounded(int16_t a[SNTRUP_P], const uint8_t in[SNTRUP_ROUNDED_BYTES]);

#endif
