/* SPDX-License-Identifier: Apache-2.0
 *
 * How a client gets to its host: directly, over a stream of the caller's, by a command (ProxyCommand), or
 * over other hosts (ProxyJump).
 *
 *	client ──transport──> stream ──> channel (direct-tcpip) of via's transport ──> stream ──> ...
 *
 * A hop is a client of its own, with its own trust and login, that belongs to the one that it leads to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/client/client.h"

enum { HOPS_MAX = 16, AGAIN_NS = 1000 * 1000 * 1000 };

/* ---- The plan ---- */

/* HOP leads to a host that is on its way already: there would be no end. */
static int check_loop(const struct haw_client *hop, haw_error *err)
{
	unsigned hops = 0;

	for (const struct haw_client *c = hop->outer; c; c = c->outer) {
		if (strcasecmp(c->host, hop->host) == 0 && c->port == hop->port &&
		    strcmp(c->user_name, hop->user_name) == 0)
			return haw_error_set(
				err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
				"ProxyJump leads in a circle: to reach %s port %u, %s port %u has "
				"to be reached first",
				c->host, c->port, hop->host, hop->port);
		if (++hops > HOPS_MAX)
			return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
					     "ProxyJump leads over more than %d hosts", HOPS_MAX);
	}
	return 0;
}

static int make_hop(struct haw_client *client, const char *jump, haw_error *err)
{
	const haw_client_options *o = &client->options;
	haw_host_config *config = haw_config_lookup_hop(o->hops, jump, err);
	haw_client_options options = {
		.size = sizeof(options),
		.config = config,
		.hops = o->hops,
		.batch = o->batch,
		.resolve = o->resolve,
		.resolve_user = o->resolve_user,
		.transport = {.size = sizeof(options.transport),
			      .selector = o->transport.selector,
			      .ask = o->transport.ask,
			      .banner = o->transport.banner,
			      .log = o->transport.log,
			      .user = o->transport.user},
	};

	if (!config)
		return err ? err->code : HAW_EFORMAT;
	client->via = haw_client_make(client->loop, &options, client, err);
	if (!client->via) {
		haw_host_config_free(config);
		return err ? err->code : HAW_ENOMEM;
	}
	client->via->own_config = config;
	return 0;
}

int haw_client_plan_route(struct haw_client *client, haw_error *err)
{
	const char *jump = client->values ? client->values->proxy_jump : NULL;
	haw_error local;

	if (!err)
		err = &local;
	if (client->outer && check_loop(client, err) < 0)
		return HAW_EFORMAT;
	if (!jump || client->options.stream)
		return 0;
	if (!client->options.hops)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "%s is reached over other hosts (ProxyJump), whose configuration is not "
				     "known here",
				     client->host);
	return make_hop(client, jump, err);
}

/* ---- Streams ---- */

static int connect_directly(struct haw_client *client, haw_error *err);

static void try_again(void *user)
{
	struct haw_client *client = user;
	haw_error err;

	if (connect_directly(client, &err) < 0)
		haw_transport_fail(client->transport, &err);
}

static void connected(void *user, struct haw_stream *stream, const haw_error *err)
{
	struct haw_client *client = user;
	uint32_t attempts = client->values ? client->values->connection_attempts : 1;

	client->connect = NULL;
	if (stream) {
		/* ConnectTimeout is for all until keys are in force. */
		haw_connection_count_from(client->transport->connection, client->connecting_since);
		haw_transport_attach(client->transport, stream);
	} else if (++client->attempts < attempts && err->code != HAW_ETIMEDOUT) {
		haw_client_log(client, 1, "%s; trying again", err->message);
		haw_timer_set(client->loop->io, &client->again, haw_io_now(client->loop->io) + AGAIN_NS,
			      try_again, client);
	} else {
		haw_transport_fail(client->transport, err);
	}
}

static struct haw_socket_options socket_options(const struct haw_client *client)
{
	const haw_host_values *v = client->values;

	if (!v)
		return (struct haw_socket_options){.keep_alive = true};
	return (struct haw_socket_options){.bind_address = v->bind_address,
					   .bind_interface = v->bind_interface,
					   .keep_alive = v->tcp_keep_alive,
					   .has_traffic_class = v->qos_bulk >= 0,
					   .traffic_class = v->qos_bulk};
}

/* What is left of the time for connecting, all attempts together; 1 if nothing is. */
static uint64_t time_left(const struct haw_client *client)
{
	uint64_t limit = client->options.connect_timeout_ms * 1000000ull;
	uint64_t used = haw_io_now(client->loop->io) - client->connecting_since;

	return limit == 0 ? 0 : used < limit ? limit - used : 1;
}

