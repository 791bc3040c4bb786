/* SPDX-License-Identifier: Apache-2.0
 *
 * Division of sntrup761, by division steps of polynomials (Bernstein and Yang, "Fast constant-time gcd
 * computation and modular inversion", 2019): always 2p - 1 of them, each of which does the same with every
 * coefficient whatever the numbers are.
 *
 * f and g begin as x^p - x - 1 and the polynomial to invert, with their coefficients reversed; v and r
 * count how often the latter went into each: f = v a and g = r a at all times, but for powers of x. A factor
 * common to g and r changes nothing, so the products modulo q may be Montgomery's, each with a factor 2^-16.
 */
#include "transport/kex/kem.h"
#include "transport/kex/sntrup761.h"

#include <string.h>

#include <openssl/crypto.h>

enum {
	STEPS = 2 * SNTRUP_P - 1,
	TERMS = SNTRUP_P + 1,
	Q_INVERSE = 15631 /* of q modulo 2^16 */
};

/* All bits set where X < 0, or where X is not zero. */
static uint32_t negative(int32_t x)
{
	return -(uint32_t)((uint32_t)x >> 31);
}

static uint32_t nonzero(int32_t x)
{
	return negative(x | -x);
}

/* One step's choice: whether f and g change places, which is where DELTA > 0 and the lowest coefficient of g
 * is not zero. */
static uint32_t choose(int32_t *delta, int32_t lowest)
{
	uint32_t swap = haw_kem_mask(negative(-*delta) & nonzero(lowest));

	*delta ^= (int32_t)(swap & (uint32_t)(*delta ^ -*delta));
	++*delta;
	return swap;
}

/* ---- Modulo q ---- */

struct fractions {
	int16_t f[TERMS], g[TERMS], v[TERMS], r[TERMS];
};

/* X Y / 2^16 modulo q: below q / 2 + |X Y| / 2^16 either way. */
static inline int16_t reduced_product(int16_t x, int16_t y)
{
	int16_t low = (int16_t)((uint16_t)x * (uint16_t)y);
	int16_t multiple = (int16_t)((uint16_t)low * (uint16_t)Q_INVERSE);

	return (int16_t)(((int32_t)x * y >> 16) - ((int32_t)multiple * SNTRUP_Q >> 16));
}

static void swap_where(uint32_t mask, int16_t *a, int16_t *b)
{
	const int16_t bits = (int16_t)mask;

	for (size_t i = 0; i < TERMS; i++) {
		int16_t different = (int16_t)(bits & (a[i] ^ b[i]));

		a[i] ^= different;
		b[i] ^= different;
	}
}

/* Coefficients are not brought below q / 2 each time: with |f|, |g| < B before, they are below
 * B^2 / 2^15 + q behind, so they never reach 5522. */
static void step(struct fractions *s, int32_t *delta)
{
	uint32_t swap = choose(delta, haw_sntrup_mod_q(s->g[0]));
	int16_t f0, g0;

	memmove(s->v + 1, s->v, SNTRUP_P * sizeof(s->v[0]));
	s->v[0] = 0;
	swap_where(swap, s->f, s->g);
	swap_where(swap, s->v, s->r);
	f0 = s->f[0];
	g0 = s->g[0];
	/* The lowest coefficient of g vanishes, and g is divided by x. */
	for (size_t i = 0; i < TERMS - 1; i++)
		s->g[i] = (int16_t)(reduced_product(f0, s->g[i + 1]) - reduced_product(g0, s->f[i + 1]));
	s->g[TERMS - 1] = 0;
	for (size_t i = 0; i < TERMS; i++)
		s->r[i] = (int16_t)(reduced_product(f0, s->r[i]) - reduced_product(g0, s->v[i]));
}

/* 1 / X modulo q, as X^(q - 2). */
static int16_t invert_number(int16_t x)
{
	int16_t power = haw_sntrup_mod_q(x), result = 1;

	for (unsigned exponent = SNTRUP_Q - 2; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			result = haw_sntrup_mod_q((int32_t)result * power);
		power = haw_sntrup_mod_q((int32_t)power * power);
	}
	return result;
}

void haw_sntrup_invert_3(int16_t out[SNTRUP_P], const int8_t a[SNTRUP_P])
{
	struct fractions s = {.f = {[0] = 1, [SNTRUP_P - 1] = -1, [SNTRUP_P] = -1}};
	int32_t delta = 1;
	int16_t scale;

	for (size_t i = 0; i < SNTRUP_P; i++)
		s.g[SNTRUP_P - 1 - i] = a[i];
	s.r[0] = invert_number(3);
	for (int i = 0; i < STEPS; i++)
		step(&s, &delta);
	scale = invert_number(s.f[0]);
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = haw_sntrup_mod_q((int32_t)scale * haw_sntrup_mod_q(s.v[SNTRUP_P - 1 - i]));
	OPENSSL_cleanse(&s, sizeof(s));
}

/* ---- Modulo 3 ---- */

struct small_fractions {
	int8_t f[TERMS], g[TERMS], v[TERMS], r[TERMS];
};

/* X modulo 3 for X between -2 and 2. */
static inline int8_t small_sum(int8_t x)
{
	return (int8_t)(x - 3 * ((x - (x >> 7)) >> 1));
}

static void swap_small_where(uint32_t mask, int8_t *a, int8_t *b)
{
	const int8_t bits = (int8_t)mask;

	for (size_t i = 0; i < TERMS; i++) {
		int8_t different = (int8_t)(bits & (a[i] ^ b[i]));

		a[i] ^= different;
		b[i] ^= different;
	}
}

static void small_step(struct small_fractions *s, int32_t *delta)
{
	int8_t sign = (int8_t)(-s->g[0] * s->f[0]);
	uint32_t swap = choose(delta, s->g[0]);

	memmove(s->v + 1, s->v, SNTRUP_P);
	s->v[0] = 0;
	swap_small_where(swap, s->f, s->g);
	swap_small_where(swap, s->v, s->r);
	for (size_t i = 0; i < TERMS - 1; i++)
		s->g[i] = small_sum((int8_t)(s->g[i + 1] + sign * s->f[i + 1]));
	s->g[TERMS - 1] = 0;
	for (size_t i = 0; i < TERMS; i++)
		s->r[i] = small_sum((int8_t)(s->r[i] + sign * s->v[i]));
}

uint32_t haw_sntrup_invert_small(int8_t out[SNTRUP_P], const int8_t a[SNTRUP_P])
{
	struct small_fractions s = {.f = {[0] = 1, [SNTRUP_P - 1] = -1, [SNTRUP_P] = -1}, .r = {[0] = 1}};
	int32_t delta = 1;

	for (size_t i = 0; i < SNTRUP_P; i++)
		s.g[SNTRUP_P - 1 - i] = a[i];
	for (int i = 0; i < STEPS; i++)
		small_step(&s, &delta);
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = (int8_t)(s.f[0] * s.v[SNTRUP_P - 1 - i]);
	OPENSSL_cleanse(&s, sizeof(s));
	/* The steps end with DELTA 0 where the greatest common divisor is a number. */
	return ~nonzero(delta);
}
