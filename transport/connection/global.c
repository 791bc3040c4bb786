/* SPDX-License-Identifier: Apache-2.0
 *
 * Global requests (RFC 4254 §4) and keepalive@openssh.com.
 */
#include <string.h>

#include "transport/connection/internal.h"

static char keepalive_tag; /* its address marks our own requests among the awaited replies */

int haw_connection_global_request(struct haw_connection *c, const char *type, bool want_reply,
				  haw_span payload, void *tag, haw_error *err)
{
	haw_message *m;

	if (c->closed || !c->login.authenticated)
		return haw_error_set(err, HAW_ECLOSED, HAW_FAULT_LOCAL, 0,
				     "global requests need a connection that is logged in");
	if (want_reply && !haw_replies_push(&c->global_replies, tag))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "too many global requests wait for their answers");
	m = haw_connection_begin(c, HAW_MSG_GLOBAL_REQUEST);
	haw_put_string(m, type, strlen(type));
	haw_put_bool(m, want_reply);
	haw_put_bytes(m, payload.ptr, payload.len);
	return haw_connection_send(c, err);
}

int haw_global_keepalive(struct haw_connection *c, haw_error *err)
{
	return haw_connection_global_request(c, "keepalive@openssh.com", true, (haw_span){NULL, 0},
					     &keepalive_tag, err);
}

int haw_global_request(struct haw_connection *c, haw_message *m, haw_error *err)
{
	haw_span name = haw_get_string(m);
	bool want_reply = haw_get_bool(m);
	struct haw_event *event;

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "GLOBAL_REQUEST", err);
	event = haw_connection_event(c, HAW_EVENT_GLOBAL_REQUEST);
	event->name = name;
	event->flag = want_reply;
	event->data = haw_message_remainder(m);
	return 0;
}

void haw_connection_global_reply(struct haw_connection *c, bool success, haw_span data)
{
	haw_error err;
	haw_message *m;

	if (c->closed)
		return;
	m = haw_connection_begin(c, success ? HAW_MSG_REQUEST_SUCCESS : HAW_MSG_REQUEST_FAILURE);
	if (success)
		haw_put_bytes(m, data.ptr, data.len);
	if (haw_connection_send(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
}

int haw_global_reply(struct haw_connection *c, haw_message *m, haw_error *err)
{
	struct haw_event *event;
	void *tag;

	if (!haw_replies_pop(&c->global_replies, &tag))
		return haw_protocol_error(err, "the peer answered a global request that was not made");
	if (tag == &keepalive_tag) { /* yes or no, it is alive */
		c->keepalives = 0;
		return 0;
	}
	event = haw_connection_event(c, HAW_EVENT_GLOBAL_REPLY);
	event->number = haw_message_all(m).ptr[0] == HAW_MSG_REQUEST_SUCCESS;
	event->data = haw_message_remainder(m);
	event->tag = tag;
	return 0;
}
