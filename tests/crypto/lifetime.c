/* SPDX-License-Identifier: Apache-2.0
 *
 * Engines that are freed with packets under way, that are made and freed many times, that outlive the keys
 * they were given, and that work beside one another: in one thread and in several.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "sample.h"

enum { COUNT = 48, THREADS = 3, STRIDE = 5000 };

static uint32_t length_at(unsigned i)
{
	return 28 + i * 211 % 4000;
}

/* A stream of packets and room for what becomes of it. */
struct work {
	struct sample samples[COUNT];
	haw_job jobs[COUNT], *list[COUNT];
	uint8_t out[COUNT][STRIDE];
};

static struct work *work_new(const haw_suite *suite, const haw_keys *keys)
{
	struct work *w = malloc(sizeof(*w));
	uint32_t lengths[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		lengths[i] = length_at(i);
		w->list[i] = &w->jobs[i];
	}
	samples_make(w->samples, COUNT, suite, keys, lengths);
	return w;
}

static void work_free(struct work *w)
{
	samples_free(w->samples, COUNT);
	free(w);
}

static bool work_seals(struct work *w, haw_sealer *s)
{
	for (unsigned i = 0; i < COUNT; i++)
		sample_sealing(&w->samples[i], &w->jobs[i], w->out[i]);
	if (!drive(s, w->list, COUNT))
		return false;
	for (unsigned i = 0; i < COUNT; i++)
		if (w->jobs[i].status != 0 || memcmp(w->out[i], w->samples[i].wire, w->samples[i].total) != 0)
			return false;
	return true;
}

static bool work_opens(struct work *w, haw_sealer *s)
{
	for (unsigned i = 0; i < COUNT; i++)
		sample_opening(&w->samples[i], &w->jobs[i], w->out[i]);
	if (!drive(s, w->list, COUNT))
		return false;
	for (unsigned i = 0; i < COUNT; i++)
		if (w->jobs[i].status != 0 ||
		    memcmp(w->out[i], w->samples[i].plain, w->samples[i].packet) != 0)
			return false;
	return true;
}

/* ---- Freed under way ---- */

/* Nothing is written when free has returned: by an engine on another thread neither, which has a while. */
static void check_abandoned(struct subject *subject)
{
	struct work *w = work_new(subject->suite, &subject->keys);
	struct work *before = malloc(sizeof(*before));
	const struct timespec while_ns = {.tv_nsec = 3000000};
	bool late = subject->sealer->traits.completion != HAW_COMPLETES_IN_SUBMIT, stands = true;

	for (unsigned round = 0; round < effort(6, 2) && stands; round++) {
		haw_job *done[2];

		stands = subject_renew(subject);
		for (unsigned i = 0; i < COUNT; i++) {
			sample_sealing(&w->samples[i], &w->jobs[i], w->out[i]);
			memset(w->out[i], 0, STRIDE);
		}
		stands = stands && subject->sealer->ops->submit(subject->sealer, w->list, COUNT) >= 0;
		if (round % 2)
			stands = stands && subject->sealer->ops->poll(subject->sealer, done, 2) >= 0;
		stands = stands && subject_renew(subject);
		memcpy(before->out, w->out, sizeof(w->out));
		if (late)
			nanosleep(&while_ns, NULL);
		stands = stands && memcmp(before->out, w->out, sizeof(w->out)) == 0;
	}
	free(before);
	stands = stands && work_seals(w, subject->sealer) && work_opens(w, subject->opener);
	work_free(w);
	CHECK(stands);
}

static void engines_freed_under_way_write_no_more(void)
{
	for_each_subject(check_abandoned);
}

/* ---- Side by side ---- */

/* Two of the same backend with other keys, in turns: one must not see the state of the other. */
static void check_neighbours(struct subject *subjects, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct subject *s = &subjects[i];
		struct work *one, *two;
		haw_sealer *first = s->sealer, *first_opener = s->opener;
		bool right;

		one = work_new(s->suite, &s->keys);
		s->sealer = s->opener = NULL;
		memset(s->key, 0x5a, sizeof(s->key));
		memset(s->mac_key, 0xa5, sizeof(s->mac_key));
		memset(s->iv, 0xfe, sizeof(s->iv));
		right = subject_renew(s);
		two = work_new(s->suite, &s->keys);
		/* Keys are copied: what stood there may go. */
		memset(s->key, 0, sizeof(s->key));
		memset(s->mac_key, 0, sizeof(s->mac_key));
		memset(s->iv, 0, sizeof(s->iv));
		right = right && work_seals(one, first) && work_seals(two, s->sealer) &&
			work_opens(one, first_opener) && work_opens(two, s->opener);
		right = right &&
			(is_chained(s->suite) || (work_seals(one, first) && work_opens(two, s->opener)));
		work_free(one);
		work_free(two);
		first->ops->free(first);
		first_opener->ops->free(first_opener);
		CHECK_MSG(right, "%s", subject_name(s));
	}
}

static void neighbours_do_not_meet(void)
{
	for_each_suite(check_neighbours);
}

/* ---- Threads ---- */

struct thread {
	pthread_t id;
	const haw_backend *backend;
	const haw_suite *suite;
	const haw_keys *keys;
	struct work *work;
	bool right;
};

/* Make engines, use and free them, again and again, as connections come and go. */
static void *come_and_go(void *user)
{
	struct thread *t = user;
	unsigned rounds = effort(6, 2);

	t->right = true;
	for (unsigned i = 0; i < rounds && t->right; i++) {
		haw_sealer *sealer = t->backend->new_sealer(t->backend, t->suite, t->keys, NULL);
		haw_sealer *opener = t->backend->new_opener(t->backend, t->suite, t->keys, NULL);

		t->right = sealer && opener && work_seals(t->work, sealer) && work_opens(t->work, opener);
		if (sealer)
			sealer->ops->free(sealer);
		if (opener)
			opener->ops->free(opener);
	}
	return NULL;
}

static void check_threads(struct subject *subject)
{
	struct thread threads[THREADS];
	bool right = true;

	/* The late ones of the tests count in one place, for one thread. */
	if (subject->selector || strncmp(subject->backend->name, "late", 4) == 0)
		return;
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){.backend = subject->backend,
					     .suite = subject->suite,
					     .keys = &subject->keys,
					     .work = work_new(subject->suite, &subject->keys)};
		if (pthread_create(&threads[i].id, NULL, come_and_go, &threads[i]) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		right = right && threads[i].right;
		work_free(threads[i].work);
	}
	CHECK(right);
}

static void threads_do_not_meet(void)
{
	for_each_subject(check_threads);
}

int main(void)
{
	RUN(engines_freed_under_way_write_no_more);
	RUN(neighbours_do_not_meet);
	RUN(threads_do_not_meet);
	return harness_end();
}
