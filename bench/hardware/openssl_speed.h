/* SPDX-License-Identifier: Apache-2.0
 *
 * What the openssl command prints for the primitives of the suites measured: what others will compare with.
 */
#ifndef HAWSER_BENCH_OPENSSL_SPEED_H
#define HAWSER_BENCH_OPENSSL_SPEED_H

#include "bench/hardware/plan.h"
#include "bench/hardware/results.h"

namespace bench
{

/* Run it for at most MOST primitives, a second each, and record bytes a second. Without an openssl command
 * that is recorded. */
void record_openssl_speed(Results &results, const Plan &plan, size_t most);
/* Bytes a second for the suite called NAME out of a record; 0 if they were not measured. Cipher and MAC apart
 * add their times. */
double openssl_speed_of(const Results &results, const std::string &name);

} // namespace bench

#endif
