/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealers and openers over algorithms that pause jobs. Each packet under way has a keyed context, a job and
 * a wait context of its own. Their descriptors are gathered in one epoll descriptor, which is the sealer's;
 * it also holds an event that stands for what needs no waiting.
 */
#include "crypto-backends/provider/paused.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "crypto-backends/provider/flight.h"
#include "crypto-backends/selftest.h"
#include "crypto-backends/sync.h"

enum {
	MIN_LENGTH = 2048,    /* a shorter packet is sealed sooner than a job is paused and gone on with */
	PROBE_LENGTH = 32768, /* of packets that make a source pause if anything does */
	PROBE_MS = 5000,
	FREE_MS = 1000 /* how long packets under way are waited for before they are left to themselves */
};

struct paused {
	haw_sealer base;
	struct haw_opened *opened;
	haw_sealer *peek;                             /* an opener that reads lengths, outside jobs */
	struct haw_flight *flights[HAW_PAUSED_DEPTH]; /* the first IN_USE have packets */
	unsigned depth, in_use, blind;
	haw_job *first, *last; /* done, linked by job->backend */
	int epoll, event;
	bool opens, signalled, has_paused, failed;
};

/* Make the event say whether poll has something without waiting. */
static void set_event(struct paused *p)
{
	bool ready = p->first || p->blind > 0 || p->failed;
	uint64_t value = 1;

	if (ready == p->signalled)
		return;
	if (ready)
		(void)!write(p->event, &value, sizeof(value));
	else
		(void)!read(p->event, &value, sizeof(value));
	p->signalled = ready;
}

static void push_done(struct paused *p, haw_job *job)
{
	job->backend = NULL;
	if (p->first)
		p->last->backend = job;
	else
		p->first = job;
	p->last = job;
}

static void set_blind(struct paused *p, struct haw_flight *f, bool blind)
{
	p->blind += (unsigned)blind - (unsigned)f->blind;
	f->blind = blind;
}

/* Have the descriptors of a paused flight watched, for one event each. A descriptor may have gone since the
 * last time, and another one have its number. */
static bool watch(struct paused *p, struct haw_flight *f)
{
	int fds[HAW_FLIGHT_FDS];
	size_t n = haw_flight_fds(f, fds);

	for (size_t i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = f};

		if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, fds[i], &event) < 0 &&
		    (errno != ENOENT || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fds[i], &event) < 0))
			return false;
	}
	return n > 0;
}

/* Put the flight at INDEX, which has landed, behind those in use. */
static void retire(struct paused *p, unsigned index)
{
	struct haw_flight *f = p->flights[index];

	p->flights[index] = p->flights[--p->in_use];
	p->flights[p->in_use] = f;
}

/* What became of the flight at INDEX, whose packet was JOB. True if it has landed. */
static bool note(struct paused *p, unsigned index, haw_job *job, enum haw_flight_state state)
{
	struct haw_flight *f = p->flights[index];

	if (state == HAW_FLIGHT_LANDED) {
		set_blind(p, f, false);
		if (job)
			push_done(p, job);
		retire(p, index);
		return true;
	}
	p->has_paused = p->has_paused || state == HAW_FLIGHT_PAUSED;
	p->failed = p->failed || state == HAW_FLIGHT_FAILED;
	set_blind(p, f, state == HAW_FLIGHT_PAUSED && !watch(p, f));
	return false;
}

static void resume(struct paused *p, unsigned index)
{
	struct haw_flight *f = p->flights[index];
	haw_job *job = f->packet;

	(void)note(p, index, job, haw_flight_resume(f));
}

/* Go on with the flights that can, without waiting. */
static void resume_ready(struct paused *p)
{
	struct epoll_event events[HAW_PAUSED_DEPTH + 1];
	int n = p->in_use > 0 ? epoll_wait(p->epoll, events, HAW_PAUSED_DEPTH + 1, 0) : 0;

	for (int e = 0; e < n && !p->failed; e++)
		for (unsigned i = 0; i < p->in_use; i++)
			if (p->flights[i] == events[e].data.ptr) {
				resume(p, i);
				break;
			}
	/* From the end: one that lands changes places with the last, which has been seen. */
	for (unsigned i = p->blind > 0 ? p->in_use : 0; i-- > 0 && !p->failed;)
		if (p->flights[i]->blind)
			resume(p, i);
}

static int paused_submit(haw_sealer *sealer, haw_job *const *jobs, size_t n)
{
	struct paused *p = (struct paused *)sealer;
	size_t taken = 0;

	while (taken < n && !p->failed) {
		haw_job *job = jobs[taken];

		if (!haw_job_fits(sealer->suite, job, p->opens)) {
			job->status = HAW_EINVAL;
			push_done(p, job);
		} else if (p->in_use == p->depth) {
			break;
		} else {
			job->status = HAW_EAGAIN;
			p->in_use++;
			(void)note(p, p->in_use - 1, job, haw_flight_start(p->flights[p->in_use - 1], job));
		}
		taken++;
	}
	set_event(p);
	return p->failed && taken == 0 ? HAW_ECRYPTO : (int)taken;
}

static int paused_poll(haw_sealer *sealer, haw_job **done, size_t max)
{
	struct paused *p = (struct paused *)sealer;
	size_t n = 0;

	resume_ready(p);
	while (n < max && p->first && !p->failed) {
		haw_job *job = p->first;

		p->first = job->backend;
		job->backend = NULL;
		done[n++] = job;
	}
	set_event(p);
	return p->failed ? HAW_ECRYPTO : (int)n;
}

