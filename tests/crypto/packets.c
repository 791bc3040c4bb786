/* SPDX-License-Identifier: Apache-2.0
 *
 * Every suite on every backend against the reference: sizes, batches, splits of input and output, in place
 * and elsewhere, counters that wrap, packets ahead of their turn and again.
 */
#include "reference.h"
#include "subject.h"

enum { SHORT = 44, ROOM = 4 + SHORT + 32 + HAW_TAG_MAX };

/* A packet, sealed by the reference. */
struct sample {
	uint32_t length, seq;
	uint64_t number, block;
	size_t packet, total; /* bytes without and with the tag */
	uint8_t *plain, *wire;
};

static void sample_make(struct sample *s, const struct subject *subject, uint32_t length, uint32_t seq,
			uint64_t number, uint64_t block)
{
	s->length = fit_length(subject->suite, length);
	s->seq = seq;
	s->number = number;
	s->block = block;
	s->packet = HAW_LENGTH_SIZE + (size_t)s->length;
	s->total = s->packet + subject->suite->tag_size;
	s->plain = malloc(s->total);
	s->wire = malloc(s->total);
	fill_packet(s->plain, s->length, seq);
	reference_seal(subject->suite, &subject->keys, seq, number, block, s->plain, s->length, s->wire);
}

static void sample_free(struct sample *s)
{
	free(s->plain);
	free(s->wire);
}

static void sample_job(const struct sample *s, haw_job *job)
{
	set_numbers(job, s->length, s->seq, s->number, s->block);
}

/* Seal and open one packet elsewhere, then both in place, and compare. */
static void check_whole(const struct subject *subject, const struct sample *s)
{
	uint8_t *buffer = malloc(s->total + GUARD), *other = malloc(s->total + GUARD);
	haw_job job;
	bool right;

	memset(buffer, GUARD_BYTE, s->total + GUARD);
	memset(other, GUARD_BYTE, s->total + GUARD);
	sample_job(s, &job);
	job.in[0] = (haw_span){s->plain, s->packet};
	job.out[0] = (haw_mut_span){buffer, s->total};
	job.in_count = job.out_count = 1;
	right = drive_one(subject->sealer, &job) && job.status == 0 &&
		memcmp(buffer, s->wire, s->total) == 0 && all_are(buffer + s->total, GUARD, GUARD_BYTE);
	sample_job(s, &job);
	job.in[0] = (haw_span){s->wire, s->total};
	job.out[0] = (haw_mut_span){other, s->packet};
	job.in_count = job.out_count = 1;
	right = right && drive_one(subject->opener, &job) && job.status == 0 &&
		memcmp(other, s->plain, s->packet) == 0 &&
		all_are(other + s->packet, subject->suite->tag_size + GUARD, GUARD_BYTE);
	sample_job(s, &job);
	job.in[0] = (haw_span){other, s->packet};
	job.out[0] = (haw_mut_span){other, s->total};
	job.in_count = job.out_count = 1;
	right = right && drive_one(subject->sealer, &job) && memcmp(other, s->wire, s->total) == 0;
	sample_job(s, &job);
	job.in[0] = (haw_span){other, s->total};
	job.out[0] = (haw_mut_span){other, s->packet};
	job.in_count = job.out_count = 1;
	right = right && drive_one(subject->opener, &job) && memcmp(other, s->plain, s->packet) == 0 &&
		memcmp(other + s->packet, s->wire + s->packet, subject->suite->tag_size) == 0 &&
		all_are(other + s->total, GUARD, GUARD_BYTE);
	free(buffer);
	free(other);
	CHECK_MSG(right, "length %u", s->length);
}

static void check_length(const struct subject *subject, uint32_t length)
{
	struct sample s;

	sample_make(&s, subject, length, 3 * length, length, 5 * length);
	check_whole(subject, &s);
	sample_free(&s);
}

