/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes of data, for comparing copies.
 *
 * Threads: each hash is used by one thread at a time, any.
 */
#ifndef HAWSER_HASH_H
#define HAWSER_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HAW_HASH_MAX = 64 };	/* bytes of the longest */

typedef struct haw_hash haw_hash;

/* Begin a hash by ALGORITHM: "sha256" or "sha512" (FIPS 180-4). HAW_ENOTFOUND for others; HAW_ECRYPTO if
 * OpenSSL, as configured, lacks it. The caller frees it. Does not block. */
HAW_API haw_hash *haw_hash_new(const char *algorithm, haw_error *err);
/* Add LEN bytes at DATA. Failures show at the end. */
HAW_API void haw_hash_add(haw_hash *hash, const void *data, size_t len);
/* Write the hash to OUT and return its length in bytes, or HAW_ECRYPTO. Once. */
HAW_API HAW_MUST_USE ptrdiff_t haw_hash_end(haw_hash *hash, uint8_t out[HAW_HASH_MAX], haw_error *err);
/* NULL is ignored. */
HAW_API void haw_hash_free(haw_hash *hash);

#ifdef __cplusplus
}
#endif
#endif
