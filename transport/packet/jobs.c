/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet/jobs.h"

static struct haw_slot *slot_at(struct haw_jobs *jobs, uint32_t index)
{
	return &jobs->slots->slot[(jobs->first + index) % HAW_BATCH_MAX];
}

struct haw_slot *haw_jobs_space(struct haw_jobs *jobs, struct haw_wire_pool *pool)
{
	if (jobs->count == HAW_BATCH_MAX)
		return NULL;
	if (!jobs->slots)
		jobs->slots = haw_wire_pool_lend_slots(pool);
	return jobs->slots ? slot_at(jobs, jobs->count) : NULL;
}

void haw_jobs_add(struct haw_jobs *jobs, bool done)
{
	struct haw_slot *slot = slot_at(jobs, jobs->count);

	slot->done = done;
	slot->job.user = slot;
	slot->job.status = done ? 0 : HAW_EAGAIN;
	/* Done without an engine: only ever alone in the table, as before the first keys. */
	if (done)
		jobs->taken++;
	jobs->count++;
}

static int submit(struct haw_jobs *jobs, haw_sealer *engine)
{
	uint32_t batch = engine->traits.batch, depth = engine->traits.depth;
	int taken = 0;

	if (batch == 0 || batch > HAW_BATCH_MAX)
		batch = HAW_BATCH_MAX;
	while (jobs->taken < jobs->count) {
		haw_job *list[HAW_BATCH_MAX];
		uint32_t n = jobs->count - jobs->taken;

		n = n > batch ? batch : n;
		if (depth > 0 && n + jobs->under_way > depth)
			n = depth - jobs->under_way;
		if (n == 0)
			break;
		for (uint32_t i = 0; i < n; i++)
			list[i] = &slot_at(jobs, jobs->taken + i)->job;
		taken = engine->ops->submit(engine, list, n);
		if (taken < 0)
			return taken;
		jobs->taken += (uint32_t)taken;
		jobs->under_way += (uint32_t)taken;
		if ((uint32_t)taken < n)
			break;
	}
	return 0;
}

static int collect(struct haw_jobs *jobs, haw_sealer *engine)
{
	int finished = 0;

	while (jobs->under_way > 0) {
		haw_job *done[HAW_BATCH_MAX];
		int n = engine->ops->poll(engine, done, HAW_BATCH_MAX);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		for (int i = 0; i < n; i++)
			((struct haw_slot *)done[i]->user)->done = true;
		jobs->under_way -= (uint32_t)n;
		finished = 1;
	}
	return finished;
}

int haw_jobs_run(struct haw_jobs *jobs, haw_sealer *engine)
{
	int any = 0;

	if (!engine || jobs->count == 0)
		return 0;
	for (;;) {
		int rc = submit(jobs, engine);

		if (rc == 0)
			rc = collect(jobs, engine);
		if (rc < 0)
			return rc;
		any |= rc;
		/* Once more only where finished work has made room for what was not taken. */
		if (rc == 0 || jobs->taken == jobs->count)
			return any;
	}
}

struct haw_slot *haw_jobs_first(struct haw_jobs *jobs)
{
	struct haw_slot *slot = jobs->count > 0 ? slot_at(jobs, 0) : NULL;

	return slot && slot->done ? slot : NULL;
}

void haw_jobs_drop_first(struct haw_jobs *jobs)
{
	jobs->first = (jobs->first + 1) % HAW_BATCH_MAX;
	jobs->count--;
	jobs->taken--;
}

void haw_jobs_forget_engine(struct haw_jobs *jobs)
{
	for (uint32_t i = 0; i < jobs->count; i++)
		slot_at(jobs, i)->done = true;
	jobs->taken = jobs->count;
	jobs->under_way = 0;
}

void haw_jobs_rest(struct haw_jobs *jobs, struct haw_wire_pool *pool)
{
	if (jobs->count == 0)
		haw_jobs_abandon(jobs, pool);
}

void haw_jobs_abandon(struct haw_jobs *jobs, struct haw_wire_pool *pool)
{
	if (jobs->slots)
		haw_wire_pool_return_slots(pool, jobs->slots);
	*jobs = (struct haw_jobs){0};
}
