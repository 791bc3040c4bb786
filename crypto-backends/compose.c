/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's way: accepted (and hashed, where the MAC comes first), waiting for the inner engine to take it,
 * under way there, hashed (where the MAC comes last), finished. The inner engine works on the caller's job
 * itself, whose spans are made to end before the tag for as long.
 */
#include "crypto-backends/compose.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto-backends/openssl/mac_job.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

enum {
	/* Jobs are handed on in groups of this size, so that a late engine works while others are hashed. */
	GROUP = 8
};

/* What a job is while the inner engine has it. */
struct flight {
	haw_job *job;
	void *user;
	size_t last_len; /* of the last span that was cut */
	uint8_t count;   /* of spans before they were cut */
};

struct compose {
	haw_sealer base;
	haw_sealer *inner;
	struct haw_mac mac;
	struct flight flights[HAW_BATCH_MAX];
	struct flight *free[HAW_BATCH_MAX];
	size_t free_count;
	haw_job *waiting[HAW_BATCH_MAX]; /* for the inner engine, in order: a ring */
	size_t waiting_first, waiting_count;
	haw_job *first, *last;                         /* finished, linked by job->backend */
	int (*after)(struct haw_mac *mac, haw_job *job); /* what is left to do when the cipher is done */
	int (*before)(struct haw_mac *mac, haw_job *job);
	int epoll, event; /* -1 unless the inner engine has a descriptor */
	bool opens;
};

static int nothing(struct haw_mac *mac, haw_job *job)
{
	return 0;
}

/* ---- The job's spans, without and with the tag ---- */

static void cut_tag(struct compose *c, haw_job *job)
{
	struct flight *flight = c->free[--c->free_count];
	uint8_t *count = c->opens ? &job->in_count : &job->out_count;
	size_t left = haw_mac_covers(job);

	*flight = (struct flight){.job = job, .user = job->user, .count = *count};
	job->user = flight;
	for (uint8_t i = 0; i < flight->count; i++) {
		size_t *len = c->opens ? &job->in[i].len : &job->out[i].len;

		if (*len >= left) {
			flight->last_len = *len;
			*len = left;
			*count = i + 1;
			return;
		}
		left -= *len;
	}
}

static void put_tag_back(struct compose *c, haw_job *job)
{
	struct flight *flight = job->user;
	uint8_t *count = c->opens ? &job->in_count : &job->out_count;

	if (c->opens)
		job->in[*count - 1].len = flight->last_len;
	else
		job->out[*count - 1].len = flight->last_len;
	*count = flight->count;
	job->user = flight->user;
	flight->job = NULL;
	c->free[c->free_count++] = flight;
}

/* ---- Jobs ---- */

static void finish(struct compose *c, haw_job *job)
{
	const uint64_t one = 1;

	if (!c->first && c->event >= 0)
		(void)!write(c->event, &one, sizeof(one));
	job->backend = NULL;
	if (c->first)
		c->last->backend = job;
	else
		c->first = job;
	c->last = job;
}

/* The engine has failed: the jobs are the caller's again, as they were. */
static int give_up(struct compose *c, int code)
{
	for (size_t i = 0; i < HAW_BATCH_MAX; i++)
		if (c->flights[i].job)
			put_tag_back(c, c->flights[i].job);
	c->waiting_count = 0;
	c->first = NULL;
	return code;
}

/* Hand on what waits, as far as the inner engine takes it. */
static int hand_on(struct compose *c)
{
	while (c->waiting_count > 0) {
		haw_job *list[HAW_BATCH_MAX];
		int taken;

		for (size_t i = 0; i < c->waiting_count; i++)
			list[i] = c->waiting[(c->waiting_first + i) % HAW_BATCH_MAX];
		taken = c->inner->ops->submit(c->inner, list, c->waiting_count);
		if (taken < 0)
			return give_up(c, taken);
		if (taken == 0)
			break;
		c->waiting_first = (c->waiting_first + (size_t)taken) % HAW_BATCH_MAX;
		c->waiting_count -= (size_t)taken;
	}
	return 0;
}

/* Take what the inner engine has done. */
static int take_back(struct compose *c)
{
	for (;;) {
		haw_job *done[HAW_BATCH_MAX];
		int n = c->inner->ops->poll(c->inner, done, HAW_BATCH_MAX);

		if (n < 0)
			return give_up(c, n);
		if (n == 0)
			return 0;
		for (int i = 0; i < n; i++) {
			put_tag_back(c, done[i]);
			if (done[i]->status == 0)
				done[i]->status = c->after(&c->mac, done[i]);
			finish(c, done[i]);
		}
	}
}

static void accept_job(struct compose *c, haw_job *job)
{
	int status = haw_job_fits(c->base.suite, job, c->opens) ? c->before(&c->mac, job) : HAW_EINVAL;

	if (status != 0) {
		job->status = status;
		finish(c, job);
		return;
	}
	cut_tag(c, job);
	job->status = HAW_EAGAIN;
	c->waiting[(c->waiting_first + c->waiting_count++) % HAW_BATCH_MAX] = job;
}

