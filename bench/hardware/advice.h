/* SPDX-License-Identifier: Apache-2.0
 *
 * What to write into the configuration of the machine that was measured.
 */
#ifndef HAWSER_BENCH_ADVICE_H
#define HAWSER_BENCH_ADVICE_H

#include <string>
#include <vector>

#include "bench/hardware/results.h"

namespace bench
{

struct Advice {
	std::vector<std::string> lines; /* of ~/.config/hawser/config */
	std::vector<std::string> notes; /* why there is no more */
};

Advice make_advice(const Results &results);

/* What an asynchronous engine gains, by suite: against the best engine of the CPU. */
struct Crossover {
	std::string suite, backend, cpu_backend;
	size_t faster_from, cheaper_from; /* bytes in a packet; 0: never, of the sizes measured */
	double fell_back;                 /* part of its packets that the CPU did, at the largest size */
};
std::vector<Crossover> find_crossovers(const Results &results);

/* The row of the greatest rate among the depths of that work, or NULL. */
const Row *best_depth(const Results &results, const char *what, const std::string &suite,
		      const std::string &backend, size_t bytes);

} // namespace bench

#endif
