/* SPDX-License-Identifier: Apache-2.0 */
#include "tempname.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".hawser-part";

enum { NAME_LIMIT = 255, DIGITS = 16 };

/* FNV-1a: tells long names apart whose beginnings are the same. */
static uint64_t hash(const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
	return h;
}

/* How much of NAME, at most MAX bytes, can stand alone: servers that take names for UTF-8 refuse half a
 * character. What is not UTF-8 is cut where MAX says. */
static size_t cut(const char *name, size_t max)
{
	size_t at = max;

	while (at > 0 && max - at < 4 && ((unsigned char)name[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)name[at] & 0xc0) == 0x80 ? max : at;
}

char *cp_temp_path(const char *path)
{
	size_t len = strlen(path), base, name, kept;
	char *out = NULL;
	int result;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (base = len; base > 0 && path[base - 1] != '/'; base--)
		;
	name = len - base;
	if (1 + name + sizeof(suffix) - 1 <= NAME_LIMIT) {
		result = asprintf(&out, "%.*s.%.*s%s", (int)base, path, (int)name, path + base, suffix);
	} else {
		kept = cut(path + base, NAME_LIMIT - 1 - 1 - DIGITS - (sizeof(suffix) - 1));
		result = asprintf(&out, "%.*s.%.*s-%016llx%s", (int)base, path, (int)kept, path + base,
				  (unsigned long long)hash(path + base, name), suffix);
	}
	return result < 0 ? NULL : out;
}

bool cp_is_temp_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > sizeof(suffix) &&
	       strcmp(name + len - (sizeof(suffix) - 1), suffix) == 0;
}
