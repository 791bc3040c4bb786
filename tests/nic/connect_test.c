/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting, resolving, accepting.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nic_test.h"

struct attempt {
	bool done;
	int calls;
	struct haw_stream *stream;
	haw_error error;
};

static void attempt_done(void *user, struct haw_stream *stream, const haw_error *err)
{
	struct attempt *a = user;

	a->done = true;
	a->calls++;
	a->stream = stream;
	if (err)
		a->error = *err;
}

/* A listener of the loop that counts, and keeps the last connection. */
struct server {
	struct haw_listener *listener;
	int fd, count, failures, last_errno;
	bool any, failed;
};

static void server_accepted(void *user, int fd, const struct sockaddr *address, socklen_t length)
{
	struct server *s = user;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	s->count++;
	s->any = true;
}

static void server_failed(void *user, int sys_errno)
{
	struct server *s = user;

	s->failures++;
	s->failed = true;
	s->last_errno = sys_errno;
}

static uint16_t serve(struct haw_io *io, struct server *s, const char *address, uint16_t port)
{
	struct haw_listen_options options = {.accepted = server_accepted, .failed = server_failed, .user = s};

	*s = (struct server){.fd = -1};
	s->listener = haw_listen(io, address, port, &options, NULL);
	return s->listener ? haw_listener_port(s->listener) : 0;
}

static void end_server(struct server *s)
{
	haw_listener_close(s->listener);
	if (s->fd >= 0)
		close(s->fd);
}

/* A port where nobody listens: bound and not listening, so that nobody else gets it meanwhile. */
static int closed_port(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	*port = ntohs(address.sin_port);
	return fd;
}

static void numeric(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "127.0.0.1", .done = attempt_done, .user = &a};
	struct haw_send send = {.spans = {{(const uint8_t *)"hi", 2}}, .count = 1};

	CHECK(io && (o.port = serve(io, &s, "127.0.0.1", 0)) != 0);
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(!a.done);
	CHECK(nic_until(io, &a.done, 2000));
	CHECK(a.stream && a.calls == 1);
	CHECK(nic_until(io, &s.any, 2000) && s.count == 1);
	CHECK(haw_stream_send(a.stream, &send) == 1);
	haw_stream_close(a.stream);
	end_server(&s);
	haw_io_free(io);
}

static void by_name(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "localhost", .done = attempt_done, .user = &a};

	CHECK(io && (o.port = serve(io, &s, "127.0.0.1", 0)) != 0);
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(nic_until(io, &a.done, 5000));
	CHECK_MSG(a.stream, "%s", a.error.message);
	haw_stream_close(a.stream);
	end_server(&s);
	haw_io_free(io);
}

static void refused(void)
{
	struct haw_io *io = nic_loop();
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "127.0.0.1", .done = attempt_done, .user = &a};
	int fd = closed_port(&o.port);

	CHECK(io && fd >= 0);
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(!a.done);
	CHECK(nic_until(io, &a.done, 2000));
	CHECK(!a.stream && a.error.code == HAW_ECONNECT && a.error.sys_errno == ECONNREFUSED);
	CHECK(strstr(a.error.message, "127.0.0.1: Connection refused"));
	close(fd);
	haw_io_free(io);
}

/* ---- The caller's resolver ---- */

static int add(haw_resolution *r, const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return haw_resolution_add(r, (struct sockaddr *)&in, sizeof(in));
	inet_pton(AF_INET6, text, &in6.sin6_addr);
	return haw_resolution_add(r, (struct sockaddr *)&in6, sizeof(in6));
}

/* USER: addresses, NULL behind the last. */
static void resolve_list(void *user, const char *host, uint16_t port, int family, haw_resolution *r)
{
	for (const char *const *text = user; *text; text++) {
		if (add(r, *text) != 0)
			printf("  address %s was not taken\n", *text);
	}
	haw_resolution_end(r, "nobody by that name\x07");
}

static struct attempt connect_list(struct haw_io *io, const char *const *list, uint16_t port, int family)
{
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "host.example", .port = port, .family = family,
					.resolve = resolve_list, .resolve_user = (void *)list,
					.done = attempt_done, .user = &a};

	if (haw_connect_start(io, &o, &a.error))
		nic_until(io, &a.done, 5000);
	return a;
}

