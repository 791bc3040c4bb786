/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of ML-KEM. Products modulo q are Montgomery's, with numbers of 16 bits, which is what vectors
 * have most of: the constants have a factor 2^16, so that it vanishes. Coefficients grow by less than 2500 in
 * each of the seven layers of a transform, so they need no reduction between.
 */
#include "transport/kex/mlkem768.h"

#include <string.h>

enum {
	Q_INVERSE = -3327,	/* of q modulo 2^16 */
	MONTGOMERY_2 = 1353,	/* 2^32 modulo q */
	MONTGOMERY_2_128 = 1441 /* the same divided by 128 */
};

/* 17 is a root of unity of order 256: 17^r and 17^(2 r + 1) times 2^16, where r is i with its seven bits
 * reversed (FIPS 203, appendix A). */
static const int16_t roots[128] = {
	-1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182,
	962, -1202, -1474, 1468, 573, -1325, 264, 383, -829, 1458, -1602, -130,
	-681, 1017, 732, 608, -1542, 411, -205, -1571, 1223, 652, -552, 1015,
	-1293, 1491, -282, -1544, 516, -8, -320, -666, -1618, -1162, 126, 1469,
	-853, -90, -271, 830, 107, -1421, -247, -951, -398, 961, -1508, -725,
	448, -1065, 677, -1275, -1103, 430, 555, 843, -1251, 871, 1550, 105,
	422, 587, 177, -235, -291, -460, 1574, 1653, -246, 778, 1159, -147,
	-777, 1483, -602, 1119, -1590, 644, -872, 349, 418, 329, -156, -75,
	817, 1097, 603, 610, 1322, -1285, -1465, 384, -1215, -136, 1218, -1335,
	-874, 220, -1187, -1659, -1185, -1530, -1278, 794, -1510, -854, -870, 478,
	-108, -308, 996, 991, 958, -1460, 1522, 1628,
};
static const int16_t squares[128] = {
	-1103, 1103, 430, -430, 555, -555, 843, -843, -1251, 1251, 871, -871,
	1550, -1550, 105, -105, 422, -422, 587, -587, 177, -177, -235, 235,
	-291, 291, -460, 460, 1574, -1574, 1653, -1653, -246, 246, 778, -778,
	1159, -1159, -147, 147, -777, 777, 1483, -1483, -602, 602, 1119, -1119,
	-1590, 1590, 644, -644, -872, 872, 349, -349, 418, -418, 329, -329,
	-156, 156, -75, 75, 817, -817, 1097, -1097, 603, -603, 610, -610,
	1322, -1322, -1285, 1285, -1465, 1465, 384, -384, -1215, 1215, -136, 136,
	1218, -1218, -1335, 1335, -874, 874, 220, -220, -1187, 1187, -1659, 1659,
	-1185, 1185, -1530, 1530, -1278, 1278, 794, -794, -1510, 1510, -854, 854,
	-870, 870, 478, -478, -108, 108, -308, 308, 996, -996, 991, -991,
	958, -958, -1460, 1460, 1522, -1522, 1628, -1628,
};

/* X Y / 2^16 modulo q: below q / 2 + |X Y| / 2^16 either way. */
static inline int16_t reduced_product(int16_t x, int16_t y)
{
	int16_t low = (int16_t)((uint16_t)x * (uint16_t)y);
	int16_t multiple = (int16_t)((uint16_t)low * (uint16_t)Q_INVERSE);

	return (int16_t)(((int32_t)x * y >> 16) - ((int32_t)multiple * MLKEM_Q >> 16));
}

/* 20159 is 2^26 / q, so the quotient is rounded, or off by one at the half. */
static inline int16_t reduced(int16_t x)
{
	int16_t quotient = (int16_t)((((int32_t)x * 20159 >> 16) + 512) >> 10);

	return (int16_t)(x - quotient * MLKEM_Q);
}

void haw_mlkem_reduce(mlkem_poly p)
{
	for (size_t i = 0; i < MLKEM_N; i++)
		p[i] = reduced(p[i]);
}

static inline void butterflies(int16_t *low, int16_t *high, size_t len, int16_t root)
{
	for (size_t j = 0; j < len; j++) {
		int16_t t = reduced_product(root, high[j]);

		high[j] = (int16_t)(low[j] - t);
		low[j] = (int16_t)(low[j] + t);
	}
}

void haw_mlkem_transform(mlkem_poly p)
{
	size_t i = 1;

	for (size_t len = MLKEM_N / 2; len >= 2; len /= 2)
		for (size_t start = 0; start < MLKEM_N; start += 2 * len)
			butterflies(p + start, p + start + len, len, roots[i++]);
	haw_mlkem_reduce(p);
}

static inline void butterflies_back(int16_t *low, int16_t *high, size_t len, int16_t root)
{
	for (size_t j = 0; j < len; j++) {
		int16_t t = low[j];

		low[j] = reduced((int16_t)(t + high[j]));
		high[j] = reduced_product(root, (int16_t)(high[j] - t));
	}
}

void haw_mlkem_transform_back(mlkem_poly p)
{
	size_t i = MLKEM_N / 2 - 1;

	haw_mlkem_reduce(p);
	for (size_t len = 2; len <= MLKEM_N / 2; len *= 2)
		for (size_t start = 0; start < MLKEM_N; start += 2 * len)
			butterflies_back(p + start, p + start + len, len, roots[i--]);
	for (size_t j = 0; j < MLKEM_N; j++)
		p[j] = reduced(reduced_product(p[j], MONTGOMERY_2_128));
}

/* Algorithm 12: products modulo x^2 - 17^(2 r + 1). */
void haw_mlkem_multiply(mlkem_poly sum, const mlkem_poly a, const mlkem_poly b)
{
	for (size_t i = 0; i < MLKEM_N / 2; i++) {
		const int16_t *x = a + 2 * i, *y = b + 2 * i;
		int16_t high = reduced_product(reduced_product(x[1], y[1]), squares[i]);

		sum[2 * i] = (int16_t)(sum[2 * i] + reduced_product(x[0], y[0]) + high);
		sum[2 * i + 1] = (int16_t)(sum[2 * i + 1] + reduced_product(x[0], y[1]) +
					   reduced_product(x[1], y[0]));
	}
}

void haw_mlkem_restore(mlkem_poly p)
{
	for (size_t i = 0; i < MLKEM_N; i++)
		p[i] = reduced_product(p[i], MONTGOMERY_2);
}

void haw_mlkem_add(mlkem_poly p, const mlkem_poly q)
{
	for (size_t i = 0; i < MLKEM_N; i++)
		p[i] = (int16_t)(p[i] + q[i]);
}

void haw_mlkem_subtract(mlkem_poly p, const mlkem_poly q)
{
	for (size_t i = 0; i < MLKEM_N; i++)
		p[i] = (int16_t)(p[i] - q[i]);
}
