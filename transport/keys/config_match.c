/* SPDX-License-Identifier: Apache-2.0
 *
 * Host and Match: does a block hold?
 */
#include "transport/keys/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/keys/text.h"

/* In the environment of the commands of Match exec: how deep they stand in one another. */
#define DEPTH_VARIABLE "HAWSER_MATCH_EXEC_DEPTH"

enum { DEPTH_MAX = 8, WORD_MAX = 4096 };

int haw_config_match_host(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	int found = 0;

	for (size_t i = 0; i < node->argument_count; i++) {
		const char *text = node->arguments[i];
		bool negated = *text == '!';
		haw_span pattern = {(const uint8_t *)text + negated, strlen(text) - negated};

		if (*text == '\0')
			return haw_config_fail(node, lookup->err, HAW_EFORMAT, "a pattern is empty");
		if (!haw_pattern_match(pattern, lookup->hostname))
			continue;
		if (negated)
			return 0;
		found = 1;
	}
	return found;
}

/* ---- Commands ---- */

/* The environment with DEPTH in it; the array is the caller's, and the text at its end, too. */
static char **make_environment(unsigned depth)
{
	size_t count = 0, kept = 0;
	char **result, *text;

	while (environ[count])
		count++;
	result = calloc(count + 2, sizeof(*result));
	if (!result || asprintf(&text, DEPTH_VARIABLE "=%u", depth) < 0) {
		free(result);
		return NULL;
	}
	result[kept++] = text;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], DEPTH_VARIABLE "=", sizeof(DEPTH_VARIABLE)) != 0)
			result[kept++] = environ[i];
	return result;
}