/* Addresses that refuse are passed over at once, and the failure of all names each. */
static void several_addresses(void)
{
	static const char *const good_last[] = {"127.0.0.9", "::1", "127.0.0.8", "127.0.0.1", NULL};
	static const char *const bad[] = {"127.0.0.9", "127.0.0.8", "::1", NULL};
	static const char *const none[] = {NULL};
	struct haw_io *io = nic_loop();
	struct server s;
	struct attempt a;
	uint16_t port;
	uint64_t start = nic_now();
	const char *v6, *second;

	CHECK(io && (port = serve(io, &s, "127.0.0.1", 0)) != 0);
	a = connect_list(io, good_last, port, AF_UNSPEC);
	CHECK(a.stream && nic_now() - start < 700 * MS);
	haw_stream_close(a.stream);
	a = connect_list(io, bad, port, AF_UNSPEC);
	CHECK(!a.stream && a.error.code == HAW_ECONNECT);
	/* RFC 8305 §4: the families take turns. */
	v6 = strstr(a.error.message, "::1: ");
	second = strstr(a.error.message, "127.0.0.8: ");
	CHECK_MSG(strstr(a.error.message, "127.0.0.9: ") && v6 && second && v6 < second, "%s",
		  a.error.message);
	CHECK(strstr(a.error.message, "host.example"));
	a = connect_list(io, bad, port, AF_INET6);
	CHECK(!strstr(a.error.message, "127.0.0.9"));
	a = connect_list(io, none, port, AF_UNSPEC);
	CHECK(a.error.code == HAW_ERESOLVE && strstr(a.error.message, "nobody by that name\\007"));
	end_server(&s);
	haw_io_free(io);
}

/* A listener whose queue is full leaves connects unanswered: SYNs are dropped. */
struct silent {
	int listener, fillers[8];
	uint16_t port;
};

static bool make_silent(struct silent *q, const char *text, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof(address);

	inet_pton(AF_INET, text, &address.sin_addr);
	q->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(q->listener, (struct sockaddr *)&address, length) < 0 || listen(q->listener, 0) < 0 ||
	    getsockname(q->listener, (struct sockaddr *)&address, &length) < 0)
		return false;
	q->port = ntohs(address.sin_port);
	for (int i = 0; i < 8; i++) {
		q->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(q->fillers[i], (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS)
			return false;
	}
	return true;
}

static void end_silent(struct silent *q)
{
	for (int i = 0; i < 8; i++)
		close(q->fillers[i]);
	close(q->listener);
}

/* RFC 8305 §5: an address that does not answer holds the next back for 250 ms, no longer. */
static void silent_address(void)
{
	static const char *const list[] = {"127.0.0.7", "127.0.0.1", NULL};
	struct haw_io *io = nic_loop();
	struct server s;
	struct silent q;
	struct attempt a;
	uint16_t port;
	uint64_t start;

	CHECK(io && (port = serve(io, &s, "127.0.0.1", 0)) != 0);
	CHECK(make_silent(&q, "127.0.0.7", port));
	start = nic_now();
	a = connect_list(io, list, port, AF_UNSPEC);
	CHECK(a.stream);
	CHECK(nic_now() - start >= 200 * MS && nic_now() - start < 900 * MS);
	haw_stream_close(a.stream);
	end_silent(&q);
	end_server(&s);
	haw_io_free(io);
}

static void timeout(void)
{
	struct haw_io *io = nic_loop();
	struct silent q;
	struct attempt a = {0};
	struct haw_connect_options o = {
		.host = "127.0.0.1", .timeout_ns = 100 * MS, .done = attempt_done, .user = &a};
	uint64_t start = nic_now();

	CHECK(io && make_silent(&q, "127.0.0.1", 0));
	o.port = q.port;
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(nic_until(io, &a.done, 5000));
	CHECK(a.error.code == HAW_ETIMEDOUT && nic_now() - start >= 100 * MS &&
	      nic_now() - start < 2000 * MS);
	CHECK_MSG(strstr(a.error.message, "127.0.0.1: no answer"), "%s", a.error.message);
	end_silent(&q);
	haw_io_free(io);
}

