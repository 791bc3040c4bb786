/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a connection, in order: negotiation, login, channels, requests, rekeying, ends.
 */
#include "pair.h"

#include <hawser/transport.h>

static const haw_span nothing = {NULL, 0};

static void login_and_echo(const struct pair_options *options, size_t bytes)
{
	struct pair pair = {.echo = true};

	CHECK(pair_start(&pair, options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, bytes));
	pair_run(&pair);
	CHECK_MSG(pair.server.data_bytes == bytes && pair.client.data_bytes == bytes, "%llu and %llu of %zu",
		  (unsigned long long)pair.server.data_bytes, (unsigned long long)pair.client.data_bytes,
		  bytes);
	CHECK(!pair.server.data_wrong && !pair.client.data_wrong);
	pair_end(&pair);
}

static void test_login_and_echo(void)
{
	struct pair_options options;

	pair_options_init(&options);
	login_and_echo(&options, 10 * 1024 * 1024 + 7);
}

static void each_algorithm(enum haw_algorithm_kind kind, const char **field_client, const char **field_server,
			   struct pair_options *options)
{
	const char *name;

	for (size_t i = 0; (name = haw_algorithm_at(kind, i, NULL)); i++) {
		/* RFC 5647 §5.1: as a MAC it goes with the cipher of that name only. */
		if (kind == HAW_ALGORITHM_MAC && strncmp(name, "AEAD_", 5) == 0)
			options->client.ciphers = options->server.ciphers = name;
		*field_client = *field_server = name;
		login_and_echo(options, 300000);
		CHECK_MSG(!harness.failed, "with %s", name);
	}
}

static void test_each_cipher(void)
{
	struct pair_options options;

	pair_options_init(&options);
	each_algorithm(HAW_ALGORITHM_CIPHER, &options.client.ciphers, &options.server.ciphers, &options);
}

/* Beside a cipher that needs a MAC, an AEAD_* name is passed over; where nothing else is there, nothing is in
 * common. */
static void test_aead_is_no_mac(void)
{
	struct pair_options options;
	struct pair pair = {0};

	pair_options_init(&options);
	options.client.ciphers = options.server.ciphers = "aes256-ctr";
	options.client.macs = "AEAD_AES_256_GCM,hmac-sha2-256";
	options.server.macs = "AEAD_AES_256_GCM,hmac-sha2-256";
	login_and_echo(&options, 1000);
	options.client.macs = options.server.macs = "AEAD_AES_256_GCM";
	CHECK(pair_start(&pair, &options));
	pair_run(&pair);
	CHECK(pair.client.closed && pair.client.error.code == HAW_ENEGOTIATION);
	pair_end(&pair);
}

static void test_each_mac(void)
{
	struct pair_options options;

	pair_options_init(&options);
	options.client.ciphers = options.server.ciphers = "aes256-ctr";
	each_algorithm(HAW_ALGORITHM_MAC, &options.client.macs, &options.server.macs, &options);
}

static void test_each_kex(void)
{
	struct pair_options options;

	pair_options_init(&options);
	each_algorithm(HAW_ALGORITHM_KEX, &options.client.kex, &options.server.kex, &options);
}

static void test_each_host_key(void)
{
	static const struct {
		const char *type, *algorithm;
	} keys[] = {
		{"ED25519", "ssh-ed25519"},          {"EC:P-256", "ecdsa-sha2-nistp256"},
		{"EC:P-384", "ecdsa-sha2-nistp384"}, {"EC:P-521", "ecdsa-sha2-nistp521"},
		{"RSA:2048", "rsa-sha2-256"},        {"RSA:3072", "rsa-sha2-512"},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct pair_options options;

		pair_options_init(&options);
		options.host_key_type = keys[i].type;
		options.client.host_keys = keys[i].algorithm;
		login_and_echo(&options, 1000);
		CHECK_MSG(!harness.failed, "with %s", keys[i].algorithm);
	}
}

static void test_byte_by_byte(void)
{
	struct pair pair = {.echo = true, .piece = 1};
	struct pair_options options;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, 5000));
	pair_run(&pair);
	CHECK(pair.client.data_bytes == 5000 && !pair.client.data_wrong);
	pair_end(&pair);
}

static void test_guesses(void)
{
	for (int right = 0; right < 2; right++) {
		struct pair pair = {.echo = true};
		struct pair_options options;

		pair_options_init(&options);
		options.client.guess = true;
		options.client.host_keys = "ssh-ed25519";
		options.client.kex = "curve25519-sha256,ecdh-sha2-nistp256";
		options.server.kex = right ? "curve25519-sha256" : "ecdh-sha2-nistp256,curve25519-sha256";
		CHECK(pair_start(&pair, &options));
		CHECK(pair_login(&pair));
		CHECK(pair.client.keys == 1 && pair.server.keys == 1);
		pair_end(&pair);
	}
}

