/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of the machine that results are from: whatever bears on speed and can be read.
 */
#ifndef HAWSER_BENCH_RECORD_H
#define HAWSER_BENCH_RECORD_H

#include "bench/hardware/plan.h"
#include "bench/hardware/results.h"

namespace bench
{

void record_machine(Results &results);
void record_libraries(Results &results, const Plan &plan);
/* The clock of the core now, under KEY. */
void record_mhz(Results &results, const char *key);

} // namespace bench

#endif
