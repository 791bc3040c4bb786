/* SPDX-License-Identifier: Apache-2.0
 *
 * The receive ring: memory mapped twice in a row, so that what was received is always one piece
 * and packets are never split or moved. Rings belong to the loop, which lends one to a connection
 * while bytes are pending and takes it back when it is empty, so an idle connection owns none.
 * One thread.
 */
#ifndef HAW_PACKET_RING_H
#define HAW_PACKET_RING_H

#include <hawser/backend.h>

enum {
	HAW_RING_SIZE = 1024 * 1024 /* at least four of the largest packets */
};

struct haw_ring;

/* A ring of SIZE bytes, rounded up to pages; NULL and an error if it cannot be mapped. */
struct haw_ring *haw_ring_new(size_t size, haw_error *err);
void haw_ring_free(struct haw_ring *ring);
/* The free space, in one piece; empty when the ring is full. */
haw_mut_span haw_ring_space(const struct haw_ring *ring);
/* N bytes at the front of the space have been written. */
void haw_ring_fill(struct haw_ring *ring, size_t n);
/* What was written and not released, in one piece, to be fed to a packetizer as it is. */
haw_mut_span haw_ring_data(const struct haw_ring *ring);
/* The first N bytes of that are free again. An empty ring starts over at its first page, which
 * keeps small traffic in few pages and warm. */
void haw_ring_release(struct haw_ring *ring, size_t n);
bool haw_ring_empty(const struct haw_ring *ring);

/* Rings, last in first out. KEEP free ones are kept. OWNER is a number that no two connections of
 * the loop share: what another owner has left in a ring is wiped before it is lent. */
struct haw_ring_pool;
struct haw_ring_pool *haw_ring_pool_new(size_t ring_size, size_t keep);
void haw_ring_pool_free(struct haw_ring_pool *pool);
struct haw_ring *haw_ring_pool_lend(struct haw_ring_pool *pool, uint64_t owner, haw_error *err);
void haw_ring_pool_return(struct haw_ring_pool *pool, struct haw_ring *ring);

#endif
