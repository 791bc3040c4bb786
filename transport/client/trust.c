/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this the host's key? The known hosts and the policy decide; a person where the policy says so.
 * Fails closed: whatever is not plainly right is refused. The verdicts are those of ssh(1):
 *
 *	revoked by file -> refused
 *	certificate     -> its authority is known for the host, and it is in order: accepted
 *	                   otherwise the key inside is judged as if it had come plainly
 *	known           -> accepted
 *	changed         -> refused; under "off" accepted without passwords
 *	unknown         -> as the policy says
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "transport/client/client.h"
#include "transport/hostkey/hostkey.h"
#include "transport/keys/hosts_update.h"
#include "transport/keys/text.h"

int haw_client_load_known_hosts(struct haw_client *client, haw_error *err)
{
	const haw_string_list *lists[2];
	haw_error why;

	haw_known_hosts_free(client->known_hosts);
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
							  HAW_KNOWN_HOSTS_OPTIONAL, &why);

			/* As in ssh, a file that cannot be read has no keys: nothing is trusted by that. */
			if (result == HAW_ESYSTEM)
				haw_client_log(client, 0, "%s", why.message);
			else if (result < 0)
				return haw_error_set(err, why.code, why.fault, 0, "%s", why.message);
		}
	if (haw_client_add_commanded(client, err) < 0)
		return HAW_ENOMEM;
	for (size_t i = 0;; i++) {
		haw_known_hosts_problem problem;

		if (!haw_known_hosts_problem_at(client->known_hosts, i, &problem))
			return 0;
		haw_client_log(client, 1, "%s:%zu: skipped: %s", problem.file, problem.line, problem.reason);
	}
}

const char *haw_client_known_name(const struct haw_client *client, uint16_t *port)
{
	const char *alias = client->values ? client->values->host_key_alias : NULL;

	/* As in ssh: an alias is the whole name, whatever the port. */
	*port = alias ? 0 : client->port;
	return alias ? alias : client->host;
}

/* The name as known hosts have it, to be shown and for ssh-keygen -R. */
static const char *shown_name(const struct haw_client *client, char *out, size_t size)
{
	uint16_t port;
	const char *name = haw_client_known_name(client, &port);

	if (port == 0 || port == 22)
		snprintf(out, size, "%s", name);
	else
		snprintf(out, size, "[%s]:%u", name, port);
	return out;
}

/* ---- Verdicts ---- */

static void accept_key(struct haw_client *client)
{
	haw_transport_judged(client->transport, true, NULL);
}

static void refuse(struct haw_client *client, const haw_error *err)
{
	haw_transport_judged(client->transport, false, err);
}

/* Store the key of a host that was unknown. HAW_EHOSTCHANGED if another connection has stored another key for
 * it meanwhile. */
static int remember(struct haw_client *client, haw_error *err)
{
	const haw_host_values *v = client->values;
	unsigned flags = v && v->hash_known_hosts ? HAW_KNOWN_HOSTS_HASH : 0;
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	char name[600];
	int result;

	if (!v || v->user_known_hosts.count == 0)
		return 0;
	result = haw_hosts_learn(client->known_hosts, v->user_known_hosts.items[0], host, port,
				 client->judged_key, flags | HAW_HOSTS_IF_UNKNOWN, err);
	if (result == HAW_EHOSTCHANGED)
		return result;
	if (result < 0)
		haw_client_log(client, 0, "the host key could not be added to %s: %s",
			       v->user_known_hosts.items[0], err->message);
	else if (result > 0)
		haw_client_log(client, 0, "added the %s host key of %s to %s",
			       haw_key_type_short(client->judged_key), shown_name(client, name, sizeof(name)),
			       v->user_known_hosts.items[0]);
	return 0;
}

/* The key is not to be trusted, and the user has switched checking off: whoever is in the middle shall
 * at least get no password. */
