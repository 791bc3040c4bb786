/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over descriptors: sockets, and anything else that can be polled.
 *
 * Both directions try a direct, non-blocking system call first and wait for readiness only when
 * it did not do; a call that moved less than it was asked for has emptied (or filled) a TCP socket, so
 * the next one waits without asking the kernel again.
 *
 * Batched receiving. A sender that is paced or slower than us would wake us for every few
 * segments. After two reads in a row of BATCH_ENTER bytes or more, SO_RCVLOWAT asks the kernel to
 * wake us for BATCH_BYTES only, and a timer bounds what that can cost: when it fires, whatever is
 * there is taken and batching ends. The end of the stream and errors are reported at once by the
 * kernel under any SO_RCVLOWAT.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nic/stream_base.h"

enum {
	BATCH_ENTER = 128 * 1024,
	BATCH_BYTES = 256 * 1024,
	BATCH_WAIT_NS = 300 * 1000
};

struct fd_stream {
	struct haw_stream base;
	struct haw_watch in, out; /* one descriptor: IN serves both directions */
	int read_fd, write_fd;	/* -1: closed; equal for one descriptor */
	int read_flags, write_flags; /* file status as found */
	bool socket, tcp;
	bool drained;		/* the last read took all there was */
	bool batching;
	unsigned large_reads;	/* in a row, until batching */
	struct haw_timer batch_timer;
};

static struct fd_stream *of(struct haw_stream *stream)
{
	return (struct fd_stream *)stream;
}

static struct fd_stream *of_in(struct haw_watch *watch)
{
	return (struct fd_stream *)((char *)watch - offsetof(struct fd_stream, in));
}

static struct fd_stream *of_out(struct haw_watch *watch)
{
	return (struct fd_stream *)((char *)watch - offsetof(struct fd_stream, out));
}

static struct haw_watch *write_watch(struct fd_stream *s)
{
	return s->read_fd == s->write_fd ? &s->in : &s->out;
}

static int code_of(int sys_errno)
{
	switch (sys_errno) {
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
	case ENOTCONN:
		return HAW_ECLOSED;
	case ETIMEDOUT:
		return HAW_ETIMEDOUT;
	default:
		return HAW_ESYSTEM;
	}
}

/* ---- Sending ---- */

/* writev without SIGPIPE: the library neither installs handlers nor lets a broken pipe end the
 * process. The signal goes to the thread that writes, so it is blocked here, and taken back if it was
 * not pending before. Sockets do not come here; MSG_NOSIGNAL spares them the calls. */
