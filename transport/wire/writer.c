/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer. Messages carry secrets, so memory is wiped before it is given back.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/wire/load.h"
#include "transport/wire/wire.h"

void haw_message_write(haw_message *m, size_t limit)
{
	memset(m, 0, sizeof(*m));
	m->mode = HAW_MESSAGE_WRITES;
	m->limit = limit ? limit : HAW_MESSAGE_LIMIT;
}

void haw_message_write_to(haw_message *m, void *buffer, size_t size)
{
	memset(m, 0, sizeof(*m));
	m->mode = HAW_MESSAGE_WRITES_LENT;
	m->data = buffer;
	m->capacity = m->limit = size;
}

static void release(haw_message *m)
{
	/* A writer that was rewound reads, and still owns its memory: capacity tells. */
	if (m->mode != HAW_MESSAGE_WRITES_LENT && m->capacity > 0) {
		OPENSSL_cleanse(m->data, m->capacity);
		free(m->data);
	}
}

void haw_message_free(haw_message *m)
{
	release(m);
	memset(m, 0, sizeof(*m));
}

void haw_message_reset(haw_message *m)
{
	if (m->mode == HAW_MESSAGE_READS && m->capacity > 0) {
		m->mode = HAW_MESSAGE_WRITES;
	} else if (m->mode == HAW_MESSAGE_READS && m->limit > 0) {
		/* Only a lent writer that was rewound has a limit and owns nothing. */
		m->mode = HAW_MESSAGE_WRITES_LENT;
		m->capacity = m->limit;
	}
	if (m->mode == HAW_MESSAGE_READS)
		return;
	if (m->len > 0)
		OPENSSL_cleanse(m->data, m->len);
	m->len = m->pos = 0;
	m->failed = false;
}

void haw_message_rewind(haw_message *m)
{
	if (m->mode == HAW_MESSAGE_WRITES)
		m->mode = HAW_MESSAGE_READS;
	else if (m->mode == HAW_MESSAGE_WRITES_LENT) {
		m->mode = HAW_MESSAGE_READS;
		m->capacity = 0;
	}
	m->pos = 0;
	m->failed = false;
}

uint8_t *haw_message_take(haw_message *m, size_t *len)
{
	uint8_t *data = m->data;

	*len = m->len;
	if (m->failed || m->mode != HAW_MESSAGE_WRITES || !data) {
		*len = 0;
		return NULL;
	}
	m->data = NULL;
	m->len = m->capacity = m->pos = 0;
	return data;
}

static bool grow(haw_message *m, size_t need)
{
	size_t capacity = m->capacity ? m->capacity : 256;
	uint8_t *data;

	if (m->mode != HAW_MESSAGE_WRITES || need > m->limit)
		return false;
	while (capacity < need)
		capacity *= 2;
	if (capacity > m->limit)
		capacity = m->limit;
	data = malloc(capacity);
	if (!data)
		return false;
	if (m->len > 0)
		memcpy(data, m->data, m->len);
	release(m);
	m->data = data;
	m->capacity = capacity;
	return true;
}

uint8_t *haw_put_space(haw_message *m, size_t len)
{
	if (m->failed || m->mode == HAW_MESSAGE_READS || len > m->limit - m->len ||
	    ((!m->data || m->len + len > m->capacity) && !grow(m, m->len + len))) {
		m->failed = true;
		return NULL;
	}
	m->len += len;
	return m->data + m->len - len;
}

void haw_put_bytes(haw_message *m, const void *data, size_t len)
{
	uint8_t *p = haw_put_space(m, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

void haw_put_byte(haw_message *m, uint8_t value)
{
	haw_put_bytes(m, &value, 1);
}

void haw_put_bool(haw_message *m, bool value)
{
	haw_put_byte(m, value ? 1 : 0);
}

void haw_put_u32(haw_message *m, uint32_t value)
{
	uint8_t *p = haw_put_space(m, 4);

	if (p)
		haw_store_be32(p, value);
}

void haw_put_u64(haw_message *m, uint64_t value)
{
	uint8_t *p = haw_put_space(m, 8);

	if (p)
		haw_store_be64(p, value);
}

void haw_put_string(haw_message *m, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		m->failed = true;
		return;
	}
	haw_put_u32(m, (uint32_t)len);
	haw_put_bytes(m, data, len);
}

void haw_put_text(haw_message *m, const char *text)
{
	haw_span span = {(const uint8_t *)text, strlen(text)};

	if (!haw_is_text(span))
		m->failed = true;
	haw_put_string(m, text, span.len);
}

void haw_put_name_list(haw_message *m, const char *names)
{
	haw_span span = {(const uint8_t *)names, strlen(names)};

	if (!haw_is_name_list(span))
		m->failed = true;
	haw_put_string(m, names, span.len);
}

void haw_put_mpint(haw_message *m, const void *magnitude, size_t len, bool negative)
{
	const uint8_t *p = magnitude;
	uint8_t *out;
	bool pad;

	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	if (len == 0) {
		haw_put_u32(m, 0);
		return;
	}
	/* Two's complement of -N needs an extra byte unless N <= 2^(8 len - 1). */
	pad = (p[0] & 0x80) != 0;
	if (negative && p[0] == 0x80) {
		pad = false;
		for (size_t i = 1; i < len; i++)
			pad |= p[i] != 0;
	}
	haw_put_u32(m, (uint32_t)(len + pad));
	out = haw_put_space(m, len + pad);
	if (!out)
		return;
	if (pad)
		*out++ = negative ? 0xff : 0;
	memcpy(out, p, len);
	if (!negative)
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)~out[i];
	for (size_t i = len; i-- > 0 && ++out[i] == 0;)
		;
}

void haw_put_adaptive(haw_message *m, uint64_t value)
{
	uint8_t bytes[8];

	if (value < 0xff000000u) {
		haw_put_u32(m, (uint32_t)value);
		return;
	}
	haw_put_byte(m, 0xff);
	haw_store_be64(bytes, value);
	haw_put_mpint(m, bytes, sizeof(bytes), false);
}

size_t haw_put_string_begin(haw_message *m)
{
	haw_put_u32(m, 0);
	return m->len;
}

void haw_put_string_end(haw_message *m, size_t mark)
{
	if (m->failed || mark < 4 || mark > m->len || m->len - mark > UINT32_MAX) {
		m->failed = true;
		return;
	}
	haw_store_be32(m->data + mark - 4, (uint32_t)(m->len - mark));
}
