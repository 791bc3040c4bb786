/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic/resolver.h"

enum {
	BACKLOG = 512,
	/* Connections taken in one turn, so that a flood does not starve those that are there. */
	TURN = 64,
	PAUSE_NS = 100 * 1000 * 1000
};

struct haw_listener {
	struct haw_io *io;
	struct haw_listen_options options;
	struct haw_watch watch;
	struct haw_timer again;
	bool accepting, closed;	/* closed while accepting: freed at its end */
};

static void accept_some(void *user);

static bool transient(int e)
{
	/* The connection is gone, or its network had an error that accept(2) passes on. */
	switch (e) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

/* Out of descriptors or memory: the connection stays in the queue, and trying again at once would
 * spin. */
static void pause_accepting(struct haw_listener *l, int sys_errno)
{
	haw_timer_set(l->io, &l->again, haw_io_now(l->io) + PAUSE_NS, accept_some, l);
	haw_callback_made(l->io);
	if (l->options.failed)
		l->options.failed(l->options.user, sys_errno);
}

/* Take one connection. 0, or the errno that ends this turn. */
static int accept_one(struct haw_listener *l)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd = accept4(l->watch.fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return transient(errno) ? 0 : errno;
	haw_callback_made(l->io);
	l->options.accepted(l->options.user, fd, (struct sockaddr *)&address, length);
	return 0;
}

static void accept_some(void *user)
{
	struct haw_listener *l = user;
	int e = 0;

	l->accepting = true;
	for (int i = 0; i < TURN && !l->closed && e == 0; i++)
		e = accept_one(l);
	l->accepting = false;
	if (l->closed)
		free(l);
	else if (e == 0)
		haw_timer_set(l->io, &l->again, haw_io_now(l->io), accept_some, l);
	else if (e == EAGAIN || e == EWOULDBLOCK)
		haw_watch_want(l->io, &l->watch, HAW_WATCH_IN);
	else
		pause_accepting(l, e);
}

static void fired(struct haw_watch *watch, unsigned event)
{
	accept_some((char *)watch - offsetof(struct haw_listener, watch));
}

static struct haw_listener *failed(int fd, haw_error *err, int sys_errno, const char *what)
{
	char text[128];

	if (fd >= 0)
		close(fd);
	haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, sys_errno, "cannot %s: %s", what,
		      haw_reason(sys_errno, text, sizeof(text)));
	return NULL;
}

struct haw_listener *haw_listen_fd(struct haw_io *io, int fd, const struct haw_listen_options *options,
				   haw_error *err)
{
	struct haw_listener *l;
	int e = haw_fd_prepare(fd);

	if (e != 0)
		return failed(fd, err, e, "accept connections");
	l = calloc(1, sizeof(*l));
	if (!l)
		return failed(fd, err, ENOMEM, "accept connections");
	l->io = io;
	l->options = *options;
	l->watch = (struct haw_watch){.fd = fd, .interest = HAW_WATCH_IN, .fn = fired};
	if (haw_watch_add(io, &l->watch, err) < 0) {
		close(fd);
		free(l);
		return NULL;
	}
	/* What waits already may have had its edge: the first turn tries. */
	haw_timer_set(io, &l->again, haw_io_now(io), accept_some, l);
	return l;
}

struct haw_listener *haw_listen(struct haw_io *io, const char *address, uint16_t port,
				const struct haw_listen_options *options, haw_error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *info;
	char text[8];
	int fd, e = 0, on = 1;

	snprintf(text, sizeof(text), "%u", (unsigned)port);
	if (getaddrinfo(address, text, &hints, &info) != 0) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "the address to listen on is not a numeric one");
		return NULL;
	}
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (info->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		e = errno;
	freeaddrinfo(info);
	return e != 0 ? failed(fd, err, e, "listen for connections") : haw_listen_fd(io, fd, options, err);
}

uint16_t haw_listener_port(const struct haw_listener *l)
{
	union haw_address address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(l->watch.fd, &address.any, &length) < 0)
		return 0;
	if (address.any.sa_family == AF_INET)
		return ntohs(address.in.sin_port);
	return address.any.sa_family == AF_INET6 ? ntohs(address.in6.sin6_port) : 0;
}

void haw_listener_close(struct haw_listener *l)
{
	if (!l)
		return;
	haw_timer_cancel(l->io, &l->again);
	haw_watch_remove(l->io, &l->watch);
	close(l->watch.fd);
	l->closed = true;
	if (!l->accepting)
		free(l);
}
