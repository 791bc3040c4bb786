/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealers and openers by the chosen backend; those of an offload stand behind a guard.
 */
#include <stdio.h>

#include "crypto-backends/guard.h"
#include "crypto-backends/selector.h"

void haw_selector_set_log(haw_selector *s, void (*log)(void *user, const char *line), void *user)
{
	s->log = log;
	s->log_user = user;
}

static void given_up(void *user, const haw_backend *backend, const char *why)
{
	const haw_selector *s = user;
	char line[256];

	if (!s || !s->log)
		return;
	snprintf(line, sizeof(line),
		 "the backend %s is given up: %s; the processor does the packets of this connection now",
		 backend->name, why);
	s->log(s->log_user, line);
}

static haw_sealer *new_engine(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      bool opens, haw_error *err)
{
	return opens ? backend->new_opener(backend, suite, keys, err)
		     : backend->new_sealer(backend, suite, keys, err);
}

/* The first built-in backend that can do the same on the calling CPU. */
static haw_sealer *new_spare(const haw_suite *suite, const haw_keys *keys, bool opens)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(NULL, i)); i++) {
		c = haw_candidate_for(c, suite);
		if (!(c->backend->flags & HAW_BACKEND_OFFLOAD) && !haw_candidate_outside(c) &&
		    !haw_candidate_check(c, suite))
			return new_engine(c->backend, suite, keys, opens, NULL);
	}
	return NULL;
}

/* ENGINE behind a guard, where one is of use and possible. */
static haw_sealer *guarded(const haw_selector *s, const haw_backend *backend, haw_sealer *engine,
			   const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err)
{
	haw_sealer *spare;

	if (!(backend->flags & HAW_BACKEND_OFFLOAD) || suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
		return engine;
	spare = new_spare(suite, keys, opens);
	if (spare && engine)
		return haw_guard_new(backend, engine, spare, given_up, (void *)s, err);
	/* It has passed its self-test, so it was lost since: a rekey goes on without it. */
	if (spare)
		given_up((void *)s, backend, "it takes no more keys");
	return spare ? spare : engine;
}

haw_sealer *haw_selector_serve(const haw_selector *s, const haw_backend *backend, const haw_suite *suite,
			       const haw_keys *keys, bool opens, haw_error *err)
{
	return guarded(s, backend, new_engine(backend, suite, keys, opens, err), suite, keys, opens, err);
}

static haw_sealer *make(const haw_selector *s, const haw_suite *suite, const haw_keys *keys, bool opens,
			const haw_backend **served_by, haw_error *err)
{
	char reason[256];
	const haw_backend *backend = haw_selector_choose(s, suite, reason, sizeof(reason));

	if (!backend) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			      "nothing here can protect packets with %s: %s", suite->name, reason);
		return NULL;
	}
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
