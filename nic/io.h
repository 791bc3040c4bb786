/* SPDX-License-Identifier: Apache-2.0
 *
 * The I/O loop: streams, connections to be made or accepted, timers, and wake-ups from
 * other threads. One interface over several engines; see README.md in this folder.
 *
 * Shape: operations complete. An operation is a struct that the caller keeps until it is
 * done; starting it tries at once and without waiting, and if that was not enough the loop
 * finishes it later and calls back. Callbacks are made by haw_io_run only, never from inside
 * another call of this interface, and may start, cancel, close and free anything except the
 * loop itself.
 *
 * Threads: a loop and everything on it is used by one thread at a time. The thread may change
 * between calls if the caller orders them (a lock does); changing costs the uring engine some
 * 50 µs, so a loop that stays on one thread is faster. Functions that any thread may call say so.
 * A child of fork may close what it inherited and free the loop, and nothing else.
 */
#ifndef HAWSER_NIC_IO_H
#define HAWSER_NIC_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <hawser/error.h>
#include <hawser/message.h>
#include <hawser/resolver.h>
#include <hawser/stream.h>

/* ---- The loop ---- */

struct haw_io;

enum haw_io_kind {
	HAW_IO_AUTO,	/* uring where this process may use it, else poll */
	HAW_IO_URING,
	HAW_IO_POLL
};

/* The kind called NAME ("auto", "uring", "poll") into KIND; HAW_EINVAL for any other name. */
int haw_io_kind_from_name(const char *name, enum haw_io_kind *kind, haw_error *err);

/* A new loop, or NULL. HAW_IO_AUTO tries io_uring with a real operation and takes poll when the
 * kernel, a seccomp filter or a limit refuses it; HAW_IO_URING fails with HAW_EUNSUPPORTED then. */
struct haw_io *haw_io_new(enum haw_io_kind kind, haw_error *err);
/* End the loop. Streams, connects and listeners on it must have been closed; timers that are
 * still set are forgotten. Never waits for name resolution or for a user's blocking callback:
 * a thread inside one is left to end by itself, and touches nothing of the loop any more. IO may
 * be NULL. Not from a callback. */
void haw_io_free(struct haw_io *io);
/* "uring" or "poll". */
const char *haw_io_name(const struct haw_io *io);

/* For a foreign event loop: a descriptor that is readable when haw_io_run has something to do
 * other than timers, and the time of the next timer (ns, CLOCK_MONOTONIC; -1: none). The
 * descriptor belongs to the loop and may change whenever haw_io_run has returned (it does when
 * another thread has taken over); ask again before each wait. */
int haw_io_fd(struct haw_io *io);
int64_t haw_io_deadline(const struct haw_io *io);

/* One turn: wait at most TIMEOUT_NS (0: not at all, negative: for ever) for something to
 * happen, and call back for all that did. Returns the number of callbacks made, 0 when only the
 * time passed or haw_io_wake was called, or a negative code. A signal ends the wait early. */
int haw_io_run(struct haw_io *io, int64_t timeout_ns, haw_error *err);
/* Make the present haw_io_run, or the next one, return without waiting. Any thread, and
 * async-signal-safe. */
void haw_io_wake(struct haw_io *io);
/* Nanoseconds of CLOCK_MONOTONIC: inside callbacks the time at which the turn's wait ended. */
uint64_t haw_io_now(const struct haw_io *io);

/* Nanoseconds that haw_io_run has waited so far. */
uint64_t haw_io_waited(const struct haw_io *io);

/* ---- Timers ---- */

/* Embedded in its owner, zeroed before first use. */
struct haw_timer {
	uint64_t deadline;	/* ns, CLOCK_MONOTONIC */
	uint64_t order;		/* equal deadlines fire in the order in which they were set */
	void (*fn)(void *user);
	void *user;
	struct haw_timer *child, *next, *prev;
	bool set;
};

/* Call FN(USER) once when DEADLINE_NS has come, at the earliest in the next turn. Setting a timer that is
 * set moves it. Cannot fail. */
void haw_timer_set(struct haw_io *io, struct haw_timer *timer, uint64_t deadline_ns, void (*fn)(void *user),
		   void *user);
/* Forget TIMER if it is set; its callback is not made any more. */
void haw_timer_cancel(struct haw_io *io, struct haw_timer *timer);

/* ---- Other descriptors ---- */

struct haw_readable;

/* Call FN(USER) in turns of the loop after FD has become readable. FN reads until nothing is left; it may
 * be called when nothing is there. FD stays the caller's, who may close it at any time (it is duplicated).
 * FN may free the result. NULL and an error if no memory or descriptor is left. */
struct haw_readable *haw_readable_new(struct haw_io *io, int fd, void (*fn)(void *user), void *user,
				      haw_error *err);
/* FN is not called any more. NULL is ignored. Before IO is freed. */
void haw_readable_free(struct haw_readable *readable);

/* ---- Work from other threads ---- */

