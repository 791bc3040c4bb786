/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys to be tried, gathered in the order of ssh(1):
 *
 *  1. the caller's keys;
 *  2. certificates of CertificateFile;
 *  3. keys of IdentityFile that the agent holds, in the agent's order;
 *  4. the agent's other keys, unless IdentitiesOnly is set;
 *  5. the rest of IdentityFile, each key with the certificate beside it behind it.
 *
 * One that needs a passphrase is offered by its public half, and the passphrase asked for only when it
 * would do. A certificate is signed for by its plain key, wherever that is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/client.h"
#include "transport/connection/user_algorithms.h"

static void free_identity(struct haw_identity *identity)
{
	haw_key_free(identity->key);
	haw_key_free(identity->signer);
	haw_key_free(identity->agent_key);
	free(identity->path);
}

void haw_client_free_identities(struct haw_identities *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_identity(&list->items[i]);
	free(list->items);
	memset(list, 0, sizeof(*list));
}

/* Put IDENTITY, which is taken over, at the end. */
static void append(struct haw_identities *list, struct haw_identity identity)
{
	if (list->count == list->room && list->count < HAW_IDENTITIES_MAX) {
		size_t room = list->room ? list->room * 2 : 16;
		struct haw_identity *more = realloc(list->items, room * sizeof(*more));

		if (more) {
			list->items = more;
			list->room = room;
		}
	}
	if (list->count < list->room)
		list->items[list->count++] = identity;
	else
		free_identity(&identity);
}

static struct haw_identity take_away(struct haw_identities *list, size_t at)
{
	struct haw_identity identity = list->items[at];

	list->count--;
	memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof(identity));
	return identity;
}

static void append_all(struct haw_identities *list, struct haw_identities *rest)
{
	while (rest->count > 0)
		append(list, take_away(rest, 0));
	free(rest->items);
	memset(rest, 0, sizeof(*rest));
}

static struct haw_identity *find_equal(const struct haw_identities *list, const haw_key *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].key && haw_key_equal(list->items[i].key, key))
			return &list->items[i];
	return NULL;
}

static bool is_user_certificate(const haw_key *key)
{
	const haw_certificate *certificate = haw_key_certificate(key);

	return certificate && certificate->kind == HAW_CERTIFICATE_USER;
}

/* Its file holds a handle that only the token itself can use. */
static bool is_token(const haw_key *key)
{
	return strncmp(haw_key_type(key), "sk-", 3) == 0;
}

/* ---- Files ---- */

/* The key in the public file PATH or PATH.pub: what an agent holds needs no private file here. */
static haw_key *public_half(const char *path)
{
	haw_key *key = haw_key_load_public(path, NULL);
	char *beside = NULL;

	if (!key && asprintf(&beside, "%s.pub", path) >= 0)
		key = haw_key_load_public(beside, NULL);
	free(beside);
	return key;
}

static void load_file(struct haw_client *client, struct haw_identities *files, const char *path, bool wanted)
{
	struct haw_identity identity = {.path = strdup(path)};
	haw_error err = {0};

	if (!identity.path)
		return;
	identity.key = haw_key_public_from_private_file(path, &identity.encrypted, &err);
	if (identity.key && !identity.encrypted && !is_token(identity.key))
		identity.signer = haw_key_load_private(path, NULL, &err);
	if (!identity.key && !identity.encrypted)
		identity.key = public_half(path);
	if (identity.signer) {
		/* Its comment is the private file's. */
		haw_key_free(identity.key);
		identity.key = haw_key_ref(identity.signer);
	}
	/* Default files may be missing; anything else may not be passed over in silence. */
	if (!identity.key && !identity.encrypted)
		haw_client_log(client, wanted || err.sys_errno != ENOENT ? 0 : 2, "identity file %s: %s",
			       path, err.message);
	else if (err.code == HAW_ESYSTEM && err.sys_errno == EACCES)
		haw_client_log(client, 0, "identity file %s: %s", path, err.message);
	if (identity.key || identity.encrypted)
		append(files, identity);
	else
		free_identity(&identity);
}

/* FILE-cert.pub, if there is one: it is offered behind its key. */
static void load_certificate_beside(struct haw_client *client, struct haw_identities *files, const char *path)
{
	struct haw_identity identity = {0};
	haw_error err = {0};
	char *name = NULL;

	if (asprintf(&name, "%s-cert.pub", path) < 0)
		return;
	identity.key = haw_key_load_public(name, &err);
	if (identity.key && is_user_certificate(identity.key)) {
		identity.path = strdup(path);
		append(files, identity);
	} else {
		if (identity.key)
			haw_client_log(client, 1, "%s: no user's certificate, ignored", name);
		else if (err.sys_errno != ENOENT)
			haw_client_log(client, 0, "certificate %s", err.message);
		free_identity(&identity);
	}
	free(name);
}

static void load_certificate(struct haw_client *client, struct haw_identities *list, const char *path)
{
	struct haw_identity identity = {0};
	haw_error err = {0};

	identity.key = haw_key_load_public(path, &err);
	if (identity.key && is_user_certificate(identity.key)) {
		append(list, identity);
		return;
	}
	haw_client_log(client, 0, "certificate file %s: %s", path,
		       identity.key ? "no user's certificate, ignored" : err.message);
	free_identity(&identity);
}

