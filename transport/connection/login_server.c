/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication in the server role: requests become events, the owner answers. Signatures are
 * verified here, so that an owner judges only whether a key is allowed.
 */
#include <string.h>

#include "transport/connection/internal.h"
#include "transport/hostkey/hostkey.h"

int haw_login_service_request(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span name = haw_get_string(m);

	if (!c->options.server || c->login.requested)
		return haw_protocol_error(err, "the peer sent SERVICE_REQUEST out of turn");
	if (haw_connection_end_of_message(m, "SERVICE_REQUEST", err) < 0)
		return HAW_EPROTOCOL;
	if (!haw_span_is(name, "ssh-userauth")) {
		haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the client asked for a service that is not there");
		return HAW_EPROTOCOL;
	}
	c->login.requested = c->login.accepted = true;
	haw_put_text(haw_connection_begin(c, HAW_MSG_SERVICE_ACCEPT), "ssh-userauth");
	return haw_connection_send(c, err);
}

int haw_login_too_early(struct haw_connection *c, haw_message *m, haw_error *err)
{
	if (!c->options.server)
		return haw_protocol_error(err, "the server opened channels before authentication");
	return haw_generic_answer_unimplemented(c, m, err);
}

/* RFC 4252 §5.1: requests after success are silently ignored. */
int haw_login_late_request(struct haw_connection *c, haw_message *m, haw_error *err)
{
	return c->options.server ? 0 : haw_login_request(c, m, err);
}

static int send_failure(struct haw_connection *c, const char *methods, bool partial, haw_error *err)
{
	haw_message *m;

	/* RFC 4252 §4: the number of attempts is limited. Asking which methods there are is none. */
	if (!partial && !haw_span_is(c->login.asked.method, "none") &&
	    ++c->login.failures >= HAW_SERVER_FAILURES_MAX)
		return haw_error_set(err, HAW_EAUTH, HAW_FAULT_PEER, 0,
				     "the client failed to log in %d times", HAW_SERVER_FAILURES_MAX);
	m = haw_connection_begin(c, HAW_MSG_USERAUTH_FAILURE);
	haw_put_name_list(m, methods);
	haw_put_bool(m, partial);
	return haw_connection_send(c, err);
}

/* PROTOCOL.u2f: the flags behind a FIDO device's signature say whether somebody touched it. As with sshd,
 * where no option permits less, a signature that was made without does not count. */
static bool lacks_presence(const struct haw_auth_request *request)
{
	enum { USER_PRESENT = 1 };
	haw_span name;
	haw_message m;

	haw_message_read(&m, request->signature.ptr, request->signature.len);
	name = haw_get_string(&m);
	haw_get_string(&m);
	if (name.len < 3 || memcmp(name.ptr, "sk-", 3) != 0)
		return false;
	return !(haw_get_byte(&m) & USER_PRESENT) || !haw_message_ok(&m);
}

static int verify_signature(struct haw_connection *c, struct haw_auth_request *request)
{
	haw_span session = haw_message_all(&c->session_id), signed_data;
	char algorithm[HAW_NAME_MAX + 1];
	haw_message data;
	int result;

	if (request->key_algorithm.len > HAW_NAME_MAX || lacks_presence(request))
		return HAW_EPROTOCOL;
	memcpy(algorithm, request->key_algorithm.ptr, request->key_algorithm.len);
	algorithm[request->key_algorithm.len] = '\0';
	haw_message_write(&data, 0);
	haw_put_string(&data, session.ptr, session.len);
	haw_put_bytes(&data, request->signed_part.ptr, request->signed_part.len);
	signed_data = haw_message_all(&data);
	result = haw_message_ok(&data) ? haw_hostkey_verify_blob(request->key_blob, algorithm, signed_data,
								 request->signature, NULL)
				       : HAW_EPROTOCOL;
	haw_message_free(&data);
	return result;
}

static void note_partial(struct haw_login *login)
{
	haw_message_free(&login->partial);
	haw_message_write(&login->partial, 0);
	haw_put_string(&login->partial, login->asked.user.ptr, login->asked.user.len);
	haw_put_string(&login->partial, login->asked.service.ptr, login->asked.service.len);
}

/* RFC 4252 §5: what was proven for one user and service counts for no other. */
static bool is_other_user(const struct haw_login *login)
{
	haw_span proven = haw_message_all(&login->partial);
	haw_message m;

	if (proven.len == 0)
		return false;
	haw_message_read(&m, proven.ptr, proven.len);
	return !haw_span_equal(haw_get_string(&m), login->asked.user) ||
	       !haw_span_equal(haw_get_string(&m), login->asked.service);
}

/* The bytes of the request outlive its packet, since the answer may take its time. */
static int keep(struct haw_connection *c, haw_message *m, haw_message *copy)
{
	haw_span whole = haw_message_all(m);

	haw_message_free(&c->login.asked_bytes);
	haw_message_write(&c->login.asked_bytes, 0);
	haw_put_bytes(&c->login.asked_bytes, whole.ptr, whole.len);
	if (!haw_message_ok(&c->login.asked_bytes))
		return HAW_ENOMEM;
	whole = haw_message_all(&c->login.asked_bytes);
	haw_message_read(copy, whole.ptr, whole.len);
	haw_get_byte(copy);
	return 0;
}

