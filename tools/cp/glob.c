/* SPDX-License-Identifier: Apache-2.0 */
#include "glob.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "download.h"
#include "outcome.h"

/* What a server may make of one pattern. */
enum { MATCHES_MAX = 1 << 20 };

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add(struct cp_glob *glob, char *path)
{
	char **grown;

	if (!path || glob->count == MATCHES_MAX) {
		free(path);
		return false;
	}
	/* Grown at powers of two. */
	if ((glob->count & (glob->count - 1)) == 0) {
		grown = realloc(glob->paths, (glob->count ? glob->count * 2 : 1) * sizeof(*grown));
		if (!grown) {
			free(path);
			return false;
		}
		glob->paths = grown;
	}
	glob->paths[glob->count++] = path;
	return true;
}

bool cp_glob_is_pattern(const char *pattern)
{
	return strpbrk(pattern, "*?[\\") != NULL;
}

void cp_glob_free(struct cp_glob *glob)
{
	for (size_t i = 0; i < glob->count; i++)
		free(glob->paths[i]);
	free(glob->paths);
	*glob = (struct cp_glob){0};
}

/* ---- One directory ---- */

static bool matches(const char *component, const haw_name *entry, char *name, size_t size)
{
	if (entry->name.len == 0 || entry->name.len >= size ||
	    memchr(entry->name.ptr, '/', entry->name.len) || memchr(entry->name.ptr, 0, entry->name.len))
		return false;
	/* These lead elsewhere than into the directory; who wants them writes them. */
	if (haw_span_is(entry->name, ".") || haw_span_is(entry->name, ".."))
		return false;
	memcpy(name, entry->name.ptr, entry->name.len);
	name[entry->name.len] = '\0';
	return fnmatch(component, name, FNM_PERIOD) == 0;
}

/* DIRECTORY as it stands in front of a name: "" or with a slash at its end. */
static char *join(const char *directory, const char *name)
{
	char *path = malloc(strlen(directory) + strlen(name) + 1);

	if (path)
		strcat(strcpy(path, directory), name);
	return path;
}

static void ignored(void *user, struct cp_reply *reply)
{
	(void)user;
	(void)reply;
}

/* Add the names of DIRECTORY that match. A directory that cannot be listed has none. */
static bool list(struct cp_glob *glob, struct cp_session *s, const char *directory, const char *component)
{
	const char *path = directory[0] ? directory : ".";
	struct cp_outcome o = {0};
	struct cp_file *listing;
	haw_error err;
	int code = cp_outcome_wait(s, cp_sftp_opendir(s, path, cp_outcome_take, &o, &err), &o, &err);
	bool good = true;
	char name[256];

	listing = o.file;
	cp_outcome_clear(&o);
	while (code == 0 && good) {
		code = cp_outcome_wait(s, cp_file_readdir(listing, cp_outcome_take, &o, &err), &o, &err);
		for (size_t i = 0; i < o.name_count && good; i++)
			if (matches(component, &o.names[i], name, sizeof(name)))
				good = add(glob, join(directory, name));
		cp_outcome_clear(&o);
	}
	if (listing)
		cp_file_close(listing, ignored, NULL, NULL);
	if (code < 0 && code != HAW_EEND)
		cp_session_ended(s, code, &err);
	return good;
}

/* ---- A path ---- */

static bool exists(struct cp_session *s, const char *path)
{
	struct cp_outcome o = {0};
	haw_error err;
	int code = cp_outcome_wait(s, cp_sftp_stat(s, path, false, cp_outcome_take, &o, &err), &o, &err);

	cp_outcome_clear(&o);
	if (code < 0)
		cp_session_ended(s, code, &err);
	return code == 0;
}

static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text;
	}
	*out = '\0';
}

/* One more component of all that was found; SLASH is what stands behind it. */
static bool step(struct cp_glob *found, struct cp_session *s, char *component, const char *slash)
{
	struct cp_glob next = {0};
	bool pattern = strpbrk(component, "*?[") != NULL, good = true;

	if (!pattern)
		unescape(component);
	for (size_t i = 0; i < found->count && good; i++)
		good = pattern ? list(&next, s, found->paths[i], component)
			       : add(&next, join(found->paths[i], component));
	if (next.count > 1)
		qsort(next.paths, next.count, sizeof(*next.paths), compare);
	for (size_t i = 0; i < next.count && slash[0] && good; i++) {
		char *path = join(next.paths[i], slash);

		good = path != NULL;
		free(next.paths[i]);
		next.paths[i] = path;
	}
	cp_glob_free(found);
	*found = next;
	return good;
}

/* All that PATTERN, which is taken apart, matches; the last step may have left names that do not exist. */
static bool expand(struct cp_glob *found, struct cp_session *s, char *pattern)
{
	size_t slashes = strspn(pattern, "/");
	char *rest = pattern + slashes, slash[64];

	if (slashes >= sizeof(slash))
		return true;
	memcpy(slash, pattern, slashes);
	slash[slashes] = '\0';
	if (!add(found, strdup(slash)))
		return false;
	while (*rest && found->count > 0 && cp_running(s)) {
		size_t len = strcspn(rest, "/");
		char *behind = rest + len;

		slashes = strspn(behind, "/");
		if (slashes >= sizeof(slash))
			return true;
		memcpy(slash, behind, slashes);
		slash[slashes] = '\0';
		*behind = '\0';
		if (!step(found, s, rest, slash))
			return false;
		rest = behind + slashes;
	}
	return true;
}

void cp_glob_add(struct cp_glob *glob, struct cp_session *s, const char *pattern)
{
	struct cp_glob found = {0};
	char *copy = strdup(pattern);
	size_t before = glob->count;
	bool good = copy != NULL;

	if (!cp_glob_is_pattern(pattern) || exists(s, pattern)) {
		good = good && add(glob, copy);
		copy = NULL;
	} else if (good && cp_running(s)) {
		good = expand(&found, s, copy);
	}
	for (size_t i = 0; i < found.count && good && cp_running(s); i++)
		if (exists(s, found.paths[i]))
			good = add(glob, strdup(found.paths[i]));
	if (!good)
		cp_dl_fail(s, pattern, "stands for too many names, or memory ran out");
	else if (glob->count == before && cp_running(s))
		cp_dl_fail(s, pattern, "No such file or directory");
	cp_glob_free(&found);
	free(copy);
}
