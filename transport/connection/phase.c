/* SPDX-License-Identifier: Apache-2.0
 *
 * The protocol as a table: what may come in each phase. A known message that a phase does not
 * list ends the connection; an unknown number is answered UNIMPLEMENTED (RFC 4253 §11.4), except
 * in a strict initial key exchange, where everything that is not part of it ends the connection.
 */
#include "transport/connection/internal.h"

static const haw_handler table[HAW_PHASE_COUNT][256] = {
	[HAW_PHASE_KEX] = {
		[HAW_MSG_DISCONNECT] = haw_generic_disconnect,
		[HAW_MSG_IGNORE] = haw_generic_ignore,
		[HAW_MSG_UNIMPLEMENTED] = haw_generic_unimplemented,
		[HAW_MSG_DEBUG] = haw_generic_debug,
		[HAW_MSG_KEXINIT] = haw_exchange_handle_init,
		[HAW_MSG_NEWKEYS] = haw_exchange_handle_newkeys,
		[30 ... 49] = haw_exchange_handle_method,
	},
	/* RFC 4253 §7.1: after KEXINIT only messages 1-19 but the service ones, and the method's; see
	 * is_belated. */
	[HAW_PHASE_REKEY] = {
		[HAW_MSG_DISCONNECT] = haw_generic_disconnect,
		[HAW_MSG_IGNORE] = haw_generic_ignore,
		[HAW_MSG_UNIMPLEMENTED] = haw_generic_unimplemented,
		[HAW_MSG_DEBUG] = haw_generic_debug,
		[HAW_MSG_NEWKEYS] = haw_exchange_handle_newkeys,
		[30 ... 49] = haw_exchange_handle_method,
	},
	[HAW_PHASE_SERVICE] = {
		[HAW_MSG_DISCONNECT] = haw_generic_disconnect,
		[HAW_MSG_IGNORE] = haw_generic_ignore,
		[HAW_MSG_UNIMPLEMENTED] = haw_generic_unimplemented,
		[HAW_MSG_DEBUG] = haw_generic_debug,
		[HAW_MSG_SERVICE_REQUEST] = haw_login_service_request,
		[HAW_MSG_SERVICE_ACCEPT] = haw_login_service_accept,
		[HAW_MSG_EXT_INFO] = haw_generic_ext_info,
		[HAW_MSG_KEXINIT] = haw_exchange_handle_init,
		/* OpenSSH's stock server may send its banner at any time before success. */
		[HAW_MSG_USERAUTH_BANNER] = haw_login_banner,
	},
	[HAW_PHASE_AUTH] = {
		[HAW_MSG_DISCONNECT] = haw_generic_disconnect,
		[HAW_MSG_IGNORE] = haw_generic_ignore,
		[HAW_MSG_UNIMPLEMENTED] = haw_generic_unimplemented,
		[HAW_MSG_DEBUG] = haw_generic_debug,
		/* RFC 8308 §2.4: the server's second EXT_INFO comes right before SUCCESS. */
		[HAW_MSG_EXT_INFO] = haw_generic_ext_info,
		[HAW_MSG_KEXINIT] = haw_exchange_handle_init,
		[HAW_MSG_USERAUTH_REQUEST] = haw_login_request,
		[HAW_MSG_USERAUTH_FAILURE] = haw_login_failure,
		[HAW_MSG_USERAUTH_SUCCESS] = haw_login_success,
		[HAW_MSG_USERAUTH_BANNER] = haw_login_banner,
		[60 ... 79] = haw_login_method,
		/* A client that opened a channel ahead and was then refused hears so, as from OpenSSH. */
		[HAW_MSG_GLOBAL_REQUEST] = haw_login_too_early,
		[HAW_MSG_CHANNEL_OPEN] = haw_login_too_early,
	},
	[HAW_PHASE_OPEN] = {
		[HAW_MSG_DISCONNECT] = haw_generic_disconnect,
		[HAW_MSG_IGNORE] = haw_generic_ignore,
		[HAW_MSG_UNIMPLEMENTED] = haw_generic_unimplemented,
		[HAW_MSG_DEBUG] = haw_generic_debug,
		[HAW_MSG_EXT_INFO] = haw_generic_ext_info,
		[HAW_MSG_KEXINIT] = haw_exchange_handle_init,
		[HAW_MSG_USERAUTH_REQUEST] = haw_login_late_request,
		[HAW_MSG_GLOBAL_REQUEST] = haw_global_request,
		[HAW_MSG_REQUEST_SUCCESS] = haw_global_reply,
		[HAW_MSG_REQUEST_FAILURE] = haw_global_reply,
		[HAW_MSG_CHANNEL_OPEN] = haw_mux_open,
		[HAW_MSG_CHANNEL_OPEN_CONFIRMATION] = haw_mux_confirmation,
		[HAW_MSG_CHANNEL_OPEN_FAILURE] = haw_mux_refused,
		[HAW_MSG_CHANNEL_WINDOW_ADJUST] = haw_mux_window,
		[HAW_MSG_CHANNEL_DATA] = haw_mux_data,
		[HAW_MSG_CHANNEL_EXTENDED_DATA] = haw_mux_data,
		[HAW_MSG_CHANNEL_EOF] = haw_mux_eof,
		[HAW_MSG_CHANNEL_CLOSE] = haw_mux_close,
		[HAW_MSG_CHANNEL_REQUEST] = haw_mux_request,
		[HAW_MSG_CHANNEL_SUCCESS] = haw_mux_reply,
		[HAW_MSG_CHANNEL_FAILURE] = haw_mux_reply,
	},
};

