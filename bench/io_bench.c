/* SPDX-License-Identifier: Apache-2.0
 *
 * What the I/O loop costs: bytes from one process to another over loopback TCP, by a plain program
 * that blocks in send and recv, and by the loop with each engine.
 *
 *	io_bench [MiB [rounds [work]]]
 *
 * Three works. "bulk": one side sends 512 KiB at a time, the other receives into a ring of 1 MiB. "paced":
 * the sender spends about 10 µs on each 32 KiB, as an SSH server does, so the receiver waits often. "turns":
 * 64 bytes go back and forth. Engines alternate; figures are medians over the rounds, with the ratio
 * to the plain program of the same round.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nic/io.h"

enum {
	SEND_BYTES = 512 * 1024,
	RING_BYTES = 1024 * 1024,
	PACED_BYTES = 32 * 1024,
	PACED_NS = 10000,
	TURN_BYTES = 64,
	ROUNDS_MAX = 64
};

enum work { BULK, PACED, TURNS };

static const char *const work_names[] = {"bulk", "paced", "turns"};
static const char *const engine_names[] = {"plain", "poll", "uring"};

struct figures {
	double seconds, sender_cpu, receiver_cpu;
};

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void spin(double seconds)
{
	double end = now(CLOCK_MONOTONIC) + seconds;

	while (now(CLOCK_MONOTONIC) < end)
		continue;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- Plain ---- */

static void plain_send(int fd, enum work work, uint64_t bytes, uint8_t *buffer)
{
	size_t chunk = work == BULK ? SEND_BYTES : work == PACED ? PACED_BYTES : TURN_BYTES;

	for (uint64_t at = 0; at < bytes; at += chunk) {
		if (work == PACED)
			spin(PACED_NS / 1e9);
		for (size_t n = 0; n < chunk;) {
			ssize_t m = send(fd, buffer + n, chunk - n, MSG_NOSIGNAL);

			if (m < 0)
				die("send");
			n += (size_t)m;
		}
		if (work == TURNS && recv(fd, buffer, TURN_BYTES, 0) <= 0)
			die("recv");
	}
}

static void plain_receive(int fd, enum work work, uint8_t *buffer)
{
	size_t at = 0;
	ssize_t n;

	while ((n = recv(fd, buffer + at, RING_BYTES - at, 0)) > 0) {
		if (work == TURNS && send(fd, buffer, TURN_BYTES, MSG_NOSIGNAL) < 0)
			die("send");
		at = (at + (size_t)n) % RING_BYTES;
	}
}

/* ---- The loop ---- */

struct side {
	struct haw_io *io;
	struct haw_stream *stream;
	struct haw_send send;
	struct haw_receive receive;
	uint8_t *buffer;
	enum work work;
	uint64_t left;
	size_t at;
	bool sent, received, over;
};

static void on_sent(struct haw_send *op)
{
	((struct side *)op->user)->sent = true;
}

static void on_received(struct haw_receive *op)
{
	((struct side *)op->user)->received = true;
}

static void run_until(struct side *s, const bool *flag)
{
	while (!*flag) {
		if (haw_io_run(s->io, -1, NULL) < 0)
			die("haw_io_run");
	}
}

static void loop_send_bytes(struct side *s, size_t len)
{
	s->send = (struct haw_send){.spans = {{s->buffer, len}}, .count = 1, .done = on_sent, .user = s};
	s->sent = haw_stream_send(s->stream, &s->send) == 1;
	run_until(s, &s->sent);
	if (s->send.result < 0)
		die("haw_stream_send");
}

static int64_t loop_receive_bytes(struct side *s)
{
	s->receive = (struct haw_receive){
		.ptr = s->buffer + s->at, .len = RING_BYTES - s->at, .done = on_received, .user = s};
	s->received = haw_stream_receive(s->stream, &s->receive) == 1;
	run_until(s, &s->received);
	if (s->receive.result < 0)
		die("haw_stream_receive");
	s->at = (s->at + (size_t)s->receive.result) % RING_BYTES;
	return s->receive.result;
}

static void loop_send(struct side *s, uint64_t bytes)
{
	size_t chunk = s->work == BULK ? SEND_BYTES : s->work == PACED ? PACED_BYTES : TURN_BYTES;

	for (uint64_t at = 0; at < bytes; at += chunk) {
		if (s->work == PACED)
			spin(PACED_NS / 1e9);
		loop_send_bytes(s, chunk);
		if (s->work == TURNS && loop_receive_bytes(s) == 0)
			die("end");
	}
}

