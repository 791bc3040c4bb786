/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a packet, whose spans end anywhere, into whole groups of blocks that lie together: large pieces are
 * worked on where they lie, and where a span ends one group is gathered, worked on and scattered again.
 */
#ifndef HAW_ARMV8_PIECES_H
#define HAW_ARMV8_PIECES_H

#include "crypto-backends/spans.h"

enum { PIECE_GROUP_MAX = 128 };

struct piece {
	const uint8_t *in;
	uint8_t *out;
	size_t len;
	bool gathered;
	uint8_t buffer[PIECE_GROUP_MAX];
};

/* The next piece of the LEFT > 0 bytes at WALK: a multiple of GROUP (at most PIECE_GROUP_MAX) bytes, or all
 * that is left if that is less. */
static inline void piece_next(struct piece *p, struct haw_walk *walk, size_t left, size_t group)
{
	struct haw_walk before = *walk;

	p->len = haw_walk_both(walk, left, &p->in, &p->out);
	p->gathered = p->len < group && p->len < left;
	if (p->gathered) {
		struct haw_walk inputs = before;

		p->len = left < group ? left : group;
		haw_walk_get(&inputs, p->buffer, p->len);
		p->in = p->out = p->buffer;
		walk->in = inputs.in;
		walk->in_at = inputs.in_at;
		walk->out = before.out;
		walk->out_at = before.out_at;
	} else if (p->len > group && p->len % group != 0) {
		p->len -= p->len % group;
		*walk = before;
		(void)haw_walk_both(walk, p->len, &p->in, &p->out);
	}
}

/* Give back what was made of P. */
static inline void piece_done(struct piece *p, struct haw_walk *walk)
{
	if (p->gathered)
		haw_walk_put(walk, p->buffer, p->len);
}

#endif
