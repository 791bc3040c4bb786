/* SPDX-License-Identifier: Apache-2.0
 *
 * curve25519-sha256 (RFC 8731), known as curve25519-sha256@libssh.org before it was standardised.
 */
#include "transport/kex/ecdh.h"

static EVP_PKEY *x25519_generate(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx)
{
	return EVP_PKEY_Q_keygen(ctx, NULL, share->group);
}

static bool x25519_put_public(const struct haw_ecdh_share *share, const EVP_PKEY *key, haw_message *out)
{
	size_t len = share->value_size;
	uint8_t *space = haw_put_space(out, len);

	return space && EVP_PKEY_get_raw_public_key(key, space, &len) == 1 && len == share->value_size;
}

static EVP_PKEY *x25519_take_public(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, haw_span value)
{
	return EVP_PKEY_new_raw_public_key_ex(ctx, share->group, NULL, value.ptr, value.len);
}

const struct haw_ecdh_share haw_ecdh_x25519 = {
	.group = "X25519",
	.key_type = "X25519",
	.exchange = "X25519",
	.value_size = 32,
	.secret_size = 32,
	/* RFC 8731 §3, RFC 7748 §6.1 */
	.zero_is_refused = true,
	.generate = x25519_generate,
	.put_public = x25519_put_public,
	.take_public = x25519_take_public,
};
