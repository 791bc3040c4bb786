/* SPDX-License-Identifier: Apache-2.0
 *
 * UMAC (RFC 4418) with tags of 64 and 128 bits, as OpenSSH uses it: AES-128 by OpenSSL, and the nonce is
 * the packet's sequence number in eight bytes. The time it takes depends on the message's length alone.
 *
 * Own code, because the hash function must run at the speed of the widest vectors there are:
 * docs/dependencies.md has the figures.
 */
#ifndef HAW_OPENSSL_UMAC_H
#define HAW_OPENSSL_UMAC_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HAW_UMAC_KEY = 16,     /* bytes of the key */
	HAW_UMAC_STREAMS = 4,  /* hashes side by side: two for 64 bits, four for 128 */
	HAW_UMAC_CHUNK = 1024, /* bytes that one NH takes */
	HAW_UMAC_UNIT = 32,    /* bytes in its smallest step */
	HAW_UMAC_PADS = 8      /* AES blocks made at a time */
};

/* NH's key as 32-bit words, cut into pieces of four: the pieces of even and of odd index. A step takes one of
 * each, a stream's neighbour starts one piece further, and so vectors of any width load what they need. */
struct haw_nh_key {
	uint32_t even[HAW_UMAC_CHUNK / HAW_UMAC_UNIT + 2][4];
	uint32_t odd[HAW_UMAC_CHUNK / HAW_UMAC_UNIT + 1][4];
};

struct haw_umac {
	EVP_CIPHER_CTX *aes; /* keyed for the pads */
	size_t size;         /* of the tag: 8 or 16 */
	unsigned streams;
	struct haw_nh_key nh;
	uint64_t poly_key[HAW_UMAC_STREAMS];
	uint64_t inner_key[HAW_UMAC_STREAMS][4]; /* of the third layer */
	uint32_t outer_key[HAW_UMAC_STREAMS];
	/* The message so far. */
	uint64_t last[HAW_UMAC_STREAMS]; /* what NH made of the last chunk */
	uint64_t poly[HAW_UMAC_STREAMS];
	uint64_t chunks;
	size_t held;
	uint8_t buffer[HAW_UMAC_CHUNK];
	uint32_t seq;
	uint64_t pads_of; /* the number of the first block in pads, counted in nonces; UINT64_MAX: none */
	uint8_t pads[HAW_UMAC_PADS][16];
};

/* CIPHER is AES-128 in ECB mode, SIZE 8 or 16. False if OpenSSL failed; its error queue says why. After a
 * failed init, free. */
bool haw_umac_init(struct haw_umac *u, const EVP_CIPHER *cipher, const uint8_t key[HAW_UMAC_KEY],
		   size_t size);
void haw_umac_start(struct haw_umac *u, uint32_t seq);
/* At most 16 MiB in all, of which packets are far. */
void haw_umac_update(struct haw_umac *u, const uint8_t *data, size_t len);
/* Writes u->size bytes. False if OpenSSL failed. */
bool haw_umac_finish(struct haw_umac *u, uint8_t *tag);
void haw_umac_free(struct haw_umac *u);

/* NH (RFC 4418 §5.2.2) of LEN bytes, a multiple of HAW_UMAC_UNIT, at most HAW_UMAC_CHUNK, for STREAMS
 * hashes: sums without the length. */
void haw_nh(const struct haw_nh_key *key, unsigned streams, const uint8_t *data, size_t len,
	    uint64_t sums[HAW_UMAC_STREAMS]);
/* The same with FEATURES (crypto-backends/cpu.h) instead of this machine's. */
void haw_nh_with(uint32_t features, const struct haw_nh_key *key, unsigned streams, const uint8_t *data,
		 size_t len, uint64_t sums[HAW_UMAC_STREAMS]);

#endif
