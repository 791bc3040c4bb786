/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/openssl/hmac.h"

#include <openssl/crypto.h>
#include <string.h>

enum { BLOCK_MAX = 128 }; /* SHA-512's; keys here are never longer than a block */

static bool hash_pad(EVP_MD_CTX *ctx, const EVP_MD *digest, const uint8_t *key, size_t key_len, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];
	size_t size = (size_t)EVP_MD_get_block_size(digest);
	bool ok;

	if (size > sizeof(block) || key_len > size)
		return false;
	memset(block, pad, size);
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
	ok = EVP_DigestInit_ex2(ctx, digest, NULL) && EVP_DigestUpdate(ctx, block, size);
	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}

bool haw_hmac_init(struct haw_hmac *h, const EVP_MD *digest, const uint8_t *key, size_t key_len)
{
	h->inner = EVP_MD_CTX_new();
	h->outer = EVP_MD_CTX_new();
	h->work = EVP_MD_CTX_new();
	if (!h->inner || !h->outer || !h->work)
		return false;
	h->size = (size_t)EVP_MD_get_size(digest);
	return hash_pad(h->inner, digest, key, key_len, 0x36) &&
	       hash_pad(h->outer, digest, key, key_len, 0x5c);
}

bool haw_hmac_start(struct haw_hmac *h)
{
	return EVP_MD_CTX_copy_ex(h->work, h->inner);
}

bool haw_hmac_update(struct haw_hmac *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(h->work, data, len);
}

bool haw_hmac_finish(struct haw_hmac *h, uint8_t *tag)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	return EVP_DigestFinal_ex(h->work, digest, NULL) && EVP_MD_CTX_copy_ex(h->work, h->outer) &&
	       EVP_DigestUpdate(h->work, digest, h->size) && EVP_DigestFinal_ex(h->work, tag, NULL);
}

void haw_hmac_free(struct haw_hmac *h)
{
	EVP_MD_CTX_free(h->inner);
	EVP_MD_CTX_free(h->outer);
	EVP_MD_CTX_free(h->work);
}
