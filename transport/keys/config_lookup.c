/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking up a host: walk the nodes as ssh(1) reads its files, keep what is first, judge what must
 * not be ignored.
 */
#include <hawser/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/keys/config_internal.h"
#include "transport/keys/text.h"

void *haw_config_own(haw_host_config *host, void *memory)
{
	void **owned = memory ? realloc(host->owned, (host->owned_count + 1) * sizeof(*owned)) : NULL;

	if (!owned) {
		free(memory);
		return NULL;
	}
	host->owned = owned;
	owned[host->owned_count++] = memory;
	return memory;
}

void haw_host_config_free(haw_host_config *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->named_count; i++)
		free(host->named[i].text);
	for (size_t i = 0; i < host->note_count; i++)
		free(host->notes[i]);
	for (size_t i = 0; i < host->owned_count; i++)
		free(host->owned[i]);
	haw_host_config_free_options(host);
	for (size_t i = 0; i < host->line_count; i++)
		free(host->lines[i]);
	free(host->lines);
	free(host->named);
	free(host->notes);
	free(host->owned);
	free(host);
}

const haw_host_values *haw_host_config_values(const haw_host_config *host)
{
	return &host->values;
}

const char *haw_host_config_line(const haw_host_config *host, size_t index)
{
	return index < host->line_count ? host->lines[index] : NULL;
}

const char *haw_host_config_note(const haw_host_config *host, size_t index)
{
	return index < host->note_count ? host->notes[index] : NULL;
}

static const char *find_named(const haw_host_config *host, const char *name)
{
	for (size_t i = 0; i < host->named_count; i++)
		if (host->named[i].name == name)
			return host->named[i].text;
	return NULL;
}

const char *haw_host_config_get(const haw_host_config *host, const char *keyword)
{
	const struct haw_keyword *found = haw_keyword_find(keyword);

	return found ? find_named(host, found->name) : NULL;
}

char *haw_config_join(const struct haw_config_node *node)
{
	size_t size = 1;
	char *text, *at;

	for (size_t i = 0; i < node->argument_count; i++)
		size += strlen(node->arguments[i]) + 1;
	text = at = malloc(size);
	if (!text)
		return NULL;
	*at = '\0';
	for (size_t i = 0; i < node->argument_count; i++) {
		if (i > 0)
			*at++ = ' ';
		at = stpcpy(at, node->arguments[i]);
	}
	return text;
}

/* Remember the first value of a keyword for haw_host_config_get. 1 if it is the first, 0 if not. */
static int remember(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	haw_host_config *host = lookup->host;
	struct haw_named_value *named;
	char *text;

	if (find_named(host, node->keyword->name))
		return 0;
	named = realloc(host->named, (host->named_count + 1) * sizeof(*named));
	if (!named)
		return haw_no_memory(lookup->err);
	host->named = named;
	text = haw_config_join(node);
	if (!text)
		return haw_no_memory(lookup->err);
	named[host->named_count++] = (struct haw_named_value){node->keyword->name, text};
	return 1;
}

static int add_note(struct haw_config_lookup *lookup, const struct haw_config_node *node, const char *why)
{
	haw_host_config *host = lookup->host;
	char **notes = realloc(host->notes, (host->note_count + 1) * sizeof(*notes)), word[64], *text;
	int n;

	if (!notes)
		return haw_no_memory(lookup->err);
	host->notes = notes;
	haw_escape(word, sizeof(word), node->word, strlen(node->word));
	if (node->line > 0)
		n = asprintf(&text, "%s:%zu: %s %s", node->file, node->line, word, why);
	else
		n = asprintf(&text, "%s: %s %s", node->file, word, why);
	if (n < 0)
		return haw_no_memory(lookup->err);
	notes[host->note_count++] = text;
	return 0;
}

static bool is_inert(const struct haw_config_node *node)
{
	haw_span values = {(const uint8_t *)node->keyword->inert,
			   node->keyword->inert ? strlen(node->keyword->inert) : 0};
	const char *given = node->arguments[0];
	haw_span one;

	while (node->argument_count == 1 && haw_list_next(&values, &one))
		if (one.len == strlen(given) && strncasecmp((const char *)one.ptr, given, one.len) == 0)
			return true;
	return false;
}

static int refuse(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	return haw_config_fail(node, lookup->err, HAW_EUNSUPPORTED,
			       "not supported by hawser, and ignoring it could reach or trust another host "
			       "than ssh does; remove it for this host, or use another file with -F");
}

