/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/composite.h"

#include "crypto-backends/compose.h"

static const haw_backend *cipher_of(const haw_backend *backend)
{
	return ((const struct haw_composite *)backend)->cipher;
}

static const char *unusable(const haw_backend *backend)
{
	return cipher_of(backend)->unusable(cipher_of(backend));
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	return haw_compose_refuses(cipher_of(backend), suite);
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return haw_compose_sealer(cipher_of(backend), suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return haw_compose_sealer(cipher_of(backend), suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return cipher_of(backend)->version(cipher_of(backend));
}

void haw_composite_init(struct haw_composite *composite, const haw_backend *cipher)
{
	*composite = (struct haw_composite){
		.base =
			{
				.abi = HAW_BACKEND_ABI,
				.size = sizeof(haw_backend),
				.name = cipher->name,
				.description = cipher->description,
				.flags = cipher->flags,
				.unusable = unusable,
				.refuses = refuses,
				.new_sealer = new_sealer,
				.new_opener = new_opener,
				.version = version,
			},
		.cipher = cipher,
	};
}