static ssize_t write_pipe(int fd, const struct iovec *iov, int count)
{
	static const struct timespec none;
	sigset_t pipe_set, old, pending;
	bool was_pending;
	ssize_t n;
	int saved;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	n = writev(fd, iov, count);
	saved = errno;
	if (n < 0 && saved == EPIPE && !was_pending) {
		while (sigtimedwait(&pipe_set, NULL, &none) < 0 && errno == EINTR)
			continue;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return n;
}

static ssize_t write_some(struct fd_stream *s, struct haw_send *op, size_t *asked)
{
	struct iovec iov[HAW_SEND_SPANS];
	struct msghdr message = {.msg_iov = iov};
	haw_span next = haw_send_next(op);

	*asked = 0;
	for (unsigned i = op->at; i < op->count; i++) {
		if (i > op->at)
			next = op->spans[i];
		iov[message.msg_iovlen++] = (struct iovec){.iov_base = (void *)next.ptr, .iov_len = next.len};
		*asked += next.len;
	}
	if (s->socket)
		return sendmsg(s->write_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return write_pipe(s->write_fd, iov, (int)message.msg_iovlen);
}

/* 1: all gone; 0: the descriptor takes no more now; or a code with op->sys_errno. */
static int try_send(struct fd_stream *s, struct haw_send *op)
{
	for (;;) {
		size_t asked;
		ssize_t n = write_some(s, op, &asked);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0) {
			op->sys_errno = errno;
			return code_of(errno);
		}
		s->base.sent += (size_t)n;
		if (haw_send_advance(op, (size_t)n))
			return 1;
		/* TCP takes less than asked only when its buffer is full, and then it tells when there
		 * is room again. */
		if (s->tcp && (size_t)n < asked)
			return 0;
	}
}

static int fd_send(struct haw_stream *stream, struct haw_send *op)
{
	struct fd_stream *s = of(stream);
	int rc;

	if (s->write_fd < 0)
		return HAW_ECLOSED;
	rc = try_send(s, op);
	if (rc == 0)
		haw_watch_want(stream->io, write_watch(s), HAW_WATCH_OUT);
	return rc;
}

static void writable(struct fd_stream *s)
{
	struct haw_send *op = s->base.send;
	int rc;

	if (!op)
		return;
	rc = try_send(s, op);
	if (rc == 0)
		haw_watch_want(s->base.io, write_watch(s), HAW_WATCH_OUT);
	else
		haw_stream_send_done(&s->base, rc < 0 ? rc : 0, op->sys_errno);
}

/* ---- Receiving ---- */

static void set_receive_low(struct fd_stream *s, int bytes)
{
	setsockopt(s->read_fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
	s->batching = bytes > 1;
	s->large_reads = 0;
}

static void account_read(struct fd_stream *s, size_t n, size_t asked)
{
	s->base.received += n;
	s->drained = s->tcp && n < asked && !s->in.hangup;
	if (!s->tcp || s->batching)
		return;
	s->large_reads = n >= BATCH_ENTER ? s->large_reads + 1 : 0;
	if (s->large_reads >= 2)
		set_receive_low(s, BATCH_BYTES);
}

/* As fd_receive, without waiting. */
static int try_receive(struct fd_stream *s, struct haw_receive *op)
{
	for (;;) {
		ssize_t n = s->socket ? recv(s->read_fd, op->ptr, op->len, MSG_DONTWAIT)
				      : read(s->read_fd, op->ptr, op->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0) {
			op->sys_errno = errno;
			return code_of(errno);
		}
		op->result = n;
		if (n > 0)
			account_read(s, (size_t)n, op->len);
		else
			s->drained = false;
		return 1;
	}
}

static void finish_receive(struct fd_stream *s, int rc)
{
	struct haw_receive *op = s->base.receive;

	haw_timer_cancel(s->base.io, &s->batch_timer);
	haw_watch_unwant(&s->in, HAW_WATCH_IN);
	haw_stream_receive_done(&s->base, rc < 0 ? rc : op->result, op->sys_errno);
}

/* Too little came in time: take it as it is, and be woken by any byte again. */
static void batch_expired(void *user)
{
	struct fd_stream *s = user;
	int rc;

	set_receive_low(s, 1);
	rc = try_receive(s, s->base.receive);
	if (rc != 0)
		finish_receive(s, rc);
}

static void wait_readable(struct fd_stream *s)
{
	haw_watch_want(s->base.io, &s->in, HAW_WATCH_IN);
	if (s->batching && !s->batch_timer.set)
		haw_timer_set(s->base.io, &s->batch_timer, haw_io_now(s->base.io) + BATCH_WAIT_NS,
			      batch_expired, s);
}

static int fd_receive(struct haw_stream *stream, struct haw_receive *op)
{
	struct fd_stream *s = of(stream);
	bool edge = haw_watch_take_edge(&s->in, HAW_WATCH_IN);
	int rc = s->drained && !edge ? 0 : try_receive(s, op);

	if (rc == 0)
		wait_readable(s);
	return rc;
}

static void readable(struct fd_stream *s)
{
	int rc;

	if (!s->base.receive)
		return;
	rc = try_receive(s, s->base.receive);
	if (rc == 0)
		wait_readable(s);
	else
		finish_receive(s, rc);
}

static void fd_cancel_receive(struct haw_stream *stream)
{
	struct fd_stream *s = of(stream);

	haw_timer_cancel(stream->io, &s->batch_timer);
	haw_watch_unwant(&s->in, HAW_WATCH_IN);
}

/* ---- Life ---- */

static void in_fired(struct haw_watch *watch, unsigned event)
{
	if (event == HAW_WATCH_IN)
		readable(of_in(watch));
	else
		writable(of_in(watch));
}

static void out_fired(struct haw_watch *watch, unsigned event)
{
	writable(of_out(watch));
}

static int fd_attach(struct haw_stream *stream, haw_error *err)
{
	struct fd_stream *s = of(stream);
	bool one = s->read_fd == s->write_fd;
	int rc;

	s->in = (struct haw_watch){.fd = s->read_fd, .fn = in_fired,
				   .interest = one ? HAW_WATCH_IN | HAW_WATCH_OUT : HAW_WATCH_IN};
	s->out = (struct haw_watch){.fd = s->write_fd, .fn = out_fired, .interest = HAW_WATCH_OUT};
	rc = haw_watch_add(stream->io, &s->in, err);
	if (rc == 0 && !one)
		rc = haw_watch_add(stream->io, &s->out, err);
	if (rc < 0)
		haw_watch_remove(stream->io, &s->in);
	return rc;
}

/* Terminals and pipes may be shared with processes that expect calls to block, as they did. */
static void let_go(struct fd_stream *s, int fd, int flags)
{
	if (!s->socket && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags);
	close(fd);
}

static void close_write(struct fd_stream *s)
{
	if (s->write_fd < 0)
		return;
	if (s->base.io)
		haw_watch_remove(s->base.io, &s->out);
	if (s->write_fd != s->read_fd)
		let_go(s, s->write_fd, s->write_flags);
	s->write_fd = -1;
}

static int fd_shutdown_write(struct haw_stream *stream, haw_error *err)
{
	struct fd_stream *s = of(stream);
	char text[128];

	if (s->write_fd < 0)
		return 0;
	if (s->socket) {
		if (shutdown(s->write_fd, SHUT_WR) == 0 || errno == ENOTCONN)
			return 0;
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno, "cannot end the stream: %s",
				     haw_reason(errno, text, sizeof(text)));
	}
	if (s->write_fd == s->read_fd)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "a descriptor that is not a socket cannot be closed by halves");
	close_write(s);
	return 0;
}

