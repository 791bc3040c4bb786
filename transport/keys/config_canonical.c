/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical names: what ssh_config(5) says under CanonicalizeHostname. Asks the system's resolver, and
 * only where the configuration says so, or of an address, for its usual form.
 */
#include "transport/keys/config_internal.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "transport/keys/text.h"

enum { SUFFIXES_MAX = 32 };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter_or_digit(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

static bool is_domain(const char *name)
{
	if (!is_letter_or_digit(name[0]))
		return false;
	for (size_t i = 0; name[i]; i++)
		if ((!is_letter_or_digit(name[i]) && !strchr(".-_", name[i])) ||
		    (name[i] == '.' && name[i + 1] == '.'))
			return false;
	return true;
}

/* ---- Values ---- */

static bool is_none(const struct haw_config_node *node)
{
	return node->argument_count == 1 && strcasecmp(node->arguments[0], "none") == 0;
}

static int check_domains(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	int result = haw_config_check_list(lookup, node);

	if (result < 0)
		return result;
	for (size_t i = 0; i < node->argument_count; i++)
		if (!is_domain(node->arguments[i]))
			return haw_config_fail(node, lookup->err, HAW_EFORMAT, "takes names of domains");
	return node->argument_count <= SUFFIXES_MAX
		       ? 0
		       : haw_config_fail(node, lookup->err, HAW_ELIMIT, "more than %d values", SUFFIXES_MAX);
}

static int check_cnames(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	for (size_t i = 0; i < node->argument_count; i++) {
		const char *text = node->arguments[i], *colon = strchr(text, ':');

		if (strcasecmp(text, "none") == 0 ? node->argument_count > 1
						  : strcmp(text, "*") != 0 && (!colon || !colon[1]))
			return haw_config_fail(node, lookup->err, HAW_EFORMAT,
					       "takes NAMES:TARGETS, \"*\", or \"none\" alone");
	}
	return node->argument_count <= SUFFIXES_MAX
		       ? 0
		       : haw_config_fail(node, lookup->err, HAW_ELIMIT, "more than %d values", SUFFIXES_MAX);
}

int haw_config_check_canonical(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	if (node->keyword->id == HAW_K_CANONICAL_DOMAINS)
		return check_domains(lookup, node);
	return node->keyword->id == HAW_K_PERMITTED_CNAMES ? check_cnames(lookup, node) : 0;
}

/* A copy in lower case. */
static char *keep_lower(struct haw_config_lookup *lookup, const char *text)
{
	char *copy = haw_config_own(lookup->host, strdup(text));

	for (char *at = copy; at && *at; at++)
		*at = lower(*at);
	return copy;
}

/* The arguments of a node as a list; "none" is an empty one. */
static int keep_words(struct haw_config_lookup *lookup, const struct haw_config_node *node,
		      haw_string_list *list)
{
	char **items;

	*list = (haw_string_list){NULL, 0};
	if (!node || is_none(node))
		return 0;
	items = haw_config_own(lookup->host, calloc(node->argument_count, sizeof(*items)));
	for (size_t i = 0; items && i < node->argument_count; i++) {
		/* As a rule for aliases; a domain it is not. */
		const char *text = strcmp(node->arguments[i], "*") == 0 ? "*:*" : node->arguments[i];

		items[i] = keep_lower(lookup, text);
		if (!items[i])
			return haw_no_memory(lookup->err);
		if (items[i][0] && items[i][strlen(items[i]) - 1] == '.' &&
		    node->keyword->id == HAW_K_CANONICAL_DOMAINS)
			items[i][strlen(items[i]) - 1] = '\0';
	}
	*list = (haw_string_list){(const char *const *)items, node->argument_count};
	return items ? 0 : haw_no_memory(lookup->err);
}

int haw_config_read_canonical(struct haw_config_lookup *lookup)
{
	static const int plain[] = {HAW_K_CANONICALIZE, HAW_K_CANONICALIZE_DOTS, HAW_K_CANONICALIZE_FALLBACK,
				    HAW_K_ADDRESS_FAMILY};
	struct haw_canonical *c = &lookup->host->canonical;
	int result = 0;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && result == 0; i++)
		result = haw_config_read_id(lookup, plain[i]);
	if (result == 0)
		result = keep_words(lookup, lookup->given[HAW_K_CANONICAL_DOMAINS], &c->domains);
	return result < 0 ? result : keep_words(lookup, lookup->given[HAW_K_PERMITTED_CNAMES], &c->cnames);
}