static void cancel(void)
{
	struct haw_io *io = nic_loop();
	struct silent q;
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "127.0.0.1", .done = attempt_done, .user = &a};
	struct haw_connect *c;

	CHECK(io && make_silent(&q, "127.0.0.1", 0));
	o.port = q.port;
	CHECK((c = haw_connect_start(io, &o, NULL)));
	nic_for(io, 20);
	haw_connect_cancel(c);
	/* One that has its result already, and nobody was told. */
	o.port = 1;
	CHECK((c = haw_connect_start(io, &o, NULL)));
	haw_connect_cancel(c);
	nic_for(io, 20);
	CHECK(a.calls == 0);
	end_silent(&q);
	haw_io_free(io);
}

/* ---- Answers that come late, or never in time ---- */

static haw_resolution *kept;

static void keep(void *user, const char *host, uint16_t port, int family, haw_resolution *r)
{
	kept = r;
}

static void *answer_later(void *arg)
{
	usleep(30000);
	if (add(kept, "127.0.0.1") != 0)
		printf("  the address was not taken\n");
	haw_resolution_end(kept, NULL);
	return NULL;
}

static void late_answers(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	struct attempt a = {0};
	struct haw_connect_options o = {
		.host = "late.example", .resolve = keep, .done = attempt_done, .user = &a};
	struct haw_connect *c;
	pthread_t thread;

	CHECK(io && (o.port = serve(io, &s, "127.0.0.1", 0)) != 0);
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(pthread_create(&thread, NULL, answer_later, NULL) == 0);
	CHECK(nic_until(io, &a.done, 5000) && a.stream);
	pthread_join(thread, NULL);
	haw_stream_close(a.stream);
	/* After the caller has given up. */
	a = (struct attempt){0};
	CHECK((c = haw_connect_start(io, &o, NULL)));
	haw_connect_cancel(c);
	answer_later(NULL);
	nic_for(io, 10);
	CHECK(a.calls == 0);
	/* After the time was over. */
	o.timeout_ns = 20 * MS;
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(nic_until(io, &a.done, 2000));
	CHECK(a.error.code == HAW_ETIMEDOUT && strstr(a.error.message, "late.example was not resolved"));
	answer_later(NULL);
	/* After the loop was freed. */
	CHECK((c = haw_connect_start(io, &o, NULL)));
	haw_connect_cancel(c);
	end_server(&s);
	haw_io_free(io);
	answer_later(NULL);
}

/* The address to connect from may be a name, which nothing waits for, and has the family of the other end. */
static void late_address_to_come_from(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	struct attempt a = {0};
	struct haw_connect_options o = {.host = "127.0.0.1",
					.resolve = keep,
					.socket.bind_address = "from.example",
					.done = attempt_done,
					.user = &a};
	struct sockaddr_in peer = {0};
	socklen_t length = sizeof(peer);
	pthread_t thread;

	CHECK(io && (o.port = serve(io, &s, "127.0.0.1", 0)) != 0);
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(add(kept, "::1") == 0 && add(kept, "127.0.0.7") == 0);
	CHECK(pthread_create(&thread, NULL, answer_later, NULL) == 0);
	CHECK(nic_until(io, &a.done, 5000) && a.stream && nic_until(io, &s.any, 5000));
	pthread_join(thread, NULL);
	CHECK(getpeername(s.fd, (struct sockaddr *)&peer, &length) == 0 &&
	      peer.sin_addr.s_addr == htonl(0x7f000007));
	haw_stream_close(a.stream);
	/* None of the family. */
	a = (struct attempt){0};
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(add(kept, "::1") == 0);
	haw_resolution_end(kept, NULL);
	CHECK(nic_until(io, &a.done, 5000) && a.error.code == HAW_ECONNECT);
	/* None at all, and none in time. */
	a = (struct attempt){0};
	CHECK(haw_connect_start(io, &o, NULL));
	haw_resolution_end(kept, "unheard of");
	CHECK(nic_until(io, &a.done, 5000) && a.error.code == HAW_ERESOLVE);
	CHECK(strstr(a.error.message, "from.example") && strstr(a.error.message, "unheard of"));
	a = (struct attempt){0};
	o.timeout_ns = 20 * MS;
	CHECK(haw_connect_start(io, &o, NULL));
	CHECK(nic_until(io, &a.done, 5000) && strstr(a.error.message, "from.example was not resolved"));
	haw_resolution_end(kept, NULL);
	nic_for(io, 10);
	end_server(&s);
	haw_io_free(io);
}

