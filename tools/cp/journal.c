/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hawser/hash.h>

#include "ranges.h"
#include "report.h"

/* 64 MiB at most. Entries are written each second, or when so many have gathered; but so that it takes a
 * twentieth of the time at most. */
enum { ENTRIES_MOST = 2 << 20, GATHERED = 2048 };

static const uint64_t every_ns = 1000000000;

static const char magic[CP_JOURNAL_HASH] = "hawser-journal 1\n";

static const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

static bool hash_of(const char *line, uint8_t out[CP_JOURNAL_HASH])
{
	haw_hash *hash = haw_hash_new("sha256", NULL);
	uint8_t bytes[HAW_HASH_MAX];
	bool good;

	if (!hash)
		return false;
	haw_hash_add(hash, line, strlen(line));
	good = haw_hash_end(hash, bytes, NULL) == CP_JOURNAL_HASH;
	haw_hash_free(hash);
	memcpy(out, bytes, CP_JOURNAL_HASH);
	return good;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, CP_JOURNAL_HASH);
}

static bool read_at(int fd, void *data, size_t len, off_t offset)
{
	ssize_t n = 1;

	for (size_t have = 0; have < len && n > 0; have += n > 0 ? (size_t)n : 0)
		n = pread(fd, (char *)data + have, len - have, offset + (off_t)have);
	return n > 0 || len == 0;
}

/* A part of an entry at the end is cut off, so that what follows is in line. */
static bool load(struct cp_journal *j)
{
	char head[sizeof(magic)];
	struct stat st;

	if (fstat(j->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return false;
	if (st.st_size < (off_t)sizeof(magic) || !read_at(j->fd, head, sizeof(head), 0) ||
	    memcmp(head, magic, sizeof(head)) != 0)
		return ftruncate(j->fd, 0) == 0 && write(j->fd, magic, sizeof(magic)) == sizeof(magic);
	j->count = (size_t)st.st_size / CP_JOURNAL_HASH - 1;
	if (j->count > ENTRIES_MOST || ftruncate(j->fd, st.st_size / CP_JOURNAL_HASH * CP_JOURNAL_HASH) != 0)
		return false;
	j->known = malloc(j->count * CP_JOURNAL_HASH + 1);
	if (!j->known || !read_at(j->fd, j->known, j->count * CP_JOURNAL_HASH, sizeof(magic)))
		return false;
	j->known_count = j->count;
	qsort(j->known, j->known_count, CP_JOURNAL_HASH, compare);
	return true;
}

static void give_up(struct cp_journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	if (j->directory >= 0)
		close(j->directory);
	free(j->fresh);
	j->fresh = NULL;
	j->fd = j->directory = -1;
}

void cp_journal_open(struct cp_journal *j, const char *text, int sync)
{
	*j = (struct cp_journal){.directory = cp_record_directory(), .fd = -1, .sync = sync};
	cp_record_name(text, j->name);
	j->fresh = malloc(GATHERED * CP_JOURNAL_HASH);
	j->written_ns = cp_now_ns();
	if (j->directory >= 0 && j->fresh) {
		j->fd = openat(j->directory, j->name, flags);
		if (j->fd < 0 ? errno == ENOENT : load(j))
			return;
	}
	give_up(j);
	free(j->known);
	j->known = NULL;
	j->known_count = 0;
}

bool cp_journal_knows(const struct cp_journal *j, const char *line)
{
	uint8_t hash[CP_JOURNAL_HASH];

	return j->known_count > 0 && hash_of(line, hash) &&
	       bsearch(hash, j->known, j->known_count, CP_JOURNAL_HASH, compare);
}

static bool make(struct cp_journal *j)
{
	if (j->fd >= 0)
		return true;
	j->fd = openat(j->directory, j->name, flags | O_CREAT | O_EXCL, 0600);
	return j->fd >= 0 && write(j->fd, magic, sizeof(magic)) == sizeof(magic);
}

/* The journal must not survive what it speaks of. */
static void flush(struct cp_journal *j)
{
	size_t len = j->fresh_count * CP_JOURNAL_HASH;
	uint64_t before = cp_now_ns();

	j->fresh_count = 0;
	if (len == 0)
		return;
	if ((j->sync >= 0 && syncfs(j->sync) != 0) || !make(j) || write(j->fd, j->fresh, len) != (ssize_t)len)
		give_up(j);
	j->written_ns = cp_now_ns();
	j->writing_ns = j->written_ns - before;
}

void cp_journal_add(struct cp_journal *j, const char *line)
{
	uint64_t pause = 20 * j->writing_ns, elapsed = cp_now_ns() - j->written_ns;

	if (j->directory < 0 || j->count >= ENTRIES_MOST ||
	    !hash_of(line, j->fresh + j->fresh_count * CP_JOURNAL_HASH))
		return;
	if (j->known_count > 0 && bsearch(j->fresh + j->fresh_count * CP_JOURNAL_HASH, j->known,
					  j->known_count, CP_JOURNAL_HASH, compare))
		return;
	j->count++;
	j->fresh_count++;
	/* What does not fit is compared. */
	if (elapsed > pause && (j->fresh_count == GATHERED || elapsed > every_ns))
		flush(j);
	else if (j->fresh_count == GATHERED)
		j->fresh_count--;
}

void cp_journal_close(struct cp_journal *j, bool done)
{
	if (j->directory >= 0 && done)
		unlinkat(j->directory, j->name, 0);
	else if (j->directory >= 0)
		flush(j);
	give_up(j);
	free(j->known);
	j->known = NULL;
	j->known_count = 0;
}
