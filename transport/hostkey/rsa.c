/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of type ssh-rsa (RFC 4253 §6.6), signatures rsa-sha2-256 and rsa-sha2-512 (RFC 8332):
 * RSASSA-PKCS1-v1_5, which is EVP's default padding.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "transport/hostkey/family.h"

/* Longer exponents only make a peer's key cost more to use; nobody makes them. */
enum { EXPONENT_BYTES_MAX = 8 };

static EVP_PKEY *rsa_from_numbers(haw_span n_bytes, haw_span e_bytes)
{
	BIGNUM *n = BN_bin2bn(n_bytes.ptr, (int)n_bytes.len, NULL);
	BIGNUM *e = BN_bin2bn(e_bytes.ptr, (int)e_bytes.len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY *key = NULL;

	if (n && e && builder && maker && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters && EVP_PKEY_fromdata_init(maker) == 1)
		(void)!EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, parameters);
	OSSL_PARAM_free(parameters);
	EVP_PKEY_CTX_free(maker);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return key;
}

static unsigned int bits_of(haw_span magnitude)
{
	unsigned int bits = (unsigned int)magnitude.len * 8;

	for (uint8_t first = magnitude.ptr[0]; !(first & 0x80); first = (uint8_t)(first << 1))
		bits--;
	return bits;
}

static EVP_PKEY *rsa_parse(const struct haw_hostkey_type *type, haw_message *in, haw_error *err)
{
	haw_span e = haw_get_mpint_unsigned(in), n = haw_get_mpint_unsigned(in);
	EVP_PKEY *key;

	if (!haw_message_ok(in) || e.len == 0 || n.len == 0 || !(e.ptr[e.len - 1] & 1) ||
	    !(n.ptr[n.len - 1] & 1) || (e.len == 1 && e.ptr[0] == 1) || e.len > EXPONENT_BYTES_MAX) {
		haw_hostkey_malformed(err, "the numbers of an RSA key cannot be right");
		return NULL;
	}
	if (n.len > HAW_RSA_BITS_MAX / 8 || bits_of(n) < HAW_RSA_BITS_MIN) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
			      "an RSA key has %u bits; %u to %u are accepted", bits_of(n), HAW_RSA_BITS_MIN,
			      HAW_RSA_BITS_MAX);
		return NULL;
	}
	key = rsa_from_numbers(n, e);
	if (!key)
		haw_hostkey_engine_failed(err, "an RSA key");
	return key;
}

static bool put_number(const EVP_PKEY *key, const char *name, haw_message *out)
{
	BIGNUM *number = haw_hostkey_number(key, name);
	uint8_t bytes[HAW_RSA_BITS_MAX / 8];
	bool done = number && BN_num_bytes(number) <= (int)sizeof(bytes);

	if (done)
		haw_put_mpint(out, bytes, (size_t)BN_bn2bin(number, bytes), false);
	BN_free(number);
	return done;
}

static bool rsa_encode(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_message *out)
{
	return put_number(key, OSSL_PKEY_PARAM_RSA_E, out) && put_number(key, OSSL_PKEY_PARAM_RSA_N, out) &&
	       haw_message_ok(out);
}

/* RFC 8017 §8.2.2 wants exactly the modulus' length, but some signers drop leading zeroes, and
 * OpenSSH restores them. */
static bool rsa_from_wire(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_span wire,
			  haw_message *raw)
{
	size_t size = (size_t)EVP_PKEY_get_size(key);

	if (wire.len == 0 || wire.len > size)
		return false;
	for (size_t missing = size - wire.len; missing > 0; missing--)
		haw_put_byte(raw, 0);
	haw_put_bytes(raw, wire.ptr, wire.len);
	return haw_message_ok(raw);
}

const struct haw_hostkey_family haw_hostkey_rsa = {
	.evp_name = "RSA",
	.signature_name = "RSA",
	.parse = rsa_parse,
	.encode = rsa_encode,
	.from_wire = rsa_from_wire,
};
