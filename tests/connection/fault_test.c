/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to a connection when the wire alters or cuts bytes, when both ends rekey at any moment,
 * and when the engine completes late and out of order.
 */
#include "pair.h"

#include "crypto-backends/select.h"
#include "late_backend.h"

enum { DATA = 3000 };

/* Handshake, login, a channel, some data there and back. True if all of it came to pass. */
static bool whole_life(struct pair *pair, const struct pair_options *options)
{
	haw_error err;

	if (!pair_start(pair, options))
		return false;
	if (haw_connection_auth(pair->client.c, HAW_AUTH_PUBLICKEY, "user", haw_message_all(&pair->user_blob),
				false, &err) < 0)
		return false;
	pair->client.chan = haw_connection_channel_open(pair->client.c, "session", (haw_span){NULL, 0}, 0, 0,
							&pair->client, &err);
	pair_run(pair);
	if (pair->client.ready != 1)
		return false;
	if (!pair_send_pattern(&pair->client, 0, DATA))
		return false;
	pair_run(pair);
	return pair->client.data_bytes == DATA && pair->server.data_bytes == DATA;
}

static uint64_t life_length(bool of_server, const struct pair_options *options)
{
	struct pair pair = {.echo = true};
	uint64_t bytes;

	if (!whole_life(&pair, options)) {
		harness_fail(__FILE__, __LINE__, "an undisturbed life");
		return 0;
	}
	bytes = of_server ? pair.server.out_bytes : pair.client.out_bytes;
	pair_end(&pair);
	return bytes;
}

/* Where the first sealed packet of a direction begins: everything behind it is authenticated. */
static uint64_t clear_length(bool of_server, const struct pair_options *options)
{
	struct pair pair = {.defer_host_key = true};
	uint64_t bytes;

	if (!pair_start(&pair, options))
		return 0;
	pair_run(&pair);
	bytes = of_server ? pair.server.out_bytes : pair.client.out_bytes;
	pair_end(&pair);
	return bytes;
}

/* A bit flipped anywhere ends the connection, or at most changed padding that nothing protects yet;
 * wrong data are never delivered. */
static void flip_everywhere(bool of_server, const char *cipher)
{
	struct pair_options options;
	uint64_t total, clear;

	pair_options_init(&options);
	options.client.ciphers = options.server.ciphers = cipher;
	total = life_length(of_server, &options);
	clear = clear_length(of_server, &options);
	CHECK(total > clear && clear > 0);
	for (uint64_t at = 1; at <= total; at++) {
		struct pair pair = {.echo = true, .flip_at = at, .of_server = of_server};
		bool complete;

		complete = whole_life(&pair, &options);
		CHECK_MSG(!pair.client.data_wrong && !pair.server.data_wrong, "byte %llu",
			  (unsigned long long)at);
		/* A client's NEWKEYS is its last packet in the clear: 16 bytes. The server sealed EXT_INFO.
		 * An altered length may leave the receiver waiting for more: then nothing goes on either. */
		if (at > clear + (of_server ? 0 : 16))
			CHECK_MSG(!complete || (of_server ? pair.client.closed : pair.server.closed),
				  "byte %llu of %llu was altered and nobody noticed", (unsigned long long)at,
				  (unsigned long long)total);
		pair_end(&pair);
	}
}

static void test_flipped_bits_of_the_client(void)
{
	flip_everywhere(false, "aes128-gcm@openssh.com");
}

static void test_flipped_bits_of_the_server(void)
{
	flip_everywhere(true, "chacha20-poly1305@openssh.com");
}

static void cut_everywhere(bool of_server)
{
	struct pair_options options;
	uint64_t total;

	pair_options_init(&options);
	total = life_length(of_server, &options);
	for (uint64_t at = 1; at <= total; at++) {
		struct pair pair = {.echo = true, .cut_at = at, .of_server = of_server};

		whole_life(&pair, &options);
		CHECK_MSG(pair.client.closed && pair.server.closed, "cut at byte %llu",
			  (unsigned long long)at);
		CHECK_MSG(pair.client.error.code == HAW_ECLOSED, "cut at %llu: %s", (unsigned long long)at,
			  pair.client.error.message);
		CHECK(pair.client.error.message[0] && !pair.client.data_wrong && !pair.server.data_wrong);
		pair_end(&pair);
	}
}

