/* SPDX-License-Identifier: Apache-2.0
 *
 * What packets by a backend are compared with: the same packets by other means, one by one, from plaintext
 * that lies together, with nothing around them. Each peer protects the bytes behind the length field.
 */
#ifndef HAWSER_BENCH_PEER_H
#define HAWSER_BENCH_PEER_H

#include <hawser/backend.h>

/* One packet: LENGTH bytes behind a length field of four on both sides, and behind them on the wire the tag.
 */
struct peer_packet {
	uint8_t *plain, *wire;
	uint32_t length, seq;
};

struct peer {
	bool (*seal)(struct peer *p, const struct peer_packet *packet);
	bool (*open)(struct peer *p, const struct peer_packet *packet);
	void (*free)(struct peer *p);
};

/* Each returns NULL if it cannot be had here. KEYS are copied. */
struct peer *peer_evp_gcm(const haw_suite *suite, const haw_keys *keys);
/* Cipher, then HMAC, as encrypt-then-MAC has it. */
struct peer *peer_evp_ctr_hmac(const haw_suite *suite, const haw_keys *keys);
/* chacha20-poly1305@openssh.com; PORTABLE: with Poly1305 in C, as OpenSSH has it. */
struct peer *peer_evp_chacha(const haw_keys *keys, bool portable);
/* The raw calls of ipsec-mb: one call, or init, update (header, payload, padding) and finalize. NULL in
 * builds without it. */
struct peer *peer_raw_gcm(const haw_suite *suite, const haw_keys *keys, bool scatter);

/* Poly1305 (RFC 8439 §2.5) in portable C. */
void portable_poly1305(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t tag[16]);

#endif
