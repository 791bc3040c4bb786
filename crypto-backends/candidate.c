/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/candidate.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/built_in.h"
#include "crypto-backends/selftest.h"

#define ONE(name) +1

/* The last one stays empty, so that there is an element even in a build without any. */
static struct haw_candidate_pair built_in[HAW_BUILT_IN_BACKENDS(ONE) + 1];
static pthread_once_t listing = PTHREAD_ONCE_INIT;
static pthread_mutex_t testing = PTHREAD_MUTEX_INITIALIZER;

void haw_candidate_init(struct haw_candidate_pair *pair, const haw_backend *backend)
{
	pair->alone.backend = backend;
	if (backend == &haw_backend_openssl)
		return;
	haw_composite_init(&pair->composite, backend);
	snprintf(pair->name, sizeof(pair->name), "%s+openssl", backend->name);
	pair->composite.base.name = pair->name;
	pair->joined.backend = &pair->composite.base;
	pair->alone.joined = &pair->joined;
}

static void list(void)
{
	for (size_t i = 0; haw_backend_at(i); i++)
		haw_candidate_init(&built_in[i], haw_backend_at(i));
}

struct haw_candidate *haw_candidate_built_in(size_t index)
{
	pthread_once(&listing, list);
	return haw_backend_at(index) ? &built_in[index].alone : NULL;
}

static const struct haw_verdict *find_verdict(struct haw_candidate *c, const haw_suite *suite)
{
	const struct haw_verdict *v = atomic_load_explicit(&c->verdicts, memory_order_acquire);

	while (v && v->suite != suite)
		v = v->next;
	return v;
}

/* Run the self-test and remember what it says. With the mutex held. */
static const char *test(struct haw_candidate *c, const haw_suite *suite)
{
	struct haw_verdict *v = malloc(sizeof(*v));

	if (!v)
		return "no memory for its self-test";
	v->suite = suite;
	v->failure = haw_selftest_run(c->backend, suite);
	v->next = atomic_load_explicit(&c->verdicts, memory_order_relaxed);
	atomic_store_explicit(&c->verdicts, v, memory_order_release);
	return v->failure;
}

const char *haw_candidate_excuse(const struct haw_candidate *c, const haw_suite *suite)
{
	const char *why = c->backend->unusable(c->backend);

	return why ? why : c->backend->refuses(c->backend, suite);
}

const char *haw_candidate_outside(const struct haw_candidate *c)
{
	if (c->backend == &haw_backend_openssl || !EVP_default_properties_is_fips_enabled(NULL))
		return NULL;
	return "OpenSSL is configured for FIPS, and this works outside of it: only when it is named";
}

struct haw_candidate *haw_candidate_for(struct haw_candidate *c, const haw_suite *suite)
{
	if (c->joined && haw_candidate_excuse(c, suite) && !haw_candidate_excuse(c->joined, suite))
		return c->joined;
	return c;
}

const char *haw_candidate_check(struct haw_candidate *c, const haw_suite *suite)
{
	const char *why = haw_candidate_excuse(c, suite);
	const struct haw_verdict *v = why ? NULL : find_verdict(c, suite);

	if (why || v)
		return why ? why : v->failure;
	pthread_mutex_lock(&testing);
	v = find_verdict(c, suite);
	why = v ? v->failure : test(c, suite);
	pthread_mutex_unlock(&testing);
	return why;
}

bool haw_candidate_is_lost(const struct haw_candidate *c, const haw_suite *suite)
{
	const struct haw_loss *l = atomic_load_explicit(&c->losses, memory_order_acquire);

	while (l && l->suite != suite)
		l = l->next;
	return l;
}

bool haw_candidate_lose(struct haw_candidate *c, const haw_suite *suite)
{
	struct haw_loss *l = malloc(sizeof(*l)), *first;

	/* Without memory it is tried again with the next keys. */
	if (!l)
		return !haw_candidate_is_lost(c, suite);
	l->suite = suite;
	first = atomic_load_explicit(&c->losses, memory_order_acquire);
	do {
		if (haw_candidate_is_lost(c, suite)) {
			free(l);
			return false;
		}
		l->next = first;
	} while (!atomic_compare_exchange_weak_explicit(&c->losses, &first, l, memory_order_acq_rel,
							memory_order_acquire));
	return true;
}

static void forget(struct haw_candidate *c)
{
	struct haw_verdict *v = atomic_load_explicit(&c->verdicts, memory_order_relaxed), *next;
	struct haw_loss *l = atomic_load_explicit(&c->losses, memory_order_relaxed), *next_loss;

	for (; v; v = next) {
		next = v->next;
		free(v);
	}
	for (; l; l = next_loss) {
		next_loss = l->next;
		free(l);
	}
}

void haw_candidate_free(struct haw_candidate *c)
{
	forget(c);
	if (c->joined)
		forget(c->joined);
	if (c->owned && c->owned->close)
		c->owned->close(c->owned);
	free(c);
}
