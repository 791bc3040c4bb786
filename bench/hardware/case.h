/* SPDX-License-Identifier: Apache-2.0
 *
 * What one row is about, and its name: WHAT/SUITE/BACKEND/BYTES, and behind that /batch:N or /depth:N
 * where there is more than one packet in a call or under way. Google Benchmark adds /threads:N.
 */
#ifndef HAWSER_BENCH_CASE_H
#define HAWSER_BENCH_CASE_H

#include <benchmark/benchmark.h>

#include <cstddef>
#include <functional>
#include <string>

#include <hawser/backend.h>

#include "bench/hardware/engine.h"
#include "bench/hardware/pace.h"

namespace bench
{

struct Case {
	std::string what;
	const haw_suite *suite = nullptr;
	const Engine *engine = nullptr;
	size_t bytes = 0;
	size_t batch = 1;
	size_t depth = 0; /* 0: the call returns when the work is done */

	std::string name() const
	{
		std::string text =
			what + "/" + suite->name + "/" + engine->name() + "/" + std::to_string(bytes);

		if (batch > 1)
			text += "/batch:" + std::to_string(batch);
		if (depth > 0)
			text += "/depth:" + std::to_string(depth);
		return text;
	}
};

/* Tells Google Benchmark of a row. */
inline auto *add(const std::string &name, const std::function<void(benchmark::State &)> &run)
{
	auto pace = std::make_shared<Pace>();
	auto *row = benchmark::RegisterBenchmark(
		name.c_str(), [pace, run](benchmark::State &state) { run_paced(*pace, run, state); });

	keep_pace(row, pace);
	return row;
}

} // namespace bench

#endif
