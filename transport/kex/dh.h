/* SPDX-License-Identifier: Apache-2.0
 *
 * Diffie-Hellman in the groups of RFC 3526 (RFC 8268), and in one that the server proposes (RFC 4419).
 */
#ifndef HAW_KEX_DH_H
#define HAW_KEX_DH_H

#include "transport/kex/values.h"

struct haw_dh {
	struct haw_values values;
	EVP_PKEY *key; /* ephemeral; freed as soon as the secret stands */
};

/* A method's parameters are OpenSSL's name of its group. */
extern const struct haw_kex_ops haw_dh_ops;
extern const struct haw_kex_ops haw_group_exchange_ops;

/* Use KEY (taken over, also on failure) as the ephemeral key. */
HAW_MUST_USE int haw_dh_adopt(struct haw_kex *kex, EVP_PKEY *key, haw_error *err);
/* The "take" of both flows. */
int haw_dh_take(struct haw_kex *kex, haw_span value, haw_error *err);

#endif
