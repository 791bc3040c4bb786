/* SPDX-License-Identifier: Apache-2.0
 *
 * Several connections at once in a loop that the program has already: loop HOST:PORT...
 *
 * Says of each server what it is, in the order of the answers. The program's own loop is poll(2); the
 * library's takes part in it with one descriptor and one deadline.
 *
 * cc -o loop loop.c $(pkg-config --cflags --libs libhawser)
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/client.h>
#include <hawser/config.h>

struct host {
	char name[256];
	haw_host_config *config;
	haw_client *client;
	unsigned *pending; /* of all */
	int result;
};

/* The login has ended, one way or the other. Called from within haw_loop_run. */
static void logged_in(void *user, haw_op *op)
{
	struct host *host = user;
	haw_transport_info info = {.size = sizeof(info)};
	haw_error err;

	host->result = haw_op_result(op, &err);
	if (host->result < 0) {
		printf("%s: %s\n", host->name, err.message);
	} else {
		haw_transport_get_info(haw_client_transport(host->client), &info);
		printf("%s: %s\n", host->name, info.peer_version);
	}
	--*host->pending;
}

static int start(struct host *host, const char *argument, haw_config *config, haw_loop *loop, haw_error *err)
{
	haw_client_options options = {.size = sizeof(options), .policy = HAW_POLICY_REJECT};
	char *colon;
	haw_op *op;

	snprintf(host->name, sizeof(host->name), "%s", argument);
	colon = strrchr(host->name, ':');
	if (!colon)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "%s has no port", argument);
	*colon = '\0';
	host->config = haw_config_lookup(config, host->name, err);
	if (!host->config)
		return -1;
	*colon = ':';
	options.config = host->config;
	options.port = (uint16_t)atoi(colon + 1);
	options.connect_timeout_ms = 10000;
	host->client = haw_client_new(loop, &options, err);
	op = host->client ? haw_client_connect_start(host->client, logged_in, host, err) : NULL;
	if (!op)
		return -1;
	haw_op_detach(op); /* frees itself behind its callback */
	++*host->pending;
	return 0;
}

static int drive(haw_loop *loop, const unsigned *pending, haw_error *err)
{
	while (*pending > 0) {
		/* The program's own descriptors would stand beside it. */
		struct pollfd fd = {.fd = haw_loop_fd(loop), .events = POLLIN};

		if (poll(&fd, 1, haw_loop_deadline_ms(loop)) < 0 && errno != EINTR)
			return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno, "poll failed");
		if (haw_loop_run(loop, 0, err) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct host *hosts = calloc((size_t)argc, sizeof(*hosts));
	haw_config *config = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	unsigned pending = 0;
	int result = -1, failed = 0;

	if (argc < 2 || !hosts) {
		fprintf(stderr, "usage: loop HOST:PORT...\n");
		free(hosts);
		return 2;
	}
	config = haw_config_new(&err);
	if (!config || (getenv("HOME") && haw_config_set_home(config, getenv("HOME"), &err) < 0) ||
	    haw_config_load_default(config, &err) < 0)
		goto out;
	loop = haw_loop_new(NULL, &err);
	for (int i = 1; loop && i < argc; i++) {
		hosts[i].pending = &pending;
		if (start(&hosts[i], argv[i], config, loop, &err) < 0)
			goto out;
	}
	if (loop)
		result = drive(loop, &pending, &err);
	for (int i = 1; i < argc; i++)
		failed |= hosts[i].result < 0;
out:
	if (result < 0)
		fprintf(stderr, "loop: %s\n", err.message);
	for (int i = 1; i < argc; i++) {
		haw_client_free(hosts[i].client);
		haw_host_config_free(hosts[i].config);
	}
	haw_loop_free(loop);
	haw_config_free(config);
	free(hosts);
	return result < 0 || failed;
}
