/* SPDX-License-Identifier: Apache-2.0
 *
 * What is measured, how often and how long, so that the whole keeps to its time.
 */
#ifndef HAWSER_BENCH_PLAN_H
#define HAWSER_BENCH_PLAN_H

#include <cstddef>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <hawser/backend.h>

#include "bench/hardware/engine.h"
#include "bench/hardware/options.h"

namespace bench
{

struct Plan {
	Engines engines;
	std::vector<const haw_suite *> suites;
	std::vector<size_t> bytes, batches, threads, depths;
	int repetitions;
	double seconds; /* for everything */

	/* The engine that serves SUITE unasked: the first that can. NULL if none can. */
	const Engine *chosen(const haw_suite *suite) const;
	/* All that can. */
	std::vector<const Engine *> able(const haw_suite *suite) const;
	bool has_offload() const;
};

/* WrongUse for suites and engines that there are not. */
Plan make_plan(const Options &options);
/* A row as Google Benchmark has it. */
using RegisteredRow = benchmark::internal::Benchmark *;
/* Tell Google Benchmark of all rows. */
std::vector<RegisteredRow> register_rows(const Plan &plan);

} // namespace bench

#endif
