/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport from the inside: one connection core bound to a stream on a loop.
 *
 *   transport.c  life, options, state      pump.c   bytes between stream and core, time
 *   events.c     what the core reports     login.c  handshake and authentication operations
 *   change.c     a password that has expired
 *   crypto_wait.c  engines that complete later
 *   channel.c    channel handles           channel_io.c  their data
 */
#ifndef HAW_ENGINE_TRANSPORT_INTERNAL_H
#define HAW_ENGINE_TRANSPORT_INTERNAL_H

#include <hawser/channel.h>
#include <hawser/transport.h>

#include "transport/channel/channel.h"
#include "transport/connection/connection.h"
#include "transport/engine/loop.h"
#include "transport/engine/question.h"

/* An operation of a transport or channel; it is on its owner's list while under way. */
struct haw_transport_op {
	struct haw_op op;
	struct haw_transport_op **list;
	struct haw_transport_op *next;
	uint64_t number;	/* marks its request: an address would come back with the next operation */
	haw_message reply;	/* global requests */
};

/* Who judges host keys instead of the ask callback: the client, with its known hosts. Answers by
 * haw_connection_accept_host_key, now or later. */
typedef void (*haw_judge_fn)(void *user, haw_span blob, const char *algorithm);

/* Who signs when the key holds no private part: the client, by an agent or a file. Answers by
 * haw_transport_signed, now or later; false: the ask callback is to be asked instead. */
typedef bool (*haw_signer_fn)(void *user, haw_span data, const char *algorithm);

/* Waiting for engines that complete later, by direction. */
struct haw_crypto_wait {
	struct haw_readable *readable[2]; /* NULL: no descriptor */
	uint64_t engine[2];		  /* whose it is */
};

struct haw_transport {
	struct haw_loop *loop;
	haw_transport_options options;
	struct haw_connection *connection;

	/* The stream and its bytes. */
	struct haw_stream *stream;
	struct haw_ring *ring;
	struct haw_receive receive;
	struct haw_send send;
	size_t sending;		/* bytes of the send under way; 0: none */
	int send_failure;	/* code of the send that failed; 0: none */
	haw_error end_reason;	/* why the stream ends, where its maker knows; code 0: unknown */
	bool receiving, receive_ended;
	struct haw_timer timer, kick;
	bool pumping, closing, freed;
	struct haw_crypto_wait crypto;
	uint64_t owner, next_number;
	uint64_t packet_ns, stream_ns; /* spent on packets, and inside the stream */

	/* Operations. */
	struct haw_transport_op *handshakes, *rekeys, *logins, *requests;
	const haw_key *auth_key;
	struct haw_question *host_key_question, *auth_question;
	haw_judge_fn judge;
	haw_signer_fn signer;
	void (*ended)(void *user, const haw_error *err);
	bool (*global_request)(void *user, haw_span name, haw_span data);
	void *hook_user;
	haw_key *host_key;
	char methods[512];
	bool partial, methods_known, answered, password_expired;
	unsigned change_tries;
	size_t banner_bytes;	/* shown so far */

	struct haw_channel *channels;	/* list of handles */
	struct haw_channel *batch;	/* those that got data in this batch */
	bool closed;
	haw_error error;
};

struct haw_inbox {
	uint8_t *data;
	size_t start, len, capacity;
};

struct haw_channel {
	struct haw_transport *transport; /* NULL once the transport has gone */
	struct haw_chan *chan;		 /* NULL once it is closed */
	struct haw_channel *next, **link;
	struct haw_channel *batch_next;
	bool in_batch, opened, eof, closed, close_reported, free_wanted;
	unsigned in_callback;		 /* how deep: callbacks may lead to others of the same channel */
	uint32_t id;
	haw_channel_callbacks callbacks;
	struct haw_transport_op *opens, *replies;
	struct haw_inbox inboxes[2];
	int64_t exit_status;
	char exit_signal[32];
	haw_error error;
};

/* transport.c */
struct haw_transport *haw_transport_create(haw_loop *loop, const haw_transport_options *options, bool hold,
					   haw_error *err);
