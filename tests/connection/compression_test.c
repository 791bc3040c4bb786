/* SPDX-License-Identifier: Apache-2.0
 *
 * Compressed connections: when compression begins, that each key begins a new stream, and what peers cannot
 * do with it: packets that become larger than packets are, rings full of packets that become gigabytes,
 * streams that are none.
 */
#include "pair.h"

#include <hawser/transport.h>
#include <zlib.h>

#include "transport/packet/compress.h"
#include "transport/packet/zstream.h"
#include "transport/wire/ssh_numbers.h"

static const haw_span nothing = {NULL, 0};
static const char delayed[] = "zlib@openssh.com", at_once[] = "zlib";

static void init(struct pair_options *options, const char *client, const char *server)
{
	pair_options_init(options);
	options->client.compression = client;
	options->server.compression = server;
}

static bool uses(const struct end *end, const char *name)
{
	struct haw_connection_names names;

	haw_connection_get_names(end->c, &names);
	return names.compression_out && strcmp(names.compression_out, name) == 0 &&
	       strcmp(names.compression_in, name) == 0;
}

/* ---- Both roles ---- */

static void echo(struct pair_options *options, const char *name, size_t piece, size_t bytes)
{
	struct pair pair = {.echo = true, .piece = piece};

	CHECK(pair_start(&pair, options));
	CHECK(pair_login(&pair));
	CHECK(uses(&pair.client, name) && uses(&pair.server, name));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, bytes));
	pair_run(&pair);
	CHECK_MSG(pair.server.data_bytes == bytes && pair.client.data_bytes == bytes, "%s: %llu of %zu: %s",
		  name, (unsigned long long)pair.client.data_bytes, bytes, pair.client.error.message);
	CHECK(!pair.server.data_wrong && !pair.client.data_wrong);
	CHECK_MSG(!options->client.rekey_bytes || pair.client.keys >= 3, "%u keys", pair.client.keys);
	pair_end(&pair);
}

static void test_both_roles(void)
{
	static const char *const names[] = {"none", delayed, at_once};

	for (size_t i = 0; i < 3; i++) {
		struct pair_options options;

		init(&options, names[i], "none,zlib@openssh.com,zlib");
		echo(&options, names[i], 0, 3000000);
		echo(&options, names[i], 1, 3000);
		/* Each end starts rekeys in the middle of what it sends. */
		options.client.rekey_bytes = options.server.rekey_bytes = i == 0 ? 100000 : 3000;
		echo(&options, names[i], 0, 3000000);
		/* Suites that read twice copy their bulk; others scatter it. */
		options.client.ciphers = "aes128-ctr";
		options.client.macs = "hmac-sha2-256";
		options.server.macs = "hmac-sha2-256";
		echo(&options, names[i], 0, 1000000);
	}
}

static void test_default_is_none(void)
{
	struct pair_options options;

	pair_options_init(&options);
	echo(&options, "none", 0, 1000);
	init(&options, NULL, "zlib,none");
	echo(&options, "none", 0, 1000);
}

static void test_nothing_in_common(void)
{
	struct pair_options options;
	struct pair pair = {0};

	init(&options, at_once, delayed);
	CHECK(pair_start(&pair, &options));
	pair_run(&pair);
	CHECK(pair.client.closed && pair.client.error.code == HAW_ENEGOTIATION);
	CHECK(strstr(pair.client.error.message, "compression"));
	pair_end(&pair);
}

/* A password that was refused, and one more round, before compression begins behind the login. */
static void test_begin_behind_the_login(void)
{
	const haw_span wrong = {(const uint8_t *)"guess", 5}, right = {(const uint8_t *)"secret", 6};
	struct pair_options options;
	struct pair pair = {.password = "secret", .echo = true};
	haw_error err;

	init(&options, delayed, delayed);
	CHECK(pair_start(&pair, &options));
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PASSWORD, "user", wrong, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_failures == 1);
	haw_connection_rekey(pair.client.c);
	pair_run(&pair);
	CHECK(pair.client.keys == 2);
	/* An open that is asked for here waits for the login: the server may take it for compressed. */
	pair.client.chan =
		haw_connection_channel_open(pair.client.c, "session", nothing, 0, 0, &pair.client, &err);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PASSWORD, "user", right, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_successes == 1 && pair.client.ready == 1 && pair.client.refused == 0);
	CHECK(pair_send_pattern(&pair.client, 0, 100000));
	pair_run(&pair);
	CHECK(pair.client.data_bytes == 100000 && !pair.client.data_wrong);
	pair_end(&pair);
}