static void test_nothing_in_common(void)
{
	static const struct {
		enum haw_algorithm_kind kind;
		const char *client, *server, *says;
	} rows[] = {
		{HAW_ALGORITHM_KEX, "curve25519-sha256", "ecdh-sha2-nistp256", "no key exchange in common"},
		{HAW_ALGORITHM_CIPHER, "aes128-ctr", "aes256-ctr", "no cipher (client to server) in common"},
		{HAW_ALGORITHM_HOST_KEY, "rsa-sha2-512", "ssh-ed25519", "no host key algorithm in common"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair = {0};
		struct pair_options options;

		pair_options_init(&options);
		switch (rows[i].kind) {
		case HAW_ALGORITHM_KEX:
			options.client.kex = rows[i].client, options.server.kex = rows[i].server;
			break;
		case HAW_ALGORITHM_CIPHER:
			options.client.ciphers = rows[i].client, options.server.ciphers = rows[i].server;
			break;
		default:
			options.client.host_keys = rows[i].client, options.server.host_keys = rows[i].server;
			break;
		}
		CHECK(pair_start(&pair, &options));
		pair_run(&pair);
		CHECK(pair.client.closed && pair.client.error.code == HAW_ENEGOTIATION);
		CHECK_MSG(strstr(pair.client.error.message, rows[i].says), "%s", pair.client.error.message);
		CHECK(strstr(pair.client.error.message, rows[i].client));
		CHECK(strstr(pair.client.error.message, rows[i].server));
		pair_end(&pair);
	}
}

static void test_host_key(void)
{
	struct pair pair = {.refuse_host_key = true};
	struct pair_options options;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(!pair_login(&pair));
	CHECK(pair.client.closed && pair.client.error.code == HAW_EHOSTKEY);
	CHECK(pair.server.closed && pair.server.error.code == HAW_EDISCONNECT);
	CHECK(pair.server.error.reason == 9);
	pair_end(&pair);
}

/* Nothing of the login leaves before the host key was accepted, however late that is. */
static void test_late_host_key(void)
{
	struct pair pair = {.defer_host_key = true};
	struct pair_options options;
	uint64_t out;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(!pair_login(&pair));
	CHECK(pair.client.host_key_questions == 1);
	out = pair.client.out_bytes;
	pair_run(&pair);
	CHECK(pair.client.out_bytes == out && pair.server.keys == 0);
	haw_connection_accept_host_key(pair.client.c, true, NULL);
	pair_run(&pair);
	CHECK(pair.client.auth_successes == 1);
	pair_end(&pair);
}

static void test_password_and_partial(void)
{
	const haw_span wrong = {(const uint8_t *)"guess", 5}, right = {(const uint8_t *)"secret", 6};
	struct pair pair = {.password = "secret", .need_both = true};
	struct pair_options options;
	haw_error err;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_NONE, "user", nothing, false, &err) == 0);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_NONE, "user", nothing, false, &err) == HAW_EINVAL);
	pair_run(&pair);
	CHECK(pair.client.auth_failures == 1 && !pair.client.partial);
	CHECK(strcmp(pair.client.methods, "publickey,password") == 0);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PUBLICKEY, "user", haw_message_all(&pair.user_blob),
				  true, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_failures == 2 && pair.client.partial);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PASSWORD, "user", wrong, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_failures == 3 && !pair.client.partial);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PASSWORD, "user", right, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_successes == 1);
	pair_end(&pair);
}

static void test_interactive(void)
{
	struct pair pair = {.interactive = true};
	struct pair_options options;
	haw_error err;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	pair.client.chan =
		haw_connection_channel_open(pair.client.c, "session", nothing, 0, 0, &pair.client, &err);
	CHECK(pair.client.chan);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_INTERACTIVE, "user", nothing, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.ready == 1); /* an open sent between the messages of a method would be lost */
	CHECK_MSG(pair.client.auth_successes == 1 && pair.client.prompts == 1, "%u %s / %s",
		  pair.client.prompts, pair.client.error.message, pair.server.error.message);
	pair_end(&pair);
}