static void test_cut_of_the_client(void)
{
	cut_everywhere(false);
}

static void test_cut_of_the_server(void)
{
	cut_everywhere(true);
}

/* Rekeying before every step, from one side or both at once, while data flow both ways. */
static void rekey_always(bool by_client, bool by_server, size_t piece, const char *cipher)
{
	const uint64_t bytes = 5000000;
	struct pair pair = {.echo = true, .piece = piece};
	struct pair_options options;

	pair_options_init(&options);
	options.client.ciphers = options.server.ciphers = cipher;
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, bytes));
	for (int i = 0; i < 200000 && pair.client.data_bytes < bytes; i++) {
		if (by_client && i % 3 == 0)
			haw_connection_rekey(pair.client.c);
		if (by_server && i % 3 == 0)
			haw_connection_rekey(pair.server.c);
		pair_step(&pair);
	}
	pair_run(&pair);
	CHECK_MSG(pair.client.data_bytes == bytes, "%llu: %s / %s",
		  (unsigned long long)pair.client.data_bytes, pair.client.error.message,
		  pair.server.error.message);
	CHECK(!pair.client.data_wrong && !pair.server.data_wrong);
	CHECK_MSG(pair.client.keys > 4, "%u", pair.client.keys);
	pair_end(&pair);
}

static void test_rekey_by_the_client(void)
{
	rekey_always(true, false, 0, "aes256-gcm@openssh.com");
	rekey_always(true, false, 20000, "aes128-ctr");
}

static void test_rekey_by_the_server(void)
{
	rekey_always(false, true, 0, "chacha20-poly1305@openssh.com");
	rekey_always(false, true, 20000, "aes128-gcm@openssh.com");
}

static void test_rekey_by_both(void)
{
	rekey_always(true, true, 0, "aes128-gcm@openssh.com");
	rekey_always(true, true, 20000, "chacha20-poly1305@openssh.com");
	rekey_always(true, true, 3001, "aes256-ctr");
}

/* An engine that completes later, in another order: same bytes, same order, keys changing meanwhile. */
static void late(const haw_backend *backend, const char *override)
{
	const uint64_t bytes = 8000000;
	haw_selector *selector = haw_selector_new();
	struct pair pair = {.echo = true};
	struct pair_options options;
	haw_error err;

	CHECK(selector && haw_selector_add(selector, backend) == 0);
	CHECK_MSG(haw_selector_override(selector, override, &err) == 0, "%s", err.message);
	pair_options_init(&options);
	options.client.selector = options.server.selector = selector;
	options.client.rekey_bytes = 900000;
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, bytes));
	for (int i = 0; i < 200000 && pair.client.data_bytes < bytes && !pair.client.closed; i++)
		pair_step(&pair);
	CHECK_MSG(pair.client.data_bytes == bytes, "%llu: %s / %s",
		  (unsigned long long)pair.client.data_bytes, pair.client.error.message,
		  pair.server.error.message);
	CHECK(!pair.client.data_wrong && !pair.server.data_wrong && pair.client.keys > 5);
	pair_end(&pair);
	haw_selector_free(selector);
}

static void test_late_engine(void)
{
	late_backend_reset(1, 0, 0);
	late(&late_backend_poll, "*=late-poll");
	CHECK(late_counters.overtaken > 0 && late_counters.violations == 0);
	late_backend_reset(2, 3, 0);
	late(&late_backend_fd, "*=late-fd");
	CHECK(late_counters.overtaken > 0 && late_counters.violations == 0);
}

int main(void)
{
	RUN(test_flipped_bits_of_the_client);
	RUN(test_flipped_bits_of_the_server);
	RUN(test_cut_of_the_client);
	RUN(test_cut_of_the_server);
	RUN(test_rekey_by_the_client);
	RUN(test_rekey_by_the_server);
	RUN(test_rekey_by_both);
	RUN(test_late_engine);
	return harness_end();
}
