/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/backends.h"
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
	haw_figures_free(s->figures);
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
	if (o.prefer > HAW_PREFER_CPU)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "there is no such preference");
	s->prefer = o.prefer ? o.prefer : s->prefer;
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

/* The first in the static order that can; those that cannot are named in SKIPPED. With OFFLOAD only engines
 * outside of the CPU. */
static struct haw_candidate *first_in_order(const haw_selector *s, const haw_suite *suite, bool offload,
					    struct sentence *skipped)
{
	struct haw_candidate *c;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++) {
		const char *why;

		if (offload && !(c->backend->flags & HAW_BACKEND_OFFLOAD))
			continue;
		why = haw_candidate_outside(c);
		if (!why)
			why = haw_candidate_check(haw_candidate_for(c, suite), suite);
		if (!why)
			break;
		say(skipped, "%s%s: %s", skipped->len ? "; " : "", c->backend->name, why);
	}
	return c;
}

/* The one that was measured to be better than FIRST by a tenth in each round, and by most. */
static struct haw_candidate *best_measured(const haw_selector *s, const haw_suite *suite,
					   const struct haw_candidate *first, double *advantage)
{
	const struct haw_suite_figures *set = haw_figures_of(s ? s->figures : NULL, suite);
	const struct haw_figure *base = haw_figure_find(set, first->backend), *f;
	struct haw_candidate *c, *able, *best = NULL;

	*advantage = 1.1;
	for (size_t i = 0; base && (c = haw_selector_candidate_at(s, i)); i++) {
		double ratio;

		able = haw_candidate_for(c, suite);
		f = haw_figure_find(set, able->backend);
		ratio = f ? haw_figure_advantage(f, base, s->prefer == HAW_PREFER_CPU) : 0;
		if (ratio >= *advantage && !haw_candidate_outside(c) && !haw_candidate_check(able, suite)) {
			best = c;
			*advantage = ratio;
		}
	}
	return best;
}

/* Where nothing was measured, what frees the CPU is what works elsewhere. */
static struct haw_candidate *first_offload(const haw_selector *s, const haw_suite *suite)
{
	struct sentence nowhere = {NULL, 0, 0};

	if (!s || s->prefer != HAW_PREFER_CPU || haw_figures_speak(haw_figures_of(s->figures, suite)))
		return NULL;
	return first_in_order(s, suite, true, &nowhere);
}

static struct haw_candidate *follow_order(const haw_selector *s, const haw_suite *suite,
					  struct sentence *sentence)
{
	char text[256] = "";
	struct sentence skipped = {text, sizeof(text), 0};
	struct haw_candidate *c = first_offload(s, suite), *chosen, *best;
	double advantage = 0;

	if (c) {
		say(sentence, "it frees the CPU, which is preferred");
		say_halves(sentence, c, haw_candidate_for(c, suite));
		return haw_candidate_for(c, suite);
	}
	c = first_in_order(s, suite, false, &skipped);
	if (!c) {
		say(sentence, "no backend can (%s)", text);
		return NULL;
	}
	chosen = haw_candidate_for(c, suite);
	best = best_measured(s, suite, chosen, &advantage);
	if (best) {
		say(sentence, "measured here: %.2f times %s %s", advantage,
		    s->prefer == HAW_PREFER_CPU ? "as cheap for the CPU as" : "as fast as",
		    chosen->backend->name);
		c = best;
		chosen = haw_candidate_for(c, suite);
	} else {
		say(sentence, "first in the order of preference%s", skipped.len ? " that can" : "");
	}
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

bool haw_selector_could(const haw_selector *s, const haw_suite *suite)
{
	const struct haw_override *vain, *override = haw_override_find(s, suite, &vain);
	struct haw_candidate *c;

	if (override)
		return !haw_candidate_excuse(haw_candidate_for(override->candidate, suite), suite);
	/* It is asked first: it answers without a look at devices, and nearly always yes. */
	if (!haw_backend_openssl.refuses(&haw_backend_openssl, suite))
		return true;
	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++)
		if (!haw_candidate_outside(c) && !haw_candidate_excuse(haw_candidate_for(c, suite), suite))
			return true;
	return false;
}

int haw_selector_confirm(const haw_selector *s, const haw_suite *suite, haw_error *err)
{
	const struct haw_override *vain, *override = haw_override_find(s, suite, &vain);
	char reason[320];

	if (!override || haw_selector_choose(s, suite, reason, sizeof(reason)))
		return 0;
	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			     "the backend \"%s\" must not protect packets with %s: %s",
			     override->candidate->backend->name, suite->name, reason);
}