static void check_sizes(const struct subject *subject)
{
	static const uint32_t more[] = {1020, 1024, 1536, 1540, 4092, 8188, 8192, 8208, 32768};

	for (uint32_t length = 12; length <= 400 && !harness.failed; length += 8)
		check_length(subject, length);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]) && !harness.failed; i++)
		check_length(subject, more[i]);
}

static void every_size_matches_the_reference(void)
{
	for_each_subject(check_sizes);
}

static void check_largest(const struct subject *subject)
{
	uint32_t most = subject->sealer->traits.max_length ? subject->sealer->traits.max_length
							   : HAW_PACKET_LENGTH_MAX;

	/* The reference is slow: once per cipher and order of MAC will do. */
	if (!subject->suite->mac || strstr(subject->suite->mac, "hmac-sha2-256"))
		check_length(subject, most - 12);
}

static void largest_packet_matches_the_reference(void)
{
	for_each_subject(check_largest);
}

/* ---- Numbers ---- */

static void check_wrap(const struct subject *subject)
{
	static const uint64_t numbers[] = {0, 1, 2, UINT32_MAX, (uint64_t)UINT32_MAX + 1};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !harness.failed; i++) {
		struct sample s;

		sample_make(&s, subject, 60, UINT32_MAX - (uint32_t)i, numbers[i], i * 3);
		check_whole(subject, &s);
		sample_free(&s);
	}
}

static void counters_wrap(void)
{
	for_each_subject_at_wrap(check_wrap);
}

/* A packet's bytes depend on its numbers only: ahead of its turn, behind it and again are all the same. */
static void check_any_order(const struct subject *subject)
{
	static const unsigned order[] = {4, 0, 3, 3, 1, 2, 4, 0};
	struct sample samples[5];
	uint64_t block = 0;

	for (unsigned i = 0; i < 5; i++) {
		sample_make(&samples[i], subject, 40 + 24 * i, i + 100, i, block);
		block += blocks_of(subject->suite, samples[i].length);
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct sample *ahead = &samples[(order[i] + 2) % 5];
		uint32_t length = 0;

		check_whole(subject, &samples[order[i]]);
		CHECK(subject->opener->ops->open_length(subject->opener, ahead->seq, ahead->number,
							ahead->block, ahead->wire, &length) == 0);
		CHECK(length == ahead->length);
	}
	for (unsigned i = 0; i < 5; i++)
		sample_free(&samples[i]);
}

static void packets_may_come_in_any_order(void)
{
	for_each_subject(check_any_order);
}

/* ---- Batches ---- */

static void check_batch(const struct subject *subject, unsigned count)
{
	struct sample samples[HAW_BATCH_MAX];
	haw_job jobs[HAW_BATCH_MAX], *list[HAW_BATCH_MAX];
	uint8_t *out = malloc(HAW_BATCH_MAX * (size_t)ROOM);
	uint64_t block = 0;
	bool right;

	for (unsigned i = 0; i < count; i++) {
		sample_make(&samples[i], subject, 12 + i % 4 * 8, i, i, block);
		block += blocks_of(subject->suite, samples[i].length);
		sample_job(&samples[i], &jobs[i]);
		jobs[i].in[0] = (haw_span){samples[i].plain, samples[i].packet};
		jobs[i].out[0] = (haw_mut_span){out + i * (size_t)ROOM, samples[i].total};
		jobs[i].in_count = jobs[i].out_count = 1;
		jobs[i].user = &samples[i];
		list[i] = &jobs[i];
	}
	right = drive(subject->sealer, list, count);
	for (unsigned i = 0; i < count; i++) {
		right = right && jobs[i].status == 0 && jobs[i].user == &samples[i] &&
			memcmp(out + i * (size_t)ROOM, samples[i].wire, samples[i].total) == 0;
		sample_job(&samples[i], &jobs[i]);
		jobs[i].in[0] = (haw_span){samples[i].wire, samples[i].total};
		jobs[i].out[0] = (haw_mut_span){out + i * (size_t)ROOM, samples[i].packet};
		jobs[i].in_count = jobs[i].out_count = 1;
	}
	right = right && drive(subject->opener, list, count);
	for (unsigned i = 0; i < count; i++) {
		right = right && jobs[i].status == 0 &&
			memcmp(out + i * (size_t)ROOM, samples[i].plain, samples[i].packet) == 0;
		sample_free(&samples[i]);
	}
	free(out);
	CHECK_MSG(right, "batch of %u", count);
}

