/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchange (RFC 4253 §7-9) from KEXINIT to NEWKEYS, for the first time and again, in either
 * role. The methods (transport/kex) know the mathematics; here are order and consequence.
 *
 *   client: KEXINIT ⇄ KEXINIT, method's first message → ← reply: signature verified, host key
 *   judged outside (it may take its time), NEWKEYS → ← NEWKEYS
 */
#include <string.h>

#include <openssl/crypto.h>

#include "transport/connection/internal.h"
#include "transport/hostkey/hostkey.h"

void haw_exchange_clear(struct haw_exchange *x)
{
	haw_message_free(&x->our_init);
	haw_message_free(&x->peer_init);
	haw_message_free(&x->host_key);
	haw_kex_free(x->kex);
	memset(x, 0, sizeof(*x));
}

/* What the stronger direction is worth; 0 while nothing is chosen (a guess). */
static unsigned int strength_of(const struct haw_chosen *chosen)
{
	unsigned int strength = 0;

	for (int d = 0; d < 2; d++)
		if (chosen->suites[d] && chosen->suites[d]->key_size * 8 > strength)
			strength = (unsigned int)chosen->suites[d]->key_size * 8;
	return strength < 256 ? strength : 256;
}

static int make_kex(struct haw_connection *c, const struct haw_kex_method *method, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;

	haw_kex_free(x->kex);
	x->kex = haw_kex_new(method, c->options.server ? HAW_KEX_SERVER : HAW_KEX_CLIENT, NULL, err);
	if (!x->kex)
		return HAW_ECRYPTO;
	haw_kex_set_strength(x->kex, strength_of(&x->chosen));
	haw_kex_set_moduli(x->kex, c->options.moduli);
	return 0;
}

/* The method's first message; the scratch message is used, so nothing else is being written. */
static int send_first(struct haw_connection *c, haw_error *err)
{
	int result;

	haw_message_reset(&c->scratch);
	result = haw_kex_start(c->exchange.kex, &c->scratch, err);
	if (result < 0 || haw_message_all(&c->scratch).len == 0)
		return result;
	return haw_connection_send_now(c, err);
}

static int send_guess(struct haw_connection *c, haw_error *err)
{
	char name[HAW_NAME_MAX + 1];
	haw_span list = {(const uint8_t *)c->lists[HAW_LIST_KEX], strlen(c->lists[HAW_LIST_KEX])}, first;

	if (!haw_list_next(&list, &first) || first.len > HAW_NAME_MAX)
		return 0;
	memcpy(name, first.ptr, first.len);
	name[first.len] = '\0';
	if (make_kex(c, haw_kex_method_find(name), err) < 0)
		return HAW_ECRYPTO;
	c->exchange.guess_sent = true;
	return send_first(c, err);
}

int haw_exchange_start(struct haw_connection *c, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	int result;

	if (x->sent_init)
		return 0;
	haw_message_write(&x->our_init, 0);
	result = haw_negotiate_write(c, &x->our_init, err);
	if (result < 0)
		return result;
	x->sent_init = true;
	result = c->packetizer->ops->put(c->packetizer, haw_message_all(&x->our_init), err);
	if (result == 0 && c->options.guess && c->exchanges == 0 && !c->options.server)
		result = send_guess(c, err);
	return result;
}

static void fill_transcript(struct haw_connection *c)
{
	struct haw_exchange *x = &c->exchange;
	haw_span ours = {(const uint8_t *)c->our_version, strlen(c->our_version)};
	haw_span theirs = {(const uint8_t *)c->peer_version, strlen(c->peer_version)};
	haw_span our_init = haw_message_all(&x->our_init), peer_init = haw_message_all(&x->peer_init);
	bool server = c->options.server;

	x->transcript = (struct haw_kex_transcript){
		.client_version = server ? theirs : ours,
		.server_version = server ? ours : theirs,
		.client_init = server ? peer_init : our_init,
		.server_init = server ? our_init : peer_init,
		.host_key = haw_message_all(&x->host_key),
	};
	haw_kex_set_transcript(x->kex, &x->transcript);
}

/* The server's key for the algorithm that was agreed. */
static int pick_identity(struct haw_connection *c, haw_error *err)
{
	const char *algorithm = c->exchange.chosen.names[HAW_LIST_HOST_KEY];
	const haw_span name = {(const uint8_t *)algorithm, strlen(algorithm)};

	for (size_t i = 0; i < c->options.identity_count; i++) {
		const struct haw_host_identity *identity = &c->options.identities[i];

		if (!haw_key_type_serves(identity->key_type, name))
			continue;
		haw_message_write(&c->exchange.host_key, 0);
		haw_put_bytes(&c->exchange.host_key, identity->blob.ptr, identity->blob.len);
		return 0;
	}
	return haw_error_set(err, HAW_ENEGOTIATION, HAW_FAULT_LOCAL, 0, "there is no host key for %s",
			     algorithm);
}

