/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/registry.h"

#include <string.h>

#include "crypto-backends/built_in.h"

#define DECLARE_BACKEND(name) extern const haw_backend haw_backend_##name;
#define DECLARE_MODULE(name) extern const haw_backend_module haw_module_##name;
#define ADDRESS_OF_BACKEND(name) &haw_backend_##name,
#define ADDRESS_OF_MODULE(name) &haw_module_##name,

HAW_BUILT_IN_BACKENDS(DECLARE_BACKEND)
HAW_BUILT_IN_MODULES(DECLARE_MODULE)

static const haw_backend *const backends[] = {HAW_BUILT_IN_BACKENDS(ADDRESS_OF_BACKEND) NULL};
static const haw_backend_module *const modules[] = {HAW_BUILT_IN_MODULES(ADDRESS_OF_MODULE) NULL};

const haw_backend *haw_backend_at(size_t index)
{
	return index < sizeof(backends) / sizeof(backends[0]) ? backends[index] : NULL;
}

const haw_backend *haw_backend_find(const char *name)
{
	for (size_t i = 0; backends[i]; i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

const haw_backend_module *haw_module_at(size_t index)
{
	return index < sizeof(modules) / sizeof(modules[0]) ? modules[index] : NULL;
}

const char *haw_registry_why_missing(const char *name)
{
	static const struct {
		const char *name, *why;
	} missing[] = {
		{"ipsecmb", "it needs Intel's ipsec-mb library when it is built, and an x86-64 processor"},
		{"armv8", "it is built for AArch64 processors only"},
		{"engine", "the OpenSSL that it was built with has no engines"},
	};

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		if (strcmp(name, missing[i].name) == 0)
			return missing[i].why;
	return NULL;
}

bool haw_registry_could(const char *name, const haw_suite *suite)
{
	enum {
		GCM = 1 << HAW_CIPHER_AES_GCM,
		CHACHA = 1 << HAW_CIPHER_CHACHA20_POLY1305,
		CTR = 1 << HAW_CIPHER_AES_CTR,
		ALL = ~0
	};
	static const struct {
		const char *name;
		unsigned kinds;
	} able[] = {
		{"openssl", (unsigned)ALL}, {"provider", (unsigned)ALL}, {"ipsecmb", GCM | CHACHA | CTR},
		{"armv8", GCM | CTR},       {"cryptodev", GCM | CTR},
	};
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < sizeof(able) / sizeof(able[0]); i++)
		if (strlen(able[i].name) == len && memcmp(able[i].name, name, len) == 0)
			return able[i].kinds >> suite->cipher_kind & 1;
	return false;
}

const char *haw_registry_other(size_t index, const char **why)
{
	static const char *const unbuilt[] = {"ipsecmb", "armv8"};

	for (size_t i = 0; i < sizeof(unbuilt) / sizeof(unbuilt[0]); i++)
		if (!haw_backend_find(unbuilt[i]) && index-- == 0) {
			*why = haw_registry_why_missing(unbuilt[i]);
			return unbuilt[i];
		}
	if (index == 0) {
		*why = "it has to be named with one of OpenSSL's providers: provider:NAME";
		return "provider";
	}
	*why = "it has to be named with a device of DPDK's: cryptodev:DEVICE";
	return index == 1 ? "cryptodev" : NULL;
}
