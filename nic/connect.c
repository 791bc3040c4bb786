/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to a host by name or address, as RFC 8305 has it ("Happy Eyeballs").
 *
 *	(resolve where to connect from ->)
 *	resolve -> addresses, families in turn -> attempt 0
 *	                                          attempt 1, 250 ms later or when 0 has failed
 *	                                          ...
 *	the first attempt that connects wins; the others are closed.
 *
 * The answer of one getaddrinfo call holds both families, so there is no separate wait for
 * either (RFC 8305 §3).
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/resolver.h"

/* RFC 8305 §5, §8: Connection Attempt Delay. */
enum { ATTEMPT_DELAY_NS = 250 * 1000 * 1000 };

struct attempt {
	struct haw_connect *connect;
	struct haw_watch watch;	/* fd -1: not started or over */
	int sys_errno;		/* why it failed */
};

struct haw_connect {
	struct haw_io *io;
	struct haw_connect_options options; /* host: this struct's copy */
	struct haw_resolution *question; /* while it waits for its answer */
	bool where_from; /* the question is about the address to connect from */
	unsigned from_count;
	union haw_address from[HAW_RESOLUTION_ADDRESSES];
	unsigned count, started, failed;
	union haw_address addresses[HAW_RESOLUTION_ADDRESSES];
	struct attempt attempts[HAW_RESOLUTION_ADDRESSES];
	struct haw_timer next, timeout, finish;
	struct haw_stream *stream; /* the winner, until the caller is told */
	haw_error error;
	char shown[128];	/* the host, for messages */
	char shown_from[128];
	char host[];		/* and behind it the name to connect from */
};

static void start_next(struct haw_connect *c);

/* ---- The end ---- */

static void end_attempt(struct attempt *a)
{
	if (a->watch.fd < 0)
		return;
	haw_watch_remove(a->connect->io, &a->watch);
	close(a->watch.fd);
	a->watch.fd = -1;
}

static void stop(struct haw_connect *c)
{
	haw_timer_cancel(c->io, &c->next);
	haw_timer_cancel(c->io, &c->timeout);
	if (c->question)
		c->question->answered = NULL;
	c->question = NULL;
	for (unsigned i = 0; i < c->started; i++)
		end_attempt(&c->attempts[i]);
}

void haw_connect_cancel(struct haw_connect *c)
{
	stop(c);
	haw_timer_cancel(c->io, &c->finish);
	haw_stream_close(c->stream);
	free(c);
}

static void tell(void *user)
{
	struct haw_connect *c = user;
	struct haw_connect_options options = c->options;
	struct haw_stream *stream = c->stream;
	haw_error error = c->error;

	free(c);
	options.done(options.user, stream, stream ? NULL : &error);
}

/* The caller is told in the next turn: this may be inside haw_connect_start. */
static void finish(struct haw_connect *c)
{
	stop(c);
	haw_timer_set(c->io, &c->finish, haw_io_now(c->io), tell, c);
}

/* "127.0.0.1: Connection refused; ::1: ..." for every attempt made. */
static const char *list_attempts(const struct haw_connect *c, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < c->started && at < size; i++) {
		const struct attempt *a = &c->attempts[i];
		char host[64] = "?", reason[128];
		const char *why =
			a->sys_errno ? haw_reason(a->sys_errno, reason, sizeof(reason)) : "no answer";

		getnameinfo(&c->addresses[i].any, sizeof(c->addresses[i]), host, sizeof(host), NULL, 0,
			    NI_NUMERICHOST);
		at += (size_t)snprintf(text + at, size - at, "%s%s: %s", i > 0 ? "; " : "", host, why);
	}
	return text;
}

static void fail_all(struct haw_connect *c)
{
	char text[384];

	haw_error_set(&c->error, HAW_ECONNECT, HAW_FAULT_SYSTEM, c->attempts[c->started - 1].sys_errno,
		      "cannot connect to %s port %u (%s)", c->shown, (unsigned)c->options.port,
		      list_attempts(c, text, sizeof(text)));
	finish(c);
}

static void timed_out(void *user)
{
	struct haw_connect *c = user;
	double seconds = (double)c->options.timeout_ns / 1e9;
	char text[384];

	if (c->question)
		haw_error_set(&c->error, HAW_ETIMEDOUT, HAW_FAULT_SYSTEM, ETIMEDOUT,
			      "the name %s was not resolved within %g s",
			      c->where_from ? c->shown_from : c->shown, seconds);
	else
		haw_error_set(&c->error, HAW_ETIMEDOUT, HAW_FAULT_SYSTEM, ETIMEDOUT,
			      "no connection to %s port %u within %g s (%s)", c->shown,
			      (unsigned)c->options.port, seconds, list_attempts(c, text, sizeof(text)));
	finish(c);
}

