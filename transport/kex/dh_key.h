/* SPDX-License-Identifier: Apache-2.0
 *
 * Diffie-Hellman in groups modulo a prime, by OpenSSL.
 */
#ifndef HAW_KEX_DH_KEY_H
#define HAW_KEX_DH_KEY_H

#include "transport/kex/kex.h"

enum { HAW_DH_BITS_MIN = 2048, HAW_DH_BITS_MAX = 8192 };

/* A fresh key in the group that OpenSSL calls NAME; NULL on failure. */
EVP_PKEY *haw_dh_named_key(OSSL_LIB_CTX *ctx, const char *name);
/* A fresh key in the group of the safe prime P with generator G. */
EVP_PKEY *haw_dh_key(OSSL_LIB_CTX *ctx, const BIGNUM *p, const BIGNUM *g);
/* Append the public value of KEY. */
bool haw_dh_put_public(const EVP_PKEY *key, haw_message *out);
/* Judge the peer's VALUE (RFC 4253 §8, RFC 8268 §4: 1 < f < p - 1) and set the secret. */
HAW_MUST_USE int haw_dh_agree(struct haw_kex *kex, EVP_PKEY *key, haw_span value, haw_error *err);
bool haw_dh_available(OSSL_LIB_CTX *ctx);

#endif
