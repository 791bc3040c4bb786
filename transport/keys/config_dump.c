/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in force, in the form of ssh -G: the keyword in lower case and its value, a line each.
 */
#include "transport/keys/config_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/keys/text.h"

static int add_line(struct haw_config_lookup *lookup, const char *format, ...) HAW_PRINTF(2, 3);

static int add_line(struct haw_config_lookup *lookup, const char *format, ...)
{
	haw_host_config *host = lookup->host;
	char **lines = realloc(host->lines, (host->line_count + 1) * sizeof(*lines)), *line;
	va_list args;
	int n;

	if (!lines)
		return haw_no_memory(lookup->err);
	host->lines = lines;
	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0)
		return haw_no_memory(lookup->err);
	lines[host->line_count++] = line;
	for (; *line && *line != ' '; line++)
		*line = *line >= 'A' && *line <= 'Z' ? (char)(*line - 'A' + 'a') : *line;
	return 0;
}

static const char *name_of(int id)
{
	const struct haw_keyword *keyword;

	for (size_t i = 0; (keyword = haw_keyword_at(i)) != NULL; i++)
		if (keyword->id == id && !keyword->alias)
			return keyword->name;
	return "";
}

/* ---- Plain values ---- */

static int dump_row(struct haw_config_lookup *lookup, const struct haw_config_row *row)
{
	const void *field = (const char *)lookup->host + row->offset;
	const char *name = name_of(row->id), *text;
	int chosen;

	switch (row->kind) {
	case HAW_ROW_TEXT:
		text = *(const char *const *)field;
		return text ? add_line(lookup, "%s %s", name, text) : 0;
	case HAW_ROW_SWITCH:
	case HAW_ROW_CHOICE:
		if (row->kind == HAW_ROW_SWITCH)
			chosen = *(const bool *)field;
		else
			memcpy(&chosen, field, sizeof(chosen));
		for (const struct haw_config_choice *c = row->choices; c->text; c++)
			if (c->value == chosen)
				return add_line(lookup, "%s %s", name, c->text);
		return 0;
	case HAW_ROW_PORT:
		return add_line(lookup, "%s %u", name, *(const uint16_t *)field);
	default:
		/* Both stand for the system's time; ssh prints what was written. */
		if (row->id == HAW_K_CONNECT_TIMEOUT && *(const uint32_t *)field == 0)
			return add_line(lookup, "%s none", name);
		if (row->id == HAW_K_REQUIRED_RSA_SIZE && !lookup->given[row->id])
			return 0;
		return add_line(lookup, "%s %u", name, *(const uint32_t *)field);
	}
}

/* ---- Lists ---- */

/* All on one line. */
static int dump_list(struct haw_config_lookup *lookup, int id, haw_string_list list)
{
	size_t size = 1;
	char *text, *at;
	int result;

	for (size_t i = 0; i < list.count; i++)
		size += strlen(list.items[i]) + 1;
	at = text = malloc(size);
	if (!text)
		return haw_no_memory(lookup->err);
	*at = '\0';
	for (size_t i = 0; i < list.count; i++) {
		*at++ = ' ';
		at = stpcpy(at, list.items[i]);
	}
	result = add_line(lookup, "%s%s", name_of(id), list.count > 0 ? text : " none");
	free(text);
	return result;
}

/* The files that a node names, as they stand there; else the defaults in LIST. */
static int dump_files(struct haw_config_lookup *lookup, int id, haw_string_list list)
{
	const struct haw_config_node *node = lookup->given[id];

	if (node)
		list = (haw_string_list){(const char *const *)node->arguments, node->argument_count};
	/* The word is shown as ssh shows it. */
	if (list.count == 1 && strcasecmp(list.items[0], "none") == 0)
		list.count = 0;
	return dump_list(lookup, id, list);
}

static int dump_keys(struct haw_config_lookup *lookup)
{
	const haw_host_values *v = &lookup->host->values;
	int result = 0;

	for (size_t i = 0; i < lookup->identity_count && result == 0; i++)
		result = add_line(lookup, "identityfile %s", lookup->identities[i]->arguments[0]);
	for (size_t i = 0; !v->identity_files_set && i < v->identity_files.count && result == 0; i++)
		result = add_line(lookup, "identityfile %s", v->identity_files.items[i]);
	for (size_t i = 0; i < lookup->certificate_count && result == 0; i++)
		result = add_line(lookup, "certificatefile %s", lookup->certificates[i]->arguments[0]);
	return result;
}

