/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys in files: private ones of either format, and public lines.
 */
#include <hawser/key.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/keys/key_internal.h"
#include "transport/keys/text.h"

/* ---- Private keys ---- */

static int check_mode(const char *path, const struct stat *info, haw_error *err)
{
	char name[256];

	/* As ssh(1): a file of somebody else's, on a read-only medium say, is theirs to guard. */
	if (info->st_uid != getuid() || (info->st_mode & 077) == 0)
		return 0;
	return haw_error_set(
		err, HAW_ESYSTEM, HAW_FAULT_LOCAL, EACCES,
		"%s: permissions %04o let others read this private key, so it is not used (chmod go=)",
		haw_escape(name, sizeof(name), path, strlen(path)), (unsigned int)(info->st_mode & 07777));
}

static int read_private(const char *path, uint8_t **data, size_t *len, haw_error *err)
{
	struct stat info;
	int result = haw_text_file_read(path, HAW_KEY_FILE_MAX, data, len, &info, err);

	if (result < 0)
		return result;
	result = check_mode(path, &info, err);
	if (result < 0) {
		haw_text_file_free(*data, *len);
		*data = NULL;
	}
	return result;
}

/* Put the path in front of what went wrong with its content. */
static void name_file(const char *path, haw_error *err)
{
	char name[256];

	haw_error_prefix(err, "%s", haw_escape(name, sizeof(name), path, strlen(path)));
}

haw_key *haw_key_parse_private(const void *data, size_t len, const char *passphrase, haw_error *err)
{
	haw_span span = {data, len};
	bool encrypted;

	if (len > HAW_KEY_FILE_MAX) {
		haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "too large to be a private key");
		return NULL;
	}
	if (haw_openssh_detect(span))
		return haw_openssh_parse(span, passphrase, err);
	if (haw_ppk_detect(span))
		return haw_ppk_parse(span, passphrase, err);
	return haw_pem_parse(span, passphrase, &encrypted, err);
}

haw_key *haw_key_load_private(const char *path, const char *passphrase, haw_error *err)
{
	uint8_t *data;
	size_t len;
	haw_key *key;

	if (read_private(path, &data, &len, err) < 0)
		return NULL;
	key = haw_key_parse_private(data, len, passphrase, err);
	if (!key)
		name_file(path, err);
	haw_text_file_free(data, len);
	return key;
}

/* The public half of a PEM file, out of PATH.pub if the file itself keeps it back. */
static haw_key *public_beside(const char *path, haw_span data, bool *encrypted, haw_error *err)
{
	haw_key *whole = haw_pem_parse(data, NULL, encrypted, err), *key;
	char *name;

	if (whole) {
		key = haw_key_from_blob(haw_key_blob(whole), err);
		haw_key_free(whole);
		return key;
	}
	if (!*encrypted || asprintf(&name, "%s.pub", path) < 0)
		return NULL;
	key = haw_key_load_public(name, NULL);
	free(name);
	return key;
}

haw_key *haw_key_public_from_private_file(const char *path, bool *encrypted, haw_error *err)
{
	uint8_t *data;
	size_t len;
	haw_key *key;
	bool own;

	if (!encrypted)
		encrypted = &own;
	*encrypted = false;
	if (read_private(path, &data, &len, err) < 0)
		return NULL;
	if (haw_openssh_detect((haw_span){data, len}))
		key = haw_openssh_parse_public((haw_span){data, len}, encrypted, err);
	else if (haw_ppk_detect((haw_span){data, len}))
		key = haw_ppk_parse_public((haw_span){data, len}, encrypted, err);
	else
		key = public_beside(path, (haw_span){data, len}, encrypted, err);
	if (!key)
		name_file(path, err);
	haw_text_file_free(data, len);
	return key;
}

