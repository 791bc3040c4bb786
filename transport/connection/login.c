/* SPDX-License-Identifier: Apache-2.0
 *
 * The service request and the client's authentication attempts. Request and first attempt leave
 * together, in the flight of our NEWKEYS: nothing has to be waited for but the host key's proof.
 */
#include <string.h>

#include "transport/connection/internal.h"
#include "transport/hostkey/hostkey.h"

/* ROUNDS: of questions in one attempt; people give up long before. */
enum { AUTH_FAILURES_MAX = 64, AUTH_ROUNDS_MAX = 64 };
/* Nobody reads more than the first number of bytes, and nobody honest sends more than the second. */
enum { BANNER_BYTES_SHOWN = 64 * 1024, BANNER_BYTES_MAX = 1024 * 1024 };

void haw_login_clear(struct haw_login *login)
{
	haw_message_free(&login->user);
	haw_message_free(&login->secret);
	haw_message_free(&login->new_secret);
	haw_message_free(&login->request);
	haw_message_free(&login->asked_bytes);
	haw_message_free(&login->partial);
	memset(login, 0, sizeof(*login));
}

int haw_connection_auth(struct haw_connection *c, enum haw_auth_method method, const char *user,
			haw_span secret, bool probe, haw_error *err)
{
	struct haw_login *login = &c->login;

	if (c->options.server || login->authenticated || login->wanted || login->sent || c->closed)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "an authentication attempt is under way, or none is possible any more");
	if (method == HAW_AUTH_PUBLICKEY &&
	    haw_user_algorithm_for(secret, c->user_algorithms, (haw_span){NULL, 0}).len == 0)
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"no algorithm is allowed for a key of this type (PubkeyAcceptedAlgorithms)");
	haw_message_free(&login->user);
	haw_message_free(&login->secret);
	haw_message_write(&login->user, 0);
	haw_message_write(&login->secret, 0);
	haw_put_bytes(&login->user, user, strlen(user));
	haw_put_bytes(&login->secret, secret.ptr, secret.len);
	if (!haw_message_ok(&login->user) || !haw_message_ok(&login->secret))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the user name or secret is too long");
	login->method = method;
	login->probe = probe;
	login->wanted = true;
	return 0;
}

/* ---- Which algorithm signs ---- */

static bool is_rsa(haw_span blob)
{
	haw_span type = haw_hostkey_type(blob);

	return haw_span_is(type, "ssh-rsa") || haw_span_is(type, "ssh-rsa-cert-v01@openssh.com");
}

/* RFC 8332 §3.3: with an RSA key the server's list decides; without one, the stronger. SHA-1 never. */
static int choose_algorithm(struct haw_connection *c, haw_error *err)
{
	struct haw_login *login = &c->login;
	haw_span offered = {(const uint8_t *)c->server_sig_algs, strlen(c->server_sig_algs)};
	haw_span name = haw_user_algorithm_for(haw_message_all(&login->secret), c->user_algorithms, offered);

	if (name.len == 0 || name.len > HAW_NAME_MAX)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the public key is malformed, or no algorithm is allowed for it");
	memcpy(login->algorithm, name.ptr, name.len);
	login->algorithm[name.len] = '\0';
	return 0;
}

/* ---- Sending ---- */

static void write_request(struct haw_connection *c, haw_message *m)
{
	const struct haw_auth_ops *ops = haw_auth_method_at(c->login.method);
	haw_span user = haw_message_all(&c->login.user);

	haw_put_byte(m, HAW_MSG_USERAUTH_REQUEST);
	haw_put_string(m, user.ptr, user.len);
	haw_put_text(m, "ssh-connection");
	haw_put_text(m, ops->name);
	ops->write(m, &c->login.attempt);
}

/* RFC 4252 §7: the session identifier as a string, then the request up to the signature. */
static int ask_signature(struct haw_connection *c, haw_error *err)
{
	struct haw_login *login = &c->login;
	haw_span session = haw_message_all(&c->session_id);
	struct haw_event *event;

	login->attempt.sign = true;
	haw_message_free(&login->request);
	haw_message_write(&login->request, 0);
	haw_put_string(&login->request, session.ptr, session.len);
	write_request(c, &login->request);
	if (!haw_message_ok(&login->request))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "the authentication request is too long");
	login->signing = true;
	event = haw_connection_event(c, HAW_EVENT_AUTH_SIGN);
	event->data = haw_message_all(&login->request);
	event->extra = haw_message_all(&login->secret);
	event->text = login->algorithm;
	return 0;
}

