/* SPDX-License-Identifier: Apache-2.0
 *
 * A server inside the test: the connection core in its server role on a thread, behind a listening
 * socket on loopback. It serves one connection after the other, and can do what a stock server
 * cannot be told to do: take passwords, ask questions, fall silent.
 */
#ifndef HAWSER_TESTS_ENGINE_SERVER_H
#define HAWSER_TESTS_ENGINE_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include <hawser/key.h>

#include "harness.h"

/* What the server does with a request that its host keys be proved. */
enum server_answer { SERVER_NO, SERVER_YES, SERVER_REKEY_THEN_YES, SERVER_HANG_UP };

struct server {
	/* Set before server_start. */
	const char *password;	/* that is right; NULL: none is */
	const char *expired;	/* a password that is to be changed; every change is refused */
	const char *code;	/* the right answer to keyboard-interactive; NULL: none is */
	const char *methods;	/* named after a failure */
	const haw_key *key;	/* that may log in */
	bool allow_none, need_both; /* need_both: the key, then the password */
	bool mute;		/* accepts connections and says nothing at all */
	bool version_only;	/* sends its version line, and never a KEXINIT */
	bool refuse_channels;
	bool hold;		/* takes no data from channels */
	bool ends;		/* closes a channel when it has sent all back */
	const char *kex, *compression, *moduli; /* NULL: the default; moduli: text of moduli(5) */

	/* Set between connections. */
	haw_message certificate; /* presented in place of the host key; empty: none */
	haw_message announced;	/* hostkeys-00@openssh.com, sent ANNOUNCEMENTS times after the login */
	unsigned announcements;
	const haw_key *second_key; /* after the login, rekey with this as the host key; NULL: do not */
	enum server_answer (*prove)(struct server *server, haw_span session, haw_span request,
				    haw_message *reply);

	uint16_t port;
	char fingerprint[HAW_FINGERPRINT_SIZE];
	int listen_fd, stop_fd;
	haw_key *host_key;
	void *host_pkey;
	pthread_t thread;
	atomic_uint connections, nones, passwords, changes, keys, codes, key_exchanges, echoed, proofs;
};

/* Begin to serve; false if that fails. */
bool server_start(struct server *server);
/* Its name in known hosts. */
const char *server_name(const struct server *server);
/* From the next connection on: present this certificate; send this list of host keys so many times. */
void server_present(struct server *server, haw_span certificate);
void server_announce(struct server *server, haw_span list, unsigned times);
/* End the connection that is open, and the thread. */
void server_stop(struct server *server);

#endif