/* ---- Names and addresses ---- */

static int resolve(const struct haw_config_lookup *lookup, const char *name, int flags,
		   struct addrinfo **found)
{
	const struct addrinfo hints = {
		.ai_family = lookup->host->values.family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};

	*found = NULL;
	return getaddrinfo(name, NULL, &hints, found);
}

static bool looks_like_address(const char *name)
{
	return strpbrk(name, "%:") || strspn(name, "0123456789.") == strlen(name);
}

/* Write the usual form of the address NAME; false if it is none. */
static bool format_address(const struct haw_config_lookup *lookup, const char *name, char *out, size_t size)
{
	struct addrinfo *found;
	bool good;

	if (resolve(lookup, name, AI_NUMERICHOST, &found) != 0)
		return false;
	good = found && !found->ai_next &&
	       getnameinfo(found->ai_addr, found->ai_addrlen, out, (socklen_t)size, NULL, 0,
			   NI_NUMERICHOST) == 0;
	freeaddrinfo(found);
	return good;
}

/* 0 if NAME has an address, else getaddrinfo's number. CNAME receives the name behind it, or nothing. */
static int find_name(const struct haw_config_lookup *lookup, const char *name, char *cname, size_t size)
{
	struct addrinfo *found;
	int number = resolve(lookup, name, AI_CANONNAME, &found);

	cname[0] = '\0';
	if (number != 0)
		return number;
	if (found->ai_canonname && strlen(found->ai_canonname) < size && is_domain(found->ai_canonname))
		strcpy(cname, found->ai_canonname);
	if (cname[0] && cname[strlen(cname) - 1] == '.')
		cname[strlen(cname) - 1] = '\0';
	freeaddrinfo(found);
	return 0;
}

/* A proxy resolves names itself, so ours are not changed for it unless that is asked for. */
static bool may_change(const struct haw_config_lookup *lookup)
{
	return lookup->host->canonical.mode == HAW_CANONICALIZE_ALWAYS || haw_config_is_direct(lookup);
}

static int take_name(struct haw_config_lookup *lookup, const char *name)
{
	lookup->hostname = haw_config_own(lookup->host, strdup(name));
	return lookup->hostname ? 0 : haw_no_memory(lookup->err);
}

/* The name that CNAME stands for, if a rule permits that for NAME; else NAME. */
static const char *follow(const struct haw_config_lookup *lookup, const char *name, const char *cname)
{
	const struct haw_canonical *c = &lookup->host->canonical;

	if (!*cname || strcmp(name, cname) == 0 || c->mode == HAW_CANONICALIZE_NO || !may_change(lookup))
		return name;
	for (size_t i = 0; i < c->cnames.count; i++) {
		const char *rule = c->cnames.items[i], *colon = strchr(rule, ':');
		haw_span sources = {(const uint8_t *)rule, (size_t)(colon - rule)};
		haw_span targets = {(const uint8_t *)colon + 1, strlen(colon + 1)};

		if (haw_pattern_list_match(sources, name, true) &&
		    haw_pattern_list_match(targets, cname, true))
			return cname;
	}
	return name;
}

static size_t count_dots(const char *name)
{
	size_t dots = 0;

	for (; *name; name++)
		dots += *name == '.';
	return dots;
}

/* 1 if FULL, which ends with a dot, was found and taken, 0 if not, or a negative code. */
static int try_full_name(struct haw_config_lookup *lookup, char *full)
{
	char cname[NI_MAXHOST];
	int result;

	if (find_name(lookup, full, cname, sizeof(cname)) != 0)
		return 0;
	full[strlen(full) - 1] = '\0';
	result = take_name(lookup, follow(lookup, full, cname));
	return result < 0 ? result : 1;
}

