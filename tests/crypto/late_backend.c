/* SPDX-License-Identifier: Apache-2.0 */
#include "late_backend.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto-backends/backends.h"

enum { FLIGHT_MAX = 256 };

struct flight {
	haw_job *job;
	uint64_t order;  /* of submission */
	uint64_t digest; /* of the inputs at that time */
};

struct late {
	haw_sealer base;
	haw_sealer *inner;
	struct flight flights[FLIGHT_MAX];
	size_t count;
	uint64_t random, submitted, finished;
	uint64_t fail_after;
	int event; /* -1 for the one that must be polled */
};

struct late_counters late_counters;
static uint64_t seed = 1, fail_after;
static unsigned depth = 8;

void late_backend_reset(uint64_t new_seed, unsigned new_depth, uint64_t new_fail_after)
{
	seed = new_seed;
	depth = new_depth;
	fail_after = new_fail_after;
	memset(&late_counters, 0, sizeof(late_counters));
}

static uint64_t draw(struct late *l, uint64_t below)
{
	/* Knuth's MMIX generator; its upper bits are the random ones. */
	l->random = l->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (l->random >> 33) % below;
}

static uint64_t digest_of(const haw_job *job)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < job->in_count; i++)
		for (size_t j = 0; j < job->in[i].len; j++)
			digest = (digest ^ job->in[i].ptr[j]) * UINT64_C(0x100000001b3);
	return digest;
}

static bool has_failed(const struct late *l)
{
	return l->fail_after != 0 && l->finished >= l->fail_after;
}

/* Make the descriptor say whether work is left. */
static void signal_work(struct late *l)
{
	uint64_t value = 1;

	if (l->event < 0)
		return;
	if (l->count > 0)
		(void)!write(l->event, &value, sizeof(value));
	else
		(void)!read(l->event, &value, sizeof(value));
}

static int late_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	struct late *l = (struct late *)s;
	size_t room = s->traits.depth ? s->traits.depth : FLIGHT_MAX, taken = 0;

	if (has_failed(l))
		return HAW_ECRYPTO;
	while (taken < n && l->count < room) {
		haw_job *job = jobs[taken++];

		job->status = HAW_EAGAIN;
		l->flights[l->count++] = (struct flight){job, l->submitted++, digest_of(job)};
	}
	late_counters.in_flight += taken;
	late_counters.refused += n - taken;
	if (late_counters.in_flight > late_counters.most_in_flight)
		late_counters.most_in_flight = late_counters.in_flight;
	signal_work(l);
	return (int)taken;
}

/* Finish the flight at INDEX. */
static haw_job *finish(struct late *l, size_t index)
{
	struct flight flight = l->flights[index];
	haw_job *done;

	for (size_t i = 0; i < l->count; i++)
		if (l->flights[i].order < flight.order) {
			late_counters.overtaken++;
			break;
		}
	late_counters.violations += digest_of(flight.job) != flight.digest;
	if (l->inner->ops->submit(l->inner, &flight.job, 1) != 1 ||
	    l->inner->ops->poll(l->inner, &done, 1) != 1)
		flight.job->status = HAW_ECRYPTO;
	l->flights[index] = l->flights[--l->count];
	l->finished++;
	late_counters.jobs++;
	late_counters.in_flight--;
	return flight.job;
}

/* The flight to finish next: any, or the oldest where a packet needs the one before it. */
static size_t choose(struct late *l)
{
	size_t oldest = 0;

	if (l->base.suite->chain_mode != HAW_CHAIN_CIPHERTEXT)
		return draw(l, l->count);
	for (size_t i = 1; i < l->count; i++)
		if (l->flights[i].order < l->flights[oldest].order)
			oldest = i;
	return oldest;
}

static int late_poll(haw_sealer *s, haw_job **done, size_t max)
{
	struct late *l = (struct late *)s;
	/* A descriptor that is readable promises at least one. */
	size_t least = l->event >= 0 ? 1 : 0, n = 0, want;

	if (has_failed(l))
		return HAW_ECRYPTO;
	if (l->count == 0 || max == 0)
		return 0;
	want = least + draw(l, l->count + 1 - least);
	want = want < max ? want : max;
	while (n < want && !has_failed(l))
		done[n++] = finish(l, choose(l));
	signal_work(l);
	return (int)n;
}

static int late_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
			    uint32_t *length)
{
	struct late *l = (struct late *)s;

	return l->inner->ops->open_length(l->inner, seq, number, block, head, length);
}

static int late_fd(haw_sealer *s)
{
	return ((struct late *)s)->event;
}

static void late_free(haw_sealer *s)
{
	struct late *l = (struct late *)s;

	late_counters.in_flight -= l->count;
	if (l->event >= 0)
		close(l->event);
	l->inner->ops->free(l->inner);
	free(l);
}

static const haw_sealer_ops sealer_ops = {
	.submit = late_submit,
	.poll = late_poll,
	.fd = late_fd,
	.free = late_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = late_submit,
	.poll = late_poll,
	.open_length = late_open_length,
	.fd = late_fd,
	.free = late_free,
};

static haw_sealer *wrap(haw_sealer *inner, bool opens, bool by_fd)
{
	struct late *l;

	if (!inner)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->base.ops = opens ? &opener_ops : &sealer_ops;
	l->base.suite = inner->suite;
	l->base.traits = (haw_backend_traits){
		.size = sizeof(l->base.traits),
		.depth = (uint16_t)depth,
		.completion = by_fd ? HAW_COMPLETES_BY_FD : HAW_COMPLETES_BY_POLL,
	};
	l->inner = inner;
	l->random = seed++;
	l->fail_after = fail_after;
	l->event = by_fd ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
	return &l->base;
}

static haw_sealer *poll_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			       haw_error *err)
{
	return wrap(haw_backend_openssl.new_sealer(&haw_backend_openssl, suite, keys, err), false, false);
}

static haw_sealer *poll_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			       haw_error *err)
{
	return wrap(haw_backend_openssl.new_opener(&haw_backend_openssl, suite, keys, err), true, false);
}

static haw_sealer *fd_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			     haw_error *err)
{
	return wrap(haw_backend_openssl.new_sealer(&haw_backend_openssl, suite, keys, err), false, true);
}

static haw_sealer *fd_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			     haw_error *err)
{
	return wrap(haw_backend_openssl.new_opener(&haw_backend_openssl, suite, keys, err), true, true);
}

static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	return haw_backend_openssl.refuses(&haw_backend_openssl, suite);
}

static const char *version(const haw_backend *backend)
{
	return "late";
}

const haw_backend late_backend_poll = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend),
	.name = "late-poll",
	.description = "openssl, late and out of order",
	.unusable = unusable,
	.refuses = refuses,
	.new_sealer = poll_sealer,
	.new_opener = poll_opener,
	.version = version,
};

const haw_backend late_backend_fd = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend),
	.name = "late-fd",
	.description = "openssl, late and out of order, with a descriptor",
	.unusable = unusable,
	.refuses = refuses,
	.new_sealer = fd_sealer,
	.new_opener = fd_opener,
	.version = version,
};
