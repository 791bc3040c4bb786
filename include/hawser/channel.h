/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels of a connection (RFC 4254 §5, §6).
 *
 * A channel is a pair of byte streams with flow control. Received data reach the program in
 * one of two ways: through the data callback, as views of the decrypted receive buffer (no
 * copy), or, for what the callback does not take and where there is none, through
 * haw_channel_recv out of the channel's own queue, which its window bounds.
 *
 * Threads: the loop's thread only, unless a function says otherwise.
 */
#ifndef HAWSER_CHANNEL_H
#define HAWSER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/loop.h>
#include <hawser/message.h>
#include <hawser/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_channel haw_channel;
struct haw_transport;

/* Which of a channel's two incoming streams (RFC 4254 §5.2). */
enum haw_channel_stream { HAW_STREAM_DATA = 0, HAW_STREAM_STDERR = 1 };

/* Callbacks of a channel; any may be NULL. The channel may be freed in each of them. */
typedef struct haw_channel_callbacks {
	size_t size;	/* sizeof(haw_channel_callbacks) */
	void *user;
	/* VIEW arrived. Returns how many bytes were taken; the rest is copied to the channel's
	 * queue, and later data too until haw_channel_recv has emptied it. A view stays valid until
	 * the batch callback has returned. */
	size_t (*data)(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view);
	/* The end of a batch of data: after this returns, the views are gone. */
	void (*batch)(void *user, haw_channel *channel);
	/* haw_channel_queued has fallen below the low mark (haw_channel_set_low_mark). */
	void (*writable)(void *user, haw_channel *channel);
	/* The peer sends no more data. */
	void (*eof)(void *user, haw_channel *channel);
	/* The channel is closed: by the peer, or with its connection. ERROR tells why the
	 * connection ended (code 0: closed in order). No callback follows. */
	void (*closed)(void *user, haw_channel *channel, const haw_error *error);
	/* A channel request that the library does not handle itself; REST is its type-specific
	 * part. Returns whether it was understood. */
	bool (*request)(void *user, haw_channel *channel, haw_span type, bool want_reply, haw_span rest);
} haw_channel_callbacks;

/* ---- Opening ---- */

typedef struct haw_channel_options {
	size_t size;		/* sizeof(haw_channel_options) */
	uint32_t window;	/* bytes; nonzero pins the window (no growth) */
	uint32_t max_packet;	/* bytes of data in one message that we accept; nonzero pins it */
	haw_channel_callbacks callbacks; /* may be all zero */
} haw_channel_options;

/* Open a "session" channel on TRANSPORT. May be called while the handshake or authentication is
 * still under way: the open is then sent as early as the peer accepts it. *CHANNEL is valid at
 * once (requests and data may be queued behind the open) and belongs to the caller. The
 * operation ends with the peer's confirmation or with HAW_EREFUSED. */
