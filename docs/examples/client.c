/* SPDX-License-Identifier: Apache-2.0
 *
 * Log in as ssh(1) would and say what was agreed on: client HOST [PORT].
 *
 * Configuration, known hosts and keys are the user's. Keys that have a passphrase, passwords and unknown
 * hosts are asked about on the terminal.
 *
 * cc -o client client.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hawser/client.h>
#include <hawser/config.h>

/* Called from the loop with each question. This one answers at once; a program with windows would keep
 * QUESTION, return, and answer when somebody has clicked. */
static void ask(void *user, haw_question *question)
{
	const char *texts[8] = {0};
	size_t count = haw_question_prompt_count(question);
	char line[16];

	(void)user;
	fprintf(stderr, "%s\n", haw_question_text(question));
	switch (haw_question_kind(question)) {
	case HAW_ASK_HOST_KEY:
		fprintf(stderr, "Go on (yes/no)? ");
		if (fgets(line, sizeof(line), stdin) && strcmp(line, "yes\n") == 0)
			haw_question_accept(question);
		else
			haw_question_refuse(question);
		return;
	case HAW_ASK_PASSWORD:
	case HAW_ASK_PASSPHRASE:
	case HAW_ASK_PROMPTS:
	case HAW_ASK_NEW_PASSWORD:
		if (count > sizeof(texts) / sizeof(texts[0]))
			break;
		for (size_t i = 0; i < count; i++) {
			/* getpass holds one line at a time. */
			char *typed = getpass(haw_question_prompt(question, i, NULL));

			texts[i] = typed ? strdup(typed) : NULL;
			if (typed)
				explicit_bzero(typed, strlen(typed));
		}
		if (count == 0 || texts[count - 1])
			haw_question_answer(question, texts, count); /* copies */
		else
			haw_question_refuse(question);
		for (size_t i = 0; i < count && texts[i]; i++) {
			explicit_bzero((char *)texts[i], strlen(texts[i]));
			free((char *)texts[i]);
		}
		return;
	default:
		break;
	}
	haw_question_refuse(question);
}

static void show(haw_client *client)
{
	haw_transport *transport = haw_client_transport(client);
	const haw_key *key = haw_transport_host_key(transport);
	haw_transport_info info = {.size = sizeof(info)};

	haw_transport_get_info(transport, &info);
	printf("server:   %s\n", info.peer_version);
	printf("exchange: %s%s\n", info.kex, info.strict_kex ? " (strict)" : "");
	printf("host key: %s %s\n", info.host_key, haw_key_fingerprint(key));
	printf("packets:  %s out by %s, %s in by %s\n", info.suite_out, info.backend_out, info.suite_in,
	       info.backend_in);
}

int main(int argc, char **argv)
{
	haw_client_options options = {.size = sizeof(options), .policy = HAW_POLICY_ASK};
	haw_host_config *host = NULL;
	haw_config *config = NULL;
	haw_client *client = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	int result = -1;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: client HOST [PORT]\n");
		return 2;
	}
	config = haw_config_new(&err);
	if (!config || (getenv("HOME") && haw_config_set_home(config, getenv("HOME"), &err) < 0) ||
	    haw_config_load_default(config, &err) < 0)
		goto out;
	host = haw_config_lookup(config, argv[1], &err);
	loop = host ? haw_loop_new(NULL, &err) : NULL;
	if (!loop)
		goto out;
	options.config = host;
	options.hops = config; /* for jump hosts */
	options.port = argc == 3 ? (uint16_t)atoi(argv[2]) : 0; /* 0: as the configuration says */
	options.transport.size = sizeof(options.transport);
	options.transport.ask = ask;
	client = haw_client_new(loop, &options, &err);
	if (!client)
		goto out;
	result = haw_client_connect(client, 60000, &err);
	if (result == 0) {
		show(client);
		haw_client_close(client, 1000);
	}
out:
	if (result < 0)
		fprintf(stderr, "client: %s\n", err.message);
	haw_client_free(client);
	haw_loop_free(loop);
	haw_host_config_free(host);
	haw_config_free(config);
	return result < 0;
}
