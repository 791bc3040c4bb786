/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/client/client.h"
#include "transport/wire/ssh_numbers.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

enum { GOODBYE_MS = 2000 };

void haw_client_log(struct haw_client *client, int level, const char *format, ...)
{
	char line[1200];
	va_list args;

	if (!client->options.transport.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	client->options.transport.log(client->options.transport.user, level, line);
}

/* ---- Options ---- */

static char *local_user(void)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return NULL;
	return strdup(found->pw_name);
}

static enum haw_host_key_policy policy_of(const struct haw_client *client)
{
	if (client->options.policy != HAW_POLICY_DEFAULT)
		return client->options.policy;
	if (!client->values)
		return HAW_POLICY_REJECT;
	switch (client->values->strict_host_key) {
	case HAW_STRICT_ACCEPT_NEW:
		return HAW_POLICY_ACCEPT_NEW;
	case HAW_STRICT_OFF:
		return HAW_POLICY_OFF;
	case HAW_STRICT_ASK:
		return HAW_POLICY_ASK;
	default:
		return HAW_POLICY_REJECT;
	}
}

/* The configuration's values where the caller gave none. */
static void merge_transport_options(struct haw_client *client)
{
	haw_transport_options *t = &client->options.transport;
	const haw_host_values *v = client->values;

	t->size = sizeof(*t);
	if (!v)
		return;
	if (!t->kex)
		t->kex = v->kex;
	if (!t->ciphers)
		t->ciphers = v->ciphers;
	if (!t->macs)
		t->macs = v->macs;
	/* As OpenSSH: what is not wanted is taken where a server insists. */
	if (!t->compression)
		t->compression = v->compression ? "zlib@openssh.com,zlib,none" : "none,zlib@openssh.com,zlib";
	if (!t->user_keys)
		t->user_keys = v->pubkey_algorithms;
	if (!t->keepalive_ms)
		t->keepalive_ms = v->server_alive_interval_s * 1000;
	if (!t->keepalive_max)
		t->keepalive_max = v->server_alive_count_max;
	if (!t->rekey_bytes)
		t->rekey_bytes = v->rekey_bytes;
	if (!t->rekey_seconds)
		t->rekey_seconds = v->rekey_seconds;
	if (!client->options.family)
		client->options.family = v->family;
	if (!client->options.connect_timeout_ms)
		client->options.connect_timeout_ms = v->connect_timeout_s * 1000;
	if (!t->exchange_timeout_ms)
		t->exchange_timeout_ms = client->options.connect_timeout_ms;
	client->options.batch |= v->batch_mode;
}

static int take_options(struct haw_client *client, const haw_client_options *options, haw_error *err)
{
	haw_client_options *o = &client->options;
	const haw_host_values *v;
	const char *host, *user;

	memcpy(o, options, options->size < sizeof(*o) ? options->size : sizeof(*o));
	v = client->values = o->config ? haw_host_config_values(o->config) : NULL;
	host = o->host ? o->host : v ? v->hostname : NULL;
	user = o->user_name ? o->user_name : v ? v->user : NULL;
	if (!host)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "no host was given");
	client->host = strdup(host);
	client->user_name = user ? strdup(user) : local_user();
	client->password = o->password ? strdup(o->password) : NULL;
	client->port = o->port ? o->port : v && v->port ? v->port : 22;
	if (!client->host || !client->user_name || (o->password && !client->password))
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				     "no user name was given, or out of memory");
	merge_transport_options(client);
	client->policy = policy_of(client);
	return 0;
}

/* ---- Life ---- */

struct haw_client *haw_client_make(haw_loop *loop, const haw_client_options *options,
				   struct haw_client *outer, haw_error *err)
{
	struct haw_client *client = calloc(1, sizeof(*client));

	if (!client) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	client->loop = loop;
	client->outer = outer;
	if (take_options(client, options, err) == 0 && haw_client_plan_route(client, err) == 0)
		return client;
	client->options.stream = NULL; /* stays the caller's */
	haw_client_free(client);
	return NULL;
}

haw_client *haw_client_new(haw_loop *loop, const haw_client_options *options, haw_error *err)
{
	return haw_client_make(loop, options, NULL, err);
}

