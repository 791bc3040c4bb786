/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading and listing known hosts. A line costs one allocation and no public-key operation: keys
 * are compared by their blobs, so a file of many thousand lines loads in milliseconds.
 */
#include <hawser/known_hosts.h>

#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "transport/keys/hosts.h"
#include "transport/keys/text.h"

haw_known_hosts *haw_known_hosts_new(void)
{
	return calloc(1, sizeof(haw_known_hosts));
}

void haw_known_hosts_free(haw_known_hosts *kh)
{
	if (!kh)
		return;
	for (size_t i = 0; i < kh->line_count; i++)
		free(kh->lines[i]);
	for (size_t i = 0; i < kh->file_count; i++)
		free(kh->files[i]);
	free(kh->lines);
	free(kh->files);
	free(kh->problems);
	free(kh);
}

const char *haw_hosts_file_name(haw_known_hosts *kh, const char *path)
{
	char **files;

	for (size_t i = 0; i < kh->file_count; i++)
		if (strcmp(kh->files[i], path) == 0)
			return kh->files[i];
	files = realloc(kh->files, (kh->file_count + 1) * sizeof(*files));
	if (!files)
		return NULL;
	kh->files = files;
	files[kh->file_count] = strdup(path);
	return files[kh->file_count] ? files[kh->file_count++] : NULL;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Take a field off TEXT, and the blanks behind it. */
static haw_span take_field(haw_span *text)
{
	haw_span field = *text;
	size_t n = 0;

	while (n < text->len && !is_blank(text->ptr[n]))
		n++;
	field.len = n;
	while (n < text->len && is_blank(text->ptr[n]))
		n++;
	text->ptr += n;
	text->len -= n;
	return field;
}

int haw_hosts_cut(haw_span text, struct haw_hosts_fields *fields, const char **reason)
{
	haw_span marker;

	while (text.len > 0 && is_blank(text.ptr[0])) {
		text.ptr++;
		text.len--;
	}
	fields->marker = HAW_MARKER_NONE;
	if (text.len == 0 || text.ptr[0] == '#')
		return 0;
	if (text.len > HAW_KNOWN_HOSTS_LINE_MAX) {
		*reason = "the line is too long";
		return -1;
	}
	if (memchr(text.ptr, '\0', text.len)) {
		*reason = "the line holds a NUL byte";
		return -1;
	}
	if (text.ptr[0] == '@') {
		marker = take_field(&text);
		fields->marker = haw_span_is(marker, "@revoked")          ? HAW_MARKER_REVOKED
				 : haw_span_is(marker, "@cert-authority") ? HAW_MARKER_CERT_AUTHORITY
									  : -1;
		if (fields->marker < 0) {
			*reason = "the marker is neither @revoked nor @cert-authority";
			return -1;
		}
	}
	fields->names = take_field(&text);
	fields->type = take_field(&text);
	fields->key = take_field(&text);
	if (fields->key.len > 0)
		return 1;
	*reason = "the line ends before a host's names, a key type and a key are complete";
	return -1;
}

/* Is BLOB built as a key of TYPE must be? What the numbers are worth is judged when a host presents
 * the same blob. Types that this library does not know only have to name themselves. */
static bool blob_is_built_as(haw_span blob, haw_span type)
{
	haw_message m;

	haw_message_read(&m, blob.ptr, blob.len);
	if (!haw_span_equal(haw_get_string(&m), type))
		return false;
	if (haw_span_is(type, "ssh-ed25519")) {
		if (haw_get_string(&m).len != 32)
			return false;
	} else if (haw_span_is(type, "ssh-rsa")) {
		haw_get_mpint_unsigned(&m);
		if (haw_get_mpint_unsigned(&m).len == 0)
			return false;
	} else if (type.len == 19 && memcmp(type.ptr, "ecdsa-sha2-nistp", 16) == 0) {
		haw_span curve = haw_get_string(&m);

		if (curve.len != 8 || memcmp(curve.ptr, type.ptr + 11, 8) != 0 || haw_get_string(&m).len == 0)
			return false;
	} else {
		return haw_message_ok(&m);
	}
	return haw_message_complete(&m);
}

static char *copy_text(char **at, haw_span text)
{
	char *start = *at;

	memcpy(start, text.ptr, text.len);
	start[text.len] = '\0';
	*at += text.len + 1;
	return start;
}

static bool add_to_lines(haw_known_hosts *kh, struct haw_hosts_line *line)
{
	if (kh->line_count == kh->line_room) {
		size_t room = kh->line_room ? kh->line_room * 2 : 64;
		struct haw_hosts_line **lines = realloc(kh->lines, room * sizeof(*lines));

		if (!lines)
			return false;
		kh->lines = lines;
		kh->line_room = room;
	}
	kh->lines[kh->line_count++] = line;
	return true;
}

int haw_hosts_add_line(haw_known_hosts *kh, const char *file, size_t number,
		       const struct haw_hosts_fields *fields, const char **reason)
{
	size_t text_size = fields->names.len + 1 + fields->type.len + 1, blob_len;
	struct haw_hosts_line *line = malloc(sizeof(*line) + text_size + fields->key.len / 4 * 3 + 3);
	char *at = (char *)(line + 1);

	if (!line)
		return HAW_ENOMEM;
	*line = (struct haw_hosts_line){.file = file, .line = number, .marker = fields->marker};
	line->names = copy_text(&at, fields->names);
	line->type = copy_text(&at, fields->type);
	line->hashed = fields->names.ptr[0] == '|';
	if (line->hashed && !haw_hosts_parse_hash(fields->names, line->salt, line->hash)) {
		*reason = "the hashed name is not of the form |1|salt|hash";
	} else if (!haw_base64_decode((uint8_t *)at, &blob_len, (const char *)fields->key.ptr,
				      fields->key.len)) {
		*reason = "the key is not valid base64";
	} else {
		line->blob = (haw_span){(uint8_t *)at, blob_len};
		if (!blob_is_built_as(line->blob, fields->type))
			*reason = "the key is damaged, or not of the type that stands before it";
		else if (add_to_lines(kh, line))
			return 0;
		else
			*reason = NULL;
	}
	free(line);
	return *reason ? -1 : HAW_ENOMEM;
}

static bool add_problem(haw_known_hosts *kh, const char *file, size_t line, const char *reason)
{
	haw_known_hosts_problem *problems;

	if (kh->problem_count == HAW_HOSTS_PROBLEMS_MAX)
		return true;
	problems = realloc(kh->problems, (kh->problem_count + 1) * sizeof(*problems));
	if (!problems)
		return false;
	kh->problems = problems;
	problems[kh->problem_count++] = (haw_known_hosts_problem){file, line, reason};
	return true;
}

bool haw_hosts_next_line(haw_span *text, haw_span *line, haw_span *raw)
{
	const uint8_t *end;

	if (text->len == 0)
		return false;
	end = memchr(text->ptr, '\n', text->len);
	*line = (haw_span){text->ptr, end ? (size_t)(end - text->ptr) : text->len};
	if (raw)
		*raw = (haw_span){line->ptr, line->len + (end ? 1 : 0)};
	text->ptr += line->len + (end ? 1 : 0);
	text->len -= line->len + (end ? 1 : 0);
	while (line->len > 0 && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

int haw_known_hosts_parse(haw_known_hosts *kh, const char *name, const void *text, size_t len, haw_error *err)
{
	size_t lines_before = kh->line_count, problems_before = kh->problem_count, number = 0;
	const char *file = haw_hosts_file_name(kh, name);
	haw_span rest = {text, len}, line;
	bool enough = file != NULL;

	while (enough && haw_hosts_next_line(&rest, &line, NULL)) {
		struct haw_hosts_fields fields;
		const char *reason = NULL;
		int found;

		number++;
		found = haw_hosts_cut(line, &fields, &reason);
		if (found > 0)
			found = haw_hosts_add_line(kh, file, number, &fields, &reason);
		if (found == HAW_ENOMEM || (found < 0 && !add_problem(kh, file, number, reason)))
			enough = false;
	}
	if (enough)
		return 0;
	while (kh->line_count > lines_before)
		free(kh->lines[--kh->line_count]);
	kh->problem_count = problems_before;
	return haw_no_memory(err);
}

int haw_known_hosts_load(haw_known_hosts *kh, const char *path, unsigned int flags, haw_error *err)
{
	haw_error own;
	uint8_t *data;
	size_t len;
	int result = haw_text_file_read(path, HAW_KNOWN_HOSTS_FILE_MAX, &data, &len, NULL, &own);

	if (result < 0) {
		bool missing = result == HAW_ESYSTEM && (own.sys_errno == ENOENT || own.sys_errno == ENOTDIR);

		if (missing && (flags & HAW_KNOWN_HOSTS_OPTIONAL))
			return 0;
		if (err)
			*err = own;
		return result;
	}
	result = haw_known_hosts_parse(kh, path, data, len, err);
	haw_text_file_free(data, len);
	return result;
}

bool haw_known_hosts_problem_at(const haw_known_hosts *kh, size_t index, haw_known_hosts_problem *problem)
{
	if (index >= kh->problem_count)
		return false;
	*problem = kh->problems[index];
	return true;
}
