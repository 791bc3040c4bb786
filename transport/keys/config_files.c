/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that name files: keys, certificates, known hosts, the agent's socket.
 */
#include "transport/keys/config_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/keys/text.h"

static const struct haw_expansion path = {.tilde = true, .environment = true, .tokens = HAW_CONFIG_TOKENS};

static bool list_add(const char **items, size_t *count, const char *text, bool once)
{
	for (size_t i = 0; once && i < *count; i++)
		if (strcmp(items[i], text) == 0)
			return true;
	if (*count == HAW_CONFIG_LIST_MAX)
		return false;
	items[(*count)++] = text;
	return true;
}

static int list_keep(struct haw_config_lookup *lookup, const char **items, size_t count,
		     haw_string_list *list)
{
	const char **kept = haw_config_own(lookup->host, calloc(count + 1, sizeof(*kept)));

	if (!kept)
		return haw_no_memory(lookup->err);
	memcpy(kept, items, count * sizeof(*kept));
	*list = (haw_string_list){kept, count};
	return 0;
}

/* Expand the COUNT texts of TEXTS (of NODE, or defaults) behind the items there are. */
static int list_expand(struct haw_config_lookup *lookup, const struct haw_config_node *node,
		       const char *const *texts, size_t text_count, const struct haw_expansion *how,
		       const char **items, size_t *count)
{
	/* Known hosts are read as often as they are named, as by ssh(1); a key is tried once. */
	bool once = !node || node->keyword->id == HAW_K_IDENTITY_FILE ||
		    node->keyword->id == HAW_K_CERTIFICATE_FILE;

	for (size_t i = 0; i < text_count; i++) {
		char *text;

		if (strcasecmp(texts[i], "none") == 0)
			continue;
		text = haw_config_expand(lookup, node, texts[i], how);
		if (!text)
			return lookup->err->code;
		if (!list_add(items, count, text, once))
			return haw_error_set(lookup->err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
					     "more than %d files in one configuration", HAW_CONFIG_LIST_MAX);
	}
	return 0;
}

int haw_config_check_list(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	for (size_t i = 0; i < node->argument_count; i++) {
		if (node->arguments[i][0] == '\0')
			return haw_config_fail(node, lookup->err, HAW_EFORMAT, "a value is empty");
		if (node->argument_count > 1 && strcasecmp(node->arguments[i], "none") == 0)
			return haw_config_fail(node, lookup->err, HAW_EFORMAT, "\"none\" must stand alone");
	}
	return 0;
}

static int read_list(struct haw_config_lookup *lookup, int id, const char *const *defaults,
		     const struct haw_expansion *how, haw_string_list *list)
{
	const struct haw_config_node *node = lookup->given[id];
	const char *items[HAW_CONFIG_LIST_MAX];
	size_t count = 0;
	int result;

	if (node)
		result = list_expand(lookup, node, (const char *const *)node->arguments, node->argument_count,
				     how, items, &count);
	else
		result = list_expand(lookup, NULL, defaults, defaults ? 2 : 0, how, items, &count);
	return result < 0 ? result : list_keep(lookup, items, count, list);
}

/* The files of COUNT nodes, each of which names one. */
static int read_each(struct haw_config_lookup *lookup, const struct haw_config_node *const *nodes,
		     size_t node_count, haw_string_list *list)
{
	const char *items[HAW_CONFIG_LIST_MAX];
	size_t count = 0;
	int result = 0;

	for (size_t i = 0; i < node_count && result == 0; i++) {
		if (nodes[i]->argument_count > 1)
			return haw_config_fail(nodes[i], lookup->err, HAW_EFORMAT, "takes one file");
		if (nodes[i]->arguments[0][0] == '\0')
			return haw_config_fail(nodes[i], lookup->err, HAW_EFORMAT, "the value is empty");
		result = list_expand(lookup, nodes[i], (const char *const *)nodes[i]->arguments, 1, &path,
				     items, &count);
	}
	return result < 0 ? result : list_keep(lookup, items, count, list);
}

static int read_keys(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const char *const defaults[] = {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk",
					       "~/.ssh/id_ed25519", "~/.ssh/id_ed25519_sk"};
	const char *items[HAW_CONFIG_LIST_MAX];
	size_t count = 0;
	int result;

	v->identity_files_set = lookup->identity_count > 0;
	if (v->identity_files_set) {
		result = read_each(lookup, lookup->identities, lookup->identity_count, &v->identity_files);
	} else {
		result = list_expand(lookup, NULL, defaults, sizeof(defaults) / sizeof(defaults[0]), &path,
				     items, &count);
		if (result == 0)
			result = list_keep(lookup, items, count, &v->identity_files);
	}
	return result < 0 ? result
			  : read_each(lookup, lookup->certificates, lookup->certificate_count,
				      &v->certificate_files);
}