static const char *const phase_names[HAW_PHASE_COUNT] = {
	[HAW_PHASE_VERSION] = "version exchange",
	[HAW_PHASE_KEX] = "first key exchange",
	[HAW_PHASE_SERVICE] = "service request",
	[HAW_PHASE_AUTH] = "authentication",
	[HAW_PHASE_OPEN] = "connection",
	[HAW_PHASE_REKEY] = "key exchange",
};

enum haw_phase haw_connection_phase(const struct haw_connection *c)
{
	if (!c->version_received)
		return HAW_PHASE_VERSION;
	if (c->exchanges == 0 && !c->exchange.received_newkeys)
		return HAW_PHASE_KEX;
	if (c->exchange.received_init && !c->exchange.received_newkeys)
		return HAW_PHASE_REKEY;
	if (c->login.authenticated)
		return HAW_PHASE_OPEN;
	/* A client expects answers to the attempt that it sent behind its service request. */
	return c->login.accepted ? HAW_PHASE_AUTH : HAW_PHASE_SERVICE;
}

/* A number that some phase lists is known; a number that none lists is not. */
static bool is_known(uint8_t number)
{
	for (int phase = 0; phase < HAW_PHASE_COUNT; phase++)
		if (table[phase][number])
			return true;
	return false;
}

/* RFC 4253 §7.1 forbids whoever has sent KEXINIT everything but key exchange until its NEWKEYS. Some go on
 * with their channels (Debian 12's AsyncSSH does), and OpenSSH bears it: what comes was sealed under keys
 * that are still in force, and the exchange does not depend on it. */
static bool is_belated(const struct haw_connection *c, enum haw_phase phase, uint8_t number)
{
	return phase == HAW_PHASE_REKEY && c->login.authenticated && number >= HAW_MSG_GLOBAL_REQUEST &&
	       number <= HAW_MSG_CHANNEL_FAILURE;
}

/* Whoever is not logged in can send lawful messages without end: banners, IGNORE, DEBUG, key exchanges. An
 * honest login takes some dozens, and one with every attempt and question that is allowed takes fewer than
 * these. */
enum { EARLY_MESSAGES_MAX = 16384, EARLY_BYTES_MAX = 4 * 1024 * 1024 };

static int count_early(struct haw_connection *c, size_t len, haw_error *err)
{
	if (c->login.authenticated)
		return 0;
	c->early_messages++;
	c->early_bytes += len;
	if (c->early_messages <= EARLY_MESSAGES_MAX && c->early_bytes <= EARLY_BYTES_MAX)
		return 0;
	return haw_protocol_error(err,
				  "the peer sent more than %d messages or %d bytes before the login was done",
				  EARLY_MESSAGES_MAX, EARLY_BYTES_MAX);
}

int haw_connection_dispatch(struct haw_connection *c, haw_span payload, haw_error *err)
{
	enum haw_phase phase = haw_connection_phase(c);
	uint8_t number = payload.ptr[0];
	haw_handler handler = table[is_belated(c, phase, number) ? HAW_PHASE_OPEN : phase][number];
	haw_message m;

	haw_message_read(&m, payload.ptr, payload.len);
	haw_get_byte(&m);
	if (count_early(c, payload.len, err) < 0)
		return HAW_EPROTOCOL;
	if (phase == HAW_PHASE_KEX && c->strict && number < HAW_MSG_KEXINIT && number != HAW_MSG_DISCONNECT)
		return haw_protocol_error(err, "the peer sent message %u during strict key exchange", number);
	if (c->exchange.skip_packet && number >= 30 && number <= 49) {
		c->exchange.skip_packet = false;
		return 0;
	}
	if (!handler && !is_known(number) && !(phase == HAW_PHASE_KEX && c->strict))
		return haw_generic_answer_unimplemented(c, &m, err);
	if (!handler)
		return haw_protocol_error(err,
					  "the peer sent message %u, which has no place in the phase \"%s\"",
					  number, phase_names[phase]);
	return handler(c, &m, err);
}