/* Posted by any thread, run once by the loop. Embedded in its owner, which must outlive it. */
struct haw_post {
	struct haw_post *next;
	void (*fn)(struct haw_post *post);
	void (*drop)(struct haw_post *post); /* called instead of fn when the loop is freed; may be NULL */
};

/* Have the loop call POST->fn from haw_io_run. A post must not be posted again before it ran. Any
 * thread, as long as the loop exists. */
void haw_io_post(struct haw_io *io, struct haw_post *post);

/* ---- Streams ---- */

enum { HAW_SEND_SPANS = 8 };

/* One send: all bytes of all spans, in order. */
struct haw_send {
	haw_span spans[HAW_SEND_SPANS];
	unsigned count;
	void (*done)(struct haw_send *op);
	void *user;		/* the caller's */
	int result;		/* out: 0 or a negative code */
	int sys_errno;		/* out: errno behind the code, or 0 */
	unsigned at;		/* the stream's: first span with bytes left */
	size_t offset;		/* the stream's: bytes of it that are gone */
};

/* One receive: at least one byte, at most LEN. */
struct haw_receive {
	void *ptr;
	size_t len;
	void (*done)(struct haw_receive *op);
	void *user;		/* the caller's */
	int64_t result;		/* out: bytes, 0 at the end of the stream, or a negative code */
	int sys_errno;		/* out: errno behind the code, or 0 */
};

/* A byte stream is a `struct haw_stream`: the object behind the public handle haw_stream, bound to a
 * loop. Codes of its errors: HAW_ECLOSED when the peer is gone (reset, broken pipe),
 * HAW_ETIMEDOUT when the network gave up, HAW_ESYSTEM otherwise, or what a user's callback
 * returned. */

/* A stream over a connected socket: TCP_NODELAY, non-blocking, close-on-exec are set. Takes FD
 * over, on failure too. */
struct haw_stream *haw_stream_adopt(struct haw_io *io, int fd, haw_error *err);
/* The same from two descriptors (pipes, a socket twice, terminals): READ_FD and WRITE_FD may be equal. */
struct haw_stream *haw_stream_adopt_pair(struct haw_io *io, int read_fd, int write_fd, haw_error *err);
/* Connect to the listening socket at PATH on this machine, without waiting. NULL: HAW_ECONNECT,
 * HAW_EAGAIN while the listener's queue is full, HAW_EINVAL for a path too long, HAW_ESYSTEM. */
struct haw_stream *haw_stream_connect_unix(struct haw_io *io, const char *path, haw_error *err);
/* Bind the user's STREAM to the loop, which holds it until haw_stream_close. A stream is bound once
 * (HAW_EINVAL afterwards). */
int haw_stream_attach(struct haw_io *io, struct haw_stream *stream, haw_error *err);

/* Send OP's spans. Returns 1 if all went at once (no callback), 0 if it is pending (OP and the bytes
 * belong to the stream until OP->done is called), or a negative code, also left in OP->result with
 * OP->sys_errno. One send at a time; HAW_EINVAL otherwise. */
int haw_stream_send(struct haw_stream *stream, struct haw_send *op);
/* Receive into OP's space. Returns 1 with OP->result (bytes, 0 at the end of the stream; no callback),
 * 0 if pending, or a negative code. One receive at a time; HAW_EINVAL otherwise. */
int haw_stream_receive(struct haw_stream *stream, struct haw_receive *op);
/* Take a pending receive back: no byte is lost and its callback is not made. Returns true if there
 * was one. */
bool haw_stream_cancel_receive(struct haw_stream *stream);
/* No more bytes will be sent: the peer sees the end of the stream after those that were. Not while a
 * send is pending (HAW_EINVAL). HAW_EUNSUPPORTED where the stream cannot be closed by halves. */
int haw_stream_shutdown_write(struct haw_stream *stream, haw_error *err);
/* Close and leave the loop. Pending operations are dropped: their callbacks are not made, and
 * their memory is the caller's again when this returns. STREAM is gone then, except for the holder
 * of a public handle. NULL is ignored. Legal in every callback, those of this stream included. */
void haw_stream_close(struct haw_stream *stream);
/* What the system still holds of the bytes that were sent goes no further once the stream is closed: a peer
 * that was given up must not receive it later. Without it the system delivers, after the close too. */
void haw_stream_discard(struct haw_stream *stream);
/* Bytes sent and received since the stream was made; either pointer may be NULL. */
void haw_stream_byte_counts(const struct haw_stream *stream, uint64_t *sent, uint64_t *received);
/* The socket behind the stream, to ask for its addresses and options; -1 if there is none. It
 * stays the stream's. */
int haw_stream_socket(const struct haw_stream *stream);
/* Have the kernel take at most BYTES beyond what is on its way (TCP_NOTSENT_LOWAT), so that what is
 * sent next overtakes little; 0 leaves it to the system. Ignored where there is no TCP socket. */
void haw_stream_set_unsent_limit(struct haw_stream *stream, unsigned bytes);

/* ---- Commands ---- */

struct haw_child;