static int read_known_hosts(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const char *const user[] = {"~/.ssh/known_hosts", "~/.ssh/known_hosts2"};
	static const char *const global[] = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"};
	static const struct haw_expansion plain = {.tilde = true};
	int result = read_list(lookup, HAW_K_USER_KNOWN_HOSTS, user, &path, &v->user_known_hosts);

	if (result == 0)
		result = read_list(lookup, HAW_K_GLOBAL_KNOWN_HOSTS, global, &plain, &v->global_known_hosts);
	return result < 0 ? result
			  : read_list(lookup, HAW_K_REVOKED_HOST_KEYS, NULL, &path, &v->revoked_host_keys);
}

/* Learning further keys is on by default where nothing but the usual file would hold them. */
static void default_update(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct haw_config_node *hosts = lookup->given[HAW_K_USER_KNOWN_HOSTS];

	if (!lookup->given[HAW_K_UPDATE_HOST_KEYS] &&
	    (!hosts ||
	     (hosts->argument_count == 1 && strcmp(hosts->arguments[0], "~/.ssh/known_hosts") == 0)))
		v->update_host_keys = HAW_UPDATE_HOST_KEYS_YES;
	/* As in ssh(1): a question about what was not to be said helps nobody. */
	if (v->update_host_keys == HAW_UPDATE_HOST_KEYS_ASK && v->log_level < HAW_LOG_LEVEL_INFO)
		v->update_host_keys = HAW_UPDATE_HOST_KEYS_NO;
}

/* ---- The agent's socket ---- */

static bool is_variable_name(const char *name)
{
	/* As in ssh(1), it may begin with a digit. */
	if (*name == '\0')
		return false;
	for (; *name; name++)
		if (!(*name == '_' || (*name >= '0' && *name <= '9') || (*name >= 'A' && *name <= 'Z') ||
		      (*name >= 'a' && *name <= 'z')))
			return false;
	return true;
}

static int keep_agent(struct haw_config_lookup *lookup, haw_host_values *v, const char *variable)
{
	const char *value = getenv(variable);

	if (!value || !*value)
		return 0;
	v->identity_agent = haw_config_own(lookup->host, strdup(value));
	return v->identity_agent ? 0 : haw_no_memory(lookup->err);
}

static int read_agent(struct haw_config_lookup *lookup, haw_host_values *v)
{
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, HAW_K_IDENTITY_AGENT, &result);
	const char *text = node ? node->arguments[0] : "SSH_AUTH_SOCK";

	if (result < 0)
		return result;
	v->identity_agent_set = node != NULL;
	if (strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "SSH_AUTH_SOCK") == 0)
		return keep_agent(lookup, v, text);
	/* A whole variable, without braces. */
	if (text[0] == '$' && text[1] != '{')
		return is_variable_name(text + 1)
			       ? keep_agent(lookup, v, text + 1)
			       : haw_config_bad_value(lookup, node, "$ and the name of a variable");
	v->identity_agent = haw_config_expand(lookup, node, text, &path);
	return v->identity_agent ? 0 : lookup->err->code;
}

int haw_config_read_files(struct haw_config_lookup *lookup, haw_host_values *v)
{
	int result = read_keys(lookup, v);

	if (result == 0)
		result = read_known_hosts(lookup, v);
	default_update(lookup, v);
	return result < 0 ? result : read_agent(lookup, v);
}

/* ---- Lines that may not be in force ---- */

int haw_config_check_files(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	const char *text;
	int result;

	switch (node->keyword->id) {
	case HAW_K_IDENTITY_FILE:
	case HAW_K_CERTIFICATE_FILE:
		return haw_config_single(lookup, node->keyword->id, &result) ? 0 : result;
	case HAW_K_USER_KNOWN_HOSTS:
	case HAW_K_GLOBAL_KNOWN_HOSTS:
	case HAW_K_REVOKED_HOST_KEYS:
		return haw_config_check_list(lookup, node);
	case HAW_K_IDENTITY_AGENT:
		if (!haw_config_single(lookup, HAW_K_IDENTITY_AGENT, &result))
			return result;
		text = node->arguments[0];
		return text[0] != '$' || text[1] == '{' || is_variable_name(text + 1)
			       ? 0
			       : haw_config_bad_value(lookup, node, "$ and the name of a variable");
	default:
		return 0;
	}
}
