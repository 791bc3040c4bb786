/* SPDX-License-Identifier: Apache-2.0
 *
 * Cycles, honestly: core cycles only where the kernel lets this program count them, else ticks of the
 * time-stamp counter, which run at their own constant rate and are named so.
 */
#ifndef HAWSER_BENCH_CYCLES_H
#define HAWSER_BENCH_CYCLES_H

#include <cstdint>

namespace bench
{

/* Of the calling thread. */
class CycleCounter
{
      public:
	CycleCounter();
	~CycleCounter();
	CycleCounter(const CycleCounter &) = delete;
	CycleCounter &operator=(const CycleCounter &) = delete;
	uint64_t read() const;
	bool counts_core_cycles() const
	{
		return fd_ >= 0;
	}
	/* "core_cycles" or "tsc_cycles" (on AArch64 "cntvct_ticks"). */
	const char *unit() const;

      private:
	int fd_;
};

/* Ticks of the time-stamp counter now; 0 where there is none that a program may read. */
uint64_t time_stamp();
/* The rate of this core right now, from a chain of additions of which each waits for the last. */
double observed_mhz();

} // namespace bench

#endif
