/* SPDX-License-Identifier: Apache-2.0
 *
 * The example of a module, spoilt: each must be refused before it touches a packet. One of these is defined:
 *
 *   FORGED    accepts packets whose tag is wrong
 *   OUTSIDE   writes one byte behind its output
 *   LARGE     seals wrong bytes far inside a large packet
 *   BATCH     spoils the fourth packet of a batch
 *   OTHER     is made for another version of the interface
 *   UNNAMED   exports nothing
 */
#include <openssl/evp.h>

#include <hawser/backend.h>

#if defined(FORGED)
static int finish_all(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n)
{
	(void)EVP_CipherFinal_ex(ctx, out, n);
	return 1;
}
#define EVP_CipherFinal_ex finish_all
#elif defined(OUTSIDE)
static int update_more(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n, const unsigned char *in, int len)
{
	int result = EVP_CipherUpdate(ctx, out, n, in, len);

	if (out)
		out[*n] ^= 1;
	return result;
}
#define EVP_CipherUpdate update_more
#elif defined(LARGE)
static int update_wrongly(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n, const unsigned char *in, int len)
{
	int result = EVP_CipherUpdate(ctx, out, n, in, len);

	if (len > 65536)
		out[65536] ^= 1;
	return result;
}
#define EVP_CipherUpdate update_wrongly
#elif defined(BATCH)
static int init_sometimes(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, void *engine,
			  const unsigned char *key, unsigned char *iv, int enc)
{
	static unsigned calls;

	/* More often than a self-test calls. */
	if (iv && ++calls > 100 && calls % 64 == 63)
		iv[11] ^= 1;
	return EVP_CipherInit_ex(ctx, cipher, engine, key, iv, enc);
}
#define EVP_CipherInit_ex init_sometimes
#elif defined(OTHER)
#undef HAW_BACKEND_ABI
#define HAW_BACKEND_ABI 1u
#endif

#ifndef UNNAMED
#include "../../docs/examples/backend-module.c"
#endif
