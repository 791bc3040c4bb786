/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader: every access goes through take(), which is the one place where bounds are judged.
 */
#include <string.h>

#include "transport/wire/load.h"
#include "transport/wire/wire.h"

void haw_message_read(haw_message *m, const void *data, size_t len)
{
	memset(m, 0, sizeof(*m));
	m->data = (uint8_t *)data;
	m->len = len;
	m->mode = HAW_MESSAGE_READS;
}

bool haw_message_ok(const haw_message *m)
{
	return !m->failed;
}

bool haw_message_complete(const haw_message *m)
{
	return !m->failed && m->pos == m->len;
}

void haw_message_fail(haw_message *m)
{
	m->failed = true;
}

haw_span haw_message_all(const haw_message *m)
{
	return (haw_span){m->data, m->len};
}

haw_span haw_message_so_far(const haw_message *m)
{
	return (haw_span){m->data, m->mode == HAW_MESSAGE_READS ? m->pos : m->len};
}

haw_span haw_message_remainder(const haw_message *m)
{
	if (m->failed || m->mode != HAW_MESSAGE_READS || !m->data)
		return (haw_span){NULL, 0};
	return (haw_span){m->data + m->pos, m->len - m->pos};
}

static const uint8_t *take(haw_message *m, size_t len)
{
	const uint8_t *p;

	if (m->failed || m->mode != HAW_MESSAGE_READS || len > m->len - m->pos) {
		m->failed = true;
		return NULL;
	}
	p = m->data + m->pos;
	m->pos += len;
	return p;
}

static haw_span failed_span(haw_message *m)
{
	m->failed = true;
	return (haw_span){NULL, 0};
}

uint8_t haw_get_byte(haw_message *m)
{
	const uint8_t *p = take(m, 1);

	return p ? *p : 0;
}

haw_span haw_get_bytes(haw_message *m, size_t len)
{
	const uint8_t *p = take(m, len);

	return (haw_span){p, p ? len : 0};
}

bool haw_get_bool(haw_message *m)
{
	return haw_get_byte(m) != 0;
}

uint32_t haw_get_u32(haw_message *m)
{
	const uint8_t *p = take(m, 4);

	return p ? haw_load_be32(p) : 0;
}

uint64_t haw_get_u64(haw_message *m)
{
	const uint8_t *p = take(m, 8);

	return p ? haw_load_be64(p) : 0;
}

haw_span haw_get_string(haw_message *m)
{
	uint32_t len = haw_get_u32(m);

	return haw_get_bytes(m, len);
}

haw_span haw_get_text(haw_message *m)
{
	haw_span s = haw_get_string(m);

	return haw_is_text(s) ? s : failed_span(m);
}

haw_span haw_get_name_list(haw_message *m)
{
	haw_span s = haw_get_string(m);

	return haw_is_name_list(s) ? s : failed_span(m);
}

/* RFC 4251 §5: "Unnecessary leading bytes with the value 0 or 255 MUST NOT be included." */
haw_span haw_get_mpint(haw_message *m)
{
	haw_span s = haw_get_string(m);

	if (s.len == 1 && s.ptr[0] == 0)
		return failed_span(m);
	if (s.len >= 2 && ((s.ptr[0] == 0 && !(s.ptr[1] & 0x80)) || (s.ptr[0] == 0xff && (s.ptr[1] & 0x80))))
		return failed_span(m);
	return s;
}

haw_span haw_get_mpint_unsigned(haw_message *m)
{
	haw_span s = haw_get_mpint(m);

	if (s.len > 0 && (s.ptr[0] & 0x80))
		return failed_span(m);
	if (s.len > 0 && s.ptr[0] == 0) {
		s.ptr++;
		s.len--;
	}
	return s;
}

uint64_t haw_get_adaptive(haw_message *m)
{
	haw_span s = haw_message_remainder(m);
	uint64_t value = 0;

	if (s.len > 0 && s.ptr[0] != 0xff)
		return haw_get_u32(m);
	haw_get_byte(m);
	s = haw_get_mpint_unsigned(m);
	for (size_t i = 0; i < s.len && i < 8; i++)
		value = value << 8 | s.ptr[i];
	if (s.len > 8 || value < 0xff000000u) {
		m->failed = true;
		return 0;
	}
	return m->failed ? 0 : value;
}
