/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the connection core share.
 *
 *   phase.c      [phase][message] -> handler
 *   connection.c bytes in and out, dispatch, errors      version.c   the version lines
 *   negotiate.c  KEXINIT and choosing                    exchange.c  key exchange to NEWKEYS
 *   generic.c    disconnect, ignore, debug, ext-info     timers.c    handshake, keepalive, rekey
 *   login.c      service request, authentication         mux.c       channel messages
 *   global.c     global requests                          compression.c when it begins
 */
#ifndef HAW_CONNECTION_INTERNAL_H
#define HAW_CONNECTION_INTERNAL_H

#include "transport/channel/channel.h"
#include "transport/connection/connection.h"
#include "transport/connection/user_algorithms.h"
#include "transport/kex/method.h"
#include "transport/wire/ssh_numbers.h"

enum {
	HAW_VERSION_LINE_MAX = 255,	 /* RFC 4253 §4.2, CR LF included */
	HAW_VERSION_PREAMBLE_MAX = 32768, /* lines that a server may send first, all together */
	HAW_EVENTS_MAX = 8,
	HAW_HELD_MAX = 1024 * 1024,	 /* bytes of messages that wait for our NEWKEYS */
	HAW_SERVER_FAILURES_MAX = 20,	 /* attempts to log in (RFC 4252 §4) */
	HAW_NAME_MAX = 64,		 /* longest algorithm name (RFC 4251 §6) */
	HAW_LIST_MAX = 4096		 /* bytes of one of our name-lists */
};

/* Where the peer stands: what it may send now. */
enum haw_phase {
	HAW_PHASE_VERSION,
	HAW_PHASE_KEX,		/* first key exchange */
	HAW_PHASE_SERVICE,	/* keys are in force, no service was accepted */
	HAW_PHASE_AUTH,
	HAW_PHASE_OPEN,
	HAW_PHASE_REKEY,	/* the peer has sent KEXINIT and not NEWKEYS */
	HAW_PHASE_COUNT
};

/* The eight lists that are negotiated (RFC 4253 §7.1), in the order of KEXINIT. */
enum haw_list {
	HAW_LIST_KEX,
	HAW_LIST_HOST_KEY,
	HAW_LIST_CIPHER_C2S,
	HAW_LIST_CIPHER_S2C,
	HAW_LIST_MAC_C2S,
	HAW_LIST_MAC_S2C,
	HAW_LIST_COMPRESSION_C2S,
	HAW_LIST_COMPRESSION_S2C,
	HAW_LIST_COUNT
};

struct haw_chosen {
	char names[HAW_LIST_COUNT][HAW_NAME_MAX + 1];
	const struct haw_kex_method *method;
	const haw_suite *suites[2]; /* [0] client to server */
};

/* A key exchange under way. */
struct haw_exchange {
	bool sent_init, received_init, sent_newkeys, received_newkeys;
	bool skip_packet;	/* the peer's guess was wrong: its next packet is ignored */
	bool guess_sent;
	bool waiting_host_key, waiting_signature;
	haw_message our_init, peer_init;
	struct haw_chosen chosen;
	struct haw_kex *kex;
	struct haw_kex_transcript transcript;
	haw_message host_key;	/* blob */
};

/* The service request and authentication. */
struct haw_login {
	bool requested;		/* SERVICE_REQUEST was sent, or received */
	bool accepted;		/* the service runs: USERAUTH messages are expected */
	bool authenticated;
	bool success_passed;	/* SUCCESS stands on the wire: compression that waits for it begins */
	/* Client: the attempt under way. */
	bool wanted, sent, signing, prompting, changing;
	bool probe;
	bool no_secrets;	/* the host is not to be trusted */
	enum haw_auth_method method;
	struct haw_auth_attempt attempt;
	haw_message new_secret;
	size_t banner_bytes;
	unsigned rounds; /* questions of the server's in this attempt */
	haw_message user, secret, request; /* request: what is being signed, session id in front */
	char algorithm[HAW_NAME_MAX + 1];
	char methods[512];	/* what the server said can continue */
	/* Server: the request that waits for an answer. */
	struct haw_auth_request asked;
	haw_message asked_bytes;
	haw_message partial;	/* user and service of a partial success, which they hold for alone */
	bool waiting_answer, prompted;
	unsigned failures;
};

struct haw_connection {
	struct haw_connection_options options;
	char *lists[HAW_LIST_COUNT]; /* our proposal without pseudo names, owned */
	struct haw_packetizer *packetizer;
	struct haw_bulk_source source;
	struct haw_channels channels;

	/* Received bytes. */
	uint8_t *data;
	size_t data_len, data_used; /* the version line's share is used before packets begin */
	bool feeding;

	/* Versions. */
	char our_version[HAW_VERSION_LINE_MAX + 1], peer_version[HAW_VERSION_LINE_MAX + 1];
	char peer_version_text[HAW_VERSION_LINE_MAX * 4 + 1];
	bool version_received;
	size_t preamble;
	bool pipelines;

	/* Key exchange. */
	struct haw_exchange exchange;
	struct haw_chosen chosen;	/* in force */
	haw_message session_id, host_key;
	uint32_t exchanges;
	bool strict, peer_ext_info, ext_info_seen;
	bool packet_seen;		/* any packet received: KEXINIT must be the first under strict */
	bool rekey_wanted;
	uint64_t rekey_at;
	char server_sig_algs[HAW_LIST_MAX];
	char user_algorithms[HAW_USER_ALGORITHMS_MAX];

