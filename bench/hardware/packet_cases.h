/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet costs beyond its primitive: framed and sealed, or opened and checked, per suite and backend,
 * beside the same backend's primitive called directly on one contiguous buffer.
 *
 *   seal/SUITE/BACKEND/BYTES      header written, padding chosen, sealed by scatter from an odd address
 *   open/SUITE/BACKEND/BYTES      length read, opened elsewhere, padding checked
 *   raw_seal, raw_open            the primitive on BYTES, one call (two where cipher and MAC are apart)
 *   .../batch:N                   N packets in one submit
 *
 * BYTES is the payload (the largest is cut so that the packet keeps to its limit).
 */
#ifndef HAWSER_BENCH_PACKET_CASES_H
#define HAWSER_BENCH_PACKET_CASES_H

#include "bench/hardware/case.h"

namespace bench
{

/* One row; WHAT of the case is overwritten. NULL if there is no primitive to compare with. */
benchmark::internal::Benchmark *add_seal(Case c);
benchmark::internal::Benchmark *add_open(Case c);
benchmark::internal::Benchmark *add_raw(Case c, bool opens);

} // namespace bench

#endif
