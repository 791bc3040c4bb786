/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "transport/engine/transport_internal.h"
#include "transport/wire/ssh_numbers.h"

enum { HANDSHAKE_TIMEOUT_MS = 120000, UNSENT_LIMIT = 512 * 1024 };

static void copy_options(struct haw_transport *t, const haw_transport_options *options)
{
	size_t size = options ? options->size : 0;

	if (size > sizeof(t->options))
		size = sizeof(t->options);
	if (size > 0)
		memcpy(&t->options, options, size);
	if (!t->options.handshake_timeout_ms)
		t->options.handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS;
}

/* The core takes resolved names; a list that does not resolve is the caller's error. */
static int resolve(enum haw_algorithm_kind kind, const char *text, char *out, size_t size,
		   const char **result, haw_error *err)
{
	int code = haw_algorithm_list(kind, text, out, size, err);

	*result = out;
	return code;
}

static struct haw_connection *make_connection(struct haw_transport *t, bool hold, haw_error *err)
{
	const haw_transport_options *o = &t->options;
	char kex[4096], host_keys[4096], ciphers[4096], macs[4096], compression[128];
	struct haw_connection_options options = {
		.user_keys = o->user_keys,
		.selector = o->selector,
		.pool = t->loop->wire_pool,
		.handshake_timeout_ms = o->handshake_timeout_ms,
		.exchange_timeout_ms = o->exchange_timeout_ms,
		.keepalive_ms = o->keepalive_ms,
		.keepalive_max = o->keepalive_max,
		.rekey_bytes = o->rekey_bytes,
		.rekey_seconds = o->rekey_seconds,
		.memory = o->memory,
		.hold = hold,
	};

	if (resolve(HAW_ALGORITHM_KEX, o->kex, kex, sizeof(kex), &options.kex, err) < 0 ||
	    resolve(HAW_ALGORITHM_HOST_KEY, o->host_keys, host_keys, sizeof(host_keys), &options.host_keys,
		    err) < 0 ||
	    resolve(HAW_ALGORITHM_CIPHER, o->ciphers, ciphers, sizeof(ciphers), &options.ciphers, err) < 0 ||
	    resolve(HAW_ALGORITHM_MAC, o->macs, macs, sizeof(macs), &options.macs, err) < 0 ||
	    resolve(HAW_ALGORITHM_COMPRESSION, o->compression, compression, sizeof(compression),
		    &options.compression, err) < 0)
		return NULL;
	return haw_connection_new(&options, err);
}

struct haw_transport *haw_transport_create(haw_loop *loop, const haw_transport_options *options, bool hold,
					   haw_error *err)
{
	struct haw_transport *t = calloc(1, sizeof(*t));

	if (!t) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	t->loop = loop;
	t->owner = ++loop->next_owner;
	copy_options(t, options);
	t->connection = make_connection(t, hold, err);
	if (t->connection)
		return t;
	free(t);
	return NULL;
}

void haw_transport_attach(struct haw_transport *t, struct haw_stream *stream)
{
	haw_error err;

	t->ring = haw_ring_pool_lend(t->loop->ring_pool, t->owner, &err);
	if (!t->ring) {
		haw_stream_close(stream);
		haw_transport_fail(t, &err);
		return;
	}
	t->stream = stream;
	/* A small message waits behind one wire buffer here and about as much in the kernel. Measured: no
	 * cost in bulk from 128 KiB up. */
	haw_stream_set_unsent_limit(stream, UNSENT_LIMIT);
	haw_transport_touch(t);
}

haw_transport *haw_transport_new(haw_loop *loop, haw_stream *stream, const haw_transport_options *options,
				 haw_error *err)
{
	struct haw_transport *t;

	if (haw_stream_attach(loop->io, stream, err) < 0)
		return NULL;
	t = haw_transport_create(loop, options, false, err);
	if (t)
		haw_transport_attach(t, stream);
	else
		haw_stream_close(stream);
	return t;
}

haw_transport *haw_transport_new_fd(haw_loop *loop, int read_fd, int write_fd,
				    const haw_transport_options *options, haw_error *err)
{
	struct haw_stream *stream = read_fd == write_fd
					    ? haw_stream_adopt(loop->io, read_fd, err)
					    : haw_stream_adopt_pair(loop->io, read_fd, write_fd, err);
	struct haw_transport *t;

	if (!stream)
		return NULL;
	t = haw_transport_create(loop, options, false, err);
	if (t)
		haw_transport_attach(t, stream);
	else
		haw_stream_close(stream);
	return t;
}

