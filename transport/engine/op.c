/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/engine/op.h"

#include <string.h>

#include "transport/engine/loop.h"

void haw_op_init(struct haw_op *op, struct haw_loop *loop, const struct haw_op_ops *ops, haw_op_fn done,
		 void *user)
{
	op->loop = loop;
	op->ops = ops;
	op->done = done;
	op->user = user;
	op->result = HAW_EAGAIN;
	op->finished = op->detached = op->in_callback = op->free_wanted = op->deferred = false;
	op->error.code = 0;
	op->error.message[0] = '\0';
}

void haw_op_finish(struct haw_op *op, int code, const haw_error *err)
{
	op->finished = true;
	op->result = code;
	if (err)
		op->error = *err;
	else
		op->error.code = 0;
	if ((op->done || op->detached) && op->loop->depth == 0) {
		haw_loop_defer(op->loop, op);
		return;
	}
	op->in_callback = true;
	if (op->done)
		op->done(op->user, op);
	op->in_callback = false;
	if (op->detached || op->free_wanted)
		op->ops->free(op);
}

bool haw_op_done(const haw_op *op)
{
	return op->finished;
}

int haw_op_result(const haw_op *op, haw_error *err)
{
	if (!op->finished)
		return haw_error_set(err, HAW_EAGAIN, HAW_FAULT_NONE, 0, "the operation is under way");
	if (err && op->error.code)
		*err = op->error;
	else if (op->result < 0)
		haw_error_set(err, op->result, HAW_FAULT_LOCAL, 0, "%s", haw_code_name(op->result));
	return op->result;
}

int haw_op_wait(haw_op *op, int timeout_ms, haw_error *err)
{
	struct haw_loop *loop = op->loop;
	uint64_t end = haw_io_now(loop->io) + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000;

	while (!op->finished) {
		uint64_t now = haw_io_now(loop->io);
		int left = -1, result;

		if (timeout_ms >= 0) {
			if (now >= end && timeout_ms > 0)
				return haw_error_set(err, HAW_ETIMEDOUT, HAW_FAULT_NONE, 0,
						     "the operation did not end within %d ms", timeout_ms);
			left = timeout_ms ? (int)((end - now + 999999) / 1000000) : 0;
		}
		result = haw_loop_run(loop, left, err);
		if (result < 0)
			return result;
		if (timeout_ms == 0 && !op->finished)
			return haw_error_set(err, HAW_ETIMEDOUT, HAW_FAULT_NONE, 0,
					     "the operation is under way");
	}
	return haw_op_result(op, err);
}

void haw_op_finish_later(struct haw_op *op, int code, const haw_error *err)
{
	op->finished = true;
	op->result = code;
	if (err)
		op->error = *err;
	if (op->done || op->detached)
		haw_loop_defer(op->loop, op);
}

static void cancel(struct haw_op *op)
{
	if (op->finished) {
		haw_loop_forget(op->loop, op);
		return;
	}
	op->ops->cancel(op);
	op->finished = true;
	op->result = HAW_ECANCELED;
	haw_error_set(&op->error, HAW_ECANCELED, HAW_FAULT_LOCAL, 0, "the operation was cancelled");
}

void haw_op_cancel(haw_op *op)
{
	cancel(op);
	/* Nobody else will; inside its callback, what made the callback does. */
	if (op->detached && !op->in_callback)
		op->ops->free(op);
}

void haw_op_free(haw_op *op)
{
	if (!op)
		return;
	cancel(op);
	if (op->in_callback)
		op->free_wanted = true;
	else
		op->ops->free(op);
}

void haw_op_detach(haw_op *op)
{
	op->detached = true;
	if (op->finished && !op->in_callback && !op->deferred)
		op->ops->free(op);
}

int haw_op_await(struct haw_op *op, int timeout_ms, haw_error *err)
{
	int result;

	if (!op)
		return err ? err->code : HAW_EINVAL;
	result = haw_op_wait(op, timeout_ms, err);
	haw_op_free(op);
	return result;
}
