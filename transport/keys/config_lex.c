/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of ssh_config(5): a keyword, blanks or one '=', and arguments. Arguments are separated by
 * blanks, may be quoted by '"' or "'", and a word that begins with '#' starts a comment. In an
 * argument a backslash protects a quote, a backslash and, outside quotes, a blank.
 */
#include "transport/keys/config_internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\n';
}

static void free_arguments(char **arguments)
{
	for (size_t i = 0; arguments && arguments[i]; i++)
		free(arguments[i]);
	free(arguments);
}

void haw_config_free_node(struct haw_config_node *node)
{
	free_arguments(node->arguments);
	free(node->word);
	free(node->rest);
}

/* Take the keyword off the text from AT to END into WORD, which has room. Quotes may enclose it, or its end.
 * NULL if one is not closed. */
static const char *take_keyword(const char *at, const char *end, char *word)
{
	bool equals = false;

	while (at < end && !is_blank(*at) && *at != '=' && *at != '"')
		*word++ = *at++;
	if (at < end && *at == '"') {
		const char *quote = memchr(at + 1, '"', (size_t)(end - at - 1));

		if (!quote)
			return NULL;
		for (at++; at < quote; at++)
			*word++ = *at;
		at++;
		equals = true; /* as in ssh(1), none may follow */
	}
	*word = '\0';
	while (at < end && (is_blank(*at) || (*at == '=' && !equals))) {
		equals = equals || *at == '=';
		at++;
	}
	return at;
}

/* Between arguments only these two count. */
static bool is_separator(char c)
{
	return c == ' ' || c == '\t';
}

/* Take one argument off the text into OUT, which has room. NULL if a quote is not closed. */
static const char *take_argument(const char *at, const char *end, char *out)
{
	char quote = '\0';

	for (; at < end && (quote || !is_separator(*at)); at++) {
		char next = at + 1 < end ? at[1] : '\0';

		if (*at == '\\' && (next == '"' || next == '\'' || next == '\\' || (next == ' ' && !quote)))
			*out++ = *++at;
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else if (quote && *at == quote)
			quote = '\0';
		else
			*out++ = *at;
	}
	*out = '\0';
	return quote ? NULL : at;
}

/* In a COMMAND a # is not special. */
static int take_arguments(const char *at, const char *end, bool command, char ***arguments, size_t *count,
			  const char **reason)
{
	*arguments = calloc(1, sizeof(**arguments));
	*count = 0;
	if (!*arguments)
		return HAW_ENOMEM;
	for (;;) {
		char **more, *argument;

		while (at < end && is_separator(*at))
			at++;
		if (at == end || (*at == '#' && !command))
			return 0;
		more = realloc(*arguments, (*count + 2) * sizeof(*more));
		if (!more)
			return HAW_ENOMEM;
		*arguments = more;
		more[*count] = NULL;
		argument = malloc((size_t)(end - at) + 1);
		if (!argument)
			return HAW_ENOMEM;
		more[(*count)++] = argument;
		more[*count] = NULL;
		at = take_argument(at, end, argument);
		if (!at) {
			*reason = "a quote is not closed";
			return HAW_EFORMAT;
		}
	}
}

/* As in ssh(1), more than one = may stand in front of a command. */
static char *copy_rest(const char *at, const char *end)
{
	while (at < end && (is_blank(*at) || *at == '='))
		at++;
	return strndup(at, (size_t)(end - at));
}

int haw_config_cut(const char *text, size_t len, struct haw_config_node *node, const char **reason)
{
	const char *end = text + len, *at = text;
	int result;

	*reason = NULL;
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	if (at == end || *at == '#')
		return 0;
	if (memchr(at, '\0', (size_t)(end - at))) {
		*reason = "the line holds a NUL byte";
		return HAW_EFORMAT;
	}
	node->word = malloc((size_t)(end - at) + 1);
	if (!node->word)
		return HAW_ENOMEM;
	at = take_keyword(at, end, node->word);
	if (!at || !node->word[0]) {
		*reason = at ? "no keyword" : "a quote is not closed";
		haw_config_free_node(node);
		return HAW_EFORMAT;
	}
	node->rest = copy_rest(at, end);
	result = node->rest ? take_arguments(at, end, false, &node->arguments, &node->argument_count, reason)
			    : HAW_ENOMEM;
	if (result == 0 && node->argument_count == 0) {
		*reason = "the keyword has no value";
		result = HAW_EFORMAT;
	}
	if (result == 0)
		return 1;
	haw_config_free_node(node);
	return result;
}

char **haw_config_cut_command(haw_host_config *host, const char *text, size_t *count, const char **reason)
{
	char **arguments, **owned;

	*reason = NULL;
	if (take_arguments(text, text + strlen(text), true, &arguments, count, reason) < 0) {
		free_arguments(arguments);
		return NULL;
	}
	owned = haw_config_own(host, calloc(*count + 1, sizeof(*owned)));
	for (size_t i = 0; i < *count; i++) {
		char *argument = haw_config_own(host, arguments[i]);

		if (owned)
			owned[i] = argument;
		if (!argument)
			owned = NULL;
	}
	free(arguments);
	return owned;
}
