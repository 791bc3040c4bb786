/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection core: one SSH connection, either role, without I/O.
 *
 * Bytes come in by haw_connection_receive, events and bytes go out by haw_connection_next_event
 * and haw_connection_output. It makes no system call, reads no clock and starts nothing: its
 * owner (transport/engine, two cores joined in memory, a fuzzer) drives it. What needs an answer
 * from outside (accept a host key, sign, a password, a login) is an event, and the answer a call
 * that may come any time later.
 *
 * The first error wins: it is kept, a DISCONNECT is queued where that still makes sense, and the
 * last event is HAW_EVENT_CLOSED.
 */
#ifndef HAW_CONNECTION_CONNECTION_H
#define HAW_CONNECTION_CONNECTION_H

#include <hawser/backend.h>
#include <hawser/message.h>

#include "transport/auth/method.h"
#include "transport/packet/packetizer.h"

struct haw_connection;
struct haw_chan;

/* A host key that the server role can prove. */
struct haw_host_identity {
	const char *key_type;	/* "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com" */
	haw_span blob;		/* RFC 4253 §6.6, or a certificate */
};

struct haw_connection_options {
	bool server;
	bool guess;		/* send the first key exchange packet with KEXINIT (RFC 4253 §7.1) */
	bool hold;		/* say nothing before haw_connection_begin_with */
	bool no_early_channels; /* never open a channel before authentication succeeded */
	/* Names in order of preference; all resolved (no + - ^). NULL: the default. */
	const char *kex, *host_keys, *ciphers, *macs, *compression;
	const char *user_keys;	/* as haw_user_algorithms takes it; copied */
	const haw_selector *selector;
	struct haw_wire_pool *pool;
	struct haw_packetizer *packetizer;	/* taken over; NULL: this library's */
	uint32_t handshake_timeout_ms;		/* 0: none */
	uint32_t exchange_timeout_ms;		/* until the first keys are in force; 0: only the other one */
	uint32_t keepalive_ms, keepalive_max;
	uint64_t rekey_bytes;			/* 0: the suite's */
	uint32_t rekey_seconds;
	size_t memory;				/* of all channel windows */
	const struct haw_host_identity *identities; /* server */
	size_t identity_count;
	haw_span moduli; /* server: the text of moduli(5), for group exchange; may be empty */
};

enum haw_event_kind {
	HAW_EVENT_NONE = 0,
	HAW_EVENT_LOG,		 /* text, number: level */
	HAW_EVENT_VERSION,	 /* text: the peer's version line */
	HAW_EVENT_HOST_KEY,	 /* client; data: blob, text: algorithm; haw_connection_accept_host_key */
	HAW_EVENT_HOST_SIGN,	 /* server; data: exchange hash, text: algorithm, extra: key blob;
				  * haw_connection_host_signature */
	HAW_EVENT_KEYS,		 /* a key exchange is complete; number: how many by now */
	HAW_EVENT_BANNER,	 /* data: text as it came */
	HAW_EVENT_AUTH_DONE,	 /* number: 1 success, 0 failure; text: methods, or NULL if the attempt ended
				  * without the server; flag: partial success */
	HAW_EVENT_AUTH_SIGN,	 /* data: to be signed, text: algorithm; haw_connection_auth_signature */
	HAW_EVENT_AUTH_PROMPTS,	 /* data: the INFO_REQUEST's payload behind its number;
				  * haw_connection_auth_responses */
	HAW_EVENT_AUTH_CHANGE,	 /* the password has expired; data: the server's prompt, as it came;
				  * haw_connection_auth_new_password */
	HAW_EVENT_AUTH_REQUEST,	 /* server; see haw_connection_auth_request; haw_connection_auth_answer */
	HAW_EVENT_AUTH_RESPONSES, /* server; data: INFO_RESPONSE's payload behind its number */
	HAW_EVENT_CHANNEL_OPEN,	 /* by the peer; name: type, data: type-specific part;
				  * haw_connection_channel_accept or _refuse */
	HAW_EVENT_CHANNEL_READY, /* ours was confirmed; data: type-specific part */
	HAW_EVENT_CHANNEL_REFUSED, /* number: reason, text */
	HAW_EVENT_CHANNEL_DATA,	 /* data; number: 0, or the extended type; haw_chan_consumed */
	HAW_EVENT_CHANNEL_EOF,
	HAW_EVENT_CHANNEL_CLOSED, /* the last of this channel: haw_chan_free is due */
	HAW_EVENT_CHANNEL_REQUEST, /* name: type, flag: wants a reply, data: the rest;
				    * haw_connection_channel_reply */
	HAW_EVENT_CHANNEL_REPLY, /* number: 1 success; tag */
	HAW_EVENT_CHANNEL_WINDOW, /* the peer granted more window, or the queue shrank below its mark */
	HAW_EVENT_GLOBAL_REQUEST, /* name, flag, data; haw_connection_global_reply */
	HAW_EVENT_GLOBAL_REPLY,	 /* number: 1 success; data; tag */
	HAW_EVENT_CLOSED	 /* error; nothing follows */
};

