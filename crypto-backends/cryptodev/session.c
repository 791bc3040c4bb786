/* SPDX-License-Identifier: Apache-2.0
 *
 * What a suite asks of a device, in DPDK's terms. The device's own list of capabilities is asked first, for
 * it can say what is missing; then a session is made for each direction, for lists are longer than what
 * drivers accept.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* The links of an operation, in their order. */
struct chain {
	struct rte_crypto_sym_xform first, second;
};

static enum rte_crypto_auth_algorithm hash_of(const haw_suite *suite)
{
	switch (suite->mac_kind) {
	case HAW_MAC_HMAC_SHA1:
		return RTE_CRYPTO_AUTH_SHA1_HMAC;
	case HAW_MAC_HMAC_SHA2_256:
		return RTE_CRYPTO_AUTH_SHA256_HMAC;
	case HAW_MAC_HMAC_SHA2_512:
		return RTE_CRYPTO_AUTH_SHA512_HMAC;
	default:
		return 0;
	}
}

static struct rte_crypto_sym_xform aead_link(const haw_suite *suite, const haw_keys *keys, bool opens)
{
	return (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead = {.op = opens ? RTE_CRYPTO_AEAD_OP_DECRYPT : RTE_CRYPTO_AEAD_OP_ENCRYPT,
			 .algo = RTE_CRYPTO_AEAD_AES_GCM,
			 .key = {.data = keys->key, .length = suite->key_size},
			 .iv = {.offset = HAW_CRYPTODEV_IV_OFFSET, .length = suite->iv_size},
			 .digest_length = suite->tag_size,
			 .aad_length = HAW_LENGTH_SIZE},
	};
}

static struct rte_crypto_sym_xform cipher_link(const haw_suite *suite, const haw_keys *keys, bool opens)
{
	return (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.cipher = {.op = opens ? RTE_CRYPTO_CIPHER_OP_DECRYPT : RTE_CRYPTO_CIPHER_OP_ENCRYPT,
			   .algo = RTE_CRYPTO_CIPHER_AES_CTR,
			   .key = {.data = keys->key, .length = suite->key_size},
			   .iv = {.offset = HAW_CRYPTODEV_IV_OFFSET, .length = suite->iv_size}},
	};
}

static struct rte_crypto_sym_xform hash_link(const haw_suite *suite, const haw_keys *keys, bool opens)
{
	return (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.auth = {.op = opens ? RTE_CRYPTO_AUTH_OP_VERIFY : RTE_CRYPTO_AUTH_OP_GENERATE,
			 .algo = hash_of(suite),
			 .key = {.data = keys->mac_key, .length = suite->mac_key_size},
			 .digest_length = suite->tag_size},
	};
}

/* Encrypt-then-MAC is over the ciphertext, so that sealing encrypts first and opening verifies first;
 * encrypt-and-MAC (RFC 4253 §6.4) is over the plaintext, and the other way round. */
static void make_chain(struct chain *chain, const haw_suite *suite, const haw_keys *keys, bool opens)
{
	bool over_ciphertext = suite->length_mode == HAW_LENGTH_CLEAR;

	memset(chain, 0, sizeof(*chain));
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM) {
		chain->first = aead_link(suite, keys, opens);
	} else if (suite->mac_kind == HAW_MAC_NONE) {
		chain->first = cipher_link(suite, keys, opens);
	} else if (over_ciphertext != opens) {
		chain->first = cipher_link(suite, keys, opens);
		chain->second = hash_link(suite, keys, opens);
	} else {
		chain->first = hash_link(suite, keys, opens);
		chain->second = cipher_link(suite, keys, opens);
	}
	if (suite->mac_kind != HAW_MAC_NONE)
		chain->first.next = &chain->second;
}

void *haw_cryptodev_session_new(struct haw_cryptodev_device *device, const haw_suite *suite,
				const haw_keys *keys, bool opens)
{
	struct chain chain;
	void *session;

	make_chain(&chain, suite, keys, opens);
	pthread_mutex_lock(&device->lock);
	session = rte_cryptodev_sym_session_create(device->id, &chain.first, device->sessions);
	pthread_mutex_unlock(&device->lock);
	return session;
}