/* ---- Public keys ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static haw_span take_word(haw_span *line)
{
	haw_span word;
	size_t n = 0;

	while (line->len > 0 && is_blank(line->ptr[0])) {
		line->ptr++;
		line->len--;
	}
	while (n < line->len && !is_blank(line->ptr[n]))
		n++;
	word = (haw_span){line->ptr, n};
	line->ptr += n;
	line->len -= n;
	return word;
}

haw_key *haw_key_with_comment(haw_key *key, haw_span comment, haw_error *err)
{
	char *text;

	while (comment.len > 0 && is_blank(comment.ptr[0])) {
		comment.ptr++;
		comment.len--;
	}
	if (comment.len == 0)
		return key;
	if (comment.len > HAW_KEY_COMMENT_MAX)
		comment.len = HAW_KEY_COMMENT_MAX;
	text = strndup((const char *)comment.ptr, comment.len);
	if (!text) {
		haw_no_memory(err);
		haw_key_free(key);
		return NULL;
	}
	free(key->comment);
	key->comment = text;
	return key;
}

haw_key *haw_key_parse_public(const void *line, size_t len, haw_error *err)
{
	haw_span rest = {line, len}, type, digits;
	haw_key *key = NULL;
	uint8_t *blob;
	size_t blob_len;

	while (rest.len > 0 && (rest.ptr[rest.len - 1] == '\n' || rest.ptr[rest.len - 1] == '\r'))
		rest.len--;
	type = take_word(&rest);
	digits = take_word(&rest);
	if (len > HAW_KEY_FILE_MAX || digits.len == 0) {
		haw_key_format_error(err, "not a public key line: a type and base64 are needed");
		return NULL;
	}
	blob = malloc(digits.len / 4 * 3 + 3);
	if (!blob) {
		haw_no_memory(err);
		return NULL;
	}
	if (haw_base64_decode(blob, &blob_len, (const char *)digits.ptr, digits.len))
		key = haw_key_from_blob((haw_span){blob, blob_len}, err);
	else
		haw_key_format_error(err, "the public key is not valid base64");
	free(blob);
	if (key && !haw_span_is(type, key->type)) {
		haw_key_format_error(err, "the public key is not of the type that stands before it");
		haw_key_free(key);
		return NULL;
	}
	return key ? haw_key_with_comment(key, rest, err) : NULL;
}

haw_key *haw_key_load_public(const char *path, haw_error *err)
{
	haw_key *key = NULL;
	haw_span rest;
	uint8_t *data;
	size_t len;

	if (haw_text_file_read(path, HAW_KEY_FILE_MAX, &data, &len, NULL, err) < 0)
		return NULL;
	haw_key_format_error(err, "no public key in this file");
	rest = (haw_span){data, len};
	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t taken = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
		haw_span line = {rest.ptr, taken};
		haw_span look = line, word = take_word(&look);

		rest.ptr += taken;
		rest.len -= taken;
		if (word.len > 0 && word.ptr[0] != '#' && word.ptr[0] != '\n' && word.ptr[0] != '\r') {
			key = haw_key_parse_public(line.ptr, line.len, err);
			break;
		}
	}
	if (!key)
		name_file(path, err);
	haw_text_file_free(data, len);
	return key;
}

int haw_key_format_public(const haw_key *key, haw_message *out, haw_error *err)
{
	size_t size = HAW_BASE64_SIZE(key->blob_len);
	char *digits = malloc(size);

	if (!digits)
		return haw_no_memory(err);
	haw_base64_encode(digits, key->blob, key->blob_len, true);
	haw_put_bytes(out, key->type, strlen(key->type));
	haw_put_byte(out, ' ');
	haw_put_bytes(out, digits, size - 1);
	if (key->comment[0] != '\0') {
		haw_put_byte(out, ' ');
		/* A line break in a comment would begin another line. */
		haw_put_bytes(out, key->comment, strcspn(key->comment, "\r\n"));
	}
	free(digits);
	return haw_message_ok(out) ? 0 : haw_no_memory(err);
}

/* ---- Writing files ---- */

static int write_new_file(const char *path, mode_t mode, haw_span text, haw_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode), number = 0;

	if (fd < 0)
		return haw_file_error(err, path, "cannot write a new file", errno);
	if (!haw_file_write_all(fd, text.ptr, text.len) || fsync(fd) < 0)
		number = errno;
	if (close(fd) < 0 && number == 0)
		number = errno;
	if (number == 0)
		return 0;
	unlink(path);
	return haw_file_error(err, path, "cannot write", number);
}

int haw_key_write_private(const haw_key *key, const char *path, const char *passphrase, unsigned int rounds,
			  haw_error *err)
{
	haw_message text;
	int result;

	haw_message_write(&text, 0);
	result = haw_key_format_private(key, &text, passphrase, rounds, err);
	if (result == 0)
		result = write_new_file(path, 0600, haw_message_all(&text), err);
	haw_message_free(&text);
	return result;
}

int haw_key_write_public(const haw_key *key, const char *path, haw_error *err)
{
	haw_message text;
	int result;

	haw_message_write(&text, 0);
	result = haw_key_format_public(key, &text, err);
	haw_put_byte(&text, '\n');
	if (result == 0 && !haw_message_ok(&text))
		result = haw_no_memory(err);
	if (result == 0)
		result = write_new_file(path, 0644, haw_message_all(&text), err);
	haw_message_free(&text);
	return result;
}
