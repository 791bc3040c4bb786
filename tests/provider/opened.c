/* SPDX-License-Identifier: Apache-2.0
 *
 * Backends over OpenSSL's own provider and over ones that are not there: names, errors, isolation from the
 * rest of the process, self-tests.
 */
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "harness.h"

#include <hawser/backend.h>

static bool serves(const char *name, const haw_suite *suite)
{
	haw_selector *s = haw_selector_new();
	const haw_backend *backend;
	char override[128], reason[256] = "";
	haw_error err = {0};
	bool right;

	snprintf(override, sizeof(override), "%s=%s", suite->name, name);
	right = haw_selector_override(s, override, &err) == 0;
	backend = right ? haw_selector_choose(s, suite, reason, sizeof(reason)) : NULL;
	right = right && backend && strcmp(backend->name, name) == 0;
	if (!right)
		printf("    %s: \"%s\" \"%s\"\n", override, err.message, reason);
	haw_selector_free(s);
	return right;
}

static void own_provider_serves(void)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (suite->cipher_kind == HAW_CIPHER_AES_GCM || suite->cipher_kind == HAW_CIPHER_AES_CTR ||
		    suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305)
			CHECK(suite->mac_kind > HAW_MAC_HMAC_SHA2_512 || serves("provider:default", suite));
}

static bool fails_with(const char *name, int code, const char *words)
{
	haw_selector *s = haw_selector_new();
	haw_error err = {0};
	char override[128];
	int result;
	bool right;

	snprintf(override, sizeof(override), "*=%s", name);
	result = haw_selector_override(s, override, &err);
	right = result == code && err.code == code && strstr(err.message, words);
	if (!right)
		printf("    \"%s\": %d \"%s\"\n", name, result, err.message);
	haw_selector_free(s);
	return right;
}

static void what_cannot_be_opened_says_why(void)
{
	CHECK(fails_with("provider:absent", HAW_ENOTFOUND, "say where with --provider-path"));
	CHECK(fails_with("provider:", HAW_EINVAL, "write provider:NAME"));
	CHECK(fails_with("provider", HAW_EINVAL, "write provider:NAME"));
	CHECK(fails_with("provider:../default", HAW_EINVAL, "write provider:NAME"));
	CHECK(fails_with("provider:default:", HAW_EINVAL, "write provider:NAME"));
	CHECK(fails_with("provider:default:fips=yes", HAW_EUNSUPPORTED, "it has not got the cipher"));
	CHECK(fails_with("provider:base", HAW_EUNSUPPORTED, "it has not got the cipher"));
}

static int count(OSSL_PROVIDER *provider, void *data)
{
	++*(int *)data;
	return 1;
}

/* What is loaded for a backend is loaded for it alone. */
static void process_stays_as_it_was(void)
{
	haw_selector *s = haw_selector_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	int before = 0, after = 0;
	haw_error err = {0};

	EVP_CIPHER_free(cipher);
	OSSL_PROVIDER_do_all(NULL, count, &before);
	CHECK(haw_selector_open(s, "provider:default", &err) && haw_selector_open(s, "provider:base", &err));
	OSSL_PROVIDER_do_all(NULL, count, &after);
	CHECK(before == 1 && after == 1);
	haw_selector_free(s);
}

int main(void)
{
	RUN(own_provider_serves);
	RUN(what_cannot_be_opened_says_why);
	RUN(process_stays_as_it_was);
	return harness_end();
}
