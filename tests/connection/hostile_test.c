/* SPDX-License-Identifier: Apache-2.0
 *
 * Peers that break the rules with packets that are sealed properly: every message in every phase,
 * cut at every byte, unasked, twice, too large, too many. Single cores fed in the clear cover what
 * comes before keys.
 */
#include "pair.h"

#include "transport/connection/internal.h"

static const haw_span nothing = {NULL, 0};

/* ---- One end injects, the other is the victim ---- */

enum stage { AT_AUTH, AT_ATTEMPT, AT_OPEN, AT_REKEY, STAGES };

static bool reach(struct pair *pair, enum stage stage, bool of_server)
{
	struct pair_options options;
	struct end *from = of_server ? &pair->server : &pair->client;
	haw_span spans[8];
	haw_error err;

	memset(pair, 0, sizeof(*pair));
	pair_options_init(&options);
	pair->defer_auth = stage == AT_ATTEMPT;
	CHECK_OR(pair_start(pair, &options), false);
	if (stage == AT_ATTEMPT)
		CHECK_OR(haw_connection_auth(pair->client.c, HAW_AUTH_PASSWORD, "user", nothing, false,
					     &err) == 0,
			 false);
	pair_run(pair);
	if (stage >= AT_OPEN)
		CHECK_OR(pair_login(pair) && pair_open_channel(pair), false);
	if (stage == AT_REKEY) {
		/* KEXINIT is sealed, and stands in front of what is injected. */
		haw_connection_rekey(from->c);
		CHECK_OR(haw_connection_output(from->c, spans, 8) > 0, false);
	}
	return true;
}

static void inject(struct end *from, haw_span payload)
{
	struct haw_packetizer *p = haw_connection_packetizer(from->c);
	haw_error err;

	if (p->ops->put(p, payload, &err) < 0)
		printf("  %s\n", err.message);
}

/* Let what was injected arrive, and nothing come back: the injecting end would judge the answers. */
static void deliver(struct end *from, struct end *to)
{
	for (int i = 0; i < 20; i++)
		pair_transfer(from, to);
}

static bool is_known(unsigned number)
{
	return (number >= 1 && number <= 7) || number == 20 || number == 21 ||
	       (number >= 30 && number <= 53) || (number >= 60 && number <= 82) ||
	       (number >= 90 && number <= 100);
}

/* What a message that is nothing but its number does: 0 (the connection lives), or its end's code. */
static int expected(unsigned number, enum stage stage, bool to_server)
{
	if (number == HAW_MSG_DISCONNECT)
		return HAW_EDISCONNECT;
	if (number == HAW_MSG_IGNORE || !is_known(number))
		return 0;
	if (number == HAW_MSG_USERAUTH_REQUEST && stage == AT_OPEN && to_server)
		return 0;
	if (number == HAW_MSG_USERAUTH_SUCCESS && stage == AT_ATTEMPT)
		return 0;
	if (stage == AT_AUTH && to_server &&
	    (number == HAW_MSG_GLOBAL_REQUEST || number == HAW_MSG_CHANNEL_OPEN))
		return 0; /* answered UNIMPLEMENTED, as by OpenSSH */
	return HAW_EPROTOCOL;
}

static void each_number(enum stage stage, bool of_server)
{
	struct pair pair;
	bool up = false;

	for (unsigned number = 0; number < 256; number++) {
		struct end *from, *to;
		uint8_t payload = (uint8_t)number;
		unsigned lines;
		int code;

		if (!up)
			CHECK(reach(&pair, stage, of_server));
		from = of_server ? &pair.server : &pair.client;
		to = of_server ? &pair.client : &pair.server;
		lines = from->log_lines;
		inject(from, (haw_span){&payload, 1});
		pair_run(&pair);
		code = expected(number, stage, !of_server);
		CHECK_MSG(to->closed ? to->error.code == code : code == 0,
			  "message %u at stage %d to the %s: %d, not %d: %s", number, stage,
			  of_server ? "client" : "server", to->closed ? to->error.code : 0, code,
			  to->closed ? to->error.message : "");
		/* A server that is about to answer an attempt hears nothing meanwhile. */
		CHECK_MSG(code || stage == AT_ATTEMPT || is_known(number) || from->log_lines == lines + 1,
			  "message %u at stage %d was not answered UNIMPLEMENTED", number, stage);
		/* An exchange goes on behind what was injected. */
		up = !to->closed && stage != AT_REKEY && number != HAW_MSG_USERAUTH_SUCCESS;
		if (!up)
			pair_end(&pair);
	}
	if (up)
		pair_end(&pair);
}

