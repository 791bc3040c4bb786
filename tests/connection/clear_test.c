/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes before keys, from peers that break the rules: version lines, KEXINIT, first messages,
 * guesses; then streams that were altered at random, always the same ones.
 */
#include "pair.h"

#include "transport/connection/internal.h"
#include "transport/wire/load.h"

enum { STREAM_MAX = 128 * 1024, ROUNDS = 20000 };

/* A core without a peer. */
struct lone {
	struct haw_connection *c;
	struct haw_wire_pool *pool;
	struct haw_host_identity identity;
	uint8_t *bytes;
	size_t start, end;
	unsigned signatures;
	uint32_t reason; /* of the DISCONNECT that it sent */
	bool closed;
};

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static bool lone_start(struct lone *l, bool server, struct haw_wire_pool *pool, uint8_t *bytes)
{
	struct haw_connection_options options = {
		.server = server,
		.kex = "curve25519-sha256,mlkem768x25519-sha256,sntrup761x25519-sha512,ecdh-sha2-nistp256,"
		       "diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha256",
		.pool = pool,
	};
	haw_error err;

	memset(l, 0, sizeof(*l));
	l->identity = (struct haw_host_identity){"ssh-ed25519", {(const uint8_t *)"blob", 4}};
	options.identities = &l->identity;
	options.identity_count = server ? 1 : 0;
	l->bytes = bytes;
	l->c = haw_connection_new(&options, &err);
	return l->c != NULL;
}

static void lone_feed(struct lone *l, const void *bytes, size_t n)
{
	struct haw_event event;
	haw_span spans[8];

	memcpy(l->bytes + l->end, bytes, n);
	l->end += n;
	haw_connection_receive(l->c, l->bytes + l->start, l->end - l->start);
	while (haw_connection_next_event(l->c, &event)) {
		l->signatures += event.kind == HAW_EVENT_HOST_SIGN;
		l->closed |= event.kind == HAW_EVENT_CLOSED;
	}
	l->start += haw_connection_released(l->c);
	for (size_t count; (count = haw_connection_output(l->c, spans, 8)) > 0;)
		for (size_t i = 0; i < count; i++) {
			/* In the clear: length, padding length, number, reason. */
			if (spans[i].len > 10 && spans[i].ptr[5] == HAW_MSG_DISCONNECT)
				l->reason = haw_load_be32(spans[i].ptr + 6);
			haw_connection_sent(l->c, spans[i].len);
		}
	while (haw_connection_next_event(l->c, &event))
		l->closed |= event.kind == HAW_EVENT_CLOSED;
}

static void text(struct lone *l, const char *line)
{
	lone_feed(l, line, strlen(line));
}

/* RFC 4253 §6, without keys. */
static size_t frame(uint8_t *out, haw_span payload)
{
	size_t padding = 8 - (5 + payload.len) % 8, length;

	if (padding < 4)
		padding += 8;
	length = 1 + payload.len + padding;
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(length >> (24 - 8 * i));
	out[4] = (uint8_t)padding;
	memcpy(out + 5, payload.ptr, payload.len);
	memset(out + 5 + payload.len, 0, padding);
	return 4 + length;
}

static void packet(struct lone *l, const void *payload, size_t len)
{
	uint8_t out[4096];

	lone_feed(l, out, frame(out, (haw_span){payload, len}));
}

