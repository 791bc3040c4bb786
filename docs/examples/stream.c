/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH over a byte stream of the program's own: here a command that carries it, as ssh's ProxyCommand.
 *
 *   stream USER KEYFILE FINGERPRINT COMMAND [ARGUMENT]...
 *
 * Pipes would do without callbacks (haw_stream_new_fds); these count what passes, and may block: the
 * library calls them on threads of their own.
 *
 * cc -o stream stream.c $(pkg-config --cflags --libs libhawser)
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hawser/stream.h>
#include <hawser/transport.h>

struct carrier {
	int fd;
	pid_t child;
	unsigned long long in, out;
	sem_t closed;
};

static ptrdiff_t carry_in(void *user, void *ptr, size_t len)
{
	struct carrier *c = user;
	ssize_t n;

	do
		n = recv(c->fd, ptr, len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		c->in += (size_t)n;
	return n < 0 ? HAW_ESYSTEM : n;
}

static ptrdiff_t carry_out(void *user, const void *ptr, size_t len)
{
	struct carrier *c = user;
	ssize_t n;

	do
		n = send(c->fd, ptr, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		c->out += (size_t)n;
	return n <= 0 ? HAW_ESYSTEM : n;
}

/* Makes a read that waits return. */
static void interrupt(void *user)
{
	struct carrier *c = user;

	shutdown(c->fd, SHUT_RDWR);
}

/* The last call of all, maybe by a thread of the library. */
static void closed(void *user)
{
	struct carrier *c = user;

	sem_post(&c->closed);
}

static int start(struct carrier *c, char **command, haw_error *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno, "cannot make a socket pair");
	c->fd = ends[0];
	c->child = fork();
	if (c->child == 0) {
		dup2(ends[1], 0);
		dup2(ends[1], 1);
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	close(ends[1]);
	if (c->child > 0)
		return 0;
	close(c->fd);
	return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno, "cannot start %s", command[0]);
}

static void finish(struct carrier *c)
{
	close(c->fd); /* which ends the command */
	waitpid(c->child, NULL, 0);
	fprintf(stderr, "carried %llu bytes in, %llu out\n", c->in, c->out);
}

static haw_stream *open_stream(struct carrier *c, char **command, haw_error *err)
{
	haw_stream_callbacks callbacks = {
		.size = sizeof(callbacks),
		.flags = HAW_STREAM_BLOCKING,
		.read = carry_in,
		.write = carry_out,
		.interrupt = interrupt,
		.close = closed,
		.user = c,
	};
	haw_stream *stream;

	if (start(c, command, err) < 0)
		return NULL;
	stream = haw_stream_new(&callbacks, err);
	if (!stream)
		finish(c);
	return stream;
}

static void ask(void *user, haw_question *question)
{
	if (haw_question_kind(question) == HAW_ASK_HOST_KEY &&
	    strcmp(haw_question_fingerprint(question), user) == 0)
		haw_question_accept(question);
	else
		haw_question_refuse(question);
}

int main(int argc, char **argv)
{
	haw_transport_options options = {.size = sizeof(options), .ask = ask};
	struct carrier carrier = {0};
	haw_transport *transport = NULL;
	haw_stream *stream = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	haw_key *key = NULL;
	int result = -1;

	if (argc < 5) {
		fprintf(stderr, "usage: stream USER KEYFILE FINGERPRINT COMMAND [ARGUMENT]...\n");
		return 2;
	}
	options.user = argv[3];
	sem_init(&carrier.closed, 0, 0);
	key = haw_key_load_private(argv[2], NULL, &err);
	loop = key ? haw_loop_new(NULL, &err) : NULL;
	stream = loop ? open_stream(&carrier, argv + 4, &err) : NULL;
	if (stream)
		transport = haw_transport_new(loop, stream, &options, &err);
	/* The transport uses the stream until it closes it; our handle would be needed for haw_stream_ready,
	 * which streams that block do without. */
	haw_stream_free(stream);
	if (transport && haw_transport_handshake(transport, 30000, &err) == 0)
		result = haw_transport_auth_publickey(transport, argv[1], key, 30000, &err);
	if (result == 0) {
		printf("logged in\n");
		haw_transport_close(transport, 1000);
	} else {
		fprintf(stderr, "stream: %s\n", err.message);
	}
	haw_transport_free(transport);
	if (stream) {
		sem_wait(&carrier.closed);
		finish(&carrier);
	}
	haw_loop_free(loop);
	haw_key_free(key);
	return result < 0;
}