static int spawn_shell(const char *shell, char *command, char **environment, pid_t *pid)
{
	char name[] = "sh", option[] = "-c";
	char *arguments[] = {name, option, command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int number;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	number = posix_spawn(pid, shell, &files, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return number;
}

static int fail_command(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			const char *command, const char *why)
{
	char text[256];

	return haw_config_fail(node, lookup->err, HAW_ESYSTEM, "exec \"%s\": %s",
			       haw_escape(text, sizeof(text), command, strlen(command)), why);
}

/* 1 if COMMAND ends with status 0, 0 if with another one, negative if it does not end by itself. */
static int run_command(struct haw_config_lookup *lookup, const struct haw_config_node *node, char *command)
{
	const char *shell = getenv("SHELL"), *depth_text = getenv(DEPTH_VARIABLE);
	unsigned long depth = depth_text ? strtoul(depth_text, NULL, 10) : 0;
	char **environment, reason[128];
	int status = 0, number;
	pid_t pid;

	if (depth >= DEPTH_MAX)
		return fail_command(lookup, node, command, "such commands run one another without end");
	environment = make_environment((unsigned)depth + 1);
	if (!environment)
		return haw_no_memory(lookup->err);
	number = spawn_shell(shell && *shell ? shell : "/bin/sh", command, environment, &pid);
	free(environment[0]);
	free(environment);
	if (number != 0)
		return fail_command(lookup, node, command, strerror_r(number, reason, sizeof(reason)));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_command(lookup, node, command, "its exit status was lost");
	if (!WIFEXITED(status))
		return fail_command(lookup, node, command, "it was ended by a signal");
	return WEXITSTATUS(status) == 0;
}


/* ---- Criteria ---- */

/* A Match line under judgement. */
struct match {
	struct haw_config_lookup *lookup;
	const struct haw_config_node *node;
	const char *at;   /* what is left of the line */
	const char *host; /* HostName, as far as it is known */
	const char *user;
	bool live;
	char word[WORD_MAX];
};

/* The next word of the line: up to a blank or one '=', or in quotes. False at its end or at a comment. */
static bool next_word(struct match *m)
{
	const char *at = m->at;
	size_t len = 0;
	bool quoted = false, equals = false;

	for (; *at && len + 1 < sizeof(m->word); at++) {
		if (*at == '"' && quoted) {
			at++;
			break;
		}
		if (*at == '"')
			quoted = true;
		else if (!quoted && strchr(" \t\r\n=", *at))
			break;
		else
			m->word[len++] = *at;
	}
	m->word[len] = '\0';
	while (*at && (strchr(" \t\r\n", *at) || (*at == '=' && !equals && !quoted))) {
		equals = equals || *at == '=';
		at++;
	}
	m->at = at;
	if (len > 0 && m->word[0] == '#')
		m->at = at + strlen(at);
	return len > 0 && m->word[0] != '#';
}

/* What is known by now stands for the tokens, in this command only: HostName's %h is the host as before. */
static int match_exec(const struct match *m, bool live)
{
	static const struct haw_expansion how = {.tokens = HAW_CONFIG_TOKENS};
	const struct haw_config_node *alias = m->lookup->given[HAW_K_HOST_KEY_ALIAS];
	haw_host_values *v = &m->lookup->host->values;
	const char *host = v->hostname, *user = v->user, *key_alias = v->host_key_alias;
	char *command;

	haw_config_read_id(m->lookup, HAW_K_PORT);
	v->hostname = m->host;
	v->user = m->user;
	v->host_key_alias = alias ? alias->arguments[0] : m->host;
	command = haw_config_expand(m->lookup, m->node, m->word, &how);
	v->hostname = host;
	v->user = user;
	v->host_key_alias = key_alias;
	if (!command)
		return m->lookup->err->code;
	return live ? run_command(m->lookup, m->node, command) : 0;
}

static int wrong(const struct match *m, const char *what)
{
	return haw_config_fail(m->node, m->lookup->err, HAW_EFORMAT, "%s", what);
}

/* Names are compared in lower case. */
static bool match_name(const char *name, haw_span patterns)
{
	char copy[WORD_MAX];
	size_t i;

	for (i = 0; name[i] && i + 1 < sizeof(copy); i++)
		copy[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	copy[i] = '\0';
	return haw_pattern_list_match(patterns, copy, true);
}

/* 1 if the criterion WORD holds with its argument in m->word, 0 if not, negative if it is wrong. HOLDS:
 * whether the ones before it do. */
static int judge(struct match *m, const char *word, bool holds)
{
	haw_span patterns = {(const uint8_t *)m->word, strlen(m->word)};

	if (strcasecmp(word, "host") == 0)
		return match_name(m->host, patterns);
	if (strcasecmp(word, "originalhost") == 0)
		return match_name(m->lookup->alias, patterns);
	if (strcasecmp(word, "localuser") == 0)
		return haw_pattern_list_match(patterns, m->lookup->config->user, false);
	if (strcasecmp(word, "user") == 0)
		return haw_pattern_list_match(patterns, m->user, false);
	if (strcasecmp(word, "exec") == 0)
		return match_exec(m, m->live && holds);
	return wrong(m, "takes all, canonical, final, host, originalhost, user, localuser and exec");
}

/* What the line says; *COUNT receives the number of criteria. */
static int judge_line(struct match *m, size_t *count)
{
	bool holds = true;
	char word[64];
	int found;

	for (*count = 0; next_word(m); ++*count) {
		bool negated = m->word[0] == '!';

		snprintf(word, sizeof(word), "%.63s", m->word + negated);
		if (strcasecmp(word, "all") == 0) {
			if (*count > 1 || next_word(m))
				return wrong(m, "\"all\" stands alone, or behind canonical or final");
			++*count;
			return holds && !negated;
		}
		if (strcasecmp(word, "canonical") == 0 || strcasecmp(word, "final") == 0) {
			if (strcasecmp(word, "final") == 0)
				m->lookup->wants_final = true;
			found = m->lookup->final;
		} else if (next_word(m)) {
			found = judge(m, word, holds);
		} else {
			return wrong(m, "a criterion has no value");
		}
		if (found < 0)
			return found;
		holds = holds && (found > 0) != negated;
	}
	return holds;
}

int haw_config_match(struct haw_config_lookup *lookup, const struct haw_config_node *node, bool live)
{
	static const struct haw_expansion how = {.tokens = "%h"};
	const struct haw_config_node *hostname = lookup->given[HAW_K_HOSTNAME],
				     *user = lookup->given[HAW_K_USER];
	struct match m = {.lookup = lookup, .node = node, .at = node->rest, .live = live};
	size_t count;
	int result;

	m.host = hostname && !lookup->final
			 ? haw_config_expand(lookup, hostname, hostname->arguments[0], &how)
			 : lookup->hostname;
	m.user = user ? user->arguments[0]
		      : lookup->config->login ? lookup->config->login : lookup->config->user;
	if (!m.host)
		return lookup->err->code;
	/* A second = is no criterion. */
	if (node->arguments[0][0] == '=')
		return wrong(&m, "takes at least one criterion");
	result = judge_line(&m, &count);
	return result >= 0 && count == 0 ? wrong(&m, "takes at least one criterion") : result;
}
