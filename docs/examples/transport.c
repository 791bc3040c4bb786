/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH over a socket that the program has connected itself, without any file of the user's:
 *
 *   transport ADDRESS PORT USER KEYFILE FINGERPRINT
 *
 * The server is known by the fingerprint of its key ("SHA256:..."); USER logs in with KEYFILE.
 *
 * cc -o transport transport.c $(pkg-config --cflags --libs libhawser)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hawser/key.h>
#include <hawser/transport.h>

/* A transport asks about every host key: without a known_hosts file it is for us to say which is right. */
static void ask(void *user, haw_question *question)
{
	const char *expected = user;

	if (haw_question_kind(question) == HAW_ASK_HOST_KEY &&
	    strcmp(haw_question_fingerprint(question), expected) == 0)
		haw_question_accept(question);
	else
		haw_question_refuse(question);
}

/* What happens, a line each, as ssh -v. */
static void trace(void *user, int level, const char *line)
{
	(void)user;
	if (level == 1 && getenv("TRACE"))
		fprintf(stderr, "%s\n", line);
}

static int connect_to(const char *address, int port, haw_error *err)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = -1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "%s is no address", address);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		haw_error_set(err, HAW_ECONNECT, HAW_FAULT_SYSTEM, errno, "cannot connect to %s: %s", address,
			      strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int log_in(haw_transport *transport, const char *user, const char *path, haw_error *err)
{
	haw_key *key = haw_key_load_private(path, NULL, err);
	const char *methods;
	int result;

	if (!key)
		return -1;
	result = haw_transport_handshake(transport, 30000, err);
	if (result == 0)
		result = haw_transport_auth_publickey(transport, user, key, 30000, err);
	methods = result == HAW_EAUTH ? haw_transport_auth_methods(transport, NULL) : NULL;
	if (methods)
		fprintf(stderr, "the server would take: %s\n", methods);
	haw_key_free(key);
	return result;
}

int main(int argc, char **argv)
{
	haw_transport_options options = {.size = sizeof(options), .ask = ask, .log = trace};
	haw_transport_info info = {.size = sizeof(info)};
	haw_transport *transport = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	int fd, result = -1;

	if (argc != 6) {
		fprintf(stderr, "usage: transport ADDRESS PORT USER KEYFILE FINGERPRINT\n");
		return 2;
	}
	options.user = argv[5];
	loop = haw_loop_new(NULL, &err);
	fd = loop ? connect_to(argv[1], atoi(argv[2]), &err) : -1;
	/* The descriptor is the transport's from here on. */
	if (fd >= 0)
		transport = haw_transport_new_fd(loop, fd, fd, &options, &err);
	if (transport)
		result = log_in(transport, argv[3], argv[4], &err);
	if (result == 0) {
		haw_transport_get_info(transport, &info);
		printf("logged in to %s: %s, %s, %s\n", info.peer_version, info.kex, info.host_key,
		       info.suite_out);
		haw_transport_close(transport, 1000);
	} else {
		fprintf(stderr, "transport: %s\n", err.message);
	}
	haw_transport_free(transport);
	haw_loop_free(loop);
	return result < 0;
}
