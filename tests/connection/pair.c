/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <openssl/rsa.h>

#include "transport/hostkey/hostkey.h"

static EVP_PKEY *make_key(const char *type)
{
	if (strncmp(type, "EC:", 3) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type + 3);
	if (strncmp(type, "RSA:", 4) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(type + 4));
	return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

void pair_options_init(struct pair_options *options)
{
	memset(options, 0, sizeof(*options));
	options->server.server = true;
	/* The fastest, for thousands of connections; each_algorithm in connection_test.c takes every one. */
	options->client.kex = options->server.kex = "curve25519-sha256";
	options->host_key_type = "ED25519";
}

static uint8_t *make_pattern(void)
{
	static uint8_t pattern[PATTERN * 2];

	if (!pattern[2])
		for (size_t i = 0; i < PATTERN * 2; i++)
			pattern[i] = (uint8_t)(i % PATTERN * 2654435761u >> 13);
	return pattern;
}

bool pair_start(struct pair *pair, const struct pair_options *given)
{
	struct pair_options options = *given;
	haw_error err;

	pair->pool = haw_wire_pool_new(0, 4);
	pair->host_key = make_key(options.host_key_type);
	pair->user_key = make_key("ED25519");
	haw_message_write(&pair->host_blob, 0);
	haw_message_write(&pair->user_blob, 0);
	CHECK_OR(pair->host_key && haw_hostkey_encode(pair->host_key, &pair->host_blob, &err) == 0, false);
	CHECK_OR(pair->user_key && haw_hostkey_encode(pair->user_key, &pair->user_blob, &err) == 0, false);
	pair->identity.key_type = haw_hostkey_type_of(pair->host_key);
	pair->identity.blob = haw_message_all(&pair->host_blob);
	options.server.identities = &pair->identity;
	options.server.identity_count = 1;
	options.client.pool = options.server.pool = pair->pool;
	if (!pair->server_methods)
		pair->server_methods = "publickey,password";
	pair->now = 1000000000;
	pair->pattern = make_pattern();
	pair->client.pair = pair->server.pair = pair;
	pair->server.server = true;
	for (int i = 0; i < 2; i++) {
		struct end *end = i ? &pair->server : &pair->client;

		end->c = haw_connection_new(i ? &options.server : &options.client, &err);
		end->ring = haw_ring_new(HAW_RING_SIZE, &err);
		if (!end->c || !end->ring)
			printf("  %s\n", err.message);
		CHECK_OR(end->c && end->ring, false);
	}
	return true;
}

void pair_end(struct pair *pair)
{
	haw_connection_free(pair->client.c);
	haw_connection_free(pair->server.c);
	haw_ring_free(pair->client.ring);
	haw_ring_free(pair->server.ring);
	haw_wire_pool_free(pair->pool);
	haw_message_free(&pair->host_blob);
	haw_message_free(&pair->user_blob);
	EVP_PKEY_free(pair->host_key);
	EVP_PKEY_free(pair->user_key);
}

/* ---- What the ends do ---- */

static void sign(EVP_PKEY *key, struct end *end, const struct haw_event *event, bool host)
{
	haw_message signature;
	haw_error err;

	haw_message_write(&signature, 0);
	if (haw_hostkey_sign(key, event->text, event->data, &signature, &err) < 0)
		printf("  sign: %s\n", err.message);
	if (host)
		haw_connection_host_signature(end->c, haw_message_all(&signature));
	else
		haw_connection_auth_signature(end->c, haw_message_all(&signature));
	haw_message_free(&signature);
}

static const haw_span nothing = {NULL, 0};

static void ask_prompts(struct end *end)
{
	haw_message m;

	haw_message_write(&m, 0);
	haw_put_text(&m, "name");
	haw_put_text(&m, "instruction");
	haw_put_text(&m, "");
	haw_put_u32(&m, 1);
	haw_put_text(&m, "Code: ");
	haw_put_bool(&m, false);
	haw_connection_auth_answer(end->c, HAW_AUTH_ASK, NULL, haw_message_all(&m));
	haw_message_free(&m);
}

static void judge_login(struct pair *pair)
{
	const struct haw_auth_request *r = haw_connection_auth_request(pair->server.c);
	struct end *end = &pair->server;

	if (pair->defer_auth)
		return;
	if (haw_span_is(r->method, "keyboard-interactive") && pair->interactive) {
		ask_prompts(end);
		return;
	}
	if (haw_span_is(r->method, "publickey") &&
	    haw_span_equal(r->key_blob, haw_message_all(&pair->user_blob))) {
		if (!r->has_signature)
			haw_connection_auth_answer(end->c, HAW_AUTH_KEY_OK, NULL, nothing);
		else if (pair->need_both)
			haw_connection_auth_answer(end->c, HAW_AUTH_PARTIAL, "password", nothing);
		else
			haw_connection_auth_answer(end->c, HAW_AUTH_ACCEPT, NULL, nothing);
		return;
	}
	if (pair->password && haw_span_is(r->method, "password") && haw_span_is(r->password, pair->password))
		haw_connection_auth_answer(end->c, HAW_AUTH_ACCEPT, NULL, nothing);
	else
		haw_connection_auth_answer(end->c, HAW_AUTH_REJECT, pair->server_methods, nothing);
}

static void take_data(struct end *end, const struct haw_event *event)
{
	haw_span data = event->data;
	haw_error err;

	for (size_t done = 0; done < data.len;) {
		size_t at = (end->data_bytes + done) % PATTERN, n = data.len - done;

		if (n > PATTERN)
			n = PATTERN;
		if (memcmp(data.ptr + done, end->pair->pattern + at, n) != 0)
			end->data_wrong = true;
		done += n;
	}
	end->data_bytes += data.len;
	haw_chan_consumed(event->chan, data.len);
	if (end->server && end->pair->echo)
		CHECK(haw_chan_send(event->chan, data, 0, &err) == 0);
}

/* What belongs to key exchange and login; false if EVENT does not. */
static bool handle_login(struct end *end, const struct haw_event *event)
{
	struct pair *pair = end->pair;

	switch (event->kind) {
	case HAW_EVENT_HOST_KEY:
		end->host_key_questions++;
		if (!pair->defer_host_key)
			haw_connection_accept_host_key(end->c, !pair->refuse_host_key, NULL);
		break;
	case HAW_EVENT_HOST_SIGN:
		sign(pair->host_key, end, event, true);
		break;
	case HAW_EVENT_AUTH_SIGN:
		sign(pair->user_key, end, event, false);
		break;
	case HAW_EVENT_AUTH_REQUEST:
		judge_login(pair);
		break;
	case HAW_EVENT_AUTH_PROMPTS: {
		const haw_span answer = {(const uint8_t *)"1234", 4};

		end->prompts++;
		haw_connection_auth_responses(end->c, &answer, 1);
		break;
	}
	case HAW_EVENT_AUTH_RESPONSES: {
		haw_message m;

		haw_message_read(&m, event->data.ptr, event->data.len);
		bool right = haw_get_u32(&m) == 1 && haw_span_is(haw_get_string(&m), "1234");

		haw_connection_auth_answer(end->c, right ? HAW_AUTH_ACCEPT : HAW_AUTH_REJECT,
					   pair->server_methods, nothing);
		break;
	}
	case HAW_EVENT_AUTH_DONE:
		if (event->number)
			end->auth_successes++;
		else
			end->auth_failures++;
		end->partial = event->flag;
		snprintf(end->methods, sizeof(end->methods), "%s", event->text);
		break;
	default:
		return false;
	}
	return true;
}

/* What belongs to channels; false if EVENT does not. */
static bool handle_channel(struct end *end, const struct haw_event *event)
{
	switch (event->kind) {
	case HAW_EVENT_CHANNEL_OPEN:
		if (haw_span_is(event->name, "session")) {
			end->chan = event->chan;
			haw_connection_channel_accept(end->c, event->chan, 0, 0, end);
		} else {
			haw_connection_channel_refuse(end->c, event->chan, 3, "no such type");
		}
		break;
	case HAW_EVENT_CHANNEL_READY:
		end->ready++;
		break;
	case HAW_EVENT_CHANNEL_REFUSED:
		end->refused++;
		break;
	case HAW_EVENT_CHANNEL_DATA:
		take_data(end, event);
		break;
	case HAW_EVENT_CHANNEL_EOF:
		end->eofs++;
		break;
	case HAW_EVENT_CHANNEL_CLOSED:
		end->closes++;
		haw_chan_free(event->chan);
		end->chan = NULL;
		break;
	case HAW_EVENT_CHANNEL_REQUEST:
		snprintf(end->last_request, sizeof(end->last_request), "%.*s", (int)event->name.len,
			 (const char *)event->name.ptr);
		if (event->flag)
			haw_connection_channel_reply(end->c, event->chan,
						     !haw_span_is(event->name, "nonsense"));
		break;
	case HAW_EVENT_CHANNEL_REPLY:
		event->number ? end->replies++ : end->failures++;
		break;
	default:
		return false;
	}
	return true;
}

static void handle(struct end *end, const struct haw_event *event)
{
	if (handle_login(end, event) || handle_channel(end, event))
		return;
	switch (event->kind) {
	case HAW_EVENT_KEYS:
		end->keys++;
		break;
	case HAW_EVENT_GLOBAL_REQUEST:
		if (event->flag)
			haw_connection_global_reply(end->c, haw_span_is(event->name, "good@example.com"),
						    nothing);
		break;
	case HAW_EVENT_GLOBAL_REPLY:
		end->global_replies += event->number ? 1 : 100;
		break;
	case HAW_EVENT_LOG:
		end->log_lines++;
		break;
	case HAW_EVENT_CLOSED:
		end->closed = true;
		end->error = *haw_connection_error(end->c);
		break;
	default:
		break;
	}
}

static bool drain(struct end *end)
{
	struct haw_event event;
	bool any = false;

	while (haw_connection_next_event(end->c, &event)) {
		handle(end, &event);
		any = true;
	}
	return any;
}

/* ---- The wire ---- */

static void interfere(struct end *from, uint8_t *bytes, size_t *n)
{
	struct pair *pair = from->pair;

	if (from->server != pair->of_server)
		return;
	if (pair->flip_at > from->out_bytes && pair->flip_at <= from->out_bytes + *n)
		bytes[pair->flip_at - from->out_bytes - 1] ^= 0x10;
	if (pair->cut_at && pair->cut_at <= from->out_bytes + *n)
		*n = pair->cut_at > from->out_bytes ? (size_t)(pair->cut_at - from->out_bytes - 1) : 0;
}

static bool is_cut(const struct end *from)
{
	return from->server == from->pair->of_server && from->pair->cut_at &&
	       from->out_bytes + 1 >= from->pair->cut_at;
}

static void feed(struct end *to)
{
	bool more;

	do {
		haw_mut_span data = haw_ring_data(to->ring);

		haw_connection_receive(to->c, data.ptr, data.len);
		drain(to);
		more = haw_connection_holds(to->c);
		to->holds += more;
		haw_ring_release(to->ring, haw_connection_released(to->c));
	} while (more);
}

bool pair_transfer(struct end *from, struct end *to)
{
	haw_mut_span space = haw_ring_space(to->ring);
	size_t n = 0, count, offered = 0;
	haw_span spans[8];

	haw_connection_tick(from->c, from->pair->now);
	count = haw_connection_output(from->c, spans, 8);
	if (from->pair->piece && space.len > from->pair->piece)
		space.len = from->pair->piece;
	for (size_t i = 0; i < count && n < space.len; i++) {
		size_t take = spans[i].len < space.len - n ? spans[i].len : space.len - n;

		memcpy(space.ptr + n, spans[i].ptr, take);
		n += take;
	}
	offered = n;
	interfere(from, space.ptr, &n);
	haw_connection_sent(from->c, offered);
	from->out_bytes += n;
	if (n > 0) {
		haw_ring_fill(to->ring, n);
		feed(to);
	} else if (!haw_ring_empty(to->ring)) {
		feed(to); /* what an answer has resumed */
	}
	if (is_cut(from) && !to->closed) {
		haw_connection_stream_ended(to->c, NULL);
		haw_connection_stream_ended(from->c, NULL);
		drain(from);
	}
	haw_connection_crypto_poll(from->c);
	return drain(to) || n > 0;
}

bool pair_step(struct pair *pair)
{
	bool a = pair_transfer(&pair->client, &pair->server);
	/* A path with delay: the server's bytes travel only every so many steps. */
	bool due = pair->delay == 0 || ++pair->steps % pair->delay == 0;
	bool b = due && pair_transfer(&pair->server, &pair->client);

	return a || b;
}

void pair_run(struct pair *pair)
{
	/* Asynchronous engines may need a few empty rounds; a step that moves nothing twice is the end. */
	for (int still = 0; still < 20;)
		still = pair_step(pair) ? 0 : still + 1;
}

bool pair_login(struct pair *pair)
{
	haw_error err;

	CHECK_OR(haw_connection_auth(pair->client.c, HAW_AUTH_PUBLICKEY, "user",
				     haw_message_all(&pair->user_blob), false, &err) == 0,
		 false);
	pair_run(pair);
	return pair->client.auth_successes == 1;
}

bool pair_open_channel(struct pair *pair)
{
	haw_error err;

	pair->client.chan =
		haw_connection_channel_open(pair->client.c, "session", nothing, 0, 0, &pair->client, &err);
	CHECK_OR(pair->client.chan, false);
	pair_run(pair);
	return pair->client.ready == 1 && pair->server.chan;
}

bool pair_send_pattern(struct end *end, uint64_t at, size_t len)
{
	haw_error err;

	while (len > 0) {
		size_t n = len < PATTERN ? len : PATTERN;

		if (haw_chan_send(end->chan, (haw_span){end->pair->pattern + at % PATTERN, n}, 0, &err) < 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}
