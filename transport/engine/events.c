/* SPDX-License-Identifier: Apache-2.0
 *
 * What the connection core reports, told to the handles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/engine/transport_internal.h"
#include "transport/wire/ssh_numbers.h"

/* Servers may send as many as they like, and terminals and logs would take them all. */
enum { BANNERS_MAX = 65536 };

static void show_banner(struct haw_transport *t, haw_span text)
{
	char shown[8192];

	if (!t->options.banner || t->banner_bytes > BANNERS_MAX)
		return;
	haw_escape_lines(shown, sizeof(shown), text);
	t->banner_bytes += strlen(shown) + 1;
	if (t->banner_bytes > BANNERS_MAX)
		haw_transport_log(t, 1, "the server's further banners are not shown");
	t->options.banner(t->options.user, shown);
}

static void keys_in_force(struct haw_transport *t)
{
	struct haw_connection_names names;
	haw_transport_info info = {.size = sizeof(info)};
	char line[400];

	haw_connection_get_names(t->connection, &names);
	haw_transport_get_info(t, &info);
	snprintf(line, sizeof(line), "key exchange %u: %s, host key %s, %s by %s out, %s by %s in%s",
		 names.exchanges, names.kex, names.host_key, info.suite_out, info.backend_out, info.suite_in,
		 info.backend_in, names.strict ? ", strict" : "");
	haw_transport_log(t, names.exchanges == 1 ? 1 : 2, line);
	if (names.exchanges == 1 && names.truncatable)
		haw_transport_log(t, 1,
				  "warning: the peer has no strict key exchange, and with this cipher "
				  "whoever is on the path can drop the first messages unnoticed "
				  "(CVE-2023-48795): have the peer updated, or choose AES-GCM or AES-CTR");
	haw_transport_op_end_all(&t->handshakes, 0, NULL);
	if (names.exchanges > 1)
		haw_transport_op_end_all(&t->rekeys, 0, NULL);
}

static void global_reply(struct haw_transport *t, const struct haw_event *event)
{
	struct haw_transport_op *op = t->requests;
	haw_error err;

	/* One whose operation was cancelled is not on the list any more. */
	while (op && haw_transport_op_tag(op) != event->tag)
		op = op->next;
	if (!op)
		return;
	if (event->number) {
		haw_message_write(&op->reply, 0);
		haw_put_bytes(&op->reply, event->data.ptr, event->data.len);
		haw_transport_op_end_one(op, 0, NULL);
		return;
	}
	haw_error_set(&err, HAW_EREFUSED, HAW_FAULT_PEER, 0, "the peer refused the global request");
	haw_transport_op_end_one(op, HAW_EREFUSED, &err);
}

static void global_request(struct haw_transport *t, const struct haw_event *event)
{
	bool taken = t->global_request && t->global_request(t->hook_user, event->name, event->data);

	if (event->flag)
		haw_connection_global_reply(t->connection, taken, (haw_span){NULL, 0});
}

static void version_known(struct haw_transport *t, const char *version)
{
	char line[600];

	snprintf(line, sizeof(line), "the peer is %s", version);
	haw_transport_log(t, 1, line);
}

void haw_transport_report_end(struct haw_transport *t)
{
	const haw_error err = *haw_connection_error(t->connection);

	t->closed = true;
	t->error = err;
	haw_question_abandon(t->host_key_question);
	haw_question_abandon(t->auth_question);
	t->host_key_question = t->auth_question = NULL;
	haw_transport_op_end_all(&t->handshakes, err.code, &err);
	haw_transport_op_end_all(&t->rekeys, err.code, &err);
	haw_transport_op_end_all(&t->logins, err.code, &err);
	haw_transport_op_end_all(&t->requests, err.code, &err);
	/* Each callback may free channels, so the walk starts over until every one has been told. */
	for (bool again = true; again && !t->freed;) {
		again = false;
		for (struct haw_channel *channel = t->channels; channel; channel = channel->next)
			if (!channel->close_reported) {
				haw_channel_end(channel, &err);
				again = true;
				break;
			}
	}
	if (!t->freed && t->ended)
		t->ended(t->hook_user, &err);
	if (!t->freed && t->options.closed)
		t->options.closed(t->options.user, t, &err);
}

void haw_transport_handle(struct haw_transport *t, const struct haw_event *event)
{
	switch (event->kind) {
	case HAW_EVENT_LOG:
		haw_transport_log(t, (int)event->number, event->text);
		break;
	case HAW_EVENT_VERSION:
		version_known(t, event->text);
		break;
	case HAW_EVENT_HOST_KEY:
		haw_transport_host_key_event(t, event);
		break;
	case HAW_EVENT_KEYS:
		keys_in_force(t);
		break;
	case HAW_EVENT_BANNER:
		show_banner(t, event->data);
		break;
	case HAW_EVENT_AUTH_CHANGE:
		haw_transport_change_event(t, event);
		break;
	case HAW_EVENT_AUTH_DONE:
		haw_transport_login_event(t, event);
		break;
	case HAW_EVENT_AUTH_SIGN:
		haw_transport_sign_event(t, event);
		break;
	case HAW_EVENT_AUTH_PROMPTS:
		haw_transport_prompts_event(t, event);
		break;
	case HAW_EVENT_CHANNEL_OPEN:
		/* A client that asked for no forwarding is offered none (RFC 4254 §5.1). */
		haw_connection_channel_refuse(t->connection, event->chan,
					      HAW_OPEN_ADMINISTRATIVELY_PROHIBITED, "not requested");
		break;
	case HAW_EVENT_GLOBAL_REQUEST:
		global_request(t, event);
		break;
	case HAW_EVENT_GLOBAL_REPLY:
		global_reply(t, event);
		break;
	case HAW_EVENT_CLOSED:
		haw_transport_report_end(t);
		break;
	default:
		if (event->chan && event->chan->owner)
			haw_channel_handle(event->chan->owner, event);
		break;
	}
}

/* ---- Global requests ---- */

haw_op *haw_transport_global_request_start(haw_transport *t, const char *type, bool want_reply,
					   haw_span payload, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op = haw_transport_op_new(t, &t->requests, done, user, err);

	if (!op)
		return NULL;
	if (haw_connection_global_request(t->connection, type, want_reply, payload,
					  haw_transport_op_tag(op), err) < 0) {
		haw_op_free(&op->op);
		return NULL;
	}
	haw_transport_touch(t);
	if (!want_reply)
		haw_transport_op_end_later(op, 0, NULL);
	return &op->op;
}