/* Run COMMAND by the user's shell ($SHELL, else /bin/sh), which it replaces ("exec COMMAND"). Its standard
 * input and output are one socket, whose other end becomes *STREAM, the caller's; standard error is ours.
 * DONE is called once when the command has ended, before the stream's end can be seen: HOW says so in words
 * ("it ended with status 1"). NULL and an error if it cannot be started. */
struct haw_child *haw_child_start(struct haw_io *io, const char *command,
				  void (*done)(void *user, const char *how), void *user,
				  struct haw_stream **stream, haw_error *err);
/* Have the command end, and reap it. Close the stream before: a command that then ends by itself within
 * 50 ms is left alone, others get SIGHUP, and SIGKILL half a second later; so this may block that long. DONE
 * is not called any more. CHILD may be NULL. */
void haw_child_free(struct haw_child *child);

/* ---- Output of programs ---- */

struct haw_output;

struct haw_output_options {
	char *const *arguments; /* the first is the program's path; NULL at the end; borrowed */
	size_t max;		/* bytes that it may write */
	uint64_t timeout_ns;	/* 0: as long as it takes */
	/* Called once: with all that it wrote to its standard output, LEN bytes and a NUL, if it has ended
	 * with status 0, else with TEXT NULL and the error. TEXT is gone afterwards, and so is the struct. */
	void (*done)(void *user, const char *text, size_t len, const haw_error *err);
	void *user;
};

/* Run a program, without a shell; its standard input is /dev/null, its standard error ours. NULL if it
 * cannot be started. */
struct haw_output *haw_output_start(struct haw_io *io, const struct haw_output_options *options,
				    haw_error *err);
/* Kill it; DONE is not called. Not after DONE was called. NULL is ignored. */
void haw_output_cancel(struct haw_output *output);

/* ---- Connecting ---- */

struct haw_connect;

/* All zero: as the system has it. Strings are borrowed. */
struct haw_socket_options {
	const char *bind_address;    /* name or address to connect from: haw_connect_start resolves it */
	const struct sockaddr *from; /* the same, resolved, of the family of the connection */
	const char *bind_interface;  /* or from an address of this interface */
	bool keep_alive;	     /* SO_KEEPALIVE */
	bool has_traffic_class;
	int traffic_class;	    /* IP_TOS, IPV6_TCLASS */
};

/* Prepare FD, which is to be connected to TO. 0, or the errno that says why it cannot come from where it
 * shall. */
int haw_socket_set_options(int fd, const struct haw_socket_options *options, const struct sockaddr *to);

struct haw_connect_options {
	const char *host;	/* name or numeric address; copied */
	uint16_t port;
	int family;		/* AF_UNSPEC, AF_INET or AF_INET6 */
	uint64_t timeout_ns;	/* for everything, resolution included; 0: as the system has it */
	haw_resolve_fn resolve; /* NULL: getaddrinfo on the loop's resolver thread */
	void *resolve_user;
	struct haw_socket_options socket;
	/* Called once: with the stream, or NULL and the error. The connect is gone when it is called. */
	void (*done)(void *user, struct haw_stream *stream, const haw_error *err);
	void *user;
};

/* Connect to a host by TCP, trying its addresses as RFC 8305 says: families in turn, the next after
 * 250 ms or as soon as one fails, the first to answer wins. Fails with HAW_ERESOLVE,
 * HAW_ECONNECT (each address that was tried with its reason) or HAW_ETIMEDOUT. Numeric hosts
 * need no resolution; for names the loop starts its resolver thread on first use. NULL if
 * it cannot be started, and DONE is not called then. */
struct haw_connect *haw_connect_start(struct haw_io *io, const struct haw_connect_options *options,
				      haw_error *err);
/* Give up; DONE is not called. Not after DONE was called. */
void haw_connect_cancel(struct haw_connect *connect);

/* ---- Accepting ---- */

struct haw_listener;

struct haw_listen_options {
	/* A connection: FD is non-blocking, close-on-exec, and the callback's to keep. May close the
	 * listener. */
	void (*accepted)(void *user, int fd, const struct sockaddr *address, socklen_t length);
	/* Accepting failed (out of descriptors, of memory) with this errno and pauses for 100 ms, while
	 * callers wait in the queue; may be NULL. */
	void (*failed)(void *user, int sys_errno);
	void *user;
};

/* Accept on FD, a listening socket that the listener takes over, on failure too. */
struct haw_listener *haw_listen_fd(struct haw_io *io, int fd, const struct haw_listen_options *options,
				   haw_error *err);
/* Bind to ADDRESS, a numeric IPv4 or IPv6 address, and PORT (0: any free one), and accept. */
struct haw_listener *haw_listen(struct haw_io *io, const char *address, uint16_t port,
				const struct haw_listen_options *options, haw_error *err);
/* The port that a TCP listener is bound to, or 0. */
uint16_t haw_listener_port(const struct haw_listener *listener);
/* Stop accepting and close. NULL is ignored. */
void haw_listener_close(struct haw_listener *listener);

#endif
