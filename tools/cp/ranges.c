/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hawser/hash.h>

enum { RECORD_MOST = 1 << 20, HASH = 32 };

static const char magic[] = "hawser-ranges 1\n";

/* ---- Ranges ---- */

void cp_ranges_add(struct cp_ranges *r, uint64_t begin, uint64_t end)
{
	size_t first = 0, last;

	if (begin >= end)
		return;
	while (first < r->count && r->items[first].end < begin)
		first++;
	for (last = first; last < r->count && r->items[last].begin <= end; last++) {
		begin = r->items[last].begin < begin ? r->items[last].begin : begin;
		end = r->items[last].end > end ? r->items[last].end : end;
	}
	if (first == last && r->count == r->capacity) {
		size_t capacity = r->capacity ? r->capacity * 2 : 16;
		struct cp_range *items = realloc(r->items, capacity * sizeof(*items));

		if (!items)
			return;
		r->items = items;
		r->capacity = capacity;
	}
	if (r->count > last || first == last)
		memmove(&r->items[first + 1], &r->items[last], (r->count - last) * sizeof(*r->items));
	r->count = r->count + 1 + first - last;
	r->items[first] = (struct cp_range){begin, end};
}

bool cp_ranges_missing(const struct cp_ranges *r, uint64_t *begin, uint64_t *end)
{
	for (size_t i = 0; i < r->count && *begin < *end; i++) {
		if (r->items[i].end <= *begin)
			continue;
		if (r->items[i].begin > *begin) {
			if (r->items[i].begin < *end)
				*end = r->items[i].begin;
			break;
		}
		*begin = r->items[i].end;
	}
	return *begin < *end;
}

uint64_t cp_ranges_bytes(const struct cp_ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		sum += r->items[i].end - r->items[i].begin;
	return sum;
}

void cp_ranges_free(struct cp_ranges *r)
{
	free(r->items);
	memset(r, 0, sizeof(*r));
}

/* ---- Records ---- */

static bool hash_hex(const void *data, size_t len, char out[2 * HASH + 1])
{
	haw_hash *hash = haw_hash_new("sha256", NULL);
	uint8_t bytes[HAW_HASH_MAX];
	bool good;

	if (!hash)
		return false;
	haw_hash_add(hash, data, len);
	good = haw_hash_end(hash, bytes, NULL) == HASH;
	haw_hash_free(hash);
	for (size_t i = 0; good && i < HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return good;
}

void cp_record_name(const char *text, char out[72])
{
	if (!hash_hex(text, strlen(text), out))
		snprintf(out, 72, "none");
}

int cp_record_write(int directory, const char *name, const char *identity, const struct cp_ranges *ranges)
{
	char *text = NULL, hex[2 * HASH + 1], fresh[NAME_MAX + 1];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int fd, error = 0;

	if (!out)
		return errno;
	fprintf(out, "%s%s\n", magic, identity);
	for (size_t i = 0; i < ranges->count; i++)
		fprintf(out, "%llu %llu\n", (unsigned long long)ranges->items[i].begin,
			(unsigned long long)ranges->items[i].end);
	if (fclose(out) != 0 || !hash_hex(text, len, hex)) {
		free(text);
		return ENOMEM;
	}
	snprintf(fresh, sizeof(fresh), "%.*s~", NAME_MAX - 1, name);
	unlinkat(directory, fresh, 0);
	fd = openat(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s%s\n", text, hex) < 0)
		error = errno;
	free(text);
	if (fd >= 0 && close(fd) != 0 && !error)
		error = errno;
	if (!error && renameat(directory, fresh, directory, name) != 0)
		error = errno;
	if (error)
		unlinkat(directory, fresh, 0);
	return error;
}

/* The whole file, terminated; NULL if it cannot be had. */
static char *read_all(int directory, const char *name, size_t *len)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < RECORD_MOST &&
	    (text = malloc((size_t)st.st_size + 1)))
		n = read(fd, text, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}

/* Cut the hash off the end; false if it is not that of what is in front of it. */
static bool is_whole(char *text, size_t len)
{
	char hex[2 * HASH + 1];
	size_t body = len - (2 * HASH + 1);

	if (len < sizeof(magic) + 2 * HASH + 1 || text[len - 1] != '\n' || strlen(text) != len)
		return false;
	if (!hash_hex(text, body, hex) || strncmp(text + body, hex, 2 * HASH) != 0)
		return false;
	text[body] = '\0';
	return true;
}

static bool take_ranges(const char *text, uint64_t size, struct cp_ranges *ranges)
{
	unsigned long long begin, end;
	int n;

	for (; *text; text += n) {
		if (sscanf(text, "%llu %llu\n%n", &begin, &end, &n) != 2 || begin >= end)
			return false;
		if (begin < size)
			cp_ranges_add(ranges, begin, end < size ? end : size);
	}
	return true;
}

enum cp_record cp_record_read(int directory, const char *name, const char *identity, uint64_t size,
			      struct cp_ranges *ranges)
{
	size_t len = 0, identity_len = strlen(identity);
	char *text = read_all(directory, name, &len), *at;
	enum cp_record result = CP_RECORD_DAMAGED;

	if (!text)
		return CP_RECORD_NONE;
	if (is_whole(text, len) && strncmp(text, magic, sizeof(magic) - 1) == 0) {
		at = text + sizeof(magic) - 1;
		if (strncmp(at, identity, identity_len) != 0 || at[identity_len] != '\n')
			result = CP_RECORD_OTHER;
		else if (take_ranges(at + identity_len + 1, size, ranges))
			result = CP_RECORD_READ;
	}
	if (result != CP_RECORD_READ)
		cp_ranges_free(ranges);
	free(text);
	return result;
}

int cp_record_directory(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];

	if (state && state[0] == '/')
		snprintf(path, sizeof(path), "%s/hawser/resume/", state);
	else if (home && home[0] == '/')
		snprintf(path, sizeof(path), "%s/.local/state/hawser/resume/", home);
	else {
		errno = ENOENT;
		return -1;
	}
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
