/* SPDX-License-Identifier: Apache-2.0
 *
 * The backends of this build, each a folder of its own.
 */
#ifndef HAW_CRYPTO_BACKENDS_H
#define HAW_CRYPTO_BACKENDS_H

#include <hawser/backend.h>

extern const haw_backend haw_backend_openssl;
extern const haw_backend haw_backend_ipsecmb;
extern const haw_backend haw_backend_armv8;

#endif
