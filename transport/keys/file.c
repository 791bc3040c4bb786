/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

int haw_no_memory(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, ENOMEM, "out of memory");
}

int haw_file_error(haw_error *err, const char *path, const char *what, int number)
{
	char name[256], reason[128];

	return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, number, "%s: %s: %s",
			     haw_escape(name, sizeof(name), path, strlen(path)), what,
			     strerror_r(number, reason, sizeof(reason)));
}

void haw_text_file_free(uint8_t *data, size_t len)
{
	if (data)
		OPENSSL_cleanse(data, len);
	free(data);
}

bool haw_file_write_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* Twice the room; the old memory is wiped, for it may hold a private key. */
static bool grow(uint8_t **data, size_t len, size_t *room)
{
	size_t wanted = *room * 2;
	uint8_t *bigger = malloc(wanted + 1);

	if (!bigger)
		return false;
	memcpy(bigger, *data, len);
	haw_text_file_free(*data, len);
	*data = bigger;
	*room = wanted;
	return true;
}

static int read_open_file(int fd, const char *path, size_t max, size_t room, uint8_t **data, size_t *len,
			  haw_error *err)
{
	char name[256];

	for (;;) {
		ssize_t n;

		if (*len == room && !grow(data, *len, &room))
			return haw_no_memory(err);
		n = read(fd, *data + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return haw_file_error(err, path, "cannot read", errno);
		if (n == 0)
			break;
		*len += (size_t)n;
		if (*len > max)
			return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, EFBIG,
					     "%s: larger than %zu bytes, which is too much for such a file",
					     haw_escape(name, sizeof(name), path, strlen(path)), max);
	}
	(*data)[*len] = '\0';
	return 0;
}

int haw_text_file_read(const char *path, size_t max, uint8_t **data, size_t *len, struct stat *info,
		  haw_error *err)
{
	size_t room = 4096;
	struct stat own;
	int fd, result;

	*data = NULL;
	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return haw_file_error(err, path, "cannot open", errno);
	if (!info)
		info = &own;
	if (fstat(fd, info) < 0) {
		result = haw_file_error(err, path, "cannot read", errno);
		close(fd);
		return result;
	}
	if (S_ISREG(info->st_mode) && info->st_size > 0)
		room = (size_t)info->st_size < max ? (size_t)info->st_size + 1 : max + 1;
	*data = malloc(room + 1);
	result = *data ? read_open_file(fd, path, max, room, data, len, err) : haw_no_memory(err);
	close(fd);
	if (result < 0) {
		haw_text_file_free(*data, *len);
		*data = NULL;
	}
	return result;
}
