/* SPDX-License-Identifier: Apache-2.0
 *
 * Each algorithm is fetched once per source: a fetch walks provider tables under locks and
 * costs more than sealing a packet.
 */
#include "crypto-backends/openssl/openssl.h"

#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

static const struct {
	const char *name;
	enum haw_openssl_kind kind;
} algorithms[] = {
	{"AES-128-GCM", HAW_OPENSSL_CIPHER},  {"AES-256-GCM", HAW_OPENSSL_CIPHER},
	{"AES-128-CTR", HAW_OPENSSL_CIPHER},  {"AES-192-CTR", HAW_OPENSSL_CIPHER},
	{"AES-256-CTR", HAW_OPENSSL_CIPHER},  {"AES-128-CBC", HAW_OPENSSL_CIPHER},
	{"AES-192-CBC", HAW_OPENSSL_CIPHER},  {"AES-256-CBC", HAW_OPENSSL_CIPHER},
	{"DES-EDE3-CBC", HAW_OPENSSL_CIPHER}, {"AES-128-ECB", HAW_OPENSSL_CIPHER},
	{"ChaCha20", HAW_OPENSSL_CIPHER},     {"SHA1", HAW_OPENSSL_DIGEST},
	{"SHA256", HAW_OPENSSL_DIGEST},       {"SHA512", HAW_OPENSSL_DIGEST},
	{"Poly1305", HAW_OPENSSL_MAC},
};

enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

_Static_assert((int)ALGORITHMS <= (int)HAW_OPENSSL_ALGORITHMS, "a source has no place for each algorithm");

struct haw_openssl_source haw_openssl_configured;

static pthread_mutex_t fetching = PTHREAD_MUTEX_INITIALIZER;

static const void *fetch_new(struct haw_openssl_source *source, size_t index)
{
	const char *name = algorithms[index].name;
	const void *object = NULL;

	if (source->find)
		return source->find(source, algorithms[index].kind, name);
	switch (algorithms[index].kind) {
	case HAW_OPENSSL_CIPHER:
		object = EVP_CIPHER_fetch(source->context, name, source->properties);
		break;
	case HAW_OPENSSL_DIGEST:
		object = EVP_MD_fetch(source->context, name, source->properties);
		break;
	case HAW_OPENSSL_MAC:
		object = EVP_MAC_fetch(source->context, name, source->properties);
		break;
	}
	if (!object)
		ERR_clear_error();
	return object;
}

/* A failed fetch is tried again: a provider may be loaded later. */
static const void *fetch(struct haw_openssl_source *source, enum haw_openssl_kind kind, const char *name)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		const void *object;

		if (algorithms[i].kind != kind || strcmp(algorithms[i].name, name) != 0)
			continue;
		object = atomic_load_explicit(&source->found[i], memory_order_acquire);
		if (object)
			return object;
		pthread_mutex_lock(&fetching);
		object = atomic_load_explicit(&source->found[i], memory_order_relaxed);
		if (!object) {
			object = fetch_new(source, i);
			atomic_store_explicit(&source->found[i], object, memory_order_release);
		}
		pthread_mutex_unlock(&fetching);
		return object;
	}
	return NULL;
}

void haw_openssl_source_clear(struct haw_openssl_source *source)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		void *object = (void *)(uintptr_t)atomic_load(&source->found[i]);

		atomic_store(&source->found[i], NULL);
		if (!object || source->find)
			continue;
		if (algorithms[i].kind == HAW_OPENSSL_CIPHER)
			EVP_CIPHER_free(object);
		else if (algorithms[i].kind == HAW_OPENSSL_DIGEST)
			EVP_MD_free(object);
		else
			EVP_MAC_free(object);
	}
}

const EVP_CIPHER *haw_openssl_cipher(struct haw_openssl_source *source, const char *name)
{
	return fetch(source, HAW_OPENSSL_CIPHER, name);
}

const EVP_MD *haw_openssl_digest(struct haw_openssl_source *source, const char *name)
{
	return fetch(source, HAW_OPENSSL_DIGEST, name);
}

const EVP_MAC *haw_openssl_mac(struct haw_openssl_source *source, const char *name)
{
	return fetch(source, HAW_OPENSSL_MAC, name);
}

const char *haw_openssl_cipher_name(const haw_suite *suite)
{
	static const struct {
		uint8_t kind;
		uint16_t key_size;
		const char *openssl;
	} names[] = {
		{HAW_CIPHER_AES_GCM, 16, "AES-128-GCM"},   {HAW_CIPHER_AES_GCM, 32, "AES-256-GCM"},
		{HAW_CIPHER_AES_CTR, 16, "AES-128-CTR"},   {HAW_CIPHER_AES_CTR, 24, "AES-192-CTR"},
		{HAW_CIPHER_AES_CTR, 32, "AES-256-CTR"},   {HAW_CIPHER_AES_CBC, 16, "AES-128-CBC"},
		{HAW_CIPHER_AES_CBC, 24, "AES-192-CBC"},   {HAW_CIPHER_AES_CBC, 32, "AES-256-CBC"},
		{HAW_CIPHER_3DES_CBC, 24, "DES-EDE3-CBC"}, {HAW_CIPHER_CHACHA20_POLY1305, 64, "ChaCha20"},
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
