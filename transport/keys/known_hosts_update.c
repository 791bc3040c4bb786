/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/hosts_update.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/hostkey/family.h"
#include "transport/keys/hosts.h"
#include "transport/keys/text.h"

enum { TRIES_MAX = 5 };

/* Lines of types that ssh does not know count as damaged there, and stay as they are. */
static bool is_followed(haw_span type)
{
	return haw_hostkey_named_type(type) || haw_span_is(type, "ssh-dss");
}

static haw_span span_of(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

/* The place of the key of BLOB among SUBJECT's, or key_count. */
static size_t find_key(const struct haw_hosts_subject *subject, haw_span blob)
{
	size_t i = 0;

	while (i < subject->key_count && !haw_span_equal(haw_key_blob(subject->keys[i]), blob))
		i++;
	return i;
}

/* ---- What would change ---- */

/* Names that a person wrote for more than one host, or for a host and several addresses. */
static bool is_complex(const char *names)
{
	const char *comma = strchr(names, ',');

	return strpbrk(names, "*?") || (comma && strchr(comma + 1, ','));
}

static void review_other_host(const struct haw_hosts_line *line, const struct haw_hosts_subject *subject,
			      struct haw_hosts_review *review)
{
	if (find_key(subject, line->blob) < subject->key_count)
		review->hindrance = "one of the keys is known by another name, too";
}

static void review_host(const struct haw_hosts_line *line, const struct haw_hosts_subject *subject,
			struct haw_hosts_review *review)
{
	size_t at = find_key(subject, line->blob);

	if (line->marker != HAW_MARKER_NONE)
		review->hindrance = "a @cert-authority or @revoked line names the host";
	else if (is_complex(line->names))
		review->hindrance = "a line for the host has wildcards or several names";
	else if (at < subject->key_count)
		review->known[at] = true;
	else if (review->obsolete_count == HAW_HOSTS_KEYS_MAX)
		review->hindrance = "too many keys are known for the host";
	else
		haw_hosts_fill_entry(line, &review->obsolete[review->obsolete_count++]);
}

/* A key that is obsolete here and stands elsewhere is left to the person who wrote it there. */
static void review_obsolete(struct haw_hosts_review *review, const char *name)
{
	for (size_t i = 0; i < review->lines->line_count; i++) {
		const struct haw_hosts_line *line = review->lines->lines[i];

		for (size_t j = 0; j < review->obsolete_count; j++)
			if (haw_span_equal(line->blob, review->obsolete[j].blob) &&
			    !haw_hosts_line_names(line, name))
				review->hindrance = "an obsolete key is known by another name, too";
	}
}

static int load(const haw_string_list *files, struct haw_hosts_review *review, haw_error *err)
{
	review->lines = haw_known_hosts_new();
	if (!review->lines)
		return haw_no_memory(err);
	for (size_t i = 0; i < files->count; i++) {
		int result =
			haw_known_hosts_load(review->lines, files->items[i], HAW_KNOWN_HOSTS_OPTIONAL, err);

		if (result < 0)
			return result;
	}
	return 0;
}

int haw_hosts_review(const haw_string_list *files, const struct haw_hosts_subject *subject,
		     struct haw_hosts_review *review, haw_error *err)
{
	char name[HAW_HOSTS_NAME_MAX];
	int result;

	memset(review, 0, sizeof(*review));
	if (!haw_hosts_plain_name(subject->host, subject->port, name, sizeof(name)))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	result = load(files, review, err);
	if (result < 0)
		return result;
	for (size_t i = 0; i < review->lines->line_count; i++) {
		const struct haw_hosts_line *line = review->lines->lines[i];

		if (!is_followed(span_of(line->type)))
			continue;
		if (haw_hosts_line_names(line, name))
			review_host(line, subject, review);
		else
			review_other_host(line, subject, review);
	}
	review_obsolete(review, name);
	for (size_t i = 0; i < subject->key_count; i++)
		review->unknown += !review->known[i];
	return 0;
}

void haw_hosts_review_free(struct haw_hosts_review *review)
{
	haw_known_hosts_free(review->lines);
	review->lines = NULL;
}

/* ---- The change ---- */

/* Does this line of a file name the host? */
static bool names_host(const struct haw_hosts_fields *fields, const char *name)
{
	uint8_t salt[HAW_HOSTS_SALT_SIZE], stored[HAW_HOSTS_SALT_SIZE], hash[HAW_HOSTS_SALT_SIZE];

	if (fields->names.ptr[0] != '|')
		return haw_pattern_list_match(fields->names, name, true);
	return haw_hosts_parse_hash(fields->names, salt, stored) && haw_hosts_hash(name, salt, hash) &&
	       memcmp(hash, stored, sizeof(hash)) == 0;
}

/* Does the line LINE stay? *KEY receives which of the host's keys it has, or key_count. */
static bool stays(haw_span line, const char *name, const struct haw_hosts_subject *subject, size_t *key)
{
	struct haw_hosts_fields fields;
	const char *reason;
	uint8_t *blob;
	size_t len;
	bool sound;

	*key = subject->key_count;
	if (haw_hosts_cut(line, &fields, &reason) != 1 || fields.marker != HAW_MARKER_NONE ||
	    !is_followed(fields.type) || !names_host(&fields, name))
		return true;
	blob = malloc(fields.key.len / 4 * 3 + 3);
	if (!blob)
		return true;
	sound = haw_base64_decode(blob, &len, (const char *)fields.key.ptr, fields.key.len) &&
		haw_span_equal(haw_hostkey_type((haw_span){blob, len}), fields.type);
	if (sound)
		*key = find_key(subject, (haw_span){blob, len});
	free(blob);
	/* What cannot be understood stays. */
	return !sound || *key < subject->key_count;
}

static int put_line(haw_message *out, const struct haw_hosts_subject *subject, const haw_key *key,
		    unsigned int flags, haw_error *err)
{
	haw_span blob = haw_key_blob(key);
	char name[HAW_HOSTS_NAME_MAX], *digits = malloc(HAW_BASE64_SIZE(blob.len));
	int result =
		digits ? haw_known_hosts_name(subject->host, subject->port,
					      (flags & HAW_KNOWN_HOSTS_HASH) != 0, name, sizeof(name), err)
		       : haw_no_memory(err);

	if (result == 0) {
		const char *pieces[] = {name, " ", haw_key_type(key), " ", digits, "\n"};

		haw_base64_encode(digits, blob.ptr, blob.len, true);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
			haw_put_bytes(out, pieces[i], strlen(pieces[i]));
	}
	free(digits);
	return result;
}

/* Write the file's new content to OUT; returns whether anything changed. */
static int rewrite(haw_span text, const struct haw_hosts_subject *subject, bool add, unsigned int flags,
		   haw_message *out, haw_error *err)
{
	bool there[HAW_HOSTS_KEYS_MAX] = {false}, changed = false;
	char name[HAW_HOSTS_NAME_MAX];
	const struct haw_hosts_subject nobody = {.key_count = 0};
	haw_span line, raw;

	if (!haw_hosts_plain_name(subject->host, subject->port, name, sizeof(name)))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	while (haw_hosts_next_line(&text, &line, &raw)) {
		size_t key;

		if (!stays(line, name, add ? subject : &nobody, &key)) {
			changed = true;
			continue;
		}
		if (add && key < subject->key_count)
			there[key] = true;
		haw_put_bytes(out, raw.ptr, raw.len);
		/* An unfinished last line is ended first, or what is added would become a part of it. */
		if (raw.ptr[raw.len - 1] != '\n')
			haw_put_byte(out, '\n');
	}
	for (size_t i = 0; add && i < subject->key_count; i++) {
		if (there[i])
			continue;
		if (put_line(out, subject, subject->keys[i], flags, err) < 0)
			return err->code;
		changed = true;
	}
	return haw_message_ok(out) ? changed : haw_no_memory(err);
}

static int follow_once(const char *path, const struct haw_hosts_subject *subject, bool add,
		       unsigned int flags, haw_error *err)
{
	struct stat info;
	haw_message out;
	uint8_t *data;
	size_t len;
	int result = haw_text_file_read(path, HAW_KNOWN_HOSTS_FILE_MAX, &data, &len, &info, err);

	if (result < 0)
		return result;
	if (!S_ISREG(info.st_mode)) {
		haw_text_file_free(data, len);
		return 0; /* /dev/null, for instance */
	}
	haw_message_write(&out, HAW_KNOWN_HOSTS_FILE_MAX);
	result = rewrite((haw_span){data, len}, subject, add, flags, &out, err);
	if (result > 0) {
		haw_span all = haw_message_all(&out);

		result = haw_hosts_replace_file(path, all.ptr, all.len, &info, err);
		if (result == 0)
			result = 1;
	}
	haw_message_free(&out);
	haw_text_file_free(data, len);
	return result;
}

int haw_hosts_follow(const char *path, const struct haw_hosts_subject *subject, bool add, unsigned int flags,
		     haw_error *err)
{
	haw_error own;
	int result = HAW_ECHANGED;

	for (int i = 0; i < TRIES_MAX && result == HAW_ECHANGED; i++)
		result = follow_once(path, subject, add, flags, &own);
	if (result == HAW_ESYSTEM && (own.sys_errno == ENOENT || own.sys_errno == ENOTDIR))
		return 0;
	if (result < 0 && err)
		*err = own;
	return result;
}

/* ---- What a program says ---- */

int haw_hosts_parse_for(haw_known_hosts *kh, const char *name, haw_span text, const char *host, uint16_t port,
			haw_error *err)
{
	size_t kept = kh->line_count, count;
	char full[HAW_HOSTS_NAME_MAX];
	int result = haw_known_hosts_parse(kh, name, text.ptr, text.len, err);

	if (result < 0)
		return result;
	if (!haw_hosts_plain_name(host, port, full, sizeof(full)))
		full[0] = '\0';
	count = kh->line_count;
	for (size_t i = kept; i < count; i++) {
		struct haw_hosts_line *line = kh->lines[i];

		if (line->marker == HAW_MARKER_REVOKED || haw_hosts_line_names(line, full))
			kh->lines[kept++] = line;
		else
			free(line);
	}
	kh->line_count = kept;
	return 0;
}
