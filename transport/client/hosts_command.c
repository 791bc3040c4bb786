/* SPDX-License-Identifier: Apache-2.0
 *
 * KnownHostsCommand: lines of known hosts from a program. As in ssh(1) it is run before the connection, so
 * that the algorithms of keys that it knows are offered first (ORDER), and then for the key that the host
 * presents (HOSTNAME). What it says counts for that one judgement, and for host and port together. One that
 * cannot be run, does not end well, or says too much ends the connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/client/client.h"
#include "transport/keys/hosts_update.h"
#include "transport/keys/text.h"

enum { OUTPUT_MAX = 16 << 20, TIMEOUT_MS = 60000, ARGUMENT_MAX = 1 << 17 };

struct haw_hosts_command {
	struct haw_output *run; /* under way */
	const char *invocation;
	bool judging; /* a key waits for it */
	void (*known)(struct haw_client *client);
	char *text; /* what it said last */
	size_t len;
};

/* ---- Arguments ---- */

/* What the tokens stand for. */
struct tokens {
	const char *host, *invocation, *type;
	char fingerprint[HAW_FINGERPRINT_SIZE], *key; /* base64 */
};

static const char *token(const struct tokens *t, char name)
{
	switch (name) {
	case 'H':
		return t->host;
	case 'I':
		return t->invocation;
	case 't':
		return t->type;
	case 'f':
		return t->fingerprint;
	case 'K':
		return t->key;
	default:
		return "%";
	}
}

/* Malloc'ed; NULL if it grows too long or there is no memory. */
static char *expand(const char *text, const struct tokens *t)
{
	haw_message out;
	char *result = NULL;

	haw_message_write(&out, ARGUMENT_MAX);
	for (; *text; text++) {
		const char *value = *text == '%' && text[1] ? token(t, *++text) : NULL;

		if (value)
			haw_put_bytes(&out, value, strlen(value));
		else
			haw_put_byte(&out, (uint8_t)*text);
	}
	haw_put_byte(&out, 0);
	if (haw_message_ok(&out))
		result = strdup((const char *)haw_message_all(&out).ptr);
	haw_message_free(&out);
	return result;
}

static void free_arguments(char **arguments)
{
	for (size_t i = 0; arguments && arguments[i]; i++)
		free(arguments[i]);
	free(arguments);
}

static char **make_arguments(const haw_string_list *command, const struct tokens *t)
{
	char **arguments = calloc(command->count + 1, sizeof(*arguments));

	for (size_t i = 0; arguments && i < command->count; i++) {
		arguments[i] = i == 0 ? strdup(command->items[0]) : expand(command->items[i], t);
		if (!arguments[i]) {
			free_arguments(arguments);
			return NULL;
		}
	}
	return arguments;
}

/* %f is as FingerprintHash says. */
static bool describe_key(const struct haw_client *client, const haw_key *key, struct tokens *t)
{
	const char *hash = haw_host_config_get(client->options.config, "FingerprintHash");
	haw_key *plain = haw_key_plain(key, NULL);
	haw_span blob = haw_key_blob(key);
	bool good = plain != NULL;

	t->type = haw_key_type(key);
	if (good && hash && strcasecmp(hash, "md5") == 0)
		good = haw_key_fingerprint_md5(plain, t->fingerprint) != NULL;
	else if (good)
		snprintf(t->fingerprint, sizeof(t->fingerprint), "%s", haw_key_fingerprint(plain));
	haw_key_free(plain);
	t->key = malloc(HAW_BASE64_SIZE(blob.len));
	if (t->key)
		haw_base64_encode(t->key, blob.ptr, blob.len, true);
	return good && t->key;
}

/* ---- Running ---- */

bool haw_client_has_hosts_command(const struct haw_client *client)
{
	return client->values && client->values->known_hosts_command.count > 0;
}

void haw_client_end_hosts_command(struct haw_client *client)
{
	struct haw_hosts_command *c = client->hosts_command;

	client->hosts_command = NULL;
	if (!c)
		return;
	haw_output_cancel(c->run);
	free(c->text);
	free(c);
}

static int explain(const struct haw_client *client, haw_error *err)
{
	haw_error_prefix(err, "Host key verification failed: the KnownHostsCommand of %s", client->host);
	return err->code = HAW_EHOSTKEY;
}

static void fail(struct haw_client *client, const haw_error *why)
{
	haw_error err = *why;

	explain(client, &err);
	if (client->hosts_command && client->hosts_command->judging)
		haw_transport_judged(client->transport, false, &err);
	else
		haw_transport_fail(client->transport, &err);
}

static void answered(void *user, const char *text, size_t len, const haw_error *err)
{
	struct haw_client *client = user;
	struct haw_hosts_command *c = client->hosts_command;
	haw_error memory;

	c->run = NULL;
	if (!text) {
		fail(client, err);
		return;
	}
	c->text = malloc(len + 1);
	if (!c->text) {
		haw_error_set(&memory, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		fail(client, &memory);
		return;
	}
	memcpy(c->text, text, len + 1);
	c->len = len;
	c->known(client);
}

static int start(struct haw_client *client, struct tokens *t, haw_error *err)
{
	uint32_t ms = client->options.connect_timeout_ms;
	char **arguments = make_arguments(&client->values->known_hosts_command, t);
	const struct haw_output_options options = {
		.arguments = arguments,
		.max = OUTPUT_MAX,
		.timeout_ns = (ms ? ms : TIMEOUT_MS) * 1000000ull,
		.done = answered,
		.user = client,
	};

	if (!arguments)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	haw_client_log(client, 1, "asking the KnownHostsCommand of %s (%s)", client->host, t->invocation);
	client->hosts_command->run = haw_output_start(client->loop->io, &options, err);
	free_arguments(arguments);
	return client->hosts_command->run ? 0 : err->code;
}

int haw_client_ask_hosts_command(struct haw_client *client, const char *invocation, const char *host,
				 const haw_key *key, void (*known)(struct haw_client *client), haw_error *err)
{
	struct tokens t = {.host = host, .invocation = invocation, .type = "NONE", .fingerprint = "NONE"};
	struct haw_hosts_command *c = calloc(1, sizeof(*c));
	int result = HAW_ENOMEM;

	haw_client_end_hosts_command(client);
	client->hosts_command = c;
	if (!key)
		t.key = strdup("NONE");
	if (!c || (key ? !describe_key(client, key, &t) : !t.key)) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	} else {
		*c = (struct haw_hosts_command){
			.invocation = invocation, .judging = key != NULL, .known = known};
		result = start(client, &t, err);
	}
	free(t.key);
	return result < 0 ? explain(client, err) : 0;
}

int haw_client_add_commanded(struct haw_client *client, haw_error *err)
{
	const struct haw_hosts_command *c = client->hosts_command;
	char name[64];
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);

	if (!c || !c->text)
		return 0;
	snprintf(name, sizeof(name), "KnownHostsCommand-%s", c->invocation);
	return haw_hosts_parse_for(client->known_hosts, name, (haw_span){(const uint8_t *)c->text, c->len},
				   host, port, err);
}
