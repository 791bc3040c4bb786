/* SPDX-License-Identifier: Apache-2.0
 *
 * Following a host's keys (UpdateHostKeys; hostkeys-00@openssh.com in OpenSSH's PROTOCOL §2.5): the server
 * lists the keys that it has once the user is logged in. Nothing of it is believed before the server has
 * signed with each key that is new; then the user's files are brought up to date.
 *
 * Only for a host whose own line in a file of the user's was what its key was accepted by, or whose key a
 * person has just accepted.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/client/client.h"
#include "transport/hostkey/hostkey.h"
#include "transport/keys/hosts_update.h"

#define LIST_REQUEST "hostkeys-00@openssh.com"
#define PROVE_REQUEST "hostkeys-prove-00@openssh.com"

enum { ASKS_MAX = 3 };

/* The configuration may be gone by then, so what is needed of it is copied. */
struct haw_follow {
	char *host;
	char **paths;
	haw_string_list files;
	bool ask, hash;
	bool listed;                      /* the server has sent its list */
	struct haw_hosts_subject subject; /* keys are references */
	struct haw_hosts_review review;
	struct haw_op *proof;
	unsigned asks;
};

/* ---- Life ---- */

static void forget_list(struct haw_follow *f)
{
	for (size_t i = 0; i < f->subject.key_count; i++)
		haw_key_free((haw_key *)(uintptr_t)f->subject.keys[i]);
	f->subject.key_count = 0;
	haw_hosts_review_free(&f->review);
}

void haw_client_follow_end(struct haw_client *client)
{
	struct haw_follow *f = client->follow;

	client->follow = NULL;
	if (!f)
		return;
	haw_op_free(f->proof);
	forget_list(f);
	for (size_t i = 0; i < f->files.count; i++)
		free(f->paths[i]);
	free(f->paths);
	free(f->host);
	free(f);
}

static bool copy_files(struct haw_follow *f, const haw_string_list *files)
{
	f->paths = calloc(files->count, sizeof(*f->paths));
	for (size_t i = 0; f->paths && i < files->count; i++) {
		f->paths[i] = strdup(files->items[i]);
		if (!f->paths[i])
			return false;
		f->files.count++;
	}
	f->files.items = (const char *const *)f->paths;
	return f->paths != NULL;
}

void haw_client_follow_begin(struct haw_client *client)
{
	const haw_host_values *v = client->values;
	const char *host = haw_client_known_name(client, &(uint16_t){0});
	struct haw_follow *f;

	haw_client_follow_end(client);
	if (!v || v->update_host_keys == HAW_UPDATE_HOST_KEYS_NO || v->user_known_hosts.count == 0)
		return;
	/* Nobody will be asked: it need not begin. */
	if (v->update_host_keys == HAW_UPDATE_HOST_KEYS_ASK && !haw_client_can_ask(client))
		return;
	f = client->follow = calloc(1, sizeof(*f));
	if (!f)
		return;
	f->ask = v->update_host_keys == HAW_UPDATE_HOST_KEYS_ASK;
	f->hash = v->hash_known_hosts;
	f->host = strdup(host);
	f->subject.host = f->host;
	haw_client_known_name(client, &f->subject.port);
	if (!f->host || !copy_files(f, &v->user_known_hosts))
		haw_client_follow_end(client);
}

/* ---- The change ---- */

static void change_files(struct haw_client *client)
{
	struct haw_follow *f = client->follow;
	haw_error err;

	for (size_t i = 0; i < f->files.count; i++) {
		/* As ssh: the first file receives all keys, the others lose the host. */
		int result = haw_hosts_follow(f->files.items[i], &f->subject, i == 0,
					      f->hash ? HAW_KNOWN_HOSTS_HASH : 0, &err);

		if (result < 0)
			haw_client_log(client, 0, "the host keys of %s could not be brought up to date: %s",
				       f->host, err.message);
		else if (result > 0)
			haw_client_log(client, 1, "%s: the host keys of %s were brought up to date",
				       f->files.items[i], f->host);
	}
	haw_client_follow_end(client);
}

static void say_changes(struct haw_client *client)
{
	const struct haw_follow *f = client->follow;
	int level = f->ask ? 0 : 1;

	if (f->ask)
		haw_client_log(client, 0, "the server %s has other host keys than are known:", f->host);
	for (size_t i = 0; i < f->subject.key_count; i++)
		if (!f->review.known[i])
			haw_client_log(client, level, "learned the new host key %s %s",
				       haw_key_type(f->subject.keys[i]),
				       haw_key_fingerprint(f->subject.keys[i]));
	for (size_t i = 0; i < f->review.obsolete_count; i++)
		haw_client_log(client, level, "the host key %s %s is obsolete: the server has it no more",
			       f->review.obsolete[i].key_type, f->review.obsolete[i].fingerprint);
}

static void ask(struct haw_client *client);

static void answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	const char *text = q->accepted && q->answer_count > 0 ? q->answers[0] : "no";

	client->question = NULL;
	if (!client->follow)
		return;
	if (strcasecmp(text, "yes") == 0)
		change_files(client);
	else if (strcasecmp(text, "no") == 0 || ++client->follow->asks == ASKS_MAX)
		haw_client_follow_end(client);
	else
		ask(client);
}

static void ask(struct haw_client *client)
{
	static const char prompt[] = "Accept the updated host keys? (yes/no): ";
	struct haw_question *q = haw_question_new(client->loop->io, HAW_ASK_PROMPTS, "", answered, client);

	if (!q ||
	    haw_question_add_prompt(q, (haw_span){(const uint8_t *)prompt, sizeof(prompt) - 1}, true) < 0) {
		haw_question_free(q);
		haw_client_follow_end(client);
		return;
	}
	haw_client_drop_question(client);
	client->question = q;
	client->options.transport.ask(client->options.transport.user, q);
}

