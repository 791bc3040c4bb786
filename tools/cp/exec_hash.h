/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash that sha256sum makes on the server, by a command on a channel of its own.
 */
#ifndef CP_EXEC_HASH_H
#define CP_EXEC_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CP_HASH_SIZE = 32 };

struct cp_session;
struct cp_conn;

/* Have PATH (absolute) of SIZE bytes hashed. DONE is called once, never from within: HASH is NULL if nothing
 * came that can be believed to be one. False: not possible now. */
bool cp_exec_hash(struct cp_session *s, const char *path, uint64_t size,
		  void (*done)(void *user, const uint8_t *hash), void *user);
/* End those that take too long; those on CONN (NULL: none), which is about to go. */
void cp_exec_hash_turn(struct cp_session *s, const struct cp_conn *conn);
/* The hash of the file PATH in the output of sha256sum; false: that is no such output. */
bool cp_hash_parse(const char *text, size_t len, uint8_t hash[CP_HASH_SIZE]);

#endif
