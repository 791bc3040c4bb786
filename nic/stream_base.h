/* SPDX-License-Identifier: Apache-2.0
 *
 * What every kind of stream has in common, and what a kind provides.
 */
#ifndef HAWSER_NIC_STREAM_BASE_H
#define HAWSER_NIC_STREAM_BASE_H

#include "nic/loop.h"

struct haw_stream_ops {
	/* Bind to stream->io, which is set. */
	int (*attach)(struct haw_stream *stream, haw_error *err);
	/* As haw_stream_send and _receive: 1, 0 or a negative code. The base has checked that no other is
	 * pending, and keeps the operation in stream->send or ->receive if the result is 0. */
	int (*send)(struct haw_stream *stream, struct haw_send *op);
	int (*receive)(struct haw_stream *stream, struct haw_receive *op);
	void (*cancel_receive)(struct haw_stream *stream);
	int (*shutdown_write)(struct haw_stream *stream, haw_error *err);
	/* Leave the loop (if bound) and let go of descriptors and callbacks; memory stays. Called once. */
	void (*close)(struct haw_stream *stream);
	/* The last holder is gone. */
	void (*free)(struct haw_stream *stream);
	/* The rest may be NULL. */
	int (*socket)(const struct haw_stream *stream);
	void (*set_unsent_limit)(struct haw_stream *stream, unsigned bytes);
	void (*ready)(struct haw_stream *stream);
};

/* First member of each kind's own struct. Held by the maker's handle and by the loop. */
struct haw_stream {
	const struct haw_stream_ops *ops;
	struct haw_io *io;	/* NULL: not bound */
	struct haw_send *send;	/* pending */
	struct haw_receive *receive;
	uint64_t sent, received;
	atomic_uint references;
	bool closed;
};

void haw_stream_init(struct haw_stream *stream, const struct haw_stream_ops *ops);
void haw_stream_hold(struct haw_stream *stream);
void haw_stream_release(struct haw_stream *stream);

/* Finish the pending operation with RESULT and call back. STREAM may be gone afterwards. */
void haw_stream_send_done(struct haw_stream *stream, int result, int sys_errno);
void haw_stream_receive_done(struct haw_stream *stream, int64_t result, int sys_errno);

/* Account for SENT bytes of OP that are gone; true when none is left. */
bool haw_send_advance(struct haw_send *op, size_t sent);
/* The next bytes of OP that are to be sent; empty spans are passed over. */
haw_span haw_send_next(struct haw_send *op);

#endif
