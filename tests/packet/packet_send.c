/* SPDX-License-Identifier: Apache-2.0
 *
 * What the packetizer does around protection: padding, order, bounds, buffers, accounts. Packets
 * travel in the clear here.
 */
#include "pair.h"

#include "transport/packet/padding.h"

static void padding_is_the_least_that_the_rules_allow(void)
{
	const haw_suite *suite = NULL;

	for (size_t i = 0; i == 0 || suite; suite = haw_suite_at(i++)) {
		size_t unit = suite && suite->block_size > 8 ? suite->block_size : 8;
		size_t outside = suite && suite->length_mode != HAW_LENGTH_FIRST_BLOCK ? 0 : 4;

		for (size_t payload = 1; payload < 1000; payload++) {
			size_t padding = haw_padding_size(suite, payload);
			size_t length = 1 + payload + padding;

			CHECK(padding >= 4 && padding < 4 + unit);
			CHECK((outside + length) % unit == 0);
			CHECK(haw_padding_length_fits(suite, (uint32_t)length));
			CHECK(!haw_padding_length_fits(suite, (uint32_t)length + 1));
		}
		CHECK(!haw_padding_length_fits(suite, HAW_PACKET_LENGTH_MAX + (uint32_t)unit));
		CHECK(!haw_padding_length_fits(suite, 0xffffffff));
		CHECK(!haw_padding_length_fits(suite, 0));
	}
}

static void padding_is_random_and_used_once(void)
{
	struct haw_random_pool pool = {.left = 0};
	uint8_t a[16], b[16];

	for (size_t i = 0; i < 2000; i++) {
		CHECK(haw_padding_random(&pool, a, sizeof(a)));
		CHECK(haw_padding_random(&pool, b, sizeof(b)));
		CHECK(memcmp(a, b, sizeof(a)) != 0);
	}
}

