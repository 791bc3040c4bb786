/* SPDX-License-Identifier: Apache-2.0 */
#include <hawser/hash.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

struct haw_hash {
	EVP_MD *md;
	EVP_MD_CTX *context;
	bool good;
};

haw_hash *haw_hash_new(const char *algorithm, haw_error *err)
{
	const char *name = strcmp(algorithm, "sha256") == 0   ? "SHA256"
			   : strcmp(algorithm, "sha512") == 0 ? "SHA512"
							      : NULL;
	struct haw_hash *hash;

	if (!name) {
		haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0, "there is no hash of that name");
		return NULL;
	}
	hash = calloc(1, sizeof(*hash));
	if (!hash) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	hash->md = EVP_MD_fetch(NULL, name, NULL);
	hash->context = EVP_MD_CTX_new();
	if (hash->md && hash->context && EVP_DigestInit_ex2(hash->context, hash->md, NULL) == 1) {
		hash->good = true;
		return hash;
	}
	haw_hash_free(hash);
	haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0, "OpenSSL cannot make a hash by %s", name);
	return NULL;
}

void haw_hash_add(haw_hash *hash, const void *data, size_t len)
{
	hash->good = hash->good && EVP_DigestUpdate(hash->context, data, len) == 1;
}

ptrdiff_t haw_hash_end(haw_hash *hash, uint8_t out[HAW_HASH_MAX], haw_error *err)
{
	unsigned len = 0;

	if (hash->good && EVP_DigestFinal_ex(hash->context, out, &len) == 1) {
		hash->good = false;
		return len;
	}
	return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0, "the hash could not be made");
}

void haw_hash_free(haw_hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	EVP_MD_free(hash->md);
	free(hash);
}
