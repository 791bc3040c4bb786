/* SPDX-License-Identifier: Apache-2.0
 *
 * Key encapsulation: who has the public key makes a ciphertext and a key out of it, and who has the secret
 * key gets the same key out of the ciphertext. A ciphertext that was not made so gives another key, not an
 * error (implicit rejection), for an error would tell something about the secret key.
 *
 * Own implementations take the same time whatever the secrets are: no branch and no index depends on
 * them. tests/kex/timing.c checks that, with the sources compiled for it.
 */
#ifndef HAW_KEX_KEM_H
#define HAW_KEX_KEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

/* What follows from secrets and may be known, marked for the test of timing. */
#ifndef HAW_DECLASSIFY
#define HAW_DECLASSIFY(pointer, size) ((void)(pointer), (void)(size))
#endif

/* A mask of which the compiler knows nothing, lest it see that it is all or nothing and make a branch of what
 * is done with it, as clang does. */
static inline uint32_t haw_kem_mask(uint32_t mask)
{
	__asm__("" : "+r"(mask));
	return mask;
}

enum { HAW_KEM_KEY_SIZE = 32 };

enum haw_kem_result {
	HAW_KEM_DONE,
	HAW_KEM_INVALID, /* the peer's public key or ciphertext cannot be one */
	HAW_KEM_FAILED	 /* OpenSSL failed */
};

struct haw_kem {
	const char *name;
	size_t public_size, secret_size, ciphertext_size;
	bool (*available)(OSSL_LIB_CTX *ctx);
	enum haw_kem_result (*make)(OSSL_LIB_CTX *ctx, uint8_t *public, uint8_t *secret);
	enum haw_kem_result (*encapsulate)(OSSL_LIB_CTX *ctx, const uint8_t *public, uint8_t *ciphertext,
					   uint8_t key[HAW_KEM_KEY_SIZE]);
	enum haw_kem_result (*decapsulate)(OSSL_LIB_CTX *ctx, const uint8_t *secret,
					   const uint8_t *ciphertext, uint8_t key[HAW_KEM_KEY_SIZE]);
};

extern const struct haw_kem haw_sntrup761, haw_mlkem768;

#endif
