/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations (hawser/loop.h) from the inside: a struct embeds haw_op as its first member.
 */
#ifndef HAW_ENGINE_OP_H
#define HAW_ENGINE_OP_H

#include <hawser/loop.h>

struct haw_op_ops {
	/* The operation ends early: whatever would have completed it must forget it. */
	void (*cancel)(struct haw_op *op);
	/* Free the embedding struct. */
	void (*free)(struct haw_op *op);
};

struct haw_op {
	struct haw_loop *loop;
	const struct haw_op_ops *ops;
	haw_op_fn done;
	void *user;
	int result;
	bool finished, detached, in_callback, free_wanted, deferred;
	haw_error error;
	struct haw_op *next, *prev; /* the loop's list of those whose callback is due */
};

void haw_op_init(struct haw_op *op, struct haw_loop *loop, const struct haw_op_ops *ops, haw_op_fn done,
		 void *user);
/* The operation has ended with CODE; ERR (may be NULL) has the details. Inside a turn of the loop the
 * callback is made at once, otherwise in the next turn. OP may be gone when this returns. */
void haw_op_finish(struct haw_op *op, int code, const haw_error *err);
/* The same from within the call that starts OP, whose caller holds it still: the callback is made by
 * the loop, later in this turn or in the next. */
void haw_op_finish_later(struct haw_op *op, int code, const haw_error *err);
/* The blocking form of a call: wait for the operation that it has started, and free it. OP is NULL where it
 * could not be started, for the reason in ERR (may be NULL). */
int haw_op_await(struct haw_op *op, int timeout_ms, haw_error *err);

#endif
