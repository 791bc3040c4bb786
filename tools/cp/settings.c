/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line and ssh's configuration say about the host, and showing it (-G).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "session.h"

/* Set KEYWORD to VALUE as -o would, or, LITERAL, as it stands. */
static bool set_keyword(struct cp_session *s, const char *keyword, const char *value, bool literal)
{
	haw_error err;
	char *text = NULL;
	bool good;

	if (literal) {
		good = haw_config_set_literal(s->config, keyword, value, &err) == 0;
	} else if (asprintf(&text, "%s=%s", keyword, value) >= 0) {
		good = haw_config_set(s->config, text, &err) == 0;
	} else {
		cp_report_wrong(&s->report, "out of memory");
		return false;
	}
	if (!good)
		cp_report_wrong(&s->report, "%s", err.message);
	free(text);
	return good;
}

/* What the command line says about the host. What is set first wins. */
static bool apply_arguments(struct cp_session *s)
{
	const struct cp_args *args = s->args;
	uint16_t port = s->peer->port ? s->peer->port : args->port;
	char digits[8];
	haw_error err;

	snprintf(digits, sizeof(digits), "%u", port);
	if (port && !set_keyword(s, "Port", digits, false))
		return false;
	if (s->peer->user && !set_keyword(s, "User", s->peer->user, true))
		return false;
	if (args->ciphers && !set_keyword(s, "Ciphers", args->ciphers, false))
		return false;
	if (args->batch && !set_keyword(s, "BatchMode", "yes", false))
		return false;
	if (args->scp.compress && !set_keyword(s, "Compression", "yes", false))
		return false;
	if (args->scp.jump && !set_keyword(s, "ProxyJump", args->scp.jump, false))
		return false;
	for (size_t i = 0; i < args->identities.count; i++)
		if (!set_keyword(s, "IdentityFile", args->identities.items[i], true))
			return false;
	for (size_t i = 0; i < args->settings.count; i++)
		if (haw_config_set(s->config, args->settings.items[i], &err) < 0) {
			cp_report_wrong(&s->report, "-o: %s", err.message);
			return false;
		}
	return true;
}

bool cp_load_config(struct cp_session *s)
{
	const char *home = getenv("HOME"), *file = s->args->config_file;
	haw_error err;
	int result = 0;

	s->config = haw_config_new(&err);
	if (!s->config || (home && home[0] == '/' && haw_config_set_home(s->config, home, &err) < 0)) {
		cp_report_wrong(&s->report, "%s", err.message);
		return false;
	}
	if (!apply_arguments(s))
		return false;
	if (!file)
		result = haw_config_load_default(s->config, &err);
	else if (strcmp(file, "none") != 0)
		result = haw_config_load_file(s->config, file, 0, &err);
	if (result == 0)
		s->host_config = haw_config_lookup(s->config, s->peer->host, &err);
	if (!s->host_config) {
		cp_report_wrong(&s->report, "%s", err.message);
		return false;
	}
	return true;
}

/* ---- -G ---- */

static const struct list {
	const char *keyword;
	enum haw_algorithm_kind kind;
} lists[] = {
	{"ciphers", HAW_ALGORITHM_CIPHER},
	{"hostkeyalgorithms", HAW_ALGORITHM_HOST_KEY},
	{"kexalgorithms", HAW_ALGORITHM_KEX},
	{"macs", HAW_ALGORITHM_MAC},
};

/* A list as it will be offered, without its sign. */
static void show_list(const struct list *list, const char *text)
{
	char names[4096];

	/* What cannot be resolved is shown as it is, as ssh does. */
	if (haw_algorithm_list(list->kind, text, names, sizeof(names), NULL) < 0)
		snprintf(names, sizeof(names), "%s", text ? text : "");
	printf("%s %s\n", list->keyword, names);
}

static void show_line(const char *line, bool *shown)
{
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strlen(lists[i].keyword) == len && strncmp(line, lists[i].keyword, len) == 0) {
			shown[i] = true;
			if (strchr("+-^", line[len + 1])) {
				show_list(&lists[i], line + len + 1);
				return;
			}
		}
	puts(line);
}

/* [USER@]HOST, as ssh takes it. */
static bool parse_host(struct cp_location *peer, char *text)
{
	char *at = strrchr(text, '@');

	peer->remote = true;
	peer->host = at ? at + 1 : text;
	if (at) {
		*at = '\0';
		peer->user = text;
	}
	return *peer->host && (!at || *text) && *peer->host != '-' && strncasecmp(text, "ssh://", 6) != 0;
}

void cp_show_config(struct cp_session *s)
{
	struct cp_location peer = {0};
	bool shown[sizeof(lists) / sizeof(lists[0])] = {false};
	const char *line;

	if (!parse_host(&peer, s->args->operands[0])) {
		cp_report_wrong(&s->report, "-G takes [USER@]HOST");
		return;
	}
	s->peer = &peer;
	if (cp_load_config(s)) {
		for (size_t i = 0; (line = haw_host_config_note(s->host_config, i)); i++)
			cp_report_note(&s->report, 1, line);
		for (size_t i = 0; (line = haw_host_config_line(s->host_config, i)); i++)
			show_line(line, shown);
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			if (!shown[i])
				show_list(&lists[i], NULL);
	}
	haw_host_config_free(s->host_config);
	haw_config_free(s->config);
	s->host_config = NULL;
	s->config = NULL;
	s->peer = NULL;
}