static void accept_unsafe(struct haw_client *client)
{
	haw_client_log(client, 0,
		       "passwords and keyboard-interactive are not used: the host key is not to be "
		       "trusted, and whoever sits in the middle would learn them");
	client->untrusted_host = true;
	haw_client_follow_end(client);
	haw_connection_forbid_secrets(client->transport->connection);
	accept_key(client);
}

static void warn_changed(struct haw_client *client, const haw_known_hosts_entry *match)
{
	char name[600], type[100];

	shown_name(client, name, sizeof(name));
	haw_escape(type, sizeof(type), match->key_type, strlen(match->key_type));
	haw_client_log(client, 0, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!");
	haw_client_log(client, 0,
		       "either somebody is intercepting the connection to %s, or it has a new host key",
		       name);
	haw_client_log(client, 0, "the %s key that it presents has the fingerprint %s",
		       haw_key_type_short(client->judged_key), haw_key_fingerprint(client->judged_key));
	haw_client_log(client, 0,
		       "the known one: %s %s in %s:%zu; only if you know that the host has a new key, "
		       "remove it: ssh-keygen -f \"%s\" -R \"%s\"",
		       type, match->fingerprint, match->file, match->line, match->file, name);
}

static void judge_changed(struct haw_client *client, const haw_known_hosts_entry *match)
{
	const haw_key *key = client->judged_key;
	char name[600], type[100];
	haw_error err;

	warn_changed(client, match);
	if (client->policy == HAW_POLICY_OFF) {
		accept_unsafe(client);
		return;
	}
	haw_error_set(&err, HAW_EHOSTCHANGED, HAW_FAULT_PEER, 0,
		      "Host key verification failed: the host key of %s has changed: it presents %s %s, but "
		      "%s, line %zu, has %s %s",
		      shown_name(client, name, sizeof(name)), haw_key_type(key), haw_key_fingerprint(key),
		      match->file, match->line,
		      haw_escape(type, sizeof(type), match->key_type, strlen(match->key_type)),
		      match->fingerprint);
	refuse(client, &err);
}

static void judge_revoked(struct haw_client *client, const haw_known_hosts_entry *match)
{
	const haw_key *key = client->judged_key;
	char name[600];
	haw_error err;

	haw_error_set(
		&err, HAW_EHOSTKEY, HAW_FAULT_PEER, 0,
		"Host key verification failed: the %s host key %s of %s%s is marked as revoked in %s, line "
		"%zu: it may have been stolen",
		haw_key_type_short(key), haw_key_fingerprint(key), shown_name(client, name, sizeof(name)),
		haw_key_certificate(key) ? ", or its authority," : "", match->file, match->line);
	if (client->policy != HAW_POLICY_OFF) {
		refuse(client, &err);
		return;
	}
	haw_client_log(client, 0, "WARNING: REVOKED HOST KEY DETECTED! %s", err.message);
	accept_unsafe(client);
}

static void refuse_unknown(struct haw_client *client, const char *why)
{
	const haw_key *key = client->judged_key;
	char name[600];
	haw_error err;

	haw_error_set(&err, HAW_EHOSTUNKNOWN, HAW_FAULT_LOCAL, 0,
		      "Host key verification failed: the %s host key of %s (%s) is not known%s; add it to "
		      "known_hosts, or use StrictHostKeyChecking=accept-new",
		      haw_key_type_short(key), shown_name(client, name, sizeof(name)),
		      haw_key_fingerprint(key), why);
	refuse(client, &err);
}

/* ---- New hosts ---- */

/* The host has become known with another key since known hosts were read. */
static void judge_again(struct haw_client *client, haw_error *err)
{
	haw_known_hosts_entry match = {0};
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	int result = haw_client_load_known_hosts(client, err);

	if (result == 0)
		result = haw_known_hosts_check(client->known_hosts, host, port, client->judged_key, &match,
					       err);
	if (result == HAW_KNOWN_REVOKED)
		judge_revoked(client, &match);
	else if (result == HAW_KNOWN_CHANGED || result == HAW_KNOWN_OTHER_TYPE)
		judge_changed(client, &match);
	else if (result == HAW_KNOWN_MATCH)
		accept_key(client);
	else
		refuse(client, err);
}

/* The key of a host that was unknown is wanted: store it. */
static void accept_new(struct haw_client *client, bool follow)
{
	haw_error err;

	if (remember(client, &err) < 0) {
		judge_again(client, &err);
		return;
	}
	if (follow)
		haw_client_follow_begin(client);
	accept_key(client);
}

/* ---- Asking ---- */

static void answered(void *asker, struct haw_question *q)
{
	struct haw_client *client = asker;
	haw_error err;

	client->question = NULL;
	if (q->accepted) {
		accept_new(client, true);
		return;
	}
	haw_error_set(&err, HAW_EHOSTUNKNOWN, HAW_FAULT_LOCAL, 0,
		      "Host key verification failed: the host key of %s was not accepted", client->host);
	refuse(client, &err);
}

/* Append the other names that the files have the key under, or that there are none. */
static void list_other_names(const struct haw_client *client, char *text, size_t size)
{
	haw_known_hosts_entry entry;
	unsigned count = 0;
	size_t at = strlen(text);

	for (size_t i = 0; haw_known_hosts_at(client->known_hosts, i, &entry); i++) {
		char names[128];

		if (entry.marker != HAW_MARKER_NONE ||
		    !haw_span_equal(entry.blob, haw_key_blob(client->judged_key)))
			continue;
		if (count++ == 0)
			at += (size_t)snprintf(text + at, size - at, "\nThe key is known by other names:");
		if (count > 8 || at + 600 > size)
			break;
		at += (size_t)snprintf(text + at, size - at, "\n    %.300s:%zu: %s", entry.file, entry.line,
				       entry.names[0] == '|' ? "[hashed name]"
							     : haw_escape(names, sizeof(names), entry.names,
									  strlen(entry.names)));
	}
	if (count == 0)
		snprintf(text + at, size - at, "\nThe key is not known by any other name.");
}

static void ask(struct haw_client *client, haw_span blob)
{
	const haw_key *key = client->judged_key;
	struct haw_question *q;
	char text[6000], name[600];

	if (client->options.batch || !client->options.transport.ask) {
		refuse_unknown(client, " and nobody can be asked");
		return;
	}
	snprintf(text, sizeof(text),
		 "The authenticity of host '%s' cannot be established.\n%s key fingerprint is %s.",
		 shown_name(client, name, sizeof(name)), haw_key_type_short(key), haw_key_fingerprint(key));
	list_other_names(client, text, sizeof(text));
	q = haw_question_new(client->loop->io, HAW_ASK_HOST_KEY, text, answered, client);
	if (!q) {
		refuse_unknown(client, "");
		return;
	}
	haw_put_bytes(&q->blob, blob.ptr, blob.len);
	snprintf(q->key_type, sizeof(q->key_type), "%s", haw_key_type(key));
	snprintf(q->fingerprint, sizeof(q->fingerprint), "%s", haw_key_fingerprint(key));
	snprintf(q->host, sizeof(q->host), "%s", name);
	q->key_state = HAW_HOST_KEY_UNKNOWN;
	haw_client_drop_question(client);
	client->question = q;
	haw_connection_hold_clock(client->transport->connection, true);
	client->options.transport.ask(client->options.transport.user, q);
}

/* ---- Judging ---- */

static void judge_unknown(struct haw_client *client)
{
	switch (client->policy) {
	case HAW_POLICY_ASK:
		ask(client, haw_key_blob(client->judged_key));
		break;
	case HAW_POLICY_OFF:
		haw_client_log(client, 0, "warning: the %s host key %s of %s is unknown and was not checked",
			       haw_key_type_short(client->judged_key),
			       haw_key_fingerprint(client->judged_key), client->host);
		accept_new(client, false);
		break;
	case HAW_POLICY_ACCEPT_NEW:
		accept_new(client, false);
		break;
	default:
		refuse_unknown(client, "");
		break;
	}
}

/* Is the first line that has the key for the host, at its port, in a file of the user's? */
static bool is_users_own(const struct haw_client *client)
{
	haw_known_hosts_entry entry;
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	size_t at = 0;

	while (haw_known_hosts_find(client->known_hosts, host, port, &at, &entry)) {
		if (entry.marker != HAW_MARKER_NONE ||
		    !haw_span_equal(entry.blob, haw_key_blob(client->judged_key)))
			continue;
		for (size_t i = 0; client->values && i < client->values->user_known_hosts.count; i++)
			if (strcmp(entry.file, client->values->user_known_hosts.items[i]) == 0)
				return true;
		return false;
	}
	return false;
}

static void judge_plain(struct haw_client *client)
{
	haw_known_hosts_entry match = {0};
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	haw_error err;
	int result = haw_known_hosts_check(client->known_hosts, host, port, client->judged_key, &match, &err);

	if (result == HAW_KNOWN_MATCH) {
		if (is_users_own(client))
			haw_client_follow_begin(client);
		accept_key(client);
	} else if (result == HAW_KNOWN_REVOKED) {
		judge_revoked(client, &match);
	} else if (result == HAW_KNOWN_CHANGED || result == HAW_KNOWN_OTHER_TYPE) {
		/* An attacker can choose the type of key: one of another type is a change. */
		judge_changed(client, &match);
	} else if (result == HAW_KNOWN_UNKNOWN) {
		judge_unknown(client);
	} else {
		refuse(client, &err);
	}
}

/* CASignatureAlgorithms, resolved. A name that is not known here could not be verified anyway. */
static void list_ca_algorithms(const struct haw_client *client, haw_message *out)
{
	const char *text = client->values ? client->values->ca_signature_algorithms : NULL;
	const struct haw_signature_algorithm *each;
	char form = text && strchr("+-^", text[0]) ? text[0] : 0;
	haw_span names = {(const uint8_t *)text, text ? strlen(text) : 0};

	if (form) {
		names.ptr++;
		names.len--;
	}
	for (size_t i = 0; (each = haw_signature_algorithm_at(i)); i++) {
		bool named = text && haw_pattern_list_match(names, each->name, false);

		if (text && form != '+' && form != '^' && named == (form == '-'))
			continue;
		if (haw_message_all(out).len > 0)
			haw_put_byte(out, ',');
		haw_put_bytes(out, each->name, strlen(each->name));
	}
	haw_put_byte(out, '\0');
}

static int check_certificate(const struct haw_client *client, haw_error *err)
{
	char name[1100] = "", algorithms[1024];
	haw_message list;
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	const haw_certificate_rules rules = {
		.size = sizeof(rules),
		.kind = HAW_CERTIFICATE_HOST,
		.principal = name,
		.now = (uint64_t)time(NULL),
		.algorithms = algorithms,
	};

	haw_message_write_to(&list, algorithms, sizeof(algorithms));
	list_ca_algorithms(client, &list);
	if (!haw_message_ok(&list) || strlen(host) >= sizeof(name))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	for (size_t i = 0; host[i]; i++)
		name[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] - 'A' + 'a' : host[i]);
	return haw_certificate_check(haw_key_certificate(client->judged_key), &rules, err);
}

