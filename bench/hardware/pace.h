/* SPDX-License-Identifier: Apache-2.0
 *
 * How long rows take by the clock on the wall, setting up included, and the time after which none begins
 * again.
 */
#ifndef HAWSER_BENCH_PACE_H
#define HAWSER_BENCH_PACE_H

#include <benchmark/benchmark.h>

#include <functional>
#include <memory>

namespace bench
{

/* What a row's last run took. */
struct Pace {
	double seconds = 0;
	double iterations = 0;
	/* There is a figure, not only a warming up. */
	bool is_measured = false;
};

/* SECONDS of CLOCK_MONOTONIC, after which no row begins that has a figure already; 0: warming up. */
void set_deadline(double seconds);
/* Run a row, unless it is too late, and take its time. */
void run_paced(Pace &pace, const std::function<void(benchmark::State &)> &run, benchmark::State &state);
/* A registered row's, from now on. */
void keep_pace(const benchmark::internal::Benchmark *row, std::shared_ptr<Pace> pace);
const Pace &pace_of(const benchmark::internal::Benchmark *row);

} // namespace bench

#endif
