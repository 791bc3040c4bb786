/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/kex/dh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

enum {
	BYTES_MAX = HAW_DH_BITS_MAX / 8,
	/* RFC 4419 §6.2 wants twice the strength; 256 bits are the most that a cipher here has. A group that
	 * OpenSSL knows by name has a length of its own there. */
	PRIVATE_BITS = 512
};

static EVP_PKEY *generate(EVP_PKEY_CTX *maker, const char *group)
{
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	if (!maker || EVP_PKEY_keygen_init(maker) != 1 ||
	    (group && EVP_PKEY_CTX_set_params(maker, parameters) != 1) ||
	    EVP_PKEY_generate(maker, &key) != 1) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

EVP_PKEY *haw_dh_named_key(OSSL_LIB_CTX *ctx, const char *name)
{
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(ctx, "DH", NULL);
	EVP_PKEY *key = generate(maker, name);

	EVP_PKEY_CTX_free(maker);
	return key;
}

static EVP_PKEY *make_group(OSSL_LIB_CTX *ctx, const BIGNUM *p, const BIGNUM *g)
{
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(ctx, "DH", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY *group = NULL;

	if (maker && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, p) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, g) == 1 &&
	    OSSL_PARAM_BLD_push_long(builder, OSSL_PKEY_PARAM_DH_PRIV_LEN, PRIVATE_BITS) == 1)
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters && EVP_PKEY_fromdata_init(maker) == 1)
		EVP_PKEY_fromdata(maker, &group, EVP_PKEY_KEY_PARAMETERS, parameters);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(maker);
	return group;
}

EVP_PKEY *haw_dh_key(OSSL_LIB_CTX *ctx, const BIGNUM *p, const BIGNUM *g)
{
	EVP_PKEY *group = make_group(ctx, p, g), *key;
	EVP_PKEY_CTX *maker = group ? EVP_PKEY_CTX_new_from_pkey(ctx, group, NULL) : NULL;

	key = generate(maker, NULL);
	EVP_PKEY_CTX_free(maker);
	EVP_PKEY_free(group);
	return key;
}

bool haw_dh_put_public(const EVP_PKEY *key, haw_message *out)
{
	BIGNUM *number = NULL;
	uint8_t *space = NULL;
	int len = 0;
	bool done;

	if (key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PUB_KEY, &number) == 1) {
		len = BN_num_bytes(number);
		space = haw_put_space(out, (size_t)len);
	}
	done = space && BN_bn2bin(number, space) == len;
	BN_free(number);
	return done;
}

static bool is_in_range(const BIGNUM *f, const BIGNUM *p)
{
	BIGNUM *last = BN_dup(p);
	bool in_range = last && BN_sub_word(last, 1) == 1 && BN_cmp(f, BN_value_one()) > 0 &&
			BN_cmp(f, last) < 0;

	BN_free(last);
	return in_range;
}

/* The peer's key in the group of KEY; NULL if VALUE is none. */
static EVP_PKEY *take_public(EVP_PKEY *key, haw_span value)
{
	BIGNUM *p = NULL, *f = BN_bin2bn(value.ptr, (int)value.len, NULL);
	EVP_PKEY *peer = EVP_PKEY_new();
	uint8_t padded[BYTES_MAX];
	bool done = false;

	if (f && peer && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_P, &p) == 1 && is_in_range(f, p)) {
		int size = BN_num_bytes(p);

		done = BN_bn2binpad(f, padded, size) == size && EVP_PKEY_copy_parameters(peer, key) == 1 &&
		       EVP_PKEY_set1_encoded_public_key(peer, padded, (size_t)size) == 1;
	}
	BN_free(p);
	BN_free(f);
	if (done)
		return peer;
	EVP_PKEY_free(peer);
	return NULL;
}

/* The secret as long as the prime, so that its length says nothing. */
static bool derive(OSSL_LIB_CTX *ctx, EVP_PKEY *key, EVP_PKEY *peer, uint8_t *secret, size_t *len)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(ctx, key, NULL);
	unsigned int pad = 1;
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
		OSSL_PARAM_construct_end(),
	};
	bool done = context && EVP_PKEY_derive_init_ex(context, parameters) == 1 &&
		    EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1 &&
		    EVP_PKEY_derive(context, secret, len) == 1;

	EVP_PKEY_CTX_free(context);
	return done;
}

int haw_dh_agree(struct haw_kex *kex, EVP_PKEY *key, haw_span value, haw_error *err)
{
	uint8_t secret[BYTES_MAX];
	size_t len = sizeof(secret);
	EVP_PKEY *peer = value.len <= BYTES_MAX ? take_public(key, value) : NULL;
	int result;

	if (!peer)
		return haw_kex_protocol_error(err, "the peer's public value is outside of 1 < f < p - 1");
	/* OpenSSL refuses secrets of 0, 1 and p - 1. */
	if (derive(kex->ctx, key, peer, secret, &len))
		result = haw_kex_set_secret(kex, (haw_span){secret, len}, err);
	else
		result = haw_kex_protocol_error(err, "the peer's public value gives no secret");
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_PKEY_free(peer);
	return result;
}

bool haw_dh_available(OSSL_LIB_CTX *ctx)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(ctx, "DH", NULL);
	EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(ctx, "DH", NULL);
	bool available = keys && exchange;

	EVP_KEYMGMT_free(keys);
	EVP_KEYEXCH_free(exchange);
	return available;
}
