/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the openssl backend: one constructor per family of suites, and the algorithms that
 * they fetch.
 *
 * Algorithms come from the process's default library context, so that what an administrator
 * configured for OpenSSL (a FIPS provider, an engine for the CPU) holds for Hawser too.
 * They are fetched on first use, once, and kept.
 */
#ifndef HAW_OPENSSL_OPENSSL_H
#define HAW_OPENSSL_OPENSSL_H

#include <hawser/backend.h>

#include <openssl/evp.h>

/* The algorithm of that name, or NULL if this OpenSSL has none. Borrowed. Any thread. */
const EVP_CIPHER *haw_openssl_cipher(const char *name);
const EVP_MD *haw_openssl_digest(const char *name);
const EVP_MAC *haw_openssl_mac(const char *name);

/* The names under which OpenSSL knows what SUITE needs; NULL where it needs none. */
const char *haw_openssl_cipher_name(const haw_suite *suite);
const char *haw_openssl_digest_name(const haw_suite *suite);

/* Report the oldest error that OpenSSL has queued and empty its queue. Returns HAW_ECRYPTO. */
int haw_openssl_error(haw_error *err, const char *what);

haw_sealer *haw_openssl_gcm_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err);
haw_sealer *haw_openssl_chacha_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err);
haw_sealer *haw_openssl_ctr_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err);

#endif
