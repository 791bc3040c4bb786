/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshake and authentication of a transport: the operations, and the questions that the core's
 * events become.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/engine/transport_internal.h"

/* ---- Handshake ---- */

haw_op *haw_transport_handshake_start(haw_transport *t, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op = haw_transport_op_new(t, &t->handshakes, done, user, err);
	struct haw_connection_names names;
	haw_error failed;

	if (!op)
		return NULL;
	haw_connection_get_names(t->connection, &names);
	if (haw_transport_error(t, &failed) < 0)
		haw_transport_op_end_later(op, failed.code, &failed);
	else if (names.exchanges > 0)
		haw_transport_op_end_later(op, 0, NULL);
	return &op->op;
}

haw_op *haw_transport_rekey_start(haw_transport *t, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op = haw_transport_op_new(t, &t->rekeys, done, user, err);
	haw_error failed;

	if (!op)
		return NULL;
	if (haw_transport_error(t, &failed) < 0)
		haw_transport_op_end_later(op, failed.code, &failed);
	haw_connection_rekey(t->connection);
	haw_transport_touch(t);
	return &op->op;
}

int haw_transport_handshake(haw_transport *t, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_transport_handshake_start(t, NULL, NULL, err), timeout_ms, err);
}

/* ---- The host key ---- */

void haw_transport_judged(struct haw_transport *t, bool accept, const haw_error *why_not)
{
	haw_connection_hold_clock(t->connection, false);
	haw_connection_accept_host_key(t->connection, accept, why_not);
	haw_transport_touch(t);
}

static void host_key_answered(void *asker, struct haw_question *q)
{
	struct haw_transport *t = asker;

	t->host_key_question = NULL;
	haw_transport_judged(t, q->accepted, NULL);
}

static void ask_host_key(struct haw_transport *t, const struct haw_event *event)
{
	struct haw_question *q = NULL;
	char text[400];

	if (t->options.ask) {
		snprintf(text, sizeof(text), "The server presents the host key %s %s.",
			 haw_key_type_short(t->host_key), haw_key_fingerprint(t->host_key));
		q = haw_question_new(t->loop->io, HAW_ASK_HOST_KEY, text, host_key_answered, t);
	}
	if (!q) {
		haw_transport_judged(t, false, NULL);
		return;
	}
	haw_put_bytes(&q->blob, event->data.ptr, event->data.len);
	snprintf(q->key_type, sizeof(q->key_type), "%s", haw_key_type(t->host_key));
	snprintf(q->fingerprint, sizeof(q->fingerprint), "%s", haw_key_fingerprint(t->host_key));
	q->key_state = HAW_HOST_KEY_UNKNOWN;
	haw_question_abandon(t->host_key_question);
	t->host_key_question = q;
	haw_connection_hold_clock(t->connection, true);
	t->options.ask(t->options.user, q);
}

void haw_transport_host_key_event(struct haw_transport *t, const struct haw_event *event)
{
	haw_error err;

	haw_key_free(t->host_key);
	t->host_key = haw_key_from_blob(event->data, &err);
	if (!t->host_key)
		haw_transport_judged(t, false, &err);
	else if (t->judge)
		t->judge(t->hook_user, event->data, event->text);
	else
		ask_host_key(t, event);
}

/* ---- Authentication ---- */

static haw_op *start(haw_transport *t, enum haw_auth_method method, const char *user_name, haw_span secret,
		     bool probe, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op;
	haw_error failed;

	if (haw_transport_error(t, &failed) == 0 &&
	    haw_connection_auth(t->connection, method, user_name, secret, probe, err) < 0)
		return NULL;
	op = haw_transport_op_new(t, &t->logins, done, user, err);
	if (!op)
		return NULL;
	if (haw_transport_error(t, &failed) < 0)
		haw_transport_op_end_later(op, failed.code, &failed);
	haw_transport_touch(t);
	return &op->op;
}

haw_op *haw_transport_auth_none_start(haw_transport *t, const char *user_name, haw_op_fn done, void *user,
				      haw_error *err)
{
	return start(t, HAW_AUTH_NONE, user_name, (haw_span){NULL, 0}, false, done, user, err);
}

