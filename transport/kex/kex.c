/* SPDX-License-Identifier: Apache-2.0
 *
 * What all methods share: the order of calls, the exchange hash, the keys.
 */
#include "transport/kex/kex.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "transport/wire/load.h"

int haw_kex_protocol_error(haw_error *err, const char *what)
{
	ERR_clear_error();
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "key exchange failed: %s", what);
}

int haw_kex_engine_failed(haw_error *err)
{
	ERR_clear_error();
	return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0, "OpenSSL failed during key exchange");
}

static int misuse(haw_error *err)
{
	return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "a key exchange was driven out of order");
}

static int no_room(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no room for a key exchange message");
}

struct haw_kex *haw_kex_new(const struct haw_kex_method *method, enum haw_kex_role role, OSSL_LIB_CTX *ctx,
			    haw_error *err)
{
	struct haw_kex *kex = calloc(1, sizeof(*kex));

	if (kex)
		kex->state = calloc(1, method->ops->state_size);
	if (!kex || !kex->state) {
		free(kex);
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for a key exchange");
		return NULL;
	}
	kex->method = method;
	kex->role = role;
	kex->ctx = ctx;
	haw_message_write(&kex->secret, HAW_KEX_SECRET_MAX);
	kex->digest = EVP_MD_fetch(ctx, method->digest, NULL);
	if (!kex->digest) {
		haw_kex_free(kex);
		haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0,
			      "OpenSSL has no digest %s, which %s needs", method->digest, method->name);
		return NULL;
	}
	return kex;
}

void haw_kex_free(struct haw_kex *kex)
{
	if (!kex)
		return;
	if (kex->method->ops->clear)
		kex->method->ops->clear(kex);
	OPENSSL_cleanse(kex->state, kex->method->ops->state_size);
	free(kex->state);
	haw_message_free(&kex->secret);
	EVP_MD_free(kex->digest);
	OPENSSL_cleanse(kex, sizeof(*kex));
	free(kex);
}

int haw_kex_prepare(struct haw_kex *kex, haw_error *err)
{
	int result = 0;

	if (kex->stage == HAW_KEX_FAILED)
		return misuse(err);
	if (!kex->prepared && kex->method->ops->prepare)
		result = kex->method->ops->prepare(kex, err);
	kex->prepared = true;
	if (result < 0)
		kex->stage = HAW_KEX_FAILED;
	return result;
}

int haw_kex_start(struct haw_kex *kex, haw_message *out, haw_error *err)
{
	int result = 0;

	if (kex->stage != HAW_KEX_FRESH)
		return misuse(err);
	if (kex->role == HAW_KEX_CLIENT)
		result = haw_kex_prepare(kex, err);
	if (result == 0 && kex->role == HAW_KEX_CLIENT)
		result = kex->method->ops->start(kex, out, err);
	if (result == 0 && !haw_message_ok(out))
		result = no_room(err);
	kex->stage = result < 0 ? HAW_KEX_FAILED : HAW_KEX_RUNNING;
	return result;
}

void haw_kex_set_strength(struct haw_kex *kex, unsigned int bits)
{
	kex->strength = bits;
}

void haw_kex_set_moduli(struct haw_kex *kex, haw_span text)
{
	kex->moduli = text;
}

void haw_kex_set_transcript(struct haw_kex *kex, const struct haw_kex_transcript *transcript)
{
	kex->transcript = *transcript;
	kex->has_transcript = true;
}

int haw_kex_set_secret(struct haw_kex *kex, haw_span secret, haw_error *err)
{
	haw_message_reset(&kex->secret);
	if (kex->method->flags & HAW_KEX_SECRET_IS_STRING)
		haw_put_string(&kex->secret, secret.ptr, secret.len);
	else
		haw_put_mpint(&kex->secret, secret.ptr, secret.len, false);
	return haw_message_ok(&kex->secret)
		       ? 0
		       : haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for a shared secret");
}

/* ---- The exchange hash ---- */

static bool add(EVP_MD_CTX *context, haw_span bytes)
{
	return bytes.len == 0 || EVP_DigestUpdate(context, bytes.ptr, bytes.len) == 1;
}

static bool add_string(EVP_MD_CTX *context, haw_span string)
{
	uint8_t length[4];

	haw_store_be32(length, (uint32_t)string.len);
	return EVP_DigestUpdate(context, length, sizeof(length)) == 1 && add(context, string);
}

