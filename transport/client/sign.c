/* SPDX-License-Identifier: Apache-2.0
 *
 * Who signs for the key that is being tried: its private half, the agent, or a file whose passphrase is
 * asked for first. Whatever fails here gives up this key and not the login.
 */
#include <stdio.h>
#include <string.h>

#include "transport/client/client.h"
#include "transport/hostkey/hostkey.h"

static unsigned tries(const struct haw_client *client)
{
	return client->values ? client->values->password_prompts : HAW_PASSWORD_TRIES;
}

void haw_client_end_signing(struct haw_client *client)
{
	haw_message_free(&client->to_sign);
	haw_message_free(&client->agent_signature);
	haw_op_free(client->agent_op);
	client->agent_op = NULL;
}

static void give_up(struct haw_client *client)
{
	haw_message_reset(&client->to_sign);
	haw_transport_signed(client->transport, (haw_span){NULL, 0});
}

static void sign_with(struct haw_client *client, const haw_key *key)
{
	haw_message signature;
	haw_error err;

	haw_message_write(&signature, 0);
	if (haw_key_sign(key, client->sign_algorithm, haw_message_all(&client->to_sign), &signature, &err) <
	    0) {
		haw_client_log(client, 0, "signing with the key %s failed: %s", haw_key_fingerprint(key),
			       err.message);
		haw_message_reset(&signature);
	}
	haw_message_reset(&client->to_sign);
	haw_transport_signed(client->transport, haw_message_all(&signature));
	haw_message_free(&signature);
}

/* ---- The agent ---- */

static void agent_signed(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);

	client->agent_op = NULL;
	haw_op_detach(op);
	if (result < 0) {
		haw_client_log(client, 0, "signing with the key %s failed: %s",
			       haw_key_fingerprint(client->current.key), err.message);
		give_up(client);
		return;
	}
	haw_message_reset(&client->to_sign);
	haw_transport_signed(client->transport, haw_message_all(&client->agent_signature));
	haw_message_reset(&client->agent_signature);
}

static void ask_agent(struct haw_client *client)
{
	const haw_auth_try *t = &client->current;
	haw_error err;

	haw_message_free(&client->agent_signature);
	haw_message_write(&client->agent_signature, 0);
	client->agent_op = haw_agent_sign_start(t->agent, t->agent_key ? t->agent_key : t->key,
						client->sign_algorithm, haw_message_all(&client->to_sign),
						&client->agent_signature, agent_signed, client, &err);
	if (client->agent_op)
		return;
	haw_client_log(client, 0, "the agent cannot be asked to sign: %s", err.message);
	give_up(client);
}

/* ---- Files with a passphrase ---- */

static bool ask_passphrase(struct haw_client *client, void (*answered)(void *asker, struct haw_question *q))
{
	const char *name = client->current.key_file;
	char path[1000], text[1200];

	haw_escape(path, sizeof(path), name, strlen(name));
	snprintf(text, sizeof(text), "Enter passphrase for key '%s': ", path);
	return haw_client_ask(client, HAW_ASK_PASSPHRASE, text, answered);
}

/* Read the file with what was answered. NULL: *AGAIN tells whether to ask once more. */
static haw_key *open_file(struct haw_client *client, const struct haw_question *q, bool *again)
{
	const char *path = client->current.key_file;
	haw_error err;
	haw_key *key;

	*again = false;
	if (!q->accepted || q->answer_count == 0 || !q->answers[0][0])
		return NULL;
	key = haw_key_load_private(path, q->answers[0], &err);
	if (key) {
		haw_client_remember_key(client, path, key);
		return key;
	}
	haw_client_log(client, 0, "identity file %s", err.message);
	*again = err.code == HAW_EPASSPHRASE && ++client->passphrase_tries < tries(client);
	return NULL;
}

static void passphrase_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	bool again;
	haw_key *key;

	client->question = NULL;
	key = open_file(client, q, &again);
	if (key) {
		sign_with(client, key);
		haw_key_free(key);
	} else if (!again || !ask_passphrase(client, passphrase_answered)) {
		give_up(client);
	}
}

static void sign_with_file(struct haw_client *client)
{
	haw_error err;
	haw_key *key = haw_key_load_private(client->current.key_file, NULL, &err);

	client->passphrase_tries = 0;
	if (key) {
		sign_with(client, key);
		haw_key_free(key);
		return;
	}
	if (err.code != HAW_EPASSPHRASE)
		haw_client_log(client, 0, "identity file %s", err.message);
	else if (ask_passphrase(client, passphrase_answered))
		return;
	else
		haw_client_log(client, 1, "identity file %s needs a passphrase, and nobody can be asked",
			       client->current.key_file);
	give_up(client);
}

bool haw_client_sign(void *user, haw_span data, const char *algorithm)
{
	struct haw_client *client = user;
	const haw_auth_try *t = &client->current;
	const haw_span name = {(const uint8_t *)algorithm, strlen(algorithm)};
	bool certificate;
	/* The request names a certificate's algorithm, its signature the key's. */
	const struct haw_signature_algorithm *plain = haw_key_algorithm_find(name, &certificate);

	if (!plain || (!t->signer && !t->agent && !t->key_file))
		return false;
	haw_client_end_signing(client);
	haw_message_write(&client->to_sign, 0);
	haw_put_bytes(&client->to_sign, data.ptr, data.len);
	client->sign_algorithm = plain->name;
	if (t->signer)
		sign_with(client, t->signer);
	else if (t->agent)
		ask_agent(client);
	else
		sign_with_file(client);
	return true;
}

/* ---- A key that cannot even be offered without its passphrase ---- */

static void unlock_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	bool again;

	client->question = NULL;
	client->unlocked = open_file(client, q, &again);
	if (!client->unlocked && again && ask_passphrase(client, unlock_answered))
		return;
	haw_connection_hold_clock(client->transport->connection, false);
	if (!client->unlocked || !haw_client_is_large_enough(client, client->unlocked)) {
		haw_client_give_up_try(client);
		return;
	}
	client->current.key = haw_key_ref(client->unlocked);
	client->current.signer = client->unlocked;
	haw_client_offer_key(client);
}

bool haw_client_unlock(struct haw_client *client)
{
	client->passphrase_tries = 0;
	haw_connection_hold_clock(client->transport->connection, true);
	if (ask_passphrase(client, unlock_answered))
		return true;
	haw_connection_hold_clock(client->transport->connection, false);
	haw_client_log(client, 1, "identity file %s needs a passphrase, and nobody can be asked",
		       client->current.key_file);
	return false;
}
