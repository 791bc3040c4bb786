/* SPDX-License-Identifier: Apache-2.0
 *
 * Every type written and read back, and what a reader must refuse.
 */
#include <stdint.h>

#include <hawser/message.h>

#include "harness.h"

static bool same(haw_span span, const void *bytes, size_t len)
{
	return span.len == len && (len == 0 || memcmp(span.ptr, bytes, len) == 0);
}

/* One of each type, in the order that read_all expects. */
static void write_all(haw_message *m)
{
	static const uint8_t magnitude[] = {0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7};

	haw_put_byte(m, 0xfe);
	haw_put_bool(m, true);
	haw_put_bool(m, false);
	haw_put_u32(m, 0x29b7f4aa);
	haw_put_u64(m, 0x0123456789abcdefu);
	haw_put_string(m, "a\0b", 3);
	haw_put_text(m, "gr\xc3\xbc\xc3\x9f");
	haw_put_name_list(m, "zlib,none");
	haw_put_mpint(m, magnitude, sizeof(magnitude), false);
	haw_put_mpint(m, magnitude, sizeof(magnitude), true);
	haw_put_adaptive(m, 7);
	haw_put_adaptive(m, UINT64_MAX);
	haw_put_bytes(m, "raw", 3);
}

static bool read_all(haw_message *m)
{
	static const uint8_t positive[] = {0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7};
	static const uint8_t negative[] = {0xf6, 0x5c, 0x87, 0x06, 0x4d, 0x1c, 0xcd, 0x59};
	bool right = haw_get_byte(m) == 0xfe;

	right = haw_get_bool(m) && right;
	right = !haw_get_bool(m) && right;
	right = haw_get_u32(m) == 0x29b7f4aa && right;
	right = haw_get_u64(m) == 0x0123456789abcdefu && right;
	right = same(haw_get_string(m), "a\0b", 3) && right;
	right = same(haw_get_text(m), "gr\xc3\xbc\xc3\x9f", 6) && right;
	right = same(haw_get_name_list(m), "zlib,none", 9) && right;
	right = same(haw_get_mpint(m), positive, sizeof(positive)) && right;
	right = same(haw_get_mpint(m), negative, sizeof(negative)) && right;
	right = haw_get_adaptive(m) == 7 && right;
	right = haw_get_adaptive(m) == UINT64_MAX && right;
	return same(haw_get_bytes(m, 3), "raw", 3) && right;
}

static void every_type_comes_back(void)
{
	haw_message m;

	haw_message_write(&m, 0);
	write_all(&m);
	CHECK(haw_message_ok(&m));
	haw_message_rewind(&m);
	CHECK(read_all(&m));
	CHECK(haw_message_complete(&m));
	haw_message_free(&m);
}

static void truncation_fails_at_every_byte(void)
{
	haw_message whole;
	haw_span all;

	haw_message_write(&whole, 0);
	write_all(&whole);
	all = haw_message_all(&whole);
	for (size_t len = 0; len < all.len; len++) {
		/* A copy of the exact size, so that a sanitizer sees any read beyond it. */
		uint8_t *part = malloc(len ? len : 1);
		haw_message m;
		bool right, ok;

		memcpy(part, all.ptr, len);
		haw_message_read(&m, part, len);
		right = read_all(&m);
		ok = haw_message_ok(&m);
		free(part);
		CHECK_MSG(!right && !ok, "cut to %zu of %zu bytes", len, all.len);
	}
	haw_message_free(&whole);
}

struct mpint_case {
	const char *what;
	const char *wire;
	size_t len;
	bool reads, reads_unsigned;
};

