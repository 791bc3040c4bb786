/* SPDX-License-Identifier: Apache-2.0
 *
 * Every size of batch, of packets that are alike and of all sizes mixed; more at once than an engine has room
 * for; a bad packet at every position of a batch.
 */
#include "crypto-backends/guard.h"
#include "sample.h"

enum { MOST = 256, LARGEST = 40000, STRIDE = LARGEST + 64 + HAW_TAG_MAX };

static struct sample samples[MOST];
static haw_job jobs[MOST], *list[MOST];
static uint8_t *out;

/* Seal and open the first COUNT samples as one batch, or several where COUNT is more than a batch. */
static bool batch_works(struct subject *subject, unsigned count)
{
	bool right = subject_restart(subject);

	for (unsigned i = 0; i < count; i++) {
		sample_sealing(&samples[i], &jobs[i], out + i * (size_t)STRIDE);
		jobs[i].user = &samples[i];
		out[i * (size_t)STRIDE + samples[i].total] = GUARD_BYTE;
	}
	right = right && drive(subject->sealer, list, count);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *wire = out + i * (size_t)STRIDE;

		right = right && jobs[i].status == 0 && jobs[i].user == &samples[i] &&
			memcmp(wire, samples[i].wire, samples[i].total) == 0 &&
			wire[samples[i].total] == GUARD_BYTE;
		sample_opening(&samples[i], &jobs[i], out + i * (size_t)STRIDE);
		/* Every other one in place. */
		if (i % 2)
			jobs[i].in[0].ptr = wire;
	}
	right = right && drive(subject->opener, list, count);
	for (unsigned i = 0; i < count; i++)
		right = right && jobs[i].status == 0 &&
			memcmp(out + i * (size_t)STRIDE, samples[i].plain, samples[i].packet) == 0 &&
			memcmp(out + i * (size_t)STRIDE + samples[i].packet,
			       samples[i].wire + samples[i].packet,
			       samples[i].total - samples[i].packet) == 0;
	return right;
}

/* All subjects of a suite with the same samples, whose sizes LENGTH_OF says. */
static void with_samples(struct subject *subjects, size_t count, uint32_t (*length_of)(unsigned index),
			 unsigned packets, void (*check)(struct subject *))
{
	uint32_t lengths[MOST];

	for (unsigned i = 0; i < packets; i++) {
		lengths[i] = length_of(i);
		list[i] = &jobs[i];
	}
	samples_make(samples, packets, subjects[0].suite, &subjects[0].keys, lengths);
	for (size_t i = 0; i < count && !harness.failed; i++) {
		check(&subjects[i]);
		if (harness.failed)
			printf("    %s\n", subject_name(&subjects[i]));
	}
	samples_free(samples, packets);
}

/* ---- Every size of batch ---- */

static uint32_t small_length(unsigned index)
{
	return 12 + index % 4 * 8;
}

/* Neighbours of every relation: equal, a block apart, far apart; few that are large. */
static uint32_t mixed_length(unsigned index)
{
	static const uint32_t lengths[] = {12,    1500, 28,   28,   32, 300,          12, 4096, 64, 60,
					   16396, 100,  1000, 2000, 12, LARGEST - 64, 48, 8192, 12, 700};

	return lengths[index % (sizeof(lengths) / sizeof(lengths[0]))];
}

static void check_every_size(struct subject *subject)
{
	unsigned step = effort(1, 5);

	for (unsigned count = 1; count <= HAW_BATCH_MAX && !harness.failed; count += step)
		CHECK_MSG(batch_works(subject, count), "batch of %u", count);
}

static void check_mixed(struct subject *subject)
{
	static const unsigned counts[] = {2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64};

	/* One that takes less does so behind a guard, which is a subject too. */
	if (!subject_takes(subject, LARGEST))
		return;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i += effort(1, 4))
		CHECK_MSG(batch_works(subject, counts[i]), "mixed batch of %u", counts[i]);
}

static void small_batches(struct subject *subjects, size_t count)
{
	with_samples(subjects, count, small_length, HAW_BATCH_MAX, check_every_size);
}

static void mixed_batches(struct subject *subjects, size_t count)
{
	with_samples(subjects, count, mixed_length, HAW_BATCH_MAX, check_mixed);
}

static void every_batch_size(void)
{
	for_each_suite(small_batches);
}

static void batches_of_mixed_sizes(void)
{
	for_each_suite(mixed_batches);
}