static void check_batches(const struct subject *subject)
{
	for (unsigned count = 1; count <= HAW_BATCH_MAX && !harness.failed; count++)
		check_batch(subject, count);
}

static void every_batch_size(void)
{
	for_each_subject(check_batches);
}

/* ---- Splits ---- */

/* Lay TOTAL bytes of FROM out in three pieces with guards between; the middle one may be empty. */
struct pieces {
	uint8_t memory[ROOM + 4 * GUARD];
	size_t cut[4]; /* 0, the cuts, the total */
};

static void pieces_lay(struct pieces *p, const uint8_t *from, size_t first, size_t second, size_t total)
{
	memcpy(p->cut, (size_t[4]){0, first, second, total}, sizeof(p->cut));
	memset(p->memory, GUARD_BYTE, sizeof(p->memory));
	for (int i = 0; from && i < 3; i++)
		memcpy(p->memory + GUARD * (i + 1) + p->cut[i], from + p->cut[i], p->cut[i + 1] - p->cut[i]);
}

static uint8_t *piece_at(struct pieces *p, int i)
{
	return p->memory + GUARD * (i + 1) + p->cut[i];
}

static bool pieces_hold(struct pieces *p, const uint8_t *expected, size_t len)
{
	for (int i = 0; i < 3; i++) {
		size_t from = p->cut[i] < len ? p->cut[i] : len,
		       to = p->cut[i + 1] < len ? p->cut[i + 1] : len;

		if (memcmp(piece_at(p, i), expected + from, to - from) != 0)
			return false;
	}
	for (int i = 0; i < 4; i++)
		if (!all_are(p->memory + GUARD * i + p->cut[i], GUARD, GUARD_BYTE))
			return false;
	return true;
}

static void pieces_in(struct pieces *p, haw_job *job, size_t len)
{
	job->in_count = 0;
	for (int i = 0; i < 3; i++)
		if (p->cut[i] <= len)
			job->in[job->in_count++] = (haw_span){
				piece_at(p, i), (p->cut[i + 1] < len ? p->cut[i + 1] : len) - p->cut[i]};
}

static void pieces_out(struct pieces *p, haw_job *job, size_t len)
{
	job->out_count = 0;
	for (int i = 0; i < 3; i++)
		if (p->cut[i] <= len)
			job->out[job->out_count++] = (haw_mut_span){
				piece_at(p, i), (p->cut[i + 1] < len ? p->cut[i + 1] : len) - p->cut[i]};
}

/* Input cut at A and B, output at C and D. */
static bool split_works(const struct subject *subject, const struct sample *s, size_t a, size_t b, size_t c,
			size_t d)
{
	struct pieces in, out;
	haw_job job;

	sample_job(s, &job);
	pieces_lay(&in, s->plain, a < s->packet ? a : s->packet, b < s->packet ? b : s->packet, s->packet);
	pieces_lay(&out, NULL, c, d, s->total);
	pieces_in(&in, &job, s->packet);
	pieces_out(&out, &job, s->total);
	if (!drive_one(subject->sealer, &job) || job.status != 0 || !pieces_hold(&out, s->wire, s->total) ||
	    !pieces_hold(&in, s->plain, s->packet))
		return false;
	sample_job(s, &job);
	pieces_lay(&in, s->wire, a, b, s->total);
	pieces_lay(&out, NULL, c < s->packet ? c : s->packet, d < s->packet ? d : s->packet, s->packet);
	pieces_in(&in, &job, s->total);
	pieces_out(&out, &job, s->packet);
	return drive_one(subject->opener, &job) && job.status == 0 &&
	       pieces_hold(&out, s->plain, s->packet) && pieces_hold(&in, s->wire, s->total);
}