/* RFC 4251 §5: the examples given there, and every form with a redundant first byte. */
static const struct mpint_case mpints[] = {
	{"zero", "\0\0\0\0", 4, true, true},
	{"9a378f9b2e332a7", "\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 12, true, true},
	{"80", "\0\0\0\x02\0\x80", 6, true, true},
	{"-1234", "\0\0\0\x02\xed\xcc", 6, true, false},
	{"-deadbeef", "\0\0\0\x05\xff\x21\x52\x41\x11", 9, true, false},
	{"-1", "\0\0\0\x01\xff", 5, true, false},
	{"zero as a byte", "\0\0\0\x01\0", 5, false, false},
	{"zero as two bytes", "\0\0\0\x02\0\0", 6, false, false},
	{"7f with a leading zero", "\0\0\0\x02\0\x7f", 6, false, false},
	{"80 with two leading zeroes", "\0\0\0\x03\0\0\x80", 7, false, false},
	{"-1 with a leading ff", "\0\0\0\x02\xff\xff", 6, false, false},
	{"-128 with a leading ff", "\0\0\0\x02\xff\x80", 6, false, false},
	{"length beyond the bytes", "\0\0\0\x02\x01", 5, false, false},
	{"length of 4 GiB", "\xff\xff\xff\xff\x01", 5, false, false},
};

static void only_canonical_mpints_are_read(void)
{
	for (size_t i = 0; i < sizeof(mpints) / sizeof(mpints[0]); i++) {
		const struct mpint_case *c = &mpints[i];
		haw_message m;
		haw_span s;

		haw_message_read(&m, c->wire, c->len);
		s = haw_get_mpint(&m);
		CHECK_MSG(haw_message_complete(&m) == c->reads, "%s", c->what);
		CHECK_MSG(!c->reads || same(s, c->wire + 4, c->len - 4), "%s", c->what);
		CHECK(c->reads || s.len == 0);
		haw_message_read(&m, c->wire, c->len);
		s = haw_get_mpint_unsigned(&m);
		CHECK_MSG(haw_message_complete(&m) == c->reads_unsigned, "%s unsigned", c->what);
		CHECK(s.len == 0 || s.ptr[0] != 0);
	}
}

struct integer_case {
	const char *magnitude;
	size_t len;
	bool negative;
	const char *wire;
	size_t wire_len;
};

static const struct integer_case integers[] = {
	{"", 0, false, "\0\0\0\0", 4},
	{"\0\0\0", 3, false, "\0\0\0\0", 4},
	{"\0\0", 2, true, "\0\0\0\0", 4},
	{"\x7f", 1, false, "\0\0\0\x01\x7f", 5},
	{"\x80", 1, false, "\0\0\0\x02\0\x80", 6},
	{"\0\0\x80", 3, false, "\0\0\0\x02\0\x80", 6},
	{"\x01", 1, true, "\0\0\0\x01\xff", 5},
	{"\x80", 1, true, "\0\0\0\x01\x80", 5},
	{"\x81", 1, true, "\0\0\0\x02\xff\x7f", 6},
	{"\xff", 1, true, "\0\0\0\x02\xff\x01", 6},
	{"\x01\0", 2, true, "\0\0\0\x02\xff\0", 6},
	{"\x80\0", 2, true, "\0\0\0\x02\x80\0", 6},
	{"\x80\x01", 2, true, "\0\0\0\x03\xff\x7f\xff", 7},
	{"\x12\x34", 2, true, "\0\0\0\x02\xed\xcc", 6},
	{"\xde\xad\xbe\xef", 4, true, "\0\0\0\x05\xff\x21\x52\x41\x11", 9},
};

static void integers_are_written_canonically(void)
{
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		const struct integer_case *c = &integers[i];
		haw_message m;

		haw_message_write(&m, 0);
		haw_put_mpint(&m, c->magnitude, c->len, c->negative);
		CHECK(haw_message_ok(&m));
		CHECK_MSG(same(haw_message_all(&m), c->wire, c->wire_len), "integer %zu", i);
		haw_message_rewind(&m);
		haw_get_mpint(&m);
		CHECK_MSG(haw_message_complete(&m), "integer %zu is not canonical", i);
		haw_message_free(&m);
	}
}

/* Every integer of up to two bytes, both signs, is read as what it was written as. */
static void small_integers_keep_their_value(void)
{
	for (int value = -65535; value <= 65535; value++) {
		int magnitude = abs(value), read = 0;
		const uint8_t bytes[] = {(uint8_t)(magnitude >> 8), (uint8_t)magnitude};
		uint8_t room[16];
		haw_message m;
		haw_span s;

		haw_message_write_to(&m, room, sizeof(room));
		haw_put_mpint(&m, bytes, sizeof(bytes), value < 0);
		haw_message_rewind(&m);
		s = haw_get_mpint(&m);
		CHECK_MSG(haw_message_complete(&m), "%d", value);
		if (s.len > 0 && (s.ptr[0] & 0x80))
			read = -1;
		for (size_t i = 0; i < s.len; i++)
			read = (int)((unsigned int)read << 8 | s.ptr[i]);
		CHECK_MSG(read == value, "%d came back as %d", value, read);
	}
}

