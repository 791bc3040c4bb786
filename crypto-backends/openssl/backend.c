/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend that is always there: OpenSSL's libcrypto, on any CPU, for every suite.
 */
#include "crypto-backends/backends.h"
#include "crypto-backends/openssl/openssl.h"

#include <openssl/crypto.h>

static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	const char *cipher = haw_openssl_cipher_name(suite);
	const char *digest = haw_openssl_digest_name(suite);

	if (!cipher || (suite->mac && !digest))
		return "OpenSSL does not do this suite";
	if (!haw_openssl_cipher(cipher))
		return "this OpenSSL, as configured, has not got the cipher";
	if (digest && !haw_openssl_digest(digest))
		return "this OpenSSL, as configured, has not got the hash";
	if (suite->length_mode == HAW_LENGTH_APART && !haw_openssl_mac("Poly1305"))
		return "this OpenSSL, as configured, has not got Poly1305";
	return NULL;
}

static haw_sealer *make(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err)
{
	const char *refusal = refuses(NULL, suite);

	if (refusal) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, refusal);
		return NULL;
	}
	if (suite->length_mode == HAW_LENGTH_APART)
		return haw_openssl_chacha_new(suite, keys, opens, err);
	return suite->mac ? haw_openssl_ctr_new(suite, keys, opens, err)
			  : haw_openssl_gcm_new(suite, keys, opens, err);
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

const haw_backend haw_backend_openssl = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend),
	.name = "openssl",
	.description = "OpenSSL's libcrypto, on any CPU",
	.unusable = unusable,
	.refuses = refuses,
	.new_sealer = new_sealer,
	.new_opener = new_opener,
	.version = version,
};
