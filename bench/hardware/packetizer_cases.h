/* SPDX-License-Identifier: Apache-2.0
 *
 * The packetizer with nothing around it: bulk framed and sealed into wire buffers, and a full receive ring
 * cut and opened in place.
 *
 *   packetizer_seal/SUITE/BACKEND/BYTES   BYTES of payload in each packet, from memory in cache
 *   packetizer_open/SUITE/BACKEND/BYTES   the same, opened
 *
 * Rates count payload; opening is timed by the thread's CPU clock. Compare with the raw calls of the same
 * backend (packet_cases.h).
 */
#ifndef HAWSER_BENCH_PACKETIZER_CASES_H
#define HAWSER_BENCH_PACKETIZER_CASES_H

#include "bench/hardware/case.h"

namespace bench
{

/* The largest payload that the packetizer puts into one packet. */
constexpr size_t packetizer_payload_max = 261000;

benchmark::internal::Benchmark *add_packetizer_seal(Case c);
benchmark::internal::Benchmark *add_packetizer_open(Case c);

} // namespace bench

#endif
