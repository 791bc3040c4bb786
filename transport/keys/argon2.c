/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/argon2.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* By name, for OpenSSL 3.0's headers do not know these. */
static int derive(EVP_KDF *kdf, const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err)
{
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	uint32_t memory = in->memory, passes = in->passes, lanes = in->lanes;
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)in->password.ptr,
						  in->password.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)in->salt.ptr, in->salt.len),
		OSSL_PARAM_construct_uint32("memcost", &memory),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
		OSSL_PARAM_construct_uint32("lanes", &lanes),
		OSSL_PARAM_construct_end(),
	};
	int done = ctx && EVP_KDF_derive(ctx, out, len, parameters) == 1;

	EVP_KDF_CTX_free(ctx);
	return done ? 0
		    : haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0,
				    "OpenSSL cannot run Argon2 with the parameters of the key file");
}

int haw_argon2(const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err)
{
	static const char *const names[] = {"ARGON2D", "ARGON2I", "ARGON2ID"};
	EVP_KDF *kdf;
	int result;

	if (in->memory > HAW_ARGON2_MEMORY_MAX || in->lanes == 0 || in->lanes > HAW_ARGON2_LANES_MAX ||
	    in->memory < 8 * in->lanes || in->passes == 0 ||
	    (uint64_t)in->memory * in->passes > HAW_ARGON2_WORK_MAX)
		return haw_error_set(
			err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
			"the key file asks for Argon2 with %u KiB, %u passes and %u lanes; that is not "
			"done",
			in->memory, in->passes, in->lanes);
	ERR_set_mark();
	kdf = EVP_KDF_fetch(NULL, names[in->kind], NULL);
	result = kdf ? derive(kdf, in, out, len, err) : haw_argon2_library(in, out, len, err);
	EVP_KDF_free(kdf);
	ERR_pop_to_mark();
	return result;
}
