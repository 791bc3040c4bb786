/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/pace.h"

#include <map>

#include "bench/hardware/clock.h"

namespace bench
{

namespace
{

double deadline;
std::map<const benchmark::internal::Benchmark *, std::shared_ptr<Pace>> paces;

} // namespace

void set_deadline(double seconds)
{
	deadline = seconds;
}

void run_paced(Pace &pace, const std::function<void(benchmark::State &)> &run, benchmark::State &state)
{
	const double start = clock_ns(CLOCK_MONOTONIC) / 1e9;

	/* All threads of a row must come to the same end, or they wait for each other. */
	if (pace.is_measured && deadline > 0 && start > deadline && state.threads() == 1)
		return state.SkipWithError("the time was up");
	run(state);
	if (state.thread_index() == 0)
		pace = {clock_ns(CLOCK_MONOTONIC) / 1e9 - start, double(state.iterations()), deadline > 0};
}

void keep_pace(const benchmark::internal::Benchmark *row, std::shared_ptr<Pace> pace)
{
	paces[row] = std::move(pace);
}

const Pace &pace_of(const benchmark::internal::Benchmark *row)
{
	return *paces.at(row);
}

} // namespace bench
