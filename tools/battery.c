/* SPDX-License-Identifier: Apache-2.0 */
#include "battery.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packets.h"

enum { SHORT = 48, ALIGNMENTS = 64, FLIGHT_MAX = 512 };

/* The greatest packet_length that BACKEND takes of SUITE; 0 if it takes no keys. */
static uint32_t limit_of(const haw_backend *backend, const haw_suite *suite)
{
	static const uint8_t zeroes[HAW_KEY_MAX];
	const haw_keys keys = {zeroes, zeroes, zeroes};
	haw_sealer *s = backend->new_sealer(backend, suite, &keys, NULL);
	uint32_t limit = HAW_PACKET_LENGTH_MAX;

	if (!s)
		return 0;
	if (s->traits.max_length && s->traits.max_length < limit)
		limit = s->traits.max_length;
	s->ops->free(s);
	return packets_length_down(suite, limit);
}

static const char *agree(const haw_backend *backend, const haw_suite *suite, const uint32_t *lengths,
			 size_t count, bool carry, const struct layout *layout)
{
	struct packets p;
	const char *why = packets_make(&p, suite, lengths, count, (unsigned)count, carry);

	if (!why)
		why = packets_agree(&p, backend, layout);
	packets_free(&p);
	return why;
}

/* ---- Agreement with openssl ---- */

static const char *check_lengths(const haw_backend *backend, const haw_suite *suite)
{
	static const uint32_t around[] = {1024, 1500, 4096, 8192, 16384, 32768, 61440, 65528, 65536, 131072};
	const struct layout layout = {.batch = 16, .spans = 3};
	uint32_t lengths[256 + 3 * sizeof(around) / sizeof(around[0]) + 2];
	uint32_t limit = limit_of(backend, suite);
	size_t count = 0, fitting = 0;

	for (uint32_t length = 8; length < 1024; length += suite->block_size)
		lengths[count++] = length;
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (uint32_t turn = 0; turn < 3; turn++)
			lengths[count++] = around[i] + turn * suite->block_size - suite->block_size;
	lengths[count++] = limit - suite->block_size;
	lengths[count++] = limit;
	for (size_t i = 0; i < count; i++)
		if (packets_length_up(suite, lengths[i]) <= limit)
			lengths[fitting++] = lengths[i];
	return limit ? agree(backend, suite, lengths, fitting, false, &layout) : "it could not take keys";
}

static const char *check_batches(const haw_backend *backend, const haw_suite *suite)
{
	const char *why = NULL;

	for (size_t n = 1; !why && n <= HAW_BATCH_MAX; n++) {
		const struct layout layout = {.batch = n, .spans = 1 + (unsigned)n % PACKETS_SPANS};
		uint32_t lengths[2 * HAW_BATCH_MAX];

		for (size_t i = 0; i < 2 * n; i++)
			lengths[i] = 16 + (uint32_t)(i * i * 37 % 700);
		why = agree(backend, suite, lengths, 2 * n, false, &layout);
	}
	return why;
}

static const char *check_alignments(const haw_backend *backend, const haw_suite *suite)
{
	static const uint32_t lengths[] = {16, 100, 333, 1040};
	const char *why = NULL;

	for (size_t offset = 0; !why && offset < ALIGNMENTS; offset++) {
		const struct layout layout = {
			.batch = 4, .offset = offset, .spans = 1 + (unsigned)offset % 3};

		why = agree(backend, suite, lengths, 4, false, &layout);
	}
	return why;
}

static const char *check_in_place(const haw_backend *backend, const haw_suite *suite)
{
	static const uint32_t lengths[] = {16, 64, 100, 1000, 4096, 20000};
	const char *why = NULL;

	for (unsigned spans = 1; !why && spans <= PACKETS_SPANS; spans++) {
		const struct layout layout = {.batch = 3, .offset = spans, .spans = spans, .in_place = true};

		why = agree(backend, suite, lengths, 6, false, &layout);
	}
	return why;
}

