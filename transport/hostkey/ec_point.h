/* SPDX-License-Identifier: Apache-2.0
 *
 * Points of the NIST curves as octet strings (SEC 1 §2.3). Key exchange uses them too.
 */
#ifndef HAW_HOSTKEY_EC_POINT_H
#define HAW_HOSTKEY_EC_POINT_H

#include <openssl/evp.h>

#include <hawser/message.h>

/* 0x04, x, y */
static inline size_t haw_ec_point_size(size_t field_size)
{
	return 1 + 2 * field_size;
}

/* The public key whose point is in OCTETS, on the curve that OpenSSL calls GROUP; NULL unless the
 * point is uncompressed, of the exact length, on the curve and not at infinity. The NIST curves
 * have cofactor 1, so every such point has the right order. CTX may be NULL. */
EVP_PKEY *haw_ec_point_parse(OSSL_LIB_CTX *ctx, const char *group, size_t field_size, haw_span octets);
/* Append the uncompressed point of KEY; false if KEY does not give it. */
bool haw_ec_point_put(const EVP_PKEY *key, size_t field_size, haw_message *out);

#endif
