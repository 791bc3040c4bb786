/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing known_hosts files. Adding is one append to what stands there; removing writes a new file
 * and renames it over the old one, so that an interruption leaves one or the other.
 */
#include <hawser/known_hosts.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/keys/hosts.h"
#include "transport/keys/text.h"

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

static int append_to_file(const char *path, const char *line, size_t *number, haw_error *err)
{
	int fd = open_for_append(path), result = 0;
	size_t len = strlen(line);
	char last, *text;
	bool cut;

	if (fd < 0)
		return haw_file_error(err, path, "cannot open to add a host key", errno);
	if (!survey(fd, number, &last)) {
		result = haw_file_error(err, path, "cannot read", errno);
		goto out;
	}
	/* An unfinished last line is ended first, or ours would become a part of it. */
	cut = last != '\n';
	*number += cut ? 2 : 1;
	text = malloc(len + 2);
	if (!text) {
		result = haw_no_memory(err);
		goto out;
	}
	text[0] = '\n';
	memcpy(text + 1, line, len);
	if (!append_line(fd, cut ? text : text + 1, len + (cut ? 1 : 0)))
		result = haw_file_error(err, path, "cannot add a host key", errno);
	free(text);
out:
	if (close(fd) < 0 && result == 0)
		result = haw_file_error(err, path, "cannot add a host key", errno);
	return result;
}

static int add_plain(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
		     const haw_key *key, unsigned int flags, haw_error *err)
{
	haw_span blob = haw_key_blob(key), whole, line_span;
	size_t room = HAW_HOSTS_NAME_MAX + strlen(haw_key_type(key)) + HAW_BASE64_SIZE(blob.len) + 4;
	const char *file = haw_hosts_file_name(kh, path), *reason = NULL;
	char name[HAW_HOSTS_NAME_MAX], *line = malloc(room), *at = line;
	struct haw_hosts_fields fields;
	size_t number;
	int result;

	if (!line || !file) {
		result = haw_no_memory(err);
		goto out;
	}
	result = haw_known_hosts_name(host, port, (flags & HAW_KNOWN_HOSTS_HASH) != 0, name, sizeof(name),
				      err);
	if (result < 0)
		goto out;
	at += snprintf(at, room, "%s %s ", name, haw_key_type(key));
	at += haw_base64_encode(at, blob.ptr, blob.len, true);
	memcpy(at, "\n", 2);
	result = append_to_file(path, line, &number, err);
	if (result < 0)
		goto out;
	whole = (haw_span){(const uint8_t *)line, strlen(line)};
	if (!haw_hosts_next_line(&whole, &line_span, NULL) ||
	    haw_hosts_cut(line_span, &fields, &reason) != 1 ||
	    haw_hosts_add_line(kh, file, number, &fields, &reason) != 0)
		result = haw_no_memory(err);
out:
	free(line);
	return result;
}

int haw_known_hosts_add(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
			const haw_key *key, unsigned int flags, haw_error *err)
{
	haw_key *plain = haw_key_plain(key, err);
	int result = plain ? add_plain(kh, path, host, port, plain, flags, err) : HAW_ENOMEM;

	haw_key_free(plain);
	return result;
}

/* Does the line name NAME itself, not by a wildcard? */
static bool names_literally(const struct haw_hosts_fields *fields, const char *name)
{
	uint8_t salt[HAW_HOSTS_SALT_SIZE], stored[HAW_HOSTS_SALT_SIZE], hash[HAW_HOSTS_SALT_SIZE];
	haw_span names = fields->names, one;
	char single[HAW_HOSTS_NAME_MAX], lower[HAW_HOSTS_NAME_MAX];

	if (fields->marker != HAW_MARKER_NONE)
		return false;
	if (names.ptr[0] == '|')
		return haw_hosts_parse_hash(names, salt, stored) && haw_hosts_hash(name, salt, hash) &&
		       memcmp(hash, stored, sizeof(hash)) == 0;
	while (haw_list_next(&names, &one)) {
		if (one.len >= sizeof(single))
			continue;
		memcpy(single, one.ptr, one.len);
		single[one.len] = '\0';
		if (haw_hosts_plain_name(single, 0, lower, sizeof(lower)) && strcmp(lower, name) == 0)
			return true;
	}
	return false;
}