static const char *check_carries(const haw_backend *backend, const haw_suite *suite)
{
	static const uint32_t lengths[] = {16, 64, 4096, 1000, 16, 256, 5000, 32};
	const struct layout layout = {.batch = 4, .spans = 2};

	return agree(backend, suite, lengths, 8, true, &layout);
}

/* ---- Tampering ---- */

/* PACKET with byte AT altered must not be opened. */
static const char *refuse(const struct packets *p, const haw_backend *backend, size_t at)
{
	const struct layout layout = {.batch = 1, .offset = 5, .spans = 2};
	struct packet spoilt = p->items[0];
	haw_sealer *s = backend->new_opener(backend, p->suite, &p->keys, NULL);
	haw_job *jobs[1];
	struct placed placed = {0};
	const char *why = NULL;

	spoilt.wire = malloc(spoilt.wire_len);
	if (!s || !spoilt.wire) {
		why = "it could not take keys";
		goto out;
	}
	memcpy(spoilt.wire, p->items[0].wire, spoilt.wire_len);
	spoilt.wire[at] ^= (uint8_t)(1 << at % 8);
	jobs[0] = &placed.job;
	if (!placed_make(&placed, s, &spoilt, p->suite, true, &layout))
		why = "out of memory";
	else if (!packets_drive(s, jobs, 1))
		why = "it failed while opening a packet that was altered";
	else if (placed.job.status != HAW_EINTEGRITY)
		why = at >= spoilt.plain_len ? "a forged tag was accepted"
					     : "a packet that was altered was accepted";
	else if (!placed_guards_stand(&placed))
		why = "opening a packet that was altered wrote outside of it";
out:
	placed_free(&placed);
	free(spoilt.wire);
	if (s)
		s->ops->free(s);
	return why;
}

static const char *check_tampering(const haw_backend *backend, const haw_suite *suite)
{
	static const uint32_t lengths[] = {SHORT};
	struct packets p;
	const char *why = packets_make(&p, suite, lengths, 1, 3, false);

	for (size_t at = 0; !why && at < p.items[0].wire_len; at++)
		why = refuse(&p, backend, at);
	packets_free(&p);
	return why;
}

/* ---- Jobs in flight ---- */

/* Jobs that are all placed before the first is submitted. */
struct flight {
	struct packets p;
	struct placed placed[FLIGHT_MAX];
	haw_job *jobs[FLIGHT_MAX];
	haw_sealer *sealer;
};

static struct flight *flight_new(const haw_backend *backend, const haw_suite *suite, const char **why)
{
	const struct layout layout = {.spans = 1};
	struct flight *f = calloc(1, sizeof(*f));
	uint32_t lengths[FLIGHT_MAX];

	*why = "out of memory";
	if (!f)
		return NULL;
	for (size_t i = 0; i < FLIGHT_MAX; i++)
		lengths[i] = 1000 + (uint32_t)(i % 7) * 64;
	*why = packets_make(&f->p, suite, lengths, FLIGHT_MAX, 9, false);
	f->sealer = backend->new_sealer(backend, suite, &f->p.keys, NULL);
	if (!*why && !f->sealer)
		*why = "it could not take keys";
	for (size_t i = 0; !*why && i < FLIGHT_MAX; i++) {
		if (!placed_make(&f->placed[i], f->sealer, &f->p.items[i], suite, false, &layout))
			*why = "out of memory";
		f->jobs[i] = &f->placed[i].job;
	}
	return f;
}

static void flight_free(struct flight *f)
{
	if (!f)
		return;
	if (f->sealer)
		f->sealer->ops->free(f->sealer);
	for (size_t i = 0; i < FLIGHT_MAX; i++)
		placed_free(&f->placed[i]);
	packets_free(&f->p);
	free(f);
}

/* Submit until it takes no more; how many it took, or a negative code. */
static int take_off(struct flight *f)
{
	size_t taken = 0;

	while (taken < FLIGHT_MAX) {
		size_t rest = FLIGHT_MAX - taken < HAW_BATCH_MAX ? FLIGHT_MAX - taken : HAW_BATCH_MAX;
		int n = f->sealer->ops->submit(f->sealer, f->jobs + taken, rest);

		if (n < 0 || (size_t)n > rest)
			return HAW_ECRYPTO;
		if (n == 0)
			break;
		taken += (size_t)n;
	}
	return (int)taken;
}

