/* SPDX-License-Identifier: Apache-2.0
 *
 * What the packetizers of one loop lend from it while they work, so that an idle connection owns
 * none of it: wire buffers, job tables and random padding. One thread.
 */
#ifndef HAW_PACKET_WIRE_POOL_H
#define HAW_PACKET_WIRE_POOL_H

#include "transport/packet/packetizer.h"

struct haw_slots;

struct haw_wire_buffer {
	struct haw_wire_buffer *next;
	uint8_t *data;
	size_t size;
};

/* NULL: at the limit, or out of memory. */
struct haw_wire_buffer *haw_wire_pool_lend(struct haw_wire_pool *pool);
void haw_wire_pool_return(struct haw_wire_pool *pool, struct haw_wire_buffer *buffer);
size_t haw_wire_pool_lent(const struct haw_wire_pool *pool);

struct haw_slots *haw_wire_pool_lend_slots(struct haw_wire_pool *pool);
void haw_wire_pool_return_slots(struct haw_wire_pool *pool, struct haw_slots *slots);

/* N random bytes, n at most HAW_PADDING_MAX; false if the random generator fails. */
bool haw_wire_pool_random(struct haw_wire_pool *pool, uint8_t *out, size_t n);

#endif