int haw_exchange_handle_init(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	haw_span whole = haw_message_all(m);
	int result;

	if (x->received_init)
		return haw_protocol_error(err, "the peer sent KEXINIT twice");
	result = haw_exchange_start(c, err);
	if (result < 0)
		return result;
	haw_message_write(&x->peer_init, 0);
	haw_put_bytes(&x->peer_init, whole.ptr, whole.len);
	x->received_init = true;
	c->packetizer->ops->set_single(c->packetizer, true);
	result = haw_negotiate_choose(c, m, err);
	/* OpenSSH's strict key exchange: KEXINIT is the very first packet. */
	if (result == 0 && c->strict && c->exchanges == 0 && c->packet_seen)
		return haw_protocol_error(
			err, "under strict key exchange the peer's first packet was not KEXINIT");
	if (result == 0 && c->options.server)
		result = pick_identity(c, err);
	if (result == 0 && (!x->kex || !x->guess_sent))
		result = make_kex(c, x->chosen.method, err);
	if (result < 0)
		return result;
	fill_transcript(c);
	return x->guess_sent ? 0 : send_first(c, err);
}

/* ---- Client: the server's reply ---- */

static int judge_reply(struct haw_connection *c, const struct haw_kex_reply *reply, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	struct haw_event *event;
	int result = haw_hostkey_verify_blob(reply->host_key, x->chosen.names[HAW_LIST_HOST_KEY], reply->hash,
					     reply->signature, err);

	if (result < 0) {
		haw_error_prefix(err, "the server's proof of its host key is wrong");
		if (err)
			err->code = HAW_EHOSTKEY;
		return HAW_EHOSTKEY;
	}
	haw_message_write(&x->host_key, 0);
	haw_put_bytes(&x->host_key, reply->host_key.ptr, reply->host_key.len);
	x->waiting_host_key = true;
	/* The key that was accepted when the connection began needs no second judgement. */
	if (c->exchanges > 0 && haw_span_equal(haw_message_all(&c->host_key), reply->host_key)) {
		haw_connection_accept_host_key(c, true, NULL);
		return 0;
	}
	event = haw_connection_event(c, HAW_EVENT_HOST_KEY);
	event->data = haw_message_all(&x->host_key);
	event->text = x->chosen.names[HAW_LIST_HOST_KEY];
	return 0;
}

static int ask_signature(struct haw_connection *c, const struct haw_kex_reply *reply)
{
	struct haw_event *event = haw_connection_event(c, HAW_EVENT_HOST_SIGN);

	event->data = reply->hash;
	event->extra = haw_message_all(&c->exchange.host_key);
	event->text = c->exchange.chosen.names[HAW_LIST_HOST_KEY];
	c->exchange.waiting_signature = true;
	return 0;
}

int haw_exchange_handle_method(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	struct haw_kex_reply reply = {0};
	int result;

	if (!x->received_init || !x->kex || x->sent_newkeys)
		return haw_protocol_error(err, "the peer sent a key exchange message out of turn");
	haw_message_reset(&c->scratch);
	result = haw_kex_receive(x->kex, haw_message_all(m), &c->scratch, &reply, err);
	if (result < 0)
		return result;
	if (haw_message_all(&c->scratch).len > 0 && haw_connection_send_now(c, err) < 0)
		return HAW_ENOMEM;
	if (result == HAW_KEX_VERIFY)
		return judge_reply(c, &reply, err);
	if (result == HAW_KEX_SIGN)
		return ask_signature(c, &reply);
	return 0;
}

/* ---- New keys ---- */

