/* SPDX-License-Identifier: Apache-2.0
 *
 * Each algorithm is fetched once per process: a fetch walks provider tables under locks and
 * costs more than sealing a packet.
 */
#include "crypto-backends/openssl/openssl.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum kind { CIPHER, DIGEST, MAC };

struct algorithm {
	const char *name;
	enum kind kind;
	_Atomic(void *) fetched;
};

static struct algorithm algorithms[] = {
	{.name = "AES-128-GCM", .kind = CIPHER}, {.name = "AES-256-GCM", .kind = CIPHER},
	{.name = "AES-128-CTR", .kind = CIPHER}, {.name = "AES-192-CTR", .kind = CIPHER},
	{.name = "AES-256-CTR", .kind = CIPHER}, {.name = "ChaCha20", .kind = CIPHER},
	{.name = "SHA1", .kind = DIGEST},        {.name = "SHA256", .kind = DIGEST},
	{.name = "SHA512", .kind = DIGEST},      {.name = "Poly1305", .kind = MAC},
};

static pthread_mutex_t fetching = PTHREAD_MUTEX_INITIALIZER;

static void *fetch_new(const struct algorithm *a)
{
	void *object = NULL;

	switch (a->kind) {
	case CIPHER:
		object = EVP_CIPHER_fetch(NULL, a->name, NULL);
		break;
	case DIGEST:
		object = EVP_MD_fetch(NULL, a->name, NULL);
		break;
	case MAC:
		object = EVP_MAC_fetch(NULL, a->name, NULL);
		break;
	}
	if (!object)
		ERR_clear_error();
	return object;
}

/* A failed fetch is tried again: a provider may be loaded later. */
static void *fetch(enum kind kind, const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		struct algorithm *a = &algorithms[i];
		void *object;

		if (a->kind != kind || strcmp(a->name, name) != 0)
			continue;
		object = atomic_load_explicit(&a->fetched, memory_order_acquire);
		if (object)
			return object;
		pthread_mutex_lock(&fetching);
		object = atomic_load_explicit(&a->fetched, memory_order_relaxed);
		if (!object) {
			object = fetch_new(a);
			atomic_store_explicit(&a->fetched, object, memory_order_release);
		}
		pthread_mutex_unlock(&fetching);
		return object;
	}
	return NULL;
}

const EVP_CIPHER *haw_openssl_cipher(const char *name)
{
	return fetch(CIPHER, name);
}

const EVP_MD *haw_openssl_digest(const char *name)
{
	return fetch(DIGEST, name);
}

const EVP_MAC *haw_openssl_mac(const char *name)
{
	return fetch(MAC, name);
}

const char *haw_openssl_cipher_name(const haw_suite *suite)
{
	static const struct {
		uint8_t kind;
		uint16_t key_size;
		const char *openssl;
	} names[] = {
		{HAW_CIPHER_AES_GCM, 16, "AES-128-GCM"},
		{HAW_CIPHER_AES_GCM, 32, "AES-256-GCM"},
		{HAW_CIPHER_AES_CTR, 16, "AES-128-CTR"},
		{HAW_CIPHER_AES_CTR, 24, "AES-192-CTR"},
		{HAW_CIPHER_AES_CTR, 32, "AES-256-CTR"},
		{HAW_CIPHER_CHACHA20_POLY1305, 64, "ChaCha20"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].kind == suite->cipher_kind && names[i].key_size == suite->key_size)
			return names[i].openssl;
	return NULL;
}

const char *haw_openssl_digest_name(const haw_suite *suite)
{
	switch (suite->mac_kind) {
	case HAW_MAC_HMAC_SHA1:
		return "SHA1";
	case HAW_MAC_HMAC_SHA2_256:
		return "SHA256";
	case HAW_MAC_HMAC_SHA2_512:
		return "SHA512";
	default:
		return NULL;
	}
}

int haw_openssl_error(haw_error *err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL failed to %s: %s", what,
			     reason ? reason : "it gave no reason");
}
