/* SPDX-License-Identifier: Apache-2.0
 *
 * The core's frame: bytes in, packets dispatched one at a time until there is an event, bytes
 * out. Dispatching stops while a step waits for an answer that everything behind it depends on
 * (is this the host's key? is this user let in?): the bytes stay where they are, which is back
 * pressure.
 *
 *   haw_connection_receive ─> version lines ─> packetizer ─> phase table ─> handlers ─> events
 *   haw_connection_output  <─ packetizer <─ messages put by handlers, bulk pulled from channels
 */
#include "transport/connection/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/wire/load.h"

/* ---- Making and freeing ---- */

static bool next_bulk(void *user, struct haw_bulk *bulk)
{
	struct haw_connection *c = user;

	return !haw_connection_kex_blocks(c) && c->login.authenticated && !c->disconnecting &&
	       haw_channels_next_bulk(&c->channels, bulk);
}

static void bulk_sealed(void *user, void *cookie)
{
	struct haw_connection *c = user;

	haw_channels_sealed(&c->channels, cookie);
}

static int init(struct haw_connection *c, const struct haw_connection_options *options, haw_error *err)
{
	c->source = (struct haw_bulk_source){.next = next_bulk, .sealed = bulk_sealed, .user = c};

	c->options = *options;
	haw_user_algorithms(options->user_keys, c->user_algorithms);
	c->packetizer = options->packetizer ? options->packetizer
					    : haw_packetizer_new(options->selector, options->pool, err);
	if (!c->packetizer)
		return HAW_ENOMEM;
	c->packetizer->ops->set_source(c->packetizer, &c->source);
	c->packetizer->ops->set_single(c->packetizer, true);
	if (options->rekey_bytes)
		c->packetizer->ops->set_rekey_limit(c->packetizer, options->rekey_bytes);
	haw_channels_init(&c->channels, options->memory ? options->memory : 32u * 1024 * 1024);
	haw_message_write(&c->held, HAW_HELD_MAX);
	haw_message_write(&c->scratch, 0);
	if (haw_negotiate_defaults(c, err) < 0 || haw_compression_prepare(c, err) < 0 ||
	    haw_version_start(c, err) < 0)
		return err ? err->code : HAW_EINVAL;
	return options->hold ? 0 : haw_exchange_start(c, err);
}

struct haw_connection *haw_connection_new(const struct haw_connection_options *options, haw_error *err)
{
	struct haw_connection *c = calloc(1, sizeof(*c));

	if (!c) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	if (init(c, options, err) < 0) {
		haw_connection_free(c);
		return NULL;
	}
	return c;
}

void haw_connection_free(struct haw_connection *c)
{
	if (!c)
		return;
	if (c->packetizer)
		c->packetizer->ops->free(c->packetizer);
	haw_channels_clear(&c->channels);
	haw_exchange_clear(&c->exchange);
	haw_login_clear(&c->login);
	haw_replies_clear(&c->global_replies);
	haw_message_free(&c->session_id);
	haw_message_free(&c->host_key);
	haw_message_free(&c->held);
	haw_message_free(&c->scratch);
	for (int i = 0; i < HAW_LIST_COUNT; i++)
		free(c->lists[i]);
	free(c);
}

/* ---- Events and errors ---- */

struct haw_event *haw_connection_event(struct haw_connection *c, enum haw_event_kind kind)
{
	uint32_t at = (c->event_head + c->event_count) % HAW_EVENTS_MAX;

	/* A message makes at most a few events and they are drained before the next one; what could exceed
	 * that asks for room first (haw_connection_has_room). */
	if (c->event_count == HAW_EVENTS_MAX)
		at = (at + HAW_EVENTS_MAX - 1) % HAW_EVENTS_MAX;
	else
		c->event_count++;
	c->events[at] = (struct haw_event){.kind = kind};
	return &c->events[at];
}

bool haw_connection_has_room(const struct haw_connection *c)
{
	return c->event_count < HAW_EVENTS_MAX - 4;
}

