/* SPDX-License-Identifier: Apache-2.0
 *
 * Which algorithms this process can do as OpenSSL is configured: what it cannot is not offered.
 */
#include <string.h>

#include <hawser/transport.h>

#include "crypto-backends/select.h"
#include "transport/hostkey/hostkey.h"
#include "transport/kex/method.h"

static bool kex_available(const char *name)
{
	const struct haw_kex_method *method = haw_kex_method_find(name);

	return method && haw_kex_method_available(method, NULL);
}

static bool host_key_available(const char *name)
{
	bool certificate;
	const struct haw_signature_algorithm *algorithm =
		haw_key_algorithm_find((haw_span){(const uint8_t *)name, strlen(name)}, &certificate);

	return algorithm && haw_signature_algorithm_available(algorithm);
}

/* A cipher needs one MAC, a MAC one cipher that it can be served with. */
static bool suite_available(enum haw_algorithm_kind kind, const char *name, const haw_selector *selector)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		/* RFC 5647 §5.1: the cipher implies the MAC of that name. */
		const char *has = kind == HAW_ALGORITHM_CIPHER || !suite->mac ? suite->cipher : suite->mac;

		if (strcmp(has, name) == 0 && haw_selector_could(selector, suite))
			return true;
	}
	return false;
}

bool haw_algorithm_available(enum haw_algorithm_kind kind, const char *name, const haw_selector *selector)
{
	switch (kind) {
	case HAW_ALGORITHM_KEX:
		return kex_available(name);
	case HAW_ALGORITHM_HOST_KEY:
		return host_key_available(name);
	case HAW_ALGORITHM_CIPHER:
	case HAW_ALGORITHM_MAC:
		return suite_available(kind, name, selector);
	default:
		return true;
	}
}