static int keep_in_list(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			const struct haw_config_node **list, size_t *count)
{
	/* The same line may be walked twice, and another one may say the same. */
	for (size_t i = 0; i < *count; i++)
		if (strcmp(list[i]->arguments[0], node->arguments[0]) == 0)
			return 0;
	if (*count == HAW_CONFIG_LIST_MAX)
		return haw_config_fail(node, lookup->err, HAW_ELIMIT, "stands here more than %d times",
				       HAW_CONFIG_LIST_MAX);
	list[(*count)++] = node;
	return 0;
}

/* As in ssh(1), what is "none" of these two leaves the word to later lines. */
static bool says_nothing(const struct haw_config_node *node)
{
	return (node->keyword->id == HAW_K_CONNECT_TIMEOUT || node->keyword->id == HAW_K_ALIVE_INTERVAL) &&
	       strcasecmp(node->arguments[0], "none") == 0;
}

/* Remember where the value stands: the first one, or each. */
static int keep_value(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	uint8_t id = node->keyword->id;

	/* The second walk cannot change how names become canonical any more, nor the name. */
	if (lookup->final && (id == HAW_K_CANONICALIZE || id == HAW_K_CANONICALIZE_DOTS ||
			      id == HAW_K_CANONICALIZE_FALLBACK || id == HAW_K_HOSTNAME))
		return 0;
	if (says_nothing(node))
		return 0;
	if (id == HAW_K_REKEY_LIMIT && !lookup->rekey_time && node->argument_count > 1 &&
	    strcmp(node->arguments[1], "none") != 0)
		lookup->rekey_time = node;
	if (!lookup->given[id] || (id == HAW_K_PROXY && haw_config_yields(lookup->given[id], node)))
		lookup->given[id] = node;
	if (id == HAW_K_IDENTITY_FILE)
		return keep_in_list(lookup, node, lookup->identities, &lookup->identity_count);
	if (id == HAW_K_CERTIFICATE_FILE)
		return keep_in_list(lookup, node, lookup->certificates, &lookup->certificate_count);
	return 0;
}

/* A keyword that holds for the host. */
static int apply(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	const struct haw_keyword *keyword = node->keyword;
	int first = keyword->kind == HAW_KEYWORD_OPTION ? haw_config_keep_option(lookup, node)
							: remember(lookup, node);
	bool counts = first > 0 || keyword->id == HAW_K_MANY || keyword->id == HAW_K_CERTIFICATE_FILE;
	int result = 0;

	if (first < 0 || keyword->kind == HAW_KEYWORD_OPTION)
		return first;
	/* ProxyCommand and ProxyJump are one value. */
	if (keyword->id == HAW_K_PROXY)
		counts = !lookup->given[HAW_K_PROXY];
	if (keyword->id < HAW_K_SINGLE)
		result = keep_value(lookup, node);
	if (result == 0 && keyword->kind == HAW_KEYWORD_NOTE && first)
		return add_note(lookup, node, "has no effect here");
	if (result == 0 && keyword->kind == HAW_KEYWORD_REFUSED && counts && !is_inert(node))
		return refuse(lookup, node);
	return result;
}

static int judge_unknown(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	const struct haw_config_node *ignore = lookup->given[HAW_K_IGNORE_UNKNOWN];
	haw_span patterns = {NULL, 0};
	char word[128];
	size_t i;

	for (i = 0; node->word[i] && i + 1 < sizeof(word); i++)
		word[i] = node->word[i] >= 'A' && node->word[i] <= 'Z' ? (char)(node->word[i] + 32)
								       : node->word[i];
	word[i] = '\0';
	if (ignore)
		patterns = (haw_span){(const uint8_t *)ignore->arguments[0], strlen(ignore->arguments[0])};
	if (haw_pattern_list_match(patterns, word, true))
		return add_note(lookup, node, "is unknown, and ignored as IgnoreUnknown says");
	return haw_config_fail(node, lookup->err, HAW_EFORMAT,
			       lookup->config->options
				       ? "there is no such option"
				       : "ssh_config(5) has no such keyword (IgnoreUnknown can name it)");
}

/* Where the walk stands in one file. */
struct walk {
	bool active; /* the lines here hold for the host */
	bool never;  /* included from where they do not: no Host can match */
};

/* What a program's own configuration has to say is judged where it is used. */
static int check(struct haw_config_lookup *lookup, const struct haw_config_node *node)
{
	return lookup->final || lookup->config->options ? 0 : haw_config_check_line(lookup, node);
}

static int visit_line(struct haw_config_lookup *lookup, const struct haw_config_node *node, struct walk *walk)
{
	int found;

	if (!node->keyword)
		return lookup->final ? 0 : judge_unknown(lookup, node);
	switch (node->keyword->id) {
	case HAW_K_HOST:
		found = haw_config_match_host(lookup, node);
		walk->active = !walk->never && found > 0;
		return found < 0 ? found : 0;
	case HAW_K_MATCH:
		found = haw_config_match(lookup, node, !walk->never);
		walk->active = !walk->never && found > 0;
		return found < 0 ? found : 0;
	case HAW_K_INCLUDE:
		return 0;
	default:
		found = check(lookup, node);
		return found == 0 && walk->active ? apply(lookup, node) : found;
	}
}

