/* SPDX-License-Identifier: Apache-2.0
 *
 * Each packet that is given to the engine has an entry: the engine's own job over the caller's inputs,
 * and, where the output must not be touched before the end, a private place for it. So every packet can
 * be done again from its inputs at any time before it is reported done.
 */
#include "crypto-backends/guard.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "crypto-backends/spans.h"

/* Packets of one key that the engine may fail at, where the spare does not, before it is given up. Good ones
 * between them make it no better: a device that fails at long packets may still do the short ones. */
enum { FAILURES_MAX = 16 };

struct entry {
	haw_job job;     /* the engine's */
	haw_job *outer;  /* the caller's; NULL: free */
	uint8_t *memory; /* what the engine writes to instead of the caller's outputs, or NULL */
	uint8_t *out;    /* in it */
	size_t size, total;
};

struct guard {
	haw_sealer base;
	const haw_backend *backend;
	haw_sealer *engine; /* NULL once it was given up */
	struct haw_spare spare;
	haw_guard_fn given_up;
	void *user;
	size_t headroom, alignment;
	uint32_t min_length, max_length;
	uint64_t patience, since; /* since when the engine has finished nothing */
	unsigned under_way;
	unsigned failures; /* packets that the engine has not done and the spare has */
	int epoll, timer;  /* where the engine has a descriptor, else -1 */
	bool ticking;      /* the timer runs */
	struct haw_guard_count count;
	haw_job *first, *last; /* done, linked by job->backend */
	struct entry entries[HAW_BATCH_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- Done ---- */

static void finish(struct guard *g, haw_job *job)
{
	job->backend = NULL;
	if (g->first)
		g->last->backend = job;
	else
		g->first = job;
	g->last = job;
}

static void by_spare(struct guard *g, haw_job *job)
{
	haw_spare_run(&g->spare, job);
	g->count.by_spare++;
	finish(g, job);
}

/* ---- Entries ---- */

static bool overlap(const haw_job *job)
{
	for (unsigned i = 0; i < job->in_count; i++)
		for (unsigned o = 0; o < job->out_count; o++) {
			uintptr_t in = (uintptr_t)job->in[i].ptr, out = (uintptr_t)job->out[o].ptr;

			if (in < out + job->out[o].len && out < in + job->in[i].len)
				return true;
		}
	return false;
}

/* Memory that holds TOTAL bytes with the engine's alignment and headroom. */
static bool reserve(const struct guard *g, struct entry *e, size_t total)
{
	size_t alignment = g->alignment, needed = g->headroom + alignment + total;
	uintptr_t at;

	if (e->size < needed) {
		free(e->memory);
		e->memory = malloc(needed);
		e->size = e->memory ? needed : 0;
	}
	if (!e->memory)
		return false;
	at = (uintptr_t)e->memory + g->headroom;
	e->out = e->memory + g->headroom + (alignment - at % alignment) % alignment;
	e->total = total;
	return true;
}

static void release(struct entry *e)
{
	if (e->memory)
		OPENSSL_cleanse(e->memory, e->size);
	free(e->memory);
	*e = (struct entry){0};
}

static struct entry *free_entry(struct guard *g)
{
	for (size_t i = 0; i < HAW_BATCH_MAX; i++)
		if (!g->entries[i].outer)
			return &g->entries[i];
	return NULL;
}

/* An entry for JOB, or NULL if there is none or no memory. */
static struct entry *enter(struct guard *g, haw_job *job)
{
	struct entry *e = free_entry(g);
	size_t total = 0;

	if (!e)
		return NULL;
	for (unsigned i = 0; i < job->out_count; i++)
		total += job->out[i].len;
	e->job = *job;
	e->out = NULL;
	if (g->alignment > 1 || g->headroom > 0 || overlap(job)) {
		if (!reserve(g, e, total))
			return NULL;
		e->job.out[0] = (haw_mut_span){e->out, total};
		e->job.out_count = 1;
	}
	e->job.user = e;
	e->outer = job;
	job->status = HAW_EAGAIN;
	return e;
}

/* ---- Giving up ---- */

static void give_up(struct guard *g, const char *why)
{
	haw_sealer *engine = g->engine;

	g->engine = NULL;
	g->count.given_up = true;
	/* Afterwards it writes nowhere. */
	engine->ops->free(engine);
	for (size_t i = 0; i < HAW_BATCH_MAX; i++) {
		struct entry *e = &g->entries[i];

		if (e->outer) {
			by_spare(g, e->outer);
			g->under_way--;
		}
		release(e);
	}
	if (g->given_up)
		g->given_up(g->user, g->backend, g->base.suite, why);
}

/* ---- What became of a packet ---- */

/* The engine has done E's packet. */
static void take(struct guard *g, struct entry *e)
{
	haw_job *job = e->outer;

	haw_spare_follow(&g->spare, &e->job);
	if (e->out) {
		struct haw_walk walk = haw_walk_start(job);

		haw_walk_put(&walk, e->out, e->total);
	}
	job->status = 0;
	g->count.by_engine++;
	finish(g, job);
}

/* The engine is done with E, and has left STATUS. */
static void leave(struct guard *g, struct entry *e, int status)
{
	haw_job *job = e->outer;

	/* An engine that breaks may call good packets altered; it costs nothing to ask again. */
	if (status == 0)
		take(g, e);
	else
		by_spare(g, job);
	/* What the spare cannot do either is no failure of the engine's. */
	g->failures += status != 0 && job->status == 0;
	e->outer = NULL;
	g->under_way--;
	if (status != 0 && g->spare.chained && job->status == 0)
		give_up(g, "it failed at a packet");
	else if (status != 0)
		haw_spare_put_away(&g->spare);
}

static void check_patience(struct guard *g)
{
	if (now_ns() - g->since > g->patience)
		give_up(g, "it has work and finishes nothing");
}

/* The timer makes the descriptor readable while the engine has work, so that a stuck one is noticed. */
static void set_timer(struct guard *g, bool on)
{
	struct itimerspec t = {0};
	uint64_t period = g->patience / 2 + 1;

	if (g->timer < 0 || g->ticking == on)
		return;
	g->ticking = on;
	if (on) {
		t.it_value.tv_sec = t.it_interval.tv_sec = (time_t)(period / 1000000000u);
		t.it_value.tv_nsec = t.it_interval.tv_nsec = (long)(period % 1000000000u);
	}
	(void)timerfd_settime(g->timer, 0, &t, NULL);
}

/* What is done without the engine is told by the descriptor too: at once, by a timer that has run out. */
static void signal_done(struct guard *g)
{
	static const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};

	if (g->timer >= 0)
		(void)timerfd_settime(g->timer, 0, &at_once, NULL);
	g->ticking = false;
}

/* ---- Submitting ---- */

static bool fits_engine(const struct guard *g, const haw_job *job)
{
	return g->engine && (job->length >= g->min_length || g->spare.chained) &&
	       job->length <= g->max_length && job->in_count <= HAW_JOB_SPANS &&
	       job->out_count <= HAW_JOB_SPANS;
}

/* Give the N entries to the engine; returns how many it took. */
static size_t submit_entries(struct guard *g, struct entry *const *entries, size_t n)
{
	haw_job *jobs[HAW_BATCH_MAX];
	int taken;

	for (size_t i = 0; i < n; i++)
		jobs[i] = &entries[i]->job;
	taken = n > 0 ? g->engine->ops->submit(g->engine, jobs, n) : 0;
	for (size_t i = taken > 0 ? (size_t)taken : 0; i < n; i++)
		entries[i]->outer = NULL;
	if (taken < 0) {
		give_up(g, "it takes no more work");
		return 0;
	}
	if (taken > 0 && g->under_way == 0) {
		g->since = now_ns();
		set_timer(g, true);
	}
	g->under_way += (unsigned)taken;
	return (size_t)taken;
}

static int guard_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	struct guard *g = (struct guard *)s;
	struct entry *entries[HAW_BATCH_MAX];
	size_t place[HAW_BATCH_MAX], count = 0, end, taken;

