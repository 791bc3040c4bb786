/* SPDX-License-Identifier: Apache-2.0
 *
 * The cryptographic extension of AArch64: which suites it serves on which processor.
 *
 * This file is compiled for any AArch64; it asks what the processor has before it enters the others.
 */
#include "crypto-backends/armv8/armv8.h"
#include "crypto-backends/backends.h"
#include "crypto-backends/cpu.h"

static uint32_t features_of(const haw_backend *backend)
{
	uint32_t allowed =
		backend == &haw_backend_armv8 ? UINT32_MAX : ((const struct haw_armv8 *)backend)->features;

	return allowed & haw_cpu_features();
}

static const char *unusable(const haw_backend *backend)
{
	return features_of(backend) & HAW_CPU_ARM_AES ? NULL : "this processor lacks the AES instructions";
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	uint32_t features = features_of(backend);

	if (unusable(backend))
		return unusable(backend);
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM)
		return features & HAW_CPU_PMULL ? NULL : "this processor lacks the PMULL instruction";
	if (suite->cipher_kind != HAW_CIPHER_AES_CTR)
		return "it serves AES-GCM and AES-CTR only";
	if (suite->mac_kind == HAW_MAC_NONE)
		return NULL;
	if (suite->mac_kind != HAW_MAC_HMAC_SHA2_256)
		return "beside AES-CTR it does hmac-sha2-256 only";
	return features & HAW_CPU_ARM_SHA2 ? NULL : "this processor lacks the SHA2 instructions";
}

static haw_sealer *make(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys, bool opens,
			haw_error *err)
{
	const char *why = refuses(backend, suite);

	if (why) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s: %s", suite->name, why);
		return NULL;
	}
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM)
		return haw_armv8_gcm_new(suite, keys, opens, features_of(backend) & HAW_CPU_ARM_SHA3, err);
	return haw_armv8_ctr_new(suite, keys, opens, err);
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
	return features_of(backend) & HAW_CPU_ARM_SHA3 ? "intrinsics 1, with EOR3" : "intrinsics 1";
}

#define BACKEND(backend_name)                                                                               \
	{                                                                                                   \
		.abi = HAW_BACKEND_ABI, .size = sizeof(haw_backend), .name = backend_name,                  \
		.description = "AArch64's instructions for AES, GHASH and SHA-256", .unusable = unusable,   \
		.refuses = refuses, .new_sealer = new_sealer, .new_opener = new_opener, .version = version, \
	}

const haw_backend haw_backend_armv8 = BACKEND("armv8");

void haw_armv8_init(struct haw_armv8 *b, const char *name, uint32_t features)
{
	*b = (struct haw_armv8){haw_backend_armv8, features};
	b->base.name = name;
}
