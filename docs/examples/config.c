/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user's configuration says of a host: config HOST [KEYWORD=VALUE]...
 *
 * KEYWORD=VALUE are as ssh's -o. No connection is made.
 *
 * cc -o config config.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>

#include <hawser/config.h>

static void show(const haw_host_config *host)
{
	const haw_host_values *v = haw_host_config_values(host);
	const char *note;

	printf("%s is %s@%s, port %u\n", v->alias, v->user, v->hostname, v->port);
	for (size_t i = 0; i < v->identity_files.count; i++)
		printf("key %s%s\n", v->identity_files.items[i],
		       v->identity_files_set ? "" : ", if it is there");
	for (size_t i = 0; i < v->user_known_hosts.count; i++)
		printf("known hosts %s\n", v->user_known_hosts.items[i]);
	/* Every keyword that OpenSSH knows can be asked for, those without a field above too. */
	if (haw_host_config_get(host, "Ciphers"))
		printf("ciphers %s\n", haw_host_config_get(host, "Ciphers"));
	for (size_t i = 0; (note = haw_host_config_note(host, i)); i++)
		printf("note: %s\n", note);
}

int main(int argc, char **argv)
{
	haw_config *config = NULL;
	haw_host_config *host = NULL;
	haw_error err = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: config HOST [KEYWORD=VALUE]...\n");
		return 2;
	}
	config = haw_config_new(&err);
	if (!config || (getenv("HOME") && haw_config_set_home(config, getenv("HOME"), &err) < 0))
		goto out;
	/* What is set first wins, so these come before the files. */
	for (int i = 2; i < argc; i++)
		if (haw_config_set(config, argv[i], &err) < 0)
			goto out;
	if (haw_config_load_default(config, &err) < 0)
		goto out;
	host = haw_config_lookup(config, argv[1], &err);
	if (host)
		show(host);
out:
	if (!host)
		fprintf(stderr, "config: %s\n", err.message);
	haw_host_config_free(host);
	haw_config_free(config);
	return host ? 0 : 1;
}
