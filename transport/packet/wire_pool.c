/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet/wire_pool.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "transport/packet/jobs.h"
#include "transport/packet/padding.h"

enum {
	/* Sixteen packets of HAW_BULK_PAYLOAD with their headers, padding and tags. Measured: sealing
	 * is equally fast from 256 to 512 KiB and slower at 1 MiB, which leaves the second cache
	 * level; sent over loopback by one call each, 512 KiB cost a tenth less than 256. */
	DEFAULT_BUFFER = 516 * 1024,
	/* The largest packet fits: its padding is ours, so it stays below the length bound and
	 * leaves room for the length field and the tag. */
	LEAST_BUFFER = HAW_PACKET_LENGTH_MAX
};

struct haw_wire_pool {
	size_t buffer_size, keep, limit;
	size_t lent;         /* buffers out */
	size_t free_buffers; /* buffers in */
	size_t free_slots;
	struct haw_wire_buffer *buffers; /* last in first out: the top one is the warmest */
	struct haw_slots *slots;
	struct haw_random_pool random;
};

struct haw_wire_pool *haw_wire_pool_new(size_t buffer_size, size_t keep)
{
	struct haw_wire_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	if (buffer_size == 0)
		buffer_size = DEFAULT_BUFFER;
	pool->buffer_size = buffer_size < LEAST_BUFFER ? LEAST_BUFFER : buffer_size;
	pool->keep = keep;
	return pool;
}

void haw_wire_pool_set_limit(struct haw_wire_pool *pool, size_t limit)
{
	pool->limit = limit;
}

static void free_buffer(struct haw_wire_buffer *buffer)
{
	munmap(buffer->data, buffer->size);
	free(buffer);
}

void haw_wire_pool_free(struct haw_wire_pool *pool)
{
	if (!pool)
		return;
	while (pool->buffers) {
		struct haw_wire_buffer *buffer = pool->buffers;

		pool->buffers = buffer->next;
		free_buffer(buffer);
	}
	while (pool->slots) {
		struct haw_slots *slots = pool->slots;

		pool->slots = slots->next;
		free(slots);
	}
	OPENSSL_cleanse(&pool->random, sizeof(pool->random));
	free(pool);
}

static struct haw_wire_buffer *new_buffer(size_t size)
{
	struct haw_wire_buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer)
		return NULL;
	buffer->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer->data == MAP_FAILED) {
		free(buffer);
		return NULL;
	}
	/* Suites that seal in place have plaintext here for a moment. */
	(void)madvise(buffer->data, size, MADV_DONTDUMP);
	buffer->size = size;
	return buffer;
}

struct haw_wire_buffer *haw_wire_pool_lend(struct haw_wire_pool *pool)
{
	struct haw_wire_buffer *buffer = pool->buffers;

	if (pool->limit > 0 && pool->lent >= pool->limit)
		return NULL;
	if (buffer) {
		pool->buffers = buffer->next;
		pool->free_buffers--;
	} else {
		buffer = new_buffer(pool->buffer_size);
		if (!buffer)
			return NULL;
	}
	pool->lent++;
	return buffer;
}

void haw_wire_pool_return(struct haw_wire_pool *pool, struct haw_wire_buffer *buffer)
{
	pool->lent--;
	if (pool->free_buffers >= pool->keep) {
		free_buffer(buffer);
		return;
	}
	buffer->next = pool->buffers;
	pool->buffers = buffer;
	pool->free_buffers++;
}

size_t haw_wire_pool_lent(const struct haw_wire_pool *pool)
{
	return pool->lent;
}

struct haw_slots *haw_wire_pool_lend_slots(struct haw_wire_pool *pool)
{
	struct haw_slots *slots = pool->slots;

	if (!slots)
		return malloc(sizeof(*slots));
	pool->slots = slots->next;
	pool->free_slots--;
	return slots;
}

void haw_wire_pool_return_slots(struct haw_wire_pool *pool, struct haw_slots *slots)
{
	/* One table per direction of a working connection, and there is one of those at a time. */
	if (pool->free_slots >= pool->keep + 2) {
		free(slots);
		return;
	}
	slots->next = pool->slots;
	pool->slots = slots;
	pool->free_slots++;
}

bool haw_wire_pool_random(struct haw_wire_pool *pool, uint8_t *out, size_t n)
{
	return haw_padding_random(&pool->random, out, n);
}