static void test_each_number(void)
{
	for (int of_server = 0; of_server < 2; of_server++) {
		each_number(AT_AUTH, of_server);
		each_number(AT_OPEN, of_server);
		each_number(AT_REKEY, of_server);
	}
	each_number(AT_ATTEMPT, true);
}

/* ---- Messages and what becomes of them ---- */

struct sample {
	const char *name;
	enum stage stage;
	bool of_server;
	const char *hex;
	int code;	/* of the whole message; 0: the connection lives */
	int complete;	/* bytes behind which a cut is no error */
};

/* The channel of AT_OPEN is number 0 on both sides. */
static const struct sample samples[] = {
	{"window adjust", AT_OPEN, false, "5d 00000000 00000001", 0, 0},
	{"window beyond 2^32 - 1", AT_OPEN, false, "5d 00000000 ffffffff", HAW_EPROTOCOL, 0},
	{"window of no channel", AT_OPEN, true, "5d 00000007 00000001", HAW_EPROTOCOL, 0},
	{"data of 4 GiB", AT_OPEN, false, "5e 00000000 ffffffff 61", HAW_EPROTOCOL, 0},
	{"data of no channel", AT_OPEN, true, "5e ffffffff 00000000", HAW_EPROTOCOL, 0},
	{"empty data", AT_OPEN, true, "5e 00000000 00000000", 0, 0},
	{"extended data of another type", AT_OPEN, true, "5f 00000000 00000007 00000001 61", 0, 0},
	{"EOF", AT_OPEN, true, "60 00000000", 0, 0},
	{"close", AT_OPEN, true, "61 00000000", 0, 0},
	{"close of no channel", AT_OPEN, true, "61 00000001", HAW_EPROTOCOL, 0},
	{"request", AT_OPEN, false, "62 00000000 00000001 78 01", 0, 0},
	{"request on no channel", AT_OPEN, false, "62 00000001 00000001 78 01", HAW_EPROTOCOL, 0},
	{"success unasked", AT_OPEN, true, "63 00000000", HAW_EPROTOCOL, 0},
	{"failure unasked", AT_OPEN, true, "64 00000000", HAW_EPROTOCOL, 0},
	{"open", AT_OPEN, false, "5a 00000007 73657373696f6e 00000005 00001000 00001000", 0, 0},
	{"open with maximum packet 0", AT_OPEN, false,
	 "5a 00000007 73657373696f6e 00000005 00001000 00000000", HAW_EPROTOCOL, 0},
	{"confirmation unasked", AT_OPEN, true, "5b 00000000 00000000 00001000 00001000", HAW_EPROTOCOL, 0},
	{"failure of an open channel", AT_OPEN, true, "5c 00000000 00000001 00000000 00000000", HAW_EPROTOCOL,
	 0},
	{"global request", AT_OPEN, true, "50 00000001 78 01", 0, 0},
	{"global success unasked", AT_OPEN, true, "51", HAW_EPROTOCOL, 0},
	{"debug", AT_OPEN, true, "04 01 00000002 1b5b 00000000", 0, 8},
	{"ext-info", AT_OPEN, true, "07 00000001 00000001 78 00000001 79", 0, 0},
	{"ext-info of 2^32 - 1", AT_OPEN, true, "07 ffffffff 00000001 78 00000001 79", HAW_EPROTOCOL, 0},
	{"newkeys unasked", AT_OPEN, true, "15", HAW_EPROTOCOL, 0},
	{"method's message unasked", AT_OPEN, false, "1e 00000000", HAW_EPROTOCOL, 0},
	{"service twice", AT_AUTH, false, "05 0000000c 7373682d7573657261757468", HAW_EPROTOCOL, 0},
	{"banner", AT_AUTH, true, "35 00000001 78 00000000", 0, 0},
	{"banner of a client", AT_AUTH, false, "35 00000001 78 00000000", HAW_EPROTOCOL, 0},
	{"success before any attempt", AT_AUTH, true, "34", HAW_EPROTOCOL, 0},
	{"failure before any attempt", AT_AUTH, true, "33 00000000 00", HAW_EPROTOCOL, 0},
	{"prompts for a password", AT_ATTEMPT, true, "3d 00000000", HAW_EPROTOCOL, 0},
	{"second success", AT_OPEN, true, "34", HAW_EPROTOCOL, 0},
	{"request by a server", AT_OPEN, true, "32 00000000 00000000 00000000", HAW_EPROTOCOL, 0},
};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned value;

	for (; *hex; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ' && sscanf(hex, "%2x", &value) == 1)
			out[n++] = (uint8_t)value;
	return n;
}

