/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "reference.h"

void sample_make(struct sample *s, const haw_suite *suite, const haw_keys *keys, uint32_t length,
		 uint32_t seq, uint64_t number, uint64_t block, const struct sample *before)
{
	haw_keys chained = *keys;

	s->length = fit_length(suite, length);
	s->seq = seq;
	s->number = number;
	s->block = block;
	s->packet = HAW_LENGTH_SIZE + (size_t)s->length;
	s->total = s->packet + suite->tag_size;
	s->plain = malloc(s->total);
	s->wire = malloc(s->total);
	fill_packet(s->plain, s->length, seq);
	if (before && is_chained(suite))
		chained.iv = before->wire + before->packet - suite->iv_size;
	reference_seal(suite, &chained, seq, number, block, s->plain, s->length, s->wire);
}

void sample_free(struct sample *s)
{
	free(s->plain);
	free(s->wire);
}

void samples_make(struct sample *samples, size_t count, const haw_suite *suite, const haw_keys *keys,
		  const uint32_t *lengths)
{
	uint64_t block = 0;

	for (size_t i = 0; i < count; i++) {
		sample_make(&samples[i], suite, keys, lengths[i], (uint32_t)i, i, block,
			    i > 0 ? &samples[i - 1] : NULL);
		block += blocks_of(suite, samples[i].length);
	}
}

void samples_free(struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sample_free(&samples[i]);
}

void sample_job(const struct sample *s, haw_job *job)
{
	set_numbers(job, s->length, s->seq, s->number, s->block);
}

void sample_sealing(const struct sample *s, haw_job *job, uint8_t *out)
{
	sample_job(s, job);
	job->in[0] = (haw_span){s->plain, s->packet};
	job->out[0] = (haw_mut_span){out, s->total};
	job->in_count = job->out_count = 1;
}

void sample_opening(const struct sample *s, haw_job *job, uint8_t *out)
{
	sample_job(s, job);
	job->in[0] = (haw_span){s->wire, s->total};
	job->out[0] = (haw_mut_span){out, s->packet};
	job->in_count = job->out_count = 1;
}

static bool whole_elsewhere(const struct subject *subject, const struct sample *s, uint8_t *out)
{
	haw_job job;

	memset(out, GUARD_BYTE, s->total + 2 * GUARD);
	sample_sealing(s, &job, out + GUARD);
	if (!drive_one(subject->sealer, &job) || job.status != 0 ||
	    memcmp(out + GUARD, s->wire, s->total) != 0 || !all_are(out, GUARD, GUARD_BYTE) ||
	    !all_are(out + GUARD + s->total, GUARD, GUARD_BYTE))
		return false;
	memset(out, GUARD_BYTE, s->total + 2 * GUARD);
	sample_opening(s, &job, out + GUARD);
	return drive_one(subject->opener, &job) && job.status == 0 &&
	       memcmp(out + GUARD, s->plain, s->packet) == 0 && all_are(out, GUARD, GUARD_BYTE) &&
	       all_are(out + GUARD + s->packet, s->total - s->packet + GUARD, GUARD_BYTE);
}

static bool whole_in_place(const struct subject *subject, const struct sample *s, uint8_t *buffer)
{
	uint8_t *at = buffer + GUARD;
	haw_job job;

	memset(buffer, GUARD_BYTE, s->total + 2 * GUARD);
	memcpy(at, s->plain, s->packet);
	sample_sealing(s, &job, at);
	job.in[0].ptr = at;
	if (!drive_one(subject->sealer, &job) || job.status != 0 || memcmp(at, s->wire, s->total) != 0)
		return false;
	sample_opening(s, &job, at);
	job.in[0].ptr = at;
	return drive_one(subject->opener, &job) && job.status == 0 && memcmp(at, s->plain, s->packet) == 0 &&
	       memcmp(at + s->packet, s->wire + s->packet, s->total - s->packet) == 0 &&
	       all_are(buffer, GUARD, GUARD_BYTE) && all_are(at + s->total, GUARD, GUARD_BYTE);
}

void check_whole(struct subject *subject, const struct sample *s)
{
	uint8_t *buffer = malloc(s->total + 2 * GUARD);
	bool right = subject_restart(subject) && whole_elsewhere(subject, s, buffer) &&
		     subject_restart(subject) && whole_in_place(subject, s, buffer);

	free(buffer);
	CHECK_MSG(right, "length %u, seq %u, number %llu, block %llu", s->length, s->seq,
		  (unsigned long long)s->number, (unsigned long long)s->block);
}
