/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet/queue.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

enum { FIRST_SIZE = 2048 };

struct entry {
	uint32_t kind, len;
};

static size_t entry_size(size_t len)
{
	return sizeof(struct entry) + ((len + 7) & ~(size_t)7);
}

/* Room for NEED bytes at the tail: by moving what waits to the front when half is free there, else
 * by more memory. What is left behind is wiped, for messages carry passwords. */
static bool make_room(struct haw_queue *q, size_t need)
{
	size_t used = q->tail - q->head, capacity = q->capacity;
	uint8_t *data;

	if (q->capacity - q->tail >= need)
		return true;
	if (used + need > capacity / 2) {
		capacity = capacity ? capacity * 2 : FIRST_SIZE;
		while (capacity < used + need)
			capacity *= 2;
	}
	data = malloc(capacity);
	if (!data)
		return false;
	if (used > 0)
		memcpy(data, q->data + q->head, used);
	if (q->data)
		OPENSSL_cleanse(q->data, q->tail);
	free(q->data);
	q->data = data;
	q->capacity = capacity;
	q->head = 0;
	q->tail = used;
	return true;
}

int haw_queue_add(struct haw_queue *q, enum haw_queue_kind kind, const void *bytes, size_t len)
{
	struct entry entry = {.kind = kind, .len = (uint32_t)len};
	size_t need = entry_size(len);

	/* Keys are always taken: they are small, and the connection cannot go on without them. */
	if (kind != HAW_QUEUE_KEYS && q->tail - q->head + need > HAW_QUEUE_MAX)
		return HAW_ENOMEM;
	if (!make_room(q, need))
		return HAW_ENOMEM;
	memcpy(q->data + q->tail, &entry, sizeof(entry));
	memcpy(q->data + q->tail + sizeof(entry), bytes, len);
	q->tail += need;
	if (kind != HAW_QUEUE_KEYS)
		q->bytes += len;
	return 0;
}

bool haw_queue_peek(const struct haw_queue *q, enum haw_queue_kind *kind, haw_span *bytes)
{
	struct entry entry;

	if (q->head == q->tail)
		return false;
	memcpy(&entry, q->data + q->head, sizeof(entry));
	*kind = entry.kind;
	*bytes = (haw_span){.ptr = q->data + q->head + sizeof(entry), .len = entry.len};
	return true;
}

void haw_queue_drop(struct haw_queue *q)
{
	struct entry entry;

	memcpy(&entry, q->data + q->head, sizeof(entry));
	OPENSSL_cleanse(q->data + q->head, entry_size(entry.len));
	q->head += entry_size(entry.len);
	if (entry.kind != HAW_QUEUE_KEYS)
		q->bytes -= entry.len;
	/* An idle connection owns no queue. All of it is wiped by now. */
	if (q->head == q->tail) {
		q->tail = 0;
		haw_queue_free(q);
	}
}

void haw_queue_free(struct haw_queue *q)
{
	if (q->data)
		OPENSSL_cleanse(q->data, q->tail);
	free(q->data);
	*q = (struct haw_queue){0};
}
