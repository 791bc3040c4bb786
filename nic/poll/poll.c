/* SPDX-License-Identifier: Apache-2.0
 *
 * The poll engine: epoll, for kernels and containers without io_uring.
 *
 * Descriptors are registered once, edge-triggered, for everything that will ever be wanted of
 * them. That spares the two epoll_ctl calls a wait that arming and disarming would cost, and holds because
 * streams try before they wait and remember edges that came unasked (struct haw_watch).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "nic/loop.h"

enum { EVENTS = 64 };

struct poll_io {
	struct haw_io io;
	int fd;
	bool coarse;		/* the kernel lacks epoll_pwait2 (Linux 5.11) */
};

static struct poll_io *of(struct haw_io *io)
{
	return (struct poll_io *)io;
}

static void poll_free(struct haw_io *io)
{
	close(of(io)->fd);
	free(of(io));
}

static int poll_fd(struct haw_io *io)
{
	return of(io)->fd;
}

static int poll_add(struct haw_io *io, struct haw_watch *watch, haw_error *err)
{
	struct epoll_event event = {.events = EPOLLET | EPOLLRDHUP, .data.u64 = haw_watch_key(io, watch)};
	char text[128];

	if (watch->interest & HAW_WATCH_IN)
		event.events |= EPOLLIN;
	if (watch->interest & HAW_WATCH_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(of(io)->fd, EPOLL_CTL_ADD, watch->fd, &event) == 0)
		return 0;
	return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno, "cannot wait for a descriptor: %s",
			     haw_reason(errno, text, sizeof(text)));
}

static void poll_remove(struct haw_io *io, struct haw_watch *watch)
{
	struct epoll_event event = {0};

	epoll_ctl(of(io)->fd, EPOLL_CTL_DEL, watch->fd, &event);
}

static int wait_coarse(int fd, struct epoll_event *events, int64_t timeout_ns)
{
	int64_t ms = timeout_ns < 0 ? -1 : timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	return epoll_wait(fd, events, EVENTS, ms > 3600000 ? 3600000 : (int)ms);
}

static int wait_events(struct poll_io *p, struct epoll_event *events, int64_t timeout_ns)
{
	struct timespec ts = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
	int n;

	/* Whole milliseconds would stretch the 300 µs of a batched receive threefold. */
	if (timeout_ns <= 0 || p->coarse)
		return wait_coarse(p->fd, events, timeout_ns);
	n = epoll_pwait2(p->fd, events, EVENTS, &ts, NULL);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		p->coarse = true;
		n = wait_coarse(p->fd, events, timeout_ns);
	}
	return n;
}

static int poll_wait(struct haw_io *io, int64_t timeout_ns, haw_error *err)
{
	struct epoll_event events[EVENTS];
	char text[128];
	int n = wait_events(of(io), events, timeout_ns);

	haw_io_tick(io);
	if (n < 0 && errno != EINTR)
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
				     "cannot wait for descriptors: %s",
				     haw_reason(errno, text, sizeof(text)));
	for (int i = 0; i < n; i++) {
		uint32_t what = events[i].events;
		bool hangup = what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
		unsigned fired = 0;

		if (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			fired |= HAW_WATCH_IN;
		if (what & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			fired |= HAW_WATCH_OUT;
		haw_io_fire(io, events[i].data.u64, fired, hangup);
	}
	return 0;
}

static const struct haw_io_engine poll_engine = {
	.name = "poll",
	.free = poll_free,
	.fd = poll_fd,
	.add = poll_add,
	.remove = poll_remove,
	.wait = poll_wait,
};

struct haw_io *haw_poll_new(haw_error *err)
{
	struct poll_io *p = calloc(1, sizeof(*p));
	char text[128];

	if (!p) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for an I/O loop");
		return NULL;
	}
	p->io.engine = &poll_engine;
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->fd < 0) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "cannot make an epoll descriptor: %s", haw_reason(errno, text, sizeof(text)));
		free(p);
		return NULL;
	}
	return &p->io;
}