/* Judge the key inside the certificate in its place. */
static void fall_back(struct haw_client *client)
{
	haw_error err;
	haw_key *plain = haw_key_plain(client->judged_key, &err);

	if (!plain) {
		refuse(client, &err);
		return;
	}
	haw_key_free(client->judged_key);
	client->judged_key = plain;
	judge_plain(client);
}

static void judge_certificate(struct haw_client *client)
{
	const haw_certificate *c = haw_key_certificate(client->judged_key);
	haw_known_hosts_entry match;
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	haw_error err;
	int result = haw_known_hosts_check(client->known_hosts, host, port, client->judged_key, &match, &err);

	if (result < 0) {
		refuse(client, &err);
	} else if (result == HAW_KNOWN_REVOKED) {
		judge_revoked(client, &match);
	} else if (result == HAW_KNOWN_MATCH && check_certificate(client, &err) == 0) {
		haw_client_log(client, 1, "the host certificate was signed by %s %s, which %s:%zu names",
			       c->authority_type, c->authority_fingerprint, match.file, match.line);
		haw_client_follow_end(client);
		accept_key(client);
	} else {
		if (result == HAW_KNOWN_MATCH)
			haw_client_log(client, 0, "%s; the key inside is judged by itself", err.message);
		else
			haw_client_log(client, 1,
				       "the authority of the host certificate, %s, is not known for the "
				       "host; the key inside is judged by itself",
				       c->authority_fingerprint);
		fall_back(client);
	}
}

