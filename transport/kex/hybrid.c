/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/kex/hybrid.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "transport/kex/ecdh.h"
#include "transport/wire/ssh_numbers.h"

enum { POINT = 32, SECRET_MAX = 2432 };

struct hybrid {
	struct haw_values values;
	EVP_PKEY *curve; /* ephemeral, as is the client's secret key of the encapsulation */
	uint8_t secret[SECRET_MAX];
};

static const struct haw_kem *kem_of(const struct haw_kex *kex)
{
	return kex->method->parameters;
}

static int hybrid_prepare(struct haw_kex *kex, haw_error *err)
{
	struct hybrid *hybrid = kex->state;
	const struct haw_kem *kem = kem_of(kex);
	uint8_t *public;

	haw_values_init(&hybrid->values);
	hybrid->curve = haw_ecdh_x25519.generate(&haw_ecdh_x25519, kex->ctx);
	if (!hybrid->curve || kem->secret_size > SECRET_MAX)
		return haw_kex_engine_failed(err);
	/* What a server answers depends on what it gets. */
	if (kex->role == HAW_KEX_SERVER)
		return 0;
	public = haw_put_space(&hybrid->values.ours, kem->public_size);
	if (!public || kem->make(kex->ctx, public, hybrid->secret) != HAW_KEM_DONE ||
	    !haw_ecdh_x25519.put_public(&haw_ecdh_x25519, hybrid->curve, &hybrid->values.ours))
		return haw_kex_engine_failed(err);
	return 0;
}

/* The encapsulated key, from the front of the peer's value. */
static int encapsulated(struct haw_kex *kex, const uint8_t *value, uint8_t key[HAW_KEM_KEY_SIZE],
			haw_error *err)
{
	struct hybrid *hybrid = kex->state;
	const struct haw_kem *kem = kem_of(kex);
	enum haw_kem_result result = HAW_KEM_FAILED;
	uint8_t *ciphertext;

	if (kex->role == HAW_KEX_CLIENT) {
		result = kem->decapsulate(kex->ctx, hybrid->secret, value, key);
		OPENSSL_cleanse(hybrid->secret, sizeof(hybrid->secret));
	} else {
		ciphertext = haw_put_space(&hybrid->values.ours, kem->ciphertext_size);
		if (ciphertext)
			result = kem->encapsulate(kex->ctx, value, ciphertext, key);
		if (result == HAW_KEM_DONE && !haw_ecdh_x25519.put_public(&haw_ecdh_x25519, hybrid->curve,
									  &hybrid->values.ours))
			result = HAW_KEM_FAILED;
	}
	if (result == HAW_KEM_INVALID)
		return haw_kex_protocol_error(err, "the peer's post-quantum public key is not valid");
	return result == HAW_KEM_DONE ? 0 : haw_kex_engine_failed(err);
}

static int join(struct haw_kex *kex, const uint8_t *secrets, size_t len, haw_error *err)
{
	uint8_t joined[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int size = 0;
	int result;

	if (context && EVP_DigestInit_ex2(context, kex->digest, NULL) == 1 &&
	    EVP_DigestUpdate(context, secrets, len) == 1 && EVP_DigestFinal_ex(context, joined, &size) == 1)
		result = haw_kex_set_secret(kex, (haw_span){joined, size}, err);
	else
		result = haw_kex_engine_failed(err);
	OPENSSL_cleanse(joined, sizeof(joined));
	EVP_MD_CTX_free(context);
	return result;
}

static int hybrid_take(struct haw_kex *kex, haw_span value, haw_error *err)
{
	struct hybrid *hybrid = kex->state;
	const struct haw_kem *kem = kem_of(kex);
	size_t first = kex->role == HAW_KEX_SERVER ? kem->public_size : kem->ciphertext_size;
	uint8_t secrets[HAW_KEM_KEY_SIZE + POINT];
	int result;

	if (value.len != first + POINT)
		return haw_kex_protocol_error(err, "the peer's public value has the wrong length");
	result = haw_ecdh_derive(&haw_ecdh_x25519, kex->ctx, hybrid->curve,
				 (haw_span){value.ptr + first, POINT}, secrets + HAW_KEM_KEY_SIZE, err);
	if (result == 0)
		result = encapsulated(kex, value.ptr, secrets, err);
	if (result == 0)
		result = join(kex, secrets, sizeof(secrets), err);
	OPENSSL_cleanse(secrets, sizeof(secrets));
	EVP_PKEY_free(hybrid->curve);
	hybrid->curve = NULL;
	return result;
}

static void hybrid_clear(struct haw_kex *kex)
{
	struct hybrid *hybrid = kex->state;

	EVP_PKEY_free(hybrid->curve);
	haw_values_clear(&hybrid->values);
}

static bool hybrid_available(const struct haw_kex_method *method, OSSL_LIB_CTX *ctx)
{
	const struct haw_kem *kem = method->parameters;

	return haw_ecdh_share_available(&haw_ecdh_x25519, ctx) && kem->available(ctx);
}

static const struct haw_value_flow flow = {
	.init = HAW_MSG_KEX_ECDH_INIT,
	.reply = HAW_MSG_KEX_ECDH_REPLY,
	.take = hybrid_take,
};

const struct haw_kex_ops haw_hybrid_ops = {
	.state_size = sizeof(struct hybrid),
	.flow = &flow,
	.available = hybrid_available,
	.prepare = hybrid_prepare,
	.start = haw_values_start,
	.receive = haw_values_receive,
	.reply = haw_values_reply,
	.put_hashed = haw_values_put_hashed,
	.clear = hybrid_clear,
};
