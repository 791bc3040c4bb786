/* SPDX-License-Identifier: Apache-2.0
 *
 * Engines that finish late and out of order, take few jobs at a time, fail, or read twice.
 */
#include "pair.h"

#include "late_engine.h"

#include "transport/packet/ring.h"

static const haw_suite *suite;

static haw_sealer *sealer(unsigned seed)
{
	return haw_selector_sealer(NULL, suite, test_keys(suite, seed), NULL, NULL);
}

static haw_sealer *opener(unsigned seed)
{
	return haw_selector_opener(NULL, suite, test_keys(suite, seed), NULL, NULL);
}

struct source {
	struct haw_packetizer *p;
	uint8_t *memory; /* one piece for each packet, wiped as soon as it is free */
	size_t size;
	uint32_t given, sealed, count;
	bool wrong_order, single_span;
};

static bool source_next(void *user, struct haw_bulk *bulk)
{
	struct source *s = user;
	uint8_t *at = s->memory + s->given * s->size;

	if (s->given == s->count)
		return false;
	message_fill(at, s->size, s->given, TEST_DATA);
	bulk->head_len = 9;
	memcpy(bulk->head, at, 9);
	bulk->span_count = 2;
	bulk->spans[0] = (haw_span){at + 9, 100};
	bulk->spans[1] = (haw_span){at + 109, s->size - 109};
	bulk->cookie = (void *)(uintptr_t)s->given++;
	return true;
}

static void source_sealed(void *user, void *cookie)
{
	struct source *s = user;

	if ((uintptr_t)cookie != s->sealed)
		s->wrong_order = true;
	memset(s->memory + s->sealed * s->size, 0xee, s->size);
	s->sealed++;
}

enum { ROUNDS = 3, MESSAGES = 150, BULK = 40, SIZE = 20000 };

/* Send NEWKEYS, then messages and bulk under keys of an engine that is late, ROUNDS times. */
static void send_late(struct pair *pair, const struct late_options *options, struct late_stats *stats,
		      struct wire *wire)
{
	struct source s = {.size = SIZE};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};

	s.memory = malloc(ROUNDS * BULK * SIZE);
	pair->from->ops->set_source(pair->from, &source);
	for (unsigned round = 0; round < ROUNDS; round++) {
		haw_sealer *engine = late_engine_new(sealer(round), options, &stats[round]);

		CHECK(put_message(pair->from, 33, round, TEST_NEWKEYS));
		CHECK(use_engine(pair->from, HAW_OUTGOING, suite, engine, NULL) == 0);
		for (uint32_t i = 0; i < MESSAGES; i++)
			CHECK(put_message(pair->from, 1 + i * 3, i, TEST_DATA + 1));
		s.count += BULK;
		CHECK(drain(pair->from, wire));
		CHECK(s.sealed == s.count && !s.wrong_order);
		CHECK(!stats[round].inputs_changed && stats[round].submitted == MESSAGES + BULK);
		CHECK(stats[round].finished == stats[round].submitted);
		CHECK(options->depth == 0 || stats[round].most_in_flight <= options->depth);
		CHECK(round == 0 || stats[round - 1].freed);
	}
	pair->from->ops->set_source(pair->from, NULL);
	free(s.memory);
}

/* Receive one round of it; the NEWKEYS behind it is not opened ahead. */
static void receive_round(struct receiver *r, uint32_t bulk)
{
	uint32_t message = 0, end = bulk + BULK;
	struct haw_packet packet;

	while (message < MESSAGES || bulk < end) {
		int rc = receiver_next(r, &packet);

		CHECK_MSG(rc >= 0, "%s: %s", suite->name, r->err.message);
		if (rc == 0) {
			CHECK(r->given < r->len);
			receiver_give(r, 70001);
			continue;
		}
		if (packet.payload.ptr[0] == TEST_DATA) {
			CHECK(message == MESSAGES && message_is(packet.payload, SIZE, bulk, TEST_DATA));
			bulk++;
		} else {
			CHECK(message_is(packet.payload, 1 + message * 3, message, TEST_DATA + 1));
			message++;
		}
		if (message == MESSAGES && bulk + 20 > end)
			r->p->ops->set_single(r->p, true);
		if ((message + bulk) % 3 == 0)
			receiver_release(r);
	}
}

