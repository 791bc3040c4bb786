/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the openssl backend: one constructor per family of suites, and the algorithms that
 * they fetch.
 *
 * The openssl backend takes algorithms from the process's default library context, so that what an
 * administrator configured for OpenSSL (a FIPS provider, an engine for the CPU) holds for Hawser too.
 * Others, with a library context or a property query of their own, are sources beside it. Whatever the
 * source, an algorithm is fetched on first use, once, and kept.
 */
#ifndef HAW_OPENSSL_OPENSSL_H
#define HAW_OPENSSL_OPENSSL_H

#include <hawser/backend.h>

#include <openssl/evp.h>
#include <stdatomic.h>

enum haw_openssl_kind { HAW_OPENSSL_CIPHER, HAW_OPENSSL_DIGEST, HAW_OPENSSL_MAC };

enum { HAW_OPENSSL_ALGORITHMS = 32 };

/* Where algorithms come from. Shared by threads; lives as long as the sealers that were made from it. */
struct haw_openssl_source {
	OSSL_LIB_CTX *context;  /* borrowed; NULL: the process's default */
	const char *properties; /* the property query of each fetch; NULL: as the context is configured */
	/* If set, called instead of fetching, once for each name until it has an answer; what it gives
	 * belongs to the source's owner and outlives the source. */
	const void *(*find)(struct haw_openssl_source *source, enum haw_openssl_kind kind, const char *name);
	_Atomic(const void *) found[HAW_OPENSSL_ALGORITHMS];
};

/* That of the openssl backend. */
extern struct haw_openssl_source haw_openssl_configured;

/* Give back what SOURCE has fetched; its sealers are all gone. */
void haw_openssl_source_clear(struct haw_openssl_source *source);

/* The algorithm of that name, or NULL if SOURCE has none. Borrowed. Any thread. */
const EVP_CIPHER *haw_openssl_cipher(struct haw_openssl_source *source, const char *name);
const EVP_MD *haw_openssl_digest(struct haw_openssl_source *source, const char *name);
const EVP_MAC *haw_openssl_mac(struct haw_openssl_source *source, const char *name);

/* The names under which OpenSSL knows what SUITE needs; NULL where it needs none. */
const char *haw_openssl_cipher_name(const haw_suite *suite);
const char *haw_openssl_digest_name(const haw_suite *suite);

/* Report the oldest error that OpenSSL has queued and empty its queue. Returns HAW_ECRYPTO. */
int haw_openssl_error(haw_error *err, const char *what);

/* NULL if SUITE can be made of SOURCE's algorithms, else why not: constant text. */
const char *haw_openssl_refuses(struct haw_openssl_source *source, const haw_suite *suite);
/* A sealer, or an opener if OPENS, of SOURCE's algorithms, which finishes inside submit. */
haw_sealer *haw_openssl_make(struct haw_openssl_source *source, const haw_suite *suite, const haw_keys *keys,
			     bool opens, haw_error *err);

/* The same for one family of suites that SOURCE has the algorithms of. */
haw_sealer *haw_openssl_gcm_new(struct haw_openssl_source *source, const haw_suite *suite,
				const haw_keys *keys, bool opens, haw_error *err);
haw_sealer *haw_openssl_chacha_new(struct haw_openssl_source *source, const haw_suite *suite,
				   const haw_keys *keys, bool opens, haw_error *err);
haw_sealer *haw_openssl_cipher_new(struct haw_openssl_source *source, const haw_suite *suite,
				   const haw_keys *keys, bool opens, haw_error *err);

#endif