void haw_connection_log(struct haw_connection *c, int level, const char *format, ...)
{
	struct haw_event *event;
	va_list args;

	if (!haw_connection_has_room(c))
		return;
	va_start(args, format);
	vsnprintf(c->event_text, sizeof(c->event_text), format, args);
	va_end(args);
	event = haw_connection_event(c, HAW_EVENT_LOG);
	event->text = c->event_text;
	event->number = (uint64_t)level;
}

int haw_protocol_error(haw_error *err, const char *format, ...)
{
	char text[HAW_ERROR_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "%s", text);
}

int haw_connection_end_of_message(const haw_message *m, const char *name, haw_error *err)
{
	if (haw_message_complete(m))
		return 0;
	return haw_protocol_error(err, "the peer sent a malformed %s message", name);
}

/* RFC 4253 §11.1. */
static uint32_t reason_of(const haw_error *err)
{
	switch (err->code) {
	case HAW_EINTEGRITY:
		return HAW_DISCONNECT_MAC_ERROR;
	case HAW_ENEGOTIATION:
		return HAW_DISCONNECT_KEY_EXCHANGE_FAILED;
	case HAW_EHOSTKEY:
	case HAW_EHOSTUNKNOWN:
	case HAW_EHOSTCHANGED:
		return HAW_DISCONNECT_HOST_KEY_NOT_VERIFIABLE;
	case HAW_EPROTOCOL:
		return err->reason ? err->reason : HAW_DISCONNECT_PROTOCOL_ERROR;
	case HAW_EDISCONNECT:
	case HAW_ECLOSED:
	case HAW_ESYSTEM:
		return 0;
	default:
		return HAW_DISCONNECT_BY_APPLICATION;
	}
}

static void put_disconnect(struct haw_connection *c, uint32_t reason, const char *text)
{
	haw_message *m = haw_connection_begin(c, HAW_MSG_DISCONNECT);

	haw_put_u32(m, reason);
	haw_put_string(m, text, strlen(text));
	haw_put_string(m, "", 0);
	/* Nothing is left to be done about a failure here: the connection ends anyway. */
	if (haw_connection_send_now(c, NULL) < 0)
		c->disconnecting = false;
	else
		c->disconnecting = true;
}

void haw_connection_fail(struct haw_connection *c, uint32_t reason, const haw_error *err)
{
	if (c->closed)
		return;
	c->closed = true;
	c->error = *err;
	if (reason && c->version_received && !c->stream_ended)
		put_disconnect(c, reason, "closed because of an error"); /* details stay here */
}

static void fail_with(struct haw_connection *c, const haw_error *err)
{
	haw_connection_fail(c, reason_of(err), err);
}

void haw_connection_disconnect(struct haw_connection *c, uint32_t reason, const char *text)
{
	if (c->closed)
		return;
	put_disconnect(c, reason, text);
	c->closed = true;
	haw_error_set(&c->error, HAW_ECLOSED, HAW_FAULT_LOCAL, 0, "the connection was closed here");
}

void haw_connection_stream_ended(struct haw_connection *c, const haw_error *err)
{
	haw_error ended;

	c->stream_ended = true;
	if (c->closed)
		return;
	if (err)
		ended = *err;
	else if (!c->version_received)
		haw_error_set(&ended, HAW_ECLOSED, HAW_FAULT_PEER, 0,
			      "the peer closed the connection before it sent its version");
	else
		haw_error_set(&ended, HAW_ECLOSED, HAW_FAULT_PEER, 0,
			      c->login.authenticated ? "the peer closed the connection"
						     : "the peer closed the connection during the %s",
			      c->exchanges ? "authentication" : "key exchange");
	haw_connection_fail(c, 0, &ended);
}

bool haw_connection_is_closed(const struct haw_connection *c)
{
	return c->closed;
}

const haw_error *haw_connection_error(const struct haw_connection *c)
{
	return &c->error;
}

/* ---- Bytes in ---- */

void haw_connection_receive(struct haw_connection *c, uint8_t *data, size_t len)
{
	/* The same bytes told again, after an answer, are no sign of life. */
	if (len > c->data_len)
		c->last_received = c->now;
	c->data = data;
	c->data_len = len;
	c->feeding = c->version_received;
	if (c->feeding)
		c->packetizer->ops->feed(c->packetizer, data + c->data_used, len - c->data_used);
}

