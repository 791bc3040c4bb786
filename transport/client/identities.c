/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys to be tried: the caller's, then the configuration's identity files. One that needs a
 * passphrase is offered by its public half, and the passphrase asked for only when it would do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/client.h"

enum { PASSPHRASE_TRIES = 3 };

static bool is_there(const struct haw_client *client, const haw_key *key)
{
	for (size_t i = 0; i < client->identity_count; i++)
		if (client->identities[i].key && haw_key_equal(client->identities[i].key, key))
			return true;
	return false;
}

static void add(struct haw_client *client, haw_key *key, const char *path)
{
	struct haw_identity *identity = &client->identities[client->identity_count];

	if (client->identity_count == HAW_IDENTITIES_MAX || (key && is_there(client, key))) {
		haw_key_free(key);
		return;
	}
	identity->key = key;
	identity->path = path ? strdup(path) : NULL;
	client->identity_count++;
}

static void load_file(struct haw_client *client, const char *path, bool wanted)
{
	bool encrypted = false;
	haw_error err;
	haw_key *key = haw_key_public_from_private_file(path, &encrypted, &err);

	if (key && !encrypted) {
		haw_key_free(key);
		key = haw_key_load_private(path, NULL, &err);
	}
	if (key) {
		add(client, key, encrypted ? path : NULL);
		return;
	}
	if (encrypted && err.code == HAW_EPASSPHRASE) {
		add(client, NULL, path);
		return;
	}
	/* Default files may be missing; anything else may not be passed over in silence. */
	haw_client_log(client, wanted || err.sys_errno != ENOENT ? 0 : 2, "identity file %s: %s", path,
		       err.message);
}

void haw_client_load_identities(struct haw_client *client)
{
	const haw_host_values *v = client->values;

	for (size_t i = 0; i < client->options.key_count; i++)
		add(client, haw_key_ref(client->options.keys[i]), NULL);
	if (!v || !v->pubkey_authentication)
		return;
	for (size_t i = 0; i < v->identity_files.count; i++)
		load_file(client, v->identity_files.items[i], v->identity_files_set);
}

void haw_client_free_identities(struct haw_client *client)
{
	for (size_t i = 0; i < client->identity_count; i++) {
		haw_key_free(client->identities[i].key);
		free(client->identities[i].path);
	}
	client->identity_count = 0;
}

/* ---- Signing with a key whose passphrase is still to be asked for ---- */

static void give_up(struct haw_client *client)
{
	haw_message_reset(&client->to_sign);
	haw_transport_signed(client->transport, (haw_span){NULL, 0});
}

static void ask_passphrase(struct haw_client *client);

static void passphrase_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	struct haw_identity *identity = &client->identities[client->next_identity - 1];
	haw_message signature;
	haw_error err;
	haw_key *key;

	client->question = NULL;
	if (!q->accepted || q->answer_count == 0 || !q->answers[0][0]) {
		give_up(client);
		return;
	}
	key = haw_key_load_private(identity->path, q->answers[0], &err);
	if (!key && err.code == HAW_EPASSPHRASE && ++client->passphrase_tries < PASSPHRASE_TRIES) {
		haw_client_log(client, 0, "the passphrase for %s is wrong", identity->path);
		ask_passphrase(client);
		return;
	}
	haw_message_write(&signature, 0);
	if (!key || haw_key_sign(key, client->sign_algorithm, haw_message_all(&client->to_sign), &signature,
				 &err) < 0) {
		haw_client_log(client, 0, "identity file %s: %s", identity->path, err.message);
		haw_message_reset(&signature);
	}
	haw_key_free(key);
	haw_transport_signed(client->transport, haw_message_all(&signature));
	haw_message_free(&signature);
}

static void passphrase_text(const struct haw_client *client, char *text, size_t size)
{
	const char *name = client->identities[client->next_identity - 1].path;
	char path[1000];

	haw_escape(path, sizeof(path), name, strlen(name));
	snprintf(text, size, "Enter passphrase for key '%s': ", path);
}

static void ask_passphrase(struct haw_client *client)
{
	char text[1200];

	passphrase_text(client, text, sizeof(text));
	if (!haw_client_ask(client, HAW_ASK_PASSPHRASE, text, passphrase_answered))
		give_up(client);
}

void haw_client_sign(void *user, haw_span data, const char *algorithm)
{
	struct haw_client *client = user;

	haw_message_free(&client->to_sign);
	haw_message_write(&client->to_sign, 0);
	haw_put_bytes(&client->to_sign, data.ptr, data.len);
	snprintf(client->sign_algorithm, sizeof(client->sign_algorithm), "%s", algorithm);
	client->passphrase_tries = 0;
	if (client->next_identity > 0 && client->identities[client->next_identity - 1].path)
		ask_passphrase(client);
	else
		give_up(client);
}

/* ---- A key that cannot even be offered without its passphrase ---- */

static bool ask_to_unlock(struct haw_client *client);

static void unlock_answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	struct haw_identity *identity = &client->identities[client->next_identity - 1];
	haw_error err;

	client->question = NULL;
	haw_connection_hold_clock(client->transport->connection, false);
	if (!q->accepted || q->answer_count == 0 || !q->answers[0][0]) {
		haw_client_login_next(client);
		return;
	}
	identity->key = haw_key_load_private(identity->path, q->answers[0], &err);
	if (identity->key) {
		free(identity->path);
		identity->path = NULL;
		haw_client_offer_key(client, identity);
		return;
	}
	haw_client_log(client, 0, "identity file %s: %s", identity->path, err.message);
	if (err.code != HAW_EPASSPHRASE || ++client->passphrase_tries >= PASSPHRASE_TRIES ||
	    !ask_to_unlock(client))
		haw_client_login_next(client);
}

static bool ask_to_unlock(struct haw_client *client)
{
	char text[1200];

	passphrase_text(client, text, sizeof(text));
	haw_connection_hold_clock(client->transport->connection, true);
	if (haw_client_ask(client, HAW_ASK_PASSPHRASE, text, unlock_answered))
		return true;
	haw_connection_hold_clock(client->transport->connection, false);
	return false;
}

bool haw_client_unlock(struct haw_client *client)
{
	client->passphrase_tries = 0;
	if (ask_to_unlock(client))
		return true;
	haw_client_log(client, 1, "identity file %s needs a passphrase, and nobody can be asked",
		       client->identities[client->next_identity - 1].path);
	return false;
}
