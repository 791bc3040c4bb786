/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this the host's key? The known hosts and the policy decide; a person where the policy says so.
 * Fails closed: whatever is not plainly right is refused.
 */
#include <stdio.h>
#include <string.h>

#include "transport/client/client.h"

int haw_client_load_known_hosts(struct haw_client *client, haw_error *err)
{
	const haw_string_list *lists[2];

	client->known_hosts = haw_known_hosts_new();
	if (!client->known_hosts)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	if (!client->values)
		return 0;
	lists[0] = &client->values->user_known_hosts;
	lists[1] = &client->values->global_known_hosts;
	for (int i = 0; i < 2; i++)
		for (size_t j = 0; j < lists[i]->count; j++) {
			int result = haw_known_hosts_load(client->known_hosts, lists[i]->items[j],
							  HAW_KNOWN_HOSTS_OPTIONAL, err);

			if (result < 0)
				return result;
		}
	for (size_t i = 0;; i++) {
		haw_known_hosts_problem problem;

		if (!haw_known_hosts_problem_at(client->known_hosts, i, &problem))
			return 0;
		haw_client_log(client, 1, "%s:%zu: skipped: %s", problem.file, problem.line, problem.reason);
	}
}

static bool serves(const char *type, haw_span algorithm)
{
	return haw_span_is(algorithm, type) ||
	       (strcmp(type, "ssh-rsa") == 0 &&
		(haw_span_is(algorithm, "rsa-sha2-512") || haw_span_is(algorithm, "rsa-sha2-256")));
}

static bool is_known_type(haw_span algorithm, const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (serves(types[i], algorithm))
			return true;
	return false;
}

void haw_client_order_host_keys(struct haw_client *client, const char *list)
{
	const char *types[16];
	size_t count = haw_known_hosts_key_types(client->known_hosts, client->host, client->port, types, 16);
	size_t at = 0;

	if (count > 16)
		count = 16;
	for (int known = 1; known >= 0; known--) {
		haw_span rest = {(const uint8_t *)list, strlen(list)}, name;

		while (haw_list_next(&rest, &name)) {
			if (is_known_type(name, types, count) != known ||
			    at + name.len + 2 > sizeof(client->host_keys))
				continue;
			if (at > 0)
				client->host_keys[at++] = ',';
			memcpy(client->host_keys + at, name.ptr, name.len);
			at += name.len;
		}
	}
	client->host_keys[at] = '\0';
}

/* ---- Verdicts ---- */

static void accept_key(struct haw_client *client)
{
	haw_transport_judged(client->transport, true, NULL);
}

static void remember(struct haw_client *client)
{
	const haw_host_values *v = client->values;
	unsigned flags = v && v->hash_known_hosts ? HAW_KNOWN_HOSTS_HASH : 0;
	haw_error err;

	if (!v || v->user_known_hosts.count == 0)
		return;
	if (haw_known_hosts_add(client->known_hosts, v->user_known_hosts.items[0], client->host, client->port,
				client->judged_key, flags, &err) < 0)
		haw_client_log(client, 0, "the host key could not be added to %s: %s",
			       v->user_known_hosts.items[0], err.message);
	else
		haw_client_log(client, 0, "added the %s host key of %s to %s",
			       haw_key_type_short(client->judged_key), client->host,
			       v->user_known_hosts.items[0]);
}

static void refuse_changed(struct haw_client *client, const haw_known_hosts_entry *match, bool revoked)
{
	const haw_key *key = client->judged_key;
	haw_error err;

	if (revoked)
		haw_error_set(&err, HAW_EHOSTKEY, HAW_FAULT_PEER, 0,
			      "the %s host key %s of %s is marked as revoked in %s, line %zu",
			      haw_key_type_short(key), haw_key_fingerprint(key), client->host, match->file,
			      match->line);
	else
		haw_error_set(&err, HAW_EHOSTCHANGED, HAW_FAULT_PEER, 0,
			      "the host key of %s has changed: it presents %s %s, but %s, line %zu, has %s "
			      "%s. Either "
			      "somebody is intercepting the connection, or the host has a new key; only if "
			      "you know it "
			      "has, remove that line",
			      client->host, haw_key_type(key), haw_key_fingerprint(key), match->file,
			      match->line, match->key_type, match->fingerprint);
	haw_transport_judged(client->transport, false, &err);
}

