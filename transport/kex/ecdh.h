/* SPDX-License-Identifier: Apache-2.0
 *
 * Elliptic curves (RFC 5656 §4, RFC 8731): an ephemeral public value each way.
 */
#ifndef HAW_KEX_ECDH_H
#define HAW_KEX_ECDH_H

#include "transport/kex/values.h"

struct haw_ecdh {
	struct haw_values values;
	EVP_PKEY *key; /* ephemeral; freed as soon as the secret stands */
};

/* How the values of one kind are made and joined. */
struct haw_ecdh_share {
	const char *group;    /* OpenSSL's name of the curve */
	const char *key_type; /* and of its keys */
	const char *exchange; /* and of the agreement */
	size_t value_size;    /* exact size of a public value */
	size_t secret_size;   /* exact size of what EVP_PKEY_derive gives */
	bool zero_is_refused; /* a secret of zeroes shows a public value of low order */
	/* A fresh ephemeral key. */
	EVP_PKEY *(*generate)(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx);
	/* Append the public value of KEY. */
	bool (*put_public)(const struct haw_ecdh_share *share, const EVP_PKEY *key, haw_message *out);
	/* The key behind the peer's value, already of the right size; NULL if it is not valid. */
	EVP_PKEY *(*take_public)(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, haw_span value);
};

extern const struct haw_kex_ops haw_ecdh_ops;
extern const struct haw_ecdh_share haw_ecdh_x25519, haw_ecdh_nistp256, haw_ecdh_nistp384, haw_ecdh_nistp521;

/* The secret of KEY and the peer's VALUE, which is judged: share->secret_size bytes at SECRET. */
HAW_MUST_USE int haw_ecdh_derive(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, EVP_PKEY *key,
				 haw_span value, uint8_t *secret, haw_error *err);
bool haw_ecdh_share_available(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx);

/* Use KEY (taken over, also on failure) as the ephemeral key in place of a fresh one: for known
 * answers. Before start and receive only. */
HAW_MUST_USE int haw_ecdh_adopt(struct haw_kex *kex, EVP_PKEY *key, haw_error *err);

#endif