int haw_login_request(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_auth_request *request = &c->login.asked;
	const struct haw_auth_ops *method;
	haw_message copy;

	if (!c->options.server)
		return haw_protocol_error(err, "the server sent an authentication request");
	if (keep(c, m, &copy) < 0)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	memset(request, 0, sizeof(*request));
	c->login.prompted = false;
	request->user = haw_get_text(&copy);
	request->service = haw_get_string(&copy);
	request->method = haw_get_string(&copy);
	method = haw_auth_method_find(request->method);
	if (!haw_message_ok(&copy))
		return haw_connection_end_of_message(&copy, "USERAUTH_REQUEST", err);
	if (method)
		method->parse(&copy, request);
	if (method && haw_connection_end_of_message(&copy, "USERAUTH_REQUEST", err) < 0)
		return HAW_EPROTOCOL;
	if (is_other_user(&c->login))
		return haw_protocol_error(err, "the client changed the user in the middle of its login");
	/* An unknown method or service is a failure that the owner words (its methods). */
	if (request->has_signature && verify_signature(c, request) < 0)
		memset(&request->key_blob, 0, sizeof(request->key_blob));
	c->login.waiting_answer = true;
	haw_connection_event(c, HAW_EVENT_AUTH_REQUEST);
	return 0;
}

int haw_login_responses(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span whole = haw_message_all(m);

	if (!c->login.prompted || whole.ptr[0] != HAW_MSG_USERAUTH_INFO_RESPONSE)
		return haw_protocol_error(err, "the client answered prompts that were not put");
	c->login.prompted = false;
	c->login.waiting_answer = true;
	haw_connection_event(c, HAW_EVENT_AUTH_RESPONSES)->data = (haw_span){whole.ptr + 1, whole.len - 1};
	return 0;
}

const struct haw_auth_request *haw_connection_auth_request(const struct haw_connection *c)
{
	return &c->login.asked;
}

static int answer(struct haw_connection *c, enum haw_auth_answer verdict, const char *methods, haw_span info,
		  haw_error *err)
{
	struct haw_login *login = &c->login;
	haw_message *m;

	switch (verdict) {
	case HAW_AUTH_ACCEPT:
		login->authenticated = true;
		haw_connection_begin(c, HAW_MSG_USERAUTH_SUCCESS);
		return haw_connection_send(c, err);
	case HAW_AUTH_KEY_OK:
		m = haw_connection_begin(c, HAW_MSG_USERAUTH_PK_OK);
		haw_put_string(m, login->asked.key_algorithm.ptr, login->asked.key_algorithm.len);
		haw_put_string(m, login->asked.key_blob.ptr, login->asked.key_blob.len);
		return haw_connection_send(c, err);
	case HAW_AUTH_ASK:
		login->prompted = true;
		haw_put_bytes(haw_connection_begin(c, HAW_MSG_USERAUTH_INFO_REQUEST), info.ptr, info.len);
		return haw_connection_send(c, err);
	default:
		return send_failure(c, methods, verdict == HAW_AUTH_PARTIAL, err);
	}
}

void haw_connection_auth_answer(struct haw_connection *c, enum haw_auth_answer verdict, const char *methods,
				haw_span info)
{
	const struct haw_auth_request *request = &c->login.asked;
	bool proven = haw_auth_method_find(request->method) &&
		      (!haw_span_is(request->method, "publickey") ||
		       (request->has_signature && request->key_blob.len > 0));
	haw_error err;

	if (!c->login.waiting_answer || c->closed)
		return;
	c->login.waiting_answer = false;
	/* Fails closed whatever the owner says: a key without a good signature logs nobody in, and no
	 * service but this one runs. */
	if ((verdict == HAW_AUTH_ACCEPT || verdict == HAW_AUTH_PARTIAL) &&
	    (!proven || request->change || !haw_span_is(request->service, "ssh-connection")))
		verdict = HAW_AUTH_REJECT;
	if (verdict == HAW_AUTH_PARTIAL)
		note_partial(&c->login);
	if (answer(c, verdict, methods ? methods : "publickey", info, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
	if (verdict == HAW_AUTH_ASK) /* then the request is still to be decided */
		return;
	haw_message_reset(&c->login.asked_bytes);
	memset(&c->login.asked, 0, sizeof(c->login.asked));
}

void haw_connection_banner(struct haw_connection *c, const char *text)
{
	haw_message *m;
	haw_error err;

	/* RFC 4252 §5.4: only before success. */
	if (c->closed || c->login.authenticated)
		return;
	m = haw_connection_begin(c, HAW_MSG_USERAUTH_BANNER);
	haw_put_text(m, text);
	haw_put_text(m, "");
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
}
