/* SPDX-License-Identifier: Apache-2.0
 *
 * Every length of payload from 0 to 4096 and the ends of the range, on every suite and backend, against the
 * reference: as it is sent (header, payload and padding from three places) and as it is received (in place).
 */
#include "sample.h"

enum {
	HEADER = 5,
	PADDING_LEAST = 4,
	PAYLOAD_MOST = 4096,
	LENGTHS = 1024,
	ROOM = HAW_LENGTH_SIZE + HAW_PACKET_LENGTH_MAX + HAW_TAG_MAX
};

/* The packets of one suite, by their length, sealed once for all its backends. */
static struct sample samples[LENGTHS];
static uint8_t before[GUARD + ROOM + GUARD], after[GUARD + ROOM + GUARD], payload[PAYLOAD_MOST], padding[64];

static uint32_t length_of(const haw_suite *suite, uint32_t size)
{
	return fit_length(suite, 1 + size + PADDING_LEAST);
}

static bool seals(struct subject *subject, const struct sample *s, uint32_t size)
{
	uint8_t *out = after + GUARD;
	haw_job job;

	memset(after, GUARD_BYTE, s->total + 2 * GUARD);
	memcpy(payload, s->plain + HEADER, size);
	memcpy(padding, s->plain + HEADER + size, s->packet - HEADER - size);
	sample_job(s, &job);
	job.in[0] = (haw_span){s->plain, HEADER};
	job.in[1] = (haw_span){payload, size};
	job.in[2] = (haw_span){padding, s->packet - HEADER - size};
	job.in_count = 3;
	job.out[0] = (haw_mut_span){out, s->total};
	job.out_count = 1;
	return drive_one(subject->sealer, &job) && job.status == 0 && memcmp(out, s->wire, s->total) == 0 &&
	       all_are(after, GUARD, GUARD_BYTE) && all_are(out + s->total, GUARD, GUARD_BYTE) &&
	       memcmp(payload, s->plain + HEADER, size) == 0;
}

static bool opens_in_place(struct subject *subject, const struct sample *s)
{
	uint8_t *at = before + GUARD;
	haw_job job;

	memset(before, GUARD_BYTE, s->total + 2 * GUARD);
	memcpy(at, s->wire, s->total);
	sample_opening(s, &job, at);
	job.in[0].ptr = at;
	return drive_one(subject->opener, &job) && job.status == 0 && memcmp(at, s->plain, s->packet) == 0 &&
	       memcmp(at + s->packet, s->wire + s->packet, s->total - s->packet) == 0 &&
	       all_are(before, GUARD, GUARD_BYTE) && all_are(at + s->total, GUARD, GUARD_BYTE);
}

/* A third way, to one place elsewhere; and the length alone. */
static bool opens_elsewhere(struct subject *subject, const struct sample *s)
{
	uint8_t *out = after + GUARD;
	uint32_t length = 0;
	haw_job job;

	memset(after, GUARD_BYTE, s->packet + 2 * GUARD);
	if (subject->opener->ops->open_length(subject->opener, s->seq, s->number, s->block, s->wire,
					      &length) < 0 ||
	    length != s->length)
		return false;
	sample_opening(s, &job, out);
	return drive_one(subject->opener, &job) && job.status == 0 && memcmp(out, s->plain, s->packet) == 0 &&
	       all_are(after, GUARD, GUARD_BYTE) && all_are(out + s->packet, GUARD, GUARD_BYTE);
}

static void check_sizes(struct subject *subject)
{
	uint32_t step = effort(1, 7), last = 0;

	for (uint32_t size = 0; size <= PAYLOAD_MOST; size += step) {
		uint32_t length = length_of(subject->suite, size);
		const struct sample *s = &samples[length / 8];

		if (!subject_takes(subject, length))
			continue;
		CHECK_MSG(subject_restart(subject) && seals(subject, s, size), "payload of %u bytes", size);
		/* To the receiver it is the same packet wherever its payload ends. */
		if (length == last)
			continue;
		last = length;
		CHECK_MSG(opens_in_place(subject, s), "payload of %u bytes", size);
		CHECK_MSG(subject_restart(subject) && opens_elsewhere(subject, s), "payload of %u bytes",
			  size);
	}
}

static void check_suite_sizes(struct subject *subjects, size_t count)
{
	const haw_suite *suite = subjects[0].suite;

	for (uint32_t size = 0; size <= PAYLOAD_MOST; size++) {
		uint32_t length = length_of(suite, size);
		struct sample *s = &samples[length / 8];

		if (!s->plain)
			sample_make(s, suite, &subjects[0].keys, length, 3 * length, length, 5 * length,
				    NULL);
	}
	for (size_t i = 0; i < count && !harness.failed; i++) {
		check_sizes(&subjects[i]);
		if (harness.failed)
			printf("    %s\n", subject_name(&subjects[i]));
	}
	samples_free(samples, LENGTHS);
	memset(samples, 0, sizeof(samples));
}

static void every_payload_from_0_to_4096(void)
{
	for_each_suite(check_suite_sizes);
}

/* ---- The ends of the range ---- */

static void check_one(struct subject *subjects, size_t count, uint32_t length)
{
	struct sample s;

	sample_make(&s, subjects[0].suite, &subjects[0].keys, length, length, length, length, NULL);
	for (size_t i = 0; i < count && !harness.failed; i++) {
		if (s.length > HAW_PACKET_LENGTH_MAX || !subject_takes(&subjects[i], s.length))
			continue;
		check_whole(&subjects[i], &s);
		if (harness.failed)
			printf("    %s\n", subject_name(&subjects[i]));
	}
	sample_free(&s);
}

/* Around where counters of 8 and 16 bits, and of bits in 16 bits, run over. */
static void check_suite_ends(struct subject *subjects, size_t count)
{
	static const uint32_t places[] = {8192, 16384, 32768, 65536, 131072};
	const haw_suite *suite = subjects[0].suite;
	uint32_t step = suite->block_size, around = effort(3, 1) * step;

	for (uint32_t length = 1; length < 12 + 2 * step; length += step)
		check_one(subjects, count, length);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (uint32_t length = places[i] - around; length <= places[i] + around; length += step)
			check_one(subjects, count, length);
	for (uint32_t back = 0; back <= effort(2, 0); back++)
		check_one(subjects, count, HAW_PACKET_LENGTH_MAX - HAW_LENGTH_SIZE - back * step);
}

static void ends_of_the_range(void)
{
	for_each_suite(check_suite_ends);
}

int main(void)
{
	RUN(every_payload_from_0_to_4096);
	RUN(ends_of_the_range);
	return harness_end();
}
