/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports over user streams: two descriptors, callbacks that never block, callbacks that do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static struct sshd sshd;
static haw_error err;
static atomic_int closes;

static ptrdiff_t result_of(ssize_t n)
{
	return n >= 0 ? n : errno == EAGAIN ? HAW_EAGAIN : HAW_ESYSTEM;
}

static ptrdiff_t take(void *user, void *ptr, size_t len)
{
	return result_of(recv(*(int *)user, ptr, len, 0));
}

/* A few bytes at a time, so that the rest has to be offered again. */
static ptrdiff_t give(void *user, const void *ptr, size_t len)
{
	return result_of(send(*(int *)user, ptr, len > 1000 ? 1000 : len, MSG_NOSIGNAL));
}

static void interrupt(void *user)
{
	shutdown(*(int *)user, SHUT_RDWR);
}

static void closed(void *user)
{
	closes++;
}

static haw_stream *make_stream(int *fd, bool blocking)
{
	const haw_stream_callbacks callbacks = {
		.size = sizeof(callbacks),
		.flags = blocking ? HAW_STREAM_BLOCKING : 0,
		.user = fd,
		.read = take,
		.write = give,
		.interrupt = interrupt,
		.close = closed,
	};

	if (!blocking)
		fcntl(*fd, F_SETFL, O_NONBLOCK);
	return haw_stream_new(&callbacks, &err);
}

/* 1 MB there and back; STREAM, if given, is told to try again in every turn. */
static void converse(haw_loop *loop, haw_transport *t, haw_stream *stream)
{
	static char data[1 << 20], back[1 << 20];
	haw_channel *channel;
	haw_op *login, *exec, *open;
	size_t sent = 0, got = 0;

	login = haw_transport_auth_publickey_start(t, local_user(), sshd.key, false, NULL, NULL, &err);
	open = haw_channel_open_start(t, NULL, &channel, NULL, NULL, &err);
	exec = haw_channel_exec_start(channel, "cat", NULL, NULL, &err);
	CHECK(login && open && exec);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 2654435761u >> 9);
	for (int i = 0; i < 15000 && got < sizeof(back); i++) {
		ptrdiff_t n = sent < sizeof(data)
				      ? haw_channel_send(channel, data + sent, sizeof(data) - sent, &err)
						  : 0;

		sent += n > 0 ? (size_t)n : 0;
		n = haw_channel_recv(channel, HAW_STREAM_DATA, back + got, sizeof(back) - got, &err);
		got += n > 0 ? (size_t)n : 0;
		if (stream) {
			usleep(1000);
			haw_stream_ready(stream);
		}
		CHECK(haw_loop_run(loop, stream ? 1 : 20, &err) == 0);
		CHECK_MSG(haw_transport_error(t, &err) == 0, "%s", err.message);
	}
	CHECK_MSG(got == sizeof(back) && memcmp(data, back, got) == 0, "%zu sent, %zu got: %s", sent, got,
		  err.message);
	haw_op_free(exec);
	haw_op_free(open);
	haw_op_free(login);
	haw_channel_free(channel);
}

static const haw_transport_options options = {.size = sizeof(options), .ask = accept_all};

static void over(const char *engine, int kind)
{
	const haw_loop_options loop_options = {.size = sizeof(loop_options), .engine = engine};
	haw_loop *loop = haw_loop_new(&loop_options, &err);
	int fd = sshd_socket(&sshd);
	haw_stream *stream = kind ? make_stream(&fd, kind == 2) : haw_stream_new_fds(fd, dup(fd), &err);
	haw_transport *t = haw_transport_new(loop, stream, &options, &err);

	CHECK_MSG(t, "%s", err.message);
	closes = 0;
	converse(loop, t, kind == 1 ? stream : NULL);
	haw_transport_free(t);
	haw_stream_free(stream);
	haw_loop_free(loop);
	for (int i = 0; i < 200 && kind && closes == 0; i++)
		usleep(10000);
	CHECK(closes == (kind != 0));
	if (kind)
		close(fd);
}

static void over_all(const char *engine)
{
	for (int kind = 0; kind < 3 && !harness.failed; kind++)
		over(engine, kind);
}

static void transports_run_over_user_streams(void)
{
	for_engines(over_all);
}

int main(void)
{
	const char *why;

	if (!sshd_usable(&why)) {
		harness_skip("streams", why);
		return harness_end();
	}
	if (!sshd_start(&sshd, NULL))
		return 1;
	RUN(transports_run_over_user_streams);
	sshd_stop(&sshd);
	return harness_end();
}
