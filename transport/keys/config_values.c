/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed values of the keywords in force, with ssh_config(5)'s syntax and defaults: a table of those that
 * are one plain value, and what is common to the others.
 */
#include "transport/keys/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "transport/keys/text.h"

/* The first name of a value is the one that ssh -G prints. */
static const struct haw_config_choice booleans[] = {
	{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {NULL, 0}};

static const struct haw_config_choice strict_choices[] = {
	{"ask", HAW_STRICT_ASK},   {"true", HAW_STRICT_YES}, {"yes", HAW_STRICT_YES},
	{"false", HAW_STRICT_OFF}, {"no", HAW_STRICT_OFF},   {"off", HAW_STRICT_OFF},
	{"accept-new", HAW_STRICT_ACCEPT_NEW}, {NULL, 0}};

static const struct haw_config_choice updates[] = {
	{"true", HAW_UPDATE_HOST_KEYS_YES}, {"false", HAW_UPDATE_HOST_KEYS_NO},
	{"yes", HAW_UPDATE_HOST_KEYS_YES},  {"no", HAW_UPDATE_HOST_KEYS_NO},
	{"ask", HAW_UPDATE_HOST_KEYS_ASK},  {NULL, 0}};

static const struct haw_config_choice pubkey_choices[] = {
	{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}, {"unbound", 2}, {"host-bound", 3}, {NULL, 0}};

static const struct haw_config_choice compressions[] = {{"yes", 1}, {"no", 0}, {NULL, 0}};

static const struct haw_config_choice families[] = {
	{"inet", AF_INET}, {"inet6", AF_INET6}, {"any", 0}, {NULL, 0}};

static const struct haw_config_choice canonicalize_choices[] = {
	{"true", HAW_CANONICALIZE_YES}, {"false", HAW_CANONICALIZE_NO},
	{"yes", HAW_CANONICALIZE_YES},  {"no", HAW_CANONICALIZE_NO},
	{"always", HAW_CANONICALIZE_ALWAYS}, {NULL, 0}};

static const struct haw_config_choice log_levels[] = {
	{"QUIET", HAW_LOG_LEVEL_QUIET},	  {"SILENT", HAW_LOG_LEVEL_QUIET}, {"FATAL", HAW_LOG_LEVEL_FATAL},
	{"ERROR", HAW_LOG_LEVEL_ERROR},	  {"INFO", HAW_LOG_LEVEL_INFO},	   {"VERBOSE", HAW_LOG_LEVEL_VERBOSE},
	{"DEBUG", HAW_LOG_LEVEL_DEBUG1},  {"DEBUG1", HAW_LOG_LEVEL_DEBUG1}, {"DEBUG2", HAW_LOG_LEVEL_DEBUG2},
	{"DEBUG3", HAW_LOG_LEVEL_DEBUG3}, {NULL, 0}};

/* clang-format off */
#define AT(field)	offsetof(struct haw_host_config, field)
#define TEXT(id, field)	{ HAW_K_##id, HAW_ROW_TEXT, AT(field), NULL, NULL, 0, 0, 0 }
#define SWITCH(id, field, on) { HAW_K_##id, HAW_ROW_SWITCH, AT(field), booleans, "yes or no", 0, 0, on }
#define CHOICE(id, field, choices, wanted, value) \
	{ HAW_K_##id, HAW_ROW_CHOICE, AT(field), choices, wanted, 0, 0, value }
#define NUMBER(id, field, min, wanted, value) \
	{ HAW_K_##id, HAW_ROW_NUMBER, AT(field), NULL, wanted, min, INT32_MAX, value }
#define TIME(id, field)	{ HAW_K_##id, HAW_ROW_TIME, AT(field), NULL, "a time such as 90 or 1m30s", 0, 0, 0 }

static const struct haw_config_row rows[] = {
	TEXT(USER, values.user),
	{ HAW_K_PORT, HAW_ROW_PORT, AT(values.port), NULL, "a port number from 1 to 65535", 1, 65535, 22 },
	CHOICE(ADDRESS_FAMILY, values.family, families, "any, inet or inet6", 0),
	SWITCH(BATCH_MODE, values.batch_mode, 0),
	SWITCH(CANONICALIZE_FALLBACK, canonical.fallback_local, 1),
	CHOICE(CANONICALIZE, canonical.mode, canonicalize_choices, "yes, no or always", HAW_CANONICALIZE_NO),
	CHOICE(COMPRESSION, compression, compressions, "yes or no", 0),
	SWITCH(HASH_KNOWN_HOSTS, values.hash_known_hosts, 0),
	SWITCH(IDENTITIES_ONLY, values.identities_only, 0),
	SWITCH(KBDINT_AUTH, values.kbd_interactive_authentication, 1),
	SWITCH(PASSWORD_AUTH, values.password_authentication, 1),
	CHOICE(PUBKEY_AUTH, pubkey, pubkey_choices, "yes, no, unbound or host-bound", 1),
	CHOICE(STRICT, values.strict_host_key, strict_choices, "yes, no, ask, accept-new or off",
	       HAW_STRICT_ASK),
	SWITCH(TCP_KEEP_ALIVE, values.tcp_keep_alive, 1),
	CHOICE(UPDATE_HOST_KEYS, values.update_host_keys, updates, "yes, no or ask", HAW_UPDATE_HOST_KEYS_NO),
	NUMBER(CANONICALIZE_DOTS, canonical.max_dots, 0, "a number", 1),
	NUMBER(ATTEMPTS, values.connection_attempts, 1, "a number from 1", 1),
	NUMBER(PASSWORD_PROMPTS, values.password_prompts, 0, "a number", 3),
	NUMBER(ALIVE_COUNT, values.server_alive_count_max, 0, "a number", 3),
	TIME(ALIVE_INTERVAL, values.server_alive_interval_s),
	TIME(CONNECT_TIMEOUT, values.connect_timeout_s),
	NUMBER(REQUIRED_RSA_SIZE, values.required_rsa_size, 0, "a number of bits", 0),
	TEXT(BIND_ADDRESS, values.bind_address),
	TEXT(BIND_INTERFACE, values.bind_interface),
	TEXT(CIPHERS, values.ciphers),
	TEXT(HOST_KEY_ALGORITHMS, values.host_key_algorithms),
	TEXT(HOST_KEY_ALIAS, values.host_key_alias),
	TEXT(IGNORE_UNKNOWN, ignore_unknown),
	TEXT(KEX, values.kex),
	TEXT(CA_ALGORITHMS, values.ca_signature_algorithms),
	CHOICE(LOG_LEVEL, values.log_level, log_levels, "a log level", HAW_LOG_LEVEL_INFO),
	TEXT(MACS, values.macs),
	TEXT(PREFERRED_AUTH, values.preferred_authentications),
	TEXT(PUBKEY_ALGORITHMS, values.pubkey_algorithms),
};
/* clang-format on */

const struct haw_config_row *haw_config_row_at(size_t index)
{
	return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : NULL;
}

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

static int check_rekey_limit(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			     uint64_t *bytes, uint32_t *seconds)
{
	if (node->argument_count > 2)
		return haw_config_fail(node, lookup->err, HAW_EFORMAT, "takes a size and a time");
	if (strcmp(node->arguments[0], "default") != 0 &&
	    (!parse_size(node->arguments[0], bytes) || (*bytes > 0 && *bytes < 16)))
		return haw_config_bad_value(lookup, node, "a size such as 512M");
	if (node->argument_count == 2 && strcmp(node->arguments[1], "none") != 0 &&
	    !parse_time(node->arguments[1], seconds))
		return haw_config_fail(node, lookup->err, HAW_EFORMAT,
				       "the second value is not a time such as 1h");
	return 0;
}

/* Size and time are values of their own: each counts where it stands first. */
static int read_rekey_limit(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct haw_config_node *node = lookup->given[HAW_K_REKEY_LIMIT];
	uint32_t seconds = 0;
	uint64_t bytes = 0;
	int result = node ? check_rekey_limit(lookup, node, &v->rekey_bytes, &seconds) : 0;

	if (result == 0 && lookup->rekey_time)
		result = check_rekey_limit(lookup, lookup->rekey_time, &bytes, &v->rekey_seconds);
	return result;
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

/* ---- The table ---- */

static int read_row_number(struct haw_config_lookup *lookup, const struct haw_config_row *row, void *field)
{
	uint64_t number = row->value;
	int result = haw_config_read_number(lookup, row->id, row->min, row->max, row->wanted, &number);

	if (row->kind == HAW_ROW_PORT)
		*(uint16_t *)field = (uint16_t)number;
	else
		*(uint32_t *)field = (uint32_t)number;
	return result;
}

static int read_row(struct haw_config_lookup *lookup, const struct haw_config_row *row)
{
	void *field = (char *)lookup->host + row->offset;
	int chosen = row->value, result;

	switch (row->kind) {
	case HAW_ROW_TEXT:
		return haw_config_read_text(lookup, row->id, field);
	case HAW_ROW_TIME:
		return read_time(lookup, row->id, field);
	case HAW_ROW_SWITCH:
		result = haw_config_read_choice(lookup, row->id, row->choices, row->wanted, &chosen);
		*(bool *)field = chosen != 0;
		return result;
	case HAW_ROW_CHOICE:
		result = haw_config_read_choice(lookup, row->id, row->choices, row->wanted, &chosen);
		memcpy(field, &chosen, sizeof(chosen)); /* an int, or an enum */
		return result;
	default:
		return read_row_number(lookup, row, field);
	}
}

int haw_config_read_id(struct haw_config_lookup *lookup, int id)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == id)
			return read_row(lookup, &rows[i]);
	return 0;
}

static int read_plain(struct haw_config_lookup *lookup, haw_host_values *v)
{
	v->user = lookup->config->user;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int result = read_row(lookup, &rows[i]);

		if (result < 0)
			return result;
	}
	v->compression = lookup->host->compression != 0;
	v->pubkey_authentication = lookup->host->pubkey != 0;
	/* As in ssh(1). */
	for (char *at = (char *)v->host_key_alias; at && *at; at++)
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
	return 0;
}

/* The names: copies, since the configuration may go before its host's. */
static int read_names(struct haw_config_lookup *lookup, haw_host_values *v)
{
	v->alias = haw_config_own(lookup->host, strdup(lookup->alias));
	v->hostname = haw_config_own(lookup->host, strdup(lookup->hostname));
	if (v->user == lookup->config->user)
		v->user = haw_config_own(lookup->host, strdup(v->user));
	return v->alias && v->hostname && v->user ? 0 : haw_no_memory(lookup->err);
}

int haw_config_read_values(struct haw_config_lookup *lookup)
{
	static int (*const readers[])(struct haw_config_lookup *, haw_host_values *) = {
		read_plain, read_names, read_rekey_limit,
		/* Their tokens stand for what was read above. */
		haw_config_read_route, haw_config_read_files};
	haw_host_values *v = &lookup->host->values;

	*v = (haw_host_values){.size = sizeof(*v)};
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		int result = readers[i](lookup, v);

		if (result < 0)
			return result;
	}
	return 0;
}

/* ---- Lines that are not in force ---- */

int haw_config_check_line(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	uint8_t id = node->keyword->id;
	struct haw_config_lookup *one;
	haw_host_config *host;
	int result = 0;

	if (id >= HAW_K_SINGLE)
		return 0;
	one = calloc(1, sizeof(*one));
	host = calloc(1, sizeof(*host));
	if (one && host) {
		one->config = lookup->config;
		one->alias = lookup->alias;
		one->err = lookup->err;
		one->host = host;
		one->given[id] = node;
		result = haw_config_read_id(one, id);
		if (result == 0 && id == HAW_K_HOSTNAME)
			haw_config_single(one, id, &result);
		if (result == 0 && id == HAW_K_REKEY_LIMIT)
			result = read_rekey_limit(one, &host->values);
		if (result == 0)
			result = haw_config_check_route(one, node);
		if (result == 0)
			result = haw_config_check_files(one, node);
	} else {
		result = haw_no_memory(lookup->err);
	}
	haw_host_config_free(host);
	free(one);
	return result;
}
