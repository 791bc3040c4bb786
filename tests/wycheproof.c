/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of JSON as these files use, in one pass: strings are remembered by name and depth, and
 * whenever an object with a tcId closes, a test is complete.
 */
#include "wycheproof.h"

#include "harness.h"

enum { PAIRS_MAX = 64, BUFFERS = 8, BYTES_MAX = 8192, GROUP_DEPTH = 2 };

struct pair {
	char *name, *value;
	int depth;
};

struct wycheproof_case {
	struct pair pairs[PAIRS_MAX];
	size_t count;
	char flags[512];
	uint8_t (*buffers)[BYTES_MAX];
	size_t used;
};

struct scanner {
	char *at;
	int depth;
	bool in_flags, has_id;
	size_t opened; /* pairs there were when the innermost object began */
	char *name;    /* of the value that comes next */
	size_t found;
	struct wycheproof_case c;
	void (*each)(const struct wycheproof_case *c, void *user);
	void *user;
};

const char *wycheproof_text(const struct wycheproof_case *c, const char *name)
{
	/* The newest is the innermost. */
	for (size_t i = c->count; i-- > 0;)
		if (strcmp(c->pairs[i].name, name) == 0)
			return c->pairs[i].value;
	return "";
}

const uint8_t *wycheproof_bytes(const struct wycheproof_case *c, const char *name, size_t *len)
{
	struct wycheproof_case *own = (struct wycheproof_case *)c;
	const char *text = wycheproof_text(c, name);
	uint8_t *bytes = own->buffers[own->used++ % BUFFERS];

	for (*len = 0; text[0] && text[1] && *len < BYTES_MAX; text += 2) {
		const char pair[] = {text[0], text[1], '\0'};

		bytes[(*len)++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return bytes;
}

bool wycheproof_flag(const struct wycheproof_case *c, const char *flag)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), ",%s,", flag);
	return strstr(c->flags, wanted) != NULL;
}

/* The string that starts behind AT's quote, ended in place. */
static char *take_string(struct scanner *s)
{
	char *start = ++s->at;

	while (*s->at && *s->at != '"')
		s->at += *s->at == '\\' && s->at[1] ? 2 : 1;
	if (*s->at)
		*s->at++ = '\0';
	return start;
}

static void on_string(struct scanner *s)
{
	char *text = take_string(s);
	char *next = s->at + strspn(s->at, " \t\r\n");

	if (s->in_flags) {
		size_t len = strlen(s->c.flags);

		snprintf(s->c.flags + len, sizeof(s->c.flags) - len, "%s,", text);
	} else if (*next == ':') {
		s->at = next + 1;
		s->name = text;
		s->has_id |= strcmp(text, "tcId") == 0;
		if (strcmp(text, "flags") == 0) {
			s->in_flags = true;
			strcpy(s->c.flags, ",");
		}
	} else if (s->name && s->c.count < PAIRS_MAX) {
		s->c.pairs[s->c.count++] = (struct pair){s->name, text, s->depth};
		s->name = NULL;
	}
}

static void on_close(struct scanner *s)
{
	if (s->has_id) {
		s->found++;
		s->c.used = 0;
		s->each(&s->c, s->user);
		s->has_id = false;
		s->c.flags[0] = '\0';
		s->c.count = s->opened;
	}
	/* What a key object holds stays until the group that owns it ends. */
	while (s->depth == GROUP_DEPTH && s->c.count > 0 &&
	       s->c.pairs[s->c.count - 1].depth >= GROUP_DEPTH)
		s->c.count--;
	s->depth--;
}

static void scan(struct scanner *s)
{
	while (*s->at) {
		if (*s->at == '"') {
			on_string(s);
			continue;
		}
		if (*s->at == '{') {
			s->depth++;
			s->opened = s->c.count;
		} else if (*s->at == '}') {
			on_close(s);
		} else if (*s->at == ']') {
			s->in_flags = false;
		}
		s->at++;
	}
}

static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text;
	long size;

	if (!file)
		return NULL;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	text = calloc(1, (size_t)size + 1);
	if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* Beside the checkout, where the project keeps what its parts share. */
#define BESIDE HAWSER_SOURCE_ROOT "/../shared/vectors"

size_t wycheproof_run(const char *test, const char *file,
		      void (*each)(const struct wycheproof_case *c, void *user), void *user)
{
	const char *folder = getenv("HAWSER_VECTORS");
	struct scanner s = {.each = each, .user = user};
	char path[4096];
	char *text;

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : BESIDE, file);
	text = read_whole(path);
	if (!text && !folder) {
		/* A further checkout of one branch lies one level deeper. */
		snprintf(path, sizeof(path), "%s/../../shared/vectors/%s", HAWSER_SOURCE_ROOT, file);
		text = read_whole(path);
	}
	if (!text) {
		harness_skip(test, "no Wycheproof vectors (HAWSER_VECTORS names their folder)");
		return 0;
	}
	s.c.buffers = calloc(BUFFERS, BYTES_MAX);
	s.at = text;
	scan(&s);
	free(s.c.buffers);
	free(text);
	return s.found;
}
