/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/selector.h"

int haw_selector_no_memory(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory to choose backends");
}

/* ---- Making a selector ---- */

haw_selector *haw_selector_new(void)
{
	haw_selector *s = calloc(1, sizeof(*s));

	if (s)
		s->added_end = &s->added;
	return s;
}

void haw_selector_free(haw_selector *s)
{
	if (!s)
		return;
	haw_overrides_free(s);
	while (s->added) {
		struct haw_candidate *c = s->added;

		s->added = c->next;
		haw_candidate_free(c);
	}
	while (s->loaded) {
		struct haw_loaded *loaded = s->loaded;

		s->loaded = loaded->next;
		free(loaded);
	}
	free(s->eal);
	free(s->provider_path);
	free(s->module_dir);
	free(s);
}

static int set_text(char **to, const char *text, haw_error *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (!text)
		return 0;
	if (!copy)
		return haw_selector_no_memory(err);
	free(*to);
	*to = copy;
	return 0;
}

int haw_selector_set_options(haw_selector *s, const haw_selector_options *options, haw_error *err)
{
	haw_selector_options o = {0};
	char shown[256];
	int code;

	memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	/* What the working directory happens to hold must never be loaded. */
	if (o.module_dir && o.module_dir[0] != '/')
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the directory of modules must be written from the root, not \"%s\"",
				     haw_escape(shown, sizeof(shown), o.module_dir, strlen(o.module_dir)));
	code = set_text(&s->eal, o.eal, err);
	if (code == 0)
		code = set_text(&s->provider_path, o.provider_path, err);
	return code == 0 ? set_text(&s->module_dir, o.module_dir, err) : code;
}

struct haw_candidate *haw_selector_candidate_at(const haw_selector *s, size_t index)
{
	size_t built_in = 0;
	struct haw_candidate *c;

	if (haw_candidate_built_in(index))
		return haw_candidate_built_in(index);
	while (haw_candidate_built_in(built_in))
		built_in++;
	c = s ? s->added : NULL;
	for (index -= built_in; c && index > 0; index--)
		c = c->next;
	return c;
}

struct haw_candidate *haw_selector_find(const haw_selector *s, const char *name)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++)
		if (strcmp(c->backend->name, name) == 0)
			return c;
	return NULL;
}

struct haw_candidate *haw_selector_append(haw_selector *s, const haw_backend *backend, haw_backend *owned)
{
	struct haw_candidate_pair *pair = calloc(1, sizeof(*pair));
	struct haw_candidate *c;

	if (!pair) {
		if (owned && owned->close)
			owned->close(owned);
		return NULL;
	}
	haw_candidate_init(pair, backend);
	c = &pair->alone;
	c->owned = owned;
	*s->added_end = c;
	s->added_end = &c->next;
	return c;
}

int haw_selector_add(haw_selector *s, const haw_backend *backend)
{
	if (haw_backend_malformed(backend) || haw_selector_find(s, backend->name))
		return HAW_EINVAL;
	return haw_selector_append(s, backend, NULL) ? 0 : HAW_ENOMEM;
}

const char *haw_selector_check(const haw_selector *s, const haw_backend *backend, const haw_suite *suite)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++)
		if (c->backend == backend)
			return haw_candidate_check(c, suite);
	return "it is not one of this library's backends";
}

const char *haw_backend_check(const haw_backend *backend, const haw_suite *suite)
{
	return haw_selector_check(NULL, backend, suite);
}

/* ---- Choosing ---- */

/* A sentence in a buffer of the caller's, cut where it no longer fits. */
struct sentence {
	char *text;
	size_t size, len;
};

HAW_PRINTF(2, 3)
static void say(struct sentence *s, const char *format, ...)
{
	va_list args;
	int n;

	if (s->len + 1 >= s->size)
		return;
	va_start(args, format);
	n = vsnprintf(s->text + s->len, s->size - s->len, format, args);
	va_end(args);
	s->len += n > 0 ? (size_t)n : 0;
	if (s->len >= s->size)
		s->len = s->size - 1;
}

/* Who does what, where one backend has the cipher only. */
static void say_halves(struct sentence *s, const struct haw_candidate *c, const struct haw_candidate *chosen)
{
	if (chosen != c)
		say(s, "; %s does the cipher and openssl the MAC", c->backend->name);
}

/* What the user named, or nothing. */
static struct haw_candidate *keep_word(const struct haw_override *override, const haw_suite *suite,
				       struct sentence *s)
{
	struct haw_candidate *chosen = haw_candidate_for(override->candidate, suite);
	const char *why = haw_candidate_check(chosen, suite);

	say(s, "chosen by the user (%s=%s)", override->algorithm, override->candidate->backend->name);
	say_halves(s, override->candidate, chosen);
	if (why)
		say(s, ", but %s", why);
	return why ? NULL : chosen;
}

/* The first in the static order. */
static struct haw_candidate *follow_order(const haw_selector *s, const haw_suite *suite,
					  struct sentence *sentence)
{
	char text[256] = "";
	struct sentence skipped = {text, sizeof(text), 0};
	struct haw_candidate *c, *chosen = NULL;
	const char *why;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++) {
		chosen = haw_candidate_for(c, suite);
		why = haw_candidate_check(chosen, suite);
		if (!why)
			break;
		say(&skipped, "%s%s: %s", skipped.len ? "; " : "", c->backend->name, why);
	}
	if (!c) {
		say(sentence, "no backend can (%s)", text);
		return NULL;
	}
	say(sentence, "first in the order of preference%s", skipped.len ? " that can" : "");
	say_halves(sentence, c, chosen);
	if (skipped.len)
		say(sentence, "; %s", text);
	return chosen;
}

const haw_backend *haw_selector_choose(const haw_selector *s, const haw_suite *suite, char *reason,
				       size_t size)
{
	const struct haw_override *vain, *override = haw_override_find(s, suite, &vain);
	struct sentence sentence = {reason, reason ? size : 0, 0};
	struct haw_candidate *chosen;

	if (reason && size > 0)
		reason[0] = '\0';
	if (!override && vain)
		say(&sentence, "%s, which the user chose for %s, cannot do it; ",
		    vain->candidate->backend->name, vain->algorithm);
	chosen = override ? keep_word(override, suite, &sentence) : follow_order(s, suite, &sentence);
	return chosen ? chosen->backend : NULL;
}