/* ---- The rest ---- */

static const char *qos_text(int value, char *text, size_t size)
{
	const char *name = haw_config_qos_name(value);

	snprintf(text, size, "0x%02x", (unsigned)value);
	return name ? name : text;
}

/* The hops as they stand, the last one in its usual form. */
static int dump_jump(struct haw_config_lookup *lookup, const char *jump)
{
	const char *last = strrchr(jump, ',') ? strrchr(jump, ',') + 1 : jump;
	struct haw_config_hop hop;
	char port[16] = "";
	bool address;

	if (!haw_config_parse_hop(last, strlen(last), &hop))
		return 0;
	address = strchr(hop.host, ':') || strspn(hop.host, "1234567890.") == strlen(hop.host);
	if (hop.port)
		snprintf(port, sizeof(port), ":%u", hop.port);
	return add_line(lookup, "proxyjump %.*s%s%s%s%s%s%s", (int)(last - jump), jump, hop.user,
			hop.user[0] ? "@" : "", address ? "[" : "", hop.host, address ? "]" : "", port);
}

static int dump_route(struct haw_config_lookup *lookup)
{
	const haw_host_values *v = &lookup->host->values;
	char interactive[16], bulk[16];
	int result = add_line(lookup, "ipqos %s %s",
			      qos_text(v->qos_interactive, interactive, sizeof(interactive)),
			      qos_text(v->qos_bulk, bulk, sizeof(bulk)));

	if (result == 0)
		result = add_line(lookup, "rekeylimit %llu %u", (unsigned long long)v->rekey_bytes,
				  v->rekey_seconds);
	if (result == 0 && v->proxy_command)
		result = add_line(lookup, "proxycommand %s", lookup->given[HAW_K_PROXY]->rest);
	if (result == 0 && v->known_hosts_command.count > 0)
		result = add_line(lookup, "knownhostscommand %s",
				  lookup->given[HAW_K_KNOWN_HOSTS_COMMAND]->rest);
	if (result == 0 && v->proxy_jump)
		result = dump_jump(lookup, v->proxy_jump);
	return result;
}

/* A path as it is meant; the name of a variable as it stands. */
static const char *agent_text(const haw_host_values *v, const struct haw_config_node *node)
{
	const char *text = node->arguments[0];
	bool variable = strcmp(text, "SSH_AUTH_SOCK") == 0 || (text[0] == '$' && text[1] != '{');

	return variable || !v->identity_agent ? text : v->identity_agent;
}

static int dump_files_of_all_kinds(struct haw_config_lookup *lookup)
{
	const haw_host_values *v = &lookup->host->values;
	const struct haw_config_node *agent = lookup->given[HAW_K_IDENTITY_AGENT];
	const struct haw_config_node *revoked = lookup->given[HAW_K_REVOKED_HOST_KEYS];
	int result = dump_keys(lookup);

	if (result == 0)
		result = dump_files(lookup, HAW_K_GLOBAL_KNOWN_HOSTS, v->global_known_hosts);
	if (result == 0)
		result = dump_list(lookup, HAW_K_USER_KNOWN_HOSTS, v->user_known_hosts);
	if (result == 0 && revoked && v->revoked_host_keys.count > 0)
		result = dump_files(lookup, HAW_K_REVOKED_HOST_KEYS, v->revoked_host_keys);
	return result == 0 && agent ? add_line(lookup, "identityagent %s", agent_text(v, agent)) : result;
}

int haw_config_dump(struct haw_config_lookup *lookup)
{
	const struct haw_canonical *c = &lookup->host->canonical;
	const struct haw_config_row *row;
	int result = add_line(lookup, "hostname %s", lookup->host->values.hostname);

	for (size_t i = 0; result == 0 && (row = haw_config_row_at(i)) != NULL; i++)
		result = dump_row(lookup, row);
	if (result == 0)
		result = dump_list(lookup, HAW_K_CANONICAL_DOMAINS, c->domains);
	if (result == 0)
		result = dump_list(lookup, HAW_K_PERMITTED_CNAMES, c->cnames);
	if (result == 0)
		result = dump_files_of_all_kinds(lookup);
	return result < 0 ? result : dump_route(lookup);
}