/* In place: the output lies upon the input, in the same pieces. */
static bool split_works_in_place(const struct subject *subject, const struct sample *s, size_t a, size_t b)
{
	uint8_t padded[ROOM];
	struct pieces both;
	haw_job job;

	memset(padded, 0, sizeof(padded));
	memcpy(padded, s->plain, s->packet);
	sample_job(s, &job);
	pieces_lay(&both, padded, a, b, s->total);
	pieces_in(&both, &job, s->packet);
	pieces_out(&both, &job, s->total);
	if (!drive_one(subject->sealer, &job) || job.status != 0 || !pieces_hold(&both, s->wire, s->total))
		return false;
	sample_job(s, &job);
	pieces_in(&both, &job, s->total);
	pieces_out(&both, &job, s->packet);
	if (!drive_one(subject->opener, &job) || job.status != 0)
		return false;
	memcpy(padded, s->plain, s->packet);
	memcpy(padded + s->packet, s->wire + s->packet, s->total - s->packet);
	return pieces_hold(&both, padded, s->total);
}

static void check_splits(const struct subject *subject)
{
	struct sample s;

	sample_make(&s, subject, SHORT, 9, 2, 6);
	for (size_t a = 0; a <= s.total && !harness.failed; a++) {
		for (size_t b = a; b <= s.total; b++) {
			/* Cuts of the output wander against those of the input. */
			size_t c = (a * 7 + b * 3) % (s.total + 1), d = c + (a + 5 * b) % (s.total + 1 - c);

			if (split_works(subject, &s, a, b, c, d) && split_works(subject, &s, c, d, a, b) &&
			    split_works_in_place(subject, &s, a, b))
				continue;
			harness_fail(__FILE__, __LINE__, "a split");
			printf("    input cut at %zu and %zu, output at %zu and %zu\n", a, b, c, d);
			break;
		}
	}
	sample_free(&s);
}

static void every_split_of_a_short_packet(void)
{
	for_each_subject(check_splits);
}

/* Bulk data: a header, a long payload from an odd address, padding; and opened to three places. */
static void check_bulk_shape(const struct subject *subject)
{
	struct sample s;
	uint8_t *wire;
	haw_job job;

	sample_make(&s, subject, 5000, 1, 0, 0);
	wire = malloc(s.total);
	sample_job(&s, &job);
	job.in[0] = (haw_span){s.plain, 14};
	job.in[1] = (haw_span){s.plain + 14, s.packet - 14 - 7};
	job.in[2] = (haw_span){s.plain + s.packet - 7, 7};
	job.in[3] = (haw_span){NULL, 0};
	job.in_count = 4;
	job.out[0] = (haw_mut_span){wire, s.total};
	job.out_count = 1;
	CHECK(drive_one(subject->sealer, &job) && job.status == 0 && memcmp(wire, s.wire, s.total) == 0);
	memset(s.plain, 0, s.total);
	sample_job(&s, &job);
	job.in[0] = (haw_span){wire, s.total};
	job.in_count = 1;
	job.out[0] = (haw_mut_span){s.plain, 14};
	job.out[1] = (haw_mut_span){s.plain + 14, s.packet - 14 - 7};
	job.out[2] = (haw_mut_span){s.plain + s.packet - 7, 7};
	job.out_count = 3;
	CHECK(drive_one(subject->opener, &job) && job.status == 0);
	fill_packet(wire, s.length, 1);
	CHECK(memcmp(s.plain, wire, s.packet) == 0);
	free(wire);
	sample_free(&s);
}

static void bulk_shape(void)
{
	for_each_subject(check_bulk_shape);
}

int main(void)
{
	RUN(every_size_matches_the_reference);
	RUN(largest_packet_matches_the_reference);
	RUN(counters_wrap);
	RUN(packets_may_come_in_any_order);
	RUN(every_batch_size);
	RUN(every_split_of_a_short_packet);
	RUN(bulk_shape);
	return harness_end();
}
