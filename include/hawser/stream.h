/* SPDX-License-Identifier: Apache-2.0
 *
 * User streams: a connection may run over any reliable byte stream that the caller provides. It is
 * either a pair of descriptors, or callbacks that never block, or callbacks that may.
 *
 * A stream is made, handed to whatever is to run over it, and used by that alone; the maker
 * keeps the handle, to say when the stream is ready again, until it frees it.
 */
#ifndef HAWSER_STREAM_H
#define HAWSER_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_stream haw_stream;

/* Callbacks may block: they are called on helper threads, one that reads and one that writes, which
 * are started when the stream is first used and end when it is closed. A helper that is inside a
 * callback at that time ends as soon as the callback returns; nothing waits for it. */
#define HAW_STREAM_BLOCKING 1u

/* Zeroed, `size` set to sizeof(haw_stream_callbacks), read and write filled in; the rest may stay
 * zero. Read and write may be called at the same time by different threads if (and only if) the
 * stream is blocking; otherwise all calls come from the thread that runs the loop. */
typedef struct haw_stream_callbacks {
	size_t size;
	uint32_t flags;		/* HAW_STREAM_BLOCKING or 0 */
	void *user;		/* first argument of every callback */
	/* Read up to LEN bytes, LEN > 0. Returns their number, 0 at the end of the stream, HAW_EAGAIN if
	 * there are none now (never if blocking; haw_stream_ready must follow once there are), or another
	 * negative code, after which it is not called again. */
	ptrdiff_t (*read)(void *user, void *ptr, size_t len);
	/* Write some of LEN bytes, LEN > 0. Returns how many were taken, at least 1, HAW_EAGAIN if none can
	 * be taken now, or another negative code, as above. */
	ptrdiff_t (*write)(void *user, const void *ptr, size_t len);
	/* No more will be written; the peer is to see the end of the stream. Optional. Blocking streams:
	 * called by the writing helper. */
	void (*end)(void *user);
	/* Blocking streams, optional: make a read or write that waits return, now and from now on, with any
	 * result. Called by the thread that runs the loop; must not block. */
	void (*interrupt)(void *user);
	/* The last callback of all, after every other has returned: USER may be freed. Called exactly once,
	 * by any thread. Optional. */
	void (*close)(void *user);
} haw_stream_callbacks;

/* A stream from callbacks, which are copied. On failure `close` is not called. Does not block; any
 * thread. */
HAW_API haw_stream *haw_stream_new(const haw_stream_callbacks *callbacks, haw_error *err);
/* A stream that reads READ_FD and writes WRITE_FD, which may be equal: sockets, pipes, terminals, not
 * regular files. They become the stream's, are made non-blocking and close-on-exec, and are closed
 * with it; on failure they stay the caller's. Writing to a pipe without a reader raises no signal. Does
 * not block; any thread. */
HAW_API haw_stream *haw_stream_new_fds(int read_fd, int write_fd, haw_error *err);
/* After HAW_EAGAIN from read or write: trying again is worthwhile. May be called at any time, also without
 * need, from any thread, from inside the callbacks too, not from a signal handler. Does not block. */
HAW_API void haw_stream_ready(haw_stream *stream);
/* Release the caller's handle. What runs over the stream keeps using it until it closes it; a stream that
 * was never handed on is closed. NULL is ignored. Does not block; any thread. */
HAW_API void haw_stream_free(haw_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
