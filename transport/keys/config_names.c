/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that come from the command line, from a program or from ProxyJump, and end up in the tokens of
 * commands that a shell runs (ProxyCommand, Match exec): what a shell could take for more than a word is
 * refused, as by ssh(1) since 9.6. What a configuration file says by itself (HostName, User) is its owner's.
 */
#include "transport/keys/config_internal.h"

#include <string.h>
#include <strings.h>

#include "transport/keys/text.h"

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

bool haw_config_is_host_name(const char *name)
{
	if (*name == '-')
		return false;
	for (; *name; name++)
		if (is_control(*name) || strchr("'`\"$\\;&<>|(){}, ", *name))
			return false;
	return true;
}

bool haw_config_is_user_name(const char *name)
{
	if (*name == '-')
		return false;
	for (; *name; name++)
		if (is_control(*name) || strchr("'`\";&<>|(){}", *name) || (*name == ' ' && name[1] == '-') ||
		    (*name == '\\' && name[1] == '\0'))
			return false;
	return true;
}

int haw_config_check_host(const char *name, haw_error *err)
{
	char text[256];

	if (haw_config_is_host_name(name))
		return 0;
	return haw_error_set(
		err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
		"the host name \"%s\" holds characters that a name cannot have, and that a shell "
		"could act upon",
		haw_escape(text, sizeof(text), name, strlen(name)));
}

int haw_config_check_user(const char *name, haw_error *err)
{
	char text[256];

	if (haw_config_is_user_name(name))
		return 0;
	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
			     "the user name \"%s\" holds characters that a shell could act upon",
			     haw_escape(text, sizeof(text), name, strlen(name)));
}

/* The hops of a ProxyJump; what is no hop is judged elsewhere. */
static int check_jump(const struct haw_config_node *node, haw_error *err)
{
	const char *at = node->rest, *end = at + strcspn(at, "# \t\r\n");
	int result = 0;

	for (size_t part; at < end && result == 0; at += part + 1) {
		struct haw_config_hop hop;

		part = strcspn(at, ",# \t\r\n");
		if (!haw_config_parse_hop(at, part, &hop))
			continue;
		result = haw_config_check_host(hop.host, err);
		if (result == 0)
			result = haw_config_check_user(hop.user, err);
	}
	return result;
}

int haw_config_check_names(const haw_config *config, const haw_config *set, const char *host, haw_error *err)
{
	int result = haw_config_check_host(host, err);

	if (result == 0 && config->login)
		result = haw_config_check_user(config->login, err);
	for (size_t i = 0; i < set->set_count && result == 0; i++) {
		const struct haw_config_node *node = &set->nodes[i];

		if (!node->keyword)
			continue;
		if (node->keyword->id == HAW_K_USER)
			result = haw_config_check_user(node->arguments[0], err);
		else if (strcmp(node->keyword->name, "ProxyJump") == 0)
			result = check_jump(node, err);
	}
	return result;
}