/* A loop that is freed while its resolver thread works does not wait, and nothing is touched later. */
static void free_while_resolving(void)
{
	for (int i = 0; i < 20; i++) {
		struct haw_io *io = nic_loop();
		struct attempt a = {0};
		struct haw_connect_options o = {
			.host = "localhost", .port = 1, .done = attempt_done, .user = &a};
		struct haw_connect *c;

		CHECK(io && (c = haw_connect_start(io, &o, NULL)));
		usleep((unsigned)i * 20);
		haw_connect_cancel(c);
		haw_io_free(io);
	}
}

/* ---- Accepting ---- */

static int dial(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_many(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	uint16_t port;
	int fds[200];

	CHECK(io && (port = serve(io, &s, "127.0.0.1", 0)) != 0);
	for (int i = 0; i < 200; i++)
		CHECK((fds[i] = dial(port)) >= 0);
	for (int i = 0; i < 1000 && s.count < 200; i++)
		CHECK(haw_io_run(io, MS, NULL) >= 0);
	CHECK(s.count == 200);
	nic_for(io, 5);
	s.any = false;
	close(fds[0]);
	CHECK((fds[0] = dial(port)) >= 0);
	CHECK(nic_until(io, &s.any, 2000));
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	end_server(&s);
	haw_io_free(io);
}

/* Out of descriptors: the owner hears of it, the loop does not spin, and goes on when there are some. */
static void exhaustion(void)
{
	struct haw_io *io = nic_loop();
	struct server s;
	struct rlimit limit, low;
	int client, turns = 0, spare = dup(0);
	uint16_t port;
	uint64_t end;

	if (nic_under_valgrind()) {
		haw_io_free(io);
		close(spare);
		harness_skip("exhaustion", "valgrind has descriptor limits of its own");
		return;
	}
	CHECK(io && (port = serve(io, &s, "127.0.0.1", 0)) != 0);
	nic_for(io, 2);
	CHECK((client = dial(port)) >= 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	close(spare);
	low = limit;
	low.rlim_cur = (rlim_t)spare;
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	for (end = nic_now() + 250 * MS; nic_now() < end; turns++)
		haw_io_run(io, 50 * MS, NULL);
	setrlimit(RLIMIT_NOFILE, &limit);
	CHECK(s.failures >= 2 && s.failures <= 4 && s.last_errno == EMFILE);
	CHECK(s.count == 0 && turns < 50);
	CHECK(nic_until(io, &s.any, 2000));
	close(client);
	end_server(&s);
	haw_io_free(io);
}

static void close_listener(void *user, int fd, const struct sockaddr *address, socklen_t length)
{
	struct server *s = user;

	close(fd);
	s->count++;
	s->any = true;
	haw_listener_close(s->listener);
}

static void close_in_accept(void)
{
	struct haw_io *io = nic_loop();
	struct server s = {.fd = -1};
	struct haw_listen_options options = {.accepted = close_listener, .user = &s};
	int fds[2];

	CHECK(io && (s.listener = haw_listen(io, "127.0.0.1", 0, &options, NULL)));
	for (int i = 0; i < 2; i++)
		CHECK((fds[i] = dial(haw_listener_port(s.listener))) >= 0);
	CHECK(nic_until(io, &s.any, 2000));
	nic_for(io, 10);
	CHECK(s.count == 1);
	close(fds[0]);
	close(fds[1]);
	haw_io_free(io);
}

int main(void)
{
	static const struct nic_test tests[] = {
		{"numeric", numeric},
		{"by_name", by_name},
		{"refused", refused},
		{"several_addresses", several_addresses},
		{"silent_address", silent_address},
		{"timeout", timeout},
		{"cancel", cancel},
		{"late_answers", late_answers},
		{"late_address_to_come_from", late_address_to_come_from},
		{"free_while_resolving", free_while_resolving},
		{"accept_many", accept_many},
		{"exhaustion", exhaustion},
		{"close_in_accept", close_in_accept},
	};

	return nic_main(tests, sizeof(tests) / sizeof(tests[0]));
}