	n = n < HAW_BATCH_MAX ? n : HAW_BATCH_MAX;
	if (g->spare.chained && n > 0)
		n = g->under_way > 0 ? 0 : 1;
	for (end = 0; end < n; end++) {
		if (!fits_engine(g, jobs[end]))
			continue;
		entries[count] = enter(g, jobs[end]);
		if (!entries[count])
			break;
		place[count++] = end;
	}
	taken = submit_entries(g, entries, count);
	/* Jobs are taken in the order of their packets: up to the first that the engine has no room for. */
	if (g->engine && taken < count)
		end = place[taken];
	/* With nothing under way nothing will make room: out of memory, the spare does it. */
	if (end == 0 && n > 0 && g->under_way == 0)
		end = 1;
	for (size_t i = 0, at = 0; i < end; i++) {
		if (at < taken && place[at] == i) {
			at++;
			continue;
		}
		if (g->spare.chained && g->engine)
			give_up(g, "it cannot take a packet, and the next ones need that");
		by_spare(g, jobs[i]);
	}
	if (g->first)
		signal_done(g);
	return (int)end;
}

/* ---- Collecting ---- */

static void collect(struct guard *g)
{
	haw_job *done[HAW_BATCH_MAX];
	int n = g->engine->ops->poll(g->engine, done, HAW_BATCH_MAX);

	if (n < 0) {
		give_up(g, "it failed");
		return;
	}
	for (int i = 0; i < n; i++) {
		struct entry *e = done[i]->user;

		leave(g, e, done[i]->status);
	}
	if (n > 0)
		g->since = now_ns();
	else
		check_patience(g);
	if (g->engine && g->failures >= FAILURES_MAX)
		give_up(g, "it fails at packet after packet");
}