static void loop_receive(struct side *s)
{
	while (loop_receive_bytes(s) > 0) {
		if (s->work == TURNS)
			loop_send_bytes(s, TURN_BYTES);
	}
}

/* ---- Rounds ---- */

static void one_side(int engine, int fd, enum work work, uint64_t bytes, bool sender)
{
	struct side s = {.work = work, .buffer = calloc(1, RING_BYTES)};
	haw_error err;

	if (!s.buffer)
		die("calloc");
	memset(s.buffer, 1, RING_BYTES);
	if (engine == 0) {
		if (sender)
			plain_send(fd, work, bytes, s.buffer);
		else
			plain_receive(fd, work, s.buffer);
		return;
	}
	s.io = haw_io_new(engine == 1 ? HAW_IO_POLL : HAW_IO_URING, &err);
	s.stream = s.io ? haw_stream_adopt(s.io, fd, &err) : NULL;
	if (!s.stream) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	if (sender)
		loop_send(&s, bytes);
	else
		loop_receive(&s);
	haw_stream_close(s.stream);
	haw_io_free(s.io);
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
	    connect(fds[0], (struct sockaddr *)&address, length) < 0 ||
	    (fds[1] = accept(listener, NULL, NULL)) < 0)
		die("loopback");
	close(listener);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static double cpu_of(const struct rusage *u)
{
	return (double)u->ru_utime.tv_sec + (double)u->ru_stime.tv_sec +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

/* SENDER and RECEIVER: which engine each side uses. */
static struct figures measure(int sender, int receiver, enum work work, uint64_t bytes)
{
	struct figures f;
	struct rusage usage;
	int fds[2], status;
	double start, cpu;
	pid_t pid;

	tcp_pair(fds);
	start = now(CLOCK_MONOTONIC);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(fds[0]);
		one_side(receiver, fds[1], work, bytes, false);
		_exit(0);
	}
	close(fds[1]);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	one_side(sender, fds[0], work, bytes, true);
	if (sender == 0)
		close(fds[0]);
	f.sender_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		die("receiver");
	f.receiver_cpu = cpu_of(&usage);
	f.seconds = now(CLOCK_MONOTONIC) - start;
	return f;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void report(enum work work, int engine, const struct figures all[3][ROUNDS_MAX], int rounds,
		   uint64_t bytes)
{
	double speed[ROUNDS_MAX], ratio[ROUNDS_MAX], sender[ROUNDS_MAX], receiver[ROUNDS_MAX];
	double middle, units = work == TURNS ? (double)bytes / TURN_BYTES / 1e3 : (double)bytes / 1e9;

	for (int i = 0; i < rounds; i++) {
		const struct figures *f = &all[engine][i], *plain = &all[0][i];

		speed[i] = units / f->seconds;
		ratio[i] = plain->seconds / f->seconds;
		sender[i] = f->sender_cpu / plain->sender_cpu;
		receiver[i] = f->receiver_cpu / plain->receiver_cpu;
	}
	middle = median(ratio, rounds); /* sorts */
	printf("%-6s %-6s %8.2f %s  speed %.3f (%.3f to %.3f)", work_names[work], engine_names[engine],
	       median(speed, rounds), work == TURNS ? "k/s " : "GB/s", middle, ratio[0], ratio[rounds - 1]);
	printf("  CPU: sender %.3f receiver %.3f\n", median(sender, rounds), median(receiver, rounds));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct figures all[3][ROUNDS_MAX];
	uint64_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 2048) << 20;
	int rounds = argc > 2 ? atoi(argv[2]) : 7;

	if (bytes == 0 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: io_bench [MiB [rounds, at most %d [bulk, paced or turns]]]\n",
			ROUNDS_MAX);
		return 2;
	}
	printf("ratios to the plain program of the same round, median (least to greatest)\n");
	for (int work = BULK; work <= TURNS; work++) {
		uint64_t amount = work == BULK ? bytes : work == PACED ? bytes / 2 : bytes >> 9;

		if (argc > 3 && strcmp(argv[3], work_names[work]) != 0)
			continue;
		for (int i = -1; i < rounds; i++) {
			/* Paced: the sender is the same plain program for all. */
			for (int engine = 0; engine < 3; engine++)
				all[engine][i < 0 ? 0 : i] = measure(work == PACED ? 0 : engine, engine,
								     (enum work)work, amount);
		}
		for (int engine = 0; engine < 3; engine++)
			report((enum work)work, engine, all, rounds, amount);
	}
	return 0;
}
