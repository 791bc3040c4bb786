/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchange methods (RFC 4253 §8, RFC 5656, RFC 8731): one file a family, both roles side by
 * side. A method is constant data and a few functions; the connection decides when its messages
 * travel, verifies and makes signatures, and derives keys through it.
 *
 *   client: start → (message) … receive → VERIFY      server: receive → SIGN … reply → (message)
 */
#ifndef HAW_KEX_METHOD_H
#define HAW_KEX_METHOD_H

#include <hawser/message.h>

#include <openssl/types.h>

enum haw_kex_role { HAW_KEX_CLIENT, HAW_KEX_SERVER };

/* What receive has brought about. */
enum haw_kex_step {
	HAW_KEX_MORE = 0,	/* more messages are needed; what was written to OUT is to be sent */
	HAW_KEX_SIGN = 1,	/* server: the exchange hash is known and wants the host key's signature */
	HAW_KEX_VERIFY = 2	/* client: the server's host key and signature are to be judged */
};

struct haw_kex;
struct haw_kex_method;

/* What the exchange hash covers besides the method's own values (RFC 4253 §8). Version lines without
 * CR LF; KEXINIT payloads with their number. host_key: the server role's blob; a client learns it. */
struct haw_kex_transcript {
	haw_span client_version, server_version;
	haw_span client_init, server_init;
	haw_span host_key;
};

/* Views live as long as the kex object and the received payload. */
struct haw_kex_reply {
	haw_span host_key;
	haw_span signature;
	haw_span hash;
};

/* The method called NAME, or NULL. Constant data. */
const struct haw_kex_method *haw_kex_method_find(const char *name);
/* The name of the method at INDEX, or NULL behind the last. */
const char *haw_kex_method_at(size_t index);

/* One run of METHOD. CONTEXT may be NULL: OpenSSL's default library context. */
struct haw_kex *haw_kex_new(const struct haw_kex_method *method, enum haw_kex_role role, OSSL_LIB_CTX *context,
			    haw_error *err);
/* Wipes everything secret. NULL is allowed. */
void haw_kex_free(struct haw_kex *kex);
/* The spans are borrowed until the exchange hash was computed. Before receive. */
void haw_kex_set_transcript(struct haw_kex *kex, const struct haw_kex_transcript *transcript);
/* Client: append the first message's payload to OUT. Server: appends nothing. */
HAW_MUST_USE int haw_kex_start(struct haw_kex *kex, haw_message *out, haw_error *err);
/* Take a message 30-49 (PAYLOAD with its number). Returns an enum haw_kex_step or a negative code; on
 * SIGN and VERIFY fills in REPLY. */
HAW_MUST_USE int haw_kex_receive(struct haw_kex *kex, haw_span payload, haw_message *out,
				 struct haw_kex_reply *reply, haw_error *err);
/* Server, after SIGN: append the reply's payload with the host key and its signature to OUT. */
HAW_MUST_USE int haw_kex_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
			       haw_error *err);
/* The exchange hash H; empty before it is known. */
haw_span haw_kex_hash(const struct haw_kex *kex);
/* Derive LEN bytes for LETTER 'A'..'F' (RFC 4253 §7.2). LEN 0 is allowed. */
HAW_MUST_USE int haw_kex_derive(const struct haw_kex *kex, char letter, haw_span session_id, uint8_t *out,
				size_t len, haw_error *err);

#endif
