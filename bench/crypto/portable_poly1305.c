/* SPDX-License-Identifier: Apache-2.0
 *
 * Poly1305 with five limbs of 26 bits, for 32-bit multiplications: the shape that OpenSSH builds, and the
 * peer of one row. Nothing else uses it.
 */
#include "bench/crypto/peer.h"

#include <string.h>

enum { LIMBS = 5, LIMB_BITS = 26 };

static const uint32_t limb_mask = (1u << LIMB_BITS) - 1;

struct poly {
	uint32_t r[LIMBS], h[LIMBS];
};

static uint32_t fetch_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void add_block(struct poly *p, const uint8_t *block, uint32_t high_bit)
{
	p->h[0] += fetch_le32(block) & limb_mask;
	p->h[1] += fetch_le32(block + 3) >> 2 & limb_mask;
	p->h[2] += fetch_le32(block + 6) >> 4 & limb_mask;
	p->h[3] += fetch_le32(block + 9) >> 6 & limb_mask;
	p->h[4] += fetch_le32(block + 12) >> 8 | high_bit;
}

/* h = h * r modulo 2^130 - 5: what overflows 130 bits comes back times five. */
static void multiply(struct poly *p)
{
	const uint32_t *r = p->r, *h = p->h;
	uint32_t s1 = 5 * r[1], s2 = 5 * r[2], s3 = 5 * r[3], s4 = 5 * r[4], carry;
	uint64_t d0, d1, d2, d3, d4;

#define M(a, b) ((uint64_t)(a) * (b))
	d0 = M(h[0], r[0]) + M(h[1], s4) + M(h[2], s3) + M(h[3], s2) + M(h[4], s1);
	d1 = M(h[0], r[1]) + M(h[1], r[0]) + M(h[2], s4) + M(h[3], s3) + M(h[4], s2);
	d2 = M(h[0], r[2]) + M(h[1], r[1]) + M(h[2], r[0]) + M(h[3], s4) + M(h[4], s3);
	d3 = M(h[0], r[3]) + M(h[1], r[2]) + M(h[2], r[1]) + M(h[3], r[0]) + M(h[4], s4);
	d4 = M(h[0], r[4]) + M(h[1], r[3]) + M(h[2], r[2]) + M(h[3], r[1]) + M(h[4], r[0]);
#undef M
	d1 += d0 >> LIMB_BITS;
	d2 += d1 >> LIMB_BITS;
	d3 += d2 >> LIMB_BITS;
	d4 += d3 >> LIMB_BITS;
	p->h[0] = (uint32_t)d0 & limb_mask;
	p->h[1] = (uint32_t)d1 & limb_mask;
	p->h[2] = (uint32_t)d2 & limb_mask;
	p->h[3] = (uint32_t)d3 & limb_mask;
	p->h[4] = (uint32_t)d4 & limb_mask;
	carry = (uint32_t)(d4 >> LIMB_BITS) * 5 + p->h[0];
	p->h[0] = carry & limb_mask;
	p->h[1] += carry >> LIMB_BITS;
}

/* The remainder, plus the second half of the key, modulo 2^128. */
static void finish(struct poly *p, const uint8_t *key, uint8_t tag[16])
{
	uint32_t carry = 0, g[LIMBS], take;
	uint64_t sum = 0;

	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < LIMBS; i++) {
			p->h[i] += carry;
			carry = p->h[i] >> LIMB_BITS;
			p->h[i] &= limb_mask;
		}
		carry *= 5;
	}
	p->h[0] += carry;
	carry = 5;
	for (int i = 0; i < LIMBS; i++) {
		g[i] = p->h[i] + carry;
		carry = g[i] >> LIMB_BITS;
		g[i] &= limb_mask;
	}
	take = 0u - carry; /* h is not less than 2^130 - 5 */
	for (int i = 0; i < LIMBS; i++)
		p->h[i] = (p->h[i] & ~take) | (g[i] & take);
	for (int word = 0; word < 4; word++) {
		uint32_t value = p->h[word] >> (6 * word) | p->h[word + 1] << (LIMB_BITS - 6 * word);

		sum = (sum >> 32) + value + fetch_le32(key + 16 + 4 * word);
		for (int i = 0; i < 4; i++)
			tag[4 * word + i] = (uint8_t)(sum >> 8 * i);
	}
}

void portable_poly1305(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t tag[16])
{
	struct poly p = {.r = {fetch_le32(key) & 0x3ffffff, fetch_le32(key + 3) >> 2 & 0x3ffff03,
			       fetch_le32(key + 6) >> 4 & 0x3ffc0ff, fetch_le32(key + 9) >> 6 & 0x3f03fff,
			       fetch_le32(key + 12) >> 8 & 0x00fffff}};
	uint8_t last[16] = {0};

	while (len >= 16) {
		add_block(&p, data, 1u << 24);
		multiply(&p);
		data += 16;
		len -= 16;
	}
	if (len > 0) {
		memcpy(last, data, len);
		last[len] = 1;
		add_block(&p, last, 0);
		multiply(&p);
	}
	finish(&p, key, tag);
}