/* RFC 4253 §8: H = HASH(V_C || V_S || I_C || I_S || K_S || the method's own || K). */
static int compute_hash(struct haw_kex *kex, haw_span host_key, haw_error *err)
{
	const struct haw_kex_transcript *t = &kex->transcript;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int len = 0;
	haw_message own;
	bool done;

	haw_message_write(&own, 0);
	kex->method->ops->put_hashed(kex, &own);
	done = context && haw_message_ok(&own) && EVP_DigestInit_ex2(context, kex->digest, NULL) == 1 &&
	       add_string(context, t->client_version) && add_string(context, t->server_version) &&
	       add_string(context, t->client_init) && add_string(context, t->server_init) &&
	       add_string(context, host_key) && add(context, haw_message_all(&own)) &&
	       add(context, haw_message_all(&kex->secret)) &&
	       EVP_DigestFinal_ex(context, kex->hash, &len) == 1;
	haw_message_free(&own);
	EVP_MD_CTX_free(context);
	if (!done)
		return haw_kex_engine_failed(err);
	kex->hash_len = len;
	return 0;
}

haw_span haw_kex_hash(const struct haw_kex *kex)
{
	return (haw_span){kex->hash, kex->hash_len};
}

/* ---- Messages ---- */

static int conclude(struct haw_kex *kex, int result, struct haw_kex_reply *reply, haw_error *err)
{
	haw_span host_key = kex->transcript.host_key;
	int hashed;

	if (result == HAW_KEX_VERIFY)
		host_key = reply->host_key;
	if (kex->method->flags & HAW_KEX_NO_HOST_KEY)
		host_key = (haw_span){NULL, 0};
	hashed = compute_hash(kex, host_key, err);
	if (hashed < 0)
		return hashed;
	reply->hash = haw_kex_hash(kex);
	kex->stage = result == HAW_KEX_SIGN ? HAW_KEX_SIGNING : HAW_KEX_DONE;
	return result;
}

int haw_kex_receive(struct haw_kex *kex, haw_span payload, haw_message *out, struct haw_kex_reply *reply,
		    haw_error *err)
{
	haw_message in;
	uint8_t number;
	int result;

	*reply = (struct haw_kex_reply){{NULL, 0}, {NULL, 0}, {NULL, 0}};
	if (kex->stage == HAW_KEX_FRESH || !kex->has_transcript)
		return misuse(err);
	haw_message_read(&in, payload.ptr, payload.len);
	number = haw_get_byte(&in);
	if (kex->stage != HAW_KEX_RUNNING)
		result = haw_kex_protocol_error(err, "a message came after its end");
	else
		result = kex->method->ops->receive(kex, number, &in, out, reply, err);
	if (result > HAW_KEX_MORE)
		result = conclude(kex, result, reply, err);
	if (result >= 0 && !haw_message_ok(out))
		result = no_room(err);
	if (result < 0) {
		kex->stage = HAW_KEX_FAILED;
		*reply = (struct haw_kex_reply){{NULL, 0}, {NULL, 0}, {NULL, 0}};
	}
	return result;
}

int haw_kex_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
		  haw_error *err)
{
	int result;

	if (kex->stage != HAW_KEX_SIGNING)
		return misuse(err);
	result = kex->method->ops->reply(kex, host_key, signature, out, err);
	if (result == 0 && !haw_message_ok(out))
		result = no_room(err);
	kex->stage = result < 0 ? HAW_KEX_FAILED : HAW_KEX_DONE;
	return result;
}

/* ---- Keys ---- */

/* RFC 4253 §7.2: K1 = HASH(K || H || X || session_id); K2 = HASH(K || H || K1); K3 = HASH(K || H ||
 * K1 || K2); ... KNOWN is what stands already. */
static bool next_block(const struct haw_kex *kex, char letter, haw_span session_id, haw_span known,
		       EVP_MD_CTX *context, uint8_t block[EVP_MAX_MD_SIZE], unsigned int *len)
{
	if (EVP_DigestInit_ex2(context, kex->digest, NULL) != 1 ||
	    !add(context, haw_message_all(&kex->secret)) || !add(context, haw_kex_hash(kex)))
		return false;
	if (known.len > 0) {
		if (!add(context, known))
			return false;
	} else if (EVP_DigestUpdate(context, &letter, 1) != 1 || !add(context, session_id)) {
		return false;
	}
	return EVP_DigestFinal_ex(context, block, len) == 1;
}

int haw_kex_derive(const struct haw_kex *kex, char letter, haw_span session_id, uint8_t *out, size_t len,
		   haw_error *err)
{
	uint8_t block[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context;
	size_t have = 0;
	bool done = true;

	if (kex->stage != HAW_KEX_DONE || letter < 'A' || letter > 'F' || session_id.len == 0)
		return misuse(err);
	context = EVP_MD_CTX_new();
	while (context && done && have < len) {
		unsigned int n = 0;

		done = next_block(kex, letter, session_id, (haw_span){out, have}, context, block, &n);
		n = n < len - have ? n : (unsigned int)(len - have);
		if (done)
			memcpy(out + have, block, n);
		have += n;
	}
	done = done && context;
	OPENSSL_cleanse(block, sizeof(block));
	EVP_MD_CTX_free(context);
	if (done)
		return 0;
	OPENSSL_cleanse(out, len);
	return haw_kex_engine_failed(err);
}
