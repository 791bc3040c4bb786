/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/sync.h"

#include "crypto-backends/spans.h"

bool haw_job_fits(const haw_suite *suite, const haw_job *job, bool opens)
{
	size_t packet = (size_t)job->length + HAW_LENGTH_SIZE, in = 0, out = 0;
	size_t blocks = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? packet : job->length;

	if (job->length == 0 || job->length > HAW_PACKET_LENGTH_MAX)
		return false;
	if ((blocks & (suite->block_size - 1u)) != 0) /* sizes of blocks are powers of two */
		return false;
	if (job->in_count > HAW_JOB_SPANS || job->out_count > HAW_JOB_SPANS)
		return false;
	/* No sum can wrap: a span that is too long ends the matter before it is added. */
	for (unsigned i = 0; i < job->in_count; i++) {
		if (job->in[i].len > packet + HAW_TAG_MAX)
			return false;
		in += job->in[i].len;
	}
	for (unsigned i = 0; i < job->out_count; i++) {
		if (job->out[i].len > packet + HAW_TAG_MAX)
			return false;
		out += job->out[i].len;
	}
	return in == packet + (opens ? suite->tag_size : 0) && out == packet + (opens ? 0 : suite->tag_size);
}

static int sync_submit(haw_sealer *sealer, haw_job *const *jobs, size_t n)
{
	struct haw_sync *s = (struct haw_sync *)sealer;
	haw_job *fitting[HAW_BATCH_MAX];
	size_t count = 0;

	n = n < HAW_BATCH_MAX ? n : HAW_BATCH_MAX;
	for (size_t i = 0; i < n; i++) {
		haw_job *job = jobs[i];

		if (!haw_job_fits(sealer->suite, job, s->opens))
			job->status = HAW_EINVAL;
		else if (s->run_batch)
			fitting[count++] = job;
		else
			job->status = s->run(s, job);
	}
	if (count > 0)
		s->run_batch(s, fitting, count);
	for (size_t i = 0; i < n; i++) {
		haw_job *job = jobs[i];

		job->backend = NULL;
		if (s->first)
			s->last->backend = job;
		else
			s->first = job;
		s->last = job;
	}
	return (int)n;
}

static int sync_poll(haw_sealer *sealer, haw_job **done, size_t max)
{
	struct haw_sync *s = (struct haw_sync *)sealer;
	size_t n = 0;

	while (n < max && s->first) {
		haw_job *job = s->first;

		s->first = job->backend;
		job->backend = NULL;
		done[n++] = job;
	}
	return (int)n;
}

static int sync_fd(haw_sealer *sealer)
{
	return -1;
}

static int sync_open_length(haw_sealer *sealer, uint32_t seq, uint64_t number, uint64_t block,
			    const uint8_t *head, uint32_t *length)
{
	struct haw_sync *s = (struct haw_sync *)sealer;

	if (sealer->suite->length_mode != HAW_LENGTH_CLEAR)
		return s->open_length(sealer, seq, number, block, head, length);
	*length = haw_fetch_be32(head);
	return 0;
}

static void sync_free(haw_sealer *sealer)
{
	((struct haw_sync *)sealer)->free(sealer);
}

static const haw_sealer_ops sealer_ops = {
	.submit = sync_submit,
	.poll = sync_poll,
	.fd = sync_fd,
	.free = sync_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = sync_submit,
	.poll = sync_poll,
	.open_length = sync_open_length,
	.fd = sync_fd,
	.free = sync_free,
};

void haw_sync_init(struct haw_sync *s, const haw_suite *suite, bool opens,
		   int (*run)(struct haw_sync *s, haw_job *job), void (*free)(haw_sealer *s))
{
	*s = (struct haw_sync){
		.base.ops = opens ? &opener_ops : &sealer_ops,
		.base.suite = suite,
		.base.traits.size = sizeof(s->base.traits),
		.base.traits.completion = HAW_COMPLETES_IN_SUBMIT,
		.run = run,
		.free = free,
		.opens = opens,
	};
}
