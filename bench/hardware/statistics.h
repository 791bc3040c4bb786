/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_BENCH_STATISTICS_H
#define HAWSER_BENCH_STATISTICS_H

#include <cstddef>
#include <vector>

namespace bench
{

/* Of no values: 0. */
double median(std::vector<double> values);
/* Standard deviation of the sample over its mean. */
double variation(const std::vector<double> &values);

struct MannWhitney {
	double u; /* of the first sample: pairs in which it is the greater one, ties half */
	double p; /* two-sided */
};

/* Exact where there are no ties and the samples are small (at most 30 in all), else by the normal
 * approximation with corrections for ties and continuity. Mann and Whitney, Annals of Mathematical
 * Statistics 18 (1947). Neither may be empty. */
MannWhitney mann_whitney(const std::vector<double> &a, const std::vector<double> &b);

} // namespace bench

#endif
