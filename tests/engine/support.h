/* SPDX-License-Identifier: Apache-2.0
 *
 * A user in a directory of his own: keys, known hosts, a configuration, answers to questions; and
 * Debian's sshd, one process for one connection, behind a listening socket.
 */
#ifndef HAWSER_TESTS_ENGINE_SUPPORT_H
#define HAWSER_TESTS_ENGINE_SUPPORT_H

#include <sys/types.h>

#include <hawser/channel.h>
#include <hawser/client.h>

#include "harness.h"

enum { WAIT_MS = 15000, ASKED_MAX = 16 };

struct user {
	char dir[64];
	haw_loop *loop;
	haw_config *config;
	haw_host_config *host;
	haw_client *client;
	haw_client_options options;
	/* The questions, and what is answered to each kind: taken one after the other, the last again. */
	enum haw_question_kind asked[ASKED_MAX];
	unsigned asked_count, next_text;
	const char *texts[4];
	bool accept;
	/* Keep the question, to be answered later. */
	bool keep;
	haw_question *kept;
	char log[8192], text[1024];
};

/* ENGINE: "uring", "poll", NULL for the best. */
bool user_begin(struct user *user, const char *engine);
void user_end(struct user *user);
/* A path in the user's directory, valid until four calls later. */
const char *user_path(const struct user *user, const char *name);
bool user_write(const struct user *user, const char *name, const char *text);
/* One setting ("Port=22"); %s is the directory. */
void user_set(struct user *user, const char *format, ...) HAW_PRINTF(2, 3);
/* A client of 127.0.0.1 at PORT with the settings made; its connecting has begun if the operation is there.
 */
haw_op *user_connect_start(struct user *user, uint16_t port, haw_error *err);
/* The same, to the end. */
int user_connect(struct user *user, uint16_t port, haw_error *err);
/* Drive the loop until DONE says so, at most MS milliseconds. */
void user_run_until(struct user *user, bool (*done)(void), int ms);
/* Forget the client, the configuration and what was asked. */
void user_forget(struct user *user);

/* Run FN once for each I/O engine that works here. */
void for_engines(void (*fn)(const char *engine));

/* ---- sshd ---- */

struct sshd {
	char dir[64];
	pid_t pid;
	int listen_fd;
	uint16_t port;
	haw_key *key; /* that may log in */
	char host_fingerprint[HAW_FINGERPRINT_SIZE];
};

bool sshd_usable(const char **why);
/* EXTRA: further lines of its configuration, or NULL. */
bool sshd_start(struct sshd *sshd, const char *extra);
/* Serve the next connection. */
bool sshd_serve(struct sshd *sshd);
/* A connected socket to a process that serves it, or -1. */
int sshd_socket(struct sshd *sshd);
void sshd_stop(struct sshd *sshd);
const char *local_user(void);
/* A transport to sshd, logged in; NULL on failure. */
haw_transport *sshd_transport(struct sshd *sshd, haw_loop *loop, const haw_transport_options *options,
			      haw_error *err);
void accept_all(void *user, haw_question *question);

#endif
