/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection core's server role for OpenSSH's client: whoever comes is let in, and what is sent to a
 * session comes back. It serves until its standard input ends.
 *
 * usage: echo_server KEX COMPRESSION [MODULI-FILE]
 *
 * Writes the port and the host key's fingerprint, then how many key exchanges there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/engine/server.h"

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (!file || !text || fread(text, 1, (1 << 20) - 1, file) == 0)
		exit(2);
	fclose(file);
	return text;
}

int main(int argc, char **argv)
{
	struct server server = {.allow_none = true, .ends = true};
	char byte;

	if (argc < 3)
		return 2;
	server.kex = argv[1];
	server.compression = argv[2];
	server.moduli = argc > 3 ? read_all(argv[3]) : NULL;
	if (!server_start(&server))
		return 1;
	printf("%u %s\n", server.port, server.fingerprint);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	printf("%u\n", (unsigned)server.key_exchanges);
	server_stop(&server);
	free((char *)server.moduli);
	return 0;
}
