/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that may come in nearly every phase (RFC 4253 §11), and EXT_INFO (RFC 8308).
 */
#include <stdio.h>
#include <string.h>

#include "transport/connection/internal.h"

int haw_generic_disconnect(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t reason = haw_get_u32(m);
	haw_span text = haw_get_string(m);
	char shown[300];

	haw_escape(shown, sizeof(shown), text.ptr, text.len);
	haw_error_set(err, HAW_EDISCONNECT, HAW_FAULT_PEER, 0, "the peer disconnected: %s (reason %u)",
		      text.len ? shown : "no text", reason);
	if (err)
		err->reason = reason;
	(void)c;
	return HAW_EDISCONNECT;
}

int haw_generic_ignore(struct haw_connection *c, haw_message *m, haw_error *err)
{
	(void)c;
	(void)m;
	(void)err;
	return 0;
}

int haw_generic_debug(struct haw_connection *c, haw_message *m, haw_error *err)
{
	bool display = haw_get_bool(m);
	haw_span text = haw_get_string(m);
	char shown[300];

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "DEBUG", err);
	haw_escape(shown, sizeof(shown), text.ptr, text.len);
	haw_connection_log(c, display ? 1 : 2, "the peer says: %s", shown);
	return 0;
}

int haw_generic_unimplemented(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t seq = haw_get_u32(m);

	if (!haw_message_ok(m))
		return haw_connection_end_of_message(m, "UNIMPLEMENTED", err);
	haw_connection_log(c, 2, "the peer does not implement our packet %u", seq);
	return 0;
}

int haw_generic_answer_unimplemented(struct haw_connection *c, haw_message *m, haw_error *err)
{
	(void)m;
	haw_put_u32(haw_connection_begin(c, HAW_MSG_UNIMPLEMENTED), c->seq_in);
	return haw_connection_send_now(c, err);
}

int haw_generic_ext_info(struct haw_connection *c, haw_message *m, haw_error *err)
{
	uint32_t count = haw_get_u32(m);

	for (uint32_t i = 0; i < count && haw_message_ok(m); i++) {
		haw_span name = haw_get_string(m);
		haw_span value = haw_get_string(m);

		if (!haw_span_is(name, "server-sig-algs") || c->options.server)
			continue;
		if (value.len >= sizeof(c->server_sig_algs))
			return haw_protocol_error(err,
						  "the server's list of signature algorithms is too long");
		memcpy(c->server_sig_algs, value.ptr, value.len);
		c->server_sig_algs[value.len] = '\0';
	}
	c->ext_info_seen = true;
	return haw_connection_end_of_message(m, "EXT_INFO", err);
}

/* RFC 8308 §2.4: right behind our first NEWKEYS, if the peer asked for it. */
int haw_generic_send_ext_info(struct haw_connection *c, haw_error *err)
{
	haw_message *m;

	if (!c->options.server || !c->peer_ext_info)
		return 0;
	m = haw_connection_begin(c, HAW_MSG_EXT_INFO);
	haw_put_u32(m, 1);
	haw_put_text(m, "server-sig-algs");
	haw_put_text(m, "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
			"rsa-sha2-512,rsa-sha2-256");
	return haw_connection_send_now(c, err);
}
