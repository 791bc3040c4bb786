/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of methods, best first. RFC 5656 §6.2.1 ties the digest to the size of the curve.
 */
#include "transport/kex/method.h"

#include <openssl/err.h>
#include <string.h>

#include "transport/kex/dh.h"
#include "transport/kex/ecdh.h"
#include "transport/kex/hybrid.h"

#define COUNT (sizeof(methods) / sizeof(methods[0]))

static const struct haw_kex_method methods[] = {
	{
		.name = "mlkem768x25519-sha256",
		.digest = "SHA256",
		.flags = HAW_KEX_SECRET_IS_STRING,
		.ops = &haw_hybrid_ops,
		.parameters = &haw_mlkem768,
	},
	{
		.name = "sntrup761x25519-sha512",
		.digest = "SHA512",
		.flags = HAW_KEX_SECRET_IS_STRING,
		.ops = &haw_hybrid_ops,
		.parameters = &haw_sntrup761,
	},
	{
		.name = "sntrup761x25519-sha512@openssh.com",
		.digest = "SHA512",
		.flags = HAW_KEX_SECRET_IS_STRING,
		.ops = &haw_hybrid_ops,
		.parameters = &haw_sntrup761,
	},
	{
		.name = "curve25519-sha256",
		.digest = "SHA256",
		.ops = &haw_ecdh_ops,
		.parameters = &haw_ecdh_x25519,
	},
	{
		.name = "curve25519-sha256@libssh.org",
		.digest = "SHA256",
		.ops = &haw_ecdh_ops,
		.parameters = &haw_ecdh_x25519,
	},
	{
		.name = "ecdh-sha2-nistp256",
		.digest = "SHA256",
		.ops = &haw_ecdh_ops,
		.parameters = &haw_ecdh_nistp256,
	},
	{
		.name = "ecdh-sha2-nistp384",
		.digest = "SHA384",
		.ops = &haw_ecdh_ops,
		.parameters = &haw_ecdh_nistp384,
	},
	{
		.name = "ecdh-sha2-nistp521",
		.digest = "SHA512",
		.ops = &haw_ecdh_ops,
		.parameters = &haw_ecdh_nistp521,
	},
	{
		.name = "diffie-hellman-group-exchange-sha256",
		.digest = "SHA256",
		.ops = &haw_group_exchange_ops,
	},
	{
		.name = "diffie-hellman-group16-sha512",
		.digest = "SHA512",
		.ops = &haw_dh_ops,
		.parameters = "modp_4096",
	},
	{
		.name = "diffie-hellman-group18-sha512",
		.digest = "SHA512",
		.ops = &haw_dh_ops,
		.parameters = "modp_8192",
	},
	{
		.name = "diffie-hellman-group14-sha256",
		.digest = "SHA256",
		.ops = &haw_dh_ops,
		.parameters = "modp_2048",
	},
};

const char *haw_kex_method_at(size_t index)
{
	return index < COUNT ? methods[index].name : NULL;
}

const struct haw_kex_method *haw_kex_method_find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

bool haw_kex_method_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	EVP_MD *digest = EVP_MD_fetch(ctx, method->digest, NULL);
	bool available = digest && method->ops->available(method, ctx);

	EVP_MD_free(digest);
	/* What OpenSSL has not got is no error. */
	ERR_clear_error();
	return available;
}
