/* SPDX-License-Identifier: Apache-2.0
 *
 * ecdh-sha2-nistp256, -nistp384, -nistp521 (RFC 5656 §4). Values are uncompressed points; the
 * secret is the x coordinate, as long as the field (SEC 1 §3.3.1).
 */
#include "transport/hostkey/ec_point.h"
#include "transport/kex/ecdh.h"

static EVP_PKEY *nistp_generate(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx)
{
	return EVP_PKEY_Q_keygen(ctx, NULL, "EC", share->group);
}

static bool nistp_put_public(const struct haw_ecdh_share *share, const EVP_PKEY *key, haw_message *out)
{
	return haw_ec_point_put(key, share->secret_size, out);
}

static EVP_PKEY *nistp_take_public(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, haw_span value)
{
	return haw_ec_point_parse(ctx, share->group, share->secret_size, value);
}

const struct haw_ecdh_share haw_ecdh_nistp256 = {
	.group = "prime256v1",
	.key_type = "EC",
	.exchange = "ECDH",
	.value_size = 1 + 2 * 32,
	.secret_size = 32,
	.generate = nistp_generate,
	.put_public = nistp_put_public,
	.take_public = nistp_take_public,
};

const struct haw_ecdh_share haw_ecdh_nistp384 = {
	.group = "secp384r1",
	.key_type = "EC",
	.exchange = "ECDH",
	.value_size = 1 + 2 * 48,
	.secret_size = 48,
	.generate = nistp_generate,
	.put_public = nistp_put_public,
	.take_public = nistp_take_public,
};

const struct haw_ecdh_share haw_ecdh_nistp521 = {
	.group = "secp521r1",
	.key_type = "EC",
	.exchange = "ECDH",
	.value_size = 1 + 2 * 66,
	.secret_size = 66,
	.generate = nistp_generate,
	.put_public = nistp_put_public,
	.take_public = nistp_take_public,
};