static void write_init(haw_message *m, const char *kex, bool follows)
{
	static const char *const lists[] = {"ssh-ed25519", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com",
					    "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""};

	haw_message_write(m, 0);
	haw_put_byte(m, HAW_MSG_KEXINIT);
	for (int i = 0; i < 16; i++)
		haw_put_byte(m, 0);
	haw_put_name_list(m, kex);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		haw_put_name_list(m, lists[i]);
	haw_put_bool(m, follows);
	haw_put_u32(m, 0);
}

static void init(struct lone *l, const char *kex, bool follows)
{
	haw_message m;

	write_init(&m, kex, follows);
	packet(l, haw_message_all(&m).ptr, haw_message_all(&m).len);
	haw_message_free(&m);
}

/* ---- Version lines ---- */

static uint8_t memory[STREAM_MAX * 2];

static int version_code(bool server, const char *bytes, size_t len, size_t times)
{
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	struct lone l;
	int code;

	CHECK_OR(lone_start(&l, server, pool, memory), -1);
	for (size_t i = 0; i < times && !l.closed; i++)
		lone_feed(&l, bytes, len);
	code = l.closed ? haw_connection_error(l.c)->code : 0;
	haw_connection_free(l.c);
	haw_wire_pool_free(pool);
	return code;
}

static void test_versions(void)
{
	CHECK(version_code(false, "SSH-2.0-x\r\n", 11, 1) == 0);
	CHECK(version_code(false, "hello\r\nSSH-2.0-x\r\n", 18, 1) == 0);
	CHECK(version_code(true, "hello\r\nSSH-2.0-x\r\n", 18, 1) == HAW_EPROTOCOL);
	CHECK(version_code(false, "SSH-2.0-a\0b\r\n", 13, 1) == HAW_EPROTOCOL);
	CHECK(version_code(false, "SSH-1.5-x\r\n", 11, 1) == HAW_EPROTOCOL);
	CHECK(version_code(false, "SSH-", 4, 1000) == HAW_EPROTOCOL);	/* a line that never ends */
	CHECK(version_code(true, "SSH-", 4, 1000) == HAW_EPROTOCOL);
	CHECK(version_code(false, "x", 1, 50000) == HAW_EPROTOCOL);
	CHECK(version_code(true, "x", 1, 1000) == HAW_EPROTOCOL);
	CHECK(version_code(false, "hello\n", 6, 10000) == HAW_EPROTOCOL); /* lines without end */
}

/* ---- The first key exchange ---- */

enum opening { NOTHING, PLAIN, STRICT, OPENINGS };

/* What a message that is nothing but its number does in front of, or behind, the peer's KEXINIT. */
static int expected(unsigned number, enum opening opening)
{
	bool known = (number >= 1 && number <= 7) || number == 20 || number == 21 ||
		     (number >= 30 && number <= 53) || (number >= 60 && number <= 82) ||
		     (number >= 90 && number <= 100);

	if (number == HAW_MSG_DISCONNECT)
		return HAW_EDISCONNECT;
	if (opening != STRICT && (number == HAW_MSG_IGNORE || !known))
		return 0;
	return HAW_EPROTOCOL;
}

static void each_number(bool server, enum opening opening)
{
	const char *strict = server ? "curve25519-sha256,kex-strict-c-v00@openssh.com"
				    : "curve25519-sha256,kex-strict-s-v00@openssh.com";

	for (unsigned number = 0; number < 256; number++) {
		struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
		uint8_t payload = (uint8_t)number;
		struct lone l;
		int code;

		CHECK(lone_start(&l, server, pool, memory));
		text(&l, "SSH-2.0-x\r\n");
		if (opening != NOTHING)
			init(&l, opening == STRICT ? strict : "curve25519-sha256", false);
		CHECK(!l.closed);
		packet(&l, &payload, 1);
		code = l.closed ? haw_connection_error(l.c)->code : 0;
		CHECK_MSG(code == expected(number, opening), "message %u to the %s, opening %d: %d", number,
			  server ? "server" : "client", opening, code);
		/* Strict: nothing may have come before KEXINIT. */
		if (opening == NOTHING && code == 0) {
			init(&l, strict, false);
			CHECK_MSG(l.closed, "message %u in front of a strict KEXINIT", number);
		}
		haw_connection_free(l.c);
		haw_wire_pool_free(pool);
	}
}

static void test_each_number(void)
{
	for (int server = 0; server < 2; server++)
		for (enum opening opening = NOTHING; opening < OPENINGS; opening++)
			each_number(server, opening);
}

static void test_second_init(void)
{
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	struct lone l;

	CHECK(lone_start(&l, true, pool, memory));
	text(&l, "SSH-2.0-x\r\n");
	init(&l, "curve25519-sha256", false);
	CHECK(!l.closed);
	init(&l, "curve25519-sha256", false);
	CHECK(l.closed && haw_connection_error(l.c)->code == HAW_EPROTOCOL);
	haw_connection_free(l.c);
	haw_wire_pool_free(pool);
}

/* RFC 4253 §7.1: a wrong guess is passed over, once; a right one counts. */
static void guess(const char *kex, unsigned at_once)
{
	static const uint8_t first[37] = {HAW_MSG_KEX_ECDH_INIT, 0, 0, 0, 32, 9};
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	struct lone l;

	CHECK(lone_start(&l, true, pool, memory));
	text(&l, "SSH-2.0-x\r\n");
	init(&l, kex, true);
	packet(&l, first, sizeof(first));
	CHECK_MSG(!l.closed && l.signatures == at_once, "guess %s: %u asked to sign", kex, l.signatures);
	if (!at_once)
		packet(&l, first, sizeof(first));
	CHECK(!l.closed && l.signatures == 1);
	haw_connection_free(l.c);
	haw_wire_pool_free(pool);
}

static void test_guesses(void)
{
	guess("curve25519-sha256", 1);
	guess("unknown@example.com,curve25519-sha256", 0);
}

/* ---- Values that are none ---- */

/* Public values of zeroes, of each method's length: no point, no number, no ciphertext that fits. */
static const struct {
	const char *kex;
	size_t to_server, to_client; /* bytes of a string; 0: numbers */
} methods[] = {
	{"curve25519-sha256", 32, 32},
	{"mlkem768x25519-sha256", 1184 + 32, 1088 + 32},
	{"sntrup761x25519-sha512", 1158 + 32, 1039 + 32},
	{"ecdh-sha2-nistp256", 65, 65},
	{"diffie-hellman-group14-sha256", 0, 0},
};

static void zero_value(bool server, size_t method, size_t cut)
{
	size_t len = server ? methods[method].to_server : methods[method].to_client;
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	static const uint8_t zeroes[2048];
	haw_message m;
	struct lone l;

	CHECK(lone_start(&l, server, pool, memory));
	text(&l, "SSH-2.0-x\r\n");
	init(&l, methods[method].kex, false);
	CHECK(!l.closed);
	haw_message_write(&m, 0);
	haw_put_byte(&m, server ? HAW_MSG_KEXDH_INIT : HAW_MSG_KEXDH_REPLY);
	if (!server)
		haw_put_string(&m, "key", 3);
	haw_put_string(&m, zeroes, len - (cut < len ? cut : len));
	if (!server)
		haw_put_string(&m, "signature", 9);
	packet(&l, haw_message_all(&m).ptr, haw_message_all(&m).len);
	CHECK_MSG(l.closed && haw_connection_error(l.c)->code == HAW_EPROTOCOL && l.signatures == 0,
		  "%s to the %s: %s", methods[method].kex, server ? "server" : "client",
		  haw_connection_error(l.c)->message);
	CHECK(strstr(haw_connection_error(l.c)->message, "key exchange failed"));
	CHECK_MSG(l.reason == HAW_DISCONNECT_PROTOCOL_ERROR, "reason %u", l.reason);
	haw_message_free(&m);
	haw_connection_free(l.c);
	haw_wire_pool_free(pool);
}

static void test_values_that_are_none(void)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		for (int server = 0; server < 2; server++)
			for (size_t cut = 0; cut < 3; cut++)
				zero_value(server, i, cut);
}