/* ---- Peers that break the rules ---- */

static uint8_t zeroes[HAW_INFLATED_MAX];

static bool up(struct pair *pair, const char *server)
{
	struct pair_options options;

	init(&options, server, server);
	memset(pair, 0, sizeof(*pair));
	return pair_start(pair, &options) && pair_login(pair) && pair_open_channel(pair);
}

static int inject(struct end *from, haw_span payload)
{
	struct haw_packetizer *p = haw_connection_packetizer(from->c);

	return p->ops->put(p, payload, NULL);
}

/* Six megabytes in some kilobytes, at once: what is out at a time is bounded, and nothing is lost. */
static void test_memory_is_bounded(void)
{
	struct pair pair;

	CHECK(up(&pair, delayed));
	zeroes[0] = 2; /* IGNORE, its string of zeroes */
	zeroes[2] = 3;
	zeroes[3] = 0xd0;
	for (unsigned round = 1; round <= 4; round++) {
		for (int i = 0; i < 25; i++)
			CHECK(inject(&pair.client, (haw_span){zeroes, 5 + 0x3d000}) == 0);
		pair_run(&pair);
		CHECK_MSG(!pair.server.closed, "%s", pair.server.error.message);
		CHECK_MSG(pair.server.holds == round, "%u holds", pair.server.holds);
	}
	CHECK(pair_send_pattern(&pair.client, 0, 100000));
	pair_run(&pair);
	CHECK(pair.server.data_bytes == 100000 && !pair.server.data_wrong);
	pair_end(&pair);
}

/* The server inflates what the client did not compress, and the other way round. */
static void test_streams_that_are_none(void)
{
	for (int of_server = 0; of_server < 2; of_server++) {
		struct pair pair;
		struct end *from, *to;
		struct haw_packetizer *p;

		CHECK(up(&pair, "none,zlib"));
		from = of_server ? &pair.server : &pair.client;
		to = of_server ? &pair.client : &pair.server;
		p = haw_connection_packetizer(to->c);
		CHECK(p->ops->set_compression(p, HAW_INCOMING, NULL) == 0);
		CHECK(inject(from, (haw_span){(const uint8_t *)"\2\0\0\0\1x", 6}) == 0);
		pair_run(&pair);
		CHECK(to->closed && to->error.code == HAW_EPROTOCOL && to->error.fault == HAW_FAULT_PEER);
		CHECK(strstr(to->error.message, "compressed"));
		CHECK_MSG(from->closed && from->error.code == HAW_EDISCONNECT &&
				  from->error.reason == HAW_DISCONNECT_COMPRESSION_ERROR,
			  "the peer was told the reason %u", from->error.reason);
		pair_end(&pair);
	}
}

/* ---- The stream alone ---- */

/* LEN bytes of zeroes (or of VALUE) as one payload. */
static size_t deflated(uint8_t *out, size_t size, size_t len, int flush)
{
	z_stream s = {0};
	uint8_t *in = calloc(1, len);

	deflateInit(&s, 9);
	s.next_in = in;
	s.avail_in = (uInt)len;
	s.next_out = out;
	s.avail_out = (uInt)size;
	deflate(&s, flush);
	size -= s.avail_out;
	deflateEnd(&s);
	free(in);
	return size;
}

static int inflated(const uint8_t *bytes, size_t len, haw_span *payload, haw_error *err)
{
	struct haw_inflater *z = haw_inflater_new();
	int result = haw_inflater_packet(z, (haw_span){bytes, len}, payload, err);
	size_t size = result == 0 ? payload->len : 0;

	haw_inflater_free(z);
	*payload = (haw_span){NULL, size};
	return result;
}