/* ---- The agent ---- */

static void merge_agent(struct haw_client *client, struct haw_identities *preferred,
			struct haw_identities *files)
{
	struct haw_identities rest = {0};
	const haw_key *key;

	for (size_t i = 0; (key = haw_agent_key_at(client->agent, i)); i++) {
		struct haw_identity identity = {0}, *listed = find_equal(files, key);

		if (listed)
			identity = take_away(files, (size_t)(listed - files->items));
		else if (!client->values || !client->values->identities_only)
			identity.key = haw_key_ref(key);
		else
			continue;
		identity.agent_key = haw_key_ref(key);
		append(listed ? preferred : &rest, identity);
	}
	append_all(preferred, &rest);
}

/* ---- Who signs for a certificate ---- */

static void find_signer(const struct haw_identities *list, struct haw_identity *certificate)
{
	haw_key *plain = haw_key_plain(certificate->key, NULL);
	struct haw_identity *found = plain ? find_equal(list, plain) : NULL;

	/* Only its file is known of a private key in encrypted PEM without a public half beside it. */
	for (size_t i = 0; !found && certificate->path && i < list->count; i++)
		if (!list->items[i].key && strcmp(list->items[i].path, certificate->path) == 0)
			found = &list->items[i];
	haw_key_free(plain);
	if (!found)
		return;
	free(certificate->path);
	certificate->path = found->path ? strdup(found->path) : NULL;
	certificate->encrypted = found->encrypted;
	certificate->signer = found->signer ? haw_key_ref(found->signer) : NULL;
	if (found->agent_key) {
		haw_key_free(certificate->agent_key);
		certificate->agent_key = haw_key_ref(found->agent_key);
	}
}

static bool can_sign(const struct haw_identity *identity)
{
	return identity->signer || identity->agent_key || identity->encrypted;
}

static bool is_allowed(const struct haw_identity *identity, const char *algorithms)
{
	return !identity->key ||
	       haw_user_algorithm_for(haw_key_blob(identity->key), algorithms, (haw_span){NULL, 0}).len > 0;
}

static void find_signers(struct haw_identities *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].key && haw_key_certificate(list->items[i].key) && !list->items[i].signer)
			find_signer(list, &list->items[i]);
}

static void drop_useless(struct haw_client *client, struct haw_identities *list)
{
	char algorithms[HAW_USER_ALGORITHMS_MAX];

	haw_user_algorithms(client->options.transport.user_keys, algorithms);
	for (size_t i = 0; i < list->count;) {
		struct haw_identity *identity = &list->items[i], gone;
		bool allowed = is_allowed(identity, algorithms);
		bool large = !identity->key || haw_client_is_large_enough(client, identity->key);

		if (allowed && large && can_sign(identity)) {
			i++;
			continue;
		}
		haw_client_log(client, 1, "the %s key %s is not tried: %s", haw_key_type_short(identity->key),
			       haw_key_fingerprint(identity->key),
			       !large	 ? "it has fewer bits than RequiredRSASize"
			       : !allowed ? "PubkeyAcceptedAlgorithms leaves out its type"
			       : is_token(identity->key)
				       ? "it works through an agent only, and no agent holds it (ssh-add)"
				       : "its private half is neither in a file nor in an agent");
		gone = take_away(list, i);
		free_identity(&gone);
	}
}

void haw_client_remember_key(struct haw_client *client, const char *path, haw_key *key)
{
	struct haw_identities *list = &client->order.keys;

	for (size_t i = 0; i < list->count; i++) {
		struct haw_identity *identity = &list->items[i];

		if (identity->signer || !identity->path || strcmp(identity->path, path) != 0)
			continue;
		identity->signer = haw_key_ref(key);
		if (!identity->key)
			identity->key = haw_key_ref(key);
	}
}

/* ---- All of them ---- */

static void drop_doubles(struct haw_identities *list)
{
	for (size_t i = 0; i < list->count;) {
		struct haw_identity *identity = &list->items[i];
		struct haw_identity *first = identity->key ? find_equal(list, identity->key) : identity;

		if (first == identity) {
			i++;
		} else {
			struct haw_identity gone = take_away(list, i);

			free_identity(&gone);
		}
	}
}

void haw_client_load_identities(struct haw_client *client, bool agent_keys)
{
	struct haw_identities *list = &client->order.keys, files = {0};
	const haw_host_values *v = client->values;

	for (size_t i = 0; i < client->options.key_count; i++)
		append(list, (struct haw_identity){.key = haw_key_ref(client->options.keys[i]),
						   .signer = haw_key_ref(client->options.keys[i])});
	if (v && !v->pubkey_authentication)
		return;
	for (size_t i = 0; v && i < v->identity_files.count; i++) {
		load_file(client, &files, v->identity_files.items[i], v->identity_files_set);
		if (v->certificate_files.count == 0)
			load_certificate_beside(client, &files, v->identity_files.items[i]);
	}
	for (size_t i = 0; v && i < v->certificate_files.count; i++)
		load_certificate(client, list, v->certificate_files.items[i]);
	if (agent_keys)
		merge_agent(client, list, &files);
	append_all(list, &files);
	find_signers(list);
	drop_useless(client, list);
	drop_doubles(list);
}
