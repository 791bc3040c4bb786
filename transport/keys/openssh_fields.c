/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a private key in OpenSSH's format: type, then what that type needs. Everything is
 * checked against the public numbers that stand beside it, so that a damaged file is told from a
 * good one before anything is signed.
 */
#include "transport/keys/key_internal.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "transport/hostkey/hostkey.h"

enum { ED25519_SIZE = 32, SCALAR_MAX = 66, RSA_BYTES_MAX = HAW_RSA_BITS_MAX / 8 };

/* The names by which OpenSSL and SSH know the curves. */
static const struct curve {
	const char *type, *ssh, *openssl;
} curves[] = {
	{"ecdsa-sha2-nistp256", "nistp256", "prime256v1"},
	{"ecdsa-sha2-nistp384", "nistp384", "secp384r1"},
	{"ecdsa-sha2-nistp521", "nistp521", "secp521r1"},
};

static const struct curve *find_curve(haw_span type)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (haw_span_is(type, curves[i].type))
			return &curves[i];
	return NULL;
}

static EVP_PKEY *from_parameters(const char *algorithm, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;

	if (!parameters || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(parameters);
	return key;
}

/* ---- Ed25519: the seed and the public key make the 64 bytes of the private one ---- */

static EVP_PKEY *get_ed25519(haw_message *m)
{
	haw_span public_half = haw_get_string(m), private_half = haw_get_string(m);
	uint8_t derived[ED25519_SIZE];
	size_t len = sizeof(derived);
	EVP_PKEY *key;

	if (public_half.len != ED25519_SIZE || private_half.len != 2 * ED25519_SIZE)
		return NULL;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_half.ptr, ED25519_SIZE);
	if (!key)
		return NULL;
	if (EVP_PKEY_get_raw_public_key(key, derived, &len) == 1 && len == ED25519_SIZE &&
	    memcmp(derived, public_half.ptr, ED25519_SIZE) == 0 &&
	    memcmp(derived, private_half.ptr + ED25519_SIZE, ED25519_SIZE) == 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool put_ed25519(EVP_PKEY *key, haw_message *m)
{
	uint8_t pair[2 * ED25519_SIZE];
	size_t seed_len = ED25519_SIZE, public_len = ED25519_SIZE;
	bool ok = EVP_PKEY_get_raw_private_key(key, pair, &seed_len) == 1 &&
		  EVP_PKEY_get_raw_public_key(key, pair + ED25519_SIZE, &public_len) == 1;

	haw_put_string(m, pair + ED25519_SIZE, ED25519_SIZE);
	haw_put_string(m, pair, sizeof(pair));
	OPENSSL_cleanse(pair, sizeof(pair));
	return ok;
}

/* ---- ECDSA: curve, point, scalar ---- */

static bool is_pair(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = ctx && EVP_PKEY_public_check(ctx) == 1 && EVP_PKEY_private_check(ctx) == 1 &&
		  EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *get_ecdsa(haw_message *m, const struct curve *curve)
{
	haw_span name = haw_get_string(m), point = haw_get_string(m), scalar = haw_get_mpint_unsigned(m);
	OSSL_PARAM_BLD *builder;
	EVP_PKEY *key = NULL;
	BIGNUM *number;

	if (!haw_message_ok(m) || !haw_span_is(name, curve->ssh) || point.len == 0 || scalar.len == 0 ||
	    scalar.len > SCALAR_MAX)
		return NULL;
	number = BN_secure_new();
	builder = OSSL_PARAM_BLD_new();
	if (number && builder && BN_bin2bn(scalar.ptr, (int)scalar.len, number) &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number))
		key = from_parameters("EC", builder);
	OSSL_PARAM_BLD_free(builder);
	BN_clear_free(number);
	if (key && is_pair(key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool put_number(EVP_PKEY *key, const char *name, haw_message *m)
{
	uint8_t bytes[RSA_BYTES_MAX];
	BIGNUM *number = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= RSA_BYTES_MAX;

	if (ok)
		haw_put_mpint(m, bytes, (size_t)BN_bn2bin(number, bytes), false);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	BN_clear_free(number);
	return ok;
}

static bool put_ecdsa(const haw_key *key, haw_message *m)
{
	haw_message blob;
	haw_span curve, point;

	/* The public half stands here as in the blob. */
	haw_message_read(&blob, key->blob, key->blob_len);
	haw_get_string(&blob);
	curve = haw_get_string(&blob);
	point = haw_get_string(&blob);
	haw_put_string(m, curve.ptr, curve.len);
	haw_put_string(m, point.ptr, point.len);
	return haw_message_complete(&blob) && put_number(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, m);
}

/* ---- RSA: n, e, d, q^-1 mod p, p, q ---- */

enum { RSA_N, RSA_E, RSA_D, RSA_IQMP, RSA_P, RSA_Q, RSA_STORED, RSA_DMP1 = RSA_STORED, RSA_DMQ1, RSA_COUNT };

static const char *const rsa_names[RSA_COUNT] = {
	[RSA_N] = OSSL_PKEY_PARAM_RSA_N,
	[RSA_E] = OSSL_PKEY_PARAM_RSA_E,
	[RSA_D] = OSSL_PKEY_PARAM_RSA_D,
	[RSA_IQMP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	[RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	[RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	[RSA_DMP1] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	[RSA_DMQ1] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
};

/* Do the factors make the modulus, and does the coefficient belong to them? Then compute the exponents
 * that the file does not store: d mod p - 1 and d mod q - 1. */
static bool complete_rsa(BIGNUM **number, BN_CTX *ctx)
{
	BIGNUM *product = BN_CTX_get(ctx), *less = BN_CTX_get(ctx);

	return less && !BN_is_zero(number[RSA_P]) && !BN_is_one(number[RSA_P]) &&
	       !BN_is_zero(number[RSA_Q]) && !BN_is_one(number[RSA_Q]) &&
	       BN_mul(product, number[RSA_P], number[RSA_Q], ctx) && BN_cmp(product, number[RSA_N]) == 0 &&
	       BN_mod_mul(product, number[RSA_IQMP], number[RSA_Q], number[RSA_P], ctx) &&
	       BN_is_one(product) && BN_sub(less, number[RSA_P], BN_value_one()) &&
	       BN_mod(number[RSA_DMP1], number[RSA_D], less, ctx) &&
	       BN_sub(less, number[RSA_Q], BN_value_one()) &&
	       BN_mod(number[RSA_DMQ1], number[RSA_D], less, ctx) &&
	       BN_mod_mul(product, number[RSA_DMQ1], number[RSA_E], less, ctx) && BN_is_one(product);
}

static EVP_PKEY *build_rsa(BIGNUM **number)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	bool ok = builder != NULL;

	for (int i = 0; ok && i < RSA_COUNT; i++)
		ok = OSSL_PARAM_BLD_push_BN(builder, rsa_names[i], number[i]) == 1;
	if (ok)
		key = from_parameters("RSA", builder);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *get_rsa(haw_message *m)
{
	BIGNUM *number[RSA_COUNT] = {NULL};
	BN_CTX *ctx = BN_CTX_secure_new();
	EVP_PKEY *key = NULL;
	bool ok = ctx != NULL;

	for (int i = 0; i < RSA_COUNT && ok; i++) {
		haw_span bytes = i < RSA_STORED ? haw_get_mpint_unsigned(m) : (haw_span){NULL, 0};

		number[i] = BN_secure_new();
		ok = number[i] && bytes.len <= RSA_BYTES_MAX && (i >= RSA_STORED || bytes.len > 0) &&
		     BN_bin2bn(bytes.ptr, (int)bytes.len, number[i]);
		if (ok)
			BN_set_flags(number[i], BN_FLG_CONSTTIME);
	}
	if (ok)
		BN_CTX_start(ctx);
	if (ok && haw_message_ok(m) && BN_is_odd(number[RSA_P]) && BN_is_odd(number[RSA_Q]) &&
	    complete_rsa(number, ctx))
		key = build_rsa(number);
	if (ok)
		BN_CTX_end(ctx);
	for (int i = 0; i < RSA_COUNT; i++)
		BN_clear_free(number[i]);
	BN_CTX_free(ctx);
	return key;
}

static bool put_rsa(EVP_PKEY *key, haw_message *m)
{
	bool ok = true;

	for (int i = 0; ok && i < RSA_STORED; i++)
		ok = put_number(key, rsa_names[i], m);
	return ok;
}

/* ---- All of them ---- */

EVP_PKEY *haw_openssh_get_fields(haw_message *m, haw_error *err)
{
	haw_span type = haw_get_string(m);
	const struct curve *curve = find_curve(type);
	EVP_PKEY *key;
	char name[64];

	if (curve) {
		key = get_ecdsa(m, curve);
	} else if (haw_span_is(type, "ssh-ed25519")) {
		key = get_ed25519(m);
	} else if (haw_span_is(type, "ssh-rsa")) {
		key = get_rsa(m);
	} else {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			      "private keys of type \"%s\" are not supported (ed25519, ecdsa and rsa are)",
			      haw_escape(name, sizeof(name), type.ptr, type.len));
		return NULL;
	}
	if (!key)
		haw_key_format_error(err, "the private key is damaged: its numbers do not belong together");
	return key;
}

int haw_openssh_put_fields(const haw_key *key, haw_message *m, haw_error *err)
{
	bool ok;

	haw_put_string(m, key->type, strlen(key->type));
	if (strcmp(key->type, "ssh-ed25519") == 0)
		ok = put_ed25519(key->pkey, m);
	else if (strcmp(key->type, "ssh-rsa") == 0)
		ok = put_rsa(key->pkey, m);
	else
		ok = put_ecdsa(key, m);
	if (!ok)
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"the private key cannot be written: OpenSSL does not give out its numbers");
	return haw_message_ok(m) ? 0 : haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
}
