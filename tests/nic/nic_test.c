/* SPDX-License-Identifier: Apache-2.0 */
#include "nic_test.h"

#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

enum haw_io_kind nic_kind;

struct haw_io *nic_loop(void)
{
	haw_error err = {0};
	struct haw_io *io = haw_io_new(nic_kind, &err);

	if (!io)
		printf("  no loop: %s\n", err.message);
	return io;
}

bool nic_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

int nic_main(const struct nic_test *tests, size_t count)
{
	static const enum haw_io_kind kinds[] = {HAW_IO_POLL, HAW_IO_URING};
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t k = 0; k < 2; k++) {
		const char *name;
		haw_error err;
		struct haw_io *io = haw_io_new(kinds[k], &err);

		if (!io) {
			harness_skip(kinds[k] == HAW_IO_URING ? "uring" : "poll", err.message);
			continue;
		}
		nic_kind = kinds[k];
		name = haw_io_name(io);
		haw_io_free(io);
		if (nic_under_valgrind() && nic_kind == HAW_IO_URING) {
			harness_skip(name, "valgrind lets no other thread run during io_uring_enter");
			continue;
		}
		printf("engine %s\n", name);
		for (size_t i = 0; i < count; i++)
			harness_run(tests[i].name, tests[i].fn);
	}
	return harness_end();
}

uint64_t nic_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool nic_until(struct haw_io *io, const bool *flag, int limit_ms)
{
	uint64_t end = nic_now() + (uint64_t)(limit_ms * MS);

	while (!*flag && nic_now() < end) {
		if (haw_io_run(io, 20 * MS, NULL) < 0)
			return false;
	}
	return *flag;
}

void nic_for(struct haw_io *io, int ms)
{
	bool never = false;

	nic_until(io, &never, ms);
}

bool nic_tcp_pair(int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	bool ok;

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	ok = bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0 &&
	     getsockname(listener, (struct sockaddr *)&address, &length) == 0 &&
	     connect(fds[0], (struct sockaddr *)&address, length) == 0 &&
	     (fds[1] = accept(listener, NULL, NULL)) >= 0;
	close(listener);
	return ok;
}

bool nic_local_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0;
}

void nic_sent(struct haw_send *op)
{
	struct nic_note *note = op->user;

	note->done = true;
	note->count++;
	note->result = op->result;
}

void nic_received(struct haw_receive *op)
{
	struct nic_note *note = op->user;

	note->done = true;
	note->count++;
	note->result = op->result;
}

void nic_fired(void *user)
{
	struct nic_note *note = user;

	note->done = true;
	note->count++;
}
