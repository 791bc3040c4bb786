/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a file on the server is what it is here (--verify): by the server's check-file, else by sha256sum
 * run there, else by reading it back. A hash that differs, or that is none, is not believed before the file
 * has been read back, for a command may see other files than the SFTP server does.
 */
#ifndef CP_VERIFY_H
#define CP_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

struct cp_session;

enum cp_verify_method { CP_BY_CHECK_FILE, CP_BY_SHA256SUM, CP_BY_READING, CP_METHODS };

enum cp_verdict { CP_SAME, CP_DIFFERS, CP_UNKNOWN };

/* The local side: bytes at DATA, or if that is NULL the file FD; both stay the caller's until DONE. */
struct cp_verify_local {
	const uint8_t *data;
	int fd;
	uint64_t size;
};

/* DONE is called once, never from within; ERR says why nothing is known. False: out of memory. */
bool cp_verify(struct cp_session *s, const char *remote, const struct cp_verify_local *local,
	       void (*done)(void *user, enum cp_verdict verdict, enum cp_verify_method method,
			    const haw_error *err),
	       void *user);
/* "by check-file" and so on. */
extern const char *const cp_verify_words[CP_METHODS];

#endif
