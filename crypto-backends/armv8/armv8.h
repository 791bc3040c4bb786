/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the armv8 backend: the instructions of AArch64's cryptographic extension, by intrinsics.
 *
 * Kernels work on whole blocks that lie together and keep what they carry in a state; gcm.c and ctr.c cut
 * packets, whose spans lie anywhere, into such pieces (pieces.h). They are compiled for processors with these
 * instructions, so only backend.c, which is not, is entered before the processor has been asked.
 */
#ifndef HAW_ARMV8_ARMV8_H
#define HAW_ARMV8_ARMV8_H

#include <hawser/backend.h>

#include <arm_neon.h>

enum { HAW_ARMV8_BLOCK = 16, HAW_ARMV8_POWERS = 8 };

/* An instance held to some of the processor's features (enum haw_cpu_feature). */
struct haw_armv8 {
	haw_backend base;
	uint32_t features;
};

/* Make B an instance that behaves as on a processor with FEATURES; it must have them if B is used. */
void haw_armv8_init(struct haw_armv8 *b, const char *name, uint32_t features);

/* ---- AES (FIPS 197) ---- */

struct haw_armv8_aes {
	uint8x16_t round_key[15];
	unsigned rounds; /* 10, 12 or 14 */
};

void haw_armv8_aes_init(struct haw_armv8_aes *aes, const uint8_t *key, size_t key_size);
uint8x16_t haw_armv8_aes_block(const struct haw_armv8_aes *aes, uint8x16_t block);

/* ---- GCM (NIST SP 800-38D) ---- */

/* Powers of the hash key: power[i] is H^(i+1), in the bit order of ghash.h; folded[i] is the sum of its two
 * halves, for Karatsuba's multiplication. */
struct haw_armv8_ghash {
	uint8x16_t power[HAW_ARMV8_POWERS];
	uint8x16_t folded[HAW_ARMV8_POWERS];
};

struct haw_armv8_gcm_state {
	uint8x16_t hash;    /* Y_i, in the bit order of ghash.h */
	uint32x4_t counter; /* the next counter block, each word in the processor's order */
};

/* Encipher or decipher BLOCKS blocks and hash the ciphertext, in one pass. IN may be OUT. */
typedef void haw_armv8_gcm_kernel(const struct haw_armv8_aes *aes, const struct haw_armv8_ghash *ghash,
				  struct haw_armv8_gcm_state *state, const uint8_t *in, uint8_t *out,
				  size_t blocks);

haw_armv8_gcm_kernel haw_armv8_gcm_seal, haw_armv8_gcm_open;
/* The same with EOR3, for processors with the SHA3 extension. */
haw_armv8_gcm_kernel haw_armv8_gcm_seal_eor3, haw_armv8_gcm_open_eor3;

void haw_armv8_ghash_init(struct haw_armv8_ghash *ghash, const struct haw_armv8_aes *aes);
/* Start with a 12-byte NONCE; MASK receives what the tag is masked with. */
void haw_armv8_gcm_start(const struct haw_armv8_aes *aes, struct haw_armv8_gcm_state *state,
			 const uint8_t nonce[12], uint8x16_t *mask);
/* Hash one block of associated data, or the lengths. */
void haw_armv8_gcm_hash(const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			const uint8_t block[16]);
/* Hash the lengths in bytes and write the tag. */
void haw_armv8_gcm_finish(const struct haw_armv8_ghash *ghash, struct haw_armv8_gcm_state *state,
			  uint64_t aad_len, uint64_t len, uint8x16_t mask, uint8_t tag[16]);

haw_sealer *haw_armv8_gcm_new(const haw_suite *suite, const haw_keys *keys, bool opens, bool eor3,
			      haw_error *err);

/* ---- SHA-256 (FIPS 180-4) and AES-CTR (RFC 4344 §4) ---- */

struct haw_armv8_sha256 {
	uint32x4_t abcd, efgh;
};

void haw_armv8_sha256_start(struct haw_armv8_sha256 *s);
void haw_armv8_sha256_blocks(struct haw_armv8_sha256 *s, const uint8_t *data, size_t blocks);
void haw_armv8_sha256_put(const struct haw_armv8_sha256 *s, uint8_t digest[32]);

struct haw_armv8_ctr_state {
	uint64_t high, low; /* the next counter block */
	struct haw_armv8_sha256 sha;
	/* The last 16 bytes that were to be hashed: those at its end that are not hashed yet, 8 with -etm, 4
	 * without, are in front of what comes. */
	uint8x16_t carry;
};

/* Encipher (which is deciphering) BLOCKS blocks, a multiple of four where they are hashed too. */
typedef void haw_armv8_ctr_kernel(const struct haw_armv8_aes *aes, struct haw_armv8_ctr_state *state,
				  const uint8_t *in, uint8_t *out, size_t blocks);

haw_armv8_ctr_kernel haw_armv8_ctr_plain;
/* With ETM the kernel that hashes what it writes, 8 bytes staying behind; else the one that hashes what it
 * reads (HASH_INPUT) or writes, 4 bytes staying behind. */
haw_armv8_ctr_kernel *haw_armv8_ctr_hashing(const struct haw_armv8_aes *aes, bool etm, bool hash_input);
/* Hash BLOCKS blocks, a multiple of four, as with -etm, and do nothing else with them. */
void haw_armv8_ctr_hash(struct haw_armv8_ctr_state *state, const uint8_t *in, size_t blocks);

/* SUITE's MAC is HMAC-SHA2-256 or none. */
haw_sealer *haw_armv8_ctr_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err);

#endif
