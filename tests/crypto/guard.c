/* SPDX-License-Identifier: Apache-2.0
 *
 * Engines that go away, get stuck, lie or want more than a packet offers: behind a guard none of it shows.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/guard.h"
#include "late_backend.h"
#include "subject.h"

enum { PACKETS = 40, SIZE_MAX_HERE = 3000, ROOM = SIZE_MAX_HERE + HAW_LENGTH_SIZE + HAW_TAG_MAX };

/* A device over openssl with a temper. */
static struct temper {
	bool stuck;      /* takes everything, finishes nothing */
	bool lies;       /* every third packet is called altered */
	bool breaks;     /* every third packet is an error of its own, its output spoilt */
	int fd;          /* if not 0: it completes by this descriptor */
	bool wants_room; /* aligned outputs, and writes in front of them */
	unsigned fails_at; /* if not 0: from that packet on, counted from 1, it fails at everything */
	uint64_t wrong;  /* out: outputs that were not as it wants them */
} temper;

struct device {
	haw_sealer base;
	haw_sealer *inner;
	unsigned count;
};

static void have_room(haw_job *job)
{
	uint8_t *at = job->out[0].ptr;

	temper.wrong += job->out_count != 1 || (uintptr_t)at % 64 != 0;
	memset(at - 8, 0x5a, 8);
}

static int device_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	struct device *d = (struct device *)s;

	if (temper.stuck)
		return (int)n;
	if (temper.wants_room)
		for (size_t i = 0; i < n; i++)
			have_room(jobs[i]);
	return d->inner->ops->submit(d->inner, jobs, n);
}

static int device_poll(haw_sealer *s, haw_job **done, size_t max)
{
	struct device *d = (struct device *)s;
	int n = temper.stuck ? 0 : d->inner->ops->poll(d->inner, done, max);

	for (int i = 0; i < n; i++) {
		d->count++;
		if (temper.fails_at && d->count >= temper.fails_at)
			done[i]->status = HAW_ECRYPTO;
		if (d->count % 3 != 2)
			continue;
		if (temper.lies)
			done[i]->status = HAW_EINTEGRITY;
		if (temper.breaks) {
			done[i]->status = HAW_ECRYPTO;
			done[i]->out[0].ptr[0] ^= 0xff;
		}
	}
	return n;
}

static int device_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			      const uint8_t *head, uint32_t *length)
{
	struct device *d = (struct device *)s;

	/* A device is not asked for four bytes, but where nobody else has the ciphertext before them. */
	if (s->suite->chain_mode != HAW_CHAIN_CIPHERTEXT || temper.stuck ||
	    (temper.fails_at && d->count + 2 > temper.fails_at))
		return HAW_ECRYPTO;
	return d->inner->ops->open_length(d->inner, seq, number, block, head, length);
}

static int device_fd(haw_sealer *s)
{
	return temper.fd ? temper.fd : -1;
}

static void device_free(haw_sealer *s)
{
	struct device *d = (struct device *)s;

	d->inner->ops->free(d->inner);
	free(d);
}

static const haw_sealer_ops device_sealer_ops = {
	.submit = device_submit, .poll = device_poll, .fd = device_fd, .free = device_free};
static const haw_sealer_ops device_opener_ops = {.submit = device_submit,
						 .poll = device_poll,
						 .open_length = device_open_length,
						 .fd = device_fd,
						 .free = device_free};

static haw_sealer *device(haw_sealer *inner)
{
	struct device *d = calloc(1, sizeof(*d));

	d->base.ops = inner->ops->open_length ? &device_opener_ops : &device_sealer_ops;
	d->base.suite = inner->suite;
	d->base.traits =
		(haw_backend_traits){.size = sizeof(d->base.traits),
				     .completion = temper.fd ? HAW_COMPLETES_BY_FD : HAW_COMPLETES_BY_POLL};
	if (temper.wants_room) {
		d->base.traits.alignment = 64;
		d->base.traits.headroom = 8;
	}
	d->inner = inner;
	return &d->base;
}

/* ---- A stream of packets through a guard ---- */

static const haw_suite *suite;
static haw_keys keys;
static uint8_t key_bytes[HAW_KEY_MAX];
static unsigned given_up;

static void count_given_up(void *user, const haw_backend *backend, const haw_suite *of, const char *why)
{
	given_up++;
}

static haw_sealer *plain(bool opens)
{
	const haw_backend *b = &haw_backend_openssl;

	return opens ? b->new_opener(b, suite, &keys, NULL) : b->new_sealer(b, suite, &keys, NULL);
}

static haw_sealer *spare(const haw_suite *of, const haw_keys *with, bool opens)
{
	const haw_backend *b = &haw_backend_openssl;

	return opens ? b->new_opener(b, of, with, NULL) : b->new_sealer(b, of, with, NULL);
}

