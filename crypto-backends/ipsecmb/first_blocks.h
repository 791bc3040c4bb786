/* SPDX-License-Identifier: Apache-2.0
 *
 * Single blocks of ChaCha20 for several packets of chacha20-poly1305@openssh.com at once.
 *
 * Each packet begins two streams of ChaCha20, of which it needs block 0 alone: the one-time key of Poly1305,
 * and what hides the length. Neither the library nor OpenSSL computes blocks of several nonces side by side,
 * and one at a time they take as long as a third of a packet of 1 KiB does, because the rounds of a block
 * wait for each other. Here each of 16 lanes has a stream of its own. Nothing depends on secrets but the
 * values in the lanes.
 */
#ifndef HAW_IPSECMB_FIRST_BLOCKS_H
#define HAW_IPSECMB_FIRST_BLOCKS_H

#include <stdint.h>

enum { HAW_SECRETS_GROUP = 8, HAW_CHACHA_KEY = 32 };

struct haw_packet_secrets {
	uint8_t mac_key[32];      /* from the first key */
	uint8_t length_stream[4]; /* from the second */
};

/* Make those of HAW_SECRETS_GROUP sequence numbers from SEQ on, without a wrap between them. KEYS are the
 * packet's and the length's. The processor must have AVX-512F. */
void haw_packet_secrets_make(const uint8_t keys[2 * HAW_CHACHA_KEY], uint32_t seq,
			     struct haw_packet_secrets secrets[HAW_SECRETS_GROUP]);

enum { HAW_TAIL_BLOCK = 64, HAW_TAILS_MAX = 16 };

/* One block of a packet's stream. */
struct haw_tail {
	uint32_t seq, counter;
	uint8_t stream[HAW_TAIL_BLOCK]; /* out */
};

/* Make COUNT of them, at most HAW_TAILS_MAX. The processor must have AVX-512F. */
void haw_tails_make(const uint8_t key[HAW_CHACHA_KEY], struct haw_tail *tails, unsigned count);

#endif