/* RFC 4253 §7.2: the letters of IV, key and MAC key, client to server first. */
static int set_keys(struct haw_connection *c, enum haw_direction direction, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	bool to_server = (direction == HAW_OUTGOING) == !c->options.server;
	const haw_suite *suite = x->chosen.suites[to_server ? 0 : 1];
	uint8_t iv[HAW_IV_MAX], key[HAW_KEY_MAX], mac_key[HAW_MAC_KEY_MAX];
	const haw_keys keys = {.key = key, .iv = iv, .mac_key = mac_key};
	haw_span session = haw_message_all(&c->session_id);
	int result = haw_kex_derive(x->kex, to_server ? 'A' : 'B', session, iv, suite->iv_size, err);

	if (result == 0)
		result = haw_kex_derive(x->kex, to_server ? 'C' : 'D', session, key, suite->key_size, err);
	if (result == 0)
		result = haw_kex_derive(x->kex, to_server ? 'E' : 'F', session, mac_key, suite->mac_key_size,
					err);
	if (result == 0)
		result = c->packetizer->ops->set_keys(c->packetizer, direction, suite, &keys, c->strict, err);
	if (result == 0)
		result = haw_compression_start(c, direction, &x->chosen, err);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(mac_key, sizeof(mac_key));
	OPENSSL_cleanse(iv, sizeof(iv));
	return result;
}

static int finish_if_complete(struct haw_connection *c)
{
	struct haw_exchange *x = &c->exchange;

	if (!x->sent_newkeys || !x->received_newkeys)
		return 0;
	c->chosen = x->chosen;
	haw_message_free(&c->host_key);
	c->host_key = x->host_key;
	memset(&x->host_key, 0, sizeof(x->host_key));
	haw_exchange_clear(x);
	c->exchanges++;
	if (c->options.rekey_seconds)
		c->rekey_at = c->now + c->options.rekey_seconds * 1000000000ull;
	c->packetizer->ops->set_single(c->packetizer, false);
	haw_connection_event(c, HAW_EVENT_KEYS)->number = c->exchanges;
	return 0;
}

static int send_newkeys(struct haw_connection *c, haw_error *err)
{
	haw_span hash = haw_kex_hash(c->exchange.kex);
	int result;

	if (haw_message_all(&c->session_id).len == 0) {
		haw_message_write(&c->session_id, 0);
		haw_put_bytes(&c->session_id, hash.ptr, hash.len);
	}
	haw_connection_begin(c, HAW_MSG_NEWKEYS);
	result = haw_connection_send_now(c, err);
	if (result == 0)
		result = set_keys(c, HAW_OUTGOING, err);
	if (result < 0)
		return result;
	c->exchange.sent_newkeys = true;
	if (c->exchanges == 0 && haw_generic_send_ext_info(c, err) < 0)
		return HAW_ENOMEM;
	result = haw_connection_flush_held(c, err);
	return result < 0 ? result : finish_if_complete(c);
}

static void fail(struct haw_connection *c, const haw_error *err)
{
	haw_connection_fail(c, HAW_DISCONNECT_KEY_EXCHANGE_FAILED, err);
}

void haw_connection_accept_host_key(struct haw_connection *c, bool accept, const haw_error *why_not)
{
	haw_error err;

	if (!c->exchange.waiting_host_key || c->closed)
		return;
	c->exchange.waiting_host_key = false;
	if (accept) {
		if (send_newkeys(c, &err) < 0)
			fail(c, &err);
		return;
	}
	if (!why_not) {
		haw_error_set(&err, HAW_EHOSTKEY, HAW_FAULT_LOCAL, 0,
			      "the server's host key was not accepted");
		why_not = &err;
	}
	haw_connection_fail(c, HAW_DISCONNECT_HOST_KEY_NOT_VERIFIABLE, why_not);
}

void haw_connection_host_signature(struct haw_connection *c, haw_span signature)
{
	haw_error err;
	int result;

	if (!c->exchange.waiting_signature || c->closed)
		return;
	c->exchange.waiting_signature = false;
	if (signature.len == 0) {
		haw_error_set(&err, HAW_EHOSTKEY, HAW_FAULT_LOCAL, 0, "the host key could not sign");
		fail(c, &err);
		return;
	}
	haw_message_reset(&c->scratch);
	result = haw_kex_reply(c->exchange.kex, haw_message_all(&c->exchange.host_key), signature,
			       &c->scratch, &err);
	if (result == 0)
		result = haw_connection_send_now(c, &err);
	if (result == 0)
		result = send_newkeys(c, &err);
	if (result < 0)
		fail(c, &err);
}

int haw_exchange_handle_newkeys(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	int result;

	/* The server sends its NEWKEYS right behind its reply, so ours must have gone by then. */
	if (!x->sent_newkeys || x->received_newkeys)
		return haw_protocol_error(err, "the peer sent NEWKEYS out of turn");
	result = haw_connection_end_of_message(m, "NEWKEYS", err);
	if (result == 0)
		result = set_keys(c, HAW_INCOMING, err);
	if (result < 0)
		return result;
	x->received_newkeys = true;
	return finish_if_complete(c);
}