void haw_client_free(haw_client *client)
{
	const haw_error gone = {.code = HAW_ECANCELED, .message = "the client was freed"};

	if (!client || client->freed)
		return;
	client->freed = true; /* the operations that end now may ask for it once more */
	haw_question_abandon(client->question);
	haw_op_free(client->login);
	haw_client_free_login(client);
	haw_client_follow_end(client);
	haw_client_end_hosts_command(client);
	haw_transport_op_end_all(&client->connects, HAW_ECANCELED, &gone);
	haw_transport_free(client->transport);
	haw_client_free_route(client);
	haw_known_hosts_free(client->known_hosts);
	haw_key_free(client->judged_key);
	if (client->password)
		OPENSSL_cleanse(client->password, strlen(client->password));
	free(client->password);
	free(client->user_name);
	free(client->host);
	free(client);
}

void haw_client_end(struct haw_client *client, int code, const haw_error *err)
{
	/* A client that did not get in has no use for the connection; and what was sent ahead over it (SFTP)
	 * ends with the same reason, whoever is told first. */
	if (code < 0 && client->transport && haw_transport_is_open(client->transport))
		haw_connection_fail(client->transport->connection,
				    code == HAW_EAUTH ? HAW_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE
						      : HAW_DISCONNECT_BY_APPLICATION,
				    err);
	if (client->transport)
		haw_transport_touch(client->transport);
	/* By the loop, since the callback may free the client that is at work here. */
	while (client->connects)
		haw_transport_op_end_later(client->connects, code, err);
}

/* Also while a person is asked, when no attempt is under way that would report it. */
static void connection_ended(void *user, const haw_error *err)
{
	struct haw_client *client = user;
	haw_error closed;

	haw_client_drop_question(client);
	haw_client_end_hosts_command(client);
	if (!err->code)
		haw_error_set(&closed, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the connection was closed");
	haw_client_route_lost(client, err->code ? err : &closed);
	haw_client_end(client, err->code ? err->code : HAW_ECLOSED, err->code ? err : &closed);
}

/* ---- Questions ---- */

void haw_client_drop_question(struct haw_client *client)
{
	haw_question_abandon(client->question);
	client->question = NULL;
}

bool haw_client_ask(struct haw_client *client, enum haw_question_kind kind, const char *text,
		    void (*answered)(void *asker, struct haw_question *q))
{
	struct haw_question *q;

	if (client->options.batch || !client->options.transport.ask)
		return false;
	q = haw_question_new(client->loop->io, kind, text, answered, client);
	if (!q)
		return false;
	if (haw_question_add_prompt(q, (haw_span){(const uint8_t *)text, strlen(text)}, false) < 0) {
		haw_question_free(q);
		return false;
	}
	haw_client_drop_question(client);
	client->question = q;
	client->options.transport.ask(client->options.transport.user, q);
	return true;
}

/* ---- Connecting ---- */

/* The first use of a suite runs its self-test and starts its library, which now overlaps with the
 * network. */
static void prefetch(const struct haw_client *client)
{
	const haw_transport_options *t = &client->options.transport;
	char ciphers[4096], macs[4096];

	if (haw_algorithm_list(HAW_ALGORITHM_CIPHER, t->ciphers, ciphers, sizeof(ciphers), NULL) < 0 ||
	    haw_algorithm_list(HAW_ALGORITHM_MAC, t->macs, macs, sizeof(macs), NULL) < 0)
		return;
	ciphers[strcspn(ciphers, ",")] = '\0';
	macs[strcspn(macs, ",")] = '\0';
	if (haw_suite_find(ciphers, macs))
		haw_selector_choose(t->selector, haw_suite_find(ciphers, macs), NULL, 0);
}

/* Whether KnownHostsCommand has a say in which host keys are offered first. Over the caller's stream, which
 * is not kept waiting, it has not. */
static bool asks_for_order(const struct haw_client *client)
{
	return haw_client_has_hosts_command(client) && client->orders_host_keys && !client->options.stream;
}

static int prepare(struct haw_client *client, haw_error *err)
{
	haw_transport_options transport = client->options.transport;
	const char *wanted = transport.host_keys;
	char list[4096];
	int result = haw_client_load_known_hosts(client, err);

	if (!wanted && client->values)
		wanted = client->values->host_key_algorithms;
	if (result == 0)
		result = haw_algorithm_list(HAW_ALGORITHM_HOST_KEY, wanted, list, sizeof(list), err);
	if (result < 0)
		return result;
	/* As ssh: an order that the user gave in full is kept, else what can be checked goes first. */
	client->orders_host_keys = !wanted || strchr("+-", wanted[0]);
	if (client->orders_host_keys) {
		haw_client_order_host_keys(client, list);
	} else {
		memcpy(client->host_keys, list, sizeof(list));
	}
	transport.host_keys = client->host_keys;
	if (client->options.batch)
		transport.ask = NULL;
	client->transport = haw_transport_create(client->loop, &transport, asks_for_order(client), err);
	if (!client->transport)
		return err ? err->code : HAW_ENOMEM;
	haw_transport_set_hooks(client->transport, haw_client_judge, haw_client_sign, client);
	haw_transport_set_ended(client->transport, connection_ended);
	haw_transport_set_global_request(client->transport, haw_client_global_request);
	return 0;
}

/* The command that knows host keys has spoken: what it knows is offered first. */
static void order_known(struct haw_client *client)
{
	char list[sizeof(client->host_keys)];
	haw_error err;
	int result = haw_client_load_known_hosts(client, &err);

	if (result == 0) {
		memcpy(list, client->host_keys, sizeof(list));
		haw_client_order_host_keys(client, list);
		result = haw_connection_begin_with(client->transport->connection, client->host_keys, &err);
	}
	/* It is asked again about the key that comes. */
	haw_client_end_hosts_command(client);
	if (result == 0)
		result = haw_client_load_known_hosts(client, &err);
	if (result == 0)
		result = haw_client_start_route(client, &err);
	if (result < 0)
		haw_transport_fail(client->transport, &err);
}

static int set_out(struct haw_client *client, haw_error *err)
{
	char name[1100];
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	int result;

	if (!asks_for_order(client))
		return haw_client_start_route(client, err);
	result = haw_known_hosts_name(host, port, false, name, sizeof(name), err);
	return result < 0 ? result
			  : haw_client_ask_hosts_command(client, "ORDER", name, NULL, order_known, err);
}

haw_op *haw_client_connect_start(haw_client *client, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op;
	haw_error local;

	if (!err)
		err = &local;
	if (client->transport) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the client has been connected before");
		return NULL;
	}
	if (prepare(client, err) < 0)
		return NULL;
	op = haw_transport_op_new(client->transport, &client->connects, done, user, err);
	if (!op)
		return NULL;
	if (set_out(client, err) < 0) {
		haw_op_free(&op->op);
		return NULL;
	}
	prefetch(client);
	haw_client_login_next(client);
	return &op->op;
}

