/* SPDX-License-Identifier: Apache-2.0
 *
 * A backend's primitive, called directly: what packet_bench.cc compares packets with.
 */
#ifndef HAWSER_BENCH_PACKET_BENCH_H
#define HAWSER_BENCH_PACKET_BENCH_H

#include <cstddef>
#include <cstdint>
#include <memory>

struct RawPrimitive {
	virtual ~RawPrimitive() = default;
	/* Encrypt LEN bytes of IN to OUT and write TAG, or decrypt and compare TAG. */
	virtual bool run(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag) = 0;
};

/* AES-GCM by ipsec-mb; abort()s in builds without it, which list no such backend. */
std::unique_ptr<RawPrimitive> make_raw_ipsecmb(size_t key_size, const uint8_t *key, const uint8_t *iv,
					       bool opens);

#endif