static void fd_close(struct haw_stream *stream)
{
	struct fd_stream *s = of(stream);

	if (stream->io) {
		haw_timer_cancel(stream->io, &s->batch_timer);
		haw_watch_remove(stream->io, &s->in);
	}
	close_write(s);
	let_go(s, s->read_fd, s->read_flags);
}

static void fd_free(struct haw_stream *stream)
{
	free(of(stream));
}

static int fd_socket(const struct haw_stream *stream)
{
	const struct fd_stream *s = (const struct fd_stream *)stream;

	return s->socket ? s->read_fd : -1;
}

static void fd_set_unsent_limit(struct haw_stream *stream, unsigned bytes)
{
	struct fd_stream *s = of(stream);

	if (s->tcp && s->write_fd >= 0)
		setsockopt(s->write_fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

static const struct haw_stream_ops fd_ops = {
	.attach = fd_attach,
	.send = fd_send,
	.receive = fd_receive,
	.cancel_receive = fd_cancel_receive,
	.shutdown_write = fd_shutdown_write,
	.close = fd_close,
	.free = fd_free,
	.socket = fd_socket,
	.set_unsent_limit = fd_set_unsent_limit,
};

/* Returns 0 or errno. */
static int inspect(struct fd_stream *s)
{
	struct stat st;
	int type, on = 1;
	socklen_t length = sizeof(type);

	if (fstat(s->read_fd, &st) < 0 || fstat(s->write_fd, &st) < 0)
		return errno;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return EINVAL;
	s->read_flags = fcntl(s->read_fd, F_GETFL);
	s->write_flags = fcntl(s->write_fd, F_GETFL);
	s->socket = getsockopt(s->read_fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
		    getsockopt(s->write_fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
	if (s->socket && type != SOCK_STREAM)
		return EPROTOTYPE;
	/* Small packets must not wait for the acknowledgement of earlier ones. Fails where there is no TCP.
	 */
	s->tcp = s->socket && setsockopt(s->write_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
	type = haw_fd_prepare(s->read_fd);
	return type != 0 || s->read_fd == s->write_fd ? type : haw_fd_prepare(s->write_fd);
}

haw_stream *haw_stream_new_fds(int read_fd, int write_fd, haw_error *err)
{
	struct fd_stream *s = calloc(1, sizeof(*s));
	char text[128];
	int e;

	if (!s) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for a stream");
		return NULL;
	}
	s->read_fd = read_fd;
	s->write_fd = write_fd;
	e = inspect(s);
	if (e != 0) {
		haw_error_set(err, e == EINVAL || e == EPROTOTYPE || e == EBADF ? HAW_EINVAL : HAW_ESYSTEM,
			      HAW_FAULT_LOCAL, e, "descriptors %d and %d do not make a byte stream: %s",
			      read_fd, write_fd, haw_reason(e, text, sizeof(text)));
		free(s);
		return NULL;
	}
	haw_stream_init(&s->base, &fd_ops);
	return &s->base;
}

struct haw_stream *haw_stream_adopt_pair(struct haw_io *io, int read_fd, int write_fd, haw_error *err)
{
	struct haw_stream *stream = haw_stream_new_fds(read_fd, write_fd, err);

	if (!stream) {
		close(read_fd);
		if (write_fd != read_fd)
			close(write_fd);
		return NULL;
	}
	if (haw_stream_attach(io, stream, err) < 0) {
		haw_stream_free(stream);
		return NULL;
	}
	/* The loop's hold remains. */
	haw_stream_free(stream);
	return stream;
}

struct haw_stream *haw_stream_adopt(struct haw_io *io, int fd, haw_error *err)
{
	return haw_stream_adopt_pair(io, fd, fd, err);
}
