/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration says for a command that is a program of its own: words in front of its arguments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

enum kind { ONE, MANY, FLAG };

/* Of `hawser bench`. What it is to measure with --backend, write with --json or read with --compare is a
 * matter of each run. */
static const struct row {
	const char *keyword, *option;
	enum kind kind;
} rows[] = {
	{"BackendModule", "--backend-module", MANY},
	{"ProviderPath", "--provider-path", ONE},
	{"Eal", "--eal", ONE},
	{"Suite", "--suite", MANY},
	{"Bytes", "--bytes", ONE},
	{"Threads", "--threads", ONE},
	{"Html", "--html", ONE},
	{"Quick", "--quick", FLAG},
	{"Full", "--full", FLAG},
};

struct words {
	char **items;
	size_t count;
	bool failed;
};

static void add(struct words *words, const char *text)
{
	char **items = realloc(words->items, (words->count + 2) * sizeof(*items));

	if (items) {
		words->items = items;
		items[words->count] = text ? strdup(text) : NULL;
		items[words->count + 1] = NULL;
		words->failed = words->failed || (text && !items[words->count]);
		words->count++;
	} else {
		words->failed = true;
	}
}

static bool is_given(char *const *argv, const char *option)
{
	size_t len = strlen(option);

	for (; *argv; argv++)
		if (strncmp(*argv, option, len) == 0 && ((*argv)[len] == '\0' || (*argv)[len] == '='))
			return true;
	return false;
}

static int add_row(struct words *words, const struct row *row, const haw_host_config *config, haw_error *err)
{
	const char *value, *where;
	bool on = false;
	int result = 0;

	if (row->kind == FLAG) {
		result = tool_config_flag(config, row->keyword, &on, err);
		if (result == 0 && on)
			add(words, row->option);
		return result;
	}
	for (size_t i = 0; (value = haw_host_config_option(config, row->keyword, i, &where)); i++) {
		/* As in backends.c. */
		if (strcmp(row->keyword, "BackendModule") == 0 && value[0] != '/')
			return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
					     "%s: BackendModule: write the name of the file from the root",
					     where);
		add(words, row->option);
		add(words, value);
		if (row->kind == ONE)
			break;
	}
	return 0;
}

void tool_config_free_arguments(char **arguments)
{
	for (char **word = arguments; word && *word; word++)
		free(*word);
	free(arguments);
}

char **tool_config_arguments(char *const *argv, haw_error *err)
{
	haw_host_config *config = tool_config_load("", NULL, err);
	/* One decides against the other. */
	bool pace = is_given(argv, "--quick") || is_given(argv, "--full");
	struct words words = {0};
	int result = config ? 0 : err->code;

	add(&words, argv[0]);
	for (size_t i = 0; result == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!is_given(argv, rows[i].option) && !(pace && rows[i].kind == FLAG))
			result = add_row(&words, &rows[i], config, err);
	for (char *const *word = argv + 1; *word; word++)
		add(&words, *word);
	haw_host_config_free(config);
	if (result == 0 && !words.failed)
		return words.items;
	if (result == 0)
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	tool_config_free_arguments(words.items);
	return NULL;
}
