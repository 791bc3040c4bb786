/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in: the keys one after the other, then keyboard-interactive, then the password, as far as
 * server and configuration allow. The first attempt leaves with our NEWKEYS, before the server has
 * said what it allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/client/client.h"

static void attempt_done(void *user, haw_op *op);

static bool server_allows(const struct haw_client *client, const char *method)
{
	const char *methods = haw_transport_auth_methods(client->transport, NULL);

	/* Before its first answer the server may allow anything. */
	return !methods || haw_list_has((haw_span){(const uint8_t *)methods, strlen(methods)}, method);
}

static bool known(const struct haw_client *client)
{
	return haw_transport_auth_methods(client->transport, NULL) != NULL;
}

static bool can_ask(const struct haw_client *client)
{
	return !client->options.batch && client->options.transport.ask;
}

static void fail(struct haw_client *client)
{
	const char *methods = haw_transport_auth_methods(client->transport, NULL);
	haw_error err;

	haw_error_set(&err, HAW_EAUTH, HAW_FAULT_LOCAL, 0,
		      "permission denied: %s was not let in at %s. The server allows: %s. %zu key%s tried%s",
		      client->user_name, client->host, methods && *methods ? methods : "nothing",
		      client->next_identity, client->next_identity == 1 ? " was" : "s were",
		      can_ask(client) ? "" : ", and nobody can be asked for a password");
	haw_client_end(client, HAW_EAUTH, &err);
}

static void started(struct haw_client *client, haw_op *op, const haw_error *err)
{
	client->login = op;
	if (!op)
		haw_client_end(client, err->code, err);
}

static bool try_key(struct haw_client *client)
{
	struct haw_identity *identity;

	if (client->next_identity >= client->identity_count || !server_allows(client, "publickey"))
		return false;
	identity = &client->identities[client->next_identity];
	/* Nobody is asked for a passphrase before the server has said that keys are of use. */
	if (!identity->key && !known(client))
		return false;
	client->next_identity++;
	if (!identity->key)
		return haw_client_unlock(client) || try_key(client);
	haw_client_offer_key(client, identity);
	return true;
}

void haw_client_offer_key(struct haw_client *client, struct haw_identity *identity)
{
	haw_error err = {0};

	client->step = HAW_STEP_KEY;
	haw_client_log(client, 1, "offering the key %s %s", haw_key_type_short(identity->key),
		       haw_key_fingerprint(identity->key));
	/* A key at hand is used without asking first whether it would do: that saves a round trip. */
	started(client,
		haw_transport_auth_publickey_start(client->transport, client->user_name, identity->key,
						   identity->path != NULL, attempt_done, client, &err),
		&err);
}

static bool try_interactive(struct haw_client *client)
{
	bool wanted = !client->values || client->values->kbd_interactive_authentication;
	haw_error err = {0};

	if (!wanted || !known(client) || !can_ask(client) ||
	    client->interactive_tries >= HAW_PASSWORD_TRIES || !server_allows(client, "keyboard-interactive"))
		return false;
	client->interactive_tries++;
	client->step = HAW_STEP_INTERACTIVE;
	started(client,
		haw_transport_auth_interactive_start(client->transport, client->user_name, attempt_done,
						     client, &err),
		&err);
	return true;
}

static void send_password(struct haw_client *client, const char *password)
{
	haw_error err = {0};

	client->password_tries++;
	client->step = HAW_STEP_PASSWORD;
	started(client, haw_transport_auth_password_start(client->transport, client->user_name, password,
							  attempt_done, client, &err), &err);
}

static void password_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;

	client->question = NULL;
	haw_connection_hold_clock(client->transport->connection, false);
	if (q->accepted && q->answer_count > 0) {
		send_password(client, q->answers[0]);
		return;
	}
	client->password_tries = HAW_PASSWORD_TRIES;
	haw_client_login_next(client);
}

static bool try_password(struct haw_client *client)
{
	bool wanted = !client->values || client->values->password_authentication;
	char text[600];

	if (!wanted || !server_allows(client, "password") || client->password_tries >= HAW_PASSWORD_TRIES)
		return false;
	if (client->password) {
		send_password(client, client->password);
		OPENSSL_cleanse(client->password, strlen(client->password));
		free(client->password);
		client->password = NULL;
		return true;
	}
	if (!known(client))
		return false;
	snprintf(text, sizeof(text), "%s@%s's password: ", client->user_name, client->host);
	haw_connection_hold_clock(client->transport->connection, true);
	if (haw_client_ask(client, HAW_ASK_PASSWORD, text, password_answered))
		return true;
	haw_connection_hold_clock(client->transport->connection, false);
	return false;
}

/* Asks what the server allows (and logs in where it requires nothing). */
static bool try_none(struct haw_client *client)
{
	haw_error err = {0};

	if (client->none_tried || known(client))
		return false;
	client->none_tried = true;
	client->step = HAW_STEP_NONE;
	started(client,
		haw_transport_auth_none_start(client->transport, client->user_name, attempt_done, client,
					      &err),
		&err);
	return true;
}

/* A password that the caller gave needs no list of methods to be tried. */
static bool try_given_password(struct haw_client *client)
{
	return client->password && try_password(client);
}

void haw_client_login_next(struct haw_client *client)
{
	if (!try_key(client) && !try_given_password(client) && !try_none(client) &&
	    !try_interactive(client) && !try_password(client))
		fail(client);
}

static void attempt_done(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);

	client->login = NULL;
	haw_client_drop_question(client); /* a server may refuse before it is answered */
	haw_op_detach(op);
	if (result == 0) {
		client->logged_in = true;
		haw_client_end(client, 0, NULL);
	} else if (result == HAW_EAUTH) {
		haw_client_log(client, 1, "%s", err.message);
		haw_client_login_next(client);
	} else {
		haw_client_end(client, result, &err);
	}
}
