/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside haw_known_hosts.
 */
#ifndef HAW_KEYS_HOSTS_H
#define HAW_KEYS_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <hawser/known_hosts.h>

enum {
	HAW_HOSTS_SALT_SIZE = 20,	/* of a hashed name: HMAC-SHA1's */
	HAW_HOSTS_PROBLEMS_MAX = 1000,
	HAW_HOSTS_NAME_MAX = 1100	/* "[host]:port" of a host of 1024 bytes, or a hashed name */
};

/* One line, in one piece of memory: names, type and blob stand behind the struct. */
struct haw_hosts_line {
	const char *file;	/* one of haw_known_hosts.files */
	size_t line;
	int marker;
	const char *names;
	const char *type;
	haw_span blob;
	bool hashed;
	uint8_t salt[HAW_HOSTS_SALT_SIZE], hash[HAW_HOSTS_SALT_SIZE];
};

struct haw_known_hosts {
	struct haw_hosts_line **lines;
	size_t line_count, line_room;
	char **files;
	size_t file_count;
	haw_known_hosts_problem *problems;
	size_t problem_count;
};

/* The fields of a line as they stand there. */
struct haw_hosts_fields {
	int marker;
	haw_span names, type, key;
};

/* Cut the line TEXT, without its newline, into fields. 1 if there is an entry, 0 for a comment or an
 * empty line, -1 with *REASON if the line cannot be understood. */
int haw_hosts_cut(haw_span text, struct haw_hosts_fields *fields, const char **reason);
/* Take the next line off TEXT, without its newline and a carriage return before that; false at the
 * end. RAW, if not NULL, receives the line with both. */
bool haw_hosts_next_line(haw_span *text, haw_span *line, haw_span *raw);
/* The handle's own copy of a file name, or NULL. */
const char *haw_hosts_file_name(haw_known_hosts *kh, const char *path);
/* Understand FIELDS and add them as line NUMBER of FILE. 0, -1 with *REASON, or HAW_ENOMEM. */
int haw_hosts_add_line(haw_known_hosts *kh, const char *file, size_t number,
		       const struct haw_hosts_fields *fields, const char **reason);

/* Read the salt and hash of a name "|1|salt|hash"; false if it is not of that form. */
bool haw_hosts_parse_hash(haw_span name, uint8_t *salt, uint8_t *hash);
/* HMAC-SHA1 of NAME under SALT (RFC 2104), HAW_HOSTS_SALT_SIZE bytes; false if OpenSSL fails. */
bool haw_hosts_hash(const char *name, const uint8_t *salt, uint8_t *hash);
/* Write "host" or "[host]:port" in lower case; false if it does not fit. */
bool haw_hosts_plain_name(const char *host, uint16_t port, char *out, size_t size);
/* Does LINE name the host stored as NAME? */
bool haw_hosts_line_names(const struct haw_hosts_line *line, const char *name);
/* What the public struct says of LINE. */
void haw_hosts_fill_entry(const struct haw_hosts_line *line, haw_known_hosts_entry *entry);
/* Lock the open file FD until it is closed. Waits for a second at most; false if it was not to be had. */
bool haw_hosts_lock(int fd);
/* Replace PATH, of which INFO was learned when it was read, by a file with DATA, keeping mode and owner.
 * HAW_ECHANGED if somebody else has changed it since. */
int haw_hosts_replace_file(const char *path, const void *data, size_t len, const struct stat *info,
			   haw_error *err);

#endif
