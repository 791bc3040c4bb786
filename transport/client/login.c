/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in: one attempt after the other, as the iterator hands them out (hawser/auth.h). The first
 * attempt leaves with our NEWKEYS, before the server has said what it allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/client/client.h"

static void attempt_done(void *user, haw_op *op);

bool haw_client_can_ask(const struct haw_client *client)
{
	return !client->options.batch && client->options.transport.ask;
}

static void fail(struct haw_client *client)
{
	const char *methods = haw_transport_auth_methods(client->transport, NULL);
	haw_error err;

	if (client->transport->password_expired)
		haw_error_set(
			&err, HAW_EAUTH, HAW_FAULT_LOCAL, 0,
			"permission denied: the password of %s at %s has expired, and was not changed%s",
			client->user_name, client->host,
			haw_client_can_ask(client) ? "" : ", for nobody can be asked");
	else
		haw_error_set(
			&err, HAW_EAUTH, HAW_FAULT_LOCAL, 0,
			"permission denied: %s was not let in at %s. The server allows: %s. %u key%s tried%s",
			client->user_name, client->host, methods && *methods ? methods : "nothing",
			client->keys_tried, client->keys_tried == 1 ? " was" : "s were",
			haw_client_can_ask(client) ? "" : ", and nobody can be asked for a password");
	haw_client_end(client, HAW_EAUTH, &err);
}

/* ---- What was tried ---- */

static void forget_current(struct haw_client *client)
{
	haw_key_free((haw_key *)(uintptr_t)client->current.key);
	haw_key_free(client->unlocked);
	client->unlocked = NULL;
	memset(&client->current, 0, sizeof(client->current));
}

/* Private keys and the agent are of no use any more. */
static void forget_login(struct haw_client *client)
{
	haw_timer_cancel(client->loop->io, &client->resume);
	haw_client_end_signing(client);
	forget_current(client);
	haw_op_free(client->agent_list);
	client->agent_list = NULL;
	haw_client_free_order(client);
	haw_agent_free(client->agent);
	client->agent = NULL;
}

void haw_client_free_login(struct haw_client *client)
{
	forget_login(client);
	for (size_t i = 0; i < client->history_count; i++)
		haw_key_free((haw_key *)(uintptr_t)client->history[i].key);
	free(client->history);
}

/* The current attempt goes into the history; false if that is full, which only an iterator without end
 * can bring about. */
static bool record(struct haw_client *client, bool answered)
{
	haw_auth_result *result;

	if (!client->history)
		client->history = calloc(HAW_LOGIN_HISTORY_MAX, sizeof(*client->history));
	if (!client->history || client->history_count == HAW_LOGIN_HISTORY_MAX)
		return false;
	result = &client->history[client->history_count++];
	result->kind = client->current.kind;
	result->key = client->current.key ? haw_key_ref(client->current.key) : NULL;
	result->answered = answered;
	client->partial = false;
	if (answered)
		haw_transport_auth_methods(client->transport, &client->partial);
	result->partial = client->partial;
	client->keys_tried += result->kind == HAW_TRY_KEY;
	forget_current(client);
	return true;
}

static void end_endless(struct haw_client *client)
{
	haw_error err;

	haw_error_set(&err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
		      "the login was given up after %zu attempts, or out of memory", client->history_count);
	haw_client_end(client, HAW_ELIMIT, &err);
}

void haw_client_give_up_try(struct haw_client *client)
{
	if (record(client, false))
		haw_client_login_next(client);
	else
		end_endless(client);
}

/* ---- Attempts ---- */

/* The operation of an attempt; NULL ends the login. */
static void started(struct haw_client *client, haw_op *op, const haw_error *err)
{
	client->login = op;
	if (!op)
		haw_client_end(client, err->code, err);
}

void haw_client_offer_key(struct haw_client *client)
{
	const haw_key *key = client->current.key;
	/* A key at hand is used without asking first whether it would do: that saves a round trip. */
	bool probe = !client->current.signer && !haw_key_can_sign(key);
	haw_error err = {0};
	haw_op *op;

	haw_client_log(client, 1, "offering the key %s %s%s", haw_key_type_short(key),
		       haw_key_fingerprint(key), client->current.agent ? " of the agent" : "");
	op = haw_transport_auth_publickey_start(client->transport, client->user_name, key, probe,
						attempt_done, client, &err);
	if (!op && err.code == HAW_EUNSUPPORTED) {
		haw_client_log(client, 0, "the key %s is passed over: %s", haw_key_fingerprint(key),
			       err.message);
		haw_client_give_up_try(client);
		return;
	}
	started(client, op, &err);
}

