/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP relay on loopback that holds every byte back for the same time, each way, without limiting how many
 * are on the way: a long path of unlimited bandwidth; or of BYTES_PER_S each way, over all connections, in
 * front of which 20 ms' worth may wait.
 *
 * usage: relay DELAY_MS TARGET_PORT [BYTES_PER_S]
 *
 * It listens on a free port of 127.0.0.1, prints "port N", and relays each connection to TARGET_PORT of the
 * same address, until SIGTERM or SIGINT. When both sides of a connection have ended it prints "bytes UP
 * DOWN": what the client sent, what the target sent. Opening a connection is not held back, its end is.
 *
 * What is read at one time is one piece with one due time; pieces wait in a queue per direction, whose bound
 * (256 MiB) is 5 GB/s at 50 ms. A piece is copied twice, by recv and send, and by nothing in between.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE_SIZE  (128u * 1024u)
#define PIECES_MAX  2048u
#define NO_TIME	    INT64_MAX
#define NS_PER_MS   1000000
#define NS_PER_S    1000000000
#define BACKLOG_NS  20000000

struct piece {
	struct piece *next;
	int64_t due;	/* on the monotonic clock, ns */
	size_t begin, end;
	uint8_t data[PIECE_SIZE];
};

/* One direction of a connection: what came from FROM waits to go to the other side. */
struct way {
	struct piece *first, *last;
	unsigned int count;
	uint64_t bytes;
	int64_t end_due;	/* when the end of FROM is passed on; NO_TIME: FROM has not ended */
	bool end_sent, blocked; /* blocked: the other side's socket is full */
	bool held;		/* what FROM sends waits until the line has room */
};

struct connection {
	struct connection *next;
	int fd[2];		/* the client's side, the target's side */
	struct way way[2];	/* way[i] carries what fd[i] sent */
	bool failed;
};

/* What epoll hands back: a connection and which of its sides. */
struct side {
	struct connection *connection;
	int index;
};

static int64_t delay;
static double rate;		/* bytes a nanosecond; 0: no limit */
static int64_t free_at[2];	/* when the line up, and down, has carried what was given to it */
static int target_port, queue;
static struct connection *connections;
static struct piece *spare;	/* the piece used last comes first: its memory is warm */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct piece *take_piece(void)
{
	struct piece *piece = spare;

	if (piece)
		spare = piece->next;
	else if (!(piece = malloc(sizeof(*piece))))
		die("malloc");
	piece->next = NULL;
	return piece;
}

static void give_piece(struct piece *piece)
{
	piece->next = spare;
	spare = piece;
}

static bool has_room(int index)
{
	return rate <= 0 || free_at[index] <= now() + BACKLOG_NS;
}

/* When LEN bytes that came just now arrive. */
static int64_t carry(int index, size_t len)
{
	int64_t time = now();

	if (rate <= 0)
		return time + delay;
	free_at[index] = (free_at[index] > time ? free_at[index] : time) + (int64_t)((double)len / rate);
	return free_at[index] + delay;
}

/* Read what there is. Edge-triggered: until there is no more, or the queue is at its bound; then the sender
 * of the next piece calls again. */
static void receive(struct connection *c, int index)
{
	struct way *way = &c->way[index];

	while (!c->failed && way->end_due == NO_TIME && way->count < PIECES_MAX) {
		struct piece *piece;
		ssize_t n;

		way->held = !has_room(index);
		if (way->held)
			return;
		piece = take_piece();
		n = recv(c->fd[index], piece->data, PIECE_SIZE, MSG_DONTWAIT);

		if (n > 0) {
			piece->due = carry(index, (size_t)n);
			piece->begin = 0;
			piece->end = (size_t)n;
			if (way->last)
				way->last->next = piece;
			else
				way->first = piece;
			way->last = piece;
			way->count++;
			way->bytes += (uint64_t)n;
			continue;
		}
		give_piece(piece);
		if (n == 0)
			way->end_due = now() + delay;
		else if (errno != EAGAIN && errno != EINTR)
			c->failed = true;
		if (n < 0 && errno != EINTR)
			return;
	}
}

/* Send what is due; true if that made room for reading. */
static bool transmit(struct connection *c, int index)
{
	struct way *way = &c->way[index];
	int to = c->fd[!index];
	bool was_full = way->count == PIECES_MAX;
	int64_t time = now();

	while (!c->failed && !way->blocked && way->first && way->first->due <= time) {
		struct piece *piece = way->first;
		ssize_t n = send(to, piece->data + piece->begin, piece->end - piece->begin,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			way->blocked = errno == EAGAIN;
			c->failed = errno != EAGAIN && errno != EINTR;
			continue;
		}
		piece->begin += (size_t)n;
		if (piece->begin < piece->end)
			continue;
		way->first = piece->next;
		if (!way->first)
			way->last = NULL;
		way->count--;
		give_piece(piece);
	}
	if (!way->first && !way->end_sent && way->end_due <= time) {
		shutdown(to, SHUT_WR);
		way->end_sent = true;
	}
	return was_full && way->count < PIECES_MAX;
}