bool haw_client_is_large_enough(const struct haw_client *client, const haw_key *key)
{
	unsigned int least = client->values ? client->values->required_rsa_size : 0;

	return strncmp(haw_key_type_short(key), "RSA", 3) != 0 || haw_key_bits(key) >= least;
}

static int check_size(const struct haw_client *client, haw_error *err)
{
	const haw_key *key = client->judged_key;

	if (haw_client_is_large_enough(client, key))
		return 0;
	return haw_error_set(err, HAW_EHOSTKEY, HAW_FAULT_PEER, 0,
			     "the RSA host key of %s has %u bits; RequiredRSASize asks for %u", client->host,
			     haw_key_bits(key), client->values->required_rsa_size);
}

/* The caller knows which key it has to be. */
static bool refuse_other(struct haw_client *client)
{
	const char *wanted = client->options.host_key_fingerprint;
	const char *is = haw_key_fingerprint(client->judged_key);
	haw_error err;

	if (!wanted || strcmp(wanted, is) == 0)
		return false;
	haw_error_set(&err, HAW_EHOSTCHANGED, HAW_FAULT_PEER, 0,
		      "%s presents another host key (%s) than before (%s): refused", client->host, is,
		      wanted);
	haw_transport_judged(client->transport, false, &err);
	return true;
}

