/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the UTF-8 character at P, which has LEFT bytes (RFC 3629 §4); 0 if it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t code = p[0];

	if (n == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	code = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

static bool is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n;

	for (; left > 0; p += n, left -= n) {
		n = utf8_length(p, left);
		if (n == 0)
			return false;
	}
	return true;
}

static void put_string(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	putc('"', out);
	while (left > 0) {
		size_t n = utf8_length(p, left);

		if (n == 0)
			fputs("\\ufffd", out);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			fwrite(p, 1, n, out);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
	putc('"', out);
}

static void put_base64(FILE *out, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	putc('"', out);
	for (; left > 0; p += 3, left = left > 3 ? left - 3 : 0) {
		uint32_t bits =
			(uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

		putc(digits[bits >> 18], out);
		putc(digits[bits >> 12 & 63], out);
		putc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
		putc(left > 2 ? digits[bits & 63] : '=', out);
	}
	putc('"', out);
}

void cp_json_begin(FILE *out, const char *type)
{
	fprintf(out, "{\"v\":1,\"type\":\"%s\"", type);
}

void cp_json_text(FILE *out, const char *key, const char *text)
{
	fprintf(out, ",\"%s\":", key);
	if (text)
		put_string(out, text);
	else
		fputs("null", out);
}

void cp_json_name(FILE *out, const char *key, const char *name)
{
	if (is_utf8(name)) {
		cp_json_text(out, key, name);
		return;
	}
	fprintf(out, ",\"%s_b64\":", key);
	put_base64(out, name);
}

void cp_json_count(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

void cp_json_real(FILE *out, const char *key, double value)
{
	fprintf(out, ",\"%s\":%.6f", key, value);
}

void cp_json_reals(FILE *out, const char *key, const char *const *names, const double *values, size_t count)
{
	fprintf(out, ",\"%s\":{", key);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s\"%s\":%.6f", i ? "," : "", names[i], values[i]);
	putc('}', out);
}

void cp_json_end(FILE *out)
{
	fputs("}\n", out);
}