void haw_transport_fail(struct haw_transport *t, const haw_error *err)
{
	haw_connection_fail(t->connection, 0, err);
	haw_transport_touch(t);
}

void haw_transport_set_end_reason(struct haw_transport *t, const haw_error *err)
{
	t->end_reason = *err;
}

void haw_transport_release(struct haw_transport *t)
{
	haw_transport_stop(t);
	haw_timer_cancel(t->loop->io, &t->kick);
	haw_question_abandon(t->host_key_question);
	haw_question_abandon(t->auth_question);
	haw_key_free(t->host_key);
	haw_key_free((haw_key *)t->auth_key);
	haw_connection_free(t->connection);
	free(t);
}

void haw_transport_free(haw_transport *t)
{
	haw_error gone;

	if (!t || t->freed)
		return;
	t->freed = true;
	t->options.closed = NULL;
	haw_error_set(&gone, HAW_ECANCELED, HAW_FAULT_LOCAL, 0, "the transport was freed");
	t->ended = NULL;
	t->batch = NULL;
	/* An operation that ends may free its channel, or others. */
	while (t->channels) {
		struct haw_channel *channel = t->channels;

		t->channels = channel->next;
		if (channel->next)
			channel->next->link = &t->channels;
		memset(&channel->callbacks, 0, sizeof(channel->callbacks));
		channel->transport = NULL;
		haw_channel_end(channel, &gone);
	}
	haw_transport_op_end_all(&t->handshakes, HAW_ECANCELED, &gone);
	haw_transport_op_end_all(&t->rekeys, HAW_ECANCELED, &gone);
	haw_transport_op_end_all(&t->logins, HAW_ECANCELED, &gone);
	haw_transport_op_end_all(&t->requests, HAW_ECANCELED, &gone);
	if (!t->pumping && !t->closing)
		haw_transport_release(t);
	/* else the pump or haw_transport_close, from which this was called, releases it at its end */
}

void haw_transport_close(haw_transport *t, int timeout_ms)
{
	uint64_t end = haw_io_now(t->loop->io) + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000;
	haw_error err;

	haw_connection_disconnect(t->connection, HAW_DISCONNECT_BY_APPLICATION, "closed by user");
	haw_transport_touch(t);
	/* Inside a turn of the loop nothing can be waited for: the pump says goodbye in the next. */
	if (t->loop->depth > 0)
		return;
	/* The pump closes the stream as soon as the last byte has been taken. */
	t->closing = true;
	while (t->stream && !t->freed) {
		uint64_t now = haw_io_now(t->loop->io);
		int left = timeout_ms < 0 ? -1 : now < end ? (int)((end - now + 999999) / 1000000) : 0;

		if (left == 0 || haw_loop_run(t->loop, left, &err) < 0)
			break;
	}
	if (!t->freed)
		haw_transport_stop(t);
	t->closing = false;
	/* What was told of the end may have freed it. */
	if (t->freed)
		haw_transport_release(t);
}

haw_loop *haw_transport_loop(const haw_transport *t)
{
	return t->loop;
}

void haw_transport_set_hooks(struct haw_transport *t, haw_judge_fn judge, haw_signer_fn signer, void *user)
{
	t->judge = judge;
	t->signer = signer;
	t->hook_user = user;
}

void haw_transport_set_global_request(struct haw_transport *t,
				      bool (*taken)(void *user, haw_span name, haw_span data))
{
	t->global_request = taken;
}

void haw_transport_set_ended(struct haw_transport *t, void (*ended)(void *user, const haw_error *err))
{
	t->ended = ended;
}

bool haw_transport_peer_pipelines(const struct haw_transport *t)
{
	return haw_connection_peer_pipelines(t->connection);
}

void haw_transport_log(struct haw_transport *t, int level, const char *line)
{
	if (t->options.log)
		t->options.log(t->options.user, level, line);
}

/* ---- In a foreign event loop ---- */

int haw_transport_fd(const haw_transport *t)
{
	return haw_loop_fd(t->loop);
}

short haw_transport_events(const haw_transport *t)
{
	(void)t;
	return 0x001; /* POLLIN: the loop's descriptor stands for everything that is awaited */
}

int haw_transport_deadline_ms(const haw_transport *t)
{
	return haw_loop_deadline_ms(t->loop);
}

int haw_transport_process(haw_transport *t, haw_error *err)
{
	int result = haw_loop_run(t->loop, 0, err);

	return result < 0 ? result : haw_transport_error(t, err);
}

