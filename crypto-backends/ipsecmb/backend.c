/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's Multi-Buffer Crypto for IPsec, on x86-64: the fastest AES-GCM there.
 */
#include "crypto-backends/ipsecmb/ipsecmb.h"

#include <pthread.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/cpu.h"

static struct haw_ipsecmb_gcm gcm128, gcm256;
static const char *trouble; /* why the library cannot be used, once `probing` has run */
static pthread_once_t probing = PTHREAD_ONCE_INIT;

/* The library looks at CPUID alone; what the operating system saves is judged here. */
static void init_for_cpu(IMB_MGR *mgr, uint32_t cpu)
{
	if ((cpu & (HAW_CPU_AVX512 | HAW_CPU_BMI2)) == (HAW_CPU_AVX512 | HAW_CPU_BMI2))
		init_mb_mgr_avx512(mgr);
	else if ((cpu & (HAW_CPU_AVX2 | HAW_CPU_BMI2)) == (HAW_CPU_AVX2 | HAW_CPU_BMI2))
		init_mb_mgr_avx2(mgr);
	else if (cpu & HAW_CPU_AVX)
		init_mb_mgr_avx(mgr);
	else
		init_mb_mgr_sse(mgr);
}

static void take_routines(const IMB_MGR *mgr)
{
	gcm128 = (struct haw_ipsecmb_gcm){
		.expand_key = mgr->gcm128_pre,
		.start = mgr->gcm128_init,
		.seal = mgr->gcm128_enc,
		.open = mgr->gcm128_dec,
		.seal_more = mgr->gcm128_enc_update,
		.open_more = mgr->gcm128_dec_update,
		.seal_finish = mgr->gcm128_enc_finalize,
		.open_finish = mgr->gcm128_dec_finalize,
	};
	gcm256 = (struct haw_ipsecmb_gcm){
		.expand_key = mgr->gcm256_pre,
		.start = mgr->gcm256_init,
		.seal = mgr->gcm256_enc,
		.open = mgr->gcm256_dec,
		.seal_more = mgr->gcm256_enc_update,
		.open_more = mgr->gcm256_dec_update,
		.seal_finish = mgr->gcm256_enc_finalize,
		.open_finish = mgr->gcm256_dec_finalize,
	};
}

static void probe(void)
{
	const uint32_t needed = HAW_CPU_SSE42 | HAW_CPU_AESNI | HAW_CPU_PCLMUL;
	uint32_t cpu = haw_cpu_features();
	IMB_MGR *mgr;

	if ((cpu & needed) != needed) {
		trouble = "this processor lacks AES-NI, PCLMULQDQ or SSE4.2";
		return;
	}
	mgr = alloc_mb_mgr(0);
	if (!mgr) {
		trouble = "the library could not be started: out of memory";
		return;
	}
	init_for_cpu(mgr, cpu);
	if (imb_get_errno(mgr) != 0)
		trouble = "the library says that it does not work on this processor";
	else
		take_routines(mgr);
	free_mb_mgr(mgr);
}

const struct haw_ipsecmb_gcm *haw_ipsecmb_gcm(size_t key_size)
{
	return key_size == 16 ? &gcm128 : key_size == 32 ? &gcm256 : NULL;
}

static const char *unusable(const haw_backend *backend)
{
	pthread_once(&probing, probe);
	return trouble;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	const char *why = unusable(NULL);

	if (why)
		return why;
	if (suite->cipher_kind != HAW_CIPHER_AES_GCM)
		return "it serves AES-GCM only";
	return NULL;
}

static haw_sealer *make(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err)
{
	const char *why = refuses(NULL, suite);

	if (!why)
		return haw_ipsecmb_gcm_new(suite, keys, opens, err);
	haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, why);
	return NULL;
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return imb_get_version_str();
}

const haw_backend haw_backend_ipsecmb = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend),
	.name = "ipsecmb",
	.description = "Intel ipsec-mb, on x86-64 with AES-NI",
	.unusable = unusable,
	.refuses = refuses,
	.new_sealer = new_sealer,
	.new_opener = new_opener,
	.version = version,
};
