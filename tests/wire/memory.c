/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures that stick, views, rewinding, limits, lent and taken memory, strings of unknown length;
 * and readers fed with mutations of valid messages.
 */
#include <stdint.h>

#include <hawser/message.h>

#include "harness.h"

static void failure_sticks_to_readers(void)
{
	haw_message m;

	haw_message_read(&m, "\0\0\0\x05" "abc" "\x01\x02\x03\x04\x05\x06\x07\x08", 15);
	haw_get_bytes(&m, 13);
	CHECK(haw_message_ok(&m));
	haw_get_u32(&m);
	CHECK(!haw_message_ok(&m));
	/* Two bytes are left, and still nothing comes. */
	CHECK(haw_get_byte(&m) == 0 && haw_get_u32(&m) == 0 && haw_get_u64(&m) == 0 && !haw_get_bool(&m));
	CHECK(haw_get_string(&m).len == 0 && haw_get_mpint(&m).len == 0 && haw_get_name_list(&m).len == 0);
	CHECK(haw_get_text(&m).len == 0 && haw_get_adaptive(&m) == 0 && haw_get_bytes(&m, 1).ptr == NULL);
	CHECK(haw_get_bytes(&m, 0).len == 0 && haw_message_remainder(&m).len == 0);
	CHECK(!haw_message_complete(&m));
	haw_message_rewind(&m);
	CHECK(haw_message_ok(&m) && haw_get_u32(&m) == 5);
	haw_message_fail(&m);
	CHECK(haw_get_byte(&m) == 0 && !haw_message_ok(&m));
}

static void failure_sticks_to_writers(void)
{
	uint8_t room[8];
	haw_message m;

	haw_message_write_to(&m, room, sizeof(room));
	haw_put_u32(&m, 1);
	haw_put_u64(&m, 2);
	CHECK(!haw_message_ok(&m));
	haw_put_byte(&m, 3);
	CHECK(!haw_message_ok(&m) && haw_message_all(&m).len == 4 && haw_put_space(&m, 1) == NULL);
	haw_message_reset(&m);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).len == 0);
	haw_put_u64(&m, 2);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).ptr == room);
	haw_message_free(&m);
}

static void directions_do_not_mix(void)
{
	uint8_t bytes[16] = {0};
	haw_message m;

	haw_message_read(&m, bytes, sizeof(bytes));
	haw_put_byte(&m, 1);
	CHECK(!haw_message_ok(&m) && bytes[0] == 0);
	haw_message_write(&m, 0);
	haw_put_u64(&m, 1);
	CHECK(haw_get_byte(&m) == 0 && !haw_message_ok(&m));
	haw_message_free(&m);
}

static void views_follow_reading(void)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
	haw_message m;

	haw_message_read(&m, bytes, sizeof(bytes));
	CHECK(haw_message_so_far(&m).len == 0 && haw_message_remainder(&m).len == 6);
	haw_get_bytes(&m, 4);
	CHECK(haw_message_all(&m).ptr == bytes && haw_message_all(&m).len == 6);
	CHECK(haw_message_so_far(&m).ptr == bytes && haw_message_so_far(&m).len == 4);
	CHECK(haw_message_remainder(&m).ptr == bytes + 4 && haw_message_remainder(&m).len == 2);
	CHECK(!haw_message_complete(&m));
	haw_get_bytes(&m, 2);
	CHECK(haw_message_complete(&m) && haw_message_remainder(&m).len == 0);
	haw_message_rewind(&m);
	CHECK(haw_message_remainder(&m).len == 6 && haw_get_byte(&m) == 1);
	haw_message_read(&m, NULL, 0);
	CHECK(haw_message_complete(&m) && haw_message_remainder(&m).len == 0);
	haw_get_byte(&m);
	CHECK(!haw_message_ok(&m));
}

static void limits_hold(void)
{
	uint8_t *bytes = calloc(1, HAW_MESSAGE_LIMIT);
	haw_message m;

	haw_message_write(&m, 1000);
	haw_put_bytes(&m, bytes, 999);
	haw_put_byte(&m, 1);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).len == 1000);
	haw_put_byte(&m, 1);
	CHECK(!haw_message_ok(&m) && haw_message_all(&m).len == 1000);
	haw_message_free(&m);
	haw_message_write(&m, 0);
	haw_put_bytes(&m, bytes, HAW_MESSAGE_LIMIT);
	CHECK(haw_message_ok(&m));
	haw_put_byte(&m, 1);
	CHECK(!haw_message_ok(&m));
	haw_message_free(&m);
	/* A size that would wrap around. */
	haw_message_write(&m, 0);
	haw_put_u32(&m, 1);
	CHECK(haw_put_space(&m, SIZE_MAX - 2) == NULL && !haw_message_ok(&m));
	haw_message_free(&m);
	free(bytes);
}