/* Views in an event live until the next haw_connection_released. */
struct haw_event {
	enum haw_event_kind kind;
	struct haw_chan *chan;
	haw_span data, name, extra;
	uint64_t number;
	bool flag;
	void *tag;
	const char *text;	/* escaped; lives until the next event */
};

struct haw_connection *haw_connection_new(const struct haw_connection_options *options, haw_error *err);
void haw_connection_free(struct haw_connection *c);

/* Of a connection that is on hold: offer the host key algorithms of the list TEXT, and begin. */
int haw_connection_begin_with(struct haw_connection *c, const char *text, haw_error *err);

/* ---- Bytes and events ---- */

/* The bytes received and not yet released lie at DATA (see haw_packetizer_ops.feed). */
void haw_connection_receive(struct haw_connection *c, uint8_t *data, size_t len);
/* The next event, dispatching packets until there is one; false when more bytes or an answer are
 * needed. */
bool haw_connection_next_event(struct haw_connection *c, struct haw_event *event);
/* Views of past events end here; returns how many bytes at the front may be forgotten. */
size_t haw_connection_released(struct haw_connection *c);
/* The stream ended (ERR NULL: in order), which ends the connection. */
void haw_connection_stream_ended(struct haw_connection *c, const haw_error *err);
/* Spans to be sent now, at most MAX; sent() counts them off. 0: nothing. */
size_t haw_connection_output(struct haw_connection *c, haw_span *spans, size_t max);
void haw_connection_sent(struct haw_connection *c, size_t n);
/* Time passes: NOW is monotonic, in nanoseconds. Returns when to call again (0: no such time). */
uint64_t haw_connection_tick(struct haw_connection *c, uint64_t now);
/* The limit of the first key exchange counts from NOW, before the stream was there. */
void haw_connection_count_from(struct haw_connection *c, uint64_t now);
/* Time spent waiting for a person does not count towards the handshake. */
void haw_connection_hold_clock(struct haw_connection *c, bool hold);
/* Collect what an asynchronous engine has finished. */
void haw_connection_crypto_poll(struct haw_connection *c);
/* The stream is gone, and the bytes received with it: let go of what engines had under way. What channels
 * had lent for it is released. */
void haw_connection_abandon(struct haw_connection *c);

/* ---- State ---- */

/* True if packets wait for haw_connection_released alone: more events follow it. */
bool haw_connection_holds(const struct haw_connection *c);
bool haw_connection_is_closed(const struct haw_connection *c);
const haw_error *haw_connection_error(const struct haw_connection *c);
/* Queue a DISCONNECT behind everything and end in order. */
void haw_connection_disconnect(struct haw_connection *c, uint32_t reason, const char *text);
/* End now with ERR; REASON 0: say nothing to the peer. */
void haw_connection_fail(struct haw_connection *c, uint32_t reason, const haw_error *err);
haw_span haw_connection_session_id(const struct haw_connection *c);
const char *haw_connection_peer_version(const struct haw_connection *c);
/* True for peers known to take channel opens ahead of authentication and requests ahead of answers. */
bool haw_connection_peer_pipelines(const struct haw_connection *c);
/* True if bulk or messages could be queued by now (authenticated, or early towards known peers). */
bool haw_connection_is_authenticated(const struct haw_connection *c);
struct haw_packetizer *haw_connection_packetizer(struct haw_connection *c);

