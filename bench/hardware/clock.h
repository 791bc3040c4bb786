/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks, in nanoseconds.
 */
#ifndef HAWSER_BENCH_CLOCK_H
#define HAWSER_BENCH_CLOCK_H

#include <ctime>

namespace bench
{

inline double clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return double(ts.tv_sec) * 1e9 + double(ts.tv_nsec);
}

/* What reading CLOCK itself adds to an interval. */
inline double clock_cost_ns(clockid_t clock)
{
	double least = 1e9;

	for (int i = 0; i < 200; i++) {
		const double start = clock_ns(clock), took = clock_ns(clock) - start;

		least = took < least ? took : least;
	}
	return least;
}

} // namespace bench

#endif