static haw_sealer *guarded(haw_sealer *engine)
{
	haw_error err;
	haw_sealer *s = haw_guard_new(&late_backend_poll, engine, &keys, spare, count_given_up, NULL, &err);

	if (!s)
		abort();
	return s;
}

struct stream {
	haw_job jobs[PACKETS];
	uint8_t plain[PACKETS][ROOM], wire[PACKETS][ROOM], work[PACKETS][ROOM];
};
static struct stream st;

static size_t packet_size(unsigned i)
{
	return HAW_LENGTH_SIZE + (size_t)st.jobs[i].length;
}

/* The packets, and what openssl makes of them. */
static void make_stream(void)
{
	haw_sealer *s = plain(false);
	uint64_t block = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		uint32_t length = fit_length(suite, 16 + i * 71 % SIZE_MAX_HERE);
		haw_job *job = &st.jobs[i];

		memset(job, 0, sizeof(*job));
		fill_packet(st.plain[i], length, i);
		set_numbers(job, length, 0xfffffff0u + i, i, block);
		block += blocks_of(suite, length);
		job->in[0] = (haw_span){st.plain[i], packet_size(i)};
		job->out[0] = (haw_mut_span){st.wire[i], packet_size(i) + suite->tag_size};
		job->in_count = job->out_count = 1;
		CHECK(drive_one(s, job) && job->status == 0);
	}
	s->ops->free(s);
}

/* Lay the packets out, upon themselves where IN_PLACE, else cut in pieces. */
static void lay_out(bool opens, bool in_place)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		size_t in = packet_size(i) + (opens ? suite->tag_size : 0);
		size_t out = packet_size(i) + (opens ? 0 : suite->tag_size);
		const uint8_t *from = opens ? st.wire[i] : st.plain[i];
		haw_job *job = &st.jobs[i];

		if (in_place)
			memcpy(st.work[i], from, in);
		else
			memset(st.work[i], 0xee, ROOM);
		job->in[0] = (haw_span){in_place ? st.work[i] : from, 9};
		job->in[1] = (haw_span){job->in[0].ptr + 9, in - 9};
		job->out[0] = (haw_mut_span){st.work[i], 9};
		job->out[1] = (haw_mut_span){st.work[i] + 9, out - 9};
		job->in_count = job->out_count = 2;
		job->status = HAW_EAGAIN;
	}
}

static bool run(haw_sealer *s, size_t at_once)
{
	haw_job *jobs[PACKETS];
	bool ok = true;

	for (unsigned i = 0; i < PACKETS; i++)
		jobs[i] = &st.jobs[i];
	for (size_t at = 0; ok && at < PACKETS; at += at_once)
		ok = drive(s, jobs + at, PACKETS - at < at_once ? PACKETS - at : at_once);
	return ok;
}

static void all_right(bool opens)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		size_t out = packet_size(i) + (opens ? 0 : suite->tag_size);

		CHECK_MSG(st.jobs[i].status == 0, "%s: packet %u: status %d", suite->name, i,
			  st.jobs[i].status);
		CHECK_MSG(memcmp(st.work[i], opens ? st.plain[i] : st.wire[i], out) == 0, "%s: packet %u",
			  suite->name, i);
	}
}

/* Through S, both ways of laying out; S is freed. */
static void stream_through(haw_sealer *s, bool opens, bool in_place, struct haw_guard_count *count)
{
	/* Where packets are chained only the next one's length can be told. */
	unsigned at = suite->chain_mode == HAW_CHAIN_CIPHERTEXT ? 0 : 5;
	uint32_t length = 0;

	lay_out(opens, in_place);
	if (opens)
		CHECK(s->ops->open_length(s, st.jobs[at].seq, at, st.jobs[at].block, st.wire[at], &length) ==
			      0 &&
		      length == st.jobs[at].length);
	CHECK(run(s, in_place ? 7 : PACKETS));
	all_right(opens);
	CHECK(haw_guard_get_count(s, count) && count->by_engine + count->by_spare == PACKETS);
	s->ops->free(s);
}

static void for_each_suite_and_end(void (*test)(bool opens, bool in_place))
{
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (haw_backend_openssl.refuses(&haw_backend_openssl, suite))
			continue;
		for (size_t k = 0; k < sizeof(key_bytes); k++)
			key_bytes[k] = (uint8_t)(i * 31 + k * 7);
		keys = (haw_keys){key_bytes, key_bytes + 5, key_bytes};
		make_stream();
		for (int way = 0; way < 4 && !harness.failed; way++)
			test(way & 1, way & 2);
		if (harness.failed)
			return;
	}
}

/* ---- Tests ---- */

