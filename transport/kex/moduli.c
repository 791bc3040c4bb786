/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/kex/moduli.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/rand.h>

#include "transport/kex/dh_key.h"

/* moduli(5): time, type, tests, tries, size, generator, modulus. */
struct line {
	unsigned long type, tests, tries, bits;
	haw_span generator, modulus; /* hexadecimal digits */
};

enum { TYPE_SAFE = 2, TEST_COMPOSITE = 1, FIELD_MAX = HAW_DH_BITS_MAX / 4 };

static haw_span next_line(haw_span *text)
{
	const uint8_t *end = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
	haw_span line = {text->ptr, end ? (size_t)(end - text->ptr) : text->len};
	size_t used = line.len + (end ? 1 : 0);

	text->ptr += used;
	text->len -= used;
	return line;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static haw_span next_field(haw_span *line)
{
	haw_span field;

	while (line->len > 0 && is_space(*line->ptr)) {
		line->ptr++;
		line->len--;
	}
	field = (haw_span){line->ptr, 0};
	while (line->len > 0 && !is_space(*line->ptr)) {
		line->ptr++;
		line->len--;
		field.len++;
	}
	return field;
}

static bool get_number(haw_span *line, unsigned long *number)
{
	haw_span field = next_field(line);

	*number = 0;
	for (size_t i = 0; i < field.len; i++) {
		if (field.ptr[i] < '0' || field.ptr[i] > '9' || *number > 1000000)
			return false;
		*number = *number * 10 + (field.ptr[i] - '0');
	}
	return field.len > 0;
}

/* A prime that has been tested, as OpenSSH takes it; the size in the file is one less than its bits. */
static bool read_line(haw_span text, struct line *line)
{
	if (next_field(&text).len == 0 || !get_number(&text, &line->type) ||
	    !get_number(&text, &line->tests) || !get_number(&text, &line->tries) ||
	    !get_number(&text, &line->bits))
		return false;
	line->generator = next_field(&text);
	line->modulus = next_field(&text);
	line->bits++;
	return line->type == TYPE_SAFE && !(line->tests & TEST_COMPOSITE) && (line->tests & ~1ul) &&
	       line->tries > 0 && line->generator.len > 0 && line->generator.len <= FIELD_MAX &&
	       line->modulus.len > 0 && line->modulus.len <= FIELD_MAX;
}

/* Of what is in range: the smallest that is large enough, else the largest. */
static unsigned long best_size(haw_span text, uint32_t min, uint32_t wanted, uint32_t max, uint32_t *count)
{
	unsigned long best = 0;
	struct line line;

	*count = 0;
	while (text.len > 0) {
		if (!read_line(next_line(&text), &line) || line.bits < min || line.bits > max)
			continue;
		if (best == 0 || (best < wanted && line.bits > best) ||
		    (line.bits >= wanted && line.bits < best)) {
			best = line.bits;
			*count = 0;
		}
		if (line.bits == best)
			++*count;
	}
	return best;
}

static BIGNUM *number_of(haw_span digits)
{
	char text[FIELD_MAX + 1];
	BIGNUM *number = NULL;

	memcpy(text, digits.ptr, digits.len);
	text[digits.len] = '\0';
	if (BN_hex2bn(&number, text) == (int)digits.len)
		return number;
	BN_free(number);
	return NULL;
}

static bool take_line(haw_span text, unsigned long bits, uint32_t index, BIGNUM **p, BIGNUM **g)
{
	struct line line;

	while (text.len > 0) {
		if (!read_line(next_line(&text), &line) || line.bits != bits || index-- > 0)
			continue;
		*p = number_of(line.modulus);
		*g = number_of(line.generator);
		if (*p && *g && BN_num_bits(*p) == (int)bits)
			return true;
		BN_free(*p);
		BN_free(*g);
		break;
	}
	return false;
}

/* As OpenSSH: the largest that the client allows, whatever it prefers. */
static bool fixed_group(uint32_t min, uint32_t max, BIGNUM **p, BIGNUM **g)
{
	*p = max < 4096	  ? BN_get_rfc3526_prime_2048(NULL)
	     : max < 8192 ? BN_get_rfc3526_prime_4096(NULL)
			  : BN_get_rfc3526_prime_8192(NULL);
	*g = BN_new();
	if (*p && *g && BN_set_word(*g, 2) == 1 && (uint32_t)BN_num_bits(*p) >= min &&
	    (uint32_t)BN_num_bits(*p) <= max)
		return true;
	BN_free(*p);
	BN_free(*g);
	*p = *g = NULL;
	return false;
}

bool haw_moduli_choose(haw_span text, uint32_t min, uint32_t wanted, uint32_t max, BIGNUM **p, BIGNUM **g)
{
	uint32_t count, index;
	unsigned long bits = best_size(text, min, wanted, max, &count);

	*p = *g = NULL;
	if (bits > 0 && RAND_bytes((unsigned char *)&index, sizeof(index)) == 1 &&
	    take_line(text, bits, index % count, p, g))
		return true;
	return fixed_group(min, max, p, g);
}
