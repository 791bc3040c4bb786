/* SPDX-License-Identifier: Apache-2.0 */
#include "backends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_word(struct tool_backends *b, struct tool_words *words, const char *word)
{
	const char **items = realloc(words->items, (words->count + 1) * sizeof(*items));

	if (!items) {
		b->out_of_memory = true;
		return;
	}
	words->items = items;
	items[words->count++] = word;
}

bool tool_backends_take(struct tool_backends *b, int val, const char *argument)
{
	switch (val) {
	case TOOL_BACKEND:
		add_word(b, &b->choices, argument);
		return true;
	case TOOL_BACKEND_MODULE:
		add_word(b, &b->modules, argument);
		return true;
	case TOOL_PROVIDER_PATH:
		b->provider_path = argument;
		return true;
	case TOOL_EAL:
		b->eal = argument;
		return true;
	case TOOL_PREFER:
		b->prefer = argument;
		return true;
	default:
		return false;
	}
}

void tool_backends_free(struct tool_backends *b)
{
	free(b->choices.items);
	free(b->modules.items);
}

static int prefixed(int result, haw_error *err, const char *where)
{
	return result < 0 ? haw_error_prefix(err, "%s", where) : result;
}

static const char *first_of(const haw_host_config *config, const char *keyword, const char *given)
{
	return given || !config ? given : haw_host_config_option(config, keyword, 0, NULL);
}

static int set_options(haw_selector *s, const struct tool_backends *b, const haw_host_config *config,
		       haw_error *err)
{
	const haw_selector_options options = {
		.size = sizeof(options),
		.eal = first_of(config, "Eal", b->eal),
		.provider_path = first_of(config, "ProviderPath", b->provider_path),
		.module_dir = secure_getenv("HAWSER_MODULE_DIR"),
	};

	return prefixed(haw_selector_set_options(s, &options, err), err, "HAWSER_MODULE_DIR");
}

static int set_preference(haw_selector *s, const struct tool_backends *b, const haw_host_config *config,
			  haw_error *err)
{
	haw_selector_options options = {.size = sizeof(options)};
	const char *text = b->prefer, *where = "--prefer";
	char shown[64];

	if (!text && config)
		text = haw_host_config_option(config, "Prefer", 0, &where);
	if (!text)
		return 0;
	if (strcmp(text, "cpu") == 0)
		options.prefer = HAW_PREFER_CPU;
	else if (strcmp(text, "throughput") == 0)
		options.prefer = HAW_PREFER_THROUGHPUT;
	else
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
				     "%s: \"%s\" cannot be preferred: write throughput or cpu", where,
				     haw_escape(shown, sizeof(shown), text, strlen(text)));
	return haw_selector_set_options(s, &options, err);
}

static int load_modules(haw_selector *s, const struct tool_backends *b, const haw_host_config *config,
			haw_error *err)
{
	const char *path, *where;
	int result = 0;

	for (size_t i = 0; result == 0 && i < b->modules.count; i++)
		result = prefixed(haw_selector_load_module(s, b->modules.items[i], NULL, err), err,
				  "--backend-module");
	for (size_t i = 0; result == 0 && config; i++) {
		path = haw_host_config_option(config, "BackendModule", i, &where);
		if (!path)
			break;
		/* A file holds in every directory: what happens to be in this one must not be loaded. */
		if (path[0] != '/')
			return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
					     "%s: BackendModule: write the name of the file from the root",
					     where);
		result = prefixed(haw_selector_load_module(s, path, NULL, err), err, where);
	}
	return result;
}

/* "ALG NAME" or "ALG=NAME". */
static int choose_line(haw_selector *s, const char *line, const char *where, haw_error *err)
{
	char *text = strdup(line), *blank = text ? strchr(text, ' ') : NULL;
	int result;

	if (!text)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	if (blank)
		*blank = '=';
	if ((blank && strpbrk(blank + 1, " ,=")) || strchr(text, ','))
		result = haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
				       "Backend takes an algorithm and the name of a backend");
	else
		result = haw_selector_override(s, text, err);
	free(text);
	return prefixed(result, err, where);
}

/* Of two choices for a suite the selector keeps the later one, and files the first. */
static int choose_lines(haw_selector *s, const haw_host_config *config, haw_error *err)
{
	const char *line, *where;
	size_t count = 0;
	int result = 0;

	while (config && haw_host_config_option(config, "Backend", count, NULL))
		count++;
	while (result == 0 && count-- > 0) {
		line = haw_host_config_option(config, "Backend", count, &where);
		result = choose_line(s, line, where, err);
	}
	return result;
}

static int fill(haw_selector *s, const struct tool_backends *b, const haw_host_config *config, haw_error *err)
{
	const char *environment = getenv("HAWSER_BACKEND");
	int result = set_options(s, b, config, err);

	if (result == 0)
		result = set_preference(s, b, config, err);
	if (result == 0)
		result = load_modules(s, b, config, err);
	if (result == 0)
		result = choose_lines(s, config, err);
	if (result == 0 && environment)
		result = prefixed(haw_selector_override(s, environment, err), err, "HAWSER_BACKEND");
	for (size_t i = 0; result == 0 && i < b->choices.count; i++)
		result = prefixed(haw_selector_override(s, b->choices.items[i], err), err, "--backend");
	return result;
}

haw_selector *tool_backends_selector(const struct tool_backends *b, const haw_host_config *config,
				     haw_error *err)
{
	haw_selector *s = b->out_of_memory ? NULL : haw_selector_new();

	if (!s) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	if (fill(s, b, config, err) == 0)
		return s;
	haw_selector_free(s);
	return NULL;
}
