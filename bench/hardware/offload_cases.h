/* SPDX-License-Identifier: Apache-2.0
 *
 * Engines that work on something else than the calling CPU, with many packets under way:
 *
 *   offload_seal/SUITE/BACKEND/BYTES/depth:N, offload_open/...
 *
 * Counters: p50_ns, p99_ns, p999_ns from giving a packet to the engine until it is back; cpu_ns_per_byte of
 * the whole process, polling included; fell_back, the packets that the CPU did instead.
 */
#ifndef HAWSER_BENCH_OFFLOAD_CASES_H
#define HAWSER_BENCH_OFFLOAD_CASES_H

#include "bench/hardware/case.h"

namespace bench
{

benchmark::internal::Benchmark *add_offload(Case c, bool opens);

} // namespace bench

#endif
