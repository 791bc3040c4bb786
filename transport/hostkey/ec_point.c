/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/hostkey/ec_point.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

static bool point_is_valid(OSSL_LIB_CTX *ctx, EVP_PKEY *key)
{
	EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(ctx, key, NULL);
	bool valid = check && EVP_PKEY_public_check_quick(check) == 1;

	EVP_PKEY_CTX_free(check);
	return valid;
}

EVP_PKEY *haw_ec_point_parse(OSSL_LIB_CTX *ctx, const char *group, size_t field_size, haw_span octets)
{
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)octets.ptr, octets.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *maker;
	EVP_PKEY *key = NULL;

	if (octets.len != haw_ec_point_size(field_size) || octets.ptr[0] != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	maker = EVP_PKEY_CTX_new_from_name(ctx, "EC", NULL);
	if (!maker || EVP_PKEY_fromdata_init(maker) != 1 ||
	    EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1 ||
	    !point_is_valid(ctx, key)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(maker);
	return key;
}

static bool put_coordinate(const EVP_PKEY *key, const char *name, size_t field_size, haw_message *out)
{
	BIGNUM *number = NULL;
	uint8_t *space = haw_put_space(out, field_size);
	bool done = space && EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
		    BN_bn2binpad(number, space, (int)field_size) == (int)field_size;

	BN_free(number);
	return done;
}

bool haw_ec_point_put(const EVP_PKEY *key, size_t field_size, haw_message *out)
{
	/* By coordinates: the octets that OpenSSL would give may be compressed, as the key's own
	 * form says. */
	haw_put_byte(out, POINT_CONVERSION_UNCOMPRESSED);
	return put_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, field_size, out) &&
	       put_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, field_size, out);
}