/* Steps that everything behind them depends on. */
static bool is_held_up(const struct haw_connection *c)
{
	return c->exchange.waiting_host_key || c->exchange.waiting_signature || c->login.waiting_answer;
}

static int dispatch_one(struct haw_connection *c, haw_error *err)
{
	struct haw_packet packet;
	int n;

	if (!c->version_received) {
		n = haw_version_receive(c, err);
		if (n < 0 || !c->version_received)
			return n;
		c->feeding = true;
		c->packetizer->ops->feed(c->packetizer, c->data + c->data_used, c->data_len - c->data_used);
		return 1;
	}
	if (!c->feeding)
		return 0;
	n = c->packetizer->ops->next(c->packetizer, &packet, err);
	if (n <= 0)
		return n;
	c->seq_in = packet.seq;
	n = haw_connection_dispatch(c, packet.payload, err);
	c->packet_seen = true;
	return n < 0 ? n : 1;
}

bool haw_connection_next_event(struct haw_connection *c, struct haw_event *event)
{
	haw_error err = {0};

	for (;;) {
		if (c->event_count > 0) {
			*event = c->events[c->event_head];
			c->event_head = (c->event_head + 1) % HAW_EVENTS_MAX;
			c->event_count--;
			return true;
		}
		if (c->closed) {
			if (c->closed_reported)
				return false;
			c->closed_reported = true;
			*event = (struct haw_event){.kind = HAW_EVENT_CLOSED, .text = c->error.message};
			return true;
		}
		if (is_held_up(c))
			return false;
		int n = dispatch_one(c, &err);

		if (n < 0)
			fail_with(c, &err);
		else if (n == 0)
			return false;
	}
}

bool haw_connection_holds(const struct haw_connection *c)
{
	return c->feeding && c->packetizer->ops->holds && c->packetizer->ops->holds(c->packetizer);
}

size_t haw_connection_released(struct haw_connection *c)
{
	size_t n = c->data_used;

	if (c->feeding)
		n += c->packetizer->ops->release(c->packetizer);
	/* Lines before the packets are used once. */
	c->data += n;
	c->data_len -= n;
	c->data_used = 0;
	return n;
}

/* ---- Bytes out ---- */

haw_message *haw_connection_begin(struct haw_connection *c, uint8_t number)
{
	haw_message_reset(&c->scratch);
	haw_put_byte(&c->scratch, number);
	return &c->scratch;
}

/* RFC 4253 §7.1: between our KEXINIT and our NEWKEYS only transport and key exchange messages. */
bool haw_connection_kex_blocks(const struct haw_connection *c)
{
	return c->exchange.sent_init && !c->exchange.sent_newkeys;
}

static int put(struct haw_connection *c, haw_span payload, haw_error *err)
{
	int result = c->packetizer->ops->put(c->packetizer, payload, err);

	/* Only a server gets this far with such a message. */
	if (result == 0 && payload.ptr[0] == HAW_MSG_USERAUTH_SUCCESS)
		result = haw_compression_after_login(c, err);
	return result;
}

int haw_connection_send_now(struct haw_connection *c, haw_error *err)
{
	if (!haw_message_ok(&c->scratch))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "a message does not fit in a packet, or memory ran out");
	return put(c, haw_message_all(&c->scratch), err);
}

int haw_connection_send(struct haw_connection *c, haw_error *err)
{
	haw_span payload = haw_message_all(&c->scratch);

	if (!haw_connection_kex_blocks(c))
		return haw_connection_send_now(c, err);
	haw_put_string(&c->held, payload.ptr, payload.len);
	if (!haw_message_ok(&c->scratch) || !haw_message_ok(&c->held))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "more than %d bytes of messages wait for the end of a key exchange",
				     HAW_HELD_MAX);
	return 0;
}

int haw_connection_flush_held(struct haw_connection *c, haw_error *err)
{
	haw_message m;
	int result = 0;

	haw_message_read(&m, haw_message_all(&c->held).ptr, haw_message_all(&c->held).len);
	while (result == 0 && haw_message_remainder(&m).len > 0)
		result = put(c, haw_get_string(&m), err);
	haw_message_reset(&c->held);
	return result;
}