HAW_API haw_op *haw_channel_open_start(struct haw_transport *transport, const haw_channel_options *options,
				       haw_channel **channel, haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_channel_open(struct haw_transport *transport, const haw_channel_options *options,
					  haw_channel **channel, int timeout_ms, haw_error *err);
/* The same for a connection that the server is to make (RFC 4254 §7.2, "direct-tcpip"): to HOST, a name or an
 * address that the server resolves, and PORT. */
HAW_API haw_op *haw_channel_open_tcpip_start(struct haw_transport *transport, const char *host, uint16_t port,
					     const haw_channel_options *options, haw_channel **channel,
					     haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_channel_open_tcpip(struct haw_transport *transport, const char *host,
						uint16_t port, const haw_channel_options *options,
						haw_channel **channel, int timeout_ms, haw_error *err);
/* Make CHANNEL, which may still be opening, the stream of something else, another transport for example. It
 * belongs to the stream then, with its callbacks, and is freed when the stream is closed; what arrives as
 * standard error is dropped. The stream's handle is the caller's (stream.h). The stream must be closed before
 * the loop is freed; that the channel's transport is freed ends it. NULL and an error if out of memory; the
 * channel stays the caller's then. */
HAW_API haw_stream *haw_channel_stream(haw_channel *channel, haw_error *err);
/* Close (if open) and free; pending references of haw_channel_send_ref are released. */
HAW_API void haw_channel_free(haw_channel *channel);
/* Replace the callbacks (copied). */
HAW_API void haw_channel_set_callbacks(haw_channel *channel, const haw_channel_callbacks *callbacks);
HAW_API struct haw_transport *haw_channel_transport(const haw_channel *channel);
/* Our number for it (RFC 4254 §5.1). */
HAW_API uint32_t haw_channel_id(const haw_channel *channel);
HAW_API bool haw_channel_is_open(const haw_channel *channel);

/* ---- Requests (RFC 4254 §6). Each ends with the peer's reply, HAW_EREFUSED if it was no. They
 * may be started before the open is confirmed; order is kept. ---- */

HAW_API haw_op *haw_channel_exec_start(haw_channel *channel, const char *command, haw_op_fn done, void *user,
				       haw_error *err);
HAW_API HAW_MUST_USE int haw_channel_exec(haw_channel *channel, const char *command, int timeout_ms,
					  haw_error *err);
HAW_API haw_op *haw_channel_subsystem_start(haw_channel *channel, const char *name, haw_op_fn done,
					    void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_channel_subsystem(haw_channel *channel, const char *name, int timeout_ms,
					       haw_error *err);
/* Any other request: PAYLOAD is its type-specific part. Without WANT_REPLY the operation ends
 * when the request is queued. */
HAW_API haw_op *haw_channel_request_start(haw_channel *channel, const char *type, bool want_reply,
					  haw_span payload, haw_op_fn done, void *user, haw_error *err);
/* The exit status of the command: 0..2^32-1, or -1 while unknown. SIGNAL, if not NULL, receives
 * the name of the signal that ended it, or NULL. */
HAW_API int64_t haw_channel_exit_status(const haw_channel *channel, const char **signal);

/* ---- Data ---- */

/* Queue as much of DATA as the channel's send queue takes (copied). Returns the count,
 * HAW_EAGAIN if none, HAW_ECLOSED after EOF or close. Does not block. */
HAW_API HAW_MUST_USE ptrdiff_t haw_channel_send(haw_channel *channel, const void *data, size_t len,
						haw_error *err);
/* Queue HEAD (copied, at most 4096 bytes) and BODY (not copied) as one piece of stream. BODY must
 * stay valid and readable until RELEASE is called: when it has been sealed into the wire buffer,
 * or when the channel ends. RELEASE may be NULL if the caller knows by other means; it is never
 * called from within this call. Always queues everything or fails. Does not block. */
HAW_API HAW_MUST_USE int haw_channel_send_ref(haw_channel *channel, haw_span head, haw_span body,
					      void (*release)(void *user), void *user, haw_error *err);
/* Bytes queued and not yet sealed. */
HAW_API size_t haw_channel_queued(const haw_channel *channel);
/* Bytes that the peer takes before it has to open its window again (RFC 4254 §5.2). */
HAW_API uint32_t haw_channel_peer_window(const haw_channel *channel);
/* Let our window, which grows while it holds the peer back, grow to BYTES at most from now on (UINT32_MAX,
 * the default: as far as the transport's memory goes). What was granted stays granted. What is under way
 * beyond the path's product of rate and delay only waits, and leaves the caches meanwhile: whoever knows the
 * delay sets this to a little more than that. A window that was pinned when the channel was opened stays as
 * it is. From the loop's thread (RFC 4254 §5.2). */
HAW_API void haw_channel_limit_window(haw_channel *channel, uint32_t bytes);
/* Call the writable callback when the queue falls below BYTES (default 1 MiB). */
HAW_API void haw_channel_set_low_mark(haw_channel *channel, size_t bytes);
/* Take up to LEN bytes from the channel's queue. Returns the count, HAW_EAGAIN if none are there,
 * HAW_EEND after EOF, HAW_ECLOSED. Does not block. */
HAW_API HAW_MUST_USE ptrdiff_t haw_channel_recv(haw_channel *channel, enum haw_channel_stream stream,
						void *buffer, size_t len, haw_error *err);
/* The same two, waiting up to TIMEOUT_MS until all was queued, or until something arrived. Block. */
HAW_API HAW_MUST_USE int haw_channel_send_wait(haw_channel *channel, const void *data, size_t len,
					       int timeout_ms, haw_error *err);
HAW_API HAW_MUST_USE ptrdiff_t haw_channel_recv_wait(haw_channel *channel, enum haw_channel_stream stream,
						     void *buffer, size_t len, int timeout_ms,
						     haw_error *err);
/* We send no more data (RFC 4254 §5.3); what is queued goes first. */
HAW_API HAW_MUST_USE int haw_channel_send_eof(haw_channel *channel, haw_error *err);
/* Close in order: what is queued goes first. The closed callback follows the peer's answer. */
HAW_API void haw_channel_close(haw_channel *channel);

#ifdef __cplusplus
}
#endif
#endif
