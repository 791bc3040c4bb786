/* SPDX-License-Identifier: Apache-2.0
 *
 * What a method's file sees of an exchange. kex.c drives, keeps the order of calls and computes
 * the hash; a family keeps its own state in STATE_SIZE bytes at kex->state.
 */
#ifndef HAW_KEX_KEX_H
#define HAW_KEX_KEX_H

#include <openssl/evp.h>

#include "transport/kex/method.h"

/* Hash and secrets: SHA-512, and what a hybrid of ML-KEM and a curve agrees on, with room. */
#define HAW_KEX_SECRET_MAX 2304u

struct haw_value_flow;

struct haw_kex_ops {
	size_t state_size;
	const struct haw_value_flow *flow; /* of families that use values.h */
	/* Whether OpenSSL has the family's algorithms; the digest is asked for elsewhere. */
	bool (*available)(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx);
	/* Make what does not depend on the peer; may be NULL. Called at most once. */
	int (*prepare)(struct haw_kex *kex, haw_error *err);
	/* Client only: the first message. */
	int (*start)(struct haw_kex *kex, haw_message *out, haw_error *err);
	/* One message, its NUMBER already read from IN. To answer SIGN, VERIFY or AGREED, the
	 * secret must have been set. A client that answers VERIFY has filled in host_key and
	 * signature of REPLY. */
	int (*receive)(struct haw_kex *kex, uint8_t number, haw_message *in, haw_message *out,
		       struct haw_kex_reply *reply, haw_error *err);
	int (*reply)(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
		     haw_error *err);
	/* Append what stands between K_S and K in the hash. */
	void (*put_hashed)(struct haw_kex *kex, haw_message *out);
	/* Release what STATE owns; its bytes are wiped behind it. */
	void (*clear)(struct haw_kex *kex);
};

enum haw_kex_stage {
	HAW_KEX_FRESH,
	HAW_KEX_RUNNING, /* the method's messages go to and fro */
	HAW_KEX_SIGNING, /* server: waits for the signature */
	HAW_KEX_DONE,
	HAW_KEX_FAILED
};

struct haw_kex {
	const struct haw_kex_method *method;
	enum haw_kex_role role;
	enum haw_kex_stage stage;
	bool prepared, has_transcript;
	OSSL_LIB_CTX *ctx;
	EVP_MD *digest;
	struct haw_kex_transcript transcript;
	unsigned int strength; /* of the ciphers, in bits; 0: unknown */
	haw_span moduli;       /* server: the groups to choose from */
	haw_message secret; /* K as hash and keys take it, with its length */
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hash_len;
	void *state;
};

/* Keep K, encoded as the method says. SECRET is big-endian for methods with an mpint. */
int haw_kex_set_secret(struct haw_kex *kex, haw_span secret, haw_error *err);
int haw_kex_protocol_error(haw_error *err, const char *what);
int haw_kex_engine_failed(haw_error *err);

#endif
