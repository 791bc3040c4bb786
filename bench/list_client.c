/* SPDX-License-Identifier: Apache-2.0
 *
 * Connect, log in, list one directory, say goodbye: what `sftp -b` does with one `ls`, over the public API.
 *
 * usage: list_client CONFIG HOST DIRECTORY
 *
 * CONFIG is a file in the format of ssh_config(5), HOST a name that it knows. The names in DIRECTORY go to
 * standard output, one a line.
 */
#include <stdio.h>

#include <hawser/hawser.h>

static bool print_name(void *user, const haw_name *name)
{
	(void)user;
	fwrite(name->name.ptr, 1, name->name.len, stdout);
	putchar('\n');
	return true;
}

/* The session is started before the login has ended, so that nothing waits that need not. */
static int list(haw_client *client, const char *directory, haw_error *err)
{
	haw_sftp *sftp = NULL;
	haw_op *connecting, *starting = NULL;
	int r;

	connecting = haw_client_connect_start(client, NULL, NULL, err);
	if (!connecting)
		return err->code;
	starting = haw_client_sftp_start(client, &sftp, NULL, NULL, err);
	r = starting ? haw_op_wait(connecting, -1, err) : err->code;
	if (r == 0)
		r = haw_sftp_list(sftp, directory, print_name, NULL, err);
	haw_op_free(starting);
	haw_op_free(connecting);
	haw_sftp_free(sftp);
	return r;
}

static int list_on_host(const haw_host_config *host, const char *directory, haw_error *err)
{
	haw_client_options options = {.size = sizeof(options), .config = host, .batch = true};
	haw_loop *loop = haw_loop_new(NULL, err);
	haw_client *client = loop ? haw_client_new(loop, &options, err) : NULL;
	int r = client ? list(client, directory, err) : err->code;

	if (client)
		haw_client_close(client, 1000);
	haw_client_free(client);
	haw_loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	haw_error err = {0};
	haw_config *config;
	haw_host_config *host = NULL;
	int r = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: list_client CONFIG HOST DIRECTORY\n");
		return 2;
	}
	config = haw_config_new(&err);
	if (config)
		r = haw_config_load_file(config, argv[1], 0, &err);
	if (config && r == 0)
		host = haw_config_lookup(config, argv[2], &err);
	if (host)
		r = list_on_host(host, argv[3], &err);
	haw_host_config_free(host);
	haw_config_free(config);
	if (!host || r < 0) {
		fprintf(stderr, "list_client: %s\n", err.message);
		return 1;
	}
	return 0;
}