static int connect_directly(struct haw_client *client, haw_error *err)
{
	const struct haw_connect_options options = {
		.host = client->host,
		.port = client->port,
		.family = client->options.family,
		.timeout_ns = time_left(client),
		.resolve = client->options.resolve,
		.resolve_user = client->options.resolve_user,
		.socket = socket_options(client),
		.done = connected,
		.user = client,
	};

	client->connect = haw_connect_start(client->loop->io, &options, err);
	return client->connect ? 0 : err->code;
}

/* Run over STREAM, the user's, whose handle is kept by its maker. */
static int use_stream(struct haw_client *client, haw_stream *stream, haw_error *err)
{
	int result = haw_stream_attach(client->loop->io, stream, err);

	if (result == 0)
		haw_transport_attach(client->transport, stream);
	return result;
}

/* ---- ProxyCommand ---- */

static void command_ended(void *user, const char *how)
{
	struct haw_client *client = user;
	const char *command = client->values->proxy_command;
	char text[200];
	haw_error err;

	haw_error_set(&err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the ProxyCommand for %s (%s) is no more: %s",
		      client->host, haw_escape(text, sizeof(text), command, strlen(command)), how);
	haw_transport_set_end_reason(client->transport, &err);
}

static int run_command(struct haw_client *client, haw_error *err)
{
	struct haw_stream *stream;

	haw_client_log(client, 1, "running the ProxyCommand for %s", client->host);
	client->child = haw_child_start(client->loop->io, client->values->proxy_command, command_ended,
					client, &stream, err);
	if (!client->child) {
		haw_error_prefix(err, "ProxyCommand for %s", client->host);
		return err->code;
	}
	haw_transport_attach(client->transport, stream);
	return 0;
}

/* ---- ProxyJump ---- */

static void fail_at_hop(struct haw_client *client, haw_error *err)
{
	haw_error_prefix(err, "on the way to %s, at the jump host %s", client->host, client->via->host);
	/* Whether we may log in behind it nobody has said. */
	if (err->code == HAW_EAUTH)
		err->code = HAW_ECONNECT;
	haw_transport_fail(client->transport, err);
}

static void tunnel_open(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);

	client->tunnel = NULL;
	haw_op_detach(op);
	if (result < 0)
		fail_at_hop(client, &err);
}

static void hop_ready(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_channel *channel = NULL;
	haw_stream *stream = NULL;
	haw_error err;
	int result = haw_op_result(op, &err);

	client->via_op = NULL;
	haw_op_detach(op);
	if (result == 0)
		client->tunnel =
			haw_channel_open_tcpip_start(client->via->transport, client->host, client->port, NULL,
						     &channel, tunnel_open, client, &err);
	if (client->tunnel)
		stream = haw_channel_stream(channel, &err);
	if (stream) {
		/* What we say first is said behind the open, not after its answer. */
		result = use_stream(client, stream, &err);
		haw_stream_free(stream);
		if (result == 0)
			return;
	} else {
		haw_op_free(client->tunnel);
		client->tunnel = NULL;
		haw_channel_free(channel);
	}
	fail_at_hop(client, &err);
}

void haw_client_route_lost(struct haw_client *client, const haw_error *err)
{
	haw_error why = *err;

	if (!client->outer || !client->outer->transport)
		return;
	haw_error_prefix(&why, "the jump host %s", client->host);
	haw_transport_set_end_reason(client->outer->transport, &why);
}

int haw_client_start_route(struct haw_client *client, haw_error *err)
{
	haw_stream *stream = client->options.stream;

	client->options.stream = NULL;
	if (stream)
		return use_stream(client, stream, err);
	if (client->via) {
		client->via_op = haw_client_connect_start(client->via, hop_ready, client, err);
		return client->via_op ? 0 : err->code;
	}
	if (client->values && client->values->proxy_command)
		return run_command(client, err);
	client->connecting_since = haw_io_now(client->loop->io);
	return connect_directly(client, err);
}

void haw_client_free_route(struct haw_client *client)
{
	if (client->connect)
		haw_connect_cancel(client->connect);
	haw_timer_cancel(client->loop->io, &client->again);
	haw_op_free(client->via_op);
	haw_op_free(client->tunnel);
	haw_client_free(client->via);
	haw_child_free(client->child);
	haw_host_config_free(client->own_config);
}
