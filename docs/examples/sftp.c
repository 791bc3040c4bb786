/* SPDX-License-Identifier: Apache-2.0
 *
 * List a directory of a server, or fetch a file: sftp HOST PORT list DIRECTORY
 *                                                sftp HOST PORT get REMOTE LOCAL
 *
 * put.c sends one.
 *
 * cc -o sftp sftp.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/client.h>
#include <hawser/config.h>
#include <hawser/sftp.h>

/* Names are the server's: bytes, not text, and escaped for the terminal. */
static bool show_entry(void *user, const haw_name *name)
{
	char text[1100];

	(void)user;
	printf("%06o %12llu %s\n", name->attrs.mode, (unsigned long long)name->attrs.size,
	       haw_escape(text, sizeof(text), name->name.ptr, name->name.len));
	return true;
}

/* Reads as much as fits in one buffer at a time; each keeps several requests in flight. */
static int receive_all(haw_file *from, FILE *to, haw_error *err)
{
	static char buffer[4 << 20];
	uint64_t offset = 0;
	ptrdiff_t n;

	do {
		n = haw_file_read(from, offset, buffer, sizeof(buffer), err);
		if (n < 0)
			return -1;
		if (fwrite(buffer, 1, (size_t)n, to) != (size_t)n)
			return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0,
					     "cannot write the local file");
		offset += (uint64_t)n;
	} while ((size_t)n == sizeof(buffer));
	return 0;
}

static int get(haw_sftp *sftp, const char *remote, const char *local, haw_error *err)
{
	haw_file *from = haw_sftp_open(sftp, remote, HAW_OPEN_READ, NULL, err);
	FILE *to = from ? fopen(local, "wb") : NULL;
	int result = -1;

	if (to)
		result = receive_all(from, to, err);
	else if (from)
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0, "cannot write %s", local);
	if (to && fclose(to) != 0 && result == 0)
		result = haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0, "cannot write %s", local);
	haw_file_free(from);
	return result;
}

static int work(haw_client *client, char **argv, haw_error *err)
{
	haw_sftp *sftp;
	int result;

	if (haw_client_connect(client, 30000, err) < 0)
		return -1;
	sftp = haw_client_sftp(client, 30000, err);
	if (!sftp)
		return -1;
	if (strcmp(argv[3], "list") == 0)
		result = haw_sftp_list(sftp, argv[4], show_entry, NULL, err);
	else
		result = get(sftp, argv[4], argv[5], err);
	haw_sftp_free(sftp);
	return result;
}

int main(int argc, char **argv)
{
	haw_client_options options = {.size = sizeof(options), .policy = HAW_POLICY_REJECT};
	haw_host_config *host = NULL;
	haw_config *config = NULL;
	haw_client *client = NULL;
	haw_loop *loop = NULL;
	haw_error err = {0};
	int result = -1;

	if (!(argc == 5 && strcmp(argv[3], "list") == 0) && !(argc == 6 && strcmp(argv[3], "get") == 0)) {
		fprintf(stderr, "usage: sftp HOST PORT list DIRECTORY\n"
				"       sftp HOST PORT get REMOTE LOCAL\n");
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
	options.port = (uint16_t)atoi(argv[2]);
	client = haw_client_new(loop, &options, &err);
	if (client)
		result = work(client, argv, &err);
out:
	if (result < 0)
		fprintf(stderr, "sftp: %s\n", err.message);
	haw_client_free(client);
	haw_loop_free(loop);
	haw_host_config_free(host);
	haw_config_free(config);
	return result < 0;
}