static void receive_late(struct pair *pair, const struct late_options *options, struct late_stats *stats,
			 const struct wire *wire)
{
	struct haw_packet packet;
	struct receiver r;

	receiver_open(&r, pair->to, wire);
	for (unsigned round = 0; round < ROUNDS; round++) {
		haw_sealer *engine = late_engine_new(opener(round), options, &stats[round]);

		pair->to->ops->set_single(pair->to, true);
		receiver_give(&r, 100000);
		CHECK(receiver_next(&r, &packet) == 1 && message_is(packet.payload, 33, round, TEST_NEWKEYS));
		CHECK(use_engine(pair->to, HAW_INCOMING, suite, engine, NULL) == 0);
		pair->to->ops->set_single(pair->to, false);
		receive_round(&r, round * BULK);
		CHECK(!stats[round].inputs_changed && stats[round].finished == stats[round].submitted);
	}
	CHECK(receiver_next(&r, &packet) == 0 && r.given == r.len);
	receiver_close(&r);
}

/* Bulk and messages, with changes of keys between, through an engine that is late at both ends. */
static void run_late(const struct late_options *options)
{
	struct late_stats out[ROUNDS] = {0}, in[ROUNDS] = {0};
	struct wire wire = {0};
	struct pair pair;

	pair_open(&pair);
	send_late(&pair, options, out, &wire);
	receive_late(&pair, options, in, &wire);
	CHECK(!pair.from->ops->busy(pair.from) && !pair.to->ops->busy(pair.to));
	/* With CBC packets are opened one by one. */
	CHECK(options->depth == 1 || out[0].out_of_order > 0);
	CHECK(options->depth == 1 || in[0].out_of_order > 0 || suite->chain_mode == HAW_CHAIN_CIPHERTEXT);
	wire_free(&wire);
	pair_close(&pair);
	CHECK(out[ROUNDS - 1].freed && in[ROUNDS - 1].freed);
}

static void late_and_out_of_order(void)
{
	static const struct late_options options[] = {{.seed = 1},
						      {.seed = 2, .depth = 1},
						      {.seed = 3, .depth = 3, .batch = 2},
						      {.seed = 4, .batch = 16}};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		run_late(&options[i]);
}

/* Messages through a small ring, round and round, while the opener is late: places of packets under
 * way change their address when the ring is released across its end. */
