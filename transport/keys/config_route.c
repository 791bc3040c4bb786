/* SPDX-License-Identifier: Apache-2.0
 *
 * Values about the connection and its way: addresses, the socket, proxies.
 */
#include "transport/keys/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/keys/text.h"

/* ---- IPQoS ---- */

/* Names of RFC 2474, 2597, 3246 and 8622, and of RFC 1349. */
static const struct haw_config_choice qos_names[] = {
	{"none", -1},          {"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38},     {"af21", 0x48},
	{"af22", 0x50},        {"af23", 0x58}, {"af31", 0x68}, {"af32", 0x70},     {"af33", 0x78},
	{"af41", 0x88},        {"af42", 0x90}, {"af43", 0x98}, {"cs0", 0x00},      {"cs1", 0x20},
	{"cs2", 0x40},         {"cs3", 0x60},  {"cs4", 0x80},  {"cs5", 0xa0},      {"cs6", 0xc0},
	{"cs7", 0xe0},         {"ef", 0xb8},   {"le", 0x04},   {"lowdelay", 0x10}, {"throughput", 0x08},
	{"reliability", 0x04}, {NULL, 0}};

const char *haw_config_qos_name(int value)
{
	for (size_t i = 0; qos_names[i].text; i++)
		if (qos_names[i].value == value)
			return qos_names[i].text;
	return NULL;
}

static bool parse_qos(const char *text, int *value)
{
	char *end;
	long number;

	for (size_t i = 0; qos_names[i].text; i++)
		if (strcasecmp(qos_names[i].text, text) == 0) {
			*value = qos_names[i].value;
			return true;
		}
	errno = 0;
	number = strtol(text, &end, 0);
	*value = (int)number;
	return *text && !*end && errno == 0 && number >= 0 && number <= 255;
}

/* One value, or one for interactive sessions and one for bulk. */
static int read_qos(struct haw_config_lookup *lookup, haw_host_values *v)
{
	const struct haw_config_node *node = lookup->given[HAW_K_IP_QOS];

	/* Left alone by default: the network treats bulk data as it treats other traffic. */
	v->qos_interactive = v->qos_bulk = -1;
	if (!node)
		return 0;
	if (node->argument_count > 2)
		return haw_config_fail(node, lookup->err, HAW_EFORMAT, "takes one value or two");
	if (!parse_qos(node->arguments[0], &v->qos_interactive) ||
	    !parse_qos(node->arguments[node->argument_count - 1], &v->qos_bulk))
		return haw_config_bad_value(lookup, node, "a class such as af21, a number, or none");
	return 0;
}

/* ---- Proxies ---- */

/* Cut HOST, "[ADDRESS]" or "HOST:PORT", and so on, off its port. */
static bool parse_host(char *text, struct haw_config_hop *hop)
{
	char *end = *text == '[' ? strchr(text, ']') : NULL, *port;
	size_t len;

	if (*text == '[' && (!end || (end[1] && end[1] != ':')))
		return false;
	port = end ? (end[1] ? end + 2 : NULL) : strchr(text, ':') ? strchr(text, ':') + 1 : NULL;
	text += end ? 1 : 0;
	len = end ? (size_t)(end - text) : strcspn(text, ":");
	if (len == 0 || len >= sizeof(hop->host))
		return false;
	memcpy(hop->host, text, len);
	if (!port || !*port)
		return true;
	hop->port = strspn(port, "0123456789") == strlen(port) && strlen(port) <= 5 && atol(port) <= 65535
			    ? (uint16_t)atol(port)
			    : 0;
	return hop->port > 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Replace + and %XX in the user's name of a URI, in place, as ssh(1) does; false if that is not possible, or
 * nothing is left of it. */
static bool decode_user(char *text)
{
	char *start = text, *out = text;

	while (*text) {
		char c = *text++;

		if (c == '%') {
			int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

			if (low < 0 || (high | low) == 0)
				return false;
			c = (char)(high << 4 | low);
			text += 2;
		} else if (c == ';') {
			break; /* connection parameters, which nobody has */
		} else if (c == '+') {
			c = ' ';
		}
		*out++ = c;
	}
	*out = '\0';
	return out > start;
}

bool haw_config_parse_hop(const char *text, size_t len, struct haw_config_hop *hop)
{
	bool uri = len > 6 && strncasecmp(text, "ssh://", 6) == 0;
	char buffer[1024], *at, *name = buffer;

	memset(hop, 0, sizeof(*hop));
	text += uri ? 6 : 0;
	len -= uri ? 6 : 0;
	if (len == 0 || len >= sizeof(buffer))
		return false;
	memcpy(buffer, text, len);
	buffer[len] = '\0';
	if (uri && buffer[len - 1] == '/')
		buffer[len - 1] = '\0';
	if (uri && strchr(buffer, '/'))
		return false;
	at = strrchr(buffer, '@');
	if (at) {
		*at = '\0';
		name = at + 1;
		if (at == buffer || strlen(buffer) >= sizeof(hop->user) || (uri && !decode_user(buffer)))
			return false;
		strcpy(hop->user, buffer);
	}
	return !(uri && strchr(name, '%')) && parse_host(name, hop);
}

/* The text of a ProxyJump, which as in ssh(1) ends at a blank or a comment; "none" is an empty one. */
static int read_jump(struct haw_config_lookup *lookup, const struct haw_config_node *node, haw_host_values *v)
{
	char *text = haw_config_own(lookup->host, strdup(node->rest));

	if (!text)
		return haw_no_memory(lookup->err);
	text[strcspn(text, "# \t\r\n")] = '\0';
	if (strcasecmp(text, "none") == 0)
		return 0;
	for (const char *at = text;; at++) {
		size_t part = strcspn(at, ",");
		struct haw_config_hop hop;

		if (!haw_config_parse_hop(at, part, &hop))
			return haw_config_fail(node, lookup->err, HAW_EFORMAT,
					       "takes [USER@]HOST[:PORT], several with commas between, or "
					       "\"none\"");
		at += part;
		if (!*at)
			break;
	}
	v->proxy_jump = text;
	return 0;
}

bool haw_config_yields(const struct haw_config_node *first, const struct haw_config_node *node)
{
	return strcmp(first->keyword->name, "ProxyJump") == 0 &&
	       strcasecmp(first->arguments[0], "none") == 0 &&
	       strcmp(node->keyword->name, "ProxyCommand") == 0;
}

bool haw_config_is_direct(const struct haw_config_lookup *lookup)
{
	const struct haw_config_node *node = lookup->given[HAW_K_PROXY];

	/* As in ssh(1), where "ProxyJump none" counts as a way of its own here. */
	return !node ||
	       (strcmp(node->keyword->name, "ProxyCommand") == 0 && strcasecmp(node->rest, "none") == 0);
}

static int read_proxy(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const struct haw_expansion how = {.tokens = "%hknpr"};
	const struct haw_config_node *node = lookup->given[HAW_K_PROXY];

	if (!node)
		return 0;
	if (strcmp(node->keyword->name, "ProxyJump") == 0)
		return read_jump(lookup, node, v);
	if (strcasecmp(node->rest, "none") == 0)
		return 0;
	v->proxy_command = haw_config_expand(lookup, node, node->rest, &how);
	return v->proxy_command ? 0 : lookup->err->code;
}

/* ---- KnownHostsCommand ---- */

static int fail_command(struct haw_config_lookup *lookup, const struct haw_config_node *node, const char *why)
{
	return haw_config_fail(node, lookup->err, HAW_EFORMAT, "%s", why);
}

/* As in ssh(1), what is expanded are the arguments, not the program's name, and no argument becomes two. */
static int read_known_hosts_command(struct haw_config_lookup *lookup, haw_host_values *v)
{
	static const struct haw_expansion how = {
		.environment = true, .tokens = HAW_CONFIG_TOKENS, .later = "HIKft"};
	const struct haw_config_node *node = lookup->given[HAW_K_KNOWN_HOSTS_COMMAND];
	const char *reason;
	char **arguments;
	size_t count;

	if (!node || strcasecmp(node->rest, "none") == 0)
		return 0;
	arguments = haw_config_cut_command(lookup->host, node->rest, &count, &reason);
	if (!arguments)
		return reason ? fail_command(lookup, node, reason) : haw_no_memory(lookup->err);
	if (count == 0 || arguments[0][0] != '/')
		return fail_command(lookup, node, "the path of the program has to begin with /");
	for (size_t i = 1; i < count; i++) {
		arguments[i] = haw_config_expand(lookup, node, arguments[i], &how);
		if (!arguments[i])
			return lookup->err->code;
	}
	v->known_hosts_command = (haw_string_list){(const char *const *)arguments, count};
	return 0;
}

int haw_config_read_route(struct haw_config_lookup *lookup, haw_host_values *v)
{
	int result = read_qos(lookup, v);

	if (result == 0)
		result = read_proxy(lookup, v);
	return result < 0 ? result : read_known_hosts_command(lookup, v);
}

int haw_config_check_route(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	haw_host_values *v = &lookup->host->values;

	if (node->keyword->id == HAW_K_IP_QOS)
		return read_qos(lookup, v);
	if (node->keyword->id == HAW_K_PROXY && strcmp(node->keyword->name, "ProxyJump") == 0)
		return read_jump(lookup, node, v);
	return haw_config_check_canonical(lookup, node);
}
