/* SPDX-License-Identifier: Apache-2.0
 *
 * How the polynomials of sntrup761 are written as bytes. Small ones take two bits a coefficient. Numbers
 * below moduli that are no powers of two are joined by pairs, a + M b below M N, and what is above 2^14 gives
 * bytes off, again and again, until one number is left (section 5 of the specification). The moduli are the
 * same every time, so what is done depends on no number.
 */
#include "transport/kex/sntrup761.h"

#include <openssl/crypto.h>

enum {
	LIMIT = 16384,
	LEVELS = 11, /* 761 numbers become one in so many rounds, less one */
	ROUNDED_MODULUS = (SNTRUP_Q + 2) / 3
};

void haw_sntrup_encode_small(uint8_t out[SNTRUP_SMALL_BYTES], const int8_t a[SNTRUP_P])
{
	for (size_t i = 0; i < SNTRUP_SMALL_BYTES; i++)
		out[i] = 0;
	for (size_t i = 0; i < SNTRUP_P; i++)
		out[i / 4] = (uint8_t)(out[i / 4] | (a[i] + 1) << 2 * (i % 4));
}

void haw_sntrup_decode_small(int8_t a[SNTRUP_P], const uint8_t in[SNTRUP_SMALL_BYTES])
{
	for (size_t i = 0; i < SNTRUP_P; i++)
		a[i] = (int8_t)((in[i / 4] >> 2 * (i % 4) & 3) - 1);
}

/* ---- Encoding ---- */

/* Write bytes of *NUMBER until what is left is below LIMIT; *MODULUS becomes the bound of that. */
static uint8_t *give_bytes(uint8_t *out, uint32_t *number, uint32_t *modulus, uint32_t limit)
{
	while (*modulus >= limit) {
		*out++ = (uint8_t)*number;
		*number >>= 8;
		*modulus = (*modulus + 255) >> 8;
	}
	return out;
}

static void encode(uint8_t *out, uint16_t *numbers, uint32_t every_modulus)
{
	uint32_t moduli[SNTRUP_P], number, modulus;
	size_t count = SNTRUP_P;

	for (size_t i = 0; i < count; i++)
		moduli[i] = every_modulus;
	while (count > 1) {
		for (size_t i = 0; i + 1 < count; i += 2) {
			number = numbers[i] + numbers[i + 1] * moduli[i];
			modulus = moduli[i] * moduli[i + 1];
			out = give_bytes(out, &number, &modulus, LIMIT);
			numbers[i / 2] = (uint16_t)number;
			moduli[i / 2] = modulus;
		}
		if (count & 1) {
			numbers[count / 2] = numbers[count - 1];
			moduli[count / 2] = moduli[count - 1];
		}
		count = (count + 1) / 2;
	}
	/* The last is written whole. */
	number = numbers[0];
	modulus = moduli[0];
	give_bytes(out, &number, &modulus, 2);
}

void haw_sntrup_encode(uint8_t out[SNTRUP_PUBLIC_BYTES], const int16_t a[SNTRUP_P])
{
	uint16_t numbers[SNTRUP_P];

	for (size_t i = 0; i < SNTRUP_P; i++)
		numbers[i] = (uint16_t)(a[i] + SNTRUP_HALF);
	encode(out, numbers, SNTRUP_Q);
	OPENSSL_cleanse(numbers, sizeof(numbers));
}

void haw_sntrup_encode_rounded(uint8_t out[SNTRUP_ROUNDED_BYTES], const int16_t a[SNTRUP_P])
{
	uint16_t numbers[SNTRUP_P];

	/* Exactly a third. */
	for (size_t i = 0; i < SNTRUP_P; i++)
		numbers[i] = (uint16_t)((a[i] + SNTRUP_HALF) * 10923 >> 15);
	encode(out, numbers, ROUNDED_MODULUS);
	OPENSSL_cleanse(numbers, sizeof(numbers));
}

/* ---- Decoding ---- */

/* A round of joining, by its moduli: all of them are equal but for the last. */
struct level {
	size_t count;
	uint32_t modulus, last;
};

/* How many bytes a number below MODULUS gives off, and what is left of the bound. */
static unsigned bytes_of(uint32_t *modulus)
{
	unsigned bytes = 0;

	for (; *modulus >= LIMIT; bytes++)
		*modulus = (*modulus + 255) >> 8;
	return bytes;
}

static size_t plan(struct level *levels, uint32_t every_modulus)
{
	size_t n = 0;

	levels[0] = (struct level){SNTRUP_P, every_modulus, every_modulus};
	for (; levels[n].count > 1; n++) {
		const struct level *from = &levels[n];
		struct level *to = &levels[n + 1];

		to->count = (from->count + 1) / 2;
		to->modulus = from->modulus * from->modulus;
		bytes_of(&to->modulus);
		to->last = from->last;
		if (from->count % 2 == 0) {
			to->last = from->modulus * from->last;
			bytes_of(&to->last);
		}
	}
	return n;
}

/* Take the numbers of one level apart into twice as many; END is behind the bytes that it gave off. Returns
 * their begin. The numbers grow in place, so the last is first. */
static const uint8_t *take_apart(uint16_t *numbers, const struct level *level, const uint8_t *end)
{
	size_t count = level->count;

	if (count & 1)
		numbers[count - 1] = numbers[count / 2];
	for (size_t i = count & ~(size_t)1; i > 0; i -= 2) {
		const uint32_t low = level->modulus;
		const uint32_t high = i == count ? level->last : level->modulus;
		uint32_t modulus = low * high, number = numbers[i / 2 - 1];

		for (unsigned bytes = bytes_of(&modulus); bytes > 0; bytes--)
			number = number << 8 | *--end;
		numbers[i - 2] = (uint16_t)(number % low);
		numbers[i - 1] = (uint16_t)(number / low % high);
	}
	return end;
}

static void decode(uint16_t *numbers, const uint8_t *in, size_t len, uint32_t every_modulus)
{
	struct level levels[LEVELS];
	const uint8_t *end = in + len;
	uint32_t number = 0, modulus;
	size_t n = plan(levels, every_modulus);

	for (modulus = levels[n].last; modulus > 1; modulus = (modulus + 255) >> 8)
		number = number << 8 | *--end;
	numbers[0] = (uint16_t)(number % levels[n].last);
	while (n-- > 0)
		end = take_apart(numbers, &levels[n], end);
}

void haw_sntrup_decode(int16_t a[SNTRUP_P], const uint8_t in[SNTRUP_PUBLIC_BYTES])
{
	uint16_t numbers[SNTRUP_P];

	decode(numbers, in, SNTRUP_PUBLIC_BYTES, SNTRUP_Q);
	for (size_t i = 0; i < SNTRUP_P; i++)
		a[i] = (int16_t)(numbers[i] - SNTRUP_HALF);
}

void haw_sntrup_decode_rounded(int16_t a[SNTRUP_P], const uint8_t in[SNTRUP_ROUNDED_BYTES])
{
	uint16_t numbers[SNTRUP_P];

	decode(numbers, in, SNTRUP_ROUNDED_BYTES, ROUNDED_MODULUS);
	for (size_t i = 0; i < SNTRUP_P; i++)
		a[i] = (int16_t)(numbers[i] * 3 - SNTRUP_HALF);
}
