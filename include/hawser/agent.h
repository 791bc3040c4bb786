/* SPDX-License-Identifier: Apache-2.0
 *
 * An ssh-agent: a program that holds private keys and signs with them (draft-ietf-sshm-ssh-agent,
 * OpenSSH's PROTOCOL.agent).
 *
 * Keys, certificates and the keys of FIDO tokens that the agent holds are listed as haw_keys
 * without a private half; a signature is asked for with the key that is to make it. A client
 * (client.h) uses the user's agent by itself; this handle is for programs that do more with one.
 *
 * The agent is not trusted: what it sends is bounded, and a signature is verified before it is
 * handed on. One that does not answer in its time, breaks the protocol or dies has failed for good,
 * and every request ends with that error; a new haw_agent may be made.
 *
 * Threads: the loop's thread only.
 */
#ifndef HAWSER_AGENT_H
#define HAWSER_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/key.h>
#include <hawser/loop.h>
#include <hawser/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_agent haw_agent;

typedef struct haw_agent_options {
	size_t size;              /* sizeof(haw_agent_options); 0 or NULL fields: the default */
	const char *path;         /* of its socket; NULL: SSH_AUTH_SOCK from the environment. Copied */
	uint32_t list_timeout_ms; /* for connecting and for a list; default 5,000 */
	uint32_t sign_timeout_ms; /* for a signature, which a person may have to confirm, or to touch a
				   * token for; default 120,000 */
} haw_agent_options;

/* A handle on the agent that OPTIONS (may be NULL) name. Nothing is connected before the first
 * request. NULL: HAW_ENOTFOUND where no agent is named, HAW_EINVAL for a path that no socket can have,
 * HAW_ENOMEM. Does not block. */
HAW_API haw_agent *haw_agent_new(haw_loop *loop, const haw_agent_options *options, haw_error *err);
/* Disconnect and free; requests under way end with HAW_ECANCELED. Keys that were referenced
 * (haw_key_ref) stay. NULL is allowed. */
HAW_API void haw_agent_free(haw_agent *agent);
/* The path of its socket. Lives as long as AGENT. */
HAW_API const char *haw_agent_path(const haw_agent *agent);

/* Ask which keys the agent holds (SSH_AGENTC_REQUEST_IDENTITIES). Ends with 0 when haw_agent_key_at has
 * them; types that this library does not know are left out, as are RSA keys below 2048 bits. Errors:
 *   HAW_ECONNECT   there is no agent at the path, or it may not be used
 *   HAW_ETIMEDOUT  no answer in time
 *   HAW_ECLOSED    the agent hung up
 *   HAW_EPROTOCOL  the answer is malformed
 *   HAW_ELIMIT     over 256 KiB, or more than 2048 keys
 *   HAW_EREFUSED   the agent refused */
HAW_API haw_op *haw_agent_list_start(haw_agent *agent, haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_agent_list(haw_agent *agent, int timeout_ms, haw_error *err);
/* The INDEX-th key of the last list, in the agent's order, its comment with it; NULL behind the last.
 * Borrowed until the next list has come or AGENT is freed; haw_key_ref keeps it. */
HAW_API const haw_key *haw_agent_key_at(const haw_agent *agent, size_t index);

/* Have the agent sign DATA with the private half of KEY (SSH_AGENTC_SIGN_REQUEST). ALGORITHM as haw_key_sign
 * takes it, or NULL for the first of haw_key_algorithm_at: for an RSA key it chooses the digest, by the flags
 * of RFC 8332. Ends with 0 when the signature blob (RFC 4253 §6.6; for FIDO keys with flags and counter
 * behind it) was appended to the writer SIGNATURE, which must outlive the operation. DATA is copied. Errors
 * as above; also
 *   HAW_EINVAL      ALGORITHM is of another type
 *   HAW_EREFUSED    the agent does not sign: it has no such key, it is locked, or the user said no
 *   HAW_EINTEGRITY  what came back is no signature by that key and algorithm */
HAW_API haw_op *haw_agent_sign_start(haw_agent *agent, const haw_key *key, const char *algorithm,
				     haw_span data, haw_message *signature, haw_op_fn done, void *user,
				     haw_error *err);
HAW_API HAW_MUST_USE int haw_agent_sign(haw_agent *agent, const haw_key *key, const char *algorithm,
					haw_span data, haw_message *signature, int timeout_ms,
					haw_error *err);

#ifdef __cplusplus
}
#endif
#endif
