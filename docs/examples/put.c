/* SPDX-License-Identifier: Apache-2.0
 *
 * Copy one local file to a server: put HOST PORT LOCAL REMOTE.
 *
 * Host keys, user keys and options come from the user's configuration, as with ssh(1). Nobody
 * is asked anything, so an unknown host is refused.
 *
 * cc -o put put.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>

#include <hawser/client.h>
#include <hawser/config.h>
#include <hawser/sftp.h>

/* Send what FROM holds to the open file TO. */
static int send_all(FILE *from, haw_file *to, haw_error *err)
{
	static char buffer[1 << 20];
	uint64_t offset = 0;
	size_t n;

	while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0) {
		if (haw_file_write(to, offset, buffer, n, err) < 0)
			return -1;
		offset += n;
	}
	if (ferror(from))
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0, "cannot read the local file");
	return 0;
}

static int put(haw_client *client, FILE *from, const char *remote, haw_error *err)
{
	haw_sftp *sftp;
	haw_file *to;
	int result = -1;

	if (haw_client_connect(client, 30000, err) < 0)
		return -1;
	sftp = haw_client_sftp(client, 30000, err);
	if (!sftp)
		return -1;
	to = haw_sftp_open(sftp, remote, HAW_OPEN_WRITE | HAW_OPEN_CREATE | HAW_OPEN_TRUNCATE, NULL, err);
	if (to) {
		result = send_all(from, to, err);
		/* A full disk may show only when the file is closed. */
		if (result == 0)
			result = haw_file_close(to, err);
		else
			haw_file_free(to);
	}
	haw_sftp_free(sftp);
	return result;
}

int main(int argc, char **argv)
{
	haw_client_options options = { .size = sizeof(options), .policy = HAW_POLICY_REJECT };
	haw_config *config = NULL;
	haw_host_config *host = NULL;
	haw_loop *loop = NULL;
	haw_client *client = NULL;
	haw_error err = { 0 };
	FILE *from = NULL;
	int result = -1;

	if (argc != 5) {
		fprintf(stderr, "usage: put HOST PORT LOCAL REMOTE\n");
		return 2;
	}
	from = fopen(argv[3], "rb");
	if (!from) {
		perror(argv[3]);
		return 1;
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
	options.port = (uint16_t)atoi(argv[2]);
	client = haw_client_new(loop, &options, &err);
	if (client)
		result = put(client, from, argv[4], &err);
out:
	if (result < 0)
		fprintf(stderr, "put: %s\n", err.message);
	haw_client_free(client);
	haw_loop_free(loop);
	haw_host_config_free(host);
	haw_config_free(config);
	fclose(from);
	return result < 0;
}