static void test_sizes_of_a_packet(void)
{
	static uint8_t bytes[100000];
	haw_span payload;

	for (size_t len = 1; len < 4000000; len = len * 3 + 1) {
		haw_error err = {0};
		size_t n = deflated(bytes, sizeof(bytes), len, Z_PARTIAL_FLUSH);
		int result = inflated(bytes, n, &payload, &err);

		CHECK_MSG(result == (len <= HAW_INFLATED_MAX ? 0 : HAW_EPROTOCOL), "%zu bytes: %d", len,
			  result);
		CHECK(result < 0 || payload.len == len);
		CHECK(result == 0 || err.fault == HAW_FAULT_PEER);
	}
	CHECK(inflated(bytes, deflated(bytes, sizeof(bytes), HAW_INFLATED_MAX, Z_PARTIAL_FLUSH), &payload,
		       NULL) == 0 &&
	      payload.len == HAW_INFLATED_MAX);
	CHECK(inflated(bytes, deflated(bytes, sizeof(bytes), HAW_INFLATED_MAX + 1, Z_PARTIAL_FLUSH), &payload,
		       NULL) == HAW_EPROTOCOL);
	CHECK(inflated(bytes, deflated(bytes, sizeof(bytes), (size_t)1 << 26, Z_PARTIAL_FLUSH), &payload,
		       NULL) == HAW_EPROTOCOL);
}

static void test_payloads_that_are_none(void)
{
	static uint8_t bytes[1000];
	haw_span payload;
	size_t n;

	CHECK(inflated(bytes, 0, &payload, NULL) == HAW_EPROTOCOL);
	/* An end of the stream, and bytes behind it. */
	n = deflated(bytes, sizeof(bytes), 100, Z_FINISH);
	CHECK(inflated(bytes, n, &payload, NULL) == HAW_EPROTOCOL);
	CHECK(inflated(bytes, n + 1, &payload, NULL) == HAW_EPROTOCOL);
	/* Nothing but a flush. */
	n = deflated(bytes, sizeof(bytes), 0, Z_PARTIAL_FLUSH);
	CHECK(inflated(bytes, n, &payload, NULL) == HAW_EPROTOCOL);
	/* Each bit of a short one: refused, or another payload, never more than there may be. */
	n = deflated(bytes, sizeof(bytes), 500, Z_PARTIAL_FLUSH);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(inflated(bytes, n, &payload, NULL) == HAW_EPROTOCOL || payload.len <= HAW_INFLATED_MAX);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Payloads keep their place until the release, whatever comes after them. */
static void test_payloads_live_until_the_release(void)
{
	struct haw_deflater *out = haw_deflater_new();
	struct haw_inflater *in = haw_inflater_new();
	static uint8_t sent[40][40000], wire[60000];
	haw_span got[40];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 40; i++) {
			haw_span piece = {sent[i], 1000 * i + 1};
			size_t n;

			for (size_t j = 0; j < piece.len; j++)
				sent[i][j] = (uint8_t)((i + round) * j * 2654435761u >> 20);
			n = haw_deflater_packet(out, &piece, 1, wire, haw_deflater_bound(out, piece.len));
			CHECK(n > 0 && haw_inflater_packet(in, (haw_span){wire, n}, &got[i], NULL) == 0);
		}
		for (unsigned i = 0; i < 40; i++)
			CHECK(haw_span_equal(got[i], (haw_span){sent[i], 1000 * i + 1}));
		CHECK(haw_inflater_held(in) == 40 + 1000 * (39 * 40 / 2));
		haw_inflater_release(in);
		CHECK(haw_inflater_held(in) == 0);
		if (round == 1) {
			haw_deflater_restart(out);
			haw_inflater_restart(in);
		}
	}
	haw_deflater_free(out);
	haw_inflater_free(in);
	haw_deflater_free(NULL);
	haw_inflater_free(NULL);
}

int main(void)
{
	RUN(test_both_roles);
	RUN(test_default_is_none);
	RUN(test_nothing_in_common);
	RUN(test_begin_behind_the_login);
	RUN(test_memory_is_bounded);
	RUN(test_streams_that_are_none);
	RUN(test_sizes_of_a_packet);
	RUN(test_payloads_that_are_none);
	RUN(test_payloads_live_until_the_release);
	return harness_end();
}
