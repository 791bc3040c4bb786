/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting known_hosts files: a new file is renamed over the old one, so that an interruption leaves one or
 * the other. Whoever appends meanwhile (known_hosts_add.c) holds the lock of the old one, or finds that it
 * has been replaced.
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
	int old, result = 0;

	/* Whose file it is matters where root works on another's; who cannot give files away owns it. */
	if (fchown(fd, info->st_uid, info->st_gid) < 0 && errno != EPERM)
		return haw_file_error(err, path, "cannot replace", errno);
	if (fchmod(fd, info->st_mode & 07777) < 0 || !haw_file_write_all(fd, data.ptr, data.len) ||
	    fsync(fd) < 0)
		return haw_file_error(err, path, "cannot replace", errno);
	old = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (old >= 0)
		haw_hosts_lock(old);
	if (has_changed(path, info))
		result = haw_error_set(err, HAW_ECHANGED, HAW_FAULT_LOCAL, 0,
				       "%s: it was changed by somebody else meanwhile", path);
	else if (rename(name, path) < 0)
		result = haw_file_error(err, path, "cannot replace", errno);
	if (old >= 0)
		close(old);
	return result;
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