/* ---- Altered streams ---- */

static size_t base_stream(uint8_t *out, bool server)
{
	static const uint8_t others[][40] = {{HAW_MSG_IGNORE, 0, 0, 0, 1, 'x'},
					     {HAW_MSG_DEBUG, 1, 0, 0, 0, 2, 'h', 'i'},
					     {HAW_MSG_KEX_ECDH_INIT, 0, 0, 0, 32, 9},
					     {HAW_MSG_NEWKEYS}};
	static const size_t sizes[] = {6, 12, 37, 1};
	size_t n = 11;
	haw_message m;

	memcpy(out, "SSH-2.0-x\r\n", n);
	write_init(&m, "curve25519-sha256,ext-info-c,ext-info-s", false);
	n += frame(out + n, haw_message_all(&m));
	haw_message_free(&m);
	for (size_t i = 0; i < 4; i++) {
		uint8_t payload[40];

		memcpy(payload, others[i], sizeof(payload));
		if (i == 2 && !server)
			payload[0] = HAW_MSG_KEX_ECDH_REPLY;
		n += frame(out + n, (haw_span){payload, sizes[i]});
	}
	return n;
}

static size_t alter(uint8_t *bytes, size_t n)
{
	for (uint32_t times = 1 + next_random(4); times > 0; times--) {
		size_t at = next_random((uint32_t)n), len = next_random(64);

		if (len > n - at)
			len = n - at;
		switch (next_random(5)) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << next_random(8));
			break;
		case 1:
			bytes[at] = (uint8_t)next_random(256);
			break;
		case 2: /* a length, of all things */
			memset(bytes + at, next_random(2) ? 0xff : 0, len < 4 ? len : 4);
			break;
		case 3: /* out */
			memmove(bytes + at, bytes + at + len, n - at - len);
			n -= len == n ? 0 : len;
			break;
		default: /* twice */
			memmove(bytes + at + len, bytes + at, n - at);
			n += len;
			break;
		}
	}
	return n;
}

