/* SPDX-License-Identifier: Apache-2.0
 *
 * A client: connects to a host as ssh(1) would, with the user's configuration, known hosts and
 * keys, logs in by whatever method succeeds, and hands out channels and SFTP sessions.
 *
 * Threads: the loop's thread only.
 */
#ifndef HAWSER_CLIENT_H
#define HAWSER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/auth.h>
#include <hawser/config.h>
#include <hawser/known_hosts.h>
#include <hawser/loop.h>
#include <hawser/resolver.h>
#include <hawser/sftp.h>
#include <hawser/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_client haw_client;

/* What happens with a host whose key is not known, as StrictHostKeyChecking has it. A key that is known
 * and differs (in its type too), or is marked as revoked, is refused under every policy but OFF. */
enum haw_host_key_policy {
	HAW_POLICY_DEFAULT = 0,		/* as the configuration says, else REJECT */
	HAW_POLICY_REJECT = 1,
	HAW_POLICY_ASK = 2,		/* HAW_ASK_HOST_KEY; an accepted key is added */
	HAW_POLICY_ACCEPT_NEW = 3,	/* added without asking */
	HAW_POLICY_OFF = 4		/* anything is accepted, with a warning (log level 0); an unknown
					 * key is added, a host whose known key differs gets no password */
};

typedef struct haw_client_options {
	size_t size;			/* sizeof(haw_client_options); 0 or NULL fields: the default */
	const haw_host_config *config;	/* borrowed while connecting; NULL: built-in defaults */
	const char *host;		/* overrides the configuration's HostName */
	const char *user_name;		/* overrides User; default: the local user */
	uint16_t port;			/* overrides Port; default 22 */
	int family;			/* AF_INET, AF_INET6, or 0 for both */
	uint32_t connect_timeout_ms;	/* overrides ConnectTimeout; 0: the system's */
	enum haw_host_key_policy policy;
	const haw_key *const *keys;	/* tried before the configuration's identity files */
	size_t key_count;
	const char *password;		/* tried before asking; NULL: ask */
	bool batch;			/* ask nothing, as BatchMode */
	haw_transport_options transport; /* lists, limits, ask, log and the rest; its lists override
					  * the configuration's */
	haw_resolve_fn resolve;		/* resolves the host's name (resolver.h); NULL: getaddrinfo, on
					 * the loop's resolver thread */
	void *resolve_user;		/* first argument of resolve */
	haw_auth_next_fn auth_next;	/* the order of attempts to log in (auth.h); NULL: ssh's */
	void *auth_user;		/* first argument of auth_next */
	haw_agent_options agent;	/* its path overrides IdentityAgent; "none": no agent */
	const char *host_key_fingerprint; /* "SHA256:...": any other host key is refused, whatever the policy;
					   * what one connection has seen binds the next. NULL: any */
	const haw_config *hops;		/* looked up for each hop of the configuration's ProxyJump (config.h);
					 * NULL: a ProxyJump is an error. Borrowed by haw_client_new */
	haw_stream *stream;		/* run over this instead of making a connection (stream.h); consumed
					 * by haw_client_connect_start, on failure too. The configuration's
					 * ProxyJump and ProxyCommand do not count then */
} haw_client_options;

/* Make a client on LOOP. OPTIONS is copied, what it points to is borrowed until the client is
 * connected. Does not block, except as haw_config_lookup does where the configuration has a ProxyJump: each
 * hop is looked up here, so that hops that lead back to one another are an error (HAW_EFORMAT). */
HAW_API haw_client *haw_client_new(haw_loop *loop, const haw_client_options *options, haw_error *err);
/* Disconnect if connected, and free. SFTP sessions and channels must have been freed. */
HAW_API void haw_client_free(haw_client *client);

/* Connect, check the host key, log in. A ProxyCommand is run by the user's shell; it ends with the client.
 * At each hop of a ProxyJump the same is done first, with what the configuration says of that hop, and the
 * next connection runs over a channel of it (RFC 4254 §7.2); questions of all hops come through the same ask,
 * and batch and log are those of the options. Ends with 0 when logged in. The error says which address,
 * file and line, list or method was at fault. */
HAW_API haw_op *haw_client_connect_start(haw_client *client, haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_client_connect(haw_client *client, int timeout_ms, haw_error *err);
/* The transport; NULL before connect was started. Owned by the client. */
HAW_API haw_transport *haw_client_transport(const haw_client *client);

/* An SFTP session (sftp.h). May be called as soon as connect was started: everything that may be
 * sent ahead is sent ahead. */
HAW_API haw_op *haw_client_sftp_start(haw_client *client, haw_sftp **sftp, haw_op_fn done, void *user,
				      haw_error *err);
HAW_API haw_sftp *haw_client_sftp(haw_client *client, int timeout_ms, haw_error *err);
/* Run COMMAND on a new channel (RFC 4254 §6.5). The channel belongs to the caller. Connected
 * clients only. */
HAW_API haw_channel *haw_client_exec(haw_client *client, const char *command, int timeout_ms, haw_error *err);
/* Say goodbye and close the connection. Blocks until the bytes have left, at most TIMEOUT_MS. */
HAW_API void haw_client_close(haw_client *client, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
