/* SPDX-License-Identifier: Apache-2.0
 *
 * The first blocks of many short ChaCha20 streams at once.
 *
 * Each packet of chacha20-poly1305@openssh.com begins two streams of its own, of which it needs block 0
 * alone: the one-time key of Poly1305, and what hides the length. Neither the library nor OpenSSL computes
 * blocks of several nonces side by side, and one at a time they take as long as 1 KiB of payload does,
 * because the rounds of a block wait for each other. Here each of 16 lanes has a nonce of its own.
 */
#ifndef HAW_IPSECMB_FIRST_BLOCKS_H
#define HAW_IPSECMB_FIRST_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

enum { HAW_FIRST_BLOCKS = 16, HAW_FIRST_BYTES = 32 };

/* Which stream: its key of 32 bytes, and the sequence number that is its nonce. */
struct haw_first_block {
	const uint8_t *key;
	uint32_t seq;
	uint8_t *out; /* HAW_FIRST_BYTES, the beginning of block 0 */
};

/* COUNT is at most HAW_FIRST_BLOCKS. The processor must have AVX-512F. */
void haw_first_blocks(const struct haw_first_block *blocks, size_t count);

#endif