static void fail_after(bool opens, bool in_place)
{
	const haw_backend *late[] = {&late_backend_poll, &late_backend_fd};
	struct haw_guard_count count = {0};

	for (uint64_t after = 0; after <= PACKETS && !harness.failed; after += after < 3 ? 1 : 9) {
		const haw_backend *b = late[after % 2];

		given_up = 0;
		/* The late backends count from 1; 0 is never. */
		late_backend_reset(after + 3, 6, after);
		stream_through(guarded(opens ? b->new_opener(b, suite, &keys, NULL)
					     : b->new_sealer(b, suite, &keys, NULL)),
			       opens, in_place, &count);
		CHECK(given_up == (after > 0 && after < PACKETS) || after == PACKETS);
		CHECK(after == 0 ? count.by_engine == PACKETS : count.by_engine <= after);
		CHECK(late_counters.violations == 0);
	}
}

static void goes_on_where_an_engine_failed(void)
{
	for_each_suite_and_end(fail_after);
}

static void with_temper(bool opens, bool in_place)
{
	struct haw_guard_count count = {0};

	stream_through(guarded(device(plain(opens))), opens, in_place, &count);
	if (temper.wants_room)
		CHECK(count.by_spare == 0);
	else if (suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
		CHECK(count.by_engine == 1); /* the second packet is the first that fails */
	else
		CHECK(count.by_spare == PACKETS / 3);
	CHECK(temper.wrong == 0);
}

static void asks_again_what_a_device_calls_altered(void)
{
	temper = (struct temper){.lies = true};
	for_each_suite_and_end(with_temper);
}

static void does_again_what_a_device_broke(void)
{
	temper = (struct temper){.breaks = true};
	for_each_suite_and_end(with_temper);
}

static void gives_room_that_packets_have_not(void)
{
	temper = (struct temper){.wants_room = true};
	for_each_suite_and_end(with_temper);
}

static void stuck(bool opens, bool in_place)
{
	haw_sealer *s = guarded(device(plain(opens)));
	struct haw_guard_count count = {0};

	given_up = 0;
	haw_guard_set_patience(s, 1000000);
	stream_through(s, opens, in_place, &count);
	CHECK(given_up == 1 && count.given_up && count.by_engine == 0);
}

static void gives_up_a_stuck_engine(void)
{
	temper = (struct temper){.stuck = true};
	for_each_suite_and_end(stuck);
	temper = (struct temper){0};
}

static void choose_gcm(void)
{
	suite = haw_suite_find("aes128-gcm@openssh.com", NULL);
	keys = (haw_keys){key_bytes, key_bytes, key_bytes};
	make_stream();
}

/* A forged packet is one, whatever the engine. */
static void forged_stays_forged(void)
{
	haw_sealer *s;

	choose_gcm();
	s = guarded(device(plain(true)));
	st.wire[3][40] ^= 1;
	for (int in_place = 0; in_place < 2; in_place++) {
		lay_out(true, in_place);
		CHECK(run(s, PACKETS));
		for (unsigned i = 0; i < PACKETS; i++)
			CHECK(st.jobs[i].status == (i == 3 ? HAW_EINTEGRITY : 0));
	}
	s->ops->free(s);
}

static void leaves_short_and_long_packets_to_the_cpu(void)
{
	struct haw_guard_count count;
	haw_sealer *engine, *s;
	unsigned expected = 0;

	choose_gcm();
	engine = device(plain(false));
	engine->traits.min_length = 500;
	engine->traits.max_length = 2000;
	for (unsigned i = 0; i < PACKETS; i++)
		expected += st.jobs[i].length >= 500 && st.jobs[i].length <= 2000;
	s = guarded(engine);
	CHECK(s->traits.min_length == 0 && s->traits.max_length == 0);
	stream_through(s, false, false, &count);
	CHECK(count.by_engine == expected && expected > 0 && expected < PACKETS);
}

/* Whatever packet of a chain the engine fails at, or the length of which: the spare goes on from there. */
static void chain_that_breaks(bool opens, bool in_place)
{
	haw_sealer *s;

	if (suite->chain_mode != HAW_CHAIN_CIPHERTEXT)
		return;
	for (unsigned at = 1; at <= 6 && !harness.failed; at++) {
		uint32_t length = 0;

		temper = (struct temper){.fails_at = at};
		given_up = 0;
		s = guarded(device(plain(opens)));
		CHECK(s->traits.depth == 1);
		lay_out(opens, in_place);
		for (unsigned i = 0; i < PACKETS; i++) {
			haw_job *job = &st.jobs[i];

			if (opens && suite->length_mode == HAW_LENGTH_FIRST_BLOCK)
				CHECK(s->ops->open_length(s, job->seq, i, job->block, st.wire[i], &length) ==
					      0 &&
				      length == job->length);
			CHECK(drive_one(s, job));
		}
		all_right(opens);
		CHECK(given_up == 1);
		s->ops->free(s);
		temper = (struct temper){0};
	}
}

static void takes_a_chain_over_anywhere(void)
{
	for_each_suite_and_end(chain_that_breaks);
}

/* A forged packet of a chain ends nothing but itself: what it was judged by is no failure of the engine's. */
static void forged_stays_forged_in_a_chain(void)
{
	haw_sealer *s;

	suite = haw_suite_find("aes128-cbc", "hmac-sha2-256");
	keys = (haw_keys){key_bytes, key_bytes + 5, key_bytes};
	make_stream();
	s = guarded(device(plain(true)));
	given_up = 0;
	lay_out(true, true);
	st.work[3][40] ^= 1;
	for (unsigned i = 0; i < 4; i++)
		CHECK(drive_one(s, &st.jobs[i]) && st.jobs[i].status == (i == 3 ? HAW_EINTEGRITY : 0));
	CHECK(given_up == 0);
	s->ops->free(s);
}

/* A chain cannot leave single packets to the CPU: short ones go to the engine, and one that is too long for
 * it ends its service. */
static void a_chain_stays_whole(void)
{
	struct haw_guard_count count;
	haw_sealer *engine;
	unsigned fit = 0;

	suite = haw_suite_find("3des-cbc", "hmac-sha1-etm@openssh.com");
	keys = (haw_keys){key_bytes, key_bytes + 5, key_bytes};
	make_stream();
	engine = device(plain(false));
	engine->traits.min_length = 500;
	engine->traits.max_length = 2000;
	while (st.jobs[fit].length <= 2000)
		fit++;
	given_up = 0;
	stream_through(guarded(engine), false, false, &count);
	CHECK(fit > 0 && count.by_engine == fit && given_up == 1);
}

/* The descriptor tells of packets, and of an engine that will never tell of any. */
static void a_descriptor_tells(void)
{
	struct pollfd fd = {.events = POLLIN};
	haw_job *done[PACKETS], *job = &st.jobs[20];
	haw_sealer *s;

	choose_gcm();
	lay_out(false, false);
	late_backend_reset(1, 0, 0);
	s = guarded(late_backend_fd.new_sealer(&late_backend_fd, suite, &keys, NULL));
	fd.fd = s->ops->fd(s);
	CHECK(s->traits.completion == HAW_COMPLETES_BY_FD && poll(&fd, 1, 0) == 0);
	CHECK(s->ops->submit(s, &job, 1) == 1 && poll(&fd, 1, 1000) == 1);
	CHECK(s->ops->poll(s, done, PACKETS) == 1 && done[0] == job && job->status == 0);
	CHECK(poll(&fd, 1, 0) == 0);
	/* Freed with work under way. */
	lay_out(false, false);
	CHECK(s->ops->submit(s, &job, 1) == 1);
	s->ops->free(s);
	CHECK(job->status == HAW_EAGAIN && all_are(st.work[20], ROOM, 0xee));
}

/* Nobody polls an engine with a descriptor that stays silent: the guard's own timer wakes its caller. */
static void a_descriptor_tells_of_a_stuck_engine(void)
{
	struct pollfd fd = {.events = POLLIN};
	haw_job *done[PACKETS], *job = &st.jobs[20];
	haw_sealer *s;
	int n = 0;

	choose_gcm();
	lay_out(false, true);
	temper = (struct temper){.stuck = true, .fd = eventfd(0, EFD_CLOEXEC)};
	s = guarded(device(plain(false)));
	haw_guard_set_patience(s, 20000000);
	fd.fd = s->ops->fd(s);
	CHECK(s->ops->submit(s, &job, 1) == 1 && s->ops->poll(s, done, PACKETS) == 0);
	while (n == 0) {
		CHECK(poll(&fd, 1, 10000) == 1);
		n = s->ops->poll(s, done, PACKETS);
	}
	CHECK(n == 1 && job->status == 0);
	CHECK(memcmp(st.work[20], st.wire[20], packet_size(20) + suite->tag_size) == 0);
	s->ops->free(s);
	close(temper.fd);
	temper = (struct temper){0};
}

int main(void)
{
	RUN(goes_on_where_an_engine_failed);
	RUN(asks_again_what_a_device_calls_altered);
	RUN(does_again_what_a_device_broke);
	RUN(gives_room_that_packets_have_not);
	RUN(gives_up_a_stuck_engine);
	RUN(forged_stays_forged);
	RUN(leaves_short_and_long_packets_to_the_cpu);
	RUN(takes_a_chain_over_anywhere);
	RUN(forged_stays_forged_in_a_chain);
	RUN(a_chain_stays_whole);
	RUN(a_descriptor_tells);
	RUN(a_descriptor_tells_of_a_stuck_engine);
	return harness_end();
}
