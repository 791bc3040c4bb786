/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend must show before it protects a packet in this process: a known answer, the same
 * bytes as openssl at the largest packet, and that it refuses what was tampered with and writes
 * nowhere else. Accelerators that accept forged tags or write behind the packet have been met.
 */
#ifndef HAW_CRYPTO_SELFTEST_H
#define HAW_CRYPTO_SELFTEST_H

#include <hawser/backend.h>

/* Test BACKEND with SUITE now. NULL if it passed, else what failed (constant text). Takes about a
 * millisecond where the backend is fast. Any thread. */
const char *haw_selftest_run(const haw_backend *backend, const haw_suite *suite);

/* One known packet of each suite and half: sealed with the keys, numbers and plaintext below, first under
 * these keys where that matters. Writes the wire packet; returns its size, at most HAW_KNOWN_SIZE, or 0 for
 * another library's suite. */
size_t haw_known_wire(const haw_suite *suite, uint8_t *wire);

enum { HAW_KNOWN_SIZE = HAW_LENGTH_SIZE + 32 + HAW_TAG_MAX };
enum { HAW_KNOWN_SEQ = 0x01020304, HAW_KNOWN_NUMBER = 7, HAW_KNOWN_BLOCK = 21 };

/* Fill in the keys of the known packets (bytes 0x00, 0x01, ... for the key, from 0x80 on for the IV, from
 * 0x40 on for the MAC key; the storage is static) and, if PACKET is not NULL, the plaintext packet of
 * LENGTH, its length field in front: byte i is 7 * i + 3. */
void haw_known_keys(haw_keys *keys);
void haw_known_plaintext(uint8_t *packet, uint32_t length);
/* packet_length of the known packet of SUITE. */
uint32_t haw_known_length(const haw_suite *suite);

#endif
