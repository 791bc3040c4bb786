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

	haw_message_write(&ecdh->ours, HAW_ECDH_VALUE_MAX);
	haw_message_write(&ecdh->theirs, HAW_ECDH_VALUE_MAX);
	ecdh->key = key;
	kex->prepared = true;
	if (!key || !share_of(kex)->put_public(share_of(kex), key, &ecdh->ours) ||
	    !haw_message_ok(&ecdh->ours))
		return haw_kex_engine_failed(err);
	return 0;
}

static int ecdh_prepare(struct haw_kex *kex, haw_error *err)
{
	return haw_ecdh_adopt(kex, share_of(kex)->generate(share_of(kex), kex->ctx), err);
}

static void put_value(haw_message *out, const haw_message *value)
{
	haw_span bytes = haw_message_all(value);

	haw_put_string(out, bytes.ptr, bytes.len);
}

static int ecdh_start(struct haw_kex *kex, haw_message *out, haw_error *err)
{
	struct haw_ecdh *ecdh = kex->state;

	haw_put_byte(out, HAW_MSG_KEX_ECDH_INIT);
	put_value(out, &ecdh->ours);
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

static int agree(struct haw_kex *kex, EVP_PKEY *peer, haw_error *err)
{
	const struct haw_ecdh_share *share = share_of(kex);
	struct haw_ecdh *ecdh = kex->state;
	uint8_t secret[SECRET_MAX];
	size_t len = sizeof(secret);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(kex->ctx, ecdh->key, NULL);
	int result;

	if (!context || EVP_PKEY_derive_init(context) != 1)
		result = haw_kex_engine_failed(err);
	/* take_public has validated: another check here would multiply by the order once more, which
	 * costs a multiple of the exchange itself. */
	else if (EVP_PKEY_derive_set_peer_ex(context, peer, 0) != 1 ||
		 EVP_PKEY_derive(context, secret, &len) != 1 || len != share->secret_size ||
		 (share->zero_is_refused && is_zero(secret, len)))
		result = haw_kex_protocol_error(err, "the peer's public value gives no secret");
	else
		result = haw_kex_set_secret(kex, (haw_span){secret, len}, err);
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(ecdh->key);
	ecdh->key = NULL;
	return result;
}

static int take_value(struct haw_kex *kex, haw_span value, haw_error *err)
{
	const struct haw_ecdh_share *share = share_of(kex);
	struct haw_ecdh *ecdh = kex->state;
	EVP_PKEY *peer = NULL;
	int result;

	if (value.len == share->value_size)
		peer = share->take_public(share, kex->ctx, value);
	if (!peer)
		return haw_kex_protocol_error(err, "the peer's public value is not valid");
	haw_put_bytes(&ecdh->theirs, value.ptr, value.len);
	result = agree(kex, peer, err);
	EVP_PKEY_free(peer);
	return result;
}

static int receive_init(struct haw_kex *kex, haw_message *in, haw_error *err)
{
	haw_span value = haw_get_string(in);
	int result;

	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the client's first message is malformed");
	result = haw_kex_prepare(kex, err);
	if (result == 0)
		result = take_value(kex, value, err);
	return result < 0 ? result : HAW_KEX_SIGN;
}

static int receive_reply(struct haw_kex *kex, haw_message *in, struct haw_kex_reply *reply, haw_error *err)
{
	haw_span value;
	int result;

	reply->host_key = haw_get_string(in);
	value = haw_get_string(in);
	reply->signature = haw_get_string(in);
	if (!haw_message_complete(in))
		return haw_kex_protocol_error(err, "the server's reply is malformed");
	result = take_value(kex, value, err);
	return result < 0 ? result : HAW_KEX_VERIFY;
}

static int ecdh_receive(struct haw_kex *kex, uint8_t number, haw_message *in, haw_message *out,
			struct haw_kex_reply *reply, haw_error *err)
{
	if (kex->role == HAW_KEX_SERVER && number == HAW_MSG_KEX_ECDH_INIT)
		return receive_init(kex, in, err);
	if (kex->role == HAW_KEX_CLIENT && number == HAW_MSG_KEX_ECDH_REPLY)
		return receive_reply(kex, in, reply, err);
	return haw_kex_protocol_error(err, "the peer sent a message that the method does not have");
}

static int ecdh_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
		      haw_error *err)
{
	struct haw_ecdh *ecdh = kex->state;

	haw_put_byte(out, HAW_MSG_KEX_ECDH_REPLY);
	haw_put_string(out, host_key.ptr, host_key.len);
	put_value(out, &ecdh->ours);
	haw_put_string(out, signature.ptr, signature.len);
	return 0;
}

/* RFC 5656 §4: string Q_C, string Q_S. */
static void ecdh_put_hashed(struct haw_kex *kex, haw_message *out)
{
	struct haw_ecdh *ecdh = kex->state;
	bool server = kex->role == HAW_KEX_SERVER;

	put_value(out, server ? &ecdh->theirs : &ecdh->ours);
	put_value(out, server ? &ecdh->ours : &ecdh->theirs);
}

static void ecdh_clear(struct haw_kex *kex)
{
	struct haw_ecdh *ecdh = kex->state;

	EVP_PKEY_free(ecdh->key);
	haw_message_free(&ecdh->ours);
	haw_message_free(&ecdh->theirs);
}

static bool ecdh_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	const struct haw_ecdh_share *share = method->parameters;
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(ctx, share->key_type, NULL);
	EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(ctx, share->exchange, NULL);
	bool available = keys && exchange;

	EVP_KEYMGMT_free(keys);
	EVP_KEYEXCH_free(exchange);
	return available;
}

const struct haw_kex_ops haw_ecdh_ops = {
	.state_size = sizeof(struct haw_ecdh),
	.available = ecdh_available,
	.prepare = ecdh_prepare,
	.start = ecdh_start,
	.receive = ecdh_receive,
	.reply = ecdh_reply,
	.put_hashed = ecdh_put_hashed,
	.clear = ecdh_clear,
};
