/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealers and openers by the chosen backend; those of one that may fail stand behind a guard.
 */
#include <stdio.h>

#include "crypto-backends/guard.h"
#include "crypto-backends/selector.h"

void haw_selector_set_log(haw_selector *s, void (*log)(void *user, const char *line), void *user)
{
	s->log = log;
	s->log_user = user;
}

/* The candidate, or the half of one, whose backend is BACKEND. */
static struct haw_candidate *candidate_of(const haw_selector *s, const haw_backend *backend)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++) {
		if (c->backend == backend)
			return c;
		if (c->joined && c->joined->backend == backend)
			return c->joined;
	}
	return NULL;
}

static void given_up(void *user, const haw_backend *backend, const haw_suite *suite, const char *why)
{
	const haw_selector *s = user;
	struct haw_candidate *c = candidate_of(s, backend);
	char line[256];

	/* Each direction and each connection finds out by itself; once is enough for the user. */
	if ((c && !haw_candidate_lose(c, suite)) || !s || !s->log)
		return;
	snprintf(line, sizeof(line),
		 "the backend %s is given up: %s; the processor does the packets of %s from now on",
		 backend->name, why, suite->name);
	s->log(s->log_user, line);
}

static haw_sealer *new_engine(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      bool opens, haw_error *err)
{
	return opens ? backend->new_opener(backend, suite, keys, err)
		     : backend->new_sealer(backend, suite, keys, err);
}

static bool may_fail(const haw_backend *backend)
{
	return backend->flags & (HAW_BACKEND_OFFLOAD | HAW_BACKEND_MAY_FAIL);
}

/* The first built-in backend that can do the same on the calling CPU. */
static const haw_backend *find_spare(const haw_suite *suite)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(NULL, i)); i++) {
		c = haw_candidate_for(c, suite);
		if (!may_fail(c->backend) && !haw_candidate_outside(c) && !haw_candidate_check(c, suite))
			return c->backend;
	}
	return NULL;
}

static haw_sealer *new_spare(const haw_suite *suite, const haw_keys *keys, bool opens)
{
	const haw_backend *spare = find_spare(suite);

	return spare ? new_engine(spare, suite, keys, opens, NULL) : NULL;
}

haw_sealer *haw_selector_serve(const haw_selector *s, const haw_backend *backend, const haw_suite *suite,
			       const haw_keys *keys, bool opens, haw_error *err)
{
	haw_sealer *engine = new_engine(backend, suite, keys, opens, err), *spare;

	if (!may_fail(backend))
		return engine;
	if (engine)
		return haw_guard_new(backend, engine, keys, new_spare, given_up, (void *)s, err);
	/* It has passed its self-test, so it was lost since: a rekey goes on without it. */
	spare = new_spare(suite, keys, opens);
	if (spare)
		given_up((void *)s, backend, suite, "it takes no more keys");
	return spare;
}

static haw_sealer *make(const haw_selector *s, const haw_suite *suite, const haw_keys *keys, bool opens,
			const haw_backend **served_by, haw_error *err)
{
	char reason[256];
	const haw_backend *backend = haw_selector_choose(s, suite, reason, sizeof(reason));
	const struct haw_candidate *c = backend ? candidate_of(s, backend) : NULL;

	if (!backend) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			      "nothing here can protect packets with %s: %s", suite->name, reason);
		return NULL;
	}
	/* What was given up under way would cost each rekey its patience again. */
	if (c && haw_candidate_is_lost(c, suite) && find_spare(suite))
		backend = find_spare(suite);
	if (served_by)
		*served_by = backend;
	return haw_selector_serve(s, backend, suite, keys, opens, err);
}

haw_sealer *haw_selector_sealer(const haw_selector *s, const haw_suite *suite, const haw_keys *keys,
				const haw_backend **backend, haw_error *err)
{
	return make(s, suite, keys, false, backend, err);
}

haw_sealer *haw_selector_opener(const haw_selector *s, const haw_suite *suite, const haw_keys *keys,
				const haw_backend **backend, haw_error *err)
{
	return make(s, suite, keys, true, backend, err);
}
