/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an operand points: a local name, [user@]host:[path], or a URL of sftp:// or scp://.
 */
#ifndef CP_LOCATION_H
#define CP_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cp_location {
	bool remote;
	char *user;	/* NULL: not given */
	char *host;	/* without brackets; NULL if local */
	uint16_t port;	/* 0: not given */
	char *path;	/* never empty if remote: "." is the home directory */
	bool tilde;	/* PATH begins with ~USER, which only the server can expand */
	char *raw;	/* the same as written, "~" and all, for a shell there; NULL if local */
};

/* Take TEXT apart. False, with a sentence in REASON (SIZE bytes), if it is malformed. */
bool cp_location_parse(struct cp_location *location, const char *text, char *reason, size_t size);
void cp_location_free(struct cp_location *location);
/* Whether both are on the same host, as the user wrote it. */
bool cp_location_same_host(const struct cp_location *a, const struct cp_location *b);

#endif