static void one_sample(const struct sample *s, size_t len, const uint8_t *bytes, int code)
{
	struct end *from, *to;
	struct pair pair;

	CHECK(reach(&pair, s->stage, s->of_server));
	from = s->of_server ? &pair.server : &pair.client;
	to = s->of_server ? &pair.client : &pair.server;
	inject(from, (haw_span){bytes, len});
	deliver(from, to);
	CHECK_MSG(to->closed ? to->error.code == code : code == 0, "%s, %zu bytes: %d, not %d", s->name, len,
		  to->closed ? to->error.code : 0, code);
	pair_end(&pair);
}

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint8_t bytes[128];
		size_t n = unhex(samples[i].hex, bytes);

		one_sample(&samples[i], n, bytes, samples[i].code);
		for (size_t cut = 2; cut < n && !harness.failed; cut++)
			one_sample(&samples[i], cut, bytes,
				   samples[i].complete && cut >= (size_t)samples[i].complete ? 0
											     : HAW_EPROTOCOL);
	}
}

/* ---- Rules that take two messages ---- */

static void sequence(const char *first, const char *second, size_t pad, int code)
{
	static uint8_t bytes[65536];
	struct pair pair;
	size_t n;

	CHECK(reach(&pair, AT_OPEN, false));
	if (first)
		inject(&pair.client, (haw_span){bytes, unhex(first, bytes)});
	deliver(&pair.client, &pair.server);
	CHECK(!pair.server.closed);
	n = unhex(second, bytes);
	memset(bytes + n, 'x', pad);
	inject(&pair.client, (haw_span){bytes, n + pad});
	deliver(&pair.client, &pair.server);
	CHECK_MSG(pair.server.closed && pair.server.error.code == code, "%s: %s", second,
		  pair.server.error.message);
	pair_end(&pair);
}

static void test_sequences(void)
{
	sequence("60 00000000", "5e 00000000 00000001 61", 0, HAW_EPROTOCOL);	/* data behind EOF */
	sequence("61 00000000", "5e 00000000 00000001 61", 0, HAW_EPROTOCOL);	/* data behind CLOSE */
	sequence("61 00000000", "61 00000000", 0, HAW_EPROTOCOL);
	sequence(NULL, "5e 00000000 00008001", 32769, HAW_EPROTOCOL);		/* beyond the packet size */
}

static void test_data_beyond_window(void)
{
	struct haw_chan *chan;
	struct pair pair;

	CHECK(reach(&pair, AT_OPEN, false));
	chan = pair.server.chan;
	chan->window = 10;
	inject(&pair.client, (haw_span){(const uint8_t *)"\x5e\0\0\0\0\0\0\0\x0b" "01234567890", 20});
	deliver(&pair.client, &pair.server);
	CHECK(pair.server.closed && pair.server.error.code == HAW_EPROTOCOL);
	pair_end(&pair);
}

/* Data of a peer that has sent KEXINIT already: not allowed, and taken, before login excepted. */
static void test_data_within_rekey(void)
{
	for (int of_server = 0; of_server < 2; of_server++) {
		struct end *from, *to;
		struct pair pair;

		CHECK(reach(&pair, AT_REKEY, of_server));
		from = of_server ? &pair.server : &pair.client;
		to = of_server ? &pair.client : &pair.server;
		inject(from, (haw_span){(const uint8_t *)"\x5e\0\0\0\0\0\0\0\x05" "01234", 14});
		pair_run(&pair);
		CHECK_MSG(!to->closed && !from->closed, "%s", to->error.message);
		CHECK(to->data_bytes == 5 && to->c->exchanges == 2);
		pair_end(&pair);
	}
}

/* ---- Floods ---- */

static void test_floods(void)
{
	static const char *const messages[] = {"02", "04 00 00000001 61 00000000", "50 00000001 78 01",
					       "62 00000000 00000001 78 01", "c0"};
	struct pair pair;
	uint8_t bytes[64];

	CHECK(reach(&pair, AT_OPEN, false));
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct haw_packetizer *p = haw_connection_packetizer(pair.client.c);
		size_t n = unhex(messages[i], bytes);
		haw_error err;

		/* Replies that nobody asked for would end the client, so it is the server that is watched. */
		for (int k = 0; k < 3000; k++)
			CHECK(p->ops->put(p, (haw_span){bytes, n}, &err) == 0);
		pair.delay = 1u << 30;
		pair_run(&pair);
		CHECK_MSG(!pair.server.closed, "%s: %s", messages[i], pair.server.error.message);
	}
	pair_end(&pair);
}