/* An idle connection keeps no memory and runs no timer. */
static void rest(struct guard *g)
{
	for (size_t i = 0; i < HAW_BATCH_MAX; i++)
		if (g->entries[i].memory)
			release(&g->entries[i]);
	set_timer(g, false);
}

static int guard_poll(haw_sealer *s, haw_job **done, size_t max)
{
	struct guard *g = (struct guard *)s;
	bool worked = g->under_way > 0;
	uint64_t ticks;
	size_t n = 0;

	if (g->timer >= 0)
		(void)!read(g->timer, &ticks, sizeof(ticks));
	if (worked && g->engine)
		collect(g);
	while (n < max && g->first) {
		haw_job *job = g->first;

		g->first = job->backend;
		job->backend = NULL;
		done[n++] = job;
	}
	if (worked && g->under_way == 0)
		rest(g);
	else if (g->under_way > 0)
		set_timer(g, true);
	if (g->first)
		signal_done(g);
	return (int)n;
}

static int guard_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			     const uint8_t *head, uint32_t *length)
{
	struct guard *g = (struct guard *)s;
	haw_sealer *spare;

	if (g->spare.chained && g->engine) {
		if (g->engine->ops->open_length(g->engine, seq, number, block, head, length) == 0)
			return 0;
		give_up(g, "it failed at a packet's length");
	}
	spare = haw_spare_sealer(&g->spare);
	return spare ? spare->ops->open_length(spare, seq, number, block, head, length) : HAW_ECRYPTO;
}

static int guard_fd(haw_sealer *s)
{
	return ((struct guard *)s)->epoll;
}

static void guard_free(haw_sealer *s)
{
	struct guard *g = (struct guard *)s;

	if (g->engine)
		g->engine->ops->free(g->engine);
	haw_spare_clear(&g->spare);
	for (size_t i = 0; i < HAW_BATCH_MAX; i++)
		release(&g->entries[i]);
	if (g->epoll >= 0)
		close(g->epoll);
	if (g->timer >= 0)
		close(g->timer);
	free(g);
}

static const haw_sealer_ops sealer_ops = {
	.submit = guard_submit,
	.poll = guard_poll,
	.fd = guard_fd,
	.free = guard_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = guard_submit,
	.poll = guard_poll,
	.open_length = guard_open_length,
	.fd = guard_fd,
	.free = guard_free,
};

/* ---- Making one ---- */

/* One descriptor for what the engine finishes and for the guard's own timer. */
static bool open_descriptors(struct guard *g)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = g->engine->ops->fd(g->engine);

	if (g->engine->traits.completion != HAW_COMPLETES_BY_FD)
		return true;
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return g->epoll >= 0 && g->timer >= 0 && epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &event) == 0 &&
	       epoll_ctl(g->epoll, EPOLL_CTL_ADD, g->timer, &event) == 0;
}

static void copy_traits(struct guard *g)
{
	const haw_backend_traits *its = &g->engine->traits;

	g->headroom = its->headroom;
	g->alignment = its->alignment ? its->alignment : 1;
	g->min_length = its->min_length;
	g->max_length = its->max_length ? its->max_length : HAW_PACKET_LENGTH_MAX;
	g->base.traits = (haw_backend_traits){
		.size = sizeof(g->base.traits),
		.batch = its->batch,
		.depth = its->depth && its->depth < HAW_BATCH_MAX ? its->depth : HAW_BATCH_MAX,
		.completion = its->completion,
	};
	if (g->spare.chained)
		g->base.traits.batch = g->base.traits.depth = 1;
}

haw_sealer *haw_guard_new(const haw_backend *backend, haw_sealer *engine, const haw_keys *keys,
			  haw_spare_fn spare, haw_guard_fn given_up, void *user, haw_error *err)
{
	struct guard *g = calloc(1, sizeof(*g));
	bool opens = engine->ops->open_length != NULL;

	if (!g) {
		engine->ops->free(engine);
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	if (!haw_spare_init(&g->spare, spare, engine->suite, keys, opens)) {
		haw_spare_clear(&g->spare);
		free(g);
		return engine;
	}
	g->base.ops = opens ? &opener_ops : &sealer_ops;
	g->base.suite = engine->suite;
	g->backend = backend;
	g->engine = engine;
	g->given_up = given_up;
	g->user = user;
	g->patience = HAW_GUARD_PATIENCE_NS;
	g->epoll = g->timer = -1;
	copy_traits(g);
	if (!open_descriptors(g)) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "no descriptor for the cryptographic engine %s", backend->name);
		guard_free(&g->base);
		return NULL;
	}
	return &g->base;
}

bool haw_guard_get_count(const haw_sealer *s, struct haw_guard_count *count)
{
	if (s->ops != &sealer_ops && s->ops != &opener_ops)
		return false;
	*count = ((const struct guard *)s)->count;
	return true;
}

void haw_guard_set_patience(haw_sealer *s, uint64_t ns)
{
	((struct guard *)s)->patience = ns;
}
