/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "transport/wire/wire.h"

bool haw_span_is(haw_span span, const char *text)
{
	size_t len = strlen(text);

	return span.len == len && (len == 0 || memcmp(span.ptr, text, len) == 0);
}

bool haw_span_equal(haw_span a, haw_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool haw_list_next(haw_span *list, haw_span *name)
{
	const uint8_t *comma;

	if (list->len == 0)
		return false;
	comma = memchr(list->ptr, ',', list->len);
	name->ptr = list->ptr;
	name->len = comma ? (size_t)(comma - list->ptr) : list->len;
	list->ptr += name->len;
	list->len -= name->len;
	if (comma) {
		list->ptr++;
		list->len--;
	}
	return true;
}

bool haw_list_has(haw_span list, const char *name)
{
	haw_span each;

	while (haw_list_next(&list, &each))
		if (haw_span_is(each, name))
			return true;
	return false;
}

bool haw_is_name_list(haw_span list)
{
	bool in_name = false;

	for (size_t i = 0; i < list.len; i++) {
		uint8_t c = list.ptr[i];

		if (c <= 0x20 || c >= 0x7f || (c == ',' && !in_name))
			return false;
		in_name = c != ',';
	}
	return in_name || list.len == 0;
}

/* Length of the valid sequence at P, or 0 (RFC 3629 §4). */
static size_t utf8_sequence(const uint8_t *p, size_t len)
{
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len || p[0] == 0)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool haw_is_text(haw_span text)
{
	while (text.len > 0) {
		size_t n = utf8_sequence(text.ptr, text.len);

		if (n == 0)
			return false;
		text.ptr += n;
		text.len -= n;
	}
	return true;
}