static void judge_known(struct haw_client *client)
{
	if (haw_key_certificate(client->judged_key))
		judge_certificate(client);
	else
		judge_plain(client);
}

/* ---- KnownHostsCommand ---- */

static void commanded(struct haw_client *client)
{
	haw_error err;

	if (haw_client_load_known_hosts(client, &err) < 0)
		refuse(client, &err);
	else
		judge_known(client);
}

static void ask_command(struct haw_client *client)
{
	char name[1100];
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	haw_error err;

	if (haw_known_hosts_name(host, port, false, name, sizeof(name), &err) < 0 ||
	    haw_client_ask_hosts_command(client, "HOSTNAME", name, client->judged_key, commanded, &err) < 0)
		refuse(client, &err);
}

void haw_client_judge(void *user, haw_span blob, const char *algorithm)
{
	struct haw_client *client = user;
	const haw_string_list *revoked = client->values ? &client->values->revoked_host_keys : NULL;
	haw_error err;
	int result;

	(void)blob;
	(void)algorithm;
	/* The configuration is the caller's again, and a server has no reason to change its key at a rekey.
	 */
	if (client->logged_in) {
		haw_error_set(&err, HAW_EHOSTKEY, HAW_FAULT_PEER, 0,
			      "at a rekey %s presents another host key than when the connection began",
			      client->host);
		refuse(client, &err);
		return;
	}
	haw_key_free(client->judged_key);
	client->judged_key = haw_key_ref(client->transport->host_key);
	if (refuse_other(client))
		return;
	result = check_size(client, &err);
	for (size_t i = 0; revoked && result == 0 && i < revoked->count; i++)
		result = haw_key_check_revoked(client->judged_key, revoked->items[i], &err);
	if (result < 0) {
		haw_error_prefix(&err, "Host key verification failed");
		err.code = HAW_EHOSTKEY;
		refuse(client, &err);
	} else if (haw_client_has_hosts_command(client)) {
		ask_command(client);
	} else {
		judge_known(client);
	}
}
