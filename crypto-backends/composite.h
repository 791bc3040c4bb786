/* SPDX-License-Identifier: Apache-2.0
 *
 * A backend beside openssl's MACs (compose.h), as a backend, so that it can be tested and chosen as one.
 * Name, description, version and flags are the cipher's; it refuses suites whose cipher needs no MAC.
 */
#ifndef HAW_CRYPTO_COMPOSITE_H
#define HAW_CRYPTO_COMPOSITE_H

#include <hawser/backend.h>

struct haw_composite {
	haw_backend base;
	const haw_backend *cipher;
};

/* CIPHER is borrowed. Nothing is to be freed. */
void haw_composite_init(struct haw_composite *composite, const haw_backend *cipher);

#endif