static int compose_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	struct compose *c = (struct compose *)s;
	size_t group = c->inner->traits.batch, taken = 0;
	bool at_once = c->inner->traits.completion == HAW_COMPLETES_IN_SUBMIT;

	if (group == 0 || group > HAW_BATCH_MAX)
		group = at_once ? HAW_BATCH_MAX : GROUP;
	while (taken < n && c->free_count > 0) {
		int rc;

		accept_job(c, jobs[taken++]);
		if (taken % group != 0 && taken < n && c->free_count > 0)
			continue;
		rc = hand_on(c);
		if (rc == 0 && at_once)
			rc = take_back(c);
		if (rc < 0)
			return rc;
	}
	return (int)taken;
}

static int compose_poll(haw_sealer *s, haw_job **done, size_t max)
{
	struct compose *c = (struct compose *)s;
	uint64_t count;
	size_t n = 0;
	int rc = take_back(c);

	if (rc == 0)
		rc = hand_on(c);
	if (rc < 0)
		return rc;
	while (n < max && c->first) {
		haw_job *job = c->first;

		c->first = job->backend;
		job->backend = NULL;
		done[n++] = job;
	}
	if (!c->first && c->event >= 0)
		(void)!read(c->event, &count, sizeof(count));
	return (int)n;
}

static int compose_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			       const uint8_t *head, uint32_t *length)
{
	struct compose *c = (struct compose *)s;

	if (s->suite->length_mode == HAW_LENGTH_CLEAR) {
		*length = haw_fetch_be32(head);
		return 0;
	}
	return c->inner->ops->open_length(c->inner, seq, number, block, head, length);
}

static int compose_fd(haw_sealer *s)
{
	return ((struct compose *)s)->epoll;
}

static void compose_free(haw_sealer *s)
{
	struct compose *c = (struct compose *)s;

	if (c->inner)
		c->inner->ops->free(c->inner);
	if (c->epoll >= 0)
		close(c->epoll);
	if (c->event >= 0)
		close(c->event);
	haw_mac_free(&c->mac);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

/* ---- Making one ---- */

static const haw_sealer_ops sealer_ops = {
	.submit = compose_submit,
	.poll = compose_poll,
	.fd = compose_fd,
	.free = compose_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = compose_submit,
	.poll = compose_poll,
	.open_length = compose_open_length,
	.fd = compose_fd,
	.free = compose_free,
};

/* A packet that is refused before the inner engine sees it must wake the caller too: its descriptor and
 * ours become one. */
static bool join_descriptors(struct compose *c)
{
	struct epoll_event readable = {.events = EPOLLIN};
	int fd = c->inner->ops->fd(c->inner);

	if (fd < 0)
		return true;
	c->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	return c->event >= 0 && c->epoll >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &readable) == 0 &&
	       epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->event, &readable) == 0;
}

static void set_order(struct compose *c)
{
	bool etm = c->base.suite->length_mode == HAW_LENGTH_CLEAR;

	if (c->opens) {
		c->before = etm ? haw_mac_judge_input : nothing;
		c->after = etm ? nothing : haw_mac_judge_output;
	} else {
		c->before = etm ? nothing : haw_mac_tag_input;
		c->after = etm ? haw_mac_tag_output : nothing;
	}
}

static struct compose *compose_new(const haw_suite *suite, bool opens)
{
	struct compose *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->base.ops = opens ? &opener_ops : &sealer_ops;
	c->base.suite = suite;
	c->epoll = c->event = -1;
	c->opens = opens;
	for (size_t i = 0; i < HAW_BATCH_MAX; i++)
		c->free[c->free_count++] = &c->flights[i];
	set_order(c);
	return c;
}

const char *haw_compose_refuses(const haw_backend *cipher, const haw_suite *suite)
{
	const haw_suite *half = haw_suite_half(suite);
	const char *why = half ? cipher->refuses(cipher, half) : "its cipher needs no MAC beside it";

	return why ? why : haw_mac_refuses(&haw_openssl_configured, suite);
}

haw_sealer *haw_compose_sealer(const haw_backend *cipher, const haw_suite *suite, const haw_keys *keys,
			       bool opens, haw_error *err)
{
	const char *refusal = haw_compose_refuses(cipher, suite);
	const haw_suite *half = haw_suite_half(suite);
	struct compose *c;

	if (refusal) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, refusal);
		return NULL;
	}
	c = compose_new(suite, opens);
	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	c->inner = opens ? cipher->new_opener(cipher, half, keys, err)
			 : cipher->new_sealer(cipher, half, keys, err);
	if (!c->inner)
		goto failed;
	c->base.traits = c->inner->traits;
	c->base.traits.depth = HAW_BATCH_MAX;
	if (!haw_mac_init(&c->mac, &haw_openssl_configured, suite, keys->mac_key)) {
		ERR_clear_error();
		haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL failed to set up a MAC");
		goto failed;
	}
	if (!join_descriptors(c)) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "no descriptor is left for a cryptographic engine");
		goto failed;
	}
	return &c->base;
failed:
	compose_free(&c->base);
	return NULL;
}
