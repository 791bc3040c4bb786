/* SPDX-License-Identifier: Apache-2.0
 *
 * Run a command on a host behind another one: tunnel JUMPHOST HOST PORT COMMAND.
 *
 * JUMPHOST is reached as ssh(1) would; over a channel of that connection, which it connects on to HOST and
 * PORT, runs a connection of its own, with its own check of the host key and its own login: JUMPHOST sees
 * neither.
 * (A ProxyJump in the configuration needs none of this: haw_client_options.hops does it.)
 *
 * cc -o tunnel tunnel.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>

#include <hawser/channel.h>
#include <hawser/client.h>
#include <hawser/config.h>

static const int timeout_ms = 60000;

static haw_client *log_in(haw_loop *loop, const haw_config *config, const haw_host_config *host,
			  haw_stream *stream, uint16_t port, haw_error *err)
{
	haw_client_options options = {.size = sizeof(options), .config = host, .hops = config};
	haw_client *client;

	options.stream = stream;
	options.port = port;
	client = haw_client_new(loop, &options, err);
	if (client && haw_client_connect(client, timeout_ms, err) == 0)
		return client;
	haw_client_free(client);
	return NULL;
}

/* A stream to HOST and PORT over VIA. */
static haw_stream *dig(haw_client *via, const char *host, uint16_t port, haw_error *err)
{
	haw_channel *channel;
	haw_stream *stream;

	if (haw_channel_open_tcpip(haw_client_transport(via), host, port, NULL, &channel, timeout_ms, err) <
	    0)
		return NULL;
	stream = haw_channel_stream(channel, err);
	if (!stream)
		haw_channel_free(channel);
	return stream;
}

/* Run COMMAND and print what it says. Its exit status, or -1. */
static int run(haw_client *client, const char *command, haw_error *err)
{
	haw_channel *channel = haw_client_exec(client, command, timeout_ms, err);
	char text[4096];
	ptrdiff_t n;
	int status;

	if (!channel)
		return -1;
	while ((n = haw_channel_recv_wait(channel, HAW_STREAM_DATA, text, sizeof(text), timeout_ms, err)) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	/* The status comes before the channel is closed. */
	while (n == HAW_EEND && haw_channel_is_open(channel) && haw_channel_exit_status(channel, NULL) < 0)
		if (haw_loop_run(haw_transport_loop(haw_client_transport(client)), timeout_ms, err) < 0)
			break;
	status = (int)haw_channel_exit_status(channel, NULL);
	haw_channel_free(channel);
	return n == HAW_EEND ? status : -1;
}

int main(int argc, char **argv)
{
	haw_config *config = NULL;
	haw_host_config *near = NULL, *far = NULL;
	haw_client *via = NULL, *client = NULL;
	haw_stream *stream = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	int status = -1;
	uint16_t port;

	if (argc != 5) {
		fprintf(stderr, "usage: tunnel JUMPHOST HOST PORT COMMAND\n");
		return 2;
	}
	port = (uint16_t)atoi(argv[3]);
	config = haw_config_new(&err);
	if (!config || (getenv("HOME") && haw_config_set_home(config, getenv("HOME"), &err) < 0) ||
	    haw_config_load_default(config, &err) < 0)
		goto out;
	near = haw_config_lookup(config, argv[1], &err);
	far = near ? haw_config_lookup(config, argv[2], &err) : NULL;
	loop = far ? haw_loop_new(NULL, &err) : NULL;
	via = loop ? log_in(loop, config, near, NULL, 0, &err) : NULL;
	stream = via ? dig(via, argv[2], port, &err) : NULL;
	client = stream ? log_in(loop, config, far, stream, port, &err) : NULL;
	if (client)
		status = run(client, argv[4], &err);
	if (status >= 0)
		haw_client_close(client, 1000);
out:
	if (status < 0)
		fprintf(stderr, "tunnel: %s\n", err.message);
	/* The one that runs over the other goes first. */
	haw_client_free(client);
	haw_stream_free(stream);
	haw_client_free(via);
	haw_loop_free(loop);
	haw_host_config_free(far);
	haw_host_config_free(near);
	haw_config_free(config);
	return status < 0 ? 1 : status;
}
