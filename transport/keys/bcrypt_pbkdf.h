/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAW_KEYS_BCRYPT_PBKDF_H
#define HAW_KEYS_BCRYPT_PBKDF_H

#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

/* Salt bytes and rounds that are accepted from a file. A round costs about 3 ms for a 48-byte key,
 * so a forged file cannot hold its reader for more than half a minute. */
#define HAW_BCRYPT_SALT_MAX 1024u
#define HAW_BCRYPT_ROUNDS_MAX 10000u

/* Derive OUT_LEN bytes (1 to 1024) from a passphrase and a salt with ROUNDS rounds of
 * bcrypt_pbkdf, the key derivation of OpenSSH's private key format. HAW_EINVAL for empty input or
 * sizes out of range, HAW_ECRYPTO, HAW_ENOMEM. */
int haw_bcrypt_pbkdf(const void *passphrase, size_t passphrase_len, const void *salt, size_t salt_len,
		     unsigned int rounds, uint8_t *out, size_t out_len, haw_error *err);

#endif
