/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed values of the keywords in force, with ssh_config(5)'s syntax and defaults.
 */
#include "transport/keys/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "transport/keys/text.h"

static const struct haw_config_choice booleans[] = {
	{"yes", 1}, {"true", 1}, {"no", 0}, {"false", 0}, {NULL, 0}};

static const struct haw_config_choice strict_choices[] = {
	{"ask", HAW_STRICT_ASK},  {"yes", HAW_STRICT_YES},
	{"true", HAW_STRICT_YES}, {"accept-new", HAW_STRICT_ACCEPT_NEW},
	{"no", HAW_STRICT_OFF},   {"false", HAW_STRICT_OFF},
	{"off", HAW_STRICT_OFF},  {NULL, 0}};

static const struct haw_config_choice families[] = {
	{"any", 0}, {"inet", AF_INET}, {"inet6", AF_INET6}, {NULL, 0}};

static const struct haw_config_choice log_levels[] = {{"QUIET", HAW_LOG_LEVEL_QUIET},
						      {"SILENT", HAW_LOG_LEVEL_QUIET},
						      {"FATAL", HAW_LOG_LEVEL_FATAL},
						      {"ERROR", HAW_LOG_LEVEL_ERROR},
						      {"INFO", HAW_LOG_LEVEL_INFO},
						      {"VERBOSE", HAW_LOG_LEVEL_VERBOSE},
						      {"DEBUG", HAW_LOG_LEVEL_DEBUG1},
						      {"DEBUG1", HAW_LOG_LEVEL_DEBUG1},
						      {"DEBUG2", HAW_LOG_LEVEL_DEBUG2},
						      {"DEBUG3", HAW_LOG_LEVEL_DEBUG3},
						      {NULL, 0}};

int haw_config_bad_value(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			 const char *wanted)
{
	char escaped[128];

	return haw_config_fail(
		node, lookup->err, HAW_EFORMAT, "\"%s\" is not %s",
		haw_escape(escaped, sizeof(escaped), node->arguments[0], strlen(node->arguments[0])), wanted);
}

/* The node of a keyword that takes exactly one argument, which may not be empty. NULL with *RESULT 0
 * if it is not given, with *RESULT negative if it is wrong. */
const struct haw_config_node *haw_config_single(struct haw_config_lookup *lookup, int id, int *result)
{
	const struct haw_config_node *node = lookup->given[id];

	*result = 0;
	if (node && node->argument_count > 1)
		*result = haw_config_fail(node, lookup->err, HAW_EFORMAT, "takes one value, not %zu",
					  node->argument_count);
	else if (node && node->arguments[0][0] == '\0')
		*result = haw_config_fail(node, lookup->err, HAW_EFORMAT, "the value is empty");
	return *result < 0 ? NULL : node;
}

int haw_config_read_choice(struct haw_config_lookup *lookup, int id, const struct haw_config_choice *choices,
			   const char *wanted, int *value)
{
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, id, &result);

	if (!node)
		return result;
	for (size_t i = 0; choices[i].text; i++) {
		if (strcasecmp(choices[i].text, node->arguments[0]) == 0) {
			*value = choices[i].value;
			return 0;
		}
	}
	return haw_config_bad_value(lookup, node, wanted);
}

int haw_config_read_bool(struct haw_config_lookup *lookup, int id, bool *value)
{
	int chosen = *value;
	int result = haw_config_read_choice(lookup, id, booleans, "yes or no", &chosen);

	*value = chosen != 0;
	return result;
}