static bool try_key(struct haw_client *client)
{
	if (!client->current.key)
		return client->current.key_file && haw_client_unlock(client);
	client->current.key = haw_key_ref(client->current.key);
	haw_client_offer_key(client);
	return true;
}

static bool try_interactive(struct haw_client *client)
{
	haw_error err = {0};

	started(client,
		haw_transport_auth_interactive_start(client->transport, client->user_name, attempt_done,
						     client, &err),
		&err);
	return true;
}

static bool try_none(struct haw_client *client)
{
	haw_error err = {0};

	started(client,
		haw_transport_auth_none_start(client->transport, client->user_name, attempt_done, client,
					      &err),
		&err);
	return true;
}

static void send_password(struct haw_client *client, const char *password)
{
	haw_error err = {0};

	started(client,
		haw_transport_auth_password_start(client->transport, client->user_name, password,
						  attempt_done, client, &err),
		&err);
}

static void password_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;

	client->question = NULL;
	haw_connection_hold_clock(client->transport->connection, false);
	if (q->accepted && q->answer_count > 0)
		send_password(client, q->answers[0]);
	else
		haw_client_give_up_try(client);
}

static bool try_password(struct haw_client *client)
{
	char text[600];

	if (client->current.password) {
		send_password(client, client->current.password);
		return true;
	}
	snprintf(text, sizeof(text), "%s@%s's password: ", client->user_name, client->host);
	haw_connection_hold_clock(client->transport->connection, true);
	if (haw_client_ask(client, HAW_ASK_PASSWORD, text, password_answered))
		return true;
	haw_connection_hold_clock(client->transport->connection, false);
	return false;
}

/* Begin the current attempt; false if it cannot be made. */
static bool begin_try(struct haw_client *client)
{
	/* Whatever the iterator wants, such a host gets no secret. */
	bool trusted = !client->untrusted_host;

	switch (client->current.kind) {
	case HAW_TRY_NONE:
		return try_none(client);
	case HAW_TRY_KEY:
		return try_key(client);
	case HAW_TRY_PASSWORD:
		return trusted && try_password(client);
	case HAW_TRY_INTERACTIVE:
		return trusted && try_interactive(client);
	default:
		return false;
	}
}

/* ---- One after the other ---- */

static int ask_iterator(struct haw_client *client, haw_error *err)
{
	const haw_auth_state state = {
		.size = sizeof(state),
		.user_name = client->user_name,
		.methods = haw_transport_auth_methods(client->transport, NULL),
		.partial = client->partial,
		.history = client->history,
		.history_count = client->history_count,
	};

	memset(&client->current, 0, sizeof(client->current));
	if (client->options.auth_next)
		return client->options.auth_next(client->options.auth_user, client, &state, &client->current,
						 err);
	return haw_client_auth_default(client, &state, &client->current, err);
}

void haw_client_login_next(struct haw_client *client)
{
	haw_error err = {0};
	int result;

	client->waiting = false;
	while ((result = ask_iterator(client, &err)) > 0) {
		if (begin_try(client))
			return;
		if (!record(client, false)) {
			end_endless(client);
			return;
		}
	}
	memset(&client->current, 0, sizeof(client->current));
	if (result == HAW_EAGAIN)
		client->waiting = true;
	else if (result == 0)
		fail(client);
	else
		haw_client_end(client, result, &err);
}

static void resume(void *user)
{
	struct haw_client *client = user;

	if (client->waiting)
		haw_client_login_next(client);
}

void haw_client_auth_resume(haw_client *client)
{
	/* By the loop, for this may be called from inside the iterator. */
	if (!client->freed && client->connects)
		haw_timer_set(client->loop->io, &client->resume, haw_io_now(client->loop->io), resume,
			      client);
}

static void attempt_done(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);
	bool answered = haw_transport_auth_answered(client->transport);

	client->login = NULL;
	haw_client_drop_question(client); /* a server may refuse before it is answered */
	haw_client_end_signing(client);
	haw_op_detach(op);
	if (result == 0) {
		client->logged_in = true;
		forget_login(client);
		haw_client_end(client, 0, NULL);
	} else if (result == HAW_EAUTH) {
		haw_client_log(client, 1, "%s", err.message);
		if (record(client, answered))
			haw_client_login_next(client);
		else
			end_endless(client);
	} else {
		haw_client_end(client, result, &err);
	}
}
