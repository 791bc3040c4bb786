/* SPDX-License-Identifier: Apache-2.0
 *
 * "~", ${VARIABLE} and the tokens of ssh_config(5).
 */
#include "transport/keys/config_internal.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "transport/keys/text.h"

char *haw_config_expand_home(const haw_config *config, const char *path, const char **reason)
{
	size_t name_len = path[0] == '~' ? strcspn(path + 1, "/") : 0;
	char name[256], text[4096], *full;
	struct passwd entry, *found = NULL;
	const char *home = config->home;

	*reason = NULL;
	if (path[0] != '~')
		return strdup(path);
	if (name_len >= sizeof(name)) {
		*reason = "the user's name after ~ is too long";
		return NULL;
	}
	if (name_len > 0) {
		memcpy(name, path + 1, name_len);
		name[name_len] = '\0';
		getpwnam_r(name, &entry, text, sizeof(text), &found);
		if (!found) {
			*reason = "no such user as the one after ~";
			return NULL;
		}
		home = found->pw_dir;
	}
	path += 1 + name_len + (path[1 + name_len] == '/');
	/* As in ssh(1), with one slash between, also where nothing follows. */
	return asprintf(&full, "%s%s%s", home, *home && home[strlen(home) - 1] == '/' ? "" : "/", path) < 0
		       ? NULL
		       : full;
}

/* A value under expansion. */
struct expansion {
	struct haw_config_lookup *lookup;
	const char *tokens, *later;
	char text[HAW_CONFIG_PATH_MAX];
	size_t len;
	const char *reason;
};

static void append(struct expansion *e, const char *text, size_t len)
{
	if (e->reason)
		return;
	if (len >= sizeof(e->text) - e->len) {
		e->reason = "the value grows too long";
		return;
	}
	memcpy(e->text + e->len, text, len);
	e->len += len;
	e->text[e->len] = '\0';
}

static void append_text(struct expansion *e, const char *text)
{
	size_t plain;

	/* What is expanded once more later must mean the same then. */
	for (; e->later && text[plain = strcspn(text, "%")]; text += plain + 1) {
		append(e, text, plain);
		append(e, "%%", 2);
	}
	append(e, text, strlen(text));
}

static void local_host_name(char *out, size_t size)
{
	if (gethostname(out, size) < 0)
		out[0] = '\0';
	out[size - 1] = '\0';
}

/* %C: the SHA-1 of %l%h%p%r, in hexadecimal. */
static void append_connection_hash(struct expansion *e)
{
	const haw_host_values *values = &e->lookup->host->values;
	char local[256], text[HAW_CONFIG_PATH_MAX];
	uint8_t digest[20];
	int n;

	local_host_name(local, sizeof(local));
	n = snprintf(text, sizeof(text), "%s%s%u%s", local, values->hostname, values->port, values->user);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha1(), NULL) != 1) {
		e->reason = "%C cannot be computed";
		return;
	}
	for (size_t i = 0; i < sizeof(digest); i++) {
		snprintf(text, sizeof(text), "%02x", digest[i]);
		append(e, text, 2);
	}
}

static void append_token(struct expansion *e, char token)
{
	const haw_host_values *values = &e->lookup->host->values;
	const haw_config *config = e->lookup->config;
	char text[256];

	switch (token) {
	case '%':
		append_text(e, "%");
		break;
	case 'C':
		append_connection_hash(e);
		break;
	case 'd':
		append_text(e, config->home);
		break;
	case 'h':
		append_text(e, values->hostname ? values->hostname : e->lookup->alias);
		break;
	case 'i':
		snprintf(text, sizeof(text), "%lu", (unsigned long)config->uid);
		append_text(e, text);
		break;
	case 'j':
		append_text(e, values->proxy_jump ? values->proxy_jump : "");
		break;
	case 'k':
		append_text(e, values->host_key_alias ? values->host_key_alias : e->lookup->alias);
		break;
	case 'n':
		append_text(e, e->lookup->alias);
		break;
	case 'l':
		local_host_name(text, sizeof(text));
		append_text(e, text);
		break;
	case 'L':
		local_host_name(text, sizeof(text));
		append(e, text, strcspn(text, "."));
		break;
	case 'p':
		snprintf(text, sizeof(text), "%u", values->port);
		append_text(e, text);
		break;
	case 'r':
		append_text(e, values->user);
		break;
	case 'u':
		append_text(e, config->user);
		break;
	default:
		e->reason = "unknown token after %";
	}
}

/* Replace ${NAME} at TEXT; returns what stands behind it. */
static const char *append_variable(struct expansion *e, const char *text)
{
	const char *end = strchr(text, '}'), *value;
	char name[256];

	if (!end || end == text + 2 || (size_t)(end - text) >= sizeof(name)) {
		e->reason = "${ without a name and }";
		return text;
	}
	memcpy(name, text + 2, (size_t)(end - text) - 2);
	name[end - text - 2] = '\0';
	value = getenv(name);
	if (value)
		append_text(e, value);
	else
		e->reason = "an environment variable that it names is not set";
	return end + 1;
}

static void expand(struct expansion *e, const char *text, bool environment)
{
	while (*text && !e->reason) {
		if (*text == '%' && e->tokens) {
			if (text[1] && e->later && strchr(e->later, text[1])) {
				append(e, text, 2);
			} else if (text[1] == '\0' || !strchr(e->tokens, text[1])) {
				e->reason = "unknown token after %";
				return;
			} else {
				append_token(e, text[1]);
			}
			text += 2;
		} else if (environment && text[0] == '$' && text[1] == '{') {
			text = append_variable(e, text);
		} else {
			append(e, text++, 1);
		}
	}
}

char *haw_config_expand(struct haw_config_lookup *lookup, const struct haw_config_node *node,
			const char *text, const struct haw_expansion *how)
{
	struct expansion e = {.lookup = lookup, .tokens = how->tokens, .later = how->later};
	char *start, *result = NULL;

	start = how->tilde ? haw_config_expand_home(lookup->config, text, &e.reason) : strdup(text);
	if (start)
		expand(&e, start, how->environment);
	if (e.reason) {
		char escaped[256];

		haw_escape(escaped, sizeof(escaped), text, strlen(text));
		if (node)
			haw_config_fail(node, lookup->err, HAW_EFORMAT, "\"%s\": %s", escaped, e.reason);
		else
			haw_error_set(lookup->err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "\"%s\": %s", escaped,
				      e.reason);
	} else if (start) {
		result = haw_config_own(lookup->host, strdup(e.text));
	}
	if (!result && !e.reason)
		haw_no_memory(lookup->err);
	free(start);
	return result;
}
