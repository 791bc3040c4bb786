/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/cycles.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace bench
{

CycleCounter::CycleCounter()
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_HARDWARE;
	attr.config = PERF_COUNT_HW_CPU_CYCLES;
	/* What unprivileged programs are mostly allowed: themselves, outside the kernel. */
	attr.exclude_kernel = attr.exclude_hv = 1;
	fd_ = int(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

CycleCounter::~CycleCounter()
{
	if (fd_ >= 0)
		close(fd_);
}

uint64_t CycleCounter::read() const
{
	uint64_t value = 0;

	if (fd_ < 0)
		return time_stamp();
	return ::read(fd_, &value, sizeof(value)) == ssize_t(sizeof(value)) ? value : 0;
}

const char *CycleCounter::unit() const
{
	if (fd_ >= 0)
		return "core_cycles";
#if defined(__aarch64__)
	return "cntvct_ticks";
#else
	return "tsc_cycles";
#endif
}

uint64_t time_stamp()
{
#if defined(__x86_64__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t value;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value));
	return value;
#else
	return 0;
#endif
}

namespace
{

/* 64 additions that depend on each other: as many cycles on every core that there is. */
void add_chain(uint64_t &sum, uint64_t step)
{
#if defined(__x86_64__)
	__asm__ volatile(".rept 64\n\tadd %1, %0\n\t.endr" : "+r"(sum) : "r"(step) : "cc");
#elif defined(__aarch64__)
	__asm__ volatile(".rept 64\n\tadd %0, %0, %1\n\t.endr" : "+r"(sum) : "r"(step));
#else
	for (int i = 0; i < 64; i++) {
		sum += step;
		__asm__ volatile("" : "+r"(sum));
	}
#endif
}

} // namespace

double observed_mhz()
{
	constexpr int rounds = 20000;
	double best = 0;
	uint64_t sum = 1;

	/* The best of some, since an interrupt only ever takes time. */
	for (int attempt = 0; attempt < 7; attempt++) {
		const auto start = std::chrono::steady_clock::now();

		for (int i = 0; i < rounds; i++)
			add_chain(sum, sum | 1);
		const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
		best = std::max(best, rounds * 64 / took.count() / 1e6);
	}
	return best;
}

} // namespace bench
