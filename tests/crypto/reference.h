/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet protection written down once more, as plainly as the documents have it and sharing no code with
 * the library: what every backend is compared with. Only the AES and 3DES block functions, one-shot HMAC and
 * big numbers are OpenSSL's. Slow.
 */
#ifndef HAWSER_TESTS_REFERENCE_H
#define HAWSER_TESTS_REFERENCE_H

#include <hawser/backend.h>

/* Primitives, to be checked against published vectors. */
void reference_chacha20(const uint8_t key[32], uint64_t counter, const uint8_t nonce[8], const uint8_t *in,
			uint8_t *out, size_t len);
void reference_poly1305(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t tag[16]);
void reference_aes_ctr(const uint8_t *key, size_t key_size, const uint8_t counter[16], const uint8_t *in,
		       uint8_t *out, size_t len);
void reference_aes_gcm(const uint8_t *key, size_t key_size, const uint8_t iv[12], const uint8_t *aad,
		       size_t aad_len, const uint8_t *in, uint8_t *out, size_t len, uint8_t tag[16]);

/* CBC without padding, of AES or, if BLOCK is 8, 3DES. */
void reference_cbc(const uint8_t *key, size_t key_size, size_t block, const uint8_t *iv, const uint8_t *in,
		   uint8_t *out, size_t len);
/* RFC 4418 with a tag of TAG_SIZE (8 or 16) bytes, for messages of at most 16 MiB. */
void reference_umac(const uint8_t key[16], const uint8_t nonce[8], const uint8_t *data, size_t len,
		    size_t tag_size, uint8_t *tag);

/* Seal PACKET (length field and LENGTH bytes) into WIRE, which has room for the tag too. Where a
 * packet needs the ciphertext before it, KEYS hold its last block as their IV. */
void reference_seal(const haw_suite *suite, const haw_keys *keys, uint32_t seq, uint64_t number,
		    uint64_t block, const uint8_t *packet, uint32_t length, uint8_t *wire);

#endif
