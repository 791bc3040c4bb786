/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/offload_cases.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "bench/hardware/clock.h"
#include "bench/hardware/guard.h"
#include "bench/hardware/packet.h"

extern "C" {
#include "crypto-backends/guard.h"
}

namespace bench
{

namespace
{

/* DEPTH packets, each of which is given to the engine again as soon as it is back. */
class Flight
{
      public:
	Flight(const Case &c, bool opens)
	    : end_(*c.engine, c.suite, c.bytes, c.depth, opens),
	      sealed_(*c.engine, c.suite, c.bytes, c.depth, false), opens_(opens), started_(c.depth)
	{
		if (opens && !sealed_.seal())
			throw std::runtime_error("sealing failed");
		for (size_t i = 0; i < c.depth; i++)
			waiting_.push_back(i);
	}

	/* Give the engine what it takes, and wait until something is back; how many packets. */
	size_t step()
	{
		haw_job *done[HAW_BATCH_MAX];
		haw_sealer *s = end_.sealer();
		int n;

		submit();
		while ((n = s->ops->poll(s, done, HAW_BATCH_MAX)) == 0)
			wait(s);
		if (n < 0)
			throw std::runtime_error("the engine has failed");
		const double now = clock_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < n; i++) {
			const size_t index = reinterpret_cast<size_t>(done[i]->user);

			if (done[i]->status != 0)
				throw std::runtime_error("a packet failed");
			latencies.push_back(now - started_[index]);
			waiting_.push_back(index);
		}
		return size_t(n);
	}
	/* Nothing may be under way when the memory goes. */
	void drain()
	{
		const size_t depth = started_.size();

		while (waiting_.size() < depth) {
			haw_job *done[HAW_BATCH_MAX];
			const int n = end_.sealer()->ops->poll(end_.sealer(), done, HAW_BATCH_MAX);

			if (n < 0)
				return;
			for (int i = 0; i < n; i++)
				waiting_.push_back(reinterpret_cast<size_t>(done[i]->user));
		}
	}
	uint64_t fell_back() const
	{
		struct haw_guard_count count = {};

		return haw_guard_get_count(end_.sealer(), &count) ? count.by_spare : 0;
	}
	size_t payload() const
	{
		return end_.payload();
	}

	std::vector<double> latencies;

      private:
	void submit()
	{
		haw_job *jobs[HAW_BATCH_MAX];
		haw_sealer *s = end_.sealer();
		size_t n = 0;
		int taken;

		for (size_t index : waiting_) {
			jobs[n] = opens_ ? end_.lay_out_open(index, sealed_) : end_.lay_out_seal(index);
			if (!jobs[n])
				throw std::runtime_error("a length cannot be read");
			jobs[n++]->user = reinterpret_cast<void *>(index);
			started_[index] = clock_ns(CLOCK_MONOTONIC);
		}
		for (size_t at = 0; at < n; at += size_t(taken)) {
			taken = s->ops->submit(s, jobs + at, n - at);
			if (taken < 0)
				throw std::runtime_error("the engine has failed");
			if (taken == 0) {
				/* Its own depth is less: these come again, in their order. */
				waiting_.erase(waiting_.begin(), waiting_.begin() + ptrdiff_t(at));
				end_.take_back(n - at);
				return;
			}
		}
		waiting_.clear();
	}
	static void wait(haw_sealer *s)
	{
		const int fd = s->traits.completion == HAW_COMPLETES_BY_FD ? s->ops->fd(s) : -1;
		struct pollfd p = {fd, POLLIN, 0};

		if (fd >= 0)
			poll(&p, 1, 100);
	}

	PacketEnd end_, sealed_;
	bool opens_;
	std::vector<double> started_;
	std::vector<size_t> waiting_;
};

double percentile(std::vector<double> &values, double part)
{
	const size_t at = std::min(values.size() - 1, size_t(part * double(values.size())));

	std::nth_element(values.begin(), values.begin() + ptrdiff_t(at), values.end());
	return values[at];
}

void run(benchmark::State &state, const Case &c, bool opens)
{
	Flight flight(c, opens);
	size_t packets = 0;
	const double cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (auto _ : state)
		packets += flight.step();
	const double spent = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	const double total = double(packets) * double(flight.payload());
	flight.drain();
	state.SetBytesProcessed(int64_t(total));
	state.counters["cpu_ns_per_byte"] = spent / total;
	state.counters["p50_ns"] = percentile(flight.latencies, 0.5);
	state.counters["p99_ns"] = percentile(flight.latencies, 0.99);
	state.counters["p999_ns"] = percentile(flight.latencies, 0.999);
	state.counters["fell_back"] = double(flight.fell_back());
	state.counters["packets"] = double(packets);
}

} // namespace

benchmark::internal::Benchmark *add_offload(Case c, bool opens)
{
	c.what = opens ? "offload_open" : "offload_seal";
	return add(c.name(),
		   guarded([opens](benchmark::State &state, const Case &c) { run(state, c, opens); }, c))
		->UseRealTime();
}

} // namespace bench
