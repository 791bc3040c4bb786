/* SPDX-License-Identifier: Apache-2.0 */
#include "braces.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 4096 };

/* Where the character at P ends: behind an escaped one, behind a whole [...]; NULL if that has no end. */
static const char *past(const char *p)
{
	if (*p == '\\' && p[1])
		return p + 2;
	if (*p != '[')
		return p + 1;
	while (*p && *p != ']')
		p += *p == '\\' && p[1] ? 2 : 1;
	return *p ? p + 1 : NULL;
}

/* The first brace that opens a choice, or the end of TEXT; NULL if brackets or braces do not match. As in
 * csh,
 * "{}" is none. */
static const char *find_open(const char *text)
{
	const char *p = text;

	while (p && *p && *p != '{') {
		if (*p == '}')
			return NULL;
		p = past(p);
	}
	if (p && p[0] == '{' && p[1] == '}')
		return find_open(p + 2);
	return p;
}

/* Where the choice that begins at P ends: the comma or brace behind it. */
static const char *find_end(const char *p)
{
	unsigned depth = 0;

	while (p && *p) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		depth += *p == '{';
		depth -= *p == '}';
		p = past(p);
	}
	return NULL;
}

static bool add(struct cp_braces *braces, char *text)
{
	char **grown;

	if (!text || braces->count == ITEMS_MAX)
		return false;
	grown = realloc(braces->items, (braces->count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	braces->items = grown;
	grown[braces->count++] = text;
	return true;
}

/* Replace the braces that begin at OPEN by each of their choices. */
static bool choose(struct cp_braces *braces, const char *text, const char *open)
{
	const char *begin = open + 1, *close = begin, *end;

	/* What stands behind them is needed first. */
	while ((end = find_end(close)) && *end != '}')
		close = end + 1;
	if (!end)
		return false;
	close = end;
	do {
		size_t head = (size_t)(open - text), len;
		char *item;

		end = find_end(begin);
		len = (size_t)(end - begin);
		item = malloc(head + len + strlen(close));
		if (!item)
			return false;
		memcpy(item, text, head);
		memcpy(item + head, begin, len);
		strcpy(item + head + len, close + 1);
		if (!add(braces, item)) {
			free(item);
			return false;
		}
		begin = end + 1;
	} while (end < close);
	return true;
}

bool cp_braces_expand(struct cp_braces *braces, const char *text)
{
	char *first = strdup(text);

	if (!add(braces, first)) {
		free(first);
		return false;
	}
	/* What has been expanded goes to the end, and is looked at again there. */
	for (size_t i = 0; i < braces->count;) {
		char *item = braces->items[i];
		const char *open = find_open(item);

		if (!open || (*open && !choose(braces, item, open)))
			return false;
		if (!*open) {
			i++;
			continue;
		}
		free(item);
		braces->items[i] = braces->items[--braces->count];
	}
	return true;
}

void cp_braces_free(struct cp_braces *braces)
{
	for (size_t i = 0; i < braces->count; i++)
		free(braces->items[i]);
	free(braces->items);
	*braces = (struct cp_braces){0};
}