/* Digits only, at most MAX. */
static bool parse_number(const char **at, uint64_t max, uint64_t *value)
{
	const char *start = *at;

	*value = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (*value > (max - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return *at != start;
}

int haw_config_read_number(struct haw_config_lookup *lookup, int id, uint64_t min, uint64_t max,
			   const char *wanted, uint64_t *value)
{
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, id, &result);
	const char *at;

	if (!node)
		return result;
	at = node->arguments[0];
	if (!parse_number(&at, max, value) || *at != '\0' || *value < min)
		return haw_config_bad_value(lookup, node, wanted);
	return 0;
}

/* The time format of sshd_config(5): "90", "1h30m", in seconds. */
static bool parse_time(const char *text, uint32_t *seconds)
{
	uint64_t total = 0;

	if (*text == '\0')
		return false;
	while (*text) {
		uint64_t number, unit = 1;

		if (!parse_number(&text, INT32_MAX, &number))
			return false;
		switch (*text ? *text++ : 's') {
		case 's':
		case 'S':
			break;
		case 'm':
		case 'M':
			unit = 60;
			break;
		case 'h':
		case 'H':
			unit = 3600;
			break;
		case 'd':
		case 'D':
			unit = 86400;
			break;
		case 'w':
		case 'W':
			unit = 604800;
			break;
		default:
			return false;
		}
		total += number * unit;
		if (total > INT32_MAX)
			return false;
	}
	*seconds = (uint32_t)total;
	return true;
}

static int read_time(struct haw_config_lookup *lookup, int id, uint32_t *seconds)
{
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, id, &result);

	if (!node)
		return result;
	if (strcasecmp(node->arguments[0], "none") == 0) {
		*seconds = 0;
		return 0;
	}
	return parse_time(node->arguments[0], seconds)
		       ? 0
		       : haw_config_bad_value(lookup, node, "a time such as 90 or 1m30s");
}