void haw_cryptodev_session_free(struct haw_cryptodev_device *device, void *session)
{
	pthread_mutex_lock(&device->lock);
	/* Its memory is wiped by DPDK. */
	(void)rte_cryptodev_sym_session_free(device->id, session);
	pthread_mutex_unlock(&device->lock);
}

/* ---- Refusing ---- */

static const struct rte_cryptodev_symmetric_capability *
capability(const struct haw_cryptodev_device *device, enum rte_crypto_sym_xform_type type, int algorithm)
{
	struct rte_cryptodev_sym_capability_idx index = {.type = type};

	if (type == RTE_CRYPTO_SYM_XFORM_AEAD)
		index.algo.aead = algorithm;
	else if (type == RTE_CRYPTO_SYM_XFORM_CIPHER)
		index.algo.cipher = algorithm;
	else
		index.algo.auth = algorithm;
	return rte_cryptodev_sym_capability_get(device->id, &index);
}

static bool has_gcm(const struct haw_cryptodev_device *device, const haw_suite *suite)
{
	const struct rte_cryptodev_symmetric_capability *c =
		capability(device, RTE_CRYPTO_SYM_XFORM_AEAD, RTE_CRYPTO_AEAD_AES_GCM);

	return c && rte_cryptodev_sym_capability_check_aead(c, suite->key_size, suite->tag_size,
							    HAW_LENGTH_SIZE, suite->iv_size) == 0;
}

static bool has_ctr(const struct haw_cryptodev_device *device, const haw_suite *suite)
{
	const struct rte_cryptodev_symmetric_capability *c =
		capability(device, RTE_CRYPTO_SYM_XFORM_CIPHER, RTE_CRYPTO_CIPHER_AES_CTR);

	return c && rte_cryptodev_sym_capability_check_cipher(c, suite->key_size, suite->iv_size) == 0;
}

static bool has_hmac(const struct haw_cryptodev_device *device, const haw_suite *suite)
{
	const struct rte_cryptodev_symmetric_capability *c =
		capability(device, RTE_CRYPTO_SYM_XFORM_AUTH, hash_of(suite));

	return c && rte_cryptodev_sym_capability_check_auth(c, suite->mac_key_size, suite->tag_size, 0) == 0;
}

static bool takes_sessions(struct haw_cryptodev_device *device, const haw_suite *suite)
{
	static const uint8_t nothing[HAW_KEY_MAX];
	const haw_keys keys = {nothing, nothing, nothing};

	for (int opens = 0; opens <= 1; opens++) {
		void *session = haw_cryptodev_session_new(device, suite, &keys, opens);

		if (!session)
			return false;
		haw_cryptodev_session_free(device, session);
	}
	return true;
}

const char *haw_cryptodev_refusal(struct haw_cryptodev_device *device, const haw_suite *suite, char *text,
				  size_t size)
{
	bool gcm = suite->cipher_kind == HAW_CIPHER_AES_GCM;

	if (!gcm && suite->cipher_kind != HAW_CIPHER_AES_CTR)
		return "it serves AES-GCM and AES-CTR only";
	if (suite->mac_kind != HAW_MAC_NONE && !hash_of(suite))
		return "it serves no MAC but HMAC with SHA-1 and SHA-2";
	if (gcm && !has_gcm(device, suite))
		snprintf(text, size,
			 "the device %s (%s) has no AES-GCM with a key of %u bits, a tag of 16 bytes "
			 "and associated data of 4",
			 device->name, device->driver, suite->key_size * 8u);
	else if (!gcm && !has_ctr(device, suite))
		snprintf(text, size,
			 "the device %s (%s) has no AES-CTR with a key of %u bits and an IV of 16 bytes",
			 device->name, device->driver, suite->key_size * 8u);
	else if (suite->mac_kind != HAW_MAC_NONE && !has_hmac(device, suite))
		snprintf(text, size,
			 "the device %s (%s) has no HMAC with a key of %u and a tag of %u bytes for %s",
			 device->name, device->driver, suite->mac_key_size, suite->tag_size, suite->mac);
	else if (!takes_sessions(device, suite))
		snprintf(text, size,
			 "the device %s (%s) takes no session with cipher and MAC in the order of %s",
			 device->name, device->driver, suite->name);
	else
		return NULL;
	return text;
}
