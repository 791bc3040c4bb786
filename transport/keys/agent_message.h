/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between an agent and its clients (draft-ietf-sshm-ssh-agent §3), a uint32 length in
 * front of each. Who sends them is transport/engine/agent.c.
 */
#ifndef HAW_KEYS_AGENT_MESSAGE_H
#define HAW_KEYS_AGENT_MESSAGE_H

#include <hawser/key.h>

/* OpenSSH's bounds. */
enum { HAW_AGENT_MESSAGE_MAX = 256 * 1024, HAW_AGENT_KEYS_MAX = 2048 };

/* Append a request. BLOB is the public key whose private half is to sign; ALGORITHM, a plain
 * one, decides the flags. */
void haw_agent_put_list(haw_message *out);
void haw_agent_put_sign(haw_message *out, haw_span blob, haw_span data, const char *algorithm);

/* What an answer (without its length) says. FOUND is called with each key that this library knows, in
 * order, which is its own from then on; if it returns false the walk ends with HAW_ENOMEM. */
int haw_agent_get_list(haw_span answer, bool (*found)(void *user, haw_key *key), void *user, haw_error *err);
/* The signature blob, a view into ANSWER, which nobody has verified. */
int haw_agent_get_signature(haw_span answer, haw_span *signature, haw_error *err);
/* Whether it is what was asked for. That somebody has touched a device is for the server to demand, where a
 * key may be allowed without (no-touch-required). */
int haw_agent_check_signature(const haw_key *key, const char *algorithm, haw_span data, haw_span signature,
			      haw_error *err);

#endif