/* COUNT messages of HEX and PAD bytes behind it, at STAGE: does the receiver end the connection? */
static bool ends_flood(enum stage stage, bool of_server, const char *hex, size_t pad, unsigned count)
{
	static uint8_t bytes[32768];
	struct end *from, *to;
	struct pair pair;
	bool ended;
	size_t n = unhex(hex, bytes);

	CHECK_OR(reach(&pair, stage, of_server), false);
	from = of_server ? &pair.server : &pair.client;
	to = of_server ? &pair.client : &pair.server;
	for (unsigned k = 0; k < count && !to->closed; k++) {
		inject(from, (haw_span){bytes, n + pad});
		if (k % 64 == 63)
			deliver(from, to);
	}
	deliver(from, to);
	ended = to->closed;
	CHECK_OR(!ended || (to->error.code == HAW_EPROTOCOL && to->error.fault == HAW_FAULT_PEER), false);
	pair_end(&pair);
	return ended;
}

/* Lawful messages before the login is done are bounded in count and in bytes, for both roles. */
static void test_floods_before_login(void)
{
	static const struct {
		bool of_server;
		const char *hex;
	} floods[] = {
		{true, "02 00000000"},
		{false, "02 00000000"},
		{true, "04 00 00000001 61 00000000"},
		{true, "03 00000000"},
		{true, "07 00000000"},
		{true, "35 00000000 00000000"}, /* banners without text */
		{true, "c0"},
	};

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		CHECK_MSG(!ends_flood(AT_AUTH, floods[i].of_server, floods[i].hex, 0, 1000), "%s",
			  floods[i].hex);
		CHECK_MSG(ends_flood(AT_AUTH, floods[i].of_server, floods[i].hex, 0, 20000), "%s",
			  floods[i].hex);
	}
	CHECK(!ends_flood(AT_AUTH, true, "02 00007530", 30000, 100));
	CHECK(ends_flood(AT_AUTH, true, "02 00007530", 30000, 200));
	CHECK(!ends_flood(AT_OPEN, true, "02 00007530", 30000, 200));
}

/* A peer that asks and never reads: what waits for it is bounded. */
static void test_peer_that_never_reads(void)
{
	struct pair pair;
	uint8_t bytes[64];
	size_t n = unhex("c0", bytes);

	CHECK(reach(&pair, AT_OPEN, false));
	pair.delay = 1u << 30;
	for (int k = 0; k < 1000 && !pair.server.closed; k++) {
		struct haw_packetizer *p = haw_connection_packetizer(pair.client.c);

		for (int i = 0; i < 1000; i++)
			CHECK(p->ops->put(p, (haw_span){bytes, n}, NULL) == 0);
		pair_run(&pair);
	}
	CHECK(pair.server.closed && pair.server.error.code == HAW_ENOMEM);
	pair_end(&pair);
}

static void test_ten_thousand_channels(void)
{
	struct pair pair;
	uint8_t bytes[64];
	size_t n = unhex("5a 00000007 73657373696f6e 00000005 00001000 00001000", bytes);

	CHECK(reach(&pair, AT_OPEN, false));
	pair.delay = 1u << 30;
	for (int k = 0; k < 10000; k++) {
		struct haw_packetizer *p = haw_connection_packetizer(pair.client.c);

		CHECK(p->ops->put(p, (haw_span){bytes, n}, NULL) == 0);
		if (k % 100 == 99)
			pair_run(&pair);
	}
	CHECK(!pair.server.closed && pair.server.c->channels.count <= HAW_CHANNELS_MAX);
	CHECK(pair.server.c->channels.window_sum <= pair.server.c->channels.memory);
	pair_end(&pair);
}

/* ---- What was wrong once ---- */

/* A channel that is closed here grants nothing more: the peer that answered knows it no longer. */
static void test_no_window_behind_close(void)
{
	struct pair pair;

	CHECK(reach(&pair, AT_OPEN, false));
	pair.server.chan->consumed = pair.server.chan->window_max;
	pair.server.chan->close_out = true;
	CHECK(haw_chan_adjustment(pair.server.chan) == 0);
	pair.server.chan->close_out = false;
	CHECK(haw_chan_adjustment(pair.server.chan) > 0);
	pair_end(&pair);
}