static int send_attempt(struct haw_connection *c, haw_error *err)
{
	struct haw_login *login = &c->login;
	int result;

	login->wanted = false;
	login->sent = true;
	login->rounds = 0;
	login->attempt = (struct haw_auth_attempt){
		.secret = haw_message_all(&login->secret),
		.algorithm = login->algorithm,
	};
	if (login->method == HAW_AUTH_PUBLICKEY) {
		result = choose_algorithm(c, err);
		if (result < 0 || !login->probe)
			return result < 0 ? result : ask_signature(c, err);
	}
	haw_message_reset(&c->scratch);
	write_request(c, &c->scratch);
	result = haw_connection_send(c, err);
	haw_message_reset(&c->scratch); /* it may hold the password */
	return result;
}

/* RSA waits for EXT_INFO, which stands in front of the answer to the service request. */
static bool must_wait(const struct haw_connection *c)
{
	return c->login.method == HAW_AUTH_PUBLICKEY && !c->login.accepted && !c->ext_info_seen &&
	       is_rsa(haw_message_all(&c->login.secret));
}

/* The attempt ends here, by what the server says (its METHODS) or without it (NULL). */
static void end_attempt(struct haw_connection *c, bool success, bool partial, const char *methods)
{
	struct haw_login *login = &c->login;
	struct haw_event *event;

	login->sent = login->signing = login->prompting = login->changing = false;
	haw_message_free(&login->secret);
	haw_message_free(&login->new_secret);
	haw_message_free(&login->request);
	event = haw_connection_event(c, HAW_EVENT_AUTH_DONE);
	event->number = success;
	event->flag = partial;
	event->text = methods;
}

void haw_connection_forbid_secrets(struct haw_connection *c)
{
	c->login.no_secrets = true;
}

static bool is_secret(enum haw_auth_method method)
{
	return method == HAW_AUTH_PASSWORD || method == HAW_AUTH_INTERACTIVE;
}

int haw_login_advance(struct haw_connection *c, haw_error *err)
{
	struct haw_login *login = &c->login;
	bool keys = c->exchanges > 0 || c->exchange.sent_newkeys;

	if (c->options.server || !keys || login->authenticated)
		return 0;
	if (!login->requested) {
		login->requested = true;
		haw_put_text(haw_connection_begin(c, HAW_MSG_SERVICE_REQUEST), "ssh-userauth");
		if (haw_connection_send(c, err) < 0)
			return HAW_ELIMIT;
	}
	if (login->wanted && login->no_secrets && is_secret(login->method)) {
		login->wanted = false;
		end_attempt(c, false, false, NULL);
		return 0;
	}
	return login->wanted && !must_wait(c) ? send_attempt(c, err) : 0;
}

void haw_connection_auth_signature(struct haw_connection *c, haw_span signature)
{
	struct haw_login *login = &c->login;
	haw_span request = haw_message_all(&login->request);
	size_t skip = 4 + haw_message_all(&c->session_id).len;
	haw_error err;

	if (!login->signing || c->closed)
		return;
	login->signing = false;
	if (signature.len == 0) {
		end_attempt(c, false, false, NULL);
		return;
	}
	haw_message_reset(&c->scratch);
	haw_put_bytes(&c->scratch, request.ptr + skip, request.len - skip);
	haw_put_string(&c->scratch, signature.ptr, signature.len);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
}

