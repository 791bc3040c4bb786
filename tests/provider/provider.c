/* SPDX-License-Identifier: Apache-2.0
 *
 * "hawtest": a provider for tests. It stands on OpenSSL's own in a library context of its own, and hands
 * out that one's algorithms as its own, with other properties and without those that a mode leaves out; the
 * AES ciphers that protect packets pass through the device (cipher.c).
 *
 * Its context is that of the provider below it, since the algorithms that it hands out are called with it.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "hawtest.h"

enum { INSTANCES = 64, ALGORITHMS = 256, OPERATIONS = 32 };

struct instance {
	struct hawtest inner;
	void *context; /* NULL: free */
	OSSL_PROVIDER *provider;
	OSSL_ALGORITHM tables[OPERATIONS][ALGORITHMS];
};

static struct instance *instances[INSTANCES];

struct hawtest *hawtest_of(void *provctx)
{
	for (int i = 0; i < INSTANCES; i++)
		if (instances[i] && instances[i]->context == provctx)
			return &instances[i]->inner;
	abort();
}

/* ---- Which algorithms ---- */

/* Whether the first of NAMES ("AES-128-GCM:id-aes128-GCM:...") starts with one of PREFIXES. */
static bool starts_with_one(const char *names, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strncasecmp(names, *prefixes, strlen(*prefixes)) == 0)
			return true;
	return false;
}

static bool is_approved(const struct device_modes *modes, int operation, const char *names)
{
	static const char *const ciphers[] = {"AES-", NULL};
	static const char *const digests[] = {"SHA1", "SHA2-", "SHA3-", "SHAKE", NULL};
	static const char *const macs[] = {"HMAC", "CMAC", "GMAC", "KMAC", NULL};
	static const char *const kdfs[] = {"HKDF", "SSHKDF", "PBKDF2", "SSKDF", "TLS1", NULL};
	static const char *const curves[] = {"X25519", "X448", "ED25519", "ED448", NULL};
	static const char *const others[] = {"SM2", "Poly1305", "SIPHASH", "SCRYPT", NULL};

	if (modes->strict && starts_with_one(names, curves))
		return false;
	switch (operation) {
	case OSSL_OP_CIPHER:
		return starts_with_one(names, ciphers) && !strstr(names, "-SIV") && !strstr(names, "-OCB");
	case OSSL_OP_DIGEST:
		return starts_with_one(names, digests);
	case OSSL_OP_MAC:
		return starts_with_one(names, macs);
	case OSSL_OP_KDF:
		return starts_with_one(names, kdfs);
	case OSSL_OP_RAND:
	case OSSL_OP_KEYMGMT:
	case OSSL_OP_KEYEXCH:
	case OSSL_OP_SIGNATURE:
	case OSSL_OP_ASYM_CIPHER:
		return !starts_with_one(names, others);
	default: /* files are read by the base provider, as beside a real FIPS provider */
		return false;
	}
}

static bool is_offered(const struct device_modes *modes, int operation, const char *names)
{
	return modes->fips ? is_approved(modes, operation, names)
			   : modes->hash && operation == OSSL_OP_DIGEST;
}

/* The self-test of a MAC must notice. */
static void mix_up(OSSL_ALGORITHM *table, int n)
{
	OSSL_ALGORITHM *sha2 = NULL, *sha3 = NULL;

	for (int i = 0; i < n; i++) {
		if (strncmp(table[i].algorithm_names, "SHA2-512:", 9) == 0)
			sha2 = &table[i];
		if (strncmp(table[i].algorithm_names, "SHA3-512", 8) == 0)
			sha3 = &table[i];
	}
	if (!sha2 || !sha3)
		abort();
	sha2->implementation = sha3->implementation;
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	struct instance *instance = (struct instance *)hawtest_of(provctx);
	const struct device_modes *modes = &instance->inner.modes;
	const char *properties = modes->fips ? "provider=hawtest,fips=yes" : "provider=hawtest";
	const OSSL_ALGORITHM *below;
	OSSL_ALGORITHM *table;
	int below_no_cache, n = 0;

	*no_cache = 0;
	if (operation >= OPERATIONS)
		return NULL;
	table = instance->tables[operation];
	if (table[0].algorithm_names)
		return table;
	if (operation == OSSL_OP_CIPHER)
		for (const OSSL_ALGORITHM *a = hawtest_ciphers; a->algorithm_names; a++)
			table[n++] = *a;
	below = OSSL_PROVIDER_query_operation(instance->provider, operation, &below_no_cache);
	for (; below && below->algorithm_names && n < ALGORITHMS - 1; below++)
		if (is_offered(modes, operation, below->algorithm_names) &&
		    !(operation == OSSL_OP_CIPHER && hawtest_has(below->algorithm_names)))
			table[n++] = *below;
	for (int i = 0; i < n; i++)
		table[i].property_definition = properties;
	if (modes->mixup && operation == OSSL_OP_DIGEST)
		mix_up(table, n);
	return table;
}

/* ---- The provider ---- */

static const OSSL_PARAM *gettable(void *provctx)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
		OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
		OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0),
		OSSL_PARAM_END,
	};

	return params;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

	if (p && !OSSL_PARAM_set_utf8_ptr(p, "Hawser's test provider"))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (p && !OSSL_PARAM_set_utf8_ptr(p, "1.0"))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return !p || OSSL_PARAM_set_int(p, 1);
}

static void teardown(void *provctx)
{
	struct instance *instance = (struct instance *)hawtest_of(provctx);

	for (int i = 0; i < INSTANCES; i++)
		if (instances[i] == instance)
			instances[i] = NULL;
	OSSL_PROVIDER_unload(instance->provider);
	OSSL_LIB_CTX_free(instance->inner.below);
	free(instance);
}

static const char *read_mode(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
	OSSL_FUNC_core_get_params_fn *core_get_params = NULL;
	const char *mode = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr("mode", (char **)(uintptr_t)&mode, 0),
		OSSL_PARAM_END,
	};

	for (; in->function_id; in++)
		if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
			core_get_params = OSSL_FUNC_core_get_params(in);
	return core_get_params && core_get_params(handle, params) ? mode : NULL;
}

OSSL_provider_init_fn OSSL_provider_init;

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle,
							      const OSSL_DISPATCH *in,
							      const OSSL_DISPATCH **out, void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
		{OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable},
		{OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
		{0, NULL},
	};
	struct instance *instance = calloc(1, sizeof(*instance));
	int place = 0;

	while (place < INSTANCES && instances[place])
		place++;
	if (!instance || place == INSTANCES)
		abort();
	device_read_modes(&instance->inner.modes, read_mode(handle, in));
	instance->inner.below = OSSL_LIB_CTX_new();
	instance->provider = OSSL_PROVIDER_load(instance->inner.below, "default");
	if (!instance->provider)
		abort();
	instance->context = OSSL_PROVIDER_get0_provider_ctx(instance->provider);
	instances[place] = instance;
	*provctx = instance->context;
	*out = functions;
	return 1;
}