static void growth_keeps_what_was_written(void)
{
	haw_message m;

	haw_message_write(&m, 0);
	for (uint32_t i = 0; i < 20000; i++)
		haw_put_u32(&m, i);
	haw_message_rewind(&m);
	for (uint32_t i = 0; i < 20000; i++)
		CHECK(haw_get_u32(&m) == i);
	CHECK(haw_message_complete(&m));
	/* A rewound writer still owns its memory: reset writes into it again. */
	haw_message_reset(&m);
	haw_put_byte(&m, 9);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).len == 1);
	haw_message_free(&m);
	haw_message_free(&m);
}

static void lent_memory_is_written_again(void)
{
	uint8_t room[4];
	haw_message m;

	haw_message_write_to(&m, room, sizeof(room));
	haw_put_u32(&m, 7);
	haw_message_rewind(&m);
	CHECK(haw_get_u32(&m) == 7 && haw_message_complete(&m));
	haw_message_reset(&m);
	CHECK(haw_message_all(&m).len == 0 && room[3] == 0);
	haw_put_u32(&m, 8);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).ptr == room && room[3] == 8);
	haw_put_byte(&m, 1);
	CHECK(!haw_message_ok(&m));
	haw_message_free(&m);
}

static void reset_wipes(void)
{
	static const uint8_t zeroes[6];
	uint8_t room[16];
	haw_message m;

	haw_message_write_to(&m, room, sizeof(room));
	haw_put_bytes(&m, "secret", 6);
	CHECK(memcmp(room, "secret", 6) == 0);
	haw_message_reset(&m);
	CHECK(memcmp(room, zeroes, 6) == 0);
	haw_message_write(&m, 0);
	haw_put_bytes(&m, "secret", 6);
	haw_message_reset(&m);
	CHECK(memcmp(m.data, zeroes, 6) == 0);
	haw_message_free(&m);
}

static void memory_is_taken_over(void)
{
	haw_message m;
	uint8_t room[8], *taken;
	size_t len;

	haw_message_write(&m, 0);
	haw_put_bytes(&m, "mine", 4);
	taken = haw_message_take(&m, &len);
	CHECK(taken && len == 4 && memcmp(taken, "mine", 4) == 0);
	CHECK(haw_message_all(&m).len == 0);
	free(taken);
	haw_put_byte(&m, 1);
	CHECK(haw_message_ok(&m) && haw_message_all(&m).len == 1);
	haw_message_fail(&m);
	CHECK(haw_message_take(&m, &len) == NULL && len == 0);
	haw_message_free(&m);
	haw_message_write_to(&m, room, sizeof(room));
	haw_put_byte(&m, 1);
	CHECK(haw_message_take(&m, &len) == NULL && len == 0);
}

static void strings_of_unknown_length(void)
{
	haw_message m, inner;
	size_t outer_mark, inner_mark;

	haw_message_write(&m, 0);
	outer_mark = haw_put_string_begin(&m);
	haw_put_text(&m, "name");
	inner_mark = haw_put_string_begin(&m);
	for (uint32_t i = 0; i < 200; i++)
		haw_put_u32(&m, i);
	haw_put_string_end(&m, inner_mark);
	haw_put_string_end(&m, outer_mark);
	CHECK(haw_message_ok(&m));
	haw_message_rewind(&m);
	{
		haw_span s = haw_get_string(&m);

		CHECK(haw_message_complete(&m) && s.len == 4 + 4 + 4 + 800);
		haw_message_read(&inner, s.ptr, s.len);
	}
	CHECK(haw_span_is(haw_get_text(&inner), "name") && haw_get_string(&inner).len == 800);
	CHECK(haw_message_complete(&inner));
	haw_message_reset(&m);
	haw_put_string_end(&m, 0);
	CHECK(!haw_message_ok(&m));
	haw_message_free(&m);
}

