/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/rounds.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bench/hardware/clock.h"
#include "bench/hardware/pace.h"

namespace bench
{

namespace
{

/* More than this adds nothing to a repetition. */
constexpr double repetition_max = 0.1;

double now()
{
	return clock_ns(CLOCK_MONOTONIC) / 1e9;
}

void initialize()
{
	char program[] = "hawser-bench", interleave[] = "--benchmark_enable_random_interleaving=true";
	char shortly[] = "--benchmark_min_time=0.001";
	char *argv[] = {program, interleave, shortly, nullptr};
	int argc = 3;

	benchmark::Initialize(&argc, argv);
}

/* How often each row runs in a round of SECONDS, from what its warming up took. */
void set_iterations(const std::vector<RegisteredRow> &rows, double seconds)
{
	double warming = 0;

	for (auto *row : rows)
		warming += pace_of(row).seconds;
	/* As often as then, and more often in an equal share of the rest; or, without a rest, less often. */
	const double share = std::clamp((seconds - warming) / double(rows.size()), 0.0, repetition_max);
	const double less = warming > seconds ? seconds / warming : 1;
	for (auto *row : rows) {
		const Pace &pace = pace_of(row);
		double iterations = pace.iterations * less;

		if (pace.seconds > 0)
			iterations += share / pace.seconds * pace.iterations;
		row->Iterations(benchmark::IterationCount(std::max(1.0, iterations)));
	}
}

void show(int round, int rounds)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, round <= rounds ? "\rround %d of %d " : "\r\033[K", round, rounds);
}

} // namespace

void run_rounds(const Plan &plan, double end, Collector &collector)
{
	const std::vector<RegisteredRow> rows = register_rows(plan);
	double start, took = 0, scale = 1;

	initialize();
	show(0, plan.repetitions);
	benchmark::RunSpecifiedBenchmarks(&collector);
	collector.forget();
	set_deadline(end);
	for (int round = 1; round <= plan.repetitions; round++) {
		/* A machine that has become busier gets less to do. */
		const double each = (end - now()) * 0.75 / (plan.repetitions - round + 1);

		if (round == 1)
			set_iterations(rows, each);
		else if (took > each)
			set_iterations(rows, each * (scale *= each / took));
		show(round, plan.repetitions);
		start = now();
		benchmark::RunSpecifiedBenchmarks(&collector);
		took = now() - start;
	}
	show(plan.repetitions + 1, plan.repetitions);
	benchmark::Shutdown();
}

} // namespace bench
