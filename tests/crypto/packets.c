/* SPDX-License-Identifier: Apache-2.0
 *
 * Every suite on every backend against the reference: packets ahead of their turn and again; inputs and
 * outputs cut in every place, in place and elsewhere.
 */
#include "sample.h"

enum { SHORT = 44, ROOM = 4 + SHORT + 32 + HAW_TAG_MAX };

/* A packet's bytes depend on its numbers only: ahead of its turn, behind it and again are all the same. */
static void check_any_order(struct subject *subject)
{
	static const unsigned order[] = {4, 0, 3, 3, 1, 2, 4, 0};
	static const uint32_t lengths[] = {40, 64, 88, 112, 136};
	struct sample samples[5];

	if (is_chained(subject->suite))
		return;
	samples_make(samples, 5, subject->suite, &subject->keys, lengths);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct sample *ahead = &samples[(order[i] + 2) % 5];
		uint32_t length = 0;

		check_whole(subject, &samples[order[i]]);
		CHECK(subject->opener->ops->open_length(subject->opener, ahead->seq, ahead->number,
							ahead->block, ahead->wire, &length) == 0);
		CHECK(length == ahead->length);
	}
	samples_free(samples, 5);
}

/* Where it is not so: looking at the next length, again and again, changes nothing. */
static void check_peeking(struct subject *subject)
{
	static const uint32_t lengths[] = {40, 64, 88};
	struct sample samples[3];
	uint8_t out[128];

	if (!is_chained(subject->suite))
		return;
	samples_make(samples, 3, subject->suite, &subject->keys, lengths);
	CHECK(subject_restart(subject));
	for (unsigned i = 0; i < 3; i++) {
		const struct sample *s = &samples[i];
		haw_job job;

		for (unsigned again = 0; again < 3; again++) {
			uint32_t length = 0;

			CHECK(subject->opener->ops->open_length(subject->opener, s->seq, s->number, s->block,
								s->wire, &length) == 0);
			CHECK(length == s->length);
		}
		sample_opening(s, &job, out);
		CHECK(drive_one(subject->opener, &job) && job.status == 0);
		CHECK(memcmp(out, s->plain, s->packet) == 0);
	}
	samples_free(samples, 3);
}

static void peeking_changes_nothing(void)
{
	for_each_subject(check_peeking);
}

static void packets_may_come_in_any_order(void)
{
	for_each_subject(check_any_order);
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
static bool split_works(struct subject *subject, const struct sample *s, size_t a, size_t b, size_t c,
			size_t d)
{
	struct pieces in, out;
	haw_job job;

	sample_job(s, &job);
	pieces_lay(&in, s->plain, a < s->packet ? a : s->packet, b < s->packet ? b : s->packet, s->packet);
	pieces_lay(&out, NULL, c, d, s->total);
	pieces_in(&in, &job, s->packet);
	pieces_out(&out, &job, s->total);
	if (!subject_restart(subject) || !drive_one(subject->sealer, &job) || job.status != 0 ||
	    !pieces_hold(&out, s->wire, s->total) || !pieces_hold(&in, s->plain, s->packet))
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
static bool split_works_in_place(struct subject *subject, const struct sample *s, size_t a, size_t b)
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
	if (!subject_restart(subject) || !drive_one(subject->sealer, &job) || job.status != 0 ||
	    !pieces_hold(&both, s->wire, s->total))
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

static void check_splits(struct subject *subject)
{
	struct sample s;

	sample_make(&s, subject->suite, &subject->keys, SHORT, 9, 2, 6, NULL);
	for (size_t a = 0; a <= s.total && !harness.failed; a += effort(1, 5)) {
		for (size_t b = a; b <= s.total; b += effort(1, 3)) {
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

/* As many spans as a job has, of any size, empty ones among them. */
static void scatter(uint64_t *random, size_t total, size_t *sizes)
{
	size_t left = total;

	for (int i = 0; i < HAW_JOB_SPANS - 1; i++) {
		size_t most = left < total / 5 ? left : total / 5;

		sizes[i] = draw(random, 4) ? draw(random, (uint32_t)most + 1) : 0;
		left -= sizes[i];
	}
	sizes[HAW_JOB_SPANS - 1] = left;
}

static void check_scatter(struct subject *subject)
{
	static const uint32_t lengths[] = {28, 60, 500, 3000};
	uint64_t random = 5;

	for (unsigned round = 0; round < effort(40, 8); round++) {
		size_t in[HAW_JOB_SPANS], out[HAW_JOB_SPANS], in_at = 0, out_at = 0;
		uint8_t buffer[4096];
		struct sample s;
		haw_job job;

		sample_make(&s, subject->suite, &subject->keys, lengths[round % 4], round, 1, 3, NULL);
		sample_job(&s, &job);
		scatter(&random, s.packet, in);
		scatter(&random, s.total, out);
		for (int i = 0; i < HAW_JOB_SPANS; i++) {
			job.in[i] = (haw_span){s.plain + in_at, in[i]};
			job.out[i] = (haw_mut_span){buffer + out_at, out[i]};
			in_at += in[i];
			out_at += out[i];
		}
		job.in_count = job.out_count = HAW_JOB_SPANS;
		CHECK(subject_restart(subject) && drive_one(subject->sealer, &job) && job.status == 0);
		CHECK(memcmp(buffer, s.wire, s.total) == 0);
		scatter(&random, s.total, in);
		scatter(&random, s.packet, out);
		sample_job(&s, &job);
		for (int i = in_at = out_at = 0; i < HAW_JOB_SPANS; i++) {
			job.in[i] = (haw_span){s.wire + in_at, in[i]};
			job.out[i] = (haw_mut_span){buffer + out_at, out[i]};
			in_at += in[i];
			out_at += out[i];
		}
		job.in_count = job.out_count = HAW_JOB_SPANS;
		CHECK(drive_one(subject->opener, &job) && job.status == 0);
		CHECK(memcmp(buffer, s.plain, s.packet) == 0);
		sample_free(&s);
	}
}

static void as_many_spans_as_a_job_has(void)
{
	for_each_subject(check_scatter);
}

static void every_split_of_a_short_packet(void)
{
	for_each_subject(check_splits);
}

/* Bulk data: a header, a long payload from an odd address, padding; and opened to three places. */
static void check_bulk_shape(struct subject *subject)
{
	struct sample s;
	uint8_t *wire;
	haw_job job;

	sample_make(&s, subject->suite, &subject->keys, 5000, 1, 0, 0, NULL);
	wire = malloc(s.total);
	sample_job(&s, &job);
	job.in[0] = (haw_span){s.plain, 14};
	job.in[1] = (haw_span){s.plain + 14, s.packet - 14 - 7};
	job.in[2] = (haw_span){s.plain + s.packet - 7, 7};
	job.in[3] = (haw_span){NULL, 0};
	job.in_count = 4;
	job.out[0] = (haw_mut_span){wire, s.total};
	job.out_count = 1;
	CHECK(subject_restart(subject) && drive_one(subject->sealer, &job) && job.status == 0);
	CHECK(memcmp(wire, s.wire, s.total) == 0);
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
	RUN(packets_may_come_in_any_order);
	RUN(peeking_changes_nothing);
	RUN(every_split_of_a_short_packet);
	RUN(as_many_spans_as_a_job_has);
	RUN(bulk_shape);
	return harness_end();
}
