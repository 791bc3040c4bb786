/* SPDX-License-Identifier: Apache-2.0
 *
 * diffie-hellman-group14-sha256, -group16-sha512, -group18-sha512 (RFC 8268).
 */
#include "transport/kex/dh.h"

#include "transport/kex/dh_key.h"
#include "transport/wire/ssh_numbers.h"

int haw_dh_adopt(struct haw_kex *kex, EVP_PKEY *key, haw_error *err)
{
	struct haw_dh *dh = kex->state;

	haw_values_init(&dh->values);
	dh->key = key;
	kex->prepared = true;
	if (!haw_dh_put_public(key, &dh->values.ours))
		return haw_kex_engine_failed(err);
	return 0;
}

int haw_dh_take(struct haw_kex *kex, haw_span value, haw_error *err)
{
	struct haw_dh *dh = kex->state;
	int result = haw_dh_agree(kex, dh->key, value, err);

	EVP_PKEY_free(dh->key);
	dh->key = NULL;
	return result;
}

static int dh_prepare(struct haw_kex *kex, haw_error *err)
{
	return haw_dh_adopt(kex, haw_dh_named_key(kex->ctx, kex->method->parameters), err);
}

static void dh_clear(struct haw_kex *kex)
{
	struct haw_dh *dh = kex->state;

	EVP_PKEY_free(dh->key);
	haw_values_clear(&dh->values);
}

static bool dh_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	return haw_dh_available(ctx);
}

static const struct haw_value_flow flow = {
	.init = HAW_MSG_KEXDH_INIT,
	.reply = HAW_MSG_KEXDH_REPLY,
	.is_number = true,
	.take = haw_dh_take,
};

const struct haw_kex_ops haw_dh_ops = {
	.state_size = sizeof(struct haw_dh),
	.flow = &flow,
	.available = dh_available,
	.prepare = dh_prepare,
	.start = haw_values_start,
	.receive = haw_values_receive,
	.reply = haw_values_reply,
	.put_hashed = haw_values_put_hashed,
	.clear = dh_clear,
};
