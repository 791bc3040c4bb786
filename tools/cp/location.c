/* SPDX-License-Identifier: Apache-2.0 */
#include "location.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char sftp_scheme[] = "sftp://", scp_scheme[] = "scp://";

static bool wrong(char *reason, size_t size, const char *text)
{
	snprintf(reason, size, "%s", text);
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undo %XX (RFC 3986 §2.1) in LEN bytes of TEXT. NULL for a malformed one or for a NUL. */
static char *decode(const char *text, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			out[n++] = text[i];
			continue;
		}
		high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
		low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
		if (high < 0 || low < 0 || (high == 0 && low == 0)) {
			free(out);
			return NULL;
		}
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	if (out)
		out[n] = '\0';
	return out;
}

/* A name that could be taken for something else further down is refused. */
static bool check_host(const char *host, char *reason, size_t size)
{
	if (!host || !host[0])
		return wrong(reason, size, "the host is missing");
	if (host[0] == '-')
		return wrong(reason, size, "a host cannot begin with a dash");
	for (const char *p = host; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/' || *p == '@' || *p == '[' ||
		    *p == ']')
			return wrong(reason, size, "the host has a character that hosts cannot have");
	return true;
}

/* [user@]host or [user@][host] in LEN bytes of TEXT. */
static bool parse_authority(struct cp_location *l, const char *text, size_t len, bool url, char *reason,
			    size_t size)
{
	const char *at = memrchr(text, '@', len);

	if (at) {
		size_t user = (size_t)(at - text);

		if (user == 0)
			return wrong(reason, size, "the user in front of @ is missing");
		l->user = url ? decode(text, user) : strndup(text, user);
		if (!l->user)
			return wrong(reason, size, "the user name is malformed");
		len -= user + 1;
		text = at + 1;
	}
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	l->host = strndup(text, len);
	return check_host(l->host, reason, size);
}

static bool parse_port(struct cp_location *l, const char *text, size_t len, char *reason, size_t size)
{
	unsigned long port = 0;

	for (size_t i = 0; i < len && port <= 65535; i++)
		port = text[i] >= '0' && text[i] <= '9' ? port * 10 + (unsigned long)(text[i] - '0') : 65536;
	if (len == 0 || port == 0 || port > 65535)
		return wrong(reason, size, "the port is not a number from 1 to 65535");
	l->port = (uint16_t)port;
	return true;
}

/* A leading ~/ is the home directory, where relative paths start anyway; ~user is left. */
static bool take_path(struct cp_location *l, const char *path)
{
	if (path[0] == '~' && (path[1] == '/' || !path[1])) {
		path++;
		path += strspn(path, "/");
		l->path = strdup(path[0] ? path : ".");
		return l->path != NULL;
	}
	l->tilde = path[0] == '~';
	l->path = strdup(path[0] ? path : ".");
	return l->path != NULL;
}

static bool take_decoded_path(struct cp_location *l, const char *path, bool tilde)
{
	l->raw = path[0] ? decode(path, strlen(path)) : strdup(".");
	if (!l->raw || tilde)
		return l->raw && take_path(l, l->raw);
	l->path = strdup(l->raw);
	return l->path != NULL;
}

/* [user@]host[:port][/path], which is behind the scheme: the path is relative to the home directory, and
 * absolute with a second slash. TILDE: it is one of scp's, who expands a ~. */
static bool parse_url(struct cp_location *l, const char *text, bool tilde, char *reason, size_t size)
{
	size_t len = strcspn(text, "/");
	const char *path = text[len] ? text + len + 1 : "";
	const char *host = memrchr(text, '@', len), *bracket, *colon;
	size_t authority = len;

	host = host ? host + 1 : text;
	bracket = host[0] == '[' ? memchr(host, ']', len - (size_t)(host - text)) : NULL;
	colon = memchr(bracket ? bracket : host, ':', len - (size_t)((bracket ? bracket : host) - text));
	if (colon) {
		authority = (size_t)(colon - text);
		if (!parse_port(l, colon + 1, len - authority - 1, reason, size))
			return false;
	}
	if (!parse_authority(l, text, authority, true, reason, size))
		return false;
	return take_decoded_path(l, path, tilde) ||
	       wrong(reason, size, "the path has a % that no two hexadecimal digits follow, or a %00");
}

/* The colon that ends the host of host:path, or NULL for a local name: as in scp, a slash in front
 * of the first colon makes it local. */
static const char *host_end(const char *text)
{
	const char *p = text, *at = strchr(text, '@');

	if (at && at[1] == '[' && !memchr(text, '/', (size_t)(at - text)) &&
	    !memchr(text, ':', (size_t)(at - text)))
		p = at + 1;
	if (*p == '[') {
		const char *end = strchr(p, ']');

		if (end && end[1] == ':' && !memchr(p, '/', (size_t)(end - p)))
			return end + 1;
	}
	p = strpbrk(text, ":/");
	return p && *p == ':' ? p : NULL;
}

bool cp_location_parse(struct cp_location *l, const char *text, char *reason, size_t size)
{
	const char *colon;

	memset(l, 0, sizeof(*l));
	l->remote = true;
	if (strncasecmp(text, sftp_scheme, strlen(sftp_scheme)) == 0)
		return parse_url(l, text + strlen(sftp_scheme), false, reason, size);
	if (strncasecmp(text, scp_scheme, strlen(scp_scheme)) == 0)
		return parse_url(l, text + strlen(scp_scheme), true, reason, size);
	colon = host_end(text);
	if (!colon) {
		l->remote = false;
		l->path = strdup(text);
		return text[0] ? true : wrong(reason, size, "an empty name");
	}
	l->raw = strdup(colon[1] ? colon + 1 : ".");
	if (!l->raw || !take_path(l, colon + 1))
		return wrong(reason, size, "out of memory");
	return parse_authority(l, text, (size_t)(colon - text), false, reason, size);
}

void cp_location_free(struct cp_location *l)
{
	free(l->user);
	free(l->host);
	free(l->path);
	free(l->raw);
	memset(l, 0, sizeof(*l));
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool cp_location_same_host(const struct cp_location *a, const struct cp_location *b)
{
	return same_text(a->user, b->user) && a->port == b->port && a->host && b->host &&
	       strcasecmp(a->host, b->host) == 0;
}
