/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's Multi-Buffer Crypto for IPsec, on x86-64: the fastest AES-GCM there, and HMACs of several packets
 * side by side.
 */
#include "crypto-backends/ipsecmb/ipsecmb.h"

#include "crypto-backends/backends.h"
#include "crypto-backends/cpu.h"
#include "crypto-backends/ipsecmb/workspace.h"
#include "crypto-backends/openssl/openssl.h"

static struct haw_ipsecmb *library_of(const haw_backend *backend);

/* Rates behind the worths, in GB/s on a core of an AMD EPYC: a lane hashes 0.46 (SHA-1), 0.23 (SHA-256) and
 * 0.37 (SHA-512); pairs by SHA extensions 3.3 and 3.6; OpenSSL one message at 1.0 and 0.5 without them, and
 * 0.87 with SHA-512. */
static void choose_lanes(struct haw_ipsecmb *l)
{
	unsigned words = l->init == init_mb_mgr_avx512 ? 16 : l->init == init_mb_mgr_avx2 ? 8 : 4;

	l->init_pairs = l->uses & HAW_CPU_SHANI ? init_mb_mgr_sse : NULL;
	l->sha1 = (struct haw_ipsecmb_lanes){(uint16_t)words, l->init_pairs ? 73 : 22};
	l->sha256 = (struct haw_ipsecmb_lanes){(uint16_t)words, l->init_pairs ? 155 : 22};
	l->sha512 = (struct haw_ipsecmb_lanes){(uint16_t)(words / 2), 24};
}

/* The library looks at CPUID alone; what the operating system saves is judged here. */
static void choose_level(struct haw_ipsecmb *l)
{
	const uint32_t avx2 = HAW_CPU_AVX2 | HAW_CPU_BMI2, avx512 = HAW_CPU_AVX512 | HAW_CPU_BMI2;

	l->init = (l->uses & avx512) == avx512 ? init_mb_mgr_avx512
		  : (l->uses & avx2) == avx2   ? init_mb_mgr_avx2
		  : l->uses & HAW_CPU_AVX      ? init_mb_mgr_avx
					       : init_mb_mgr_sse;
	/* Within a level there are second types, which are left alone without these. */
	l->flags = l->uses & HAW_CPU_SHANI ? 0 : IMB_FLAG_SHANI_OFF;
	if (!(l->uses & HAW_CPU_VAES) || !(l->uses & HAW_CPU_VPCLMUL))
		l->flags |= IMB_FLAG_GFNI_OFF;
}

static void take_routines(struct haw_ipsecmb *l, const IMB_MGR *mgr)
{
	l->gcm128 = (struct haw_ipsecmb_gcm){
		.expand_key = mgr->gcm128_pre,
		.start = mgr->gcm128_init,
		.seal = mgr->gcm128_enc,
		.open = mgr->gcm128_dec,
		.seal_more = mgr->gcm128_enc_update,
		.open_more = mgr->gcm128_dec_update,
		.seal_finish = mgr->gcm128_enc_finalize,
		.open_finish = mgr->gcm128_dec_finalize,
	};
	l->gcm256 = (struct haw_ipsecmb_gcm){
		.expand_key = mgr->gcm256_pre,
		.start = mgr->gcm256_init,
		.seal = mgr->gcm256_enc,
		.open = mgr->gcm256_dec,
		.seal_more = mgr->gcm256_enc_update,
		.open_more = mgr->gcm256_dec_update,
		.seal_finish = mgr->gcm256_enc_finalize,
		.open_finish = mgr->gcm256_dec_finalize,
	};
	l->expand128 = mgr->keyexp_128;
	l->expand192 = mgr->keyexp_192;
	l->expand256 = mgr->keyexp_256;
	l->sha1_block = mgr->sha1_one_block;
	l->sha256_block = mgr->sha256_one_block;
	l->sha512_block = mgr->sha512_one_block;
}

static const char *probe(struct haw_ipsecmb *l)
{
	const uint32_t least = HAW_CPU_SSE42 | HAW_CPU_AESNI | HAW_CPU_PCLMUL;
	struct haw_ipsecmb_workspace *w;
	uint32_t cpu = haw_cpu_features();

	if ((cpu & least) != least)
		return "this processor lacks AES-NI, PCLMULQDQ or SSE4.2";
	if ((cpu & l->needs) != l->needs)
		return "this processor lacks that level, or the system does not save its registers";
	l->uses &= cpu;
	choose_level(l);
	choose_lanes(l);
	w = haw_ipsecmb_borrow(l);
	if (!w)
		return "the library does not start on this processor, or memory is short";
	take_routines(l, w->mgr);
	haw_ipsecmb_return(l, w);
	return NULL;
}

static const char *unusable(const haw_backend *backend)
{
	struct haw_ipsecmb *l = library_of(backend);

	if (!atomic_load_explicit(&l->probed, memory_order_acquire)) {
		pthread_mutex_lock(&l->probing);
		if (!atomic_load_explicit(&l->probed, memory_order_relaxed))
			l->trouble = probe(l);
		atomic_store_explicit(&l->probed, true, memory_order_release);
		pthread_mutex_unlock(&l->probing);
	}
	return l->trouble;
}

/* Below, OpenSSL is two to three times as fast as the library (4.9 GB/s against 1.7 to 3.3 by ChaCha20, 12.2
 * against 3.8 to 7.8 by Poly1305, on a core of an AMD EPYC); with them the library hashes at 14.3. */
