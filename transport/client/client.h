/* SPDX-License-Identifier: Apache-2.0
 *
 * The client from the inside.
 *
 *   client.c      life and connecting           trust.c  is this the host's key?
 *   identities.c  the keys to be tried          order.c  which attempt comes next, by default
 *   login.c       one attempt after the other   sign.c   who signs, and the passphrase for it
 *   trust_order.c  which host key algorithms go first    follow.c  a host's new and old keys
 *   route.c       how to get there              hosts_command.c  KnownHostsCommand
 */
#ifndef HAW_CLIENT_CLIENT_H
#define HAW_CLIENT_CLIENT_H

#include <hawser/client.h>

#include "transport/engine/transport_internal.h"

enum { HAW_IDENTITIES_MAX = 256, HAW_PASSWORD_TRIES = 3, HAW_LOGIN_HISTORY_MAX = 512 };

/* A key that may log in. */
struct haw_identity {
	haw_key *key;	    /* what is offered; NULL: not known without a passphrase */
	haw_key *signer;    /* the private half */
	haw_key *agent_key; /* the agent signs with this one */
	char *path;	    /* of a private key file that needs a passphrase, or of a public one */
	bool encrypted;	    /* PATH holds the private half */
	bool tried, used;   /* used: succeeded in part */
};

struct haw_identities {
	struct haw_identity *items;
	size_t count, room;
};

/* The default order's progress. */
struct haw_order {
	struct haw_identities keys;
	bool prepared, keys_ready, none_tried, password_given;
	unsigned password_tries, interactive_tries;
	size_t seen; /* results that were taken notice of */
};

struct haw_client {
	haw_loop *loop;
	haw_client_options options;
	const haw_host_values *values;	/* of options.config, or NULL */
	char *host, *user_name, *password;
	uint16_t port;
	enum haw_host_key_policy policy;
	haw_known_hosts *known_hosts;
	char host_keys[4096];		/* the list that is offered */
	bool orders_host_keys;		/* known ones first */

	struct haw_transport *transport;
	struct haw_connect *connect;
	struct haw_timer again;		/* the next attempt to connect */
	uint32_t attempts;		/* that failed */
	uint64_t connecting_since;
	struct haw_child *child;	/* of ProxyCommand */
	struct haw_client *outer, *via; /* over whose way this one is, the hop before this one */
	haw_host_config *own_config;	/* of a hop */
	struct haw_op *via_op, *tunnel; /* while under way */
	struct haw_transport_op *connects;

	/* Logging in. */
	haw_auth_try current;		/* KEY is a reference of ours */
	haw_key *unlocked;		/* the private half that a passphrase gave */
	struct haw_op *login;		/* the attempt under way */
	bool waiting;			/* the iterator said HAW_EAGAIN */
	struct haw_timer resume;
	haw_auth_result *history;	/* keys are references */
	size_t history_count;
	unsigned keys_tried;
	struct haw_order order;
	haw_agent *agent;
	struct haw_op *agent_list, *agent_op; /* agent_op: a signature */
	haw_message agent_signature;
	unsigned passphrase_tries;
	bool partial, logged_in, freed;
	struct haw_question *question;
	haw_key *judged_key;		/* the host's; the key inside where its certificate is not believed */
	bool untrusted_host;		/* accepted though it is not to be trusted: it gets no secret */
	struct haw_hosts_command *hosts_command; /* and what it said last; or NULL */
	struct haw_follow *follow;	/* the host's keys are to be followed; or NULL */
	haw_message to_sign;
	const char *sign_algorithm;	/* constant */
};

/* trust.c */
/* Read known hosts anew: the files, and what KnownHostsCommand said last. */
int haw_client_load_known_hosts(struct haw_client *client, haw_error *err);
/* The name and port (0: any) that the host is known by: HostKeyAlias, else its own. */
const char *haw_client_known_name(const struct haw_client *client, uint16_t *port);
/* Is KEY not an RSA key below RequiredRSASize? */
bool haw_client_is_large_enough(const struct haw_client *client, const haw_key *key);
/* trust_order.c: put the algorithms of known keys in front of LIST (resolved), into client->host_keys. */
void haw_client_order_host_keys(struct haw_client *client, const char *list);
void haw_client_judge(void *user, haw_span blob, const char *algorithm);

/* hosts_command.c */
bool haw_client_has_hosts_command(const struct haw_client *client);
/* Run KnownHostsCommand for INVOCATION (constant), HOST as %H and KEY (NULL: none was presented yet). When it
 * has ended well, KNOWN is called; if it does not, the connection fails. */
int haw_client_ask_hosts_command(struct haw_client *client, const char *invocation, const char *host,
				 const haw_key *key, void (*known)(struct haw_client *client),
				 haw_error *err);
/* What it said last, if anything, into client->known_hosts. */
int haw_client_add_commanded(struct haw_client *client, haw_error *err);
/* Kill it, and forget what it said. */
void haw_client_end_hosts_command(struct haw_client *client);

/* follow.c */
/* The host's key was accepted by what the user's own files say, or by a person: take notice of the list of
 * keys that the server will send. */
void haw_client_follow_begin(struct haw_client *client);
void haw_client_follow_end(struct haw_client *client);
bool haw_client_global_request(void *user, haw_span name, haw_span data);
/* If the server is proving its new keys, let it. Blocks. */
void haw_client_follow_wait(struct haw_client *client, int timeout_ms);

/* identities.c */
/* Gather the keys to be tried, in order; the agent, if there is one, has been asked before (AGENT_KEYS: it
 * has answered). */
void haw_client_load_identities(struct haw_client *client, bool agent_keys);
/* The private half in the file PATH is known now: nobody is asked for its passphrase again. */
void haw_client_remember_key(struct haw_client *client, const char *path, haw_key *key);
void haw_client_free_identities(struct haw_identities *list);

/* sign.c */
/* Ask for the passphrase of client->current, whose key is not known at all, and then offer it; false if
 * nobody can be asked. */
bool haw_client_unlock(struct haw_client *client);
bool haw_client_sign(void *user, haw_span data, const char *algorithm);
/* Forget whom a signature was asked for. */
void haw_client_end_signing(struct haw_client *client);

/* order.c */
void haw_client_free_order(struct haw_client *client);

/* login.c */
void haw_client_offer_key(struct haw_client *client);
/* The attempt under way cannot be made. */
void haw_client_give_up_try(struct haw_client *client);
void haw_client_login_next(struct haw_client *client);
void haw_client_free_login(struct haw_client *client);
bool haw_client_can_ask(const struct haw_client *client);

/* route.c */
/* Make the clients of the hops that lead to this one. */
int haw_client_plan_route(struct haw_client *client, haw_error *err);
/* Get a stream for the transport. */
int haw_client_start_route(struct haw_client *client, haw_error *err);
/* The connection has ended because of ERR: so has what runs over it. */
void haw_client_route_lost(struct haw_client *client, const haw_error *err);
void haw_client_free_route(struct haw_client *client);

/* client.c */
struct haw_client *haw_client_make(haw_loop *loop, const haw_client_options *options,
				   struct haw_client *outer, haw_error *err);
void haw_client_end(struct haw_client *client, int code, const haw_error *err);
/* Put a question with one hidden prompt; false if nobody can be asked. */
bool haw_client_ask(struct haw_client *client, enum haw_question_kind kind, const char *text,
		    void (*answered)(void *asker, struct haw_question *q));
void haw_client_drop_question(struct haw_client *client);
void haw_client_log(struct haw_client *client, int level, const char *format, ...) HAW_PRINTF(3, 4);

#endif