/* ---- Attempts ---- */

static void attempt_failed(struct attempt *a, int sys_errno)
{
	struct haw_connect *c = a->connect;

	end_attempt(a);
	a->sys_errno = sys_errno;
	c->failed++;
}

static void connected(struct attempt *a)
{
	struct haw_connect *c = a->connect;
	int fd = a->watch.fd;

	haw_watch_remove(c->io, &a->watch);
	a->watch.fd = -1;
	c->stream = haw_stream_adopt(c->io, fd, &c->error);
	finish(c);
}

/* What became of a connect that was under way: 0, EINPROGRESS, or why it failed. */
static int attempt_result(int fd)
{
	union haw_address peer;
	socklen_t length = sizeof(int);
	int e = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &length) < 0)
		return errno;
	if (e != 0)
		return e;
	length = sizeof(peer);
	if (getpeername(fd, &peer.any, &length) == 0)
		return 0;
	return errno == ENOTCONN ? EINPROGRESS : errno;
}

static void attempt_fired(struct haw_watch *watch, unsigned event)
{
	struct attempt *a = (struct attempt *)((char *)watch - offsetof(struct attempt, watch));
	int e = attempt_result(watch->fd);

	if (e == EINPROGRESS) {
		haw_watch_want(a->connect->io, watch, event);
	} else if (e == 0) {
		connected(a);
	} else {
		attempt_failed(a, e);
		start_next(a->connect);
	}
}

/* The first address to connect from that is of FAMILY, or NULL. */
static const struct sockaddr *choose_from(const struct haw_connect *c, int family)
{
	for (unsigned i = 0; i < c->from_count; i++)
		if (c->from[i].any.sa_family == family)
			return &c->from[i].any;
	return NULL;
}

/* Returns 0 if connected, EINPROGRESS, or why not. */
static int start_attempt(struct haw_connect *c, struct attempt *a, const union haw_address *address)
{
	socklen_t length = address->any.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
	struct haw_socket_options options = c->options.socket;
	haw_error error;
	int reason;

	a->connect = c;
	a->watch.fd = -1;
	options.from = choose_from(c, address->any.sa_family);
	if (options.bind_address && !options.from)
		return EADDRNOTAVAIL;
	a->watch = (struct haw_watch){.interest = HAW_WATCH_OUT, .fn = attempt_fired};
	a->watch.fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->watch.fd < 0)
		return errno;
	reason = haw_socket_set_options(a->watch.fd, &options, &address->any);
	if (reason != 0) {
		close(a->watch.fd);
		a->watch.fd = -1;
		return reason;
	}
	if (connect(a->watch.fd, &address->any, length) == 0)
		return 0;
	/* An interrupted connect goes on by itself. */
	if (errno != EINPROGRESS && errno != EINTR)
		return errno;
	if (haw_watch_add(c->io, &a->watch, &error) < 0)
		return error.sys_errno ? error.sys_errno : ENOMEM;
	haw_watch_want(c->io, &a->watch, HAW_WATCH_OUT);
	return EINPROGRESS;
}

static void delay_over(void *user)
{
	start_next(user);
}

static void start_next(struct haw_connect *c)
{
	while (c->started < c->count) {
		struct attempt *a = &c->attempts[c->started];
		int e = start_attempt(c, a, &c->addresses[c->started]);

		c->started++;
		if (e == 0) {
			connected(a);
			return;
		}
		if (e == EINPROGRESS) {
			if (c->started < c->count)
				haw_timer_set(c->io, &c->next, haw_io_now(c->io) + ATTEMPT_DELAY_NS,
					      delay_over, c);
			else
				haw_timer_cancel(c->io, &c->next);
			return;
		}
		attempt_failed(a, e);
	}
	if (c->failed == c->count)
		fail_all(c);
}

/* ---- Addresses ---- */

static bool wanted(const struct haw_connect *c, const union haw_address *address)
{
	return c->options.family == AF_UNSPEC || address->any.sa_family == c->options.family;
}

