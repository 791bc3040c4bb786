/* SPDX-License-Identifier: Apache-2.0
 *
 * A long path to a server on this machine: what goes through it takes a while, however much it is.
 *
 * usage: far SERVER_PORT DELAY_MS     prints its own port, and runs until its standard input ends
 *
 * A few percent of a core at 100 MB/s, which a relay in Python does not carry beside the two ends.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 32, SPACE = 96 << 20, MARKS = 65536, READ_MOST = 1 << 20 };

/* One direction of one connection: bytes in a ring, and when each piece of them is due. */
struct pipe {
	int from, to;
	uint8_t *ring;
	uint64_t in, out; /* bytes so far */
	struct mark {
		uint64_t end, due_ns;
	} marks[MARKS];
	unsigned first, count;
	bool ended, shut;
};

static struct pipe *pipes[2 * LINES];
static uint64_t delay_ns;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	perror("far");
	exit(1);
}

static void add_pipe(int from, int to)
{
	size_t slot = 0;

	while (slot < 2 * LINES && pipes[slot])
		slot++;
	if (slot == 2 * LINES || !(pipes[slot] = calloc(1, sizeof(struct pipe))) ||
	    !(pipes[slot]->ring = malloc(SPACE)))
		exit(1);
	pipes[slot]->from = from;
	pipes[slot]->to = to;
}

static void take(struct pipe *p)
{
	size_t at = p->in % SPACE, room = SPACE - (p->in - p->out);
	ssize_t n;

	room = room < SPACE - at ? room : SPACE - at;
	n = recv(p->from, p->ring + at, room < READ_MOST ? room : READ_MOST, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	p->ended = n <= 0;
	p->in += n > 0 ? (uint64_t)n : 0;
	p->marks[(p->first + p->count++) % MARKS] = (struct mark){p->in, now_ns() + delay_ns};
}

static void give(struct pipe *p)
{
	uint64_t now = now_ns();

	while (p->count > 0 && p->marks[p->first].due_ns <= now) {
		size_t at = p->out % SPACE, len = p->marks[p->first].end - p->out;
		ssize_t n = 0;

		len = len < SPACE - at ? len : SPACE - at;
		if (len > 0)
			n = send(p->to, p->ring + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			p->ended = true;
		if (n < 0)
			return;
		p->out += (uint64_t)n;
		if (p->out < p->marks[p->first].end)
			continue;
		p->first = (p->first + 1) % MARKS;
		p->count--;
	}
	if (p->ended && p->count == 0 && !p->shut) {
		shutdown(p->to, SHUT_WR);
		p->shut = true;
	}
}

/* Milliseconds until something is due. */
static int fill(struct pollfd *fds, struct pipe *p, uint64_t now)
{
	bool due = p->count > 0 && p->marks[p->first].due_ns <= now;

	fds[0].fd = !p->ended && p->count < MARKS && p->in - p->out < SPACE ? p->from : -1;
	fds[0].events = POLLIN;
	fds[1].fd = due && !p->shut ? p->to : -1;
	fds[1].events = POLLOUT;
	if (p->count == 0 || due)
		return 1000;
	return (int)((p->marks[p->first].due_ns - now) / 1000000) + 1;
}

static void turn(int listener, uint16_t port)
{
	struct pollfd fds[2 + 4 * LINES];
	uint64_t now = now_ns();
	int wait = 1000, one = 1;

	fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	for (size_t i = 0; i < 2 * LINES; i++) {
		int ms = 1000;

		fds[2 + 2 * i].fd = fds[3 + 2 * i].fd = -1;
		if (pipes[i])
			ms = fill(&fds[2 + 2 * i], pipes[i], now);
		wait = ms < wait ? ms : wait;
	}
	poll(fds, 2 + 4 * LINES, wait);
	if (fds[1].revents)
		exit(0);
	for (size_t i = 0; i < 2 * LINES; i++) {
		if (pipes[i] && fds[2 + 2 * i].fd >= 0 && fds[2 + 2 * i].revents)
			take(pipes[i]);
		if (pipes[i])
			give(pipes[i]);
	}
	if (fds[0].revents) {
		int client = accept(listener, NULL, NULL), server = connect_to(port);

		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		add_pipe(client, server);
		add_pipe(server, client);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t len = sizeof(own);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3)
		return 2;
	delay_ns = (uint64_t)(atof(argv[2]) * 1e6);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) != 0 || listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&own, &len) != 0)
		return 1;
	printf("%u\n", ntohs(own.sin_port));
	fflush(stdout);
	for (;;)
		turn(listener, (uint16_t)atoi(argv[1]));
}