struct haw_connection_names {
	const char *kex, *host_key;
	const char *compression_out, *compression_in;
	bool strict;
	/* Packets at the beginning could be cut off unnoticed (CVE-2023-48795): not strict, and a suite whose
	 * packets do without those before them. */
	bool truncatable;
	uint32_t exchanges;
};
void haw_connection_get_names(const struct haw_connection *c, struct haw_connection_names *names);

/* ---- Key exchange ---- */

void haw_connection_rekey(struct haw_connection *c);
void haw_connection_accept_host_key(struct haw_connection *c, bool accept, const haw_error *why_not);
void haw_connection_host_signature(struct haw_connection *c, haw_span signature);

/* ---- Authentication, client (RFC 4252) ---- */

/* Begin one attempt; copied. It is sent as soon as the first keys are in force. */
int haw_connection_auth(struct haw_connection *c, enum haw_auth_method method, const char *user,
			haw_span password_or_blob, bool probe, haw_error *err);
/* The host is not to be trusted: from now on an attempt by password or keyboard-interactive fails without
 * being sent. Before the host key is accepted. */
void haw_connection_forbid_secrets(struct haw_connection *c);
void haw_connection_auth_signature(struct haw_connection *c, haw_span signature);	/* empty: give up */
void haw_connection_auth_responses(struct haw_connection *c, const haw_span *responses, size_t count);
void haw_connection_auth_new_password(struct haw_connection *c, haw_span password); /* empty: give up */

/* ---- Authentication, server ---- */

/* The request behind HAW_EVENT_AUTH_REQUEST. */
const struct haw_auth_request *haw_connection_auth_request(const struct haw_connection *c);
enum haw_auth_answer { HAW_AUTH_REJECT, HAW_AUTH_ACCEPT, HAW_AUTH_PARTIAL, HAW_AUTH_KEY_OK, HAW_AUTH_ASK };
/* METHODS: what can continue. HAW_AUTH_ASK: INFO is the INFO_REQUEST's payload behind its number. */
void haw_connection_auth_answer(struct haw_connection *c, enum haw_auth_answer answer, const char *methods,
				haw_span info);
void haw_connection_banner(struct haw_connection *c, const char *text);

/* ---- Channels (transport/channel has the rest) ---- */

/* Open a channel; its open is sent as early as the peer takes it. WINDOW and MAX_PACKET 0: automatic. */
struct haw_chan *haw_connection_channel_open(struct haw_connection *c, const char *type, haw_span specific,
					     uint32_t window, uint32_t max_packet, void *owner,
					     haw_error *err);
void haw_connection_channel_accept(struct haw_connection *c, struct haw_chan *chan, uint32_t window,
				   uint32_t max_packet, void *owner);
void haw_connection_channel_refuse(struct haw_connection *c, struct haw_chan *chan, uint32_t reason,
				   const char *text);
/* Request on a channel; TAG comes back with HAW_EVENT_CHANNEL_REPLY if WANT_REPLY. */
int haw_connection_channel_request(struct haw_connection *c, struct haw_chan *chan, const char *type,
				   bool want_reply, haw_span payload, void *tag, haw_error *err);
void haw_connection_channel_reply(struct haw_connection *c, struct haw_chan *chan, bool success);
int haw_connection_global_request(struct haw_connection *c, const char *type, bool want_reply,
				  haw_span payload, void *tag, haw_error *err);
void haw_connection_global_reply(struct haw_connection *c, bool success, haw_span data);

#endif
