/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles whose user cancels, frees and starts at awkward moments (hawser/loop.h: callbacks may free
 * anything). The peer is a socket that is closed; sanitizers judge the rest.
 */
#include "harness.h"

#include <hawser/hawser.h>

#include <sys/socket.h>
#include <unistd.h>

struct user {
	haw_transport *transport;
	haw_channel *channel;
	haw_op *started;
	int ended, code, inside;
	bool free_transport, free_channel, start, closed;
};

static void count(void *user, haw_op *op)
{
	struct user *u = user;

	u->ended++;
	u->code = haw_op_result(op, NULL);
	u->inside = u->closed;
}

static void transport_closed(void *user, haw_transport *transport, const haw_error *error)
{
	struct user *u = user;
	haw_error err;

	(void)error;
	u->closed = true;
	if (u->start)
		u->started = haw_transport_auth_password_start(transport, "user", "secret", count, u, &err);
	/* The caller holds the operation before its callback is made. */
	u->closed = false;
	if (u->free_transport) {
		haw_transport_free(transport);
		u->transport = NULL;
	}
}

static void open_ended(void *user, haw_op *op)
{
	struct user *u = user;

	count(user, op);
	if (u->free_channel) {
		haw_channel_free(u->channel);
		u->channel = NULL;
	}
}

static bool start(struct user *u, haw_loop *loop, int *peer)
{
	haw_transport_options options = {.size = sizeof(options), .user = u, .closed = transport_closed};
	haw_error err;
	int fds[2];

	CHECK_OR(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, false);
	*peer = fds[1];
	u->transport = haw_transport_new_fd(loop, fds[0], fds[0], &options, &err);
	CHECK_OR(u->transport, false);
	return true;
}

static void run(haw_loop *loop, const struct user *u)
{
	haw_error err;

	for (int i = 0; i < 100 && u->ended == 0; i++)
		CHECK(haw_loop_run(loop, 20, &err) == 0);
}

static void end(struct user *u, haw_loop *loop)
{
	haw_channel_free(u->channel);
	haw_transport_free(u->transport);
	haw_loop_free(loop);
}

static void with_channel(bool free_channel, bool free_transport)
{
	struct user u = {.free_channel = free_channel, .free_transport = free_transport};
	haw_loop *loop = haw_loop_new(NULL, NULL);
	haw_error err;
	haw_op *op;
	int peer;

	CHECK(loop && start(&u, loop, &peer));
	op = haw_channel_open_start(u.transport, NULL, &u.channel, open_ended, &u, &err);
	CHECK(op);
	close(peer);
	run(loop, &u);
	CHECK(u.ended == 1 && u.code < 0);
	haw_op_free(op);
	end(&u, loop);
}

static void test_free_in_callbacks(void)
{
	with_channel(false, false);
	with_channel(true, false);
	with_channel(false, true);
	with_channel(true, true);
}

static void test_start_on_a_closed_transport(void)
{
	struct user u = {.start = true};
	haw_loop *loop = haw_loop_new(NULL, NULL);
	int peer;

	CHECK(loop && start(&u, loop, &peer));
	close(peer);
	run(loop, &u);
	CHECK(u.ended == 1 && u.code < 0 && !u.inside);
	CHECK(u.started && haw_op_done(u.started));
	haw_op_free(u.started);
	end(&u, loop);
}

/* Freed with everything under way: each operation ends once, cancelled. */
static void test_free_under_way(void)
{
	struct user u = {.free_channel = true};
	haw_loop *loop = haw_loop_new(NULL, NULL);
	haw_error err;
	haw_op *op, *rekey;
	int peer;

	CHECK(loop && start(&u, loop, &peer));
	op = haw_channel_open_start(u.transport, NULL, &u.channel, open_ended, &u, &err);
	rekey = haw_transport_rekey_start(u.transport, count, &u, &err);
	CHECK(op && rekey);
	haw_transport_free(u.transport);
	u.transport = NULL;
	CHECK(u.ended == 0);
	CHECK(haw_loop_run(loop, 0, &err) == 0);
	CHECK(u.ended == 2 && u.code == HAW_ECANCELED);
	haw_op_free(op);
	haw_op_free(rekey);
	close(peer);
	end(&u, loop);
}

static void test_cancel_detached(void)
{
	struct user u = {0};
	haw_loop *loop = haw_loop_new(NULL, NULL);
	haw_error err;
	haw_op *op;
	int peer;

	CHECK(loop && start(&u, loop, &peer));
	op = haw_transport_handshake_start(u.transport, count, &u, &err);
	CHECK(op);
	haw_op_detach(op);
	haw_op_cancel(op); /* frees it */
	CHECK(u.ended == 0);
	close(peer);
	end(&u, loop);
}

/* A goodbye that nobody reads ends in time. */
static void test_close_without_reader(void)
{
	struct user u = {0};
	haw_loop *loop = haw_loop_new(NULL, NULL);
	int peer;

	CHECK(loop && start(&u, loop, &peer));
	haw_transport_close(u.transport, 100);
	CHECK(!haw_transport_is_open(u.transport));
	close(peer);
	end(&u, loop);
}

int main(void)
{
	RUN(test_free_in_callbacks);
	RUN(test_start_on_a_closed_transport);
	RUN(test_free_under_way);
	RUN(test_cancel_detached);
	RUN(test_close_without_reader);
	return harness_end();
}