/* When this direction has something to do again: NO_TIME if only a socket can tell. */
static int64_t next_due(const struct way *way)
{
	if (way->blocked)
		return NO_TIME;
	if (way->first)
		return way->first->due;
	return way->end_sent ? NO_TIME : way->end_due;
}

static int64_t advance_all(void)
{
	int64_t due = NO_TIME;

	for (struct connection *c = connections; c; c = c->next) {
		for (int i = 0; i < 2; i++) {
			if (transmit(c, i) || (c->way[i].held && has_room(i)))
				receive(c, i);
			if (next_due(&c->way[i]) < due)
				due = next_due(&c->way[i]);
			if (c->way[i].held && free_at[i] - BACKLOG_NS < due)
				due = free_at[i] - BACKLOG_NS;
		}
	}
	return due;
}

static void end_connection(struct connection *c)
{
	printf("bytes %llu %llu\n", (unsigned long long)c->way[0].bytes, (unsigned long long)c->way[1].bytes);
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		while (c->way[i].first) {
			struct piece *piece = c->way[i].first;

			c->way[i].first = piece->next;
			give_piece(piece);
		}
		close(c->fd[i]);
	}
	free(c);
}

static void remove_ended(void)
{
	for (struct connection **p = &connections; *p;) {
		struct connection *c = *p;

		if (c->failed || (c->way[0].end_sent && c->way[1].end_sent)) {
			*p = c->next;
			end_connection(c);
		} else {
			p = &c->next;
		}
	}
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(int fd, uint32_t events, uint64_t value)
{
	struct epoll_event event = {.events = events, .data.u64 = value};

	if (epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void add_connection(int client)
{
	struct sockaddr_in address = loopback(target_port);
	int one = 1, target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct connection *c = calloc(1, sizeof(*c));

	if (target < 0 || !c)
		die("socket");
	/* On loopback this takes no time. */
	if (connect(target, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("connect");
		close(target);
		close(client);
		free(c);
		return;
	}
	*c = (struct connection){.next = connections, .fd = {client, target}};
	connections = c;
	for (int i = 0; i < 2; i++) {
		c->way[i].end_due = NO_TIME;
		setsockopt(c->fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		/* Addresses of connections are even: the lowest bit is the side. */
		watch(c->fd[i], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		      (uint64_t)(uintptr_t)c | (uint64_t)i);
	}
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		add_connection(fd);
}

static void handle(const struct epoll_event *event)
{
	struct connection *c = (struct connection *)(uintptr_t)(event->data.u64 & ~(uint64_t)1);
	int index = (int)(event->data.u64 & 1);

	if (event->events & EPOLLOUT)
		c->way[!index].blocked = false;
	if (event->events & ~(uint32_t)EPOLLOUT)
		receive(c, index);
}

static int listen_on_loopback(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		die("listen");
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

static int catch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd");
	return fd;
}

static void run(int listener, int signals)
{
	struct epoll_event events[64];

	for (;;) {
		int64_t due = advance_all(), left = due == NO_TIME ? 0 : due - now();
		struct timespec wait = {.tv_sec = left > 0 ? left / NS_PER_S : 0,
					.tv_nsec = left > 0 ? left % NS_PER_S : 0};
		int count;

		remove_ended();
		count = epoll_pwait2(queue, events, 64, due == NO_TIME ? NULL : &wait, NULL);
		if (count < 0 && errno != EINTR)
			die("epoll_pwait2");
		for (int i = 0; i < count; i++) {
			if (events[i].data.u64 == (uint64_t)signals)
				return;
			if (events[i].data.u64 == (uint64_t)listener)
				accept_all(listener);
			else
				handle(&events[i]);
		}
	}
}

int main(int argc, char **argv)
{
	int listener, signals;

	if (argc < 3 || argc > 4 || (target_port = atoi(argv[2])) <= 0 || target_port > 65535) {
		fprintf(stderr, "usage: relay DELAY_MS TARGET_PORT [BYTES_PER_S]\n");
		return 2;
	}
	delay = (int64_t)(atof(argv[1]) * NS_PER_MS);
	rate = argc > 3 ? atof(argv[3]) / NS_PER_S : 0;
	queue = epoll_create1(EPOLL_CLOEXEC);
	if (queue < 0)
		die("epoll_create1");
	signals = catch_signals();
	watch(signals, EPOLLIN, (uint64_t)signals);
	listener = listen_on_loopback();
	watch(listener, EPOLLIN, (uint64_t)listener);
	run(listener, signals);
	return 0;
}
