/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_NIC_USER_STREAM_H
#define HAWSER_NIC_USER_STREAM_H

#include "nic/stream_base.h"

/* Say that a stream wants its loop's attention, from any thread. First member but one of the streams
 * that need it. */
struct haw_stream_call {
	struct haw_post post;
	struct haw_stream *stream;
	_Atomic(struct haw_mailbox *) mailbox; /* held; NULL: not bound yet */
	atomic_bool posted;
	void (*fn)(struct haw_stream *stream);
};

/* FN is what the loop shall call; it may close the stream. */
void haw_stream_call_init(struct haw_stream_call *call, struct haw_stream *stream,
			  void (*fn)(struct haw_stream *stream));
/* The stream has been bound. Calls made before are forgotten: the first operations try anyway. */
void haw_stream_call_bind(struct haw_stream_call *call, struct haw_io *io);
void haw_stream_call_post(struct haw_stream_call *call);
/* The stream is closed: a call that waits must not keep its memory until the loop runs again. */
void haw_stream_call_cancel(struct haw_stream_call *call);
/* When the last holder of the stream is gone. */
void haw_stream_call_free(struct haw_stream_call *call);

/* What a callback may return for LEN bytes: a code if it is out of range. */
static inline ptrdiff_t haw_callback_result(ptrdiff_t result, size_t len)
{
	return result > 0 && (size_t)result > len ? HAW_EINVAL : result;
}

/* A stream whose callbacks run on helper threads. */
haw_stream *haw_blocking_stream_new(const haw_stream_callbacks *callbacks, haw_error *err);

#endif
