/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups that a server proposes in group exchange, in the form of moduli(5).
 */
#ifndef HAW_KEX_MODULI_H
#define HAW_KEX_MODULI_H

#include <hawser/message.h>

#include <openssl/types.h>

/* A safe prime P with its generator G (both for the caller to free), of MIN to MAX bits and as close to
 * WANTED as TEXT has, from above where possible; by chance among equals. If TEXT has none, one of RFC 3526
 * as OpenSSH does. False if nothing fits or OpenSSL failed. */
bool haw_moduli_choose(haw_span text, uint32_t min, uint32_t wanted, uint32_t max, BIGNUM **p, BIGNUM **g);

#endif
