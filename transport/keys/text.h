/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as key files, known_hosts and ssh_config share it: base64, wildcards, whole files.
 */
#ifndef HAW_KEYS_TEXT_H
#define HAW_KEYS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <hawser/error.h>
#include <hawser/message.h>

/* Bytes that haw_base64_encode writes for LEN bytes, the terminating NUL included. */
#define HAW_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Write LEN bytes as base64 (RFC 4648 §4), terminated, with or without padding; returns the length. */
size_t haw_base64_encode(char *out, const uint8_t *data, size_t len, bool pad);
/* Decode LEN characters, strictly: padding where it belongs and nowhere else, no blanks, unused bits
 * zero. OUT holds at least LEN / 4 * 3 + 3 bytes and may be TEXT itself. False if malformed. */
bool haw_base64_decode(uint8_t *out, size_t *out_len, const char *text, size_t len);

/* Does TEXT match PATTERN, whose * and ? are wildcards? */
bool haw_pattern_match(haw_span pattern, const char *text);
/* Does TEXT match one of the comma-separated PATTERNS, and none that a ! negates? Letters of the
 * patterns count as lower case if LOWER. */
bool haw_pattern_list_match(haw_span patterns, const char *text, bool lower);

/* "SHA256:" and unpadded base64 of the digest of BLOB; false if OpenSSL fails. */
bool haw_fingerprint_sha256(haw_span blob, char *out, size_t size);

/* Read the whole file PATH, at most MAX bytes (else HAW_ELIMIT), into memory that the caller frees
 * with haw_text_file_free; a NUL stands behind the content. INFO, if not NULL, is fstat's answer about
 * what was opened. Messages begin with the path. */
int haw_text_file_read(const char *path, size_t max, uint8_t **data, size_t *len, struct stat *info,
		  haw_error *err);
/* Wipe and free. */
void haw_text_file_free(uint8_t *data, size_t len);
/* Write all of DATA to FD; false with errno set. */
bool haw_file_write_all(int fd, const void *data, size_t len);
/* HAW_ESYSTEM with "PATH: WHAT: reason" for the errno NUMBER. */
int haw_file_error(haw_error *err, const char *path, const char *what, int number);
int haw_no_memory(haw_error *err);

#endif