/* ---- More than there is room for ---- */

static void check_many(struct subject *subject)
{
	CHECK(batch_works(subject, MOST));
}

/* All offered before the first is collected. */
static void check_without_collecting(struct subject *subject)
{
	haw_sealer *s = subject->sealer;
	unsigned taken = 0, done = 0;
	struct haw_guard_count count;
	haw_job *finished[3];
	bool bounded;

	CHECK(subject_restart(subject));
	s = subject->sealer;
	/* Those that a guard's spare does are not under way. */
	bounded = s->traits.depth > 0 && s->traits.completion != HAW_COMPLETES_IN_SUBMIT &&
		  !haw_guard_get_count(s, &count);
	for (unsigned i = 0; i < MOST; i++)
		sample_sealing(&samples[i], &jobs[i], out + i * (size_t)STRIDE);
	while (taken < MOST) {
		unsigned offer = MOST - taken < HAW_BATCH_MAX ? MOST - taken : HAW_BATCH_MAX;
		int result = s->ops->submit(s, list + taken, offer);

		CHECK(result >= 0);
		if (result == 0)
			break;
		taken += (unsigned)result;
		CHECK(!bounded || taken <= s->traits.depth);
	}
	/* A few at a time. */
	while (done < taken) {
		int result = s->ops->poll(s, finished, 3);

		CHECK(result >= 0 && result <= 3);
		for (int i = 0; i < result; i++) {
			const struct sample *sample = &samples[finished[i] - jobs];

			CHECK(finished[i]->status == 0 &&
			      memcmp(finished[i]->out[0].ptr, sample->wire, sample->total) == 0);
		}
		done += (unsigned)result;
	}
	CHECK(s->ops->poll(s, finished, 3) == 0);
	for (unsigned i = taken; i < MOST; i++)
		CHECK(jobs[i].status == HAW_EAGAIN);
}

static void many_packets(struct subject *subjects, size_t count)
{
	with_samples(subjects, count, small_length, MOST, check_many);
	if (!harness.failed)
		with_samples(subjects, count, small_length, MOST, check_without_collecting);
}

static void more_than_there_is_room_for(void)
{
	for_each_suite(many_packets);
}

/* ---- A bad packet at every position ---- */

static uint32_t varied_length(unsigned index)
{
	return 28 + index * 37 % 600;
}

/* Where packets are chained none behind a bad one can be told. */
static void check_bad_at(struct subject *subject, unsigned bad, size_t byte)
{
	samples[bad].wire[byte] ^= 0x20;
	for (unsigned i = 0; i < HAW_BATCH_MAX; i++)
		sample_opening(&samples[i], &jobs[i], out + i * (size_t)STRIDE);
	CHECK(subject_restart(subject) && drive(subject->opener, list, HAW_BATCH_MAX));
	samples[bad].wire[byte] ^= 0x20;
	CHECK_MSG(jobs[bad].status == HAW_EINTEGRITY, "byte %zu of packet %u", byte, bad);
	for (unsigned i = 0; i < (is_chained(subject->suite) ? bad : HAW_BATCH_MAX); i++)
		CHECK_MSG(i == bad ||
				  (jobs[i].status == 0 && memcmp(out + i * (size_t)STRIDE, samples[i].plain,
								 samples[i].packet) == 0),
			  "packet %u beside bad %u", i, bad);
}

static void check_bad(struct subject *subject)
{
	for (unsigned bad = 0; bad < HAW_BATCH_MAX && !harness.failed; bad += effort(1, 9)) {
		const struct sample *s = &samples[bad];

		check_bad_at(subject, bad, s->total - 1 - bad % subject->suite->tag_size);
		if (!harness.failed)
			check_bad_at(subject, bad, HAW_LENGTH_SIZE + bad * 7 % s->length);
	}
}

static void bad_packets(struct subject *subjects, size_t count)
{
	with_samples(subjects, count, varied_length, HAW_BATCH_MAX, check_bad);
}

static void a_bad_packet_at_every_position(void)
{
	for_each_suite(bad_packets);
}

int main(void)
{
	out = malloc(MOST * (size_t)STRIDE);
	RUN(every_batch_size);
	RUN(batches_of_mixed_sizes);
	RUN(more_than_there_is_room_for);
	RUN(a_bad_packet_at_every_position);
	free(out);
	return harness_end();
}