static void adaptive_integers(void)
{
	static const uint64_t values[] = {0, 1, 0xff, 0xfeffffff, 0xff000000, 0xffffffff, 0x100000000u,
					  (uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	haw_message m;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		haw_message_write(&m, 0);
		haw_put_adaptive(&m, values[i]);
		CHECK((haw_message_all(&m).len == 4) == (values[i] < 0xff000000u));
		haw_message_rewind(&m);
		CHECK(haw_get_adaptive(&m) == values[i]);
		CHECK(haw_message_complete(&m));
		haw_message_free(&m);
	}
	/* A small value in the long form; a negative one; one of 65 bits. */
	haw_message_read(&m, "\xff\0\0\0\x01\x07", 6);
	CHECK(haw_get_adaptive(&m) == 0 && !haw_message_ok(&m));
	haw_message_read(&m, "\xff\0\0\0\x01\x87", 6);
	CHECK(haw_get_adaptive(&m) == 0 && !haw_message_ok(&m));
	haw_message_read(&m, "\xff\0\0\0\x09\x01\0\0\0\0\0\0\0\0", 14);
	CHECK(haw_get_adaptive(&m) == 0 && !haw_message_ok(&m));
}

static bool reads_as_text(const char *bytes, size_t len)
{
	uint8_t room[64];
	haw_message m;

	haw_message_write_to(&m, room, sizeof(room));
	haw_put_string(&m, bytes, len);
	haw_message_rewind(&m);
	haw_get_text(&m);
	return haw_message_complete(&m);
}

#define TEXT(literal) reads_as_text(literal, sizeof(literal) - 1)

static void text_is_utf8(void)
{
	CHECK(TEXT("") && TEXT("plain") && TEXT("\xc2\x80") && TEXT("\xdf\xbf"));
	CHECK(TEXT("\xe0\xa0\x80") && TEXT("\xed\x9f\xbf") && TEXT("\xee\x80\x80") && TEXT("\xef\xbf\xbf"));
	CHECK(TEXT("\xf0\x90\x80\x80") && TEXT("\xf4\x8f\xbf\xbf"));
	CHECK(!TEXT("a\0b"));
	/* Stray and missing continuations. */
	CHECK(!TEXT("\x80") && !TEXT("\xbf") && !TEXT("\xc2") && !TEXT("\xc2" "a") && !TEXT("\xe2\x82"));
	CHECK(!TEXT("\xf0\x9f\x98") && !TEXT("\xe2\x82" "a"));
	/* Overlong forms, surrogates, beyond U+10FFFF, bytes that never occur. */
	CHECK(!TEXT("\xc0\x80") && !TEXT("\xc1\xbf") && !TEXT("\xe0\x9f\xbf") && !TEXT("\xf0\x8f\xbf\xbf"));
	CHECK(!TEXT("\xed\xa0\x80") && !TEXT("\xed\xbf\xbf"));
	CHECK(!TEXT("\xf4\x90\x80\x80") && !TEXT("\xf5\x80\x80\x80") && !TEXT("\xfe") && !TEXT("\xff"));
}

static void bad_text_is_not_written(void)
{
	haw_message m;

	haw_message_write(&m, 0);
	haw_put_text(&m, "\xc0\x80");
	CHECK(!haw_message_ok(&m));
	haw_message_free(&m);
	haw_message_write(&m, 0);
	haw_put_name_list(&m, "a,,b");
	CHECK(!haw_message_ok(&m));
	haw_message_free(&m);
}

static bool reads_as_list(const char *names, size_t len)
{
	uint8_t room[64];
	haw_message m;

	haw_message_write_to(&m, room, sizeof(room));
	haw_put_string(&m, names, len);
	haw_message_rewind(&m);
	haw_get_name_list(&m);
	return haw_message_complete(&m);
}

#define LIST(literal) reads_as_list(literal, sizeof(literal) - 1)

static void name_lists(void)
{
	haw_span list = {(const uint8_t *)"one,two@example.com,three", 25}, name;

	CHECK(LIST("") && LIST("a") && LIST("a,b") && LIST("aes128-gcm@openssh.com,~!\"#"));
	CHECK(!LIST(",") && !LIST("a,") && !LIST(",a") && !LIST("a,,b"));
	CHECK(!LIST("a b") && !LIST("a\n") && !LIST("a\0b") && !LIST("\x7f") && !LIST("\xc3\xbc"));
	CHECK(haw_list_has(list, "one") && haw_list_has(list, "two@example.com"));
	CHECK(haw_list_has(list, "three"));
	CHECK(!haw_list_has(list, "tw") && !haw_list_has(list, "two") && !haw_list_has(list, "thre"));
	CHECK(!haw_list_has(list, "") && !haw_list_has((haw_span){NULL, 0}, "one"));
	CHECK(haw_list_next(&list, &name) && haw_span_is(name, "one"));
	CHECK(haw_list_next(&list, &name) && haw_span_is(name, "two@example.com"));
	CHECK(haw_list_next(&list, &name) && haw_span_is(name, "three"));
	CHECK(!haw_list_next(&list, &name));
}

static void any_nonzero_byte_is_true(void)
{
	for (unsigned int value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value;
		haw_message m;

		haw_message_read(&m, &byte, 1);
		CHECK(haw_get_bool(&m) == (value != 0));
	}
}

int main(void)
{
	RUN(every_type_comes_back);
	RUN(truncation_fails_at_every_byte);
	RUN(only_canonical_mpints_are_read);
	RUN(integers_are_written_canonically);
	RUN(small_integers_keep_their_value);
	RUN(adaptive_integers);
	RUN(text_is_utf8);
	RUN(bad_text_is_not_written);
	RUN(name_lists);
	RUN(any_nonzero_byte_is_true);
	return harness_end();
}
