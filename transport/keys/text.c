/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/text.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

static const char base64_digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t haw_base64_encode(char *out, const uint8_t *data, size_t len, bool pad)
{
	char *at = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t word = (uint32_t)data[i] << 16 | (n > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
				(n > 2 ? data[i + 2] : 0);

		for (size_t digit = 0; digit < n + 1; digit++)
			*at++ = base64_digits[word >> (18 - 6 * digit) & 63];
		for (size_t digit = n + 1; pad && digit < 4; digit++)
			*at++ = '=';
	}
	*at = '\0';
	return (size_t)(at - out);
}

/* Without tables or branches on the digit, since private keys pass here too. */
static int base64_value(unsigned char c)
{
	int value = -1;

	value += ((c >= 'A') & (c <= 'Z')) * (c - 'A' + 1);
	value += ((c >= 'a') & (c <= 'z')) * (c - 'a' + 27);
	value += ((c >= '0') & (c <= '9')) * (c - '0' + 53);
	value += (c == '+') * 63;
	value += (c == '/') * 64;
	return value;
}

bool haw_base64_decode(uint8_t *out, size_t *out_len, const char *text, size_t len)
{
	size_t digits = len, n = 0;
	uint32_t word = 0;

	*out_len = 0;
	while (digits > 0 && len - digits < 2 && text[digits - 1] == '=')
		digits--;
	if (len % 4 != 0 || digits % 4 == 1)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int value = base64_value((unsigned char)text[i]);

		if (value < 0)
			return false;
		word = (word << 6 | (uint32_t)value) & 0xffffff;
		if (i % 4 != 0)
			out[n++] = (uint8_t)(word >> (6 - 2 * (i % 4)));
	}
	*out_len = n;
	return digits % 4 == 0 || (word & (digits % 4 == 2 ? 15 : 3)) == 0;
}

static char lower_case(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Only the last * needs to be gone back to: what an earlier one could take, the last can too. */
static bool wildcard_match(haw_span pattern, const char *text, bool lower)
{
	size_t at = 0, star = SIZE_MAX;
	const char *resume = text;

	for (;;) {
		char c = at < pattern.len ? (char)pattern.ptr[at] : '\0';

		if (at < pattern.len && c == '*') {
			star = ++at;
			resume = text;
		} else if (*text == '\0' && at == pattern.len) {
			return true;
		} else if (*text != '\0' && at < pattern.len &&
			   (c == '?' || (lower ? lower_case(c) : c) == *text)) {
			at++;
			text++;
		} else if (star != SIZE_MAX && *resume != '\0') {
			at = star;
			text = ++resume;
		} else {
			return false;
		}
	}
}

bool haw_pattern_match(haw_span pattern, const char *text)
{
	return wildcard_match(pattern, text, false);
}

bool haw_pattern_list_match(haw_span patterns, const char *text, bool lower)
{
	bool found = false;

	while (patterns.len > 0) {
		const uint8_t *comma = memchr(patterns.ptr, ',', patterns.len);
		haw_span one = {patterns.ptr, comma ? (size_t)(comma - patterns.ptr) : patterns.len};
		size_t taken = one.len + (comma ? 1 : 0);
		bool negated = one.len > 0 && one.ptr[0] == '!';

		if (negated) {
			one.ptr++;
			one.len--;
		}
		if (one.len > 0 && wildcard_match(one, text, lower)) {
			if (negated)
				return false;
			found = true;
		}
		patterns.ptr += taken;
		patterns.len -= taken;
	}
	return found;
}

bool haw_fingerprint_sha256(haw_span blob, char *out, size_t size)
{
	uint8_t digest[32];
	char text[HAW_BASE64_SIZE(sizeof(digest))];

	if (EVP_Digest(blob.ptr, blob.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	haw_base64_encode(text, digest, sizeof(digest), false);
	return snprintf(out, size, "SHA256:%s", text) < (int)size;
}
