/* SPDX-License-Identifier: Apache-2.0
 *
 * Every suite on every backend that serves it here: sizes, splits, key changes.
 */
#include "pair.h"

static const haw_suite *suite;
static const haw_backend *backend;
static const char *skipped;

static const size_t large[] = {1023,
			       1024,
			       4095,
			       4096,
			       16383,
			       16384,
			       32767,
			       32768,
			       32769,
			       65536,
			       131072,
			       262144 - 1024,
			       HAW_PAYLOAD_MAX - 1,
			       HAW_PAYLOAD_MAX};
enum { SMALL = 620, LARGE = sizeof(large) / sizeof(large[0]) };

static size_t size_of(uint32_t index)
{
	return index < SMALL ? index + 1 : large[index - SMALL];
}

/* Read everything in WIRE, fed in random pieces of at most MOST bytes (0: all at once). */
static void expect_all(struct haw_packetizer *to, const struct wire *wire, uint32_t count, uint32_t most)
{
	struct haw_packet packet;
	struct receiver r;
	uint32_t index = 0, random = 7;
	int rc = 0;

	receiver_open(&r, to, wire);
	while (r.given < r.len) {
		receiver_give(&r, most ? test_random(&random, most) : r.len);
		while ((rc = receiver_next(&r, &packet)) == 1) {
			CHECK_MSG(message_is(packet.payload, size_of(index), index, TEST_DATA),
				  "%s: message %u of %zu bytes", suite->name, index, size_of(index));
			CHECK(packet.seq == index);
			index++;
			if (most == 0 || test_random(&random, 2))
				receiver_release(&r);
		}
		CHECK_MSG(rc == 0, "%s: %s", suite->name, r.err.message);
		receiver_release(&r);
		CHECK(r.given < r.len || r.base == r.len);
	}
	CHECK(index == count);
	receiver_close(&r);
}

static void every_size(void)
{
	struct haw_packet_count out, in;
	struct pair pair;
	struct wire wire = {0};

	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, backend, 1));
	for (uint32_t i = 0; i < SMALL + LARGE; i++)
		CHECK(put_message(pair.from, size_of(i), i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	expect_all(pair.to, &wire, SMALL + LARGE, 0);
	pair.from->ops->count(pair.from, HAW_OUTGOING, &out);
	pair.to->ops->count(pair.to, HAW_INCOMING, &in);
	CHECK(out.packets == SMALL + LARGE && out.key_packets == SMALL + LARGE && out.seq == SMALL + LARGE);
	CHECK(in.packets == SMALL + LARGE && in.key_packets == SMALL + LARGE && in.seq == SMALL + LARGE);
	CHECK(out.bytes == wire.len && out.key_bytes == wire.len);
	CHECK(in.bytes == wire.len && in.key_bytes == wire.len);
	wire_free(&wire);
	pair_close(&pair);
}

static void random_pieces(void)
{
	struct wire wire = {0};
	struct pair pair;

	for (uint32_t most = 9; most < 400000; most *= 12) {
		pair_open(&pair);
		CHECK(pair_keys(&pair, suite, backend, 2));
		for (uint32_t i = 0; i < SMALL + LARGE; i++)
			CHECK(put_message(pair.from, size_of(i), i, TEST_DATA));
		CHECK(drain(pair.from, &wire));
		expect_all(pair.to, &wire, SMALL + LARGE, most);
		wire_free(&wire);
		pair_close(&pair);
	}
}

/* A short stream cut in two at every byte; what is wanted is told exactly once its length is there. */
static void split_at_every_byte(void)
{
	struct haw_packet packet;
	struct wire wire = {0};
	struct pair pair;

	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, backend, 3));
	for (uint32_t i = 0; i < 3; i++)
		CHECK(put_message(pair.from, 10 + i, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	for (size_t split = 0; split <= wire.len; split++) {
		struct haw_packetizer *to = haw_packetizer_new(pair_selector(), pair.pool, NULL);
		struct receiver r;
		uint32_t i = 0;
		size_t wants;

		CHECK(use_keys(to, HAW_INCOMING, suite, backend, 3, NULL) == 0);
		receiver_open(&r, to, &wire);
		receiver_give(&r, split);
		while (receiver_next(&r, &packet) == 1)
			CHECK(message_is(packet.payload, 10 + i, i, TEST_DATA) && ++i);
		wants = to->ops->wants(to);
		CHECK(wants <= wire.len - split);
		if (split % 2)
			receiver_release(&r);
		/* One byte less than what is wanted completes nothing. */
		if (wants > 1) {
			receiver_give(&r, wants - 1);
			CHECK(receiver_next(&r, &packet) == 0);
			CHECK(to->ops->wants(to) == 1);
			receiver_give(&r, 1);
			CHECK(receiver_next(&r, &packet) == 1);
			CHECK(message_is(packet.payload, 10 + i, i, TEST_DATA) && ++i);
		}
		receiver_give(&r, r.len);
		while (receiver_next(&r, &packet) == 1)
			CHECK(message_is(packet.payload, 10 + i, i, TEST_DATA) && ++i);
		CHECK(i == 3);
		receiver_close(&r);
		to->ops->free(to);
	}
	wire_free(&wire);
	pair_close(&pair);
}

/* ---- Bulk ---- */

struct source {
	const uint8_t *memory;
	size_t size;
	uint32_t left, sealed;
};

static bool source_next(void *user, struct haw_bulk *bulk)
{
	struct source *s = user;
	size_t at = 13, pieces = 1 + s->left % HAW_PAYLOAD_SPANS;

	if (s->left == 0)
		return false;
	memcpy(bulk->head, s->memory, 13);
	bulk->head_len = 13;
	bulk->span_count = (uint16_t)pieces;
	for (size_t i = 0; i < pieces; i++) {
		size_t n = i + 1 == pieces ? s->size - at : (i * 101 + 1) % 700;

		bulk->spans[i] = (haw_span){s->memory + at, n};
		at += n;
	}
	bulk->cookie = NULL;
	s->left--;
	return true;
}

static void source_sealed(void *user, void *cookie)
{
	((struct source *)user)->sealed++;
}

static void scattered_bulk(void)
{
	struct source s = {.size = HAW_BULK_PAYLOAD, .left = 100};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	uint8_t *memory = malloc(s.size);
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;

	message_fill(memory, s.size, 0, TEST_DATA);
	s.memory = memory;
	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, backend, 4));
	pair.from->ops->set_source(pair.from, &source);
	CHECK(drain(pair.from, &wire));
	CHECK(s.sealed == 100);
	receiver_open(&r, pair.to, &wire);
	for (uint32_t i = 0; i < 100; i++) {
		int rc;

		while ((rc = receiver_next(&r, &packet)) == 0 && r.given < r.len)
			receiver_give(&r, 300000);
		CHECK_MSG(rc == 1, "%s: packet %u: %s", suite->name, i, r.err.message);
		CHECK(message_is(packet.payload, s.size, 0, TEST_DATA));
		receiver_release(&r);
	}
	receiver_close(&r);
	wire_free(&wire);
	free(memory);
	pair_close(&pair);
}