static int fail_unknown(struct haw_config_lookup *lookup)
{
	char name[256];

	return haw_error_set(lookup->err, HAW_ERESOLVE, HAW_FAULT_LOCAL, 0,
			     "the host %s is in none of the CanonicalDomains, and "
			     "CanonicalizeFallbackLocal is off",
			     haw_escape(name, sizeof(name), lookup->hostname, strlen(lookup->hostname)));
}

/* 1 if the name was found, 0 if it stays as it is, or a negative code. */
static int search_domains(struct haw_config_lookup *lookup)
{
	const struct haw_canonical *c = &lookup->host->canonical;
	const char *host = lookup->hostname;
	char full[NI_MAXHOST];
	size_t len = strlen(host);
	int result = 0;

	if (c->mode == HAW_CANONICALIZE_NO || !may_change(lookup) || len == 0 || len >= sizeof(full))
		return 0;
	if (host[len - 1] == '.') {
		strcpy(full, host);
		result = try_full_name(lookup, full);
	} else {
		if (count_dots(host) > c->max_dots)
			return 0;
		for (size_t i = 0; i < c->domains.count && result == 0; i++)
			if ((size_t)snprintf(full, sizeof(full), "%s.%s.", host, c->domains.items[i]) <
			    sizeof(full))
				result = try_full_name(lookup, full);
	}
	return result == 0 && !c->fallback_local ? fail_unknown(lookup) : result;
}

/* 1 if the name has been found, 0 if not, or a negative code. */
static int search(struct haw_config_lookup *lookup)
{
	char address[NI_MAXHOST];
	int result;

	if (!format_address(lookup, lookup->hostname, address, sizeof(address)))
		return looks_like_address(lookup->hostname) ? 0 : search_domains(lookup);
	if (strcasecmp(address, lookup->hostname) == 0)
		return 1;
	result = take_name(lookup, address);
	return result < 0 ? result : 1;
}

/* Rules for aliases hold for names that were not searched for, too. */
static int follow_unsearched(struct haw_config_lookup *lookup)
{
	char cname[NI_MAXHOST], name[256];
	const char *host = lookup->hostname;
	int number;

	if (lookup->host->canonical.cnames.count == 0 || !may_change(lookup))
		return 0;
	number = find_name(lookup, host, cname, sizeof(cname));
	if (number == 0)
		return take_name(lookup, follow(lookup, host, cname));
	if (!haw_config_is_direct(lookup))
		return 0;
	return haw_error_set(lookup->err, HAW_ERESOLVE, HAW_FAULT_SYSTEM, 0, "%s: %s",
			     haw_escape(name, sizeof(name), host, strlen(host)), gai_strerror(number));
}

/* HostName takes the place of what was typed. Addresses get their usual form instead of small letters. */
static int take_hostname(struct haw_config_lookup *lookup, bool *address)
{
	static const struct haw_expansion how = {.tokens = "%h"};
	const struct haw_config_node *node = lookup->given[HAW_K_HOSTNAME];
	char usual[NI_MAXHOST], *name;

	if (node) {
		lookup->hostname = haw_config_expand(lookup, node, node->arguments[0], &how);
		if (!lookup->hostname)
			return lookup->err->code;
	}
	name = haw_config_own(lookup->host, strdup(lookup->hostname));
	if (!name)
		return haw_no_memory(lookup->err);
	lookup->hostname = name;
	*address = looks_like_address(name) || format_address(lookup, name, usual, sizeof(usual));
	for (; *name && !*address; name++)
		*name = lower(*name);
	return 0;
}

int haw_config_canonicalize(struct haw_config_lookup *lookup)
{
	bool address = false;
	int result = haw_config_read_canonical(lookup);

	if (result == 0)
		result = take_hostname(lookup, &address);
	if (result < 0)
		return result;
	if (address || lookup->host->canonical.mode != HAW_CANONICALIZE_NO)
		result = search(lookup);
	if (result == 0)
		result = follow_unsearched(lookup);
	if (lookup->host->canonical.mode != HAW_CANONICALIZE_NO)
		lookup->wants_final = true;
	return result < 0 ? result : 0;
}