static int walk_range(struct haw_config_lookup *lookup, const haw_config *config, size_t from, size_t to)
{
	/* One level per file that is open, and the command line below them. */
	struct walk levels[HAW_CONFIG_DEPTH_MAX + 3] = {{.active = true}};
	size_t depth = 0;
	int result = 0;

	for (size_t i = from; i < to && result == 0; i++) {
		const struct haw_config_node *node = &config->nodes[i];
		const struct walk outer = levels[depth];

		if (node->kind == HAW_NODE_FILE) {
			levels[++depth] = node->include
						  ? (struct walk){outer.active, outer.never || !outer.active}
						  : (struct walk){.active = true};
		} else if (node->kind == HAW_NODE_END) {
			depth--;
		} else {
			result = visit_line(lookup, node, &levels[depth]);
		}
	}
	return result;
}

/* What was set first, then the files. */
static int walk_nodes(struct haw_config_lookup *lookup)
{
	const haw_config *set = lookup->instead ? lookup->instead : lookup->config, *files = lookup->config;
	int result = walk_range(lookup, set, 0, set->set_count);

	return result < 0 ? result : walk_range(lookup, files, files->set_count, files->node_count);
}

/* The files know more blocks that hold once the name is known. */
static int finish(struct haw_config_lookup *lookup)
{
	int result = haw_config_canonicalize(lookup);

	if (result == 0 && lookup->wants_final) {
		lookup->final = true;
		result = walk_nodes(lookup);
	}
	if (result == 0)
		result = haw_config_read_canonical(lookup);
	if (result == 0)
		result = haw_config_read_values(lookup);
	return result < 0 ? result : haw_config_dump(lookup);
}

static haw_host_config *look_up(const haw_config *config, const haw_config *instead, const char *host,
				haw_error *err)
{
	struct haw_config_lookup *lookup = calloc(1, sizeof(*lookup));
	haw_host_config *found = calloc(1, sizeof(*found));
	int result = HAW_ENOMEM;
	haw_error own;

	if (lookup && found) {
		lookup->config = config;
		lookup->instead = instead;
		lookup->alias = lookup->hostname = host;
		lookup->host = found;
		lookup->err = err ? err : &own;
		result = haw_config_check_names(config, instead ? instead : config, host, lookup->err);
		if (result == 0)
			result = walk_nodes(lookup);
		if (result == 0 && !config->options)
			result = finish(lookup);
	} else {
		haw_no_memory(err);
	}
	free(lookup);
	if (result == 0)
		return found;
	haw_host_config_free(found);
	return NULL;
}

haw_host_config *haw_config_lookup(const haw_config *config, const char *host, haw_error *err)
{
	return look_up(config, NULL, host, err);
}

/* ---- Hops ---- */

static int set_value(haw_config *config, const char *keyword, const char *value, int len, haw_error *err)
{
	char *text;
	int result;

	if (asprintf(&text, "%s=%.*s", keyword, len, value) < 0)
		return haw_no_memory(err);
	result = haw_config_set(config, text, err);
	free(text);
	return result;
}

static int set_hop(haw_config *config, const struct haw_config_hop *hop, const char *jump, int rest,
		   haw_error *err)
{
	char port[8];
	int result = 0;

	snprintf(port, sizeof(port), "%u", hop->port);
	if (hop->user[0])
		result = haw_config_set_literal(config, "User", hop->user, err);
	if (result == 0 && hop->port)
		result = set_value(config, "Port", port, (int)strlen(port), err);
	if (result == 0 && rest > 0)
		result = set_value(config, "ProxyJump", jump, rest, err);
	return result;
}

haw_host_config *haw_config_lookup_hop(const haw_config *config, const char *jump, haw_error *err)
{
	const char *comma = strrchr(jump, ','), *last = comma ? comma + 1 : jump;
	haw_config *set = haw_config_new(err);
	haw_host_config *found = NULL;
	struct haw_config_hop hop;

	if (!set)
		return NULL;
	if (!haw_config_parse_hop(last, strlen(last), &hop))
		haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
			      "ProxyJump: a hop is not [USER@]HOST[:PORT]");
	else if (set_hop(set, &hop, jump, comma ? (int)(comma - jump) : 0, err) == 0)
		found = look_up(config, set, hop.host, err);
	haw_config_free(set);
	return found;
}
