/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the test provider.
 */
#ifndef HAWSER_TESTS_HAWTEST_H
#define HAWSER_TESTS_HAWTEST_H

#include <openssl/core.h>
#include <openssl/evp.h>

#include "device.h"

struct hawtest {
	struct device_modes modes;
	OSSL_LIB_CTX *below; /* where OpenSSL's own provider does the work */
};

/* The instance whose context is PROVCTX. */
struct hawtest *hawtest_of(void *provctx);

/* AES-GCM and AES-CTR through the device. */
extern const OSSL_ALGORITHM hawtest_ciphers[];
bool hawtest_has(const char *algorithm_names);

#endif
