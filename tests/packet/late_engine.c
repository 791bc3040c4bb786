/* SPDX-License-Identifier: Apache-2.0 */
#include "late_engine.h"

#include <stdlib.h>
#include <string.h>

enum { MAX = HAW_BATCH_MAX };

struct held {
	haw_job *job;
	uint8_t *input, *output; /* as they were at submit; as they will be */
	size_t input_len, output_len;
	int status;
	uint64_t index;
};

struct late_engine {
	haw_sealer sealer;
	haw_sealer *inner;
	struct late_options options;
	struct late_stats *stats;
	struct held held[MAX];
	size_t count;
	uint32_t random;
	uint64_t submits;
};

static uint32_t draw(struct late_engine *e, uint32_t below)
{
	e->random = e->random * 1664525u + 1013904223u;
	return (e->random >> 8) % below;
}

static size_t gather(const haw_job *job, uint8_t *to)
{
	size_t at = 0;

	for (size_t i = 0; i < job->in_count; i++) {
		if (to)
			memcpy(to + at, job->in[i].ptr, job->in[i].len);
		at += job->in[i].len;
	}
	return at;
}

static size_t output_size(const haw_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->out_count; i++)
		n += job->out[i].len;
	return n;
}

/* Let ENGINE do a copy of JOB into OUTPUT. */
static int run(haw_sealer *engine, const haw_job *job, uint8_t *output, size_t output_len)
{
	haw_job copy = *job, *jobs = &copy, *done;

	copy.out[0] = (haw_mut_span){.ptr = output, .len = output_len};
	copy.out_count = 1;
	if (engine->ops->submit(engine, &jobs, 1) != 1 || engine->ops->poll(engine, &done, 1) != 1)
		return HAW_ECRYPTO;
	return copy.status;
}

static void hold(struct late_engine *e, haw_job *job)
{
	struct held *h = &e->held[e->count++];
	size_t tag = e->sealer.suite->tag_size;

	*h = (struct held){.job = job, .input_len = gather(job, NULL), .output_len = output_size(job)};
	h->input = malloc(h->input_len + 1);
	h->output = malloc(h->output_len + 1);
	gather(job, h->input);
	h->index = ++e->stats->submitted;
	h->status = run(e->inner, job, h->output, h->output_len);
	if (e->options.second) {
		uint8_t first_tag[HAW_TAG_MAX];

		memcpy(first_tag, h->output + h->output_len - tag, tag);
		e->options.between(e->options.user);
		h->status = run(e->options.second, job, h->output, h->output_len);
		memcpy(h->output + h->output_len - tag, first_tag, tag);
		gather(job, h->input);
	}
	if (h->index == e->options.fail_at)
		h->status = HAW_ECRYPTO;
	if (e->count > e->stats->most_in_flight)
		e->stats->most_in_flight = (unsigned)e->count;
}

static int late_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	struct late_engine *e = (struct late_engine *)s;
	size_t taken = 0, depth = e->options.depth ? e->options.depth : MAX;

	if (++e->submits == e->options.die_at)
		return HAW_ECRYPTO;
	/* Now and then it takes fewer than it could. */
	if (n > 1 && draw(e, 4) == 0)
		n = 1 + draw(e, (uint32_t)n);
	for (; taken < n && e->count < depth; taken++)
		hold(e, jobs[taken]);
	return (int)taken;
}

static void finish(struct late_engine *e, size_t which, haw_job **done)
{
	struct held h = e->held[which];
	uint8_t *now = malloc(h.input_len + 1);
	size_t at = 0;

	gather(h.job, now);
	if (memcmp(now, h.input, h.input_len) != 0)
		e->stats->inputs_changed = true;
	free(now);
	if (which > 0)
		e->stats->out_of_order++;
	for (size_t i = 0; i < h.job->out_count; i++) {
		memcpy(h.job->out[i].ptr, h.output + at, h.job->out[i].len);
		at += h.job->out[i].len;
	}
	h.job->status = h.status;
	*done = h.job;
	free(h.input);
	free(h.output);
	e->stats->finished++;
	e->count--;
	memmove(&e->held[which], &e->held[which + 1], (e->count - which) * sizeof(e->held[0]));
}

static int late_poll(haw_sealer *s, haw_job **done, size_t max)
{
	struct late_engine *e = (struct late_engine *)s;
	size_t n = 0;

	while (n < max && e->count > 0 && draw(e, 3) > 0)
		finish(e, draw(e, (uint32_t)e->count), &done[n++]);
	return (int)n;
}

static int late_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
			    uint32_t *length)
{
	haw_sealer *inner = ((struct late_engine *)s)->inner;

	return inner->ops->open_length(inner, seq, number, block, head, length);
}

static int late_fd(haw_sealer *s)
{
	int fd = ((struct late_engine *)s)->options.fd;

	return fd > 0 ? fd : -1;
}

static void late_free(haw_sealer *s)
{
	struct late_engine *e = (struct late_engine *)s;

	for (size_t i = 0; i < e->count; i++) {
		free(e->held[i].input);
		free(e->held[i].output);
	}
	e->inner->ops->free(e->inner);
	if (e->options.second)
		e->options.second->ops->free(e->options.second);
	e->stats->freed = true;
	free(e);
}

static const haw_sealer_ops late_ops = {
	.submit = late_submit,
	.poll = late_poll,
	.open_length = late_open_length,
	.fd = late_fd,
	.free = late_free,
};

haw_sealer *late_engine_new(haw_sealer *inner, const struct late_options *options, struct late_stats *stats)
{
	struct late_engine *e = calloc(1, sizeof(*e));

	e->inner = inner;
	e->options = *options;
	e->stats = stats;
	e->random = options->seed;
	e->sealer.ops = &late_ops;
	e->sealer.suite = inner->suite;
	e->sealer.traits = inner->traits;
	e->sealer.traits.depth = options->depth;
	e->sealer.traits.batch = options->batch;
	e->sealer.traits.completion = options->fd > 0 ? HAW_COMPLETES_BY_FD : HAW_COMPLETES_BY_POLL;
	return &e->sealer;
}
