/* SPDX-License-Identifier: Apache-2.0
 *
 * Run a command on a server: exec HOST PORT COMMAND. Its output and errors are copied, and its exit status
 * becomes ours.
 *
 * cc -o exec exec.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>

#include <hawser/client.h>
#include <hawser/config.h>

struct run {
	bool closed;
	haw_error error; /* why the connection ended, if it did */
};

/* What arrives is a view of the receive buffer: it is used here, or left to the channel's queue. */
static size_t data(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view)
{
	(void)user, (void)channel;
	return fwrite(view.ptr, 1, view.len, stream == HAW_STREAM_STDERR ? stderr : stdout);
}

static void closed(void *user, haw_channel *channel, const haw_error *error)
{
	struct run *run = user;

	(void)channel;
	run->closed = true;
	run->error = *error;
}

/* The exit status of COMMAND, or -1 with ERR. */
static int run_command(haw_loop *loop, haw_transport *transport, const char *command, haw_error *err)
{
	struct run run = {0};
	haw_channel_options options = {
		.size = sizeof(options),
		.callbacks = {
			.size = sizeof(options.callbacks), .user = &run, .data = data, .closed = closed},
	};
	haw_channel *channel = NULL;
	const char *signal = NULL;
	int64_t status;
	int result = haw_channel_open(transport, &options, &channel, 30000, err);

	if (result == 0)
		result = haw_channel_exec(channel, command, 30000, err);
	if (result == 0)
		result = haw_channel_send_eof(channel, err); /* it has no input */
	while (result == 0 && !run.closed)
		result = haw_loop_run(loop, -1, err);
	if (result == 0 && run.error.code < 0) {
		*err = run.error;
		result = -1;
	}
	if (result == 0) {
		status = haw_channel_exit_status(channel, &signal);
		if (signal)
			fprintf(stderr, "exec: ended by signal %s\n", signal);
		result = status < 0 || status > 255 ? 255 : (int)status;
	}
	haw_channel_free(channel);
	return result;
}

int main(int argc, char **argv)
{
	haw_client_options options = {.size = sizeof(options), .policy = HAW_POLICY_REJECT};
	haw_host_config *host = NULL;
	haw_config *config = NULL;
	haw_client *client = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	int result = -1;

	if (argc != 4) {
		fprintf(stderr, "usage: exec HOST PORT COMMAND\n");
		return 2;
	}
	config = haw_config_new(&err);
	if (!config || (getenv("HOME") && haw_config_set_home(config, getenv("HOME"), &err) < 0) ||
	    haw_config_load_default(config, &err) < 0)
		goto out;
	host = haw_config_lookup(config, argv[1], &err);
	loop = host ? haw_loop_new(NULL, &err) : NULL;
	if (!loop)
		goto out;
	options.config = host;
	options.port = (uint16_t)atoi(argv[2]);
	client = haw_client_new(loop, &options, &err);
	if (client && haw_client_connect(client, 30000, &err) == 0)
		result = run_command(loop, haw_client_transport(client), argv[3], &err);
out:
	if (result < 0)
		fprintf(stderr, "exec: %s\n", err.message);
	haw_client_free(client);
	haw_loop_free(loop);
	haw_host_config_free(host);
	haw_config_free(config);
	return result < 0 ? 255 : result;
}
