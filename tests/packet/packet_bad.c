/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer may get wrong, with packets made by hand under real keys: the error comes after
 * every good packet before it, says what was wrong, and nothing follows.
 */
#include "forge.h"

enum { BEFORE = 5 };

static const haw_suite *suite;

static uint32_t fitting(uint32_t least)
{
	return forge_fitting(suite, least);
}

/* What is not authentic is hidden behind as many bytes as the largest packet has (packet_discard.c). */
static bool hides(void)
{
	return suite->length_mode == HAW_LENGTH_FIRST_BLOCK;
}

/* Feed F's wire: BEFORE good packets arrive, then the error CODE with TEXT in it, and stays. */
static void expect_error(const struct forge *f, uint32_t before, int code, const char *text)
{
	struct haw_packet packet;
	struct receiver r;
	struct pair pair;
	int rc;

	pair_open(&pair);
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, FORGE_KEYS, NULL) == 0);
	receiver_open(&r, pair.to, &f->wire);
	receiver_give(&r, r.len);
	for (uint32_t i = 0; i < before; i++) {
		rc = receiver_next(&r, &packet);
		CHECK_MSG(rc == 1, "%s: packet %u: %s", suite->name, i, r.err.message);
		CHECK(packet.payload.len == fitting(30 + 40 * i) - 1 - (4 + i));
	}
	rc = receiver_next(&r, &packet);
	CHECK_MSG(rc == code && r.err.code == code, "%s: %d: %s", suite->name, rc, r.err.message);
	CHECK_MSG(strstr(r.err.message, text), "%s: %s", suite->name, r.err.message);
	CHECK(r.err.fault == HAW_FAULT_PEER);
	CHECK(r.err.reason == (code == HAW_EINTEGRITY ? 5 : 2));
	memset(&r.err, 0, sizeof(r.err));
	CHECK(receiver_next(&r, &packet) == code && strstr(r.err.message, text));
	receiver_close(&r);
	pair_close(&pair);
}

/* The same for a packet whose MAC is wrong. */
static void expect_altered(struct forge *f, uint32_t before)
{
	CHECK(!hides() || forge_garbage(f, FORGE_DISCARD + HAW_TAG_MAX));
	expect_error(f, before, HAW_EINTEGRITY, "failed its integrity check");
}

/* The same for one whose length cannot be: where that is authenticated with the plaintext, nothing but the
 * MAC is ever said to be wrong. */
static void expect_no_length(struct forge *f, uint32_t before, const char *text)
{
	if (hides())
		expect_altered(f, before);
	else
		expect_error(f, before, HAW_EPROTOCOL, text);
}

static void wrong_padding(void)
{
	for (uint32_t before = 0; before <= BEFORE; before++) {
		static const uint8_t few[] = {0, 1, 2, 3};
		uint32_t length = fitting(40);
		struct forge f;

		for (size_t i = 0; i < sizeof(few); i++) {
			CHECK(forge_open(&f, suite) && forge_good(&f, before) &&
			      forge_packet(&f, length, few[i]));
			CHECK(forge_good(&f, 2));
			expect_error(&f, before, HAW_EPROTOCOL, "fewer than 4");
			forge_close(&f);
		}
		CHECK(forge_open(&f, suite) && forge_good(&f, before) &&
		      forge_packet(&f, length, (uint8_t)length));
		expect_error(&f, before, HAW_EPROTOCOL, "beyond its length");
		forge_close(&f);
		CHECK(forge_open(&f, suite) && forge_good(&f, before) && forge_packet(&f, length, 255));
		expect_error(&f, before, HAW_EPROTOCOL, "beyond its length");
		forge_close(&f);
		CHECK(forge_open(&f, suite) && forge_good(&f, before));
		CHECK(forge_packet(&f, length, (uint8_t)(length - 1)));
		expect_error(&f, before, HAW_EPROTOCOL, "empty payload");
		forge_close(&f);
	}
}

static void wrong_length(void)
{
	const uint32_t lengths[] = {
		0,        1,          4,         HAW_PACKET_LENGTH_MAX + 1, HAW_PACKET_LENGTH_MAX + 16,
		1u << 31, 0xfffffff0, 0xffffffff};
	uint8_t plain[64] = {4, TEST_DATA};

	for (uint32_t before = 0; before <= BEFORE; before++) {
		struct forge f;

		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			CHECK(forge_open(&f, suite) && forge_good(&f, before));
			CHECK(forge_sealed(&f, lengths[i], plain, fitting(40)));
			expect_no_length(&f, before, "outside of 5 to 262144");
			forge_close(&f);
		}
		CHECK(forge_open(&f, suite) && forge_good(&f, before));
		CHECK(forge_sealed(&f, fitting(40) + 1, plain, fitting(40)));
		expect_no_length(&f, before, "does not fit blocks");
		forge_close(&f);
	}
}

/* Lengths that the suite allows at the ends of the range are taken. */
static void extreme_lengths_are_taken(void)
{
	uint32_t lengths[] = {fitting(6), fitting(HAW_PACKET_LENGTH_MAX - 20)};
	struct haw_packet packet;
	struct receiver r;
	struct forge f;
	struct pair pair;

	while (fitting(lengths[1] + 1) <= HAW_PACKET_LENGTH_MAX)
		lengths[1] = fitting(lengths[1] + 1);
	pair_open(&pair);
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, FORGE_KEYS, NULL) == 0);
	CHECK(forge_open(&f, suite));
	CHECK(forge_packet(&f, lengths[0], 4) && forge_packet(&f, lengths[1], 255) &&
	      forge_packet(&f, lengths[1], 4));
	receiver_open(&r, pair.to, &f.wire);
	receiver_give(&r, r.len);
	CHECK(receiver_next(&r, &packet) == 1 && packet.payload.len == lengths[0] - 5);
	CHECK(receiver_next(&r, &packet) == 1 && packet.payload.len == lengths[1] - 256);
	CHECK(receiver_next(&r, &packet) == 1 && packet.payload.len == lengths[1] - 5);
	CHECK(receiver_next(&r, &packet) == 0);
	receiver_close(&r);
	forge_close(&f);
	pair_close(&pair);
}

