/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/select.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/selftest.h"
#include "version.h"

enum { SUITES = 64, ADDED_MAX = 4, OVERRIDES_MAX = 64 };

/* What a backend's self-tests said, by the index of the suite: NULL before, `passed`, or what failed. */
struct verdicts {
	_Atomic(const char *) of[SUITES];
};

/* ALG=NAME as the user gave it. */
struct override {
	char *text;
	const char *algorithm; /* in text */
	const haw_backend *backend;
};

struct haw_selector {
	const haw_backend *added[ADDED_MAX];
	struct verdicts *added_verdicts[ADDED_MAX];
	size_t added_count;
	struct override overrides[OVERRIDES_MAX];
	size_t override_count;
};

/* The static order of preference. */
static const haw_backend *const built_in[] = {
#if HAW_WITH_IPSECMB
	&haw_backend_ipsecmb,
#endif
	&haw_backend_openssl,
};

static const size_t built_in_count = sizeof(built_in) / sizeof(built_in[0]);
static struct verdicts built_in_verdicts[sizeof(built_in) / sizeof(built_in[0])];
static const char passed[] = "passed";
static pthread_mutex_t testing = PTHREAD_MUTEX_INITIALIZER;

const haw_backend *haw_backend_at(size_t index)
{
	return index < built_in_count ? built_in[index] : NULL;
}

const haw_backend *haw_backend_find(const char *name)
{
	for (size_t i = 0; i < built_in_count; i++)
		if (strcmp(built_in[i]->name, name) == 0)
			return built_in[i];
	return NULL;
}

static size_t suite_index(const haw_suite *suite)
{
	size_t i = 0;

	while (i < SUITES && haw_suite_at(i) && haw_suite_at(i) != suite)
		i++;
	return haw_suite_at(i) == suite ? i : SUITES;
}

/* NULL if BACKEND has passed its self-test for SUITE, which is run if it never was. */
static const char *judge(struct verdicts *verdicts, const haw_backend *backend, const haw_suite *suite)
{
	size_t index = suite_index(suite);
	const char *verdict;

	if (index >= SUITES)
		return "this library does not know the suite";
	verdict = atomic_load_explicit(&verdicts->of[index], memory_order_acquire);
	if (!verdict) {
		pthread_mutex_lock(&testing);
		verdict = atomic_load_explicit(&verdicts->of[index], memory_order_relaxed);
		if (!verdict) {
			verdict = haw_selftest_run(backend, suite);
			verdict = verdict ? verdict : passed;
			atomic_store_explicit(&verdicts->of[index], verdict, memory_order_release);
		}
		pthread_mutex_unlock(&testing);
	}
	return verdict == passed ? NULL : verdict;
}

/* NULL if BACKEND says that it can serve SUITE here, else why not. */
static const char *excuse(const haw_backend *backend, const haw_suite *suite)
{
	const char *why = backend->unusable(backend);

	return why ? why : backend->refuses(backend, suite);
}

static struct verdicts *verdicts_of(const haw_selector *s, const haw_backend *backend)
{
	for (size_t i = 0; i < built_in_count; i++)
		if (built_in[i] == backend)
			return &built_in_verdicts[i];
	for (size_t i = 0; s && i < s->added_count; i++)
		if (s->added[i] == backend)
			return s->added_verdicts[i];
	return NULL;
}

/* The same with its self-test. */
static const char *why_not(const haw_selector *s, const haw_backend *backend, const haw_suite *suite)
{
	struct verdicts *verdicts = verdicts_of(s, backend);
	const char *why = excuse(backend, suite);

	if (why)
		return why;
	return verdicts ? judge(verdicts, backend, suite) : "it is not one of this library's backends";
}

const char *haw_backend_check(const haw_backend *backend, const haw_suite *suite)
{
	return why_not(NULL, backend, suite);
}

/* ---- Making a selector ---- */

haw_selector *haw_selector_new(void)
{
	return calloc(1, sizeof(haw_selector));
}

void haw_selector_free(haw_selector *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->added_count; i++)
		free(s->added_verdicts[i]);
	for (size_t i = 0; i < s->override_count; i++)
		free(s->overrides[i].text);
	free(s);
}

static const haw_backend *candidate_at(const haw_selector *s, size_t index)
{
	if (index < built_in_count)
		return built_in[index];
	index -= built_in_count;
	return s && index < s->added_count ? s->added[index] : NULL;
}

static const haw_backend *candidate_find(const haw_selector *s, const char *name)
{
	const haw_backend *backend;

	for (size_t i = 0; (backend = candidate_at(s, i)); i++)
		if (strcmp(backend->name, name) == 0)
			return backend;
	return NULL;
}

int haw_selector_add(haw_selector *s, const haw_backend *backend)
{
	struct verdicts *verdicts;

	if (backend->abi != HAW_BACKEND_ABI || backend->size < sizeof(haw_backend) ||
	    candidate_find(s, backend->name))
		return HAW_EINVAL;
	if (s->added_count == ADDED_MAX)
		return HAW_ELIMIT;
	verdicts = calloc(1, sizeof(*verdicts));
	if (!verdicts)
		return HAW_ENOMEM;
	s->added[s->added_count] = backend;
	s->added_verdicts[s->added_count++] = verdicts;
	return 0;
}