/* ---- Operations ---- */

static void unlink_op(struct haw_transport_op *op)
{
	struct haw_transport_op **at = op->list;

	if (!at)
		return;
	while (*at && *at != op)
		at = &(*at)->next;
	if (*at)
		*at = op->next;
	op->list = NULL;
}

static void op_cancel(struct haw_op *op)
{
	unlink_op((struct haw_transport_op *)op);
}

static void op_free(struct haw_op *op)
{
	struct haw_transport_op *top = (struct haw_transport_op *)op;

	haw_message_free(&top->reply);
	free(top);
}

static const struct haw_op_ops transport_op_ops = {.cancel = op_cancel, .free = op_free};

struct haw_transport_op *haw_transport_op_new(struct haw_transport *t, struct haw_transport_op **list,
					      haw_op_fn done, void *user, haw_error *err)
{
	struct haw_transport_op *op = calloc(1, sizeof(*op));

	if (!op) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	haw_op_init(&op->op, t->loop, &transport_op_ops, done, user);
	op->number = ++t->next_number;
	op->list = list;
	if (list) {
		while (*list)
			list = &(*list)->next;
		*list = op;
	}
	return op;
}

void *haw_transport_op_tag(const struct haw_transport_op *op)
{
	return (void *)(uintptr_t)op->number;
}

void haw_transport_op_end_one(struct haw_transport_op *op, int code, const haw_error *err)
{
	unlink_op(op);
	haw_op_finish(&op->op, code, err);
}

void haw_transport_op_end_later(struct haw_transport_op *op, int code, const haw_error *err)
{
	unlink_op(op);
	haw_op_finish_later(&op->op, code, err);
}

void haw_transport_op_end(struct haw_transport_op **list, int code, const haw_error *err)
{
	if (*list)
		haw_transport_op_end_one(*list, code, err);
}

void haw_transport_op_end_all(struct haw_transport_op **list, int code, const haw_error *err)
{
	while (*list)
		haw_transport_op_end_one(*list, code, err);
}

/* ---- State ---- */

void haw_transport_get_info(const haw_transport *t, haw_transport_info *info)
{
	struct haw_packetizer *p = haw_connection_packetizer(t->connection);
	const haw_suite *out = p->ops->suite(p, HAW_OUTGOING), *in = p->ops->suite(p, HAW_INCOMING);
	const haw_backend *backend_out = p->ops->backend(p, HAW_OUTGOING),
			  *backend_in = p->ops->backend(p, HAW_INCOMING);
	struct haw_packet_count sent, received;
	struct haw_connection_names names;
	haw_transport_info full = {.size = info->size};

	haw_connection_get_names(t->connection, &names);
	p->ops->count(p, HAW_OUTGOING, &sent);
	p->ops->count(p, HAW_INCOMING, &received);
	full.peer_version = haw_connection_peer_version(t->connection);
	full.kex = names.kex;
	full.host_key = names.host_key;
	full.suite_out = out ? out->name : NULL;
	full.suite_in = in ? in->name : NULL;
	full.backend_out = backend_out ? backend_out->name : NULL;
	full.backend_in = backend_in ? backend_in->name : NULL;
	full.compression = names.compression_out;
	full.strict_kex = names.strict;
	full.bytes_sent = sent.bytes;
	full.bytes_received = received.bytes;
	full.packets_sent = sent.packets;
	full.packets_received = received.packets;
	full.key_exchanges = names.exchanges;
	full.packet_ns = t->packet_ns;
	full.stream_ns = t->stream_ns;
	full.send_blocked = t->sending > 0;
	memcpy(info, &full, info->size < sizeof(full) ? info->size : sizeof(full));
}

const haw_key *haw_transport_host_key(const haw_transport *t)
{
	return t->host_key;
}

haw_span haw_transport_session_id(const haw_transport *t)
{
	return haw_connection_session_id(t->connection);
}

bool haw_transport_is_open(const haw_transport *t)
{
	return !haw_connection_is_closed(t->connection);
}

int haw_transport_error(const haw_transport *t, haw_error *err)
{
	if (!haw_connection_is_closed(t->connection))
		return 0;
	if (err)
		*err = *haw_connection_error(t->connection);
	return haw_connection_error(t->connection)->code;
}

bool haw_transport_is_authenticated(const haw_transport *t)
{
	return haw_connection_is_authenticated(t->connection);
}