static void spans_compare(void)
{
	haw_span a = {(const uint8_t *)"abc", 3}, b = {(const uint8_t *)"abd", 3}, none = {NULL, 0};

	CHECK(haw_span_is(a, "abc") && !haw_span_is(a, "ab") && !haw_span_is(a, "abcd"));
	CHECK(haw_span_is(none, "") && !haw_span_is(none, "a"));
	CHECK(haw_span_equal(a, a) && !haw_span_equal(a, b) && !haw_span_equal(a, none));
	CHECK(haw_span_equal(none, none));
}

/* ---- Mutations: always the same ones, so a failure can be repeated ---- */

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t chance(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static bool inside(haw_span view, haw_span whole)
{
	return view.len == 0 || (view.ptr >= whole.ptr && view.len <= whole.len &&
				 view.ptr <= whole.ptr + (whole.len - view.len));
}

/* Read types in any order until something fails; every view must lie in the bytes given. */
static bool read_anything(haw_message *m, haw_span whole)
{
	for (int i = 0; i < 64 && haw_message_ok(m); i++) {
		size_t before = haw_message_so_far(m).len;
		haw_span view = {NULL, 0};
		uint32_t kind = chance(9);

		switch (kind) {
		case 0: haw_get_byte(m); break;
		case 1: haw_get_u32(m); break;
		case 2: haw_get_u64(m); break;
		case 3: view = haw_get_string(m); break;
		case 4: view = haw_get_text(m); break;
		case 5: view = haw_get_name_list(m); break;
		case 6: view = haw_get_mpint(m); break;
		case 7: view = haw_get_mpint_unsigned(m); break;
		default: haw_get_adaptive(m); break;
		}
		if (!inside(view, whole) || !inside(haw_message_remainder(m), whole))
			return false;
		if (haw_message_so_far(m).len < before || haw_message_so_far(m).len > whole.len)
			return false;
	}
	return true;
}

static void write_sample(haw_message *m)
{
	haw_message_reset(m);
	haw_put_byte(m, (uint8_t)chance(256));
	for (uint32_t i = chance(6); i > 0; i--) {
		switch (chance(5)) {
		case 0: haw_put_text(m, "ssh-userauth"); break;
		case 1: haw_put_name_list(m, "curve25519-sha256,ecdh-sha2-nistp256"); break;
		case 2: haw_put_mpint(m, "\x80\x01\x02\x03", 4, chance(2) == 1); break;
		case 3: haw_put_adaptive(m, (uint64_t)chance(UINT32_MAX) << chance(32)); break;
		default: haw_put_u64(m, state); break;
		}
	}
}

static void mutate(uint8_t *bytes, size_t *len)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff};

	for (uint32_t i = 1 + chance(3); i > 0 && *len > 0; i--) {
		size_t at = chance((uint32_t)*len);

		switch (chance(3)) {
		case 0: bytes[at] ^= (uint8_t)(1u << chance(8)); break;
		case 1: bytes[at] = edges[chance(sizeof(edges))]; break;
		default: *len = at; break;
		}
	}
}

static void mutations_never_leave_the_bytes(void)
{
	haw_message sample;

	haw_message_write(&sample, 0);
	for (int round = 0; round < 20000; round++) {
		haw_span all;
		haw_message m;
		uint8_t *bytes;
		size_t len;
		bool right;

		write_sample(&sample);
		CHECK(haw_message_ok(&sample));
		all = haw_message_all(&sample);
		len = all.len;
		bytes = malloc(len);
		memcpy(bytes, all.ptr, len);
		mutate(bytes, &len);
		/* Exactly as large as it is said to be. */
		bytes = realloc(bytes, len ? len : 1);
		haw_message_read(&m, bytes, len);
		right = read_anything(&m, (haw_span){bytes, len});
		free(bytes);
		CHECK_MSG(right, "round %d", round);
	}
	haw_message_free(&sample);
}

int main(void)
{
	RUN(failure_sticks_to_readers);
	RUN(failure_sticks_to_writers);
	RUN(directions_do_not_mix);
	RUN(views_follow_reading);
	RUN(limits_hold);
	RUN(growth_keeps_what_was_written);
	RUN(lent_memory_is_written_again);
	RUN(reset_wipes);
	RUN(memory_is_taken_over);
	RUN(strings_of_unknown_length);
	RUN(spans_compare);
	RUN(mutations_never_leave_the_bytes);
	return harness_end();
}
