/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop from the inside: the I/O engine, and what connections on it share.
 */
#ifndef HAW_ENGINE_LOOP_H
#define HAW_ENGINE_LOOP_H

#include <hawser/loop.h>

#include "nic/io.h"
#include "transport/engine/op.h"
#include "transport/packet/packetizer.h"
#include "transport/packet/ring.h"

struct haw_loop {
	struct haw_io *io;
	struct haw_wire_pool *wire_pool;
	struct haw_ring_pool *ring_pool;
	struct haw_op *due_first, *due_last; /* operations whose callbacks wait for the next turn */
	unsigned depth;			     /* > 0 inside a turn */
	uint64_t next_owner;		     /* numbers connections for the ring pool */
};

void haw_loop_defer(struct haw_loop *loop, struct haw_op *op);
void haw_loop_forget(struct haw_loop *loop, struct haw_op *op);

#endif
