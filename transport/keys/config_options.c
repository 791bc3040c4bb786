/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations of programs that have keywords of their own in ssh_config(5)'s grammar: every value that
 * holds is kept with the place where it stands.
 */
#include <hawser/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "transport/keys/config_internal.h"
#include "transport/keys/text.h"

/* A program may run as a user whom the password database does not know; it has no home then unless it is
 * told one. */
static haw_config *new_config(haw_error *err)
{
	haw_error own;
	haw_config *config = haw_config_new(&own);

	if (config || own.code != HAW_ENOTFOUND) {
		if (!config && err)
			*err = own;
		return config;
	}
	config = calloc(1, sizeof(*config));
	if (config) {
		config->uid = getuid();
		config->home = strdup("/nonexistent");
		config->user = strdup("");
	}
	if (config && config->home && config->user)
		return config;
	haw_config_free(config);
	haw_no_memory(err);
	return NULL;
}

haw_config *haw_config_new_options(const char *const *keywords, haw_error *err)
{
	haw_config *config = new_config(err);
	size_t count = 0;

	while (keywords[count])
		count++;
	if (!config)
		return NULL;
	config->options = calloc(count + 1, sizeof(*config->options));
	for (size_t i = 0; config->options && i < count; i++) {
		char *name = strdup(keywords[i]);

		if (!name)
			break;
		config->options[config->option_count++] =
			(struct haw_keyword){name, NULL, HAW_KEYWORD_OPTION, HAW_K_MANY, NULL};
	}
	if (config->option_count == count && config->options)
		return config;
	haw_config_free(config);
	haw_no_memory(err);
	return NULL;
}

void haw_config_free_options(haw_config *config)
{
	for (size_t i = 0; i < config->option_count; i++)
		free((char *)config->options[i].name);
	free(config->options);
}

/* "backend-module" and "BackendModule" are one. */
static bool same_option(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == '-')
			a++;
		while (*b == '-')
			b++;
		if (strncasecmp(a, b, 1) != 0)
			return false;
		if (*a == '\0')
			return true;
	}
}

const struct haw_keyword *haw_config_keyword(const haw_config *config, const char *word)
{
	const struct haw_keyword *keyword;

	if (!config->options)
		return haw_keyword_find(word);
	for (size_t i = 0; i < config->option_count; i++)
		if (same_option(config->options[i].name, word))
			return &config->options[i];
	keyword = haw_keyword_find(word);
	return keyword && keyword->kind == HAW_KEYWORD_BLOCK ? keyword : NULL;
}

int haw_config_keep_option(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	haw_host_config *host = lookup->host;
	struct haw_option_value *given = realloc(host->given, (host->given_count + 1) * sizeof(*given));
	char *where = NULL;

	if (!given)
		return haw_no_memory(lookup->err);
	host->given = given;
	given = &host->given[host->given_count];
	if (asprintf(&where, node->line > 0 ? "%s:%zu" : "%s", node->file, node->line) < 0)
		return haw_no_memory(lookup->err);
	*given = (struct haw_option_value){strdup(node->keyword->name), haw_config_join(node), where};
	host->given_count++;
	return given->name && given->text ? 0 : haw_no_memory(lookup->err);
}

void haw_host_config_free_options(haw_host_config *host)
{
	for (size_t i = 0; i < host->given_count; i++) {
		free(host->given[i].name);
		free(host->given[i].text);
		free(host->given[i].where);
	}
	free(host->given);
}

const char *haw_host_config_option(const haw_host_config *host, const char *keyword, size_t index,
				   const char **where)
{
	for (size_t i = 0; i < host->given_count; i++) {
		if (!same_option(host->given[i].name, keyword) || index-- > 0)
			continue;
		if (where)
			*where = host->given[i].where;
		return host->given[i].text;
	}
	return NULL;
}
