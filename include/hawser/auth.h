/* SPDX-License-Identifier: Apache-2.0
 *
 * In what order a client logs in (RFC 4252): an iterator that is asked for the next attempt, with
 * what the server allows and what was tried before.
 *
 * By default a client goes on as ssh(1) does. A program with an order of its own sets
 * haw_client_options.auth_next; it may hand out attempts of its own and those of the default order,
 * mixed as it likes: docs/examples/agent.c.
 *
 * Threads: the loop's thread only.
 */
#ifndef HAWSER_AUTH_H
#define HAWSER_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include <hawser/agent.h>
#include <hawser/error.h>
#include <hawser/key.h>

#ifdef __cplusplus
extern "C" {
#endif

struct haw_client;

enum haw_try_kind {
	HAW_TRY_NONE = 1,       /* "none": asks what is allowed, and is let in where nothing is required */
	HAW_TRY_KEY = 2,        /* "publickey" */
	HAW_TRY_PASSWORD = 3,   /* "password" */
	HAW_TRY_INTERACTIVE = 4 /* "keyboard-interactive"; its prompts are HAW_ASK_PROMPTS */
};

/* One attempt. Zeroed by the caller of haw_auth_next_fn; what it points to lives until the next call, or
 * until the login has ended. */
typedef struct haw_auth_try {
	enum haw_try_kind kind;
	/* HAW_TRY_KEY: what is offered, a plain key or a certificate. NULL if only KEY_FILE is known. */
	const haw_key *key;
	/* Who signs, the first of these that is not zero; all zero: KEY itself, or if it has no private half
	 * HAW_ASK_SIGN. */
	const haw_key *signer; /* a key with its private half: that of KEY's certificate, say */
	haw_agent *agent;      /* an agent, by AGENT_KEY if that is not NULL, else by KEY */
	const haw_key *agent_key;
	const char *key_file; /* a private key file, whose passphrase is asked for (HAW_ASK_PASSPHRASE) when
			       * the server has said that it would take KEY */
	/* HAW_TRY_PASSWORD: the password; NULL: it is asked for (HAW_ASK_PASSWORD). */
	const char *password;
} haw_auth_try;

/* What became of an attempt. */
typedef struct haw_auth_result {
	enum haw_try_kind kind;
	const haw_key *key; /* of HAW_TRY_KEY; NULL if it never became known */
	bool partial;       /* it succeeded, and the server wants a further method (RFC 4252 §5.1) */
	bool answered;      /* the server refused it; false: nobody answered a question, nothing signed, or
			     * the server ended the attempt in another way */
} haw_auth_result;

typedef struct haw_auth_state {
	size_t size; /* of this struct in the library; fields are added at its end */
	const char *user_name;
	const char *methods; /* what the server allows ("publickey,password"), escaped; NULL before it has
			      * said so */
	bool partial;        /* the last attempt succeeded in part */
	const haw_auth_result *history; /* what was tried, in order */
	size_t history_count;
} haw_auth_state;

/* Fill in NEXT and return 1; return 0 if there is nothing left, which ends the login with HAW_EAUTH; a
 * negative code with ERR ends it with that; HAW_EAGAIN: not yet, haw_client_auth_resume will follow. The
 * first call is made before the connection is there, so that the first attempt can leave as early as
 * possible. STATE and what it points to live until it returns. */
typedef int (*haw_auth_next_fn)(void *user, struct haw_client *client, const haw_auth_state *state,
				haw_auth_try *next, haw_error *err);

/* The next attempt of the default order, for use inside a haw_auth_next_fn, with the arguments it was given:
 *
 *  1. the caller's keys (haw_client_options.keys);
 *  2. certificates of CertificateFile; keys of IdentityFile that the agent holds, in the agent's order;
 *     the agent's other keys, unless IdentitiesOnly is set; keys of IdentityFile that it does not hold, each
 *     with FILE-cert.pub behind it if that is there and no CertificateFile is named;
 *  3. keyboard-interactive, then passwords, each as often as NumberOfPasswordPrompts says.
 *
 * PreferredAuthentications changes the order of methods. The caller's password is tried before anybody is
 * asked. After a partial success (RFC 4252 §5.1) keys that were refused are tried again, the one that
 * succeeded is not. Returns what a haw_auth_next_fn returns; HAW_EAGAIN while the agent is asked for its
 * keys. */
HAW_API int haw_client_auth_default(struct haw_client *client, const haw_auth_state *state,
				    haw_auth_try *next, haw_error *err);
/* After HAW_EAGAIN: have the client ask for the next attempt. Harmless at any other time. */
HAW_API void haw_client_auth_resume(struct haw_client *client);

#ifdef __cplusplus
}
#endif
#endif