/* One bit changed anywhere in packet AT: nothing of it or behind it arrives, all before it does. */
static void tampering(void)
{
	for (uint32_t at = 0; at <= BEFORE; at++) {
		size_t start, end, i = 0;
		struct forge f;

		CHECK(forge_open(&f, suite) && forge_good(&f, at));
		start = f.wire.len;
		CHECK(forge_packet(&f, fitting(30 + 40 * at), 4 + (uint8_t)at));
		end = f.wire.len;
		for (uint32_t more = 0; more < 3; more++)
			CHECK(forge_packet(&f, fitting(60), 8));
		for (size_t byte = start; byte < end; byte += 1 + (byte - start) / 8 % 5, i++) {
			struct haw_packet packet;
			struct receiver r;
			struct pair pair;
			uint32_t got = 0;
			int rc;

			pair_open(&pair);
			CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, FORGE_KEYS, NULL) == 0);
			receiver_open(&r, pair.to, &f.wire);
			r.data[byte] ^= (uint8_t)(1u << i % 8);
			receiver_give(&r, r.len);
			while ((rc = receiver_next(&r, &packet)) == 1)
				got++;
			CHECK(got == at);
			/* A changed length may claim more than there is: then nothing comes of it, ever. */
			if (byte >= start + 4 && !hides())
				CHECK_MSG(rc == HAW_EINTEGRITY, "%s: byte %zu: %d", suite->name, byte, rc);
			CHECK(rc == HAW_EINTEGRITY || rc == HAW_EPROTOCOL ||
			      (rc == 0 && pair.to->ops->wants(pair.to)));
			receiver_close(&r);
			pair_close(&pair);
		}
		forge_close(&f);
	}
}

static void wrong_tag_says_so(void)
{
	for (uint32_t at = 0; at <= BEFORE; at++) {
		struct forge f;

		CHECK(forge_open(&f, suite) && forge_good(&f, at) && forge_packet(&f, fitting(50), 4));
		f.wire.data[f.wire.len - 1] ^= 1;
		CHECK(forge_good(&f, 3));
		expect_altered(&f, at);
		forge_close(&f);
	}
}

/* A packet left out, and one sent twice: each has its number in its tag. */
static void numbers_are_authenticated(void)
{
	struct forge f;

	CHECK(forge_open(&f, suite) && forge_good(&f, 2));
	f.seq++;
	CHECK(forge_packet(&f, fitting(100), 4));
	/* Where the length is enciphered with the number, it is wrong already. */
	if (suite->length_mode == HAW_LENGTH_APART)
		expect_error(&f, 2, HAW_EPROTOCOL, "length");
	else
		expect_altered(&f, 2);
	forge_close(&f);
}

/* What failed to open is not left lying in the ring. */
static void failed_plaintext_is_wiped(void)
{
	struct haw_packet packet;
	struct receiver r;
	struct forge f;
	struct pair pair;

	pair_open(&pair);
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, FORGE_KEYS, NULL) == 0);
	CHECK(forge_open(&f, suite) && forge_packet(&f, fitting(500), 4));
	f.wire.data[f.wire.len - 1] ^= 1;
	receiver_open(&r, pair.to, &f.wire);
	receiver_give(&r, r.len);
	CHECK(receiver_next(&r, &packet) == (hides() ? 0 : HAW_EINTEGRITY));
	for (size_t i = 0; i < r.len; i++)
		CHECK(r.data[i] == 0);
	receiver_close(&r);
	forge_close(&f);
	pair_close(&pair);
}

static void garbage_in_the_clear(void)
{
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
		{"HTTP/1.1 400 Bad Request\r\n", "outside of 5 to 262144"},
		{"\0\0\0\0aaaaaaaaaaaaaaaa", "outside of 5 to 262144"},
		{"\0\0\0\14\3aaaaaaaaaaaaaaaa", "fewer than 4"},
		{"\0\0\0\14\13aaaaaaaaaaaaaaaa", "empty payload"},
		{"\0\0\0\14\14aaaaaaaaaaaaaaaa", "beyond its length"},
		{"\0\0\0\15\4aaaaaaaaaaaaaaaaa", "does not fit blocks"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire wire = {0};
		struct haw_packet packet;
		struct receiver r;
		struct pair pair;

		wire_append(&wire, cases[i].bytes, 21);
		pair_open(&pair);
		receiver_open(&r, pair.to, &wire);
		receiver_give(&r, r.len);
		CHECK(receiver_next(&r, &packet) == HAW_EPROTOCOL);
		CHECK_MSG(strstr(r.err.message, cases[i].text), "%s", r.err.message);
		receiver_close(&r);
		wire_free(&wire);
		pair_close(&pair);
	}
}

int main(void)
{
	RUN(garbage_in_the_clear);
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		printf("suite %s\n", suite->name);
		RUN(wrong_padding);
		RUN(wrong_length);
		RUN(extreme_lengths_are_taken);
		RUN(tampering);
		RUN(wrong_tag_says_so);
		RUN(numbers_are_authenticated);
		RUN(failed_plaintext_is_wiped);
	}
	return harness_end();
}
