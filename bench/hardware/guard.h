/* SPDX-License-Identifier: Apache-2.0
 *
 * A row that cannot be measured says why, and the others go on.
 */
#ifndef HAWSER_BENCH_GUARD_H
#define HAWSER_BENCH_GUARD_H

#include <benchmark/benchmark.h>

#include <exception>

namespace bench
{

/* RUN(state, argument), whose exceptions become the row's error. */
template <class Run, class Argument> auto guarded(Run run, const Argument &argument)
{
	return [=](benchmark::State &state) {
		try {
			run(state, argument);
		} catch (const std::exception &e) {
			state.SkipWithError(e.what());
		}
	};
}

} // namespace bench

#endif