/* ---- Keys ---- */

/* NEWKEYS as message AT of COUNT, everything in one feed, behind it the next keys (the same suite
 * or another). */
static void cross_keys(const haw_suite *next, uint32_t at, uint32_t count, bool reset)
{
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	haw_error err;

	pair_open(&pair);
	if (at % 2) /* from the clear, or from other keys */
		CHECK(pair_keys(&pair, suite, backend, 5));
	for (uint32_t i = 0; i < count; i++) {
		CHECK(put_message(pair.from, 20 + 50 * i, i, i == at ? TEST_NEWKEYS : TEST_DATA));
		if (i == at)
			CHECK(pair.from->ops->set_keys(pair.from, HAW_OUTGOING, next, test_keys(next, 6),
						       reset, &err) == 0);
	}
	CHECK(pair.from->ops->suite(pair.from, HAW_OUTGOING) == next);
	CHECK(pair.from->ops->backend(pair.from, HAW_OUTGOING));
	CHECK(drain(pair.from, &wire));
	pair.to->ops->set_single(pair.to, true);
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	for (uint32_t i = 0; i < count; i++) {
		int rc = receiver_next(&r, &packet);

		CHECK_MSG(rc == 1, "%s, then %s, message %u: %s", suite->name, next->name, i, r.err.message);
		CHECK(message_is(packet.payload, 20 + 50 * i, i, i == at ? TEST_NEWKEYS : TEST_DATA));
		CHECK(packet.seq == (reset && i > at ? i - at - 1 : i));
		if (i == at) {
			CHECK(pair.to->ops->set_keys(pair.to, HAW_INCOMING, next, test_keys(next, 6), reset,
						     &err) == 0);
			pair.to->ops->set_single(pair.to, false);
		}
	}
	CHECK(receiver_next(&r, &packet) == 0);
	receiver_release(&r);
	CHECK(r.base == r.len);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void newkeys_at_every_position(void)
{
	for (uint32_t at = 0; at < HAW_BATCH_MAX + 6; at++) {
		const haw_suite *next = haw_suite_at(at), *same = suite;

		cross_keys(next ? next : same, at, HAW_BATCH_MAX + 6, at % 3 == 0);
	}
}

/* A peer that sends NEWKEYS where it may not, in the middle of a batch opened ahead. */
static void newkeys_inside_a_batch_is_refused(void)
{
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	haw_error err;

	/* With CBC nothing is opened ahead. */
	if (suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
		return;
	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, backend, 5));
	for (uint32_t i = 0; i < 4; i++)
		CHECK(put_message(pair.from, 20, i, i == 1 ? TEST_NEWKEYS : TEST_DATA));
	CHECK(drain(pair.from, &wire));
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	CHECK(receiver_next(&r, &packet) == 1);
	CHECK(receiver_next(&r, &packet) == 1 && packet.payload.ptr[0] == TEST_NEWKEYS);
	CHECK(pair.to->ops->set_keys(pair.to, HAW_INCOMING, suite, test_keys(suite, 6), false, &err) ==
	      HAW_EPROTOCOL);
	CHECK(receiver_next(&r, &packet) == HAW_EPROTOCOL);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void single_opens_one_at_a_time(void)
{
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;

	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, backend, 5));
	for (uint32_t i = 0; i < 4; i++)
		CHECK(put_message(pair.from, 20, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	pair.to->ops->set_single(pair.to, true);
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK(receiver_next(&r, &packet) == 1);
		receiver_release(&r);
		/* What is behind is ciphertext still. */
		CHECK(memcmp(r.data + r.base, wire.data + r.base, wire.len - r.base) == 0);
	}
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void soft_limits_ask_for_a_rekey(void)
{
	struct wire wire = {0};
	struct receiver r;
	struct haw_packet packet;
	struct pair pair;

	pair_open(&pair);
	CHECK(!pair.from->ops->wants_rekey(pair.from));
	CHECK(pair_keys(&pair, suite, backend, 5));
	pair.from->ops->set_rekey_limit(pair.from, 10000);
	pair.to->ops->set_rekey_limit(pair.to, 10000);
	for (uint32_t i = 0; i < 9; i++)
		CHECK(put_message(pair.from, 1000, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	CHECK(!pair.from->ops->wants_rekey(pair.from));
	CHECK(put_message(pair.from, 1000, 9, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	CHECK(pair.from->ops->wants_rekey(pair.from));
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	for (uint32_t i = 0; i < 10; i++) {
		CHECK(!pair.to->ops->wants_rekey(pair.to));
		CHECK(receiver_next(&r, &packet) == 1);
	}
	CHECK(pair.to->ops->wants_rekey(pair.to));
	CHECK(pair_keys(&pair, suite, backend, 6));
	CHECK(!pair.from->ops->wants_rekey(pair.from) && !pair.to->ops->wants_rekey(pair.to));
	pair.from->ops->set_rekey_limit(pair.from, 0);
	((struct haw_packet_state *)pair.from)->out.keys.number = suite->soft_packets;
	CHECK(pair.from->ops->wants_rekey(pair.from));
	((struct haw_packet_state *)pair.from)->out.keys.number = 0;
	((struct haw_packet_state *)pair.from)->out.keys.bytes = suite->soft_bytes;
	CHECK(pair.from->ops->wants_rekey(pair.from));
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void run_suite(void)
{
	printf("suite %s\n", suite->name);
	RUN(every_size);
	RUN(random_pieces);
	RUN(split_at_every_byte);
	RUN(scattered_bulk);
	RUN(newkeys_at_every_position);
	RUN(newkeys_inside_a_batch_is_refused);
	RUN(single_opens_one_at_a_time);
	RUN(soft_limits_ask_for_a_rekey);
}

static void run_backend(void)
{
	printf("backend %s\n", backend->name);
	skipped = backend->unusable(backend);
	if (skipped)
		harness_skip(backend->name, skipped);
	for (size_t i = 0; !skipped && (suite = haw_suite_at(i)); i++)
		if (!backend->refuses(backend, suite))
			run_suite();
}

int main(void)
{
	bool named = pair_selector(), reduced = false;
	const char *effort = getenv("HAWSER_TEST_EFFORT");

	for (size_t i = 0; named && !reduced && (suite = haw_suite_at(i)); i++) {
		if (!pair_selects(suite))
			continue;
		run_suite();
		reduced = effort && strcmp(effort, "reduced") == 0; /* one will do */
	}
	for (size_t i = 0; !named && (backend = haw_backend_at(i)); i++)
		run_backend();
	return harness_end();
}
