/* SPDX-License-Identifier: Apache-2.0
 *
 * NEWKEYS behind each number of packets of one received buffer, packets under the next keys behind it in the
 * same buffer, for every suite on every backend, those that complete late included. Two ways: opened singly
 * from the start; and as a connection does, which opens in batches until its own KEXINIT is put.
 */
#include <poll.h>

#include "crypto-backends/backends.h"
#include "late_backend.h"
#include "pair.h"

enum { BEHIND = 5, PACKETS_MOST = HAW_BATCH_MAX + 1 + BEHIND, OLD_KEYS = 5, NEW_KEYS = 6 };

static const haw_suite *suite, *next_suite;
static const haw_backend *backend;

/* A stream with NEWKEYS behind BEFORE packets, and where each of its packets ends. */
struct stream {
	struct wire wire;
	uint32_t before, count;
	size_t ends[PACKETS_MOST];
};

static size_t size_of(uint32_t index)
{
	return 1 + index * 37 % 300;
}

static uint8_t number_of(const struct stream *s, uint32_t index)
{
	return index == s->before ? TEST_NEWKEYS : TEST_DATA;
}

static bool stream_make(struct stream *s, uint32_t before)
{
	struct pair pair;
	bool right;

	*s = (struct stream){.before = before, .count = before + 1 + BEHIND};
	pair_open(&pair);
	right = use_keys(pair.from, HAW_OUTGOING, suite, &haw_backend_openssl, OLD_KEYS, NULL) == 0;
	for (uint32_t i = 0; i < s->count && right; i++) {
		right = put_message(pair.from, size_of(i), i, number_of(s, i)) && drain(pair.from, &s->wire);
		s->ends[i] = s->wire.len;
		if (i == before)
			right = right && use_keys(pair.from, HAW_OUTGOING, next_suite, &haw_backend_openssl,
						  NEW_KEYS, NULL) == 0;
	}
	pair_close(&pair);
	return right;
}

/* The next packet; an engine with a descriptor is waited for as long as that is readable. */
static int take(struct receiver *r, struct haw_packet *packet)
{
	for (;;) {
		int rc = receiver_next(r, packet);
		struct pollfd fd = {.fd = r->p->ops->fd(r->p, HAW_INCOMING), .events = POLLIN};

		if (rc != 0 || fd.fd < 0 || poll(&fd, 1, 0) != 1)
			return rc;
		if (r->p->ops->poll(r->p, &r->err) < 0)
			return r->err.code;
	}
}

static void expect(struct receiver *r, const struct stream *s, uint32_t index)
{
	struct haw_packet packet;
	int rc = take(r, &packet);

	CHECK_MSG(rc == 1, "packet %u: %d %s", index, rc, r->err.message);
	CHECK_MSG(message_is(packet.payload, size_of(index), index, number_of(s, index)) &&
			  packet.seq == index,
		  "packet %u", index);
}

/* Deliver NEWKEYS, behind which everything is still as it came, and what follows it. */
static void cross(struct receiver *r, const struct stream *s)
{
	size_t behind = s->ends[s->before];
	struct haw_packet packet;

	expect(r, s, s->before);
	if (harness.failed)
		return;
	CHECK(memcmp(r->data + behind, s->wire.data + behind, s->wire.len - behind) == 0);
	CHECK(use_keys(r->p, HAW_INCOMING, next_suite,
		       backend->refuses(backend, next_suite) ? &haw_backend_openssl : backend, NEW_KEYS,
		       &r->err) == 0);
	r->p->ops->set_single(r->p, false);
	for (uint32_t i = s->before + 1; i < s->count && !harness.failed; i++)
		expect(r, s, i);
	if (harness.failed)
		return;
	CHECK(take(r, &packet) == 0);
	receiver_release(r);
	CHECK(r->base == r->len);
}

/* Everything at once, opened singly. */
static void receive_singly(struct receiver *r, const struct stream *s)
{
	r->p->ops->set_single(r->p, true);
	receiver_give(r, r->len);
	for (uint32_t i = 0; i < s->before && !harness.failed; i++)
		expect(r, s, i);
	if (!harness.failed)
		cross(r, s);
}

/* THERE packets (and a part of the next) are there and opened as one batch, of which TAKEN are delivered when
 * our KEXINIT is put; then comes the rest, with NEWKEYS in it. */
static void receive_in_batches(struct receiver *r, const struct stream *s, uint32_t there, uint32_t taken)
{
	receiver_give(r, (there > 0 ? s->ends[there - 1] : 0) + there % 3 * 7);
	for (uint32_t i = 0; i < taken && !harness.failed; i++)
		expect(r, s, i);
	r->p->ops->set_single(r->p, true);
	if (taken % 2)
		receiver_release(r);
	receiver_give(r, r->len);
	for (uint32_t i = taken; i < s->before && !harness.failed; i++)
		expect(r, s, i);
	if (!harness.failed)
		cross(r, s);
}

static void check_stream(const struct stream *s, int way)
{
	struct receiver r;
	struct pair pair;

	late_backend_reset(s->before + (unsigned)way, 5, 0);
	pair_open(&pair);
	receiver_open(&r, pair.to, &s->wire);
	if (use_keys(pair.to, HAW_INCOMING, suite, backend, OLD_KEYS, &r.err) < 0)
		harness_fail(__FILE__, __LINE__, r.err.message);
	else if (way == 0)
		receive_singly(&r, s);
	else
		receive_in_batches(&r, s, s->before * (uint32_t)way / 3, s->before * (uint32_t)way / 6);
	if (harness.failed)
		printf("    NEWKEYS behind %u packets, way %d, %s, then %s, by %s\n", s->before, way,
		       suite->name, next_suite->name, backend->name);
	pair_close(&pair);
	receiver_close(&r);
}

/* The backends that can do the suite: those of this build, and openssl's late. */
static const haw_backend *backend_at(size_t index)
{
	size_t built_in = 0;

	while (haw_backend_at(built_in))
		built_in++;
	if (index < built_in)
		return haw_backend_at(index);
	return index == built_in ? &late_backend_poll : index == built_in + 1 ? &late_backend_fd : NULL;
}

static void check_behind(uint32_t before)
{
	struct stream s;

	next_suite = haw_suite_at(before % 8) ? haw_suite_at(before % 8) : suite;
	CHECK(stream_make(&s, before));
	for (size_t b = 0; (backend = backend_at(b)) && !harness.failed; b++) {
		if (backend->unusable(backend) || backend->refuses(backend, suite))
			continue;
		for (int way = 0; way <= 3 && !harness.failed; way++)
			check_stream(&s, way);
	}
	wire_free(&s.wire);
}

static void newkeys_behind_each_number_of_packets(void)
{
	for (uint32_t before = 1; before <= HAW_BATCH_MAX && !harness.failed; before++)
		check_behind(before);
}

int main(void)
{
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (haw_backend_openssl.refuses(&haw_backend_openssl, suite)) {
			harness_skip(suite->name, haw_backend_openssl.refuses(&haw_backend_openssl, suite));
			continue;
		}
		printf("suite %s\n", suite->name);
		RUN(newkeys_behind_each_number_of_packets);
	}
	return harness_end();
}
