/* SPDX-License-Identifier: Apache-2.0
 *
 * Known answers of bcrypt_pbkdf, the digits of pi, base64 and wildcards.
 */
#include <stdint.h>

#include "harness.h"

#include "transport/keys/bcrypt_pbkdf.h"
#include "transport/keys/blowfish_pi.h"
#include "transport/keys/text.h"

static haw_error err;

/* ---- Pi, by Machin's formula: pi = 16 atan(1/5) - 4 atan(1/239), fixed point, words of 32 bits ---- */

enum { PI_WORDS = 18 + 4 * 256, WORDS = 1 + PI_WORDS + 2 };

static void divide(uint32_t *x, uint32_t by)
{
	uint64_t rest = 0;

	for (int i = 0; i < WORDS; i++) {
		rest = rest << 32 | x[i];
		x[i] = (uint32_t)(rest / by);
		rest %= by;
	}
}

static bool is_zero(const uint32_t *x)
{
	for (int i = 0; i < WORDS; i++)
		if (x[i])
			return false;
	return true;
}

static void add(uint32_t *sum, const uint32_t *x, bool subtract)
{
	uint64_t carry = subtract;

	for (int i = WORDS - 1; i >= 0; i--) {
		carry += (uint64_t)sum[i] + (subtract ? (uint32_t)~x[i] : x[i]);
		sum[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

/* Add FACTOR * atan(1/X) to SUM, or subtract it. */
static void add_arctangent(uint32_t *sum, uint32_t factor, uint32_t x, bool subtract)
{
	uint32_t power[WORDS] = {factor}, term[WORDS];

	divide(power, x);
	for (uint32_t n = 1; !is_zero(power); n += 2) {
		memcpy(term, power, sizeof(term));
		divide(term, n);
		add(sum, term, subtract != (n % 4 == 3));
		divide(power, x * x);
	}
}

static void blowfish_starts_with_pi(void)
{
	static uint32_t pi[WORDS];

	add_arctangent(pi, 16, 5, false);
	add_arctangent(pi, 4, 239, true);
	CHECK(pi[0] == 3);
	CHECK(memcmp(pi + 1, haw_blowfish_pi, sizeof(haw_blowfish_pi)) == 0);
}

/* ---- bcrypt_pbkdf ---- */

static const struct {
	const char *passphrase, *salt;
	size_t passphrase_len, salt_len;
	unsigned int rounds;
	const char *out;
} answers[] = {
	/* Of the OpenBSD regression tests and of other implementations. */
	{"password", "salt", 8, 4, 4, "5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9"},
	{"password", "\0", 8, 1, 4, "c12b566235eee04c212598970a579a67"},
	{"\0", "salt", 1, 4, 4, "6051be18c2f4f82cbf0efee5471b4bb9"},
	{"password\0", "salt\0", 9, 5, 4, "7410e44cf4fa07bfaac8a928b1727fac001375e7bf7384370f48efd121743050"},
	{"pass\0wor", "sa\0l", 8, 4, 4, "c2bffd9db38f6569efef4372f4de83c0"},
	{"pass\0word", "sa\0lt", 9, 5, 4, "4ba4ac3925c0e8d7f0cdb6bb1684a56f"},
	{"password", "salt", 8, 4, 8,
	 "e1367ec5151a33faac4cc1c144cd23fa15d5548493ecc99b9b5d9c0d3b27bec7"
	 "6227ea66088b849b20ab7aa478010246e74bba51723fefa9f9474d6508845e8d"},
	{"password", "salt", 8, 4, 42, "833cf0dcf56db65608e8f0dc0ce882bd"},
};

static void bcrypt_known_answers(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t len = strlen(answers[i].out) / 2;
		char text[2 * 64 + 1];
		uint8_t out[64];

		CHECK(haw_bcrypt_pbkdf(answers[i].passphrase, answers[i].passphrase_len, answers[i].salt,
				       answers[i].salt_len, answers[i].rounds, out, len, &err) == 0);
		for (size_t n = 0; n < len; n++)
			snprintf(text + 2 * n, 3, "%02x", out[n]);
		CHECK_MSG(strcmp(text, answers[i].out) == 0, "answer %zu is %s", i, text);
	}
}

static void bcrypt_bounds(void)
{
	static const char salt[HAW_BCRYPT_SALT_MAX + 1];
	uint8_t out[64];

	CHECK(haw_bcrypt_pbkdf("", 0, "salt", 4, 4, out, 32, &err) == HAW_EINVAL);
	CHECK(haw_bcrypt_pbkdf("p", 1, "", 0, 4, out, 32, &err) == HAW_EINVAL);
	CHECK(haw_bcrypt_pbkdf("p", 1, salt, sizeof(salt), 1, out, 32, &err) == HAW_EINVAL);
	CHECK(haw_bcrypt_pbkdf("p", 1, salt, sizeof(salt) - 1, 1, out, 32, &err) == 0);
	CHECK(haw_bcrypt_pbkdf("p", 1, "salt", 4, 0, out, 32, &err) == HAW_EINVAL);
	CHECK(haw_bcrypt_pbkdf("p", 1, "salt", 4, HAW_BCRYPT_ROUNDS_MAX + 1, out, 32, &err) == HAW_EINVAL);
	CHECK(haw_bcrypt_pbkdf("p", 1, "salt", 4, 1, out, 0, &err) == HAW_EINVAL);
}

/* ---- Base64 (RFC 4648 §10) ---- */

static void base64_known_answers(void)
{
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[16];
		uint8_t bytes[16];
		size_t len = strlen(pairs[i][0]);

		CHECK(haw_base64_encode(text, (const uint8_t *)pairs[i][0], len, true) ==
		      strlen(pairs[i][1]));
		CHECK(strcmp(text, pairs[i][1]) == 0);
		CHECK(haw_base64_decode(bytes, &len, pairs[i][1], strlen(pairs[i][1])));
		CHECK(len == strlen(pairs[i][0]) && memcmp(bytes, pairs[i][0], len) == 0);
	}
}

static void base64_every_byte(void)
{
	uint8_t bytes[256], back[258];
	char text[HAW_BASE64_SIZE(256)];

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t back_len, n;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(i * 167 + len);
		n = haw_base64_encode(text, bytes, len, true);
		CHECK(n + 1 == HAW_BASE64_SIZE(len));
		CHECK(haw_base64_decode(back, &back_len, text, n) && back_len == len);
		CHECK(memcmp(bytes, back, len) == 0);
	}
}

