/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's word: ALG=NAME.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/selector.h"

static bool names_suite(const char *algorithm, const haw_suite *suite)
{
	return strcmp(algorithm, "*") == 0 || strcmp(algorithm, suite->cipher) == 0 ||
	       strcmp(algorithm, suite->name) == 0;
}

/* Whether BACKEND can do what ALGORITHM names: all of it for a suite, some of it for a cipher or "*". */
static int check(const char *algorithm, struct haw_candidate *c, haw_error *err)
{
	const haw_backend *backend = c->backend;
	const char *why = backend->unusable(backend), *refusal = NULL;
	struct haw_candidate *able;
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
		able = haw_candidate_for(c, suite);
		refusal = backend->refuses(backend, suite);
		if (!haw_candidate_excuse(able, suite))
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

/* ALGORITHM, which becomes S's on success, is to be served by NAME. */
static int add(haw_selector *s, char *algorithm, const char *name, haw_error *err)
{
	struct haw_candidate *c = haw_selector_require(s, name, err);
	struct haw_override *override;
	int code;

	if (!c)
		return err ? err->code : HAW_ENOTFOUND;
	code = check(algorithm, c, err);
	if (code < 0)
		return code;
	override = malloc(sizeof(*override));
	if (!override)
		return haw_selector_no_memory(err);
	*override = (struct haw_override){s->overrides, algorithm, c};
	s->overrides = override;
	return 0;
}

/* TEXT is one ALG=NAME, which becomes S's on success. */
static int add_text(haw_selector *s, char *text, haw_error *err)
{
	char *equals = strchr(text, '='), shown[128];

	if (!equals || equals == text || equals[1] == '\0')
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "\"%s\" does not choose a backend: write CIPHER=NAME, or *=NAME",
				     haw_escape(shown, sizeof(shown), text, strlen(text)));
	*equals = '\0';
	return add(s, text, equals + 1, err);
}

int haw_selector_override(haw_selector *s, const char *text, haw_error *err)
{
	haw_error own;

	err = err ? err : &own;
	while (*text) {
		size_t len = strcspn(text, ",");
		char *copy = strndup(text, len);
		int code;

		if (!copy)
			return haw_selector_no_memory(err);
		code = add_text(s, copy, err);
		if (code < 0) {
			free(copy);
			return code;
		}
		text += len;
		text += *text == ',';
	}
	return 0;
}

const struct haw_override *haw_override_find(const haw_selector *s, const haw_suite *suite,
					     const struct haw_override **vain)
{
	*vain = NULL;
	for (const struct haw_override *o = s ? s->overrides : NULL; o; o = o->next) {
		if (!names_suite(o->algorithm, suite))
			continue;
		if (!haw_candidate_excuse(haw_candidate_for(o->candidate, suite), suite))
			return o;
		/* "*" asks for what can be had. */
		if (!*vain && strcmp(o->algorithm, "*") != 0)
			*vain = o;
	}
	return NULL;
}

void haw_overrides_free(haw_selector *s)
{
	while (s->overrides) {
		struct haw_override *o = s->overrides;

		s->overrides = o->next;
		free(o->algorithm);
		free(o);
	}
}