/* A channel opened behind a login that fails is opened again once one succeeds. */
static void test_early_channel(void)
{
	const haw_span wrong = {(const uint8_t *)"guess", 5};
	struct pair pair = {0};
	struct pair_options options;
	haw_error err;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	pair.client.chan =
		haw_connection_channel_open(pair.client.c, "session", nothing, 0, 0, &pair.client, &err);
	CHECK(pair.client.chan);
	CHECK(haw_connection_channel_request(pair.client.c, pair.client.chan, "subsystem", true, nothing,
					     NULL, &err) == 0);
	CHECK(haw_connection_auth(pair.client.c, HAW_AUTH_PASSWORD, "user", wrong, false, &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.auth_failures == 1 && pair.client.ready == 0 && !pair.client.closed);
	CHECK(pair_login(&pair));
	CHECK(pair.client.ready == 1 && pair.client.replies == 1);
	CHECK(strcmp(pair.server.last_request, "subsystem") == 0);
	pair_end(&pair);
}

static void test_requests(void)
{
	struct pair pair = {0};
	struct pair_options options;
	haw_error err;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(haw_connection_global_request(pair.client.c, "x", true, nothing, NULL, &err) == HAW_ECLOSED);
	CHECK(pair_login(&pair));
	CHECK(haw_connection_global_request(pair.client.c, "good@example.com", true, nothing, NULL, &err) ==
	      0);
	CHECK(haw_connection_global_request(pair.client.c, "bad@example.com", true, nothing, NULL, &err) ==
	      0);
	CHECK(pair_open_channel(&pair));
	CHECK(haw_connection_channel_request(pair.client.c, pair.client.chan, "nonsense", true, nothing, NULL,
					     &err) == 0);
	CHECK(haw_connection_channel_request(pair.client.c, pair.client.chan, "env", false, nothing, NULL,
					     &err) == 0);
	pair_run(&pair);
	CHECK(pair.client.global_replies == 101);
	CHECK(pair.client.failures == 1 && pair.client.replies == 0);
	CHECK(strcmp(pair.server.last_request, "env") == 0);
	CHECK(!haw_connection_channel_open(pair.client.c,
					   "a-type-of-channel-whose-name-is-far-too-long-to-be-sent-anywhere",
					   nothing, 0, 0, NULL, &err));
	CHECK(haw_connection_channel_open(pair.client.c, "other", nothing, 0, 0, &pair.client, &err));
	pair_run(&pair);
	CHECK(pair.client.refused == 1);
	pair_end(&pair);
}

static void test_eof_and_close(void)
{
	struct pair pair = {0};
	struct pair_options options;

	pair_options_init(&options);
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, 5000000));
	pair.client.chan->eof_wanted = pair.client.chan->close_wanted = true;
	pair_run(&pair);
	CHECK(pair.server.data_bytes == 5000000 && !pair.server.data_wrong);
	CHECK(pair.server.eofs == 1 && pair.server.closes == 1 && pair.client.closes == 1);
	haw_connection_disconnect(pair.client.c, 11, "done");
	pair_run(&pair);
	CHECK(pair.server.error.code == HAW_EDISCONNECT && pair.server.error.reason == 11);
	CHECK(pair.client.error.code == HAW_ECLOSED);
	pair_end(&pair);
}

/* The window grows for a consumer that keeps up, and one that does not stops the sender. */
static void test_windows(void)
{
	struct pair pair = {.delay = 15};
	struct pair_options options;

	pair_options_init(&options);
	options.server.memory = 8 * 1024 * 1024;
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair.server.chan->window_max == HAW_WINDOW_START);
	CHECK(pair_send_pattern(&pair.client, 0, 40000000));
	pair_run(&pair);
	CHECK(pair.server.data_bytes == 40000000 && !pair.server.data_wrong);
	CHECK(pair.server.chan->window_max > HAW_WINDOW_START);
	CHECK(pair.server.chan->window_max <= 8 * 1024 * 1024);
	pair_end(&pair);
}

/* It grows as far as it may. */
static void test_limited_window(void)
{
	static const uint32_t most[] = {0, HAW_WINDOW_START, 3000001, UINT32_MAX};

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		uint32_t least = most[i] < HAW_WINDOW_START ? HAW_WINDOW_START : most[i];
		struct pair pair = {.delay = 15};
		struct pair_options options;

		pair_options_init(&options);
		CHECK(pair_start(&pair, &options));
		CHECK(pair_login(&pair));
		CHECK(pair_open_channel(&pair));
		haw_chan_limit_window(pair.server.chan, most[i]);
		CHECK(pair_send_pattern(&pair.client, 0, 40000000));
		pair_run(&pair);
		CHECK(pair.server.data_bytes == 40000000 && !pair.server.data_wrong);
		if (most[i] < UINT32_MAX)
			CHECK(pair.server.chan->window_max == least);
		else
			CHECK(pair.server.chan->window_max > 3000001);
		pair_end(&pair);
	}
}

static void test_rekey(void)
{
	struct pair pair = {.echo = true};
	struct pair_options options;

	pair_options_init(&options);
	options.client.rekey_bytes = 1000000;
	options.server.rekey_bytes = 700000;
	CHECK(pair_start(&pair, &options));
	CHECK(pair_login(&pair));
	CHECK(pair_open_channel(&pair));
	CHECK(pair_send_pattern(&pair.client, 0, 20000000));
	pair_run(&pair);
	CHECK(pair.client.data_bytes == 20000000 && !pair.client.data_wrong);
	CHECK(pair.client.keys > 15 && pair.client.keys == pair.server.keys);
	CHECK(pair.client.host_key_questions == 1);
	pair_end(&pair);
}

int main(void)
{
	RUN(test_login_and_echo);
	RUN(test_each_cipher);
	RUN(test_each_mac);
	RUN(test_aead_is_no_mac);
	RUN(test_each_kex);
	RUN(test_each_host_key);
	RUN(test_byte_by_byte);
	RUN(test_guesses);
	RUN(test_nothing_in_common);
	RUN(test_host_key);
	RUN(test_late_host_key);
	RUN(test_password_and_partial);
	RUN(test_interactive);
	RUN(test_early_channel);
	RUN(test_requests);
	RUN(test_eof_and_close);
	RUN(test_windows);
	RUN(test_limited_window);
	RUN(test_rekey);
	return harness_end();
}
