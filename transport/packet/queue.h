/* SPDX-License-Identifier: Apache-2.0
 *
 * What waits to be sealed, in order: messages, raw bytes, and the keys that take over behind them.
 */
#ifndef HAW_PACKET_QUEUE_H
#define HAW_PACKET_QUEUE_H

#include <hawser/message.h>

enum {
	HAW_QUEUE_MAX = 8 * 1024 * 1024 /* bytes that may wait */
};

enum haw_queue_kind { HAW_QUEUE_MESSAGE, HAW_QUEUE_RAW, HAW_QUEUE_KEYS };

struct haw_queue {
	uint8_t *data;
	size_t head, tail, capacity;
	size_t bytes; /* of messages and raw bytes, without the queue's own headers */
};

/* Add LEN bytes, copied. HAW_ENOMEM: too much waits already, or no memory. */
int haw_queue_add(struct haw_queue *q, enum haw_queue_kind kind, const void *bytes, size_t len);
/* Look at the oldest entry; false if there is none. The view lives until the next call. */
bool haw_queue_peek(const struct haw_queue *q, enum haw_queue_kind *kind, haw_span *bytes);
/* Wipe and drop the oldest entry. */
void haw_queue_drop(struct haw_queue *q);
/* Wipe and free everything. */
void haw_queue_free(struct haw_queue *q);

#endif
