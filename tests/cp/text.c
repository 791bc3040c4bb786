/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written: temporary names, JSON, the progress line, joined names.
 */
#include "harness.h"
#include "json.h"
#include "progress.h"
#include "session.h"
#include "tempname.h"

/* ---- Names ---- */

static void temporary_names(void)
{
	static const struct {
		const char *path, *temporary;
	} cases[] = {
		{"a", ".a.hawser-part"},   {"/x/a", "/x/.a.hawser-part"}, {"/x/a///", "/x/.a.hawser-part"},
		{"/a", "/.a.hawser-part"}, {"x/.a", "x/..a.hawser-part"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *temporary = cp_temp_path(cases[i].path);
		bool right = temporary && strcmp(temporary, cases[i].temporary) == 0;

		free(temporary);
		CHECK_MSG(right, "%s", cases[i].path);
	}
	CHECK(cp_is_temp_name(".a.hawser-part"));
	CHECK(!cp_is_temp_name("a.hawser-part"));
	CHECK(!cp_is_temp_name(".hawser-part"));
	CHECK(!cp_is_temp_name(".a.hawser-part2"));
}

/* Every length that a file system takes gives a name that it takes too, and long names stay apart. */
static void long_temporary_names(void)
{
	char name[256], other[256], *one, *two;

	for (size_t len = 1; len <= 255; len++) {
		memset(name, 'x', len);
		name[len] = '\0';
		one = cp_temp_path(name);
		CHECK(one && strlen(one) <= 255 && cp_is_temp_name(one));
		free(one);
	}
	memcpy(other, name, sizeof(name));
	other[254] = 'y';
	one = cp_temp_path(name);
	two = cp_temp_path(other);
	CHECK(one && two && strcmp(one, two) != 0);
	free(one);
	free(two);
}

/* Long names are not cut within a character. */
static void temporary_names_of_characters(void)
{
	static const char *const characters[] = {"\xc3\xbc", "\xe6\xbc\xa2", "\xf0\x9f\x9a\xa2"};
	char name[256], *temporary;

	for (size_t i = 0; i < 3; i++)
		for (size_t ahead = 0; ahead < 4; ahead++) {
			size_t len = ahead, size = strlen(characters[i]), kept;

			memset(name, 'x', ahead);
			for (; len + size <= 255; len += size)
				memcpy(name + len, characters[i], size);
			name[len] = '\0';
			temporary = cp_temp_path(name);
			CHECK(temporary && strlen(temporary) <= 255);
			kept = strlen(temporary) - 2 - 16 - strlen(".hawser-part");
			CHECK(kept > 200 && (kept - ahead) % size == 0);
			CHECK(memcmp(temporary + 1, name, kept) == 0);
			free(temporary);
		}
}

static bool is(char *got, const char *wanted)
{
	bool same = got && strcmp(got, wanted) == 0;

	if (!same)
		printf("    got %s, wanted %s\n", got ? got : "NULL", wanted);
	free(got);
	return same;
}

static void parts_of_paths(void)
{
	CHECK(is(cp_last_name("a"), "a") && is(cp_around_name("a"), "."));
	CHECK(is(cp_last_name("/a"), "a") && is(cp_around_name("/a"), "/"));
	CHECK(is(cp_last_name("a/b//"), "b") && is(cp_around_name("a/b//"), "a"));
	CHECK(is(cp_last_name("a//b"), "b") && is(cp_around_name("a//b"), "a"));
	CHECK(is(cp_last_name("/"), "") && is(cp_around_name("/"), "/"));
	CHECK(is(cp_last_name("a/."), ".") && is(cp_last_name(".."), ".."));
	CHECK(is(cp_join("a", "b"), "a/b") && is(cp_join("/", "b"), "/b"));
	CHECK(is(cp_join(".", "b"), "b") && is(cp_join("", "b"), "b") && is(cp_join("a/", "b"), "a/b"));
}

/* ---- JSON ---- */

static char *captured;
static size_t captured_size;

static FILE *capture(void)
{
	free(captured);
	captured = NULL;
	return open_memstream(&captured, &captured_size);
}

static bool wrote(FILE *out, const char *wanted)
{
	fclose(out);
	if (strcmp(captured, wanted) == 0)
		return true;
	printf("    got    %s\n    wanted %s\n", captured, wanted);
	return false;
}

static void json_objects(void)
{
	FILE *out = capture();

	cp_json_begin(out, "kind");
	cp_json_text(out, "a", "x\"\\\n\x01\x7f");
	cp_json_text(out, "b", NULL);
	cp_json_count(out, "c", UINT64_MAX);
	cp_json_real(out, "d", 1.5);
	cp_json_end(out);
	CHECK(wrote(out, "{\"v\":1,\"type\":\"kind\",\"a\":\"x\\\"\\\\\\u000a\\u0001\\u007f\",\"b\":null,"
			 "\"c\":18446744073709551615,\"d\":1.500000}\n"));
}

static void json_names(void)
{
	static const struct {
		const char *name, *wanted;
	} cases[] = {
		{"plain", ",\"path\":\"plain\""},
		{"\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x9a\xa2",
		 ",\"path\":\"\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x9a\xa2\""},
		{"\xff", ",\"path_b64\":\"/w==\""},
		{"a\xff", ",\"path_b64\":\"Yf8=\""},
		{"ab\xff", ",\"path_b64\":\"YWL/\""},
		{"abc\xff", ",\"path_b64\":\"YWJj/w==\""},
		/* Overlong, surrogate, beyond the last code point, cut short (RFC 3629 §3, §4). */
		{"\xc0\xaf", ",\"path_b64\":\"wK8=\""},
		{"\xe0\x80\xaf", ",\"path_b64\":\"4ICv\""},
		{"\xed\xa0\x80", ",\"path_b64\":\"7aCA\""},
		{"\xf4\x90\x80\x80", ",\"path_b64\":\"9JCAgA==\""},
		{"\xe6\xbc", ",\"path_b64\":\"5rw=\""},
		{"", ",\"path\":\"\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *out = capture();

		cp_json_name(out, "path", cases[i].name);
		CHECK(wrote(out, cases[i].wanted));
	}
}

static void json_broken_text(void)
{
	FILE *out = capture();

	cp_json_text(out, "a", "x\xff\xc3y");
	CHECK(wrote(out, ",\"a\":\"x\\ufffd\\ufffdy\""));
}

/* ---- Progress ---- */

static void sizes_for_people(void)
{
	static const struct {
		double bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},         {999, "999 B"},     {1000, "1.00 kB"},
		{15000, "15.0 kB"}, {123456, "123 kB"}, {999999, "1.00 MB"},
		{1e9, "1.00 GB"},   {1e18, "1.00 EB"},  {2e21, "2000 EB"},
	};
	char text[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cp_bytes_text(text, sizeof(text), cases[i].bytes);
		CHECK_MSG(strcmp(text, cases[i].text) == 0, "%s, not %s", text, cases[i].text);
	}
}

static void progress_line(void)
{
	struct cp_progress p = {.files = 3,
				.bytes = 500000000,
				.total_files = 9,
				.total_bytes = 1000000000,
				.total_known = 1,
				.seconds = 2};
	char text[256];

	cp_progress_text(text, sizeof(text), &p, 79);
	CHECK_MSG(strcmp(text, "3 of 9 files  500 MB of 1.00 GB  250.0 MB/s  0:02 left") == 0, "%s", text);
	p.total_known = 0;
	cp_progress_text(text, sizeof(text), &p, 79);
	CHECK_MSG(strcmp(text, "3 files  500 MB  250.0 MB/s  -:-- left") == 0, "%s", text);
	p.seconds = 0;
	cp_progress_text(text, sizeof(text), &p, 12);
	CHECK(strlen(text) == 12);
	p.total_known = 1;
	p.seconds = 4000;
	p.bytes = 100000000;
	cp_progress_text(text, sizeof(text), &p, 79);
	CHECK_MSG(strstr(text, "10:00:00 left"), "%s", text);
}

int main(void)
{
	RUN(temporary_names);
	RUN(long_temporary_names);
	RUN(temporary_names_of_characters);
	RUN(parts_of_paths);
	RUN(json_objects);
	RUN(json_names);
	RUN(json_broken_text);
	RUN(sizes_for_people);
	RUN(progress_line);
	free(captured);
	return harness_end();
}