static void through_a_ring(void)
{
	enum { COUNT = 400 };
	struct late_options options = {.seed = 9, .depth = 4};
	struct late_stats stats = {0};
	struct haw_ring *ring = haw_ring_new(32768, NULL);
	struct haw_packet packet;
	struct wire wire = {0};
	struct pair pair;
	uint32_t random = 1, got = 0;
	size_t written = 0;
	haw_error err;
	int rc;

	pair_open(&pair);
	CHECK(use_keys(pair.from, HAW_OUTGOING, suite, NULL, 1, NULL) == 0);
	CHECK(use_engine(pair.to, HAW_INCOMING, suite, late_engine_new(opener(1), &options, &stats), NULL) ==
	      0);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK(put_message(pair.from, 1 + i * 23, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	while (got < COUNT) {
		haw_mut_span space = haw_ring_space(ring), data;
		size_t n = test_random(&random, 20000);

		n = n < space.len ? n : space.len;
		n = n < wire.len - written ? n : wire.len - written;
		memcpy(space.ptr, wire.data + written, n);
		haw_ring_fill(ring, n);
		written += n;
		data = haw_ring_data(ring);
		pair.to->ops->feed(pair.to, data.ptr, data.len);
		/* No waiting: what is not finished is still under way when the ring moves on. */
		while ((rc = pair.to->ops->next(pair.to, &packet, &err)) == 1) {
			CHECK(message_is(packet.payload, 1 + got * 23, got, TEST_DATA));
			got++;
		}
		CHECK_MSG(rc == 0, "%s: %s", suite->name, err.message);
		haw_ring_release(ring, pair.to->ops->release(pair.to));
	}
	CHECK(haw_ring_empty(ring) && written == wire.len && written > 20 * 32768u);
	haw_ring_free(ring);
	wire_free(&wire);
	pair_close(&pair);
}

/* An engine with a descriptor is waited for there, not by asking again and again. */
static void a_descriptor_is_not_polled(void)
{
	struct late_options options = {.seed = 3, .fd = 77};
	struct late_stats stats = {0};
	struct pair pair;
	ptrdiff_t n = 0;
	haw_span span;

	pair_open(&pair);
	CHECK(pair.from->ops->fd(pair.from, HAW_OUTGOING) == -1);
	CHECK(use_engine(pair.from, HAW_OUTGOING, suite, late_engine_new(sealer(1), &options, &stats),
			 NULL) == 0);
	CHECK(pair.from->ops->fd(pair.from, HAW_OUTGOING) == 77);
	CHECK(pair.from->ops->fd(pair.from, HAW_INCOMING) == -1);
	for (uint32_t i = 0; i < 30; i++)
		CHECK(put_message(pair.from, 100, i, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &span, 1, NULL) == 0);
	CHECK(stats.submitted > stats.finished && !pair.from->ops->busy(pair.from));
	while (stats.finished < 30)
		CHECK(pair.from->ops->poll(pair.from, NULL) >= 0);
	n = pair.from->ops->output(pair.from, &span, 1, NULL);
	CHECK(n == 1 && span.len > 30 * 100);
	pair_close(&pair);
}

/* A connection that ends while its engines are at work. */
static void freed_under_way(void)
{
	struct late_options options = {.seed = 5, .depth = 8};
	struct late_stats out = {0}, in = {0};
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	haw_span span;

	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, NULL, 1));
	for (uint32_t i = 0; i < 20; i++)
		CHECK(put_message(pair.from, 500, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	pair_close(&pair);

	pair_open(&pair);
	CHECK(use_engine(pair.from, HAW_OUTGOING, suite, late_engine_new(sealer(1), &options, &out), NULL) ==
	      0);
	CHECK(use_engine(pair.to, HAW_INCOMING, suite, late_engine_new(opener(1), &options, &in), NULL) == 0);
	for (uint32_t i = 0; i < 20; i++)
		CHECK(put_message(pair.from, 500, i, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &span, 1, NULL) == 0 && pair.from->ops->busy(pair.from));
	/* Keys that wait behind it belong to the packetizer already. */
	CHECK(use_keys(pair.from, HAW_OUTGOING, suite, NULL, 2, NULL) == 0);
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, r.len);
	CHECK(pair.to->ops->next(pair.to, &packet, NULL) >= 0);
	CHECK(pair.to->ops->busy(pair.to) || suite->chain_mode == HAW_CHAIN_CIPHERTEXT);
	pair_close(&pair);
	CHECK(out.freed && in.freed && out.finished < out.submitted);
	CHECK(in.finished < in.submitted || suite->chain_mode == HAW_CHAIN_CIPHERTEXT);
	receiver_close(&r);
	wire_free(&wire);
}

static void run_failing(const struct late_options *options)
{
	struct late_stats out = {0}, in = {0};
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	haw_span span;
	haw_error err = {0};
	uint32_t got = 0;
	ptrdiff_t n = 0;
	int rc;

	pair_open(&pair);
	CHECK(pair_keys(&pair, suite, NULL, 1));
	for (uint32_t i = 0; i < 20; i++)
		CHECK(put_message(pair.from, 500, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	CHECK(use_engine(pair.to, HAW_INCOMING, suite, late_engine_new(opener(1), options, &in), NULL) == 0);
	CHECK(use_engine(pair.from, HAW_OUTGOING, suite, late_engine_new(sealer(1), options, &out), NULL) ==
	      0);

	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, r.len);
	while ((rc = receiver_next(&r, &packet)) == 1)
		CHECK(message_is(packet.payload, 500, got, TEST_DATA) && ++got);
	CHECK(rc == HAW_ECRYPTO && r.err.code == HAW_ECRYPTO && r.err.fault == HAW_FAULT_SYSTEM);
	CHECK(options->die_at || got == options->fail_at - 1);

	for (uint32_t i = 0; i < 20; i++)
		CHECK(put_message(pair.from, 500, i, TEST_DATA));
	while (n == 0)
		n = pair.from->ops->output(pair.from, &span, 1, &err);
	CHECK(n == HAW_ECRYPTO && err.code == HAW_ECRYPTO);
	CHECK(pair.from->ops->put(pair.from, wire.data ? (haw_span){wire.data, 9} : (haw_span){0}, &err) ==
	      HAW_ECRYPTO);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void engine_failures(void)
{
	for (uint64_t at = 1; at <= 20; at += 3)
		run_failing(&(struct late_options){.seed = (uint32_t)at, .depth = 5, .fail_at = at});
	for (uint64_t at = 1; at <= 4; at++)
		run_failing(&(struct late_options){.seed = (uint32_t)at, .depth = 2, .die_at = at});
}

/* A connection that is over gives its source back what was taken of it, in its order, the packet that was
 * held for the next buffer included; from then on engines neither read nor write. FAIL_AT: with the engine
 * broken before that. */
static void run_abandoned(uint64_t fail_at)
{
	struct source s = {.size = SIZE, .count = 40};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	struct late_options options = {.seed = 2, .depth = 16, .fail_at = fail_at};
	struct late_stats out = {0}, in = {0};
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	haw_span span;
	haw_error err;
	uint8_t *copy;

	pair_open(&pair);
	s.memory = malloc(s.count * s.size);
	pair.from->ops->set_source(pair.from, &source);
	CHECK(pair_keys(&pair, suite, NULL, 1));
	CHECK(drain(pair.from, &wire) && s.sealed == s.count);
	CHECK(use_engine(pair.from, HAW_OUTGOING, suite, late_engine_new(sealer(1), &options, &out), NULL) ==
	      0);
	CHECK(use_engine(pair.to, HAW_INCOMING, suite, late_engine_new(opener(1), &options, &in), NULL) == 0);
	s.given = s.sealed = 0;
	for (int turn = 0; turn < (fail_at ? 1000 : 1); turn++)
		if (pair.from->ops->output(pair.from, &span, 1, &err) < 0)
			break;
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, r.len);
	(void)pair.to->ops->next(pair.to, &packet, NULL);
	CHECK(s.given > s.sealed && s.given < s.count);
	pair.from->ops->abandon(pair.from);
	pair.to->ops->abandon(pair.to);
	CHECK_MSG(s.sealed == s.given && !s.wrong_order, "%u of %u", s.sealed, s.given);
	CHECK(out.freed && in.freed && !out.inputs_changed);
	copy = malloc(r.len);
	memcpy(copy, r.data, r.len);
	CHECK(pair.from->ops->output(pair.from, &span, 1, &err) < 0);
	CHECK(pair.from->ops->poll(pair.from, &err) < 0);
	CHECK(!put_message(pair.from, 100, 0, TEST_DATA));
	CHECK(pair.to->ops->next(pair.to, &packet, &err) < 0 && memcmp(copy, r.data, r.len) == 0);
	CHECK(!pair.from->ops->busy(pair.from) && !pair.to->ops->busy(pair.to));
	pair.from->ops->abandon(pair.from);
	CHECK(s.sealed == s.given);
	free(copy);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
	free(s.memory);
}

static void abandoned_under_way(void)
{
	run_abandoned(0);
	run_abandoned(7);
}

/* ---- Suites that read twice ---- */

static void change_source(void *user)
{
	struct source *s = user;

	s->memory[500] ^= 0xff;
	s->memory[s->size - 1] ^= 0xff;
}

/* Seal one packet of bulk whose source changes between the engine's two readings. */
static int receive_changing(const haw_suite *as)
{
	struct source s = {.size = 8000, .count = 1, .memory = malloc(8000)};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	struct late_options options = {.seed = 1, .second = sealer(1), .between = change_source, .user = &s};
	struct late_stats stats = {0};
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	struct pair pair;
	int rc;

	pair_open(&pair);
	pair.from->ops->set_source(pair.from, &source);
	if (use_engine(pair.from, HAW_OUTGOING, as, late_engine_new(sealer(1), &options, &stats), NULL) < 0 ||
	    use_keys(pair.to, HAW_INCOMING, suite, NULL, 1, NULL) < 0 || !drain(pair.from, &wire))
		return HAW_EINVAL;
	/* A packet that is not authentic is judged behind as many bytes as the largest one has. */
	for (unsigned i = 0; i <= HAW_PACKET_LENGTH_MAX / 64; i++)
		wire_append(&wire, (uint8_t[64]){0}, 64);
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, r.len);
	rc = receiver_next(&r, &packet);
	if (rc == 1 && !message_is(packet.payload, 8000, 0, TEST_DATA))
		rc = HAW_ECHANGED;
	receiver_close(&r);
	wire_free(&wire);
	free(s.memory);
	pair_close(&pair);
	return rc;
}

static void a_changing_source_is_read_from_a_copy(void)
{
	haw_suite careless = *suite;

	CHECK(receive_changing(suite) == 1);
	/* The same without the copy shows that the test would notice. */
	careless.reads_twice = false;
	CHECK(receive_changing(&careless) == HAW_EINTEGRITY);
}

int main(void)
{
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		printf("suite %s\n", suite->name);
		RUN(late_and_out_of_order);
		RUN(through_a_ring);
		RUN(a_descriptor_is_not_polled);
		RUN(freed_under_way);
		RUN(engine_failures);
		RUN(abandoned_under_way);
		if (suite->reads_twice)
			RUN(a_changing_source_is_read_from_a_copy);
	}
	return harness_end();
}