/* The resolver's order of preference, with the families taking turns (RFC 8305 §4). */
static void take_addresses(struct haw_connect *c, const struct haw_resolution *r)
{
	bool taken[HAW_RESOLUTION_ADDRESSES] = {false};
	int last = AF_UNSPEC;

	for (;;) {
		unsigned first = r->count, other = r->count, pick;

		for (unsigned i = r->count; i-- > 0;) {
			if (taken[i] || !wanted(c, &r->addresses[i]))
				continue;
			first = i;
			if (r->addresses[i].any.sa_family != last)
				other = i;
		}
		pick = other < r->count ? other : first;
		if (pick == r->count)
			return;
		taken[pick] = true;
		last = r->addresses[pick].any.sa_family;
		c->addresses[c->count++] = r->addresses[pick];
	}
}

static void answered(void *user, struct haw_resolution *r)
{
	struct haw_connect *c = user;

	c->question = NULL;
	take_addresses(c, r);
	if (c->count > 0) {
		start_next(c);
		return;
	}
	haw_error_set(&c->error, HAW_ERESOLVE, HAW_FAULT_SYSTEM, 0, "the host %s has no address: %s",
		      c->shown, r->reason[0] ? r->reason : "none of the family that was asked for");
	finish(c);
}

/* Ask for the addresses of NAME with PORT, for ANSWERED. Numeric ones are known at once. */
static int ask_for(struct haw_connect *c, const char *name, uint16_t port,
		   void (*done)(void *user, struct haw_resolution *r), haw_error *err)
{
	const struct haw_connect_options *o = &c->options;
	struct haw_resolution *r = haw_resolution_new(c->io, port, done, c);

	if (!r)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for a connection");
	if (haw_resolution_lookup(r, name, AF_UNSPEC, AI_NUMERICHOST) == 0) {
		done(c, r);
		haw_resolution_drop(r);
		return 0;
	}
	if (!o->resolve && haw_resolver_ask(c->io, name, o->family, r, err) < 0) {
		haw_resolution_drop(r);
		return HAW_ERESOLVE;
	}
	c->question = r;
	if (o->resolve)
		o->resolve(o->resolve_user, name, port, o->family, r);
	return 0;
}

static int ask_host(struct haw_connect *c, haw_error *err)
{
	c->where_from = false;
	return ask_for(c, c->host, c->options.port, answered, err);
}

static void answered_from(void *user, struct haw_resolution *r)
{
	struct haw_connect *c = user;

	c->question = NULL;
	c->from_count = r->count;
	memcpy(c->from, r->addresses, sizeof(c->from));
	for (unsigned i = 0; i < c->from_count; i++) {
		if (c->from[i].any.sa_family == AF_INET)
			c->from[i].in.sin_port = 0;
		else
			c->from[i].in6.sin6_port = 0;
	}
	if (r->count == 0)
		haw_error_set(&c->error, HAW_ERESOLVE, HAW_FAULT_SYSTEM, 0,
			      "%s, where the connection shall come from (BindAddress), has no address: %s",
			      c->shown_from,
			      r->reason[0] ? r->reason : "none of the family that was asked for");
	else if (ask_host(c, &c->error) == 0)
		return;
	finish(c);
}

static int ask(struct haw_connect *c, haw_error *err)
{
	if (!c->options.socket.bind_address)
		return ask_host(c, err);
	c->where_from = true;
	return ask_for(c, c->options.socket.bind_address, 0, answered_from, err);
}

struct haw_connect *haw_connect_start(struct haw_io *io, const struct haw_connect_options *options,
				      haw_error *err)
{
	const char *from = options->socket.bind_address ? options->socket.bind_address : "";
	size_t size = strlen(options->host) + 1, from_size = strlen(from) + 1;
	struct haw_connect *c = calloc(1, sizeof(*c) + size + from_size);

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for a connection");
		return NULL;
	}
	c->io = io;
	c->options = *options;
	memcpy(c->host, options->host, size);
	c->options.host = c->host;
	haw_escape(c->shown, sizeof(c->shown), c->host, size - 1);
	haw_escape(c->shown_from, sizeof(c->shown_from), from, from_size - 1);
	if (options->socket.bind_address)
		c->options.socket.bind_address = memcpy(c->host + size, from, from_size);
	if (options->timeout_ns > 0)
		haw_timer_set(io, &c->timeout, haw_io_now(io) + options->timeout_ns, timed_out, c);
	if (ask(c, err) < 0) {
		stop(c);
		free(c);
		return NULL;
	}
	return c;
}
