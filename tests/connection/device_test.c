/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins by FIDO devices' keys in the server role: a signature that nobody had to touch the device for
 * (PROTOCOL.u2f, flag 1) logs nobody in, as with sshd, where no option allows it.
 */
#include "pair.h"

#include "transport/connection/internal.h"

#define TYPE "sk-ssh-ed25519@openssh.com"
#define APPLICATION "ssh:"

static void make_blob(EVP_PKEY *device, haw_message *blob)
{
	uint8_t point[32];
	size_t len = sizeof(point);

	CHECK(EVP_PKEY_get_raw_public_key(device, point, &len) == 1);
	haw_message_free(blob);
	haw_message_write(blob, 0);
	haw_put_text(blob, TYPE);
	haw_put_string(blob, point, len);
	haw_put_text(blob, APPLICATION);
}

/* What the device signs: the application, its flags and counter, and DATA, by their digests. */
static void put_signature(EVP_PKEY *device, uint8_t flags, haw_span data, haw_message *out)
{
	uint8_t message[32 + 5 + 32] = {0}, signature[64];
	size_t len = sizeof(signature), mark;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	CHECK(EVP_Digest(APPLICATION, strlen(APPLICATION), message, NULL, EVP_sha256(), NULL) == 1);
	message[32] = flags;
	message[36] = 7;
	CHECK(EVP_Digest(data.ptr, data.len, message + 37, NULL, EVP_sha256(), NULL) == 1);
	CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, device) == 1);
	CHECK(EVP_DigestSign(ctx, signature, &len, message, sizeof(message)) == 1);
	EVP_MD_CTX_free(ctx);
	mark = haw_put_string_begin(out);
	haw_put_text(out, TYPE);
	haw_put_string(out, signature, len);
	haw_put_bytes(out, message + 32, 5);
	haw_put_string_end(out, mark);
}

static bool logs_in(uint8_t flags, bool spoil)
{
	EVP_PKEY *device = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct haw_packetizer *p;
	struct pair_options options;
	struct pair pair = {0};
	haw_message request, data;
	haw_span session;
	bool authenticated;

	pair_options_init(&options);
	CHECK_OR(device && pair_start(&pair, &options), false);
	pair_run(&pair);
	make_blob(device, &pair.user_blob);
	haw_message_write(&request, 0);
	haw_put_byte(&request, HAW_MSG_USERAUTH_REQUEST);
	haw_put_text(&request, "user");
	haw_put_text(&request, "ssh-connection");
	haw_put_text(&request, "publickey");
	haw_put_bool(&request, true);
	haw_put_text(&request, TYPE);
	haw_put_string(&request, haw_message_all(&pair.user_blob).ptr, haw_message_all(&pair.user_blob).len);
	session = haw_message_all(&pair.client.c->session_id);
	haw_message_write(&data, 0);
	haw_put_string(&data, session.ptr, session.len);
	haw_put_bytes(&data, haw_message_all(&request).ptr, haw_message_all(&request).len - spoil);
	put_signature(device, flags, haw_message_all(&data), &request);
	p = haw_connection_packetizer(pair.client.c);
	CHECK_OR(p->ops->put(p, haw_message_all(&request), NULL) == 0, false);
	pair_run(&pair);
	authenticated = pair.server.c->login.authenticated;
	haw_message_free(&request);
	haw_message_free(&data);
	EVP_PKEY_free(device);
	pair_end(&pair);
	return authenticated;
}

static void test_presence(void)
{
	CHECK(logs_in(1, false));
	CHECK(logs_in(1 | 4, false)); /* a PIN was asked for, too */
	CHECK(!logs_in(1, true));
	CHECK(!logs_in(0, false));
	CHECK(!logs_in(4, false));
}

int main(void)
{
	RUN(test_presence);
	return harness_end();
}