haw_op *haw_transport_auth_password_start(haw_transport *t, const char *user_name, const char *password,
					  haw_op_fn done, void *user, haw_error *err)
{
	const haw_span secret = {(const uint8_t *)password, strlen(password)};

	return start(t, HAW_AUTH_PASSWORD, user_name, secret, false, done, user, err);
}

haw_op *haw_transport_auth_publickey_start(haw_transport *t, const char *user_name, const haw_key *key,
					   bool probe, haw_op_fn done, void *user, haw_error *err)
{
	haw_op *op = start(t, HAW_AUTH_PUBLICKEY, user_name, haw_key_blob(key), probe, done, user, err);

	if (op) {
		haw_key_free((haw_key *)t->auth_key);
		t->auth_key = haw_key_ref(key);
	}
	return op;
}

haw_op *haw_transport_auth_interactive_start(haw_transport *t, const char *user_name, haw_op_fn done,
					     void *user, haw_error *err)
{
	return start(t, HAW_AUTH_INTERACTIVE, user_name, (haw_span){NULL, 0}, false, done, user, err);
}

int haw_transport_auth_none(haw_transport *t, const char *user_name, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_transport_auth_none_start(t, user_name, NULL, NULL, err), timeout_ms, err);
}

int haw_transport_auth_password(haw_transport *t, const char *user_name, const char *password, int timeout_ms,
				haw_error *err)
{
	return haw_op_await(haw_transport_auth_password_start(t, user_name, password, NULL, NULL, err),
			     timeout_ms, err);
}

int haw_transport_auth_publickey(haw_transport *t, const char *user_name, const haw_key *key, int timeout_ms,
				 haw_error *err)
{
	return haw_op_await(haw_transport_auth_publickey_start(t, user_name, key, false, NULL, NULL, err),
			     timeout_ms, err);
}

int haw_transport_auth_interactive(haw_transport *t, const char *user_name, int timeout_ms, haw_error *err)
{
	return haw_op_await(haw_transport_auth_interactive_start(t, user_name, NULL, NULL, err), timeout_ms,
			     err);
}

const char *haw_transport_auth_methods(const haw_transport *t, bool *partial)
{
	if (partial)
		*partial = t->partial;
	return t->methods_known ? t->methods : NULL;
}

bool haw_transport_auth_answered(const struct haw_transport *t)
{
	return t->answered;
}

void haw_transport_login_event(struct haw_transport *t, const struct haw_event *event)
{
	haw_error err;

	if (event->number) {
		haw_transport_op_end(&t->logins, 0, NULL);
		return;
	}
	t->answered = event->text != NULL;
	t->partial = event->flag;
	if (!event->text) {
		haw_error_set(&err, HAW_EAUTH, HAW_FAULT_LOCAL, 0,
			      t->password_expired ? "the password has expired, and no new one was given"
						  : "the attempt was given up");
		haw_transport_op_end(&t->logins, HAW_EAUTH, &err);
		return;
	}
	snprintf(t->methods, sizeof(t->methods), "%s", event->text);
	t->methods_known = true;
	haw_error_set(&err, HAW_EAUTH, HAW_FAULT_PEER, 0,
		      event->flag ? "the server wants a further method of authentication: %s"
				  : "the server refused the attempt; it offers: %s",
		      t->methods[0] ? t->methods : "nothing");
	haw_transport_op_end(&t->logins, HAW_EAUTH, &err);
}

/* ---- Signatures ---- */

void haw_transport_signed(struct haw_transport *t, haw_span signature)
{
	haw_connection_hold_clock(t->connection, false);
	haw_connection_auth_signature(t->connection, signature);
	haw_transport_touch(t);
}

static void sign_answered(void *asker, struct haw_question *q)
{
	struct haw_transport *t = asker;

	t->auth_question = NULL;
	haw_transport_signed(t, q->accepted ? haw_message_all(&q->signature) : (haw_span){NULL, 0});
}

