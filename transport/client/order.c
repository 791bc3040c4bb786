/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which a client logs in unless its program has one of its own (hawser/auth.h): that of
 * ssh(1).
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/client/client.h"

#define METHODS "publickey,keyboard-interactive,password"

static haw_span span_of(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

/* ---- The keys ---- */

static void agent_listed(void *user, haw_op *op)
{
	struct haw_client *client = user;
	haw_error err;
	int result = haw_op_result(op, &err);

	client->agent_list = NULL;
	haw_op_detach(op);
	/* One that is not there is no news: the variable outlives agents. */
	if (result < 0)
		haw_client_log(client, result == HAW_ECONNECT ? 1 : 0, "%s; going on without it",
			       err.message);
	haw_client_load_identities(client, result == 0);
	client->order.keys_ready = true;
	haw_client_auth_resume(client);
}

static bool open_agent(struct haw_client *client)
{
	haw_agent_options options = client->options.agent;
	haw_error err;

	options.size = sizeof(options);
	if (!options.path)
		options.path = client->values ? client->values->identity_agent : "none";
	if (!options.path || strcmp(options.path, "none") == 0)
		return false;
	client->agent = haw_agent_new(client->loop, &options, &err);
	if (client->agent)
		client->agent_list = haw_agent_list_start(client->agent, agent_listed, client, &err);
	if (!client->agent_list)
		haw_client_log(client, 0, "%s", err.message);
	return client->agent_list != NULL;
}

/* Begin to gather the keys; they are there at once unless an agent has to be asked. */
static void prepare(struct haw_client *client)
{
	const haw_host_values *v = client->values;

	client->order.prepared = true;
	if ((!v || v->pubkey_authentication) && open_agent(client))
		return;
	haw_client_load_identities(client, false);
	client->order.keys_ready = true;
}

void haw_client_free_order(struct haw_client *client)
{
	haw_client_free_identities(&client->order.keys);
}

static int next_key(struct haw_client *client, const haw_auth_state *state, haw_auth_try *next)
{
	struct haw_order *order = &client->order;

	if (!order->keys_ready)
		return HAW_EAGAIN;
	for (size_t i = 0; i < order->keys.count; i++) {
		struct haw_identity *identity = &order->keys.items[i];

		if (identity->tried || identity->used)
			continue;
		/* Nobody is asked for a passphrase before the server has said that keys are of use. */
		if (!identity->key && !state->methods)
			return 0;
		identity->tried = true;
		*next = (haw_auth_try){
			.kind = HAW_TRY_KEY,
			.key = identity->key,
			.signer = identity->signer && haw_key_can_sign(identity->signer) ? identity->signer
											 : NULL,
			.agent = identity->agent_key ? client->agent : NULL,
			.agent_key = identity->agent_key,
			.key_file = identity->encrypted ? identity->path : NULL,
		};
		return 1;
	}
	return 0;
}

/* ---- The other methods ---- */

static unsigned prompts(const struct haw_client *client)
{
	return client->values ? client->values->password_prompts : HAW_PASSWORD_TRIES;
}

static int next_interactive(struct haw_client *client, const haw_auth_state *state, haw_auth_try *next)
{
	bool wanted = !client->values || client->values->kbd_interactive_authentication;

	if (!wanted || !state->methods || !haw_client_can_ask(client) ||
	    client->order.interactive_tries >= prompts(client))
		return 0;
	client->order.interactive_tries++;
	next->kind = HAW_TRY_INTERACTIVE;
	return 1;
}

static int given_password(struct haw_client *client, haw_auth_try *next)
{
	bool wanted = !client->values || client->values->password_authentication;

	if (!wanted || !client->password || client->order.password_given)
		return 0;
	client->order.password_given = true;
	client->order.password_tries++;
	*next = (haw_auth_try){.kind = HAW_TRY_PASSWORD, .password = client->password};
	return 1;
}

static int next_password(struct haw_client *client, const haw_auth_state *state, haw_auth_try *next)
{
	bool wanted = !client->values || client->values->password_authentication;

	if (!wanted || !state->methods || !haw_client_can_ask(client) ||
	    client->order.password_tries >= prompts(client))
		return 0;
	if (client->order.password_tries++ > 0)
		haw_client_log(client, 0, "permission denied, please try again");
	next->kind = HAW_TRY_PASSWORD;
	return 1;
}

static int next_of(struct haw_client *client, haw_span method, const haw_auth_state *state,
		   haw_auth_try *next)
{
	if (haw_span_is(method, "publickey"))
		return next_key(client, state, next);
	if (haw_span_is(method, "keyboard-interactive"))
		return next_interactive(client, state, next);
	if (haw_span_is(method, "password"))
		return next_password(client, state, next);
	return 0;
}

/* ---- Which comes next ---- */

static bool allows(const haw_auth_state *state, haw_span method)
{
	haw_span list, name;

	/* Before its first answer the server may allow anything. */
	if (!state->methods)
		return true;
	list = span_of(state->methods);
	while (haw_list_next(&list, &name))
		if (haw_span_equal(name, method))
			return true;
	return false;
}

/* What came of the last attempt. After a partial success the server wants something else: what it refused
 * before may do now, but not what has proven already (as ssh, where the server refuses that). */
static void take_notice(struct haw_order *order, const haw_auth_state *state)
{
	for (; order->seen < state->history_count; order->seen++) {
		const haw_auth_result *result = &state->history[order->seen];

		/* Whoever would not answer is not asked again. */
		if (result->kind == HAW_TRY_PASSWORD && !result->answered)
			order->password_tries = UINT_MAX;
		if (!result->partial)
			continue;
		for (size_t i = 0; i < order->keys.count; i++) {
			struct haw_identity *identity = &order->keys.items[i];

			/* Servers know a key again by its public half, certificate or not. */
			if (result->key && identity->key &&
			    strcmp(haw_key_fingerprint(identity->key), haw_key_fingerprint(result->key)) == 0)
				identity->used = true;
			identity->tried = false;
		}
	}
}

/* "publickey" is worth an attempt before the server has said anything; what asks a person is not. */
static int first_try(struct haw_client *client, haw_span methods, const haw_auth_state *state,
		     haw_auth_try *next)
{
	haw_span name;
	int result = 0;

	if (haw_list_next(&methods, &name) && haw_span_is(name, "publickey"))
		result = next_key(client, state, next);
	if (result == 0 && haw_list_has(methods, "password"))
		result = given_password(client, next);
	if (result == 0 && !client->order.none_tried) {
		client->order.none_tried = true;
		next->kind = HAW_TRY_NONE;
		result = 1;
	}
	return result;
}

int haw_client_auth_default(haw_client *client, const haw_auth_state *state, haw_auth_try *next,
			    haw_error *err)
{
	const char *preferred = client->values ? client->values->preferred_authentications : NULL;
	haw_span methods = span_of(preferred ? preferred : METHODS), rest = methods, name;
	int result = 0;

	(void)err;
	if (!client->order.prepared)
		prepare(client);
	take_notice(&client->order, state);
	if (!state->methods)
		return first_try(client, methods, state, next);
	while (result == 0 && haw_list_next(&rest, &name)) {
		if (!allows(state, name))
			continue;
		/* The caller's password comes before anybody is asked. */
		if (!haw_span_is(name, "publickey") && haw_list_has(methods, "password") &&
		    allows(state, span_of("password")))
			result = given_password(client, next);
		if (result == 0)
			result = next_of(client, name, state, next);
	}
	return result;
}
