/* SPDX-License-Identifier: Apache-2.0
 *
 * The client from the inside.
 *
 *   client.c      life and connecting      trust.c   is this the host's key?
 *   identities.c  the keys to be tried     login.c   one method after the other
 */
#ifndef HAW_CLIENT_CLIENT_H
#define HAW_CLIENT_CLIENT_H

#include <hawser/client.h>

#include "transport/engine/transport_internal.h"

enum { HAW_IDENTITIES_MAX = 64, HAW_PASSWORD_TRIES = 3 };

/* A key that may log in. Without its private half when that needs a passphrase still; NULL when its
 * public half needs one too. */
struct haw_identity {
	haw_key *key;
	char *path;	/* of an encrypted private key */
};

enum haw_login_step { HAW_STEP_NONE, HAW_STEP_KEY, HAW_STEP_INTERACTIVE, HAW_STEP_PASSWORD };

struct haw_client {
	haw_loop *loop;
	haw_client_options options;
	const haw_host_values *values;	/* of options.config, or NULL */
	char *host, *user_name, *password;
	uint16_t port;
	enum haw_host_key_policy policy;
	haw_known_hosts *known_hosts;
	char host_keys[4096];		/* the list with known types in front */

	struct haw_transport *transport;
	struct haw_connect *connect;
	struct haw_op *login;		/* the attempt under way */
	struct haw_transport_op *connects;

	struct haw_identity identities[HAW_IDENTITIES_MAX];
	size_t identity_count, next_identity;
	enum haw_login_step step;
	unsigned password_tries, interactive_tries, passphrase_tries;
	bool none_tried, logged_in, freed;
	struct haw_question *question;
	haw_key *judged_key;
	haw_message to_sign;
	char sign_algorithm[65];
};

/* trust.c */
int haw_client_load_known_hosts(struct haw_client *client, haw_error *err);
/* Put the algorithms of known keys in front of LIST (resolved), into client->host_keys. */
void haw_client_order_host_keys(struct haw_client *client, const char *list);
void haw_client_judge(void *user, haw_span blob, const char *algorithm);

/* identities.c */
void haw_client_load_identities(struct haw_client *client);
void haw_client_free_identities(struct haw_client *client);
/* Ask for the passphrase of an identity whose key is not there at all, then go on with the login; false
 * if nobody can be asked. */
bool haw_client_unlock(struct haw_client *client);
void haw_client_sign(void *user, haw_span data, const char *algorithm);

/* login.c */
void haw_client_offer_key(struct haw_client *client, struct haw_identity *identity);
void haw_client_login_next(struct haw_client *client);

/* client.c */
void haw_client_end(struct haw_client *client, int code, const haw_error *err);
/* Put a question with one hidden prompt; false if nobody can be asked. */
bool haw_client_ask(struct haw_client *client, enum haw_question_kind kind, const char *text,
		    void (*answered)(void *asker, struct haw_question *q));
void haw_client_drop_question(struct haw_client *client);
void haw_client_log(struct haw_client *client, int level, const char *format, ...) HAW_PRINTF(3, 4);

#endif