static bool names_suite(const char *algorithm, const haw_suite *suite)
{
	return strcmp(algorithm, "*") == 0 || strcmp(algorithm, suite->cipher) == 0 ||
	       strcmp(algorithm, suite->name) == 0;
}

static int unknown_backend(const haw_selector *s, const char *name, haw_error *err)
{
	char known[256] = "", shown[128];
	const haw_backend *backend;

	for (size_t i = 0, at = 0; (backend = candidate_at(s, i)) && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", backend->name);
	if (strcmp(name, "ipsecmb") == 0)
		return haw_error_set(
			err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
			"this build has no backend \"ipsecmb\": it needs Intel's ipsec-mb library "
			"when it is built");
	return haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
			     "there is no backend \"%s\"; this build has %s",
			     haw_escape(shown, sizeof(shown), name, strlen(name)), known);
}

/* Whether BACKEND can do what ALGORITHM names: all of it for a suite, some of it for a cipher or "*". */
static int check_override(const char *algorithm, const haw_backend *backend, haw_error *err)
{
	const char *why = backend->unusable(backend), *refusal = NULL;
	const haw_suite *suite;
	char shown[128];
	bool known = false;

	if (why)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the backend \"%s\" cannot be used here: %s", backend->name, why);
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (!names_suite(algorithm, suite))
			continue;
		known = true;
		refusal = backend->refuses(backend, suite);
		if (!refusal)
			return 0;
	}
	haw_escape(shown, sizeof(shown), algorithm, strlen(algorithm));
	if (!known)
		return haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
				     "there is no cipher \"%s\" to choose a backend for; "
				     "\"hawser ciphers\" lists them",
				     shown);
	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "the backend \"%s\" cannot do %s: %s",
			     backend->name, shown, refusal);
}

/* TEXT is one ALG=NAME, which becomes S's on success. */
static int add_override(haw_selector *s, char *text, haw_error *err)
{
	char *equals = strchr(text, '='), shown[128];
	const haw_backend *backend;
	int code;

	if (!equals || equals == text || equals[1] == '\0')
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "\"%s\" does not choose a backend: write CIPHER=NAME, or *=NAME",
				     haw_escape(shown, sizeof(shown), text, strlen(text)));
	if (s->override_count == OVERRIDES_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "more than %d choices of a backend",
				     OVERRIDES_MAX);
	backend = candidate_find(s, equals + 1);
	if (!backend)
		return unknown_backend(s, equals + 1, err);
	*equals = '\0';
	code = check_override(text, backend, err);
	if (code < 0)
		return code;
	s->overrides[s->override_count++] = (struct override){text, text, backend};
	return 0;
}

int haw_selector_override(haw_selector *s, const char *text, haw_error *err)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		char *copy = strndup(text, len);
		int code;

		if (!copy)
			return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
					     "no memory to choose backends");
		code = add_override(s, copy, err);
		if (code < 0) {
			free(copy);
			return code;
		}
		text += len;
		text += *text == ',';
	}
	return 0;
}

/* ---- Choosing ---- */

/* The user's word for SUITE: the last one that names it and can be kept. */
static const struct override *find_override(const haw_selector *s, const haw_suite *suite)
{
	for (size_t i = s ? s->override_count : 0; i-- > 0;)
		if (names_suite(s->overrides[i].algorithm, suite) && !excuse(s->overrides[i].backend, suite))
			return &s->overrides[i];
	return NULL;
}

const haw_backend *haw_selector_choose(const haw_selector *s, const haw_suite *suite, char *reason,
				       size_t size)
{
	const struct override *override = find_override(s, suite);
	char skipped[256] = "", unused[1];
	const haw_backend *backend;
	const char *why;
	size_t at = 0;

	if (!reason) {
		reason = unused;
		size = sizeof(unused);
	}
	if (override) {
		why = why_not(s, override->backend, suite);
		snprintf(reason, size, "chosen by the user (%s=%s)%s%s", override->algorithm,
			 override->backend->name, why ? ", but " : "", why ? why : "");
		return why ? NULL : override->backend;
	}
	for (size_t i = 0; (backend = candidate_at(s, i)); i++) {
		why = why_not(s, backend, suite);
		if (!why)
			break;
		if (at < sizeof(skipped))
			at += (size_t)snprintf(skipped + at, sizeof(skipped) - at, "%s%s: %s", at ? "; " : "",
					       backend->name, why);
	}
	if (!backend)
		snprintf(reason, size, "no backend can (%s)", skipped);
	else if (at > 0)
		snprintf(reason, size, "first in the order of preference that can; %s", skipped);
	else
		snprintf(reason, size, "first in the order of preference");
	return backend;
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
	return opens ? backend->new_opener(backend, suite, keys, err)
		     : backend->new_sealer(backend, suite, keys, err);
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