	uint32_t early_messages; /* received before the login was done */
	uint64_t early_bytes;

	haw_message held; /* messages that wait for our NEWKEYS (RFC 4253 §7.1), a string each */
	haw_message scratch;		/* one message being written */

	struct haw_login login;
	struct haw_replies global_replies;

	struct haw_event events[HAW_EVENTS_MAX];
	uint32_t event_head, event_count;
	char event_text[HAW_ERROR_MESSAGE_SIZE];

	/* Time, in nanoseconds; 0: never ticked. */
	uint64_t now, started, connecting_since, last_received, last_keepalive, held_since, held_for;
	uint32_t keepalives;
	bool clock_held;

	bool disconnecting;		/* DISCONNECT is queued: closed once it is sent */
	bool closed, closed_reported, stream_ended;
	haw_error error;
	uint32_t seq_in;		/* of the packet being dispatched */
};

typedef int (*haw_handler)(struct haw_connection *c, haw_message *m, haw_error *err);

/* phase.c */
enum haw_phase haw_connection_phase(const struct haw_connection *c);
int haw_connection_dispatch(struct haw_connection *c, haw_span payload, haw_error *err);

/* connection.c */
struct haw_event *haw_connection_event(struct haw_connection *c, enum haw_event_kind kind);
/* Room for an event that can wait: what a message causes is never crowded out. */
bool haw_connection_has_room(const struct haw_connection *c);
void haw_connection_log(struct haw_connection *c, int level, const char *format, ...) HAW_PRINTF(3, 4);
/* Begin a message in the scratch writer; send it, or queue it behind our NEWKEYS. */
haw_message *haw_connection_begin(struct haw_connection *c, uint8_t number);
int haw_connection_send(struct haw_connection *c, haw_error *err);
int haw_connection_send_now(struct haw_connection *c, haw_error *err);
int haw_connection_flush_held(struct haw_connection *c, haw_error *err);
int haw_protocol_error(haw_error *err, const char *format, ...) HAW_PRINTF(2, 3);
int haw_connection_end_of_message(const haw_message *m, const char *name, haw_error *err);
bool haw_connection_kex_blocks(const struct haw_connection *c);

/* version.c */
int haw_version_start(struct haw_connection *c, haw_error *err);
int haw_version_receive(struct haw_connection *c, haw_error *err);

/* negotiate.c */
int haw_negotiate_defaults(struct haw_connection *c, haw_error *err);
int haw_negotiate_write(struct haw_connection *c, haw_message *out, haw_error *err);
int haw_negotiate_choose(struct haw_connection *c, haw_message *peer, haw_error *err);

/* compression.c */
/* Stand a packetizer that can compress in front of ours, if it may have to. */
int haw_compression_prepare(struct haw_connection *c, haw_error *err);
/* New keys are in force: compress, if that was agreed upon and its time has come. */
int haw_compression_start(struct haw_connection *c, enum haw_direction direction,
			  const struct haw_chosen *chosen, haw_error *err);
/* Compression that begins behind the login is agreed upon: nothing may be sent ahead of the login's answer,
 * for the peer may take it for compressed already. */
bool haw_compression_is_delayed(const struct haw_connection *c);
/* The login's success was sent, or has come. */
int haw_compression_after_login(struct haw_connection *c, haw_error *err);

/* exchange.c */
int haw_exchange_start(struct haw_connection *c, haw_error *err);
int haw_exchange_handle_init(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_exchange_handle_method(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_exchange_handle_newkeys(struct haw_connection *c, haw_message *m, haw_error *err);
void haw_exchange_clear(struct haw_exchange *exchange);

/* generic.c */
int haw_generic_disconnect(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_ignore(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_debug(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_unimplemented(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_ext_info(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_answer_unimplemented(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_generic_send_ext_info(struct haw_connection *c, haw_error *err);

/* login.c: the service request; it hands authentication to transport/auth's methods */
int haw_login_advance(struct haw_connection *c, haw_error *err);
int haw_login_service_request(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_service_accept(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_request(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_failure(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_success(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_banner(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_too_early(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_late_request(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_responses(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_login_method(struct haw_connection *c, haw_message *m, haw_error *err);
void haw_login_clear(struct haw_login *login);

/* mux.c */
int haw_mux_open(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_confirmation(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_refused(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_window(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_data(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_eof(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_close(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_request(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_mux_reply(struct haw_connection *c, haw_message *m, haw_error *err);
/* Send opens, window adjustments, ends of data and closes that are due. */
int haw_mux_advance(struct haw_connection *c, haw_error *err);
/* The peer did not take what was sent ahead of authentication: it is sent again later. */
void haw_mux_forget_early(struct haw_connection *c);
int haw_mux_send_open(struct haw_connection *c, struct haw_chan *chan, haw_error *err);

/* global.c */
int haw_global_request(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_global_reply(struct haw_connection *c, haw_message *m, haw_error *err);
int haw_global_keepalive(struct haw_connection *c, haw_error *err);

/* timers.c uses the rest. */

#endif
