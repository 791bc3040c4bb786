/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchange methods (RFC 4253 §7-8), both roles, as the connection drives them.
 *
 * A method is constant data: its name, the digest of its exchange hash, how the shared secret is
 * encoded, and the operations of its family. It has its own messages, 30 to 49, as many as it
 * likes (group exchange has five), and it knows nothing of KEXINIT, NEWKEYS or packets. A method
 * whose name is made at run time (GSS-API) is a row that the caller fills in.
 *
 *   client: new, [prepare], start → message;  set_transcript;  receive… → VERIFY;  derive
 *   server: new, [prepare], start (writes nothing);  set_transcript;  receive… → SIGN;
 *           reply → message;  derive
 *
 * Nothing here blocks or knows time; one exchange belongs to one connection. Everything secret is
 * wiped when it is no longer needed and by haw_kex_free.
 */
#ifndef HAW_KEX_METHOD_H
#define HAW_KEX_METHOD_H

#include <hawser/message.h>

#include <openssl/types.h>

struct haw_kex;
struct haw_kex_ops;

enum haw_kex_role { HAW_KEX_CLIENT, HAW_KEX_SERVER };

/* What haw_kex_receive answers. */
enum haw_kex_step {
	HAW_KEX_MORE = 0,   /* send what was written, if anything, and wait for the peer */
	HAW_KEX_SIGN = 1,   /* server: the hash stands; sign it with the host key and call haw_kex_reply */
	HAW_KEX_VERIFY = 2, /* client: host key, signature and hash are in the reply; verify them */
	HAW_KEX_AGREED = 3  /* the method has authenticated the server itself: there is no host key */
};

enum haw_kex_flags {
	/* K enters hash and keys as a string, not as an mpint (hybrids with a post-quantum method). */
	HAW_KEX_SECRET_IS_STRING = 1,
	/* The server has no host key: K_S is the empty string in the hash (RFC 4462 §2.1). */
	HAW_KEX_NO_HOST_KEY = 2
};

struct haw_kex_method {
	const char *name;
	const char *digest; /* OpenSSL's name of HASH */
	unsigned int flags; /* enum haw_kex_flags */
	const struct haw_kex_ops *ops;
	const void *parameters; /* the family's own: a curve, a group */
};

/* What both sides have said before the method begins; RFC 4253 §8 hashes it. */
struct haw_kex_transcript {
	haw_span client_version, server_version; /* V_C, V_S: the lines without CR LF */
	haw_span client_init, server_init;       /* I_C, I_S: the payloads of KEXINIT */
	haw_span host_key;                       /* K_S on a server; a client learns it from the reply */
};

/* Host key and signature view the payload that was received, the hash lives in the exchange. */
struct haw_kex_reply {
	haw_span host_key, signature, hash;
};

/* The method called NAME, or NULL. */
const struct haw_kex_method *haw_kex_method_find(const char *name);
/* Whether the OpenSSL at hand, as configured, has what METHOD needs. CTX may be NULL. Any thread. */
bool haw_kex_method_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx);
/* The name of the method at INDEX, best first, or NULL behind the last. */
const char *haw_kex_method_at(size_t index);

/* An exchange by METHOD, which must outlive it. CTX may be NULL. NULL: HAW_ENOMEM, HAW_ECRYPTO. */
struct haw_kex *haw_kex_new(const struct haw_kex_method *method, enum haw_kex_role role, OSSL_LIB_CTX *ctx,
			    haw_error *err);
/* Wipe and free; NULL is allowed. */
void haw_kex_free(struct haw_kex *kex);

/* How many bits of security the ciphers ask of the exchange; before start. Group exchange asks for groups as
 * strong; unknown, for the strongest. */
void haw_kex_set_strength(struct haw_kex *kex, unsigned int bits);
/* Server: the groups of group exchange in the form of moduli(5), as text that must outlive the exchange.
 * Without one that fits, those of RFC 3526 serve. */
void haw_kex_set_moduli(struct haw_kex *kex, haw_span text);

/* Make the ephemeral key ahead of time, so that start or receive need not; optional. */
HAW_MUST_USE int haw_kex_prepare(struct haw_kex *kex, haw_error *err);
/* Client: append the method's first message to OUT. Server: nothing. Needs no transcript, so that
 * a client can send it right behind its KEXINIT. */
HAW_MUST_USE int haw_kex_start(struct haw_kex *kex, haw_message *out, haw_error *err);
/* The views of TRANSCRIPT must live until the exchange hash stands. */
void haw_kex_set_transcript(struct haw_kex *kex, const struct haw_kex_transcript *transcript);
/* Take the message 30-49 in PAYLOAD, append what is to be sent to OUT, fill in REPLY as the result
 * says. Returns enum haw_kex_step, or HAW_EPROTOCOL (the peer), HAW_EINVAL (no transcript),
 * HAW_ENOMEM, HAW_ECRYPTO; after an error the exchange is of no further use. */
HAW_MUST_USE int haw_kex_receive(struct haw_kex *kex, haw_span payload, haw_message *out,
				 struct haw_kex_reply *reply, haw_error *err);
/* Server, after HAW_KEX_SIGN: append the message that carries HOST_KEY (the blob that was hashed)
 * and SIGNATURE (a signature blob over the hash). */
HAW_MUST_USE int haw_kex_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
			       haw_error *err);

/* The exchange hash H; empty before it stands. It lives as long as the exchange. */
haw_span haw_kex_hash(const struct haw_kex *kex);
/* LEN bytes (0 is allowed) of key LETTER, 'A' to 'F' (RFC 4253 §7.2). SESSION_ID is the hash of the first
 * exchange. HAW_EINVAL before the hash stands. */
HAW_MUST_USE int haw_kex_derive(const struct haw_kex *kex, char letter, haw_span session_id, uint8_t *out,
				size_t len, haw_error *err);

#endif
