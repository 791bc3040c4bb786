/* SPDX-License-Identifier: Apache-2.0
 *
 * Adding a key to a known_hosts file: one append to what stands there, under a lock, after a look at what
 * others have added since the file was read. Several connections to a new host, of one process or of many,
 * thus leave one line; and where one of them was shown another key, it learns of that.
 */
#include <hawser/known_hosts.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "transport/keys/hosts.h"
#include "transport/keys/hosts_update.h"
#include "transport/keys/text.h"

enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 10 * 1000 * 1000, REPLACED_MAX = 10 };

/* ---- The file ---- */

bool haw_hosts_lock(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	/* Held for a few reads and writes; who holds it longer, or a file system that has no locks, shall not
	 * stand in the way of a login. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Open PATH for appending; make it, and the directory it stands in. */
static int open_for_append(const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
	const char *slash = strrchr(path, '/');
	int fd = open(path, flags, 0600);
	char *directory;

	if (fd >= 0 || errno != ENOENT || !slash || slash == path)
		return fd;
	directory = strndup(path, (size_t)(slash - path));
	if (!directory)
		return -1;
	if (mkdir(directory, 0700) == 0 || errno == EEXIST)
		fd = open(path, flags, 0600);
	free(directory);
	return fd;
}

/* Count the newlines in FD, and learn its last byte (a newline if it is empty). */
static bool survey(int fd, size_t *newlines, char *last)
{
	char block[16384];
	off_t at = 0;
	ssize_t n;

	*newlines = 0;
	*last = '\n';
	while ((n = pread(fd, block, sizeof(block), at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		for (ssize_t i = 0; i < n; i++)
			*newlines += block[i] == '\n';
		*last = block[n - 1];
		at += n;
		if ((size_t)at > HAW_KNOWN_HOSTS_FILE_MAX) {
			errno = EFBIG;
			return false;
		}
	}
	return true;
}

/* Append LINE in one write. A line that was cut short by a full disk is taken back, unless somebody
 * else has written behind it. */
static bool append_line(int fd, const char *line, size_t len)
{
	struct stat before, after;
	ssize_t n;
	int number;

	if (fstat(fd, &before) < 0)
		return false;
	do
		n = write(fd, line, len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return true;
	number = n < 0 ? errno : ENOSPC;
	if (n > 0 && fstat(fd, &after) == 0 && after.st_size == before.st_size + n &&
	    ftruncate(fd, before.st_size) < 0)
		number = errno;
	errno = number;
	return false;
}

/* Is FD still what PATH names? */
static bool is_at(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
	       opened.st_ino == named.st_ino;
}

/* PATH open and locked; negative with errno set. */
static int open_locked(const char *path)
{
	int fd = -1;

	for (int i = 0; i < REPLACED_MAX; i++) {
		fd = open_for_append(path);
		if (fd < 0)
			return fd;
		haw_hosts_lock(fd);
		/* Somebody may have renamed a new file over it meanwhile. */
		if (is_at(fd, path))
			break;
		if (i + 1 < REPLACED_MAX)
			close(fd);
	}
	return fd;
}

/* Write LINE behind the *NUMBER lines of FD, of which the last byte is LAST; *NUMBER becomes its number. */
static int put_line(int fd, const char *path, const char *line, char last, size_t *number, haw_error *err)
{
	/* An unfinished last line is ended first, or ours would become a part of it. */
	bool cut = last != '\n';
	size_t len = strlen(line);
	char *text = malloc(len + 2);
	int result = 0;

	if (!text)
		return haw_no_memory(err);
	*number += cut ? 2 : 1;
	text[0] = '\n';
	memcpy(text + 1, line, len);
	if (!append_line(fd, cut ? text : text + 1, len + (cut ? 1 : 0)))
		result = haw_file_error(err, path, "cannot add a host key", errno);
	free(text);
	return result;
}

/* ---- What it says by now ---- */

/* A key to be added. */
struct addition {
	const char *host;
	uint16_t port;
	const haw_key *key; /* plain */
	unsigned flags;
	char *line; /* with its newline */
	size_t number;
	bool there; /* it was there already */
};

/* Look for the key in what PATH says NOW. */
static int look(const haw_known_hosts *now, const char *path, struct addition *a, haw_error *err)
{
	haw_known_hosts_entry entry;
	size_t at = 0;
	int says;

	while (haw_known_hosts_find(now, a->host, a->port, &at, &entry))
		if (entry.marker == HAW_MARKER_NONE && haw_span_equal(entry.blob, haw_key_blob(a->key))) {
			a->there = true;
			a->number = entry.line;
		}
	says = haw_known_hosts_check(now, a->host, a->port, a->key, &entry, err);
	if (says < 0)
		return says;
	if (a->flags & HAW_HOSTS_IF_UNKNOWN && says != HAW_KNOWN_UNKNOWN && says != HAW_KNOWN_MATCH)
		return haw_error_set(err, HAW_EHOSTCHANGED, HAW_FAULT_PEER, 0,
				     "%s, line %zu, has another key for the host since a moment ago", path,
				     entry.line);
	return 0;
}

static int review(int fd, const char *path, struct addition *a, haw_error *err)
{
	haw_known_hosts *now;
	struct stat info;
	int result;

	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return 0; /* /dev/null, for instance */
	now = haw_known_hosts_new();
	if (!now)
		return haw_no_memory(err);
	result = haw_known_hosts_load(now, path, 0, err);
	if (result == 0)
		result = look(now, path, a, err);
	haw_known_hosts_free(now);
	return result;
}

static int add_to_file(const char *path, struct addition *a, haw_error *err)
{
	int fd = open_locked(path), result;
	char last;

	if (fd < 0)
		return haw_file_error(err, path, "cannot open to add a host key", errno);
	result = review(fd, path, a, err);
	if (result == 0 && !a->there)
		result = survey(fd, &a->number, &last) ? put_line(fd, path, a->line, last, &a->number, err)
						       : haw_file_error(err, path, "cannot read", errno);
	if (close(fd) < 0 && result == 0)
		result = haw_file_error(err, path, "cannot add a host key", errno);
	return result;
}

/* ---- Adding ---- */

static int make_line(struct addition *a, haw_error *err)
{
	haw_span blob = haw_key_blob(a->key);
	size_t room = HAW_HOSTS_NAME_MAX + strlen(haw_key_type(a->key)) + HAW_BASE64_SIZE(blob.len) + 4;
	char name[HAW_HOSTS_NAME_MAX], *at;
	int result = haw_known_hosts_name(a->host, a->port, (a->flags & HAW_KNOWN_HOSTS_HASH) != 0, name,
					  sizeof(name), err);

	if (result < 0)
		return result;
	a->line = at = malloc(room);
	if (!at)
		return haw_no_memory(err);
	at += snprintf(at, room, "%s %s ", name, haw_key_type(a->key));
	at += haw_base64_encode(at, blob.ptr, blob.len, true);
	memcpy(at, "\n", 2);
	return 0;
}

/* The handle knows it too. */
static int add_to_handle(haw_known_hosts *kh, const char *file, const struct addition *a, haw_error *err)
{
	haw_span whole = {(const uint8_t *)a->line, strlen(a->line)}, line;
	struct haw_hosts_fields fields;
	const char *reason = NULL;

	if (haw_hosts_next_line(&whole, &line, NULL) && haw_hosts_cut(line, &fields, &reason) == 1 &&
	    haw_hosts_add_line(kh, file, a->number, &fields, &reason) == 0)
		return 0;
	return haw_no_memory(err);
}

static bool has_line(const haw_known_hosts *kh, const char *file, size_t number)
{
	for (size_t i = 0; i < kh->line_count; i++)
		if (kh->lines[i]->file == file && kh->lines[i]->line == number)
			return true;
	return false;
}

int haw_hosts_learn(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
		    const haw_key *key, unsigned int flags, haw_error *err)
{
	struct addition a = {.host = host, .port = port, .flags = flags};
	haw_key *plain = haw_key_plain(key, err);
	const char *file = haw_hosts_file_name(kh, path);
	int result;

	if (!plain)
		return HAW_ENOMEM;
	a.key = plain;
	result = file ? make_line(&a, err) : haw_no_memory(err);
	if (result == 0)
		result = add_to_file(path, &a, err);
	if (result == 0 && !(a.there && has_line(kh, file, a.number)))
		result = add_to_handle(kh, file, &a, err);
	free(a.line);
	haw_key_free(plain);
	return result < 0 ? result : !a.there;
}

int haw_known_hosts_add(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
			const haw_key *key, unsigned int flags, haw_error *err)
{
	int result = haw_hosts_learn(kh, path, host, port, key, flags & HAW_KNOWN_HOSTS_HASH, err);

	return result < 0 ? result : 0;
}
