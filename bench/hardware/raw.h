/* SPDX-License-Identifier: Apache-2.0
 *
 * A backend's primitive, called directly on one contiguous buffer: what packets are compared with.
 */
#ifndef HAWSER_BENCH_RAW_H
#define HAWSER_BENCH_RAW_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <hawser/backend.h>

namespace bench
{

struct RawPrimitive {
	virtual ~RawPrimitive() = default;
	/* Encrypt LEN bytes of IN to OUT and write TAG, or decrypt and compare TAG. */
	virtual bool run(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag) = 0;
};

/* The primitive of the backend of that name for SUITE; NULL if there is no call to compare with. */
std::unique_ptr<RawPrimitive> make_raw(const std::string &backend, const haw_suite *suite, bool opens);

/* raw_openssl.cc: any cipher with any MAC. */
std::unique_ptr<RawPrimitive> make_raw_openssl(const haw_suite *suite, bool opens);
/* raw_ipsecmb.cc: AES-GCM. NULL in builds without that library (raw_none.cc). */
std::unique_ptr<RawPrimitive> make_raw_ipsecmb(const haw_suite *suite, bool opens);

} // namespace bench

#endif
