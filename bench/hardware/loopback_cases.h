/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of our own core over a loopback socket, each a thread on a processor of its own, and the same
 * sockets without SSH:
 *
 *   loopback/SUITE/BACKEND/BYTES    BYTES of bulk from a client to a server
 *   loopback_plain/BYTES            the same bytes in the same calls, sent as they are
 *
 * The rate is that of the clock; counters have the CPU time of each end: sender_ns_per_byte,
 * receiver_ns_per_byte.
 */
#ifndef HAWSER_BENCH_LOOPBACK_CASES_H
#define HAWSER_BENCH_LOOPBACK_CASES_H

#include "bench/hardware/case.h"

namespace bench
{

benchmark::internal::Benchmark *add_loopback(Case c);
benchmark::internal::Benchmark *add_loopback_plain(size_t bytes);

} // namespace bench

#endif