static void accept_changes(struct haw_client *client)
{
	say_changes(client);
	if (client->follow->ask)
		ask(client);
	else
		change_files(client);
}

/* ---- The proof ---- */

/* Each new key, in the order of the request, has signed the session: a list of one session, or of another
 * server, proves nothing. */
static int check_proof(const struct haw_client *client, haw_span reply, haw_error *err)
{
	const struct haw_follow *f = client->follow;
	haw_span session = haw_transport_session_id(client->transport);
	haw_message m;
	int result = 0;

	haw_message_read(&m, reply.ptr, reply.len);
	for (size_t i = 0; i < f->subject.key_count && result == 0; i++) {
		haw_span blob = haw_key_blob(f->subject.keys[i]), signature;
		haw_message data;

		if (f->review.known[i])
			continue;
		signature = haw_get_string(&m);
		haw_message_write(&data, 0);
		haw_hostkey_put_proof(&data, session, blob);
		result = haw_hostkey_verify_blob(blob, NULL, haw_message_all(&data), signature, err);
		haw_message_free(&data);
	}
	if (result == 0 && !haw_message_complete(&m))
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "the answer is malformed");
	return result;
}

static void proved(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);

	if (result == 0)
		result = check_proof(client, haw_message_all(&((struct haw_transport_op *)op)->reply), &err);
	client->follow->proof = NULL;
	haw_op_detach(op);
	if (result == 0) {
		accept_changes(client);
		return;
	}
	haw_client_log(client, result == HAW_ECLOSED || result == HAW_ECANCELED ? 1 : 0,
		       "the server did not prove that it holds its new host keys, and none is stored: %s",
		       err.message);
	haw_client_follow_end(client);
}

static void ask_proof(struct haw_client *client)
{
	struct haw_follow *f = client->follow;
	haw_message payload;
	haw_error err;

	haw_message_write(&payload, 0);
	for (size_t i = 0; i < f->subject.key_count; i++) {
		haw_span blob = haw_key_blob(f->subject.keys[i]);

		if (!f->review.known[i])
			haw_put_string(&payload, blob.ptr, blob.len);
	}
	if (haw_message_ok(&payload))
		f->proof =
			haw_transport_global_request_start(client->transport, PROVE_REQUEST, true,
							   haw_message_all(&payload), proved, client, &err);
	haw_message_free(&payload);
	if (!f->proof)
		haw_client_follow_end(client);
}

/* ---- The list ---- */

/* Would the key's type have been accepted as the host's? */
static bool is_accepted(const struct haw_client *client, const haw_key *key)
{
	haw_span list = {(const uint8_t *)client->host_keys, strlen(client->host_keys)};
	const char *name;

	for (size_t i = 0; (name = haw_key_algorithm_at(key, i)); i++)
		if (haw_list_has(list, name))
			return true;
	return false;
}

static bool has_key(const struct haw_follow *f, const haw_key *key)
{
	for (size_t i = 0; i < f->subject.key_count; i++)
		if (haw_key_equal(f->subject.keys[i], key))
			return true;
	return false;
}

/* Keys that could not be used are passed over; a list that cannot be right is no list. */
static const char *read_list(struct haw_client *client, haw_span data)
{
	struct haw_follow *f = client->follow;
	haw_message m;

	haw_message_read(&m, data.ptr, data.len);
	for (unsigned count = 0; !haw_message_complete(&m); count++) {
		haw_span blob = haw_get_string(&m);
		haw_key *key;
		haw_error err;

		if (!haw_message_ok(&m))
			return "it is malformed";
		if (count == HAW_HOSTS_KEYS_MAX)
			return "it has too many keys";
		key = haw_key_from_blob(blob, &err);
		if (!key || haw_key_certificate(key) || !is_accepted(client, key)) {
			haw_key_free(key);
			continue;
		}
		if (has_key(f, key)) {
			haw_key_free(key);
			return "it has a key twice";
		}
		f->subject.keys[f->subject.key_count++] = key;
	}
	return f->subject.key_count > 0 ? NULL : "it has no keys of use here";
}

static const char *judge_list(struct haw_client *client, haw_span data)
{
	struct haw_follow *f = client->follow;
	const char *why = read_list(client, data);
	haw_error err;

	if (why)
		return why;
	if (haw_hosts_review(&f->files, &f->subject, &f->review, &err) < 0) {
		haw_client_log(client, 0, "%s", err.message);
		return "the known hosts cannot be read";
	}
	if (f->review.unknown == 0 && f->review.obsolete_count == 0)
		return "nothing has changed";
	return f->review.hindrance;
}

bool haw_client_global_request(void *user, haw_span name, haw_span data)
{
	struct haw_client *client = user;
	const char *why;

	if (!haw_span_is(name, LIST_REQUEST))
		return false;
	/* Once is enough, and before the login is done nobody is sure of anything. */
	if (!client->follow || client->follow->listed || !haw_transport_is_authenticated(client->transport))
		return true;
	client->follow->listed = true;
	why = judge_list(client, data);
	if (why) {
		haw_client_log(client, 1, "the server's list of host keys changes nothing: %s", why);
		haw_client_follow_end(client);
	} else if (client->follow->review.unknown > 0) {
		ask_proof(client);
	} else {
		accept_changes(client);
	}
	return true;
}

void haw_client_follow_wait(struct haw_client *client, int timeout_ms)
{
	haw_error err;

	if (client->follow && client->follow->proof && client->loop->depth == 0)
		(void)!haw_op_wait(client->follow->proof, timeout_ms, &err);
}
