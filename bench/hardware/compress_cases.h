/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression as zlib@openssh.com has it, without what protects the packets:
 *
 *   deflate/zlib@openssh.com/DATA/BYTES   BYTES of payload in each packet, of one stream
 *   inflate/zlib@openssh.com/DATA/BYTES   the same, back
 *
 * DATA is "text" (lines of a log, made up) or "random" (which cannot be made smaller). Rates count payload;
 * `ratio` says how many times smaller it became.
 */
#ifndef HAWSER_BENCH_COMPRESS_CASES_H
#define HAWSER_BENCH_COMPRESS_CASES_H

#include "bench/hardware/case.h"

namespace bench
{

benchmark::internal::Benchmark *add_deflate(bool text, size_t bytes);
benchmark::internal::Benchmark *add_inflate(bool text, size_t bytes);

} // namespace bench

#endif