int haw_client_connect(haw_client *client, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_client_connect_start(client, NULL, NULL, err), timeout_ms, err);
}

haw_transport *haw_client_transport(const haw_client *client)
{
	return client->transport;
}

/* ---- What it is for ---- */

static bool check_connecting(const haw_client *client, haw_error *err)
{
	if (client->transport)
		return true;
	haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the client has not been connected");
	return false;
}

haw_op *haw_client_sftp_start(haw_client *client, haw_sftp **sftp, haw_op_fn done, void *user, haw_error *err)
{
	*sftp = NULL;
	return check_connecting(client, err) ? haw_sftp_start(client->transport, sftp, done, user, err)
					     : NULL;
}

haw_sftp *haw_client_sftp(haw_client *client, int timeout_ms, haw_error *err)
{
	return check_connecting(client, err) ? haw_sftp_new(client->transport, timeout_ms, err) : NULL;
}

haw_channel *haw_client_exec(haw_client *client, const char *command, int timeout_ms, haw_error *err)
{
	haw_channel *channel = NULL;

	if (!check_connecting(client, err) ||
	    haw_channel_open(client->transport, NULL, &channel, timeout_ms, err) < 0)
		return NULL;
	if (haw_channel_exec(channel, command, timeout_ms, err) == 0)
		return channel;
	haw_channel_free(channel);
	return NULL;
}

void haw_client_close(haw_client *client, int timeout_ms)
{
	if (timeout_ms == 0)
		timeout_ms = GOODBYE_MS;
	if (client->transport && haw_transport_is_open(client->transport)) {
		haw_client_follow_wait(client, timeout_ms);
		haw_transport_close(client->transport, timeout_ms);
	}
	if (client->via)
		haw_client_close(client->via, timeout_ms);
}
