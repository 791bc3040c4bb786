/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of an agent, and an order of attempts of one's own:
 *
 *   agent list                           the keys that the agent holds
 *   agent sign FINGERPRINT TEXT          have one of them sign TEXT
 *   agent login FINGERPRINT HOST PORT    log in with that key alone; then go on as ssh(1) would
 *
 * The agent is the one of SSH_AUTH_SOCK.
 *
 * cc -o agent agent.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/agent.h>
#include <hawser/client.h>
#include <hawser/config.h>

static haw_loop *loop;
static haw_agent *agent;

static int list(void)
{
	const haw_key *key;
	char comment[100];

	for (size_t i = 0; (key = haw_agent_key_at(agent, i)); i++)
		printf("%s %s %s\n", haw_key_fingerprint(key), haw_key_type(key),
		       haw_escape(comment, sizeof(comment), haw_key_comment(key),
				  strlen(haw_key_comment(key))));
	return 0;
}

static const haw_key *find(const char *fingerprint, haw_error *err)
{
	const haw_key *key;

	for (size_t i = 0; (key = haw_agent_key_at(agent, i)); i++)
		if (strcmp(haw_key_fingerprint(key), fingerprint) == 0)
			return key;
	haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0, "the agent holds no key %s", fingerprint);
	return NULL;
}

static int sign(const char *fingerprint, const char *text, haw_error *err)
{
	const haw_key *key = find(fingerprint, err);
	haw_span data = {(const uint8_t *)text, strlen(text)}, all;
	haw_message signature;
	int result = -1;

	haw_message_write(&signature, 0);
	if (key)
		result = haw_agent_sign(agent, key, NULL, data, &signature, 60000, err);
	all = haw_message_all(&signature);
	for (size_t i = 0; result == 0 && i < all.len; i++)
		printf("%02x", all.ptr[i]);
	if (result == 0)
		printf("\n");
	haw_message_free(&signature);
	return result;
}

/* ---- An order of one's own ---- */

/* Called for the first attempt, and after each that did not do. */
static int next(void *user, haw_client *client, const haw_auth_state *state, haw_auth_try *attempt,
		haw_error *err)
{
	const haw_key *wanted = user;

	if (state->history_count > 0)
		printf("%s: refused%s\n", state->history[state->history_count - 1].key ? "key" : "other",
		       state->partial ? " until more is proven" : "");
	if (state->history_count == 0) {
		*attempt = (haw_auth_try){.kind = HAW_TRY_KEY, .key = wanted, .agent = agent};
		return 1;
	}
	return haw_client_auth_default(client, state, attempt, err);
}

static int login(const char *fingerprint, const char *host_name, const char *port, haw_error *err)
{
	haw_client_options options = {.size = sizeof(options), .policy = HAW_POLICY_REJECT, .batch = true};
	const haw_key *key = find(fingerprint, err);
	haw_config *config = key ? haw_config_new(err) : NULL;
	haw_host_config *host = NULL;
	haw_client *client = NULL;
	int result = -1;

	if (config && (!getenv("HOME") || haw_config_set_home(config, getenv("HOME"), err) == 0) &&
	    haw_config_load_default(config, err) == 0)
		host = haw_config_lookup(config, host_name, err);
	options.config = host;
	options.port = (uint16_t)atoi(port);
	options.auth_next = next;
	options.auth_user = (void *)key;
	if (host)
		client = haw_client_new(loop, &options, err);
	if (client)
		result = haw_client_connect(client, 60000, err);
	if (result == 0)
		printf("logged in\n");
	haw_client_free(client);
	haw_host_config_free(host);
	haw_config_free(config);
	return result;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	haw_error err = {0};
	int result = -1;

	if (!(strcmp(what, "list") == 0 && argc == 2) && !(strcmp(what, "sign") == 0 && argc == 4) &&
	    !(strcmp(what, "login") == 0 && argc == 5)) {
		fprintf(stderr, "usage: agent list | sign FINGERPRINT TEXT | login FINGERPRINT HOST PORT\n");
		return 2;
	}
	loop = haw_loop_new(NULL, &err);
	agent = loop ? haw_agent_new(loop, NULL, &err) : NULL;
	if (agent && haw_agent_list(agent, 10000, &err) == 0) {
		if (what[0] == 's')
			result = sign(argv[2], argv[3], &err);
		else
			result = strcmp(what, "list") == 0 ? list() : login(argv[2], argv[3], argv[4], &err);
	}
	if (result < 0)
		fprintf(stderr, "agent: %s\n", err.message);
	haw_agent_free(agent);
	haw_loop_free(loop);
	return result < 0;
}