void haw_connection_auth_responses(struct haw_connection *c, const haw_span *responses, size_t count)
{
	haw_message *m;
	haw_error err;

	if (!c->login.prompting || c->closed)
		return;
	c->login.prompting = false;
	m = haw_connection_begin(c, HAW_MSG_USERAUTH_INFO_RESPONSE);
	haw_put_u32(m, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		haw_put_string(m, responses[i].ptr, responses[i].len);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
	haw_message_reset(&c->scratch); /* it holds secrets */
}

/* RFC 4252 §8: the same request again, with both passwords. */
void haw_connection_auth_new_password(struct haw_connection *c, haw_span password)
{
	struct haw_login *login = &c->login;
	haw_error err;

	if (!login->changing || c->closed)
		return;
	login->changing = false;
	if (password.len == 0) {
		end_attempt(c, false, false, NULL);
		return;
	}
	haw_message_free(&login->new_secret);
	haw_message_write(&login->new_secret, 0);
	haw_put_bytes(&login->new_secret, password.ptr, password.len);
	login->attempt.change = true;
	login->attempt.new_secret = haw_message_all(&login->new_secret);
	haw_message_reset(&c->scratch);
	write_request(c, &c->scratch);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
	haw_message_reset(&c->scratch); /* it holds secrets */
}

/* ---- The server's answers ---- */

int haw_login_service_accept(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span name = haw_get_string(m);

	if (c->options.server || !c->login.requested || c->login.accepted)
		return haw_protocol_error(err, "the peer sent SERVICE_ACCEPT out of turn");
	if (!haw_span_is(name, "ssh-userauth"))
		return haw_protocol_error(err, "the server accepted a service that was not asked for");
	c->login.accepted = true;
	return haw_connection_end_of_message(m, "SERVICE_ACCEPT", err);
}

static int require_attempt(struct haw_connection *c, const char *name, haw_error *err)
{
	if (!c->options.server && c->login.sent && !c->login.signing)
		return 0;
	return haw_protocol_error(err, "the peer sent %s, which nothing asked for", name);
}

int haw_login_failure(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span methods = haw_get_name_list(m);
	bool partial = haw_get_bool(m);

	if (require_attempt(c, "USERAUTH_FAILURE", err) < 0 ||
	    haw_connection_end_of_message(m, "USERAUTH_FAILURE", err) < 0)
		return HAW_EPROTOCOL;
	if (++c->login.failures > AUTH_FAILURES_MAX)
		return haw_protocol_error(err, "the server refused %d authentication attempts",
					  AUTH_FAILURES_MAX);
	haw_escape(c->login.methods, sizeof(c->login.methods), methods.ptr, methods.len);
	/* A channel open that went ahead was not taken. */
	haw_mux_forget_early(c);
	end_attempt(c, false, partial, c->login.methods);
	return 0;
}

int haw_login_success(struct haw_connection *c, haw_message *m, haw_error *err)
{
	if (require_attempt(c, "USERAUTH_SUCCESS", err) < 0 ||
	    haw_connection_end_of_message(m, "USERAUTH_SUCCESS", err) < 0)
		return HAW_EPROTOCOL;
	/* A key that was only asked about logs nobody in, nor does a question that waits. */
	if (c->login.prompting || c->login.changing ||
	    (c->login.method == HAW_AUTH_PUBLICKEY && !c->login.attempt.sign))
		return haw_protocol_error(err, "the server reported success before it was given proof");
	c->login.authenticated = true;
	end_attempt(c, true, false, c->login.methods);
	return haw_compression_after_login(c, err);
}

int haw_login_banner(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span text = haw_get_string(m);

	haw_get_string(m);
	if (c->options.server)
		return haw_protocol_error(err, "a client sent a banner");
	if (haw_connection_end_of_message(m, "USERAUTH_BANNER", err) < 0)
		return HAW_EPROTOCOL;
	c->login.banner_bytes += text.len + 1;
	if (c->login.banner_bytes > BANNER_BYTES_MAX)
		return haw_protocol_error(err, "the server sent more than %d bytes of banners",
					  BANNER_BYTES_MAX);
	if (c->login.banner_bytes <= BANNER_BYTES_SHOWN)
		haw_connection_event(c, HAW_EVENT_BANNER)->data = text;
	return 0;
}

int haw_login_method(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_login *login = &c->login;
	uint8_t number = haw_message_all(m).ptr[0];
	struct haw_event *event;

	if (c->options.server)
		return haw_login_responses(c, m, err);
	if (require_attempt(c, "a message of an authentication method", err) < 0)
		return HAW_EPROTOCOL;
	if (login->prompting || login->changing)
		return haw_protocol_error(err, "the server asks again before its question was answered");
	if (++login->rounds > AUTH_ROUNDS_MAX)
		return haw_protocol_error(err, "the server asked %d times in one attempt to log in",
					  AUTH_ROUNDS_MAX);
	switch (haw_auth_method_at(login->method)->receive(&login->attempt, number, m)) {
	case HAW_AUTH_STEP_SIGN:
		return ask_signature(c, err);
	case HAW_AUTH_STEP_PROMPTS:
		/* Not yet success: a channel open that went ahead was not taken. */
		haw_mux_forget_early(c);
		login->prompting = true;
		event = haw_connection_event(c, HAW_EVENT_AUTH_PROMPTS);
		event->data = haw_message_all(m);
		event->data.ptr++;
		event->data.len--;
		return 0;
	case HAW_AUTH_STEP_CHANGE:
		haw_mux_forget_early(c);
		login->changing = true;
		haw_message_rewind(m);
		haw_get_byte(m);
		haw_connection_event(c, HAW_EVENT_AUTH_CHANGE)->data = haw_get_string(m);
		return 0;
	default:
		return haw_protocol_error(
			err, "the server sent message %u, which the method \"%s\" does not expect", number,
			haw_auth_method_at(login->method)->name);
	}
}