static void ask_signature(struct haw_transport *t, const struct haw_event *event)
{
	struct haw_question *q = NULL;

	haw_connection_hold_clock(t->connection, true);
	if (t->signer && t->signer(t->hook_user, event->data, event->text))
		return;
	if (t->options.ask)
		q = haw_question_new(t->loop->io, HAW_ASK_SIGN, "A signature is needed to log in.",
				     sign_answered, t);
	if (!q) {
		haw_transport_signed(t, (haw_span){NULL, 0});
		return;
	}
	haw_put_bytes(&q->data, event->data.ptr, event->data.len);
	haw_put_bytes(&q->blob, event->extra.ptr, event->extra.len);
	snprintf(q->algorithm, sizeof(q->algorithm), "%s", event->text);
	haw_question_abandon(t->auth_question);
	t->auth_question = q;
	t->options.ask(t->options.user, q);
}

void haw_transport_sign_event(struct haw_transport *t, const struct haw_event *event)
{
	haw_message signature;
	haw_error err;

	if (!t->auth_key || !haw_key_can_sign(t->auth_key)) {
		ask_signature(t, event);
		return;
	}
	haw_message_write(&signature, 0);
	if (haw_key_sign(t->auth_key, event->text, event->data, &signature, &err) < 0) {
		haw_transport_log(t, 0, err.message);
		haw_message_reset(&signature);
	}
	haw_connection_auth_signature(t->connection, haw_message_all(&signature));
	haw_message_free(&signature);
}

/* ---- Prompts ---- */

static void prompts_answered(void *asker, struct haw_question *q)
{
	struct haw_transport *t = asker;
	haw_span responses[HAW_PROMPTS_MAX];

	t->auth_question = NULL;
	haw_connection_hold_clock(t->connection, false);
	for (size_t i = 0; i < q->prompt_count; i++) {
		/* No answer is an empty answer: the server then refuses in its own words. */
		const char *text = i < q->answer_count ? q->answers[i] : "";

		responses[i] = (haw_span){(const uint8_t *)text, strlen(text)};
	}
	haw_connection_auth_responses(t->connection, responses, q->prompt_count);
	haw_transport_touch(t);
}

/* The name on one line, the instruction on as many as it has, without the last one's end. */
static void put_instruction(char *text, size_t size, haw_span name, haw_span instruction)
{
	char part[4000];
	size_t at;

	haw_escape(text, size, name.ptr, name.len < 500 ? name.len : 500);
	at = strlen(text);
	haw_escape_lines(part, sizeof(part), instruction);
	if (part[0])
		snprintf(text + at, size - at, "%s%s", at ? "\n" : "", part);
	for (at = strlen(text); at > 0 && text[at - 1] == '\n'; at--)
		text[at - 1] = '\0';
}

static struct haw_question *make_prompts(struct haw_transport *t, haw_message *m)
{
	haw_span name = haw_get_string(m), instruction = haw_get_string(m);
	struct haw_question *q;
	char text[6100];
	uint32_t count;

	haw_get_string(m);
	count = haw_get_u32(m);
	put_instruction(text, sizeof(text), name, instruction);
	q = haw_question_new(t->loop->io, HAW_ASK_PROMPTS, text, prompts_answered, t);
	for (uint32_t i = 0; q && i < count; i++) {
		haw_span prompt = haw_get_string(m);

		if (haw_question_add_prompt(q, prompt, haw_get_bool(m)) < 0) {
			haw_question_free(q);
			return NULL;
		}
	}
	return q;
}

void haw_transport_prompts_event(struct haw_transport *t, const struct haw_event *event)
{
	struct haw_question *q;
	haw_message m;

	haw_message_read(&m, event->data.ptr, event->data.len);
	q = make_prompts(t, &m);
	if (!q || q->prompt_count == 0 || !t->options.ask) {
		/* RFC 4256 §3.2: without prompts there may be something to be read. */
		if (q && q->prompt_count == 0 && q->text[0] && t->options.banner)
			t->options.banner(t->options.user, q->text);
		if (q && q->prompt_count > 0)
			haw_transport_log(t, 1, "the server asks questions that nobody here can answer");
		if (q)
			prompts_answered(t, q);
		else
			haw_connection_auth_responses(t->connection, NULL, 0);
		haw_question_free(q);
		return;
	}
	/* A peer may ask again before the first question is answered. */
	haw_question_abandon(t->auth_question);
	t->auth_question = q;
	haw_connection_hold_clock(t->connection, true);
	t->options.ask(t->options.user, q);
}