/* More channels fall below their marks at once than there is room for events: none is forgotten. */
static void test_many_marks(void)
{
	enum { CHANNELS = 12 };
	struct haw_chan *chans[CHANNELS];
	struct haw_event event;
	struct pair pair;
	haw_span spans[8];
	haw_error err;
	int told = 0;

	CHECK(reach(&pair, AT_OPEN, false));
	for (int i = 0; i < CHANNELS; i++) {
		chans[i] =
			haw_connection_channel_open(pair.client.c, "session", nothing, 4096, 0, NULL, &err);
		CHECK(chans[i]);
	}
	pair_run(&pair);
	for (int i = 0; i < CHANNELS; i++) {
		CHECK(chans[i]->state == HAW_CHAN_OPEN);
		chans[i]->mark_armed = true;
	}
	for (int turn = 0; turn < 2 * CHANNELS; turn++) {
		haw_connection_output(pair.client.c, spans, 8);
		while (haw_connection_next_event(pair.client.c, &event))
			told += event.kind == HAW_EVENT_CHANNEL_WINDOW;
	}
	CHECK_MSG(told == CHANNELS, "%d of %d were told", told, CHANNELS);
	pair_end(&pair);
}

/* Who has gone before the confirmation runs no command any more. */
static void test_freed_before_confirmation(void)
{
	struct haw_chan *chan;
	struct pair pair;
	haw_error err;

	CHECK(reach(&pair, AT_OPEN, false));
	chan = haw_connection_channel_open(pair.client.c, "session", nothing, 0, 0, NULL, &err);
	CHECK(chan);
	CHECK(haw_connection_channel_request(pair.client.c, chan, "exec", true, nothing, NULL, &err) == 0);
	pair_transfer(&pair.client, &pair.server);
	haw_chan_free(chan);
	pair_run(&pair);
	CHECK(!pair.client.closed && strcmp(pair.server.last_request, "exec") != 0);
	CHECK(pair.client.c->channels.count == 1);
	pair_end(&pair);
}

static void attempt(struct pair *pair, enum haw_auth_method method, const char *user, const char *password)
{
	haw_span secret = method == HAW_AUTH_PUBLICKEY
				  ? haw_message_all(&pair->user_blob)
				  : (haw_span){(const uint8_t *)password, strlen(password)};
	haw_error err;

	CHECK(haw_connection_auth(pair->client.c, method, user, secret, false, &err) == 0);
	pair_run(pair);
}

static void test_login_limits(void)
{
	struct pair_options options;
	struct pair pair = {.password = "right"}, other = {.password = "right", .need_both = true};
	int tries = 0;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	while (tries < 100 && !pair.client.closed) {
		attempt(&pair, HAW_AUTH_PASSWORD, "user", "wrong");
		tries++;
	}
	CHECK_MSG(tries == HAW_SERVER_FAILURES_MAX && pair.server.error.code == HAW_EAUTH, "%d tries", tries);
	pair_end(&pair);
	/* One user's key and another user's password make no login. */
	CHECK(pair_start(&other, &options));
	attempt(&other, HAW_AUTH_PUBLICKEY, "user", NULL);
	CHECK(other.client.partial);
	attempt(&other, HAW_AUTH_PASSWORD, "root", "right");
	CHECK(other.client.auth_successes == 0 && other.server.error.code == HAW_EPROTOCOL);
	pair_end(&other);
}

/* A key that was only asked about, answered with success, or with another key. */
static void test_probe_answers(void)
{
	static const char *const answers[] = {"34", "3c 00000001 61 00000001 62", "3c ffffffff"};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct pair_options options;
		struct pair pair = {.defer_auth = true};
		uint8_t bytes[64];
		haw_error err;

		pair_options_init(&options);
		CHECK(pair_start(&pair, &options));
		CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PUBLICKEY, "user",
					  haw_message_all(&pair.user_blob), true, &err) == 0);
		pair_run(&pair);
		inject(&pair.server, (haw_span){bytes, unhex(answers[i], bytes)});
		deliver(&pair.server, &pair.client);
		CHECK(pair.client.error.code == HAW_EPROTOCOL && pair.client.auth_successes == 0);
		pair_end(&pair);
	}
}

int main(void)
{
	RUN(test_each_number);
	RUN(test_samples);
	RUN(test_sequences);
	RUN(test_data_beyond_window);
	RUN(test_data_within_rekey);
	RUN(test_floods);
	RUN(test_floods_before_login);
	RUN(test_peer_that_never_reads);
	RUN(test_ten_thousand_channels);
	RUN(test_no_window_behind_close);
	RUN(test_many_marks);
	RUN(test_freed_before_confirmation);
	RUN(test_login_limits);
	RUN(test_probe_answers);
	return harness_end();
}
