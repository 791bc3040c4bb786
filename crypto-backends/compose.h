/* SPDX-License-Identifier: Apache-2.0
 *
 * A cipher by one backend and the MAC beside it by openssl's code: for a backend that has a suite's cipher
 * (haw_suite_half) but not its MAC. The backend may complete its jobs late and in any order.
 *
 * Encrypt-then-MAC: sealed packets are hashed when the cipher is done with them; packets to be opened are
 * judged first, and only those that pass are deciphered. Encrypt-and-MAC: the other way round.
 */
#ifndef HAW_CRYPTO_COMPOSE_H
#define HAW_CRYPTO_COMPOSE_H

#include <hawser/backend.h>

/* NULL if CIPHER can do the cipher of SUITE here and openssl the MAC, else why not: constant text. Any
 * thread. */
const char *haw_compose_refuses(const haw_backend *cipher, const haw_suite *suite);
/* Make a sealer, or an opener if OPENS, for SUITE. Its traits are those of CIPHER's, but for
 * the depth: what CIPHER's does not take yet waits here. NULL and an error if
 * that is impossible. Keys are copied. */
haw_sealer *haw_compose_sealer(const haw_backend *cipher, const haw_suite *suite, const haw_keys *keys,
			       bool opens, haw_error *err);

#endif