/* What is due before bytes leave: a rekey, a login step, channel opens, windows and closes. */
static int advance(struct haw_connection *c, haw_error *err)
{
	if (!c->exchange.sent_init && c->exchanges > 0 && !(haw_compression_is_delayed(c) && c->login.sent) &&
	    (c->rekey_wanted || c->packetizer->ops->wants_rekey(c->packetizer))) {
		c->rekey_wanted = false;
		if (haw_exchange_start(c, err) < 0)
			return err->code;
	}
	if (haw_login_advance(c, err) < 0)
		return err->code;
	return haw_mux_advance(c, err);
}

size_t haw_connection_output(struct haw_connection *c, haw_span *spans, size_t max)
{
	haw_error err = {0};
	ptrdiff_t n;

	if (!c->closed && advance(c, &err) < 0)
		fail_with(c, &err);
	if (c->closed && (!c->disconnecting || c->stream_ended))
		return 0;
	n = c->packetizer->ops->output(c->packetizer, spans, max, &err);
	if (n >= 0)
		return (size_t)n;
	c->disconnecting = false;
	fail_with(c, &err);
	return 0;
}

void haw_connection_sent(struct haw_connection *c, size_t n)
{
	c->packetizer->ops->sent(c->packetizer, n);
}

void haw_connection_crypto_poll(struct haw_connection *c)
{
	haw_error err = {0};

	if (!c->closed && c->packetizer->ops->poll(c->packetizer, &err) < 0)
		fail_with(c, &err);
}

void haw_connection_abandon(struct haw_connection *c)
{
	c->disconnecting = false;
	c->feeding = false;
	c->packetizer->ops->abandon(c->packetizer);
}

/* ---- State ---- */

haw_span haw_connection_session_id(const struct haw_connection *c)
{
	return haw_message_all(&c->session_id);
}

const char *haw_connection_peer_version(const struct haw_connection *c)
{
	return c->version_received ? c->peer_version_text : NULL;
}

bool haw_connection_peer_pipelines(const struct haw_connection *c)
{
	return c->pipelines && !c->options.no_early_channels;
}

bool haw_connection_is_authenticated(const struct haw_connection *c)
{
	return c->login.authenticated;
}

struct haw_packetizer *haw_connection_packetizer(struct haw_connection *c)
{
	return c->packetizer;
}

/* ChaCha20-Poly1305 knows a packet by its sequence number alone, which inserted packets can set right again;
 * CBC with a MAC over the ciphertext takes whatever block came before for its IV. GCM counts packets under
 * its keys, CTR blocks, and with a MAC over the plaintext CBC's first block would have to come out right. */
static bool is_truncatable(const haw_suite *suite)
{
	return suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305 ||
	       ((suite->cipher_kind == HAW_CIPHER_AES_CBC || suite->cipher_kind == HAW_CIPHER_3DES_CBC) &&
		suite->length_mode == HAW_LENGTH_CLEAR);
}

void haw_connection_get_names(const struct haw_connection *c, struct haw_connection_names *names)
{
	bool known = c->exchanges > 0;
	enum haw_list out = c->options.server ? HAW_LIST_COMPRESSION_S2C : HAW_LIST_COMPRESSION_C2S;
	enum haw_list in = c->options.server ? HAW_LIST_COMPRESSION_C2S : HAW_LIST_COMPRESSION_S2C;

	*names = (struct haw_connection_names){
		.kex = known ? c->chosen.names[HAW_LIST_KEX] : NULL,
		.host_key = known ? c->chosen.names[HAW_LIST_HOST_KEY] : NULL,
		.compression_out = known ? c->chosen.names[out] : NULL,
		.compression_in = known ? c->chosen.names[in] : NULL,
		.strict = c->strict,
		.truncatable = known && !c->strict &&
			       (is_truncatable(c->chosen.suites[0]) || is_truncatable(c->chosen.suites[1])),
		.exchanges = c->exchanges,
	};
}

void haw_connection_rekey(struct haw_connection *c)
{
	c->rekey_wanted = true;
}