static const size_t sizes[] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 600, 1000, 4096, 32768, 65535, 100000, 200000, HAW_PAYLOAD_MAX};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void every_size_arrives_in_the_clear(void)
{
	struct pair pair;
	struct wire wire = {0};
	struct receiver r;
	struct haw_packet packet;

	pair_open(&pair);
	for (uint32_t i = 0; i < SIZES; i++)
		CHECK(put_message(pair.from, sizes[i], i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	CHECK(wire.data[3] == 12 && wire.data[4] == 10); /* 4 + 1 + 1 + 10 = 16: RFC 4253 §6 */
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	for (uint32_t i = 0; i < SIZES; i++) {
		CHECK(receiver_next(&r, &packet) == 1);
		CHECK(message_is(packet.payload, sizes[i], i, TEST_DATA));
		CHECK(packet.seq == i);
	}
	CHECK(receiver_next(&r, &packet) == 0);
	receiver_release(&r);
	CHECK(r.base == wire.len);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

static void raw_bytes_keep_their_place(void)
{
	struct pair pair;
	struct wire wire = {0};

	pair_open(&pair);
	CHECK(pair.from->ops->put_raw(pair.from, (haw_span){(const uint8_t *)"SSH-2.0-x\r\n", 11}, NULL) ==
	      0);
	CHECK(put_message(pair.from, 20, 0, TEST_DATA));
	CHECK(pair.from->ops->pending(pair.from) == 31);
	CHECK(drain(pair.from, &wire));
	CHECK(wire.len == 11 + 32);
	CHECK(memcmp(wire.data, "SSH-2.0-x\r\n", 11) == 0);
	CHECK(wire.data[11] == 0 && wire.data[14] == 28 && wire.data[16] == TEST_DATA);
	CHECK(pair.from->ops->pending(pair.from) == 0);
	wire_free(&wire);
	pair_close(&pair);
}

static void impossible_messages_are_refused(void)
{
	struct pair pair;
	static uint8_t big[HAW_PACKET_LENGTH_MAX];
	haw_error err;
	size_t n = 0;

	pair_open(&pair);
	CHECK(pair.from->ops->put(pair.from, (haw_span){big, 0}, &err) == HAW_EINVAL);
	CHECK(pair.from->ops->put(pair.from, (haw_span){big, HAW_PAYLOAD_MAX + 1}, &err) == HAW_EINVAL);
	/* A peer that takes nothing does not cost memory without bound. */
	while (pair.from->ops->put(pair.from, (haw_span){big, 100000}, &err) == 0)
		n += 100000;
	CHECK(err.code == HAW_ENOMEM);
	CHECK(n > HAW_QUEUE_MAX / 2 && n <= HAW_QUEUE_MAX);
	pair_close(&pair);
}

/* ---- Bulk ---- */

struct source {
	struct haw_packetizer *p;
	uint8_t *memory;
	uint32_t count, given, sealed;
	size_t size;
	bool wrong_order;
	uint32_t put_behind; /* put a message once so many packets have been given */
};

static bool source_next(void *user, struct haw_bulk *bulk)
{
	struct source *s = user;

	if (s->given == s->count)
		return false;
	/* The content of message 0, in one head and three pieces. */
	memcpy(bulk->head, s->memory, 9);
	bulk->head_len = 9;
	bulk->span_count = 3;
	bulk->spans[0] = (haw_span){s->memory + 9, 1};
	bulk->spans[1] = (haw_span){s->memory + 10, 0};
	bulk->spans[2] = (haw_span){s->memory + 10, s->size - 10};
	bulk->cookie = (void *)(uintptr_t)s->given++;
	if (s->put_behind > 0 && s->given == s->put_behind)
		return put_message(s->p, 40, 1, TEST_DATA + 1);
	return true;
}

static void source_sealed(void *user, void *cookie)
{
	struct source *s = user;

	if ((uintptr_t)cookie != s->sealed++)
		s->wrong_order = true;
}

static void bulk_is_cut_into_buffers_and_small_messages_pass_it(void)
{
	struct pair pair;
	struct source s = {.count = 1000, .size = 30000};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	struct haw_packet packet;
	struct wire wire = {0};
	struct receiver r;
	haw_span span;
	uint32_t before = 0;

	s.memory = malloc(s.size);
	message_fill(s.memory, s.size, 0, TEST_DATA);
	pair_open(&pair);
	pair.from->ops->set_source(pair.from, &source);
	CHECK(pair.from->ops->output(pair.from, &span, 1, NULL) == 1);
	CHECK(span.len > 400000 && span.len <= 516 * 1024);
	/* Now a message is put: only what is in this buffer goes ahead of it, and the packet that was
	 * taken from the source and did not fit. */
	CHECK(put_message(pair.from, 50, 2, TEST_DATA + 2));
	s.count = s.given + 3;
	CHECK(drain(pair.from, &wire));
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	while (receiver_next(&r, &packet) == 1) {
		if (message_is(packet.payload, 50, 2, TEST_DATA + 2))
			break;
		CHECK(message_is(packet.payload, s.size, 0, TEST_DATA));
		before++;
	}
	CHECK(before == span.len / 30000 + 1);
	for (int i = 0; i < 3; i++)
		CHECK(receiver_next(&r, &packet) == 1 && message_is(packet.payload, s.size, 0, TEST_DATA));
	CHECK(receiver_next(&r, &packet) == 0);
	CHECK(s.sealed == s.given && !s.wrong_order);
	receiver_close(&r);
	wire_free(&wire);
	free(s.memory);
	pair_close(&pair);
}

static void what_a_source_puts_follows_its_packet(void)
{
	struct pair pair;
	struct source s = {.count = 30, .size = 25000};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	struct haw_packet packet;

	s.memory = malloc(s.size);
	message_fill(s.memory, s.size, 0, TEST_DATA);
	/* Every position, so the one where the packet is held for the next buffer as well. */
	for (uint32_t behind = 1; behind <= s.count; behind++) {
		struct wire wire = {0};
		struct receiver r;

		pair_open(&pair);
		s.p = pair.from;
		s.given = s.sealed = 0;
		s.put_behind = behind;
		pair.from->ops->set_source(pair.from, &source);
		CHECK(drain(pair.from, &wire));
		receiver_open(&r, pair.to, &wire);
		receiver_give(&r, wire.len);
		for (uint32_t i = 0; i <= s.count; i++) {
			CHECK(receiver_next(&r, &packet) == 1);
			CHECK(message_is(packet.payload, i == behind ? 40 : s.size, i == behind,
					 i == behind ? TEST_DATA + 1 : TEST_DATA));
		}
		CHECK(s.sealed == s.count && !s.wrong_order);
		receiver_close(&r);
		wire_free(&wire);
		pair_close(&pair);
	}
	free(s.memory);
}

static void sent_counts_any_part(void)
{
	struct pair pair;
	struct wire wire = {0};
	struct haw_packet_count count;
	haw_span span, again;

	pair_open(&pair);
	CHECK(put_message(pair.from, 5000, 0, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &span, 1, NULL) == 1);
	CHECK(pair.from->ops->pending(pair.from) == span.len);
	/* Not sent, so it stays and nothing is added to it. */
	CHECK(put_message(pair.from, 100, 1, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &again, 1, NULL) == 1);
	CHECK(again.ptr == span.ptr && again.len == span.len);
	for (size_t i = 0; i < span.len; i++) {
		CHECK(pair.from->ops->output(pair.from, &again, 1, NULL) == 1);
		CHECK(again.ptr == span.ptr + i && again.len == span.len - i);
		pair.from->ops->sent(pair.from, 1);
	}
	CHECK(pair.from->ops->pending(pair.from) == 100);
	CHECK(drain(pair.from, &wire));
	CHECK(wire.len == 112);
	pair.from->ops->count(pair.from, HAW_OUTGOING, &count);
	CHECK(count.packets == 2 && count.seq == 2 && count.bytes == span.len + wire.len);
	wire_free(&wire);
	pair_close(&pair);
}

static void an_exhausted_pool_delays_and_loses_nothing(void)
{
	struct pair pair;
	struct source s = {.count = 3, .size = 1000};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	struct wire wire = {0};
	haw_span span, none;
	haw_error err;

	s.memory = malloc(s.size);
	message_fill(s.memory, s.size, 0, TEST_DATA);
	pair_open(&pair);
	haw_wire_pool_set_limit(pair.pool, 1);
	CHECK(put_message(pair.from, 100, 0, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &span, 1, &err) == 1);
	CHECK(haw_wire_pool_lent(pair.pool) == 1);
	pair.to->ops->set_source(pair.to, &source);
	CHECK(pair.to->ops->output(pair.to, &none, 1, &err) == HAW_ENOMEM);
	CHECK(put_message(pair.to, 100, 0, TEST_DATA));
	CHECK(pair.to->ops->output(pair.to, &none, 1, &err) == HAW_ENOMEM);
	pair.from->ops->sent(pair.from, span.len);
	CHECK(haw_wire_pool_lent(pair.pool) == 0);
	CHECK(drain(pair.to, &wire));
	CHECK(wire.len == 3 * 1016 + 112);
	CHECK(s.sealed == 3 && !s.wrong_order);
	CHECK(haw_wire_pool_lent(pair.pool) == 0);
	wire_free(&wire);
	free(s.memory);
	pair_close(&pair);
}

static void a_bad_source_ends_the_connection_not_the_program(void)
{
	struct pair pair;
	struct source s = {.count = 1, .size = HAW_PAYLOAD_MAX + 1};
	struct haw_bulk_source source = {.next = source_next, .sealed = source_sealed, .user = &s};
	haw_span span;
	haw_error err;

	s.memory = calloc(1, s.size);
	pair_open(&pair);
	pair.from->ops->set_source(pair.from, &source);
	CHECK(pair.from->ops->output(pair.from, &span, 1, &err) == HAW_EINVAL);
	CHECK(pair.from->ops->output(pair.from, &span, 1, &err) == HAW_EINVAL);
	CHECK(pair.from->ops->put(pair.from, (haw_span){s.memory, 5}, &err) == HAW_EINVAL);
	free(s.memory);
	pair_close(&pair);
}

static void sequence_numbers_wrap_and_are_never_used_up(void)
{
	struct pair pair;
	struct wire wire = {0};
	struct receiver r;
	struct haw_packet packet;
	struct haw_packet_state *from, *to;
	haw_span span;
	haw_error err;

	pair_open(&pair);
	from = (struct haw_packet_state *)pair.from;
	to = (struct haw_packet_state *)pair.to;
	from->out.keys.seq = to->in.keys.seq = 0xffffffff;
	from->out.keys.number = to->in.keys.number = 0xfffffffe - 1;
	for (uint32_t i = 0; i < 3; i++)
		CHECK(put_message(pair.from, 10, i, TEST_DATA));
	CHECK(pair.from->ops->output(pair.from, &span, 1, &err) == HAW_ELIMIT);
	pair_close(&pair);

	pair_open(&pair);
	from = (struct haw_packet_state *)pair.from;
	to = (struct haw_packet_state *)pair.to;
	from->out.keys.seq = to->in.keys.seq = 0xffffffff;
	to->in.keys.number = 0xfffffffe - 1;
	for (uint32_t i = 0; i < 3; i++)
		CHECK(put_message(pair.from, 10, i, TEST_DATA));
	CHECK(drain(pair.from, &wire));
	receiver_open(&r, pair.to, &wire);
	receiver_give(&r, wire.len);
	CHECK(receiver_next(&r, &packet) == 1 && packet.seq == 0xffffffff);
	CHECK(receiver_next(&r, &packet) == 1 && packet.seq == 0);
	CHECK(receiver_next(&r, &packet) == HAW_ELIMIT);
	receiver_close(&r);
	wire_free(&wire);
	pair_close(&pair);
}

int main(void)
{
	RUN(padding_is_the_least_that_the_rules_allow);
	RUN(padding_is_random_and_used_once);
	RUN(every_size_arrives_in_the_clear);
	RUN(raw_bytes_keep_their_place);
	RUN(impossible_messages_are_refused);
	RUN(bulk_is_cut_into_buffers_and_small_messages_pass_it);
	RUN(what_a_source_puts_follows_its_packet);
	RUN(sent_counts_any_part);
	RUN(an_exhausted_pool_delays_and_loses_nothing);
	RUN(a_bad_source_ends_the_connection_not_the_program);
	RUN(sequence_numbers_wrap_and_are_never_used_up);
	return harness_end();
}