static void test_altered_streams(void)
{
	static uint8_t bytes[STREAM_MAX];
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	unsigned ended = 0;

	for (int round = 0; round < ROUNDS; round++) {
		bool server = round & 1;
		size_t n = alter(bytes, base_stream(bytes, server));
		struct lone l;

		CHECK(lone_start(&l, server, pool, memory));
		for (size_t at = 0; at < n && !l.closed;) {
			size_t piece = 1 + next_random(700);

			if (piece > n - at)
				piece = n - at;
			lone_feed(&l, bytes + at, piece);
			at += piece;
		}
		ended += l.closed;
		/* Nobody gets in by accident. */
		CHECK(l.c->exchanges == 0 && !haw_connection_is_authenticated(l.c));
		CHECK(!l.closed || haw_connection_error(l.c)->message[0]);
		haw_connection_free(l.c);
	}
	CHECK_MSG(ended > ROUNDS / 2, "only %u of %d ended", ended, ROUNDS);
	haw_wire_pool_free(pool);
}

static const uint8_t bases[][32] = {
	{HAW_MSG_CHANNEL_OPEN,
	 0,
	 0,
	 0,
	 7,
	 's',
	 'e',
	 's',
	 's',
	 'i',
	 'o',
	 'n',
	 0,
	 0,
	 0,
	 5,
	 0,
	 1,
	 0,
	 0,
	 0,
	 0,
	 16,
	 0},
	{HAW_MSG_CHANNEL_DATA, 0, 0, 0, 0, 0, 0, 0, 23},
	{HAW_MSG_CHANNEL_EXTENDED_DATA, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 19},
	{HAW_MSG_CHANNEL_WINDOW_ADJUST, 0, 0, 0, 0, 0, 0, 0, 1},
	{HAW_MSG_CHANNEL_REQUEST, 0, 0, 0, 0, 0, 0, 0, 4, 'e', 'x', 'e', 'c', 1},
	{HAW_MSG_GLOBAL_REQUEST, 0, 0, 0, 1, 'x', 1},
	{HAW_MSG_EXT_INFO, 0, 0, 0, 1, 0, 0, 0, 1, 'x', 0, 0, 0, 18},
	{HAW_MSG_KEXINIT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'a', ','},
	{HAW_MSG_USERAUTH_REQUEST, 0, 0, 0, 1, 'u'},
};

/* The same behind keys: messages that are sealed properly and altered inside. */
static void test_altered_messages(void)
{
	struct pair_options options;
	struct pair pair;
	bool up = false;

	pair_options_init(&options);
	for (int round = 0; round < 2000; round++) {
		struct end *from = round & 1 ? &pair.server : &pair.client,
			   *to = round & 1 ? &pair.client : &pair.server;
		uint8_t payload[512];
		size_t n;

		if (!up) {
			memset(&pair, 0, sizeof(pair));
			CHECK(pair_start(&pair, &options) && pair_login(&pair) && pair_open_channel(&pair));
		}
		memcpy(payload, bases[next_random(sizeof(bases) / sizeof(bases[0]))], 32);
		n = alter(payload, 32);
		CHECK(n > 0);
		haw_connection_packetizer(from->c)->ops->put(haw_connection_packetizer(from->c),
							     (haw_span){payload, n}, NULL);
		for (int i = 0; i < 4; i++)
			pair_transfer(from, to);
		CHECK(!to->closed || to->error.code < 0);
		pair_run(&pair);
		up = !pair.client.closed && !pair.server.closed;
		if (!up)
			pair_end(&pair);
	}
	if (up)
		pair_end(&pair);
}

int main(void)
{
	RUN(test_versions);
	RUN(test_each_number);
	RUN(test_second_init);
	RUN(test_guesses);
	RUN(test_values_that_are_none);
	RUN(test_altered_streams);
	RUN(test_altered_messages);
	return harness_end();
}