static bool parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "bkmgtpe";
	const char *unit;
	int shift;

	if (!parse_number(&text, UINT64_MAX, bytes))
		return false;
	if (*text == '\0')
		return true;
	unit = strchr(units, *text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
	if (!unit || text[1] != '\0')
		return false;
	shift = 10 * (int)(unit - units);
	if (*bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

static int read_rekey_limit(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct haw_config_node *node = lookup->given[HAW_K_REKEY_LIMIT];

	if (!node)
		return 0;
	if (node->argument_count > 2)
		return haw_config_fail(node, lookup->err, HAW_EFORMAT, "takes a size and a time");
	if (strcmp(node->arguments[0], "default") != 0 && strcmp(node->arguments[0], "none") != 0 &&
	    (!parse_size(node->arguments[0], &v->rekey_bytes) || (v->rekey_bytes > 0 && v->rekey_bytes < 16)))
		return haw_config_bad_value(lookup, node, "a size such as 512M");
	if (node->argument_count == 2 && strcmp(node->arguments[1], "none") != 0 &&
	    !parse_time(node->arguments[1], &v->rekey_seconds))
		return haw_config_fail(node, lookup->err, HAW_EFORMAT,
				       "the second value is not a time such as 1h");
	return 0;
}

int haw_config_read_text(struct haw_config_lookup *lookup, int id, const char **text)
{
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, id, &result);

	if (!node)
		return result;
	*text = haw_config_own(lookup->host, strdup(node->arguments[0]));
	return *text ? 0 : haw_no_memory(lookup->err);
}

/* ---- Everything ---- */

static int read_host(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const struct haw_expansion how = {false, false, "%h"};
	int result;
	const struct haw_config_node *node = haw_config_single(lookup, HAW_K_HOSTNAME, &result);
	char *name;

	if (result < 0)
		return result;
	name = node ? haw_config_expand(lookup, node, node->arguments[0], &how)
		    : haw_config_own(lookup->host, strdup(lookup->alias));
	v->alias = haw_config_own(lookup->host, strdup(lookup->alias));
	if (!name || !v->alias)
		return node ? lookup->err->code : haw_no_memory(lookup->err);
	v->hostname = name;
	for (; *name; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
	v->user = haw_config_own(lookup->host, strdup(lookup->config->user));
	return v->user ? haw_config_read_text(lookup, HAW_K_USER, &v->user) : haw_no_memory(lookup->err);
}

static int read_lists(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct {
		int id;
		const char **text;
	} lists[] = {
		{HAW_K_CIPHERS, &v->ciphers},
		{HAW_K_MACS, &v->macs},
		{HAW_K_KEX, &v->kex},
		{HAW_K_HOST_KEY_ALGORITHMS, &v->host_key_algorithms},
		{HAW_K_PUBKEY_ALGORITHMS, &v->pubkey_algorithms},
		{HAW_K_CA_ALGORITHMS, &v->ca_signature_algorithms},
		{HAW_K_PREFERRED_AUTH, &v->preferred_authentications},
		{HAW_K_HOST_KEY_ALIAS, &v->host_key_alias},
	};
	int result = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && result == 0; i++)
		result = haw_config_read_text(lookup, lists[i].id, lists[i].text);
	/* As in ssh(1). */
	for (char *at = (char *)v->host_key_alias; result == 0 && at && *at; at++)
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
	return result;
}

static int read_switches(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct {
		int id;
		bool *value;
	} switches[] = {
		{HAW_K_IDENTITIES_ONLY, &v->identities_only},
		{HAW_K_HASH_KNOWN_HOSTS, &v->hash_known_hosts},
		{HAW_K_BATCH_MODE, &v->batch_mode},
		{HAW_K_PUBKEY_AUTH, &v->pubkey_authentication},
		{HAW_K_PASSWORD_AUTH, &v->password_authentication},
		{HAW_K_KBDINT_AUTH, &v->kbd_interactive_authentication},
		{HAW_K_TCP_KEEP_ALIVE, &v->tcp_keep_alive},
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		int result = haw_config_read_bool(lookup, switches[i].id, switches[i].value);

		if (result < 0)
			return result;
	}
	return 0;
}

static int read_choices(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const struct haw_config_choice compressions[] = {{"yes", 1}, {"no", 0}, {NULL, 0}};
	int strict = HAW_STRICT_ASK, level = HAW_LOG_LEVEL_INFO, compression = 0;
	int result = haw_config_read_choice(lookup, HAW_K_STRICT, strict_choices,
					    "yes, no, ask, accept-new or off", &strict);

	if (result == 0)
		result = haw_config_read_choice(lookup, HAW_K_LOG_LEVEL, log_levels, "a log level", &level);
	if (result == 0)
		result = haw_config_read_choice(lookup, HAW_K_ADDRESS_FAMILY, families, "any, inet or inet6",
						&v->family);
	if (result == 0)
		result = haw_config_read_choice(lookup, HAW_K_COMPRESSION, compressions, "yes or no",
						&compression);
	v->compression = compression != 0;
	v->strict_host_key = (enum haw_strict_host_key)strict;
	v->log_level = (enum haw_log_level)level;
	return result;
}

static int read_numbers(struct haw_config_lookup *lookup, haw_host_values *v)
{
	uint64_t port = 22, count = 3, prompts = 3, attempts = 1, rsa = 0;
	int result =
		haw_config_read_number(lookup, HAW_K_PORT, 1, 65535, "a port number from 1 to 65535", &port);

	if (result == 0)
		result = haw_config_read_number(lookup, HAW_K_ALIVE_COUNT, 0, INT32_MAX, "a number", &count);
	if (result == 0)
		result = read_time(lookup, HAW_K_CONNECT_TIMEOUT, &v->connect_timeout_s);
	if (result == 0)
		result = read_time(lookup, HAW_K_ALIVE_INTERVAL, &v->server_alive_interval_s);
	if (result == 0)
		result = haw_config_read_number(lookup, HAW_K_PASSWORD_PROMPTS, 0, INT32_MAX, "a number",
						&prompts);
	if (result == 0)
		result = haw_config_read_number(lookup, HAW_K_ATTEMPTS, 1, INT32_MAX, "a number from 1",
						&attempts);
	if (result == 0)
		result = haw_config_read_number(lookup, HAW_K_REQUIRED_RSA_SIZE, 0, INT32_MAX,
						"a number of bits", &rsa);
	v->password_prompts = (uint32_t)prompts;
	v->connection_attempts = (uint32_t)attempts;
	v->required_rsa_size = (uint32_t)rsa;
	v->port = (uint16_t)port;
	v->server_alive_count_max = (uint32_t)count;
	return result;
}

int haw_config_read_values(struct haw_config_lookup *lookup)
{
	static int (*const readers[])(struct haw_config_lookup *, haw_host_values *) = {
		read_host, read_numbers, read_choices, read_switches, read_lists, read_rekey_limit,
		/* Their tokens stand for what was read above. */
		haw_config_read_route, haw_config_read_files};
	haw_host_values *v = &lookup->host->values;

	*v = (haw_host_values){
		.size = sizeof(*v),
		.pubkey_authentication = true,
		.password_authentication = true,
		.kbd_interactive_authentication = true,
		.tcp_keep_alive = true,
	};
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		int result = readers[i](lookup, v);

		if (result < 0)
			return result;
	}
	return 0;
}
