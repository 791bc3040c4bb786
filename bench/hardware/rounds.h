/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounds: each runs every row once, in an order of its own, so that whatever drifts hits all alike. The first
 * warms up and tells how long the rows take; it does not count. The others share the time there is.
 */
#ifndef HAWSER_BENCH_ROUNDS_H
#define HAWSER_BENCH_ROUNDS_H

#include "bench/hardware/collector.h"
#include "bench/hardware/plan.h"

namespace bench
{

/* Run the rows of PLAN until all repetitions are there or the clock on the wall says END (of CLOCK_MONOTONIC,
 * in seconds). */
void run_rounds(const Plan &plan, double end, Collector &collector);

} // namespace bench

#endif
