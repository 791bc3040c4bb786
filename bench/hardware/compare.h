/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of several machines, or of several days, row by row against the first file: which differ, and how
 * surely.
 */
#ifndef HAWSER_BENCH_COMPARE_H
#define HAWSER_BENCH_COMPARE_H

#include <string>
#include <utility>
#include <vector>

#include "bench/hardware/results.h"

namespace bench
{

/* Fewer repetitions on either side, or a probability from here on, and the verdict is "undecided". */
constexpr size_t repetitions_least = 9;
constexpr double probability_limit = 0.05;

enum class Verdict { undecided, faster, slower };

struct Difference {
	std::string name;
	double base, other; /* medians of the rates */
	double p;           /* 1 where it was not computed */
	Verdict verdict;
	const char *why; /* it is undecided; else empty */
};

std::vector<Difference> compare_results(const Results &base, const Results &other);
/* A report for people of FILES, the first being the base. */
std::string compare_text(const std::vector<std::pair<std::string, Results>> &files);

} // namespace bench

#endif