static const char *refuses_chacha(const struct haw_ipsecmb *l, const haw_suite *suite)
{
	const uint32_t needed =
		HAW_CPU_AVX512 | HAW_CPU_BMI2 | HAW_CPU_SHANI | HAW_CPU_VAES | HAW_CPU_VPCLMUL;

	if ((l->uses & needed) != needed)
		return "without AVX-512 and vector AES, OpenSSL is faster with this suite";
	return haw_openssl_refuses(&haw_openssl_configured, suite);
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	const char *why = unusable(backend);

	if (why)
		return why;
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM)
		return NULL;
	if (suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305)
		return refuses_chacha(library_of(backend), suite);
	if (suite->cipher_kind == HAW_CIPHER_AES_CBC || suite->cipher_kind == HAW_CIPHER_3DES_CBC)
		return "packets in CBC mode wait for each other, so OpenSSL seals them as fast";
	if (suite->cipher_kind != HAW_CIPHER_AES_CTR)
		return "the library does not do this cipher";
	switch (suite->mac_kind) {
	case HAW_MAC_NONE:
		return NULL;
	case HAW_MAC_HMAC_SHA1:
	case HAW_MAC_HMAC_SHA2_256:
	case HAW_MAC_HMAC_SHA2_512:
		/* OpenSSL hashes what the lanes are not worth it for. */
		if (!haw_openssl_digest(&haw_openssl_configured, haw_openssl_digest_name(suite)))
			return "OpenSSL, as configured, has not got the hash";
		return NULL;
	default:
		return "it serves HMACs only";
	}
}

static haw_sealer *make(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys, bool opens,
			haw_error *err)
{
	struct haw_ipsecmb *library = library_of(backend);
	const char *why = refuses(backend, suite);

	if (why) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, why);
		return NULL;
	}
	switch (suite->cipher_kind) {
	case HAW_CIPHER_AES_GCM:
		return haw_ipsecmb_gcm_new(library, suite, keys, opens, err);
	case HAW_CIPHER_CHACHA20_POLY1305:
		return haw_ipsecmb_chacha_new(library, suite, keys, opens, err);
	default:
		return haw_ipsecmb_ctr_new(library, suite, keys, opens, err);
	}
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(backend, suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(backend, suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return imb_get_version_str();
}

#define BACKEND(backend_name)                                                                               \
	{                                                                                                   \
		.abi = HAW_BACKEND_ABI, .size = sizeof(haw_backend), .name = backend_name,                  \
		.description = "Intel ipsec-mb, on x86-64 with AES-NI", .unusable = unusable,               \
		.refuses = refuses, .new_sealer = new_sealer, .new_opener = new_opener, .version = version, \
	}

const haw_backend haw_backend_ipsecmb = BACKEND("ipsecmb");

#define LEAST (HAW_CPU_SSE42 | HAW_CPU_AESNI | HAW_CPU_PCLMUL)
#define AVX (LEAST | HAW_CPU_AVX)
#define AVX2 (AVX | HAW_CPU_AVX2 | HAW_CPU_BMI2)
#define AVX512 (AVX2 | HAW_CPU_AVX512)
#define VECTOR_AES (HAW_CPU_VAES | HAW_CPU_VPCLMUL)

#define LIBRARY(backend_name, features, allowed)                                            \
	{                                                                                   \
		.base = BACKEND(backend_name), .needs = (features), .uses = (allowed),      \
		.probing = PTHREAD_MUTEX_INITIALIZER, .lending = PTHREAD_MUTEX_INITIALIZER, \
	}
#define LEVEL(backend_name, features) LIBRARY("ipsecmb-" backend_name, features, features)

/* The first is that of haw_backend_ipsecmb. What is written to, by whoever holds its mutexes, is what was
 * found out about the machine, and managers that nobody uses. */
static struct haw_ipsecmb libraries[] = {
	LIBRARY("ipsecmb", 0, UINT32_MAX),
	LEVEL("sse", LEAST),
	LEVEL("sse-sha", LEAST | HAW_CPU_SHANI),
	LEVEL("avx", AVX),
	LEVEL("avx-sha", AVX | HAW_CPU_SHANI),
	LEVEL("avx2", AVX2),
	LEVEL("avx2-sha", AVX2 | HAW_CPU_SHANI),
	LEVEL("avx512", AVX512),
	LEVEL("avx512-sha", AVX512 | HAW_CPU_SHANI),
	LEVEL("avx512-sha-vaes", AVX512 | HAW_CPU_SHANI | VECTOR_AES),
};

static struct haw_ipsecmb *library_of(const haw_backend *backend)
{
	for (size_t i = 1; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (backend == &libraries[i].base)
			return &libraries[i];
	return &libraries[0];
}

const haw_backend *haw_ipsecmb_at(size_t index)
{
	return index + 1 < sizeof(libraries) / sizeof(libraries[0]) ? &libraries[index + 1].base : NULL;
}

const struct haw_ipsecmb_gcm *haw_ipsecmb_gcm(const haw_backend *backend, size_t key_size)
{
	const struct haw_ipsecmb *l = library_of(backend);

	return key_size == 16 ? &l->gcm128 : key_size == 32 ? &l->gcm256 : NULL;
}
