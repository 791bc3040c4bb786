/* SPDX-License-Identifier: Apache-2.0
 *
 * The jobs of one direction on their way through an engine: added in sequence, done in any
 * order, taken off in sequence. The table is lent from the loop's pool while it is in use.
 */
#ifndef HAW_PACKET_JOBS_H
#define HAW_PACKET_JOBS_H

#include "transport/packet/wire_pool.h"

enum {
	HAW_SLOT_PADDING = 96 /* room for the padding of one packet: less than 4 + one block */
};

/* One packet under way. HEADER and bulk.head lie together, so that they are one span. */
struct haw_slot {
	haw_job job;
	uint64_t at;	  /* incoming: where the packet begins in the received stream */
	uint32_t wire;	  /* bytes on the wire */
	bool done;
	bool is_bulk;	  /* outgoing: the source is told when it is sealed */
	uint8_t header_gap[5];
	uint8_t header[HAW_LENGTH_SIZE + 1];
	struct haw_bulk bulk;
	uint8_t padding[HAW_SLOT_PADDING];
};

_Static_assert(offsetof(struct haw_slot, header) + HAW_LENGTH_SIZE + 1 == offsetof(struct haw_slot, bulk),
	       "header and message head must lie together");
_Static_assert(offsetof(struct haw_bulk, head) == 0, "header and message head must lie together");

struct haw_slots {
	struct haw_slots *next;
	struct haw_slot slot[HAW_BATCH_MAX];
};

struct haw_jobs {
	struct haw_slots *slots; /* NULL while unused */
	uint32_t first;		 /* index of the oldest, counting on */
	uint32_t count;		 /* in the table */
	uint32_t taken;		 /* of those, already submitted */
	uint32_t under_way;	 /* submitted and not collected */
};

/* The slot that the next packet will use, or NULL: none is free, or out of memory (then the
 * table is unused). It becomes part of the table with haw_jobs_add. */
struct haw_slot *haw_jobs_space(struct haw_jobs *jobs, struct haw_wire_pool *pool);
/* Add that slot: its job is to be submitted, or is DONE already. */
void haw_jobs_add(struct haw_jobs *jobs, bool done);
/* Submit what is not taken and collect what is done, for as long as that goes on without waiting.
 * 1 if something finished, 0, or the engine's error. */
int haw_jobs_run(struct haw_jobs *jobs, haw_sealer *engine);
/* The oldest slot if it is done, else NULL. */
struct haw_slot *haw_jobs_first(struct haw_jobs *jobs);
void haw_jobs_drop_first(struct haw_jobs *jobs);
/* The engine has been freed: what it left is as good as done. */
void haw_jobs_forget_engine(struct haw_jobs *jobs);
/* Give the table back if it holds nothing. */
void haw_jobs_rest(struct haw_jobs *jobs, struct haw_wire_pool *pool);
/* Give it back whatever it holds; the engine must have forgotten it. */
void haw_jobs_abandon(struct haw_jobs *jobs, struct haw_wire_pool *pool);

#endif
