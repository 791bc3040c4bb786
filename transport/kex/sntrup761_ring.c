/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and products of sntrup761. The loops are for the vectorizer: straight, without conditions.
 */
#include "transport/kex/sntrup761.h"

#include <string.h>

#include <openssl/crypto.h>

/* 57 is 2^18 / q, nearly, and takes a number of 23 bits to one of 15; 29235 is 2^27 / q so closely that the
 * quotient of that is rounded to the nearest. */
int16_t haw_sntrup_mod_q(int32_t x)
{
	x -= SNTRUP_Q * ((57 * x) >> 18);
	x -= SNTRUP_Q * ((29235 * x + (1 << 26)) >> 27);
	return (int16_t)x;
}

int8_t haw_sntrup_mod_3(int16_t x)
{
	return (int8_t)(x - 3 * ((10923 * x + 16384) >> 15));
}

void haw_sntrup_multiply(int16_t out[SNTRUP_P], const int16_t a[SNTRUP_P], const int8_t b[SNTRUP_P])
{
	int32_t product[2 * SNTRUP_P] = {0};

	for (size_t i = 0; i < SNTRUP_P; i++) {
		const int32_t factor = b[i];

		for (size_t j = 0; j < SNTRUP_P; j++)
			product[i + j] += factor * a[j];
	}
	/* x^p = x + 1 */
	for (size_t i = 2 * SNTRUP_P - 2; i >= SNTRUP_P; i--) {
		product[i - SNTRUP_P] += product[i];
		product[i - SNTRUP_P + 1] += product[i];
	}
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = haw_sntrup_mod_q(product[i]);
	OPENSSL_cleanse(product, sizeof(product));
}

void haw_sntrup_multiply_small(int8_t out[SNTRUP_P], const int8_t a[SNTRUP_P], const int8_t b[SNTRUP_P])
{
	int16_t product[2 * SNTRUP_P] = {0};

	for (size_t i = 0; i < SNTRUP_P; i++) {
		const int16_t factor = b[i];

		for (size_t j = 0; j < SNTRUP_P; j++)
			product[i + j] = (int16_t)(product[i + j] + factor * a[j]);
	}
	for (size_t i = 2 * SNTRUP_P - 2; i >= SNTRUP_P; i--) {
		product[i - SNTRUP_P] = (int16_t)(product[i - SNTRUP_P] + product[i]);
		product[i - SNTRUP_P + 1] = (int16_t)(product[i - SNTRUP_P + 1] + product[i]);
	}
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i] = haw_sntrup_mod_3(product[i]);
	OPENSSL_cleanse(product, sizeof(product));
}
