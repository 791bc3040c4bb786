/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer may get wrong, with packets made by hand under real keys: the error comes after
 * every good packet before it, says what was wrong, and nothing follows.
 */
#include "pair.h"

enum { BEFORE = 5 };

static const haw_suite *suite;

/* Seals packets made by hand, good and bad ones, with the suite's own sealer. */
struct forge {
	haw_sealer *sealer;
	struct wire wire;
	uint32_t seq;
	uint64_t block;
};

static bool forge_open(struct forge *f)
{
	*f = (struct forge){0};
	f->sealer = haw_selector_sealer(NULL, suite, test_keys(suite, 9), NULL, NULL);
	return f->sealer != NULL;
}

static void forge_close(struct forge *f)
{
	f->sealer->ops->free(f->sealer);
	wire_free(&f->wire);
}

/* Seal LEN bytes of plaintext that stand behind packet_length; the field itself says LENGTH. */
static bool forge_sealed(struct forge *f, uint32_t length, const uint8_t *plain, size_t len)
{
	uint8_t *bytes = calloc(1, 4 + len + HAW_TAG_MAX);
	haw_job job = {.length = (uint32_t)len, .seq = f->seq, .number = f->seq, .block = f->block},
		*jobs = &job, *done;
	size_t enciphered = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 4 + len : len;
	bool ok;

	bytes[0] = (uint8_t)(length >> 24);
	bytes[1] = (uint8_t)(length >> 16);
	bytes[2] = (uint8_t)(length >> 8);
	bytes[3] = (uint8_t)length;
	memcpy(bytes + 4, plain, len);
	job.in[0] = (haw_span){bytes, 4 + len};
	job.out[0] = (haw_mut_span){bytes, 4 + len + suite->tag_size};
	job.in_count = job.out_count = 1;
	ok = f->sealer->ops->submit(f->sealer, &jobs, 1) == 1 &&
	     f->sealer->ops->poll(f->sealer, &done, 1) == 1 && job.status == 0;
	wire_append(&f->wire, bytes, 4 + len + suite->tag_size);
	free(bytes);
	f->seq++;
	f->block += enciphered / (suite->block_size ? suite->block_size : 8);
	return ok;
}

/* One packet of LENGTH bytes (behind the field) that claims PADDING. */
static bool forge_packet(struct forge *f, uint32_t length, uint8_t padding)
{
	uint8_t *plain = calloc(1, length);
	bool ok;

	plain[0] = padding;
	plain[1] = TEST_DATA;
	ok = forge_sealed(f, length, plain, length);
	free(plain);
	return ok;
}

/* The least packet_length that fits the suite's blocks and is at least LEAST. */
static uint32_t fitting(uint32_t least)
{
	uint32_t unit = suite->block_size > 8 ? suite->block_size : 8;
	uint32_t outside = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 4 : 0;

	return (least + outside + unit - 1) / unit * unit - outside;
}

/* COUNT good packets of different sizes. */
static bool forge_good(struct forge *f, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!forge_packet(f, fitting(30 + 40 * i), 4 + i))
			return false;
	return true;
}

/* Feed F's wire: BEFORE good packets arrive, then the error CODE with TEXT in it, and stays. */
static void expect_error(const struct forge *f, uint32_t before, int code, const char *text)
{
	struct haw_packet packet;
	struct receiver r;
	struct pair pair;
	int rc;

	pair_open(&pair);
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, 9, NULL) == 0);
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

static void wrong_padding(void)
{
	for (uint32_t before = 0; before <= BEFORE; before++) {
		static const uint8_t few[] = {0, 1, 2, 3};
		uint32_t length = fitting(40);
		struct forge f;

		for (size_t i = 0; i < sizeof(few); i++) {
			CHECK(forge_open(&f) && forge_good(&f, before) && forge_packet(&f, length, few[i]));
			CHECK(forge_good(&f, 2));
			expect_error(&f, before, HAW_EPROTOCOL, "fewer than 4");
			forge_close(&f);
		}
		CHECK(forge_open(&f) && forge_good(&f, before) && forge_packet(&f, length, (uint8_t)length));
		expect_error(&f, before, HAW_EPROTOCOL, "beyond its length");
		forge_close(&f);
		CHECK(forge_open(&f) && forge_good(&f, before) && forge_packet(&f, length, 255));
		expect_error(&f, before, HAW_EPROTOCOL, "beyond its length");
		forge_close(&f);
		CHECK(forge_open(&f) && forge_good(&f, before));
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
			CHECK(forge_open(&f) && forge_good(&f, before));
			CHECK(forge_sealed(&f, lengths[i], plain, fitting(40)));
			expect_error(&f, before, HAW_EPROTOCOL, "outside of 5 to 262144");
			forge_close(&f);
		}
		CHECK(forge_open(&f) && forge_good(&f, before));
		CHECK(forge_sealed(&f, fitting(40) + 1, plain, fitting(40)));
		expect_error(&f, before, HAW_EPROTOCOL, "does not fit blocks");
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
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, 9, NULL) == 0);
	CHECK(forge_open(&f));
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

		CHECK(forge_open(&f) && forge_good(&f, at));
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
			CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, 9, NULL) == 0);
			receiver_open(&r, pair.to, &f.wire);
			r.data[byte] ^= (uint8_t)(1u << i % 8);
			receiver_give(&r, r.len);
			while ((rc = receiver_next(&r, &packet)) == 1)
				got++;
			CHECK(got == at);
			/* A changed length may claim more than there is: then nothing comes of it, ever. */
			if (byte >= start + (suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 16u : 4u))
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

		CHECK(forge_open(&f) && forge_good(&f, at) && forge_packet(&f, fitting(50), 4));
		f.wire.data[f.wire.len - 1] ^= 1;
		CHECK(forge_good(&f, 3));
		expect_error(&f, at, HAW_EINTEGRITY, "failed its integrity check");
		forge_close(&f);
	}
}

/* A packet left out, and one sent twice: each has its number in its tag. */
static void numbers_are_authenticated(void)
{
	struct forge f;

	CHECK(forge_open(&f) && forge_good(&f, 2));
	f.seq++;
	CHECK(forge_packet(&f, fitting(100), 4));
	/* Where the length is enciphered with the number, it is wrong already. */
	if (suite->length_mode == HAW_LENGTH_APART)
		expect_error(&f, 2, HAW_EPROTOCOL, "length");
	else
		expect_error(&f, 2, HAW_EINTEGRITY, "integrity");
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
	CHECK(use_keys(pair.to, HAW_INCOMING, suite, NULL, 9, NULL) == 0);
	CHECK(forge_open(&f) && forge_packet(&f, fitting(500), 4));
	f.wire.data[f.wire.len - 1] ^= 1;
	receiver_open(&r, pair.to, &f.wire);
	receiver_give(&r, r.len);
	CHECK(receiver_next(&r, &packet) == HAW_EINTEGRITY);
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