/* Without asking what is done, until the depth is reached; then everything comes, once. */
static const char *check_depth(const haw_backend *backend, const haw_suite *suite)
{
	const char *why;
	struct flight *f = flight_new(backend, suite, &why);
	int taken = why ? 0 : take_off(f);

	if (!why && taken <= 0)
		why = "it took no packet";
	for (time_t since = time(NULL); !why && taken > 0;) {
		haw_job *done[HAW_BATCH_MAX];
		int n = f->sealer->ops->poll(f->sealer, done, HAW_BATCH_MAX);

		if (n < 0 || n > taken)
			why = "it failed with its queue full";
		else if (n == 0 && time(NULL) - since > 5)
			why = "packets that it took were never finished";
		for (int i = 0; !why && i < n; i++) {
			struct placed *placed = (struct placed *)done[i];

			if (placed < f->placed || placed >= f->placed + FLIGHT_MAX || placed->job.user)
				why = "it returned a job that it was not given, or twice";
			else if (!placed_guards_stand(placed) ||
				 !placed_is_right(placed, &f->p.items[placed - f->placed], false))
				why = "a packet was sealed to other bytes with the queue full";
			if (!why)
				placed->job.user = f;
		}
		taken -= n > 0 ? n : 0;
	}
	flight_free(f);
	return why;
}

static uint64_t sum_of(const struct flight *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < FLIGHT_MAX; i++) {
		sum = sum * 31 + (uint64_t)f->placed[i].job.status;
		for (size_t at = 0; at < f->placed[i].room; at++)
			sum = sum * 31 + f->placed[i].memory[at];
	}
	return sum;
}

/* Nothing is written after free has returned. */
static const char *check_abandoning(const haw_backend *backend, const haw_suite *suite)
{
	const struct timespec while_it_could = {0, 20000000};
	const char *why;
	struct flight *f = flight_new(backend, suite, &why);
	uint64_t before;

	if (!why && take_off(f) <= 0)
		why = "it took no packet";
	if (!why) {
		f->sealer->ops->free(f->sealer);
		f->sealer = NULL;
		before = sum_of(f);
		nanosleep(&while_it_could, NULL);
		if (sum_of(f) != before)
			why = "it wrote to packets after it was freed";
	}
	flight_free(f);
	return why;
}

/* Several connections at once, each with keys of its own. */
static const char *check_company(const haw_backend *backend, const haw_suite *suite)
{
	enum { COMPANY = 4 };
	struct flight *flights[COMPANY] = {0};
	const char *why = NULL;

	for (int i = 0; !why && i < COMPANY; i++)
		flights[i] = flight_new(backend, suite, &why);
	for (size_t at = 0; !why && at < FLIGHT_MAX; at += 32)
		for (int i = 0; !why && i < COMPANY; i++)
			if (!packets_drive(flights[i]->sealer, flights[i]->jobs + at, 32))
				why = "it failed beside others of its kind";
	for (int i = 0; !why && i < COMPANY; i++)
		for (size_t at = 0; !why && at < FLIGHT_MAX; at++)
			if (!placed_is_right(&flights[i]->placed[at], &flights[i]->p.items[at], false))
				why = "a packet was sealed to other bytes beside others of its kind";
	for (int i = 0; i < COMPANY; i++)
		flight_free(flights[i]);
	return why;
}

const struct battery_check *battery_at(size_t index)
{
	static const struct battery_check checks[] = {
		{"lengths", check_lengths},       {"batches", check_batches},
		{"alignments", check_alignments}, {"in place", check_in_place},
		{"carries", check_carries},       {"tampering", check_tampering},
		{"full queue", check_depth},      {"abandoned", check_abandoning},
		{"company", check_company},
	};

	return index < sizeof(checks) / sizeof(checks[0]) ? &checks[index] : NULL;
}
