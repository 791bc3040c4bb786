/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend that is always there: OpenSSL's libcrypto, on any CPU, for every suite.
 */
#include "crypto-backends/backends.h"
#include "crypto-backends/openssl/mac.h"
#include "crypto-backends/openssl/openssl.h"

#include <openssl/crypto.h>

const char *haw_openssl_refuses(struct haw_openssl_source *source, const haw_suite *suite)
{
	const char *cipher = haw_openssl_cipher_name(suite);

	if (!cipher)
		return "OpenSSL does not do this cipher";
	if (!haw_openssl_cipher(source, cipher))
		return "this OpenSSL, as configured, has not got the cipher";
	if (suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305 && !haw_openssl_mac(source, "Poly1305"))
		return "this OpenSSL, as configured, has not got Poly1305";
	return haw_mac_refuses(source, suite);
}

haw_sealer *haw_openssl_make(struct haw_openssl_source *source, const haw_suite *suite, const haw_keys *keys,
			     bool opens, haw_error *err)
{
	const char *refusal = haw_openssl_refuses(source, suite);

	if (refusal) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, refusal);
		return NULL;
	}
	switch (suite->cipher_kind) {
	case HAW_CIPHER_AES_GCM:
		return haw_openssl_gcm_new(source, suite, keys, opens, err);
	case HAW_CIPHER_CHACHA20_POLY1305:
		return haw_openssl_chacha_new(source, suite, keys, opens, err);
	default:
		return haw_openssl_cipher_new(source, suite, keys, opens, err);
	}
}

static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	return haw_openssl_refuses(&haw_openssl_configured, suite);
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return haw_openssl_make(&haw_openssl_configured, suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return haw_openssl_make(&haw_openssl_configured, suite, keys, true, err);
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
