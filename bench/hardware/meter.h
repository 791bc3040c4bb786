/* SPDX-License-Identifier: Apache-2.0
 *
 * What every row is measured by, beside Google Benchmark's clocks: the thread stays on its processor, and
 * cycles are counted in the unit that the machine admits.
 */
#ifndef HAWSER_BENCH_METER_H
#define HAWSER_BENCH_METER_H

#include <benchmark/benchmark.h>

#include <string>

#include "bench/hardware/cycles.h"
#include "bench/hardware/engine.h"
#include "bench/hardware/processors.h"

namespace bench
{

class Meter
{
      public:
	/* Made right before the timed loop. Threads of an accelerator's driver would inherit being pinned, so
	 * rows of one run where the system puts them. */
	Meter(benchmark::State &state, const Engine *engine) : state_(state)
	{
		if (!engine || !engine->is_offload())
			pin_thread(size_t(state.thread_index()));
		start_ = counter_.read();
	}
	/* Behind the loop; BYTES were worked on in each iteration. */
	void finish(size_t bytes)
	{
		finish_total(size_t(state_.iterations()) * bytes);
	}
	/* TOTAL in all of them together. */
	void finish_total(size_t total)
	{
		const double spent = double(counter_.read() - start_);

		state_.SetBytesProcessed(int64_t(total));
		if (total > 0)
			state_.counters[std::string(counter_.unit()) + "_per_byte"] =
				benchmark::Counter(spent / double(total), benchmark::Counter::kAvgThreads);
	}

      private:
	benchmark::State &state_;
	CycleCounter counter_;
	uint64_t start_;
};

} // namespace bench

#endif
