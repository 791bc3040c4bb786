/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/argon2.h"

int haw_argon2_library(const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err)
{
	(void)in;
	(void)out;
	(void)len;
	return haw_error_set(
		err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
		"the key file's passphrase is stretched by Argon2, which neither this OpenSSL nor this "
		"build has; puttygen --ppk-param version=2 writes one without");
}