static int paused_open_length(haw_sealer *sealer, uint32_t seq, uint64_t number, uint64_t block,
			      const uint8_t *head, uint32_t *length)
{
	haw_sealer *peek = ((struct paused *)sealer)->peek;

	return peek->ops->open_length(peek, seq, number, block, head, length);
}

static int paused_fd(haw_sealer *sealer)
{
	return ((struct paused *)sealer)->epoll;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Let everything under way land, for at most PATIENCE_MS. */
static bool settle(struct paused *p, int64_t patience_ms)
{
	int64_t end = now_ms() + patience_ms;

	while (p->in_use > 0 && !p->failed && now_ms() < end) {
		struct pollfd fd = {.fd = p->epoll, .events = POLLIN};

		(void)poll(&fd, 1, p->blind > 0 ? 0 : 10);
		resume_ready(p);
	}
	return p->in_use == 0;
}

static void paused_free(haw_sealer *sealer)
{
	struct paused *p = (struct paused *)sealer;

	/* What is done interests nobody, and the packets may be gone; the event stands for blind flights. */
	p->first = NULL;
	for (unsigned i = 0; i < p->in_use; i++)
		p->flights[i]->packet = NULL;
	set_event(p);
	if (!settle(p, FREE_MS))
		atomic_fetch_add(&p->opened->abandoned, p->in_use);
	for (unsigned i = p->in_use; i < p->depth && p->flights[i]; i++)
		haw_flight_free(p->flights[i]);
	if (p->peek)
		p->peek->ops->free(p->peek);
	if (p->epoll >= 0)
		close(p->epoll);
	if (p->event >= 0)
		close(p->event);
	free(p);
}

static const haw_sealer_ops sealer_ops = {
	.submit = paused_submit,
	.poll = paused_poll,
	.fd = paused_fd,
	.free = paused_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = paused_submit,
	.poll = paused_poll,
	.open_length = paused_open_length,
	.fd = paused_fd,
	.free = paused_free,
};

static bool open_descriptors(struct paused *p, haw_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->epoll >= 0 && p->event >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->event, &event) == 0)
		return true;
	haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
		      "cannot make descriptors for packets under way");
	return false;
}

static bool make_flights(struct paused *p, const haw_keys *keys, haw_error *err)
{
	struct haw_openssl_source *source = &p->opened->source;

	for (unsigned i = 0; i < p->depth; i++) {
		haw_sealer *inner = haw_openssl_make(source, p->base.suite, keys, p->opens, err);

		p->flights[i] = inner ? haw_flight_new(inner, p->opens) : NULL;
		if (p->flights[i])
			continue;
		if (inner)
			haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				      "no memory for the keys of a connection");
		return false;
	}
	p->peek = p->opens ? haw_openssl_make(source, p->base.suite, keys, true, err) : NULL;
	return p->peek || !p->opens;
}

haw_sealer *haw_paused_new(struct haw_opened *o, const haw_suite *suite, const haw_keys *keys, bool opens,
			   unsigned depth, haw_error *err)
{
	struct paused *p = calloc(1, sizeof(*p));

	if (!p) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	p->base.ops = opens ? &opener_ops : &sealer_ops;
	p->base.suite = suite;
	p->base.traits = (haw_backend_traits){
		.size = sizeof(p->base.traits),
		.batch = (uint16_t)depth,
		.depth = (uint16_t)depth,
		.completion = HAW_COMPLETES_BY_FD,
		.min_length = MIN_LENGTH,
	};
	p->opened = o;
	p->depth = depth;
	p->opens = opens;
	p->epoll = p->event = -1;
	if (!open_descriptors(p, err) || !make_flights(p, keys, err)) {
		paused_free(&p->base);
		return NULL;
	}
	return &p->base;
}

/* ---- Finding out ---- */

/* Seal one packet of SUITE in a job. */
static int probe(struct haw_opened *o, const haw_suite *suite, haw_error *err)
{
	size_t size = HAW_LENGTH_SIZE + PROBE_LENGTH + HAW_TAG_MAX;
	uint8_t *packet = calloc(1, size);
	struct paused *p = NULL;
	haw_job job = {.length = PROBE_LENGTH, .in_count = 1, .out_count = 1}, *jobs[] = {&job};
	haw_keys keys;
	bool settled = true;

	haw_known_keys(&keys);
	if (packet)
		p = (struct paused *)haw_paused_new(o, suite, &keys, false, 1, NULL);
	if (p) {
		job.length -= suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
		job.in[0] = (haw_span){packet, HAW_LENGTH_SIZE + job.length};
		job.out[0] = (haw_mut_span){packet, HAW_LENGTH_SIZE + job.length + suite->tag_size};
		(void)paused_submit(&p->base, jobs, 1);
		settled = settle(p, PROBE_MS) || p->failed;
		o->pauses = o->pauses || p->has_paused;
		paused_free(&p->base);
	}
	free(packet);
	return settled ? 0
		       : haw_error_set(
				 err, HAW_ETIMEDOUT, HAW_FAULT_LOCAL, 0,
				 "it paused a packet of %s and had not gone on with it after %d seconds; "
				 "see to its device or service",
				 suite->name, PROBE_MS / 1000);
}

int haw_paused_probe(struct haw_opened *o, haw_error *err)
{
	const haw_suite *suite;
	unsigned seen = 0;
	int result = 0;

	if (!ASYNC_is_capable())
		return 0;
	for (size_t i = 0; (suite = haw_suite_at(i)) && result == 0; i++) {
		unsigned kind = 1u << suite->cipher_kind;

		if ((seen & kind) || o->base.refuses(&o->base, suite) ||
		    suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
			continue;
		seen |= kind;
		result = probe(o, suite, err);
	}
	ERR_clear_error();
	return result;
}