static void base64_is_strict(void)
{
	static const char *const wrong[] = {
		"Z",    "Zg",   "Zg=",    "Zg==Zg==", "Zm9v=", "Z===", "====",    "=",
		"Zh==", "Zm9=", "Zm9v\n", "Zm 9",     "Zm-v",  "Zm_v", "Zm9\xff", "Zg==\n"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t bytes[16];
		size_t len;

		CHECK_MSG(!haw_base64_decode(bytes, &len, wrong[i], strlen(wrong[i])), "%s", wrong[i]);
	}
}

/* ---- Wildcards ---- */

static haw_span span(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

static void wildcards(void)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "abc", true},
		{"?", "", false},
		{"?", "a", true},
		{"a*", "a", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbb", false},
		{"*a*b*", "xaxb", true},
		{"*a*b*", "xbxa", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"**", "a", true},
		{"*?", "", false},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "example.com", false},
		{"ab", "abc", false},
		{"abc", "ab", false},
		{"A", "a", false},
		{"*ab", "aab", true},
		{"*aab", "aaab", true},
		{"\xff", "\xff", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_MSG(haw_pattern_match(span(cases[i].pattern), cases[i].text) == cases[i].match, "%s %s",
			  cases[i].pattern, cases[i].text);
}

/* A pattern made to be slow takes no exponential time: this ends at once or not in our lives. */
static void wildcards_are_quick(void)
{
	char pattern[129], text[4097];

	for (size_t i = 0; i < 128; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[127] = 'b';
	memset(text, 'a', sizeof(text) - 1);
	pattern[128] = text[4096] = '\0';
	CHECK(!haw_pattern_match(span(pattern), text));
}

static void pattern_lists(void)
{
	CHECK(haw_pattern_list_match(span("a,b"), "b", false));
	CHECK(!haw_pattern_list_match(span("a,b"), "c", false));
	CHECK(!haw_pattern_list_match(span("*,!b"), "b", false));
	CHECK(haw_pattern_list_match(span("*,!b"), "a", false));
	CHECK(!haw_pattern_list_match(span("!b"), "a", false));
	CHECK(!haw_pattern_list_match(span("!b,*"), "b", false));
	CHECK(haw_pattern_list_match(span("ABC"), "abc", true));
	CHECK(!haw_pattern_list_match(span("ABC"), "abc", false));
	CHECK(!haw_pattern_list_match(span(",,"), "", false));
	CHECK(!haw_pattern_list_match(span(""), "", false));
}

int main(void)
{
	RUN(blowfish_starts_with_pi);
	RUN(bcrypt_known_answers);
	RUN(bcrypt_bounds);
	RUN(base64_known_answers);
	RUN(base64_every_byte);
	RUN(base64_is_strict);
	RUN(wildcards);
	RUN(wildcards_are_quick);
	RUN(pattern_lists);
	return harness_end();
}
