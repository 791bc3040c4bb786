/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/kex/ecdh.h"

#include <openssl/crypto.h>

#include "transport/wire/ssh_numbers.h"

enum { SECRET_MAX = 66 };

static const struct haw_ecdh_share *share_of(const struct haw_kex *kex)
{
	return kex->method->parameters;
}

int haw_ecdh_adopt(struct haw_kex *kex, EVP_PKEY *key, haw_error *err)
{
	struct haw_ecdh *ecdh = kex->state;

	haw_values_init(&ecdh->values);
	ecdh->key = key;
	kex->prepared = true;
	if (!key || !share_of(kex)->put_public(share_of(kex), key, &ecdh->values.ours) ||
	    !haw_message_ok(&ecdh->values.ours))
		return haw_kex_engine_failed(err);
	return 0;
}

static int ecdh_prepare(struct haw_kex *kex, haw_error *err)
{
	return haw_ecdh_adopt(kex, share_of(kex)->generate(share_of(kex), kex->ctx), err);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

static int derive(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, EVP_PKEY *key, EVP_PKEY *peer,
		  uint8_t *secret, haw_error *err)
{
	size_t len = share->secret_size;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(ctx, key, NULL);
	int result = 0;

	if (!context || EVP_PKEY_derive_init(context) != 1)
		result = haw_kex_engine_failed(err);
	/* take_public has validated: another check here would multiply by the order once more, which
	 * costs a multiple of the exchange itself. */
	else if (EVP_PKEY_derive_set_peer_ex(context, peer, 0) != 1 ||
		 EVP_PKEY_derive(context, secret, &len) != 1 || len != share->secret_size ||
		 (share->zero_is_refused && is_zero(secret, len)))
		result = haw_kex_protocol_error(err, "the peer's public value gives no secret");
	EVP_PKEY_CTX_free(context);
	return result;
}

int haw_ecdh_derive(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx, EVP_PKEY *key, haw_span value,
		    uint8_t *secret, haw_error *err)
{
	EVP_PKEY *peer = NULL;
	int result;

	if (value.len == share->value_size)
		peer = share->take_public(share, ctx, value);
	if (!peer)
		return haw_kex_protocol_error(err, "the peer's public value is not valid");
	result = derive(share, ctx, key, peer, secret, err);
	EVP_PKEY_free(peer);
	return result;
}

static int ecdh_take(struct haw_kex *kex, haw_span value, haw_error *err)
{
	const struct haw_ecdh_share *share = share_of(kex);
	struct haw_ecdh *ecdh = kex->state;
	uint8_t secret[SECRET_MAX];
	int result = haw_ecdh_derive(share, kex->ctx, ecdh->key, value, secret, err);

	if (result == 0)
		result = haw_kex_set_secret(kex, (haw_span){secret, share->secret_size}, err);
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_PKEY_free(ecdh->key);
	ecdh->key = NULL;
	return result;
}

static void ecdh_clear(struct haw_kex *kex)
{
	struct haw_ecdh *ecdh = kex->state;

	EVP_PKEY_free(ecdh->key);
	haw_values_clear(&ecdh->values);
}

bool haw_ecdh_share_available(const struct haw_ecdh_share *share, OSSL_LIB_CTX *ctx)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(ctx, share->key_type, NULL);
	EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(ctx, share->exchange, NULL);
	bool available = keys && exchange;

	EVP_KEYMGMT_free(keys);
	EVP_KEYEXCH_free(exchange);
	return available;
}

static bool ecdh_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	return haw_ecdh_share_available(method->parameters, ctx);
}

static const struct haw_value_flow flow = {
	.init = HAW_MSG_KEX_ECDH_INIT,
	.reply = HAW_MSG_KEX_ECDH_REPLY,
	.take = ecdh_take,
};

const struct haw_kex_ops haw_ecdh_ops = {
	.state_size = sizeof(struct haw_ecdh),
	.flow = &flow,
	.available = ecdh_available,
	.prepare = ecdh_prepare,
	.start = haw_values_start,
	.receive = haw_values_receive,
	.reply = haw_values_reply,
	.put_hashed = haw_values_put_hashed,
	.clear = ecdh_clear,
};