/* Run over STREAM (taken over) from now on. */
void haw_transport_attach(struct haw_transport *t, struct haw_stream *stream);
/* Give back everything: nothing uses T any more. */
void haw_transport_release(struct haw_transport *t);
/* End with ERR before or after a stream is there. */
void haw_transport_fail(struct haw_transport *t, const haw_error *err);
/* Why the stream has ended or is about to: what is reported when its end is seen. */
void haw_transport_set_end_reason(struct haw_transport *t, const haw_error *err);
void haw_transport_set_hooks(struct haw_transport *t, haw_judge_fn judge, haw_signer_fn signer, void *user);
/* Called when the connection has ended, before the user is told. */
void haw_transport_set_ended(struct haw_transport *t, void (*ended)(void *user, const haw_error *err));
/* Called with the peer's global requests; returns whether it is one that is known. */
void haw_transport_set_global_request(struct haw_transport *t,
				      bool (*taken)(void *user, haw_span name, haw_span data));
/* The judge's answer. */
void haw_transport_judged(struct haw_transport *t, bool accept, const haw_error *why_not);
/* Whether it was the server that ended the last attempt. */
bool haw_transport_auth_answered(const struct haw_transport *t);
/* The signer's answer; empty: none. */
void haw_transport_signed(struct haw_transport *t, haw_span signature);
bool haw_transport_peer_pipelines(const struct haw_transport *t);
struct haw_transport_op *haw_transport_op_new(struct haw_transport *t, struct haw_transport_op **list,
					      haw_op_fn done, void *user, haw_error *err);
/* Take the first operation off LIST, or all, and end them. */
void haw_transport_op_end(struct haw_transport_op **list, int code, const haw_error *err);
void haw_transport_op_end_all(struct haw_transport_op **list, int code, const haw_error *err);
/* End OP, which is on some list. */
void haw_transport_op_end_one(struct haw_transport_op *op, int code, const haw_error *err);
/* The same for an operation whose starter has not returned yet: its callback is made by the loop. */
void haw_transport_op_end_later(struct haw_transport_op *op, int code, const haw_error *err);
/* What marks OP's request in the core. */
void *haw_transport_op_tag(const struct haw_transport_op *op);
void haw_transport_log(struct haw_transport *t, int level, const char *line);

/* pump.c */
/* Something was queued: see that it leaves, in this turn or the next. */
void haw_transport_touch(struct haw_transport *t);
void haw_transport_pump(struct haw_transport *t);
void haw_transport_stop(struct haw_transport *t);

/* crypto_wait.c */
/* See that the pump runs when an engine has finished something. At the end of each run of the pump. */
void haw_transport_wait_crypto(struct haw_transport *t);
void haw_transport_forget_crypto(struct haw_transport *t);

/* events.c */
void haw_transport_handle(struct haw_transport *t, const struct haw_event *event);
/* Tell everybody that the connection has ended. */
void haw_transport_report_end(struct haw_transport *t);

/* login.c */
void haw_transport_host_key_event(struct haw_transport *t, const struct haw_event *event);
void haw_transport_sign_event(struct haw_transport *t, const struct haw_event *event);
void haw_transport_prompts_event(struct haw_transport *t, const struct haw_event *event);
void haw_transport_change_event(struct haw_transport *t, const struct haw_event *event);
void haw_transport_login_event(struct haw_transport *t, const struct haw_event *event);

/* channel.c, channel_io.c */
void haw_channel_handle(struct haw_channel *channel, const struct haw_event *event);
void haw_channel_end_batch(struct haw_channel *channel);
/* The connection ended: ERR tells why. */
void haw_channel_end(struct haw_channel *channel, const haw_error *err);
void haw_channel_take_data(struct haw_channel *channel, const struct haw_event *event);
void haw_channel_free_inboxes(struct haw_channel *channel);
/* Callbacks may free the channel: enter before, leave after; leave frees it if that was wanted. */
void haw_channel_enter(struct haw_channel *channel);
bool haw_channel_leave(struct haw_channel *channel);

#endif