static void refuse_unknown(struct haw_client *client, const char *why)
{
	const haw_key *key = client->judged_key;
	haw_error err;

	haw_error_set(&err, HAW_EHOSTUNKNOWN, HAW_FAULT_LOCAL, 0,
		      "the %s host key of %s (%s) is not known%s; add it to known_hosts, or use "
		      "StrictHostKeyChecking=accept-new",
		      haw_key_type_short(key), client->host, haw_key_fingerprint(key), why);
	haw_transport_judged(client->transport, false, &err);
}

/* ---- Asking ---- */

static void answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;

	client->question = NULL;
	if (q->accepted) {
		remember(client);
		accept_key(client);
	} else {
		haw_error err;

		haw_error_set(&err, HAW_EHOSTUNKNOWN, HAW_FAULT_LOCAL, 0,
			      "the host key of %s was not accepted", client->host);
		haw_transport_judged(client->transport, false, &err);
	}
}

static void ask(struct haw_client *client, haw_span blob, bool other_type)
{
	const haw_key *key = client->judged_key;
	struct haw_question *q;
	char text[600];

	if (client->options.batch || !client->options.transport.ask) {
		refuse_unknown(client, " and nobody can be asked");
		return;
	}
	snprintf(
		text, sizeof(text),
		"The authenticity of host '%s' (port %u) cannot be established%s.\n%s key fingerprint is %s.",
		client->host, client->port, other_type ? ": only keys of other types are known for it" : "",
		haw_key_type_short(key), haw_key_fingerprint(key));
	q = haw_question_new(client->loop->io, HAW_ASK_HOST_KEY, text, answered, client);
	if (!q) {
		refuse_unknown(client, "");
		return;
	}
	haw_put_bytes(&q->blob, blob.ptr, blob.len);
	snprintf(q->key_type, sizeof(q->key_type), "%s", haw_key_type(key));
	snprintf(q->fingerprint, sizeof(q->fingerprint), "%s", haw_key_fingerprint(key));
	q->key_state = other_type ? HAW_HOST_KEY_OTHER_TYPE : HAW_HOST_KEY_UNKNOWN;
	haw_client_drop_question(client);
	client->question = q;
	haw_connection_hold_clock(client->transport->connection, true);
	client->options.transport.ask(client->options.transport.user, q);
}

static void judge_unknown(struct haw_client *client, haw_span blob, bool other_type)
{
	switch (client->policy) {
	case HAW_POLICY_ASK:
		ask(client, blob, other_type);
		break;
	case HAW_POLICY_ACCEPT_NEW:
		/* A key of another type could be an attacker's choice: new means that nothing is known. */
		if (other_type) {
			refuse_unknown(client, ", only keys of other types are");
			break;
		}
		remember(client);
		accept_key(client);
		break;
	default:
		refuse_unknown(client, other_type ? ", only keys of other types are" : "");
		break;
	}
}

void haw_client_judge(void *user, haw_span blob, const char *algorithm)
{
	struct haw_client *client = user;
	haw_known_hosts_entry match = {0};
	haw_error err;
	int result;

	(void)algorithm;
	haw_key_free(client->judged_key);
	client->judged_key = haw_key_ref(client->transport->host_key);
	result = haw_known_hosts_check(client->known_hosts, client->host, client->port, client->judged_key,
				       &match, &err);
	if (result == HAW_KNOWN_MATCH) {
		accept_key(client);
	} else if (client->policy == HAW_POLICY_OFF && result > 0 && result != HAW_KNOWN_REVOKED) {
		haw_client_log(client, 0, "warning: the %s host key %s of %s was not checked (it is %s)",
			       haw_key_type_short(client->judged_key),
			       haw_key_fingerprint(client->judged_key), client->host,
			       result == HAW_KNOWN_CHANGED ? "not the known one" : "unknown");
		accept_key(client);
	} else if (result == HAW_KNOWN_CHANGED || result == HAW_KNOWN_REVOKED) {
		refuse_changed(client, &match, result == HAW_KNOWN_REVOKED);
	} else if (result == HAW_KNOWN_UNKNOWN || result == HAW_KNOWN_OTHER_TYPE) {
		judge_unknown(client, blob, result == HAW_KNOWN_OTHER_TYPE);
	} else {
		haw_transport_judged(client->transport, false, &err);
	}
}