/* Squeeze the lines that name NAME out of the LEN bytes at DATA; returns how many there were. */
static int squeeze(uint8_t *data, size_t *len, const char *name)
{
	haw_span rest = {data, *len}, line, raw;
	size_t kept = 0;
	int removed = 0;

	while (haw_hosts_next_line(&rest, &line, &raw)) {
		struct haw_hosts_fields fields;
		const char *reason;

		if (haw_hosts_cut(line, &fields, &reason) == 1 && names_literally(&fields, name)) {
			removed++;
			continue;
		}
		memmove(data + kept, raw.ptr, raw.len);
		kept += raw.len;
	}
	*len = kept;
	return removed;
}

/* Has PATH been written or replaced since INFO was learned of it? */
static bool has_changed(const char *path, const struct stat *info)
{
	struct stat now;

	return stat(path, &now) < 0 || now.st_ino != info->st_ino || now.st_dev != info->st_dev ||
	       now.st_size != info->st_size || now.st_mtim.tv_sec != info->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != info->st_mtim.tv_nsec;
}

/* Write DATA to the new file FD called NAME, and rename it over PATH. */
static int write_and_rename(int fd, const char *name, const char *path, haw_span data,
			    const struct stat *info, haw_error *err)
{
	/* Whose file it is matters where root works on another's; who cannot give files away owns it. */
	if (fchown(fd, info->st_uid, info->st_gid) < 0 && errno != EPERM)
		return haw_file_error(err, path, "cannot replace", errno);
	if (fchmod(fd, info->st_mode & 07777) < 0 || !haw_file_write_all(fd, data.ptr, data.len) ||
	    fsync(fd) < 0)
		return haw_file_error(err, path, "cannot replace", errno);
	if (has_changed(path, info))
		return haw_error_set(err, HAW_ECHANGED, HAW_FAULT_LOCAL, 0,
				     "%s: it was changed by somebody else meanwhile", path);
	return rename(name, path) < 0 ? haw_file_error(err, path, "cannot replace", errno) : 0;
}

static int replace_real(const char *path, haw_span data, const struct stat *info, haw_error *err)
{
	size_t size = strlen(path) + 8;
	char *name = malloc(size);
	int fd, result;

	if (!name)
		return haw_no_memory(err);
	snprintf(name, size, "%s.XXXXXX", path);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		result = haw_file_error(err, path, "cannot write a new file beside it", errno);
		free(name);
		return result;
	}
	result = write_and_rename(fd, name, path, data, info, err);
	if (result < 0)
		unlink(name);
	close(fd);
	free(name);
	return result;
}

int haw_hosts_replace_file(const char *path, const void *data, size_t len, const struct stat *info,
			   haw_error *err)
{
	/* A link stays a link: its target is replaced. */
	char *real = realpath(path, NULL);
	int result;

	if (!real)
		return haw_file_error(err, path, "cannot find", errno);
	result = replace_real(real, (haw_span){data, len}, info, err);
	free(real);
	return result;
}

/* Forget the lines of PATH, to be loaded anew with their new numbers; false if it was not loaded. */
static bool forget_file(haw_known_hosts *kh, const char *path)
{
	const char *file = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < kh->file_count; i++)
		if (strcmp(kh->files[i], path) == 0)
			file = kh->files[i];
	if (!file)
		return false;
	for (size_t i = 0; i < kh->line_count; i++) {
		if (kh->lines[i]->file == file)
			free(kh->lines[i]);
		else
			kh->lines[kept++] = kh->lines[i];
	}
	kh->line_count = kept;
	kept = 0;
	for (size_t i = 0; i < kh->problem_count; i++)
		if (kh->problems[i].file != file)
			kh->problems[kept++] = kh->problems[i];
	kh->problem_count = kept;
	return true;
}

int haw_known_hosts_remove(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
			   haw_error *err)
{
	char name[HAW_HOSTS_NAME_MAX];
	struct stat info;
	uint8_t *data;
	size_t len, all;
	int removed, result;

	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	result = haw_text_file_read(path, HAW_KNOWN_HOSTS_FILE_MAX, &data, &len, &info, err);
	if (result < 0)
		return result;
	all = len;
	removed = squeeze(data, &len, name);
	if (removed > 0)
		result = haw_hosts_replace_file(path, data, len, &info, err);
	if (result == 0 && removed > 0 && forget_file(kh, path))
		result = haw_known_hosts_parse(kh, path, data, len, err);
	haw_text_file_free(data, all);
	return result < 0 ? result : removed;
}
