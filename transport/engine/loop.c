/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/engine/loop.h"

#include <stdlib.h>

enum { POOL_KEEP = 4 };

static const uint64_t ms = 1000000;

haw_loop *haw_loop_new(const haw_loop_options *options, haw_error *err)
{
	const char *engine = options && options->size >= sizeof(*options) ? options->engine : NULL;
	enum haw_io_kind kind = HAW_IO_AUTO;
	haw_loop *loop;

	if (!engine)
		engine = getenv("HAWSER_NIC");
	if (engine && *engine && haw_io_kind_from_name(engine, &kind, err) < 0)
		return NULL;
	loop = calloc(1, sizeof(*loop));
	if (!loop) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	loop->io = haw_io_new(kind, err);
	if (!loop->io) {
		free(loop);
		return NULL;
	}
	loop->wire_pool = haw_wire_pool_new(0, POOL_KEEP);
	loop->ring_pool = haw_ring_pool_new(HAW_RING_SIZE, POOL_KEEP);
	if (loop->wire_pool && loop->ring_pool)
		return loop;
	haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	haw_loop_free(loop);
	return NULL;
}

void haw_loop_free(haw_loop *loop)
{
	if (!loop)
		return;
	while (loop->due_first) {
		struct haw_op *op = loop->due_first;

		haw_loop_forget(loop, op);
		if (op->detached)
			op->ops->free(op);
	}
	haw_io_free(loop->io);
	if (loop->wire_pool)
		haw_wire_pool_free(loop->wire_pool);
	if (loop->ring_pool)
		haw_ring_pool_free(loop->ring_pool);
	free(loop);
}

const char *haw_loop_engine(const haw_loop *loop)
{
	return haw_io_name(loop->io);
}

/* ---- Operations whose callbacks are due ---- */

void haw_loop_defer(struct haw_loop *loop, struct haw_op *op)
{
	op->deferred = true;
	op->next = NULL;
	op->prev = loop->due_last;
	if (loop->due_last)
		loop->due_last->next = op;
	else
		loop->due_first = op;
	loop->due_last = op;
}

void haw_loop_forget(struct haw_loop *loop, struct haw_op *op)
{
	if (!op->deferred)
		return;
	op->deferred = false;
	if (op->prev)
		op->prev->next = op->next;
	else
		loop->due_first = op->next;
	if (op->next)
		op->next->prev = op->prev;
	else
		loop->due_last = op->prev;
}

static bool run_due(struct haw_loop *loop)
{
	bool any = loop->due_first != NULL;
	size_t count = 0;

	/* Those that the callbacks add wait for the next turn, or they could keep this one for ever. */
	for (const struct haw_op *op = loop->due_first; op; op = op->next)
		count++;
	while (count-- > 0 && loop->due_first) {
		struct haw_op *op = loop->due_first;
		haw_error error = op->error;

		haw_loop_forget(loop, op);
		haw_op_finish(op, op->result, error.code ? &error : NULL);
	}
	return any;
}

/* ---- Turns ---- */

int haw_loop_run(haw_loop *loop, int timeout_ms, haw_error *err)
{
	int result;

	if (loop->depth > 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the loop cannot be run from inside one of its callbacks");
	loop->depth++;
	if (run_due(loop))
		timeout_ms = 0;
	result = haw_io_run(loop->io, timeout_ms < 0 ? -1 : (int64_t)(timeout_ms * ms), err);
	run_due(loop);
	loop->depth--;
	return result < 0 ? result : 0;
}

uint64_t haw_loop_waited_ns(const haw_loop *loop)
{
	return haw_io_waited(loop->io);
}

int haw_loop_fd(const haw_loop *loop)
{
	return haw_io_fd(loop->io);
}

int haw_loop_deadline_ms(const haw_loop *loop)
{
	int64_t deadline = haw_io_deadline(loop->io), left;

	if (loop->due_first)
		return 0;
	if (deadline < 0)
		return -1;
	left = deadline - (int64_t)haw_io_now(loop->io);
	if (left <= 0)
		return 0;
	left = (left + (int64_t)ms - 1) / (int64_t)ms;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

void haw_loop_wake(haw_loop *loop)
{
	haw_io_wake(loop->io);
}
