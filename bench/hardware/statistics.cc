/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace bench
{

double median(std::vector<double> values)
{
	const size_t n = values.size();

	if (n == 0)
		return 0;
	std::sort(values.begin(), values.end());
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double variation(const std::vector<double> &values)
{
	const double n = double(values.size());
	double sum = 0, squares = 0;

	if (values.size() < 2)
		return 0;
	for (double v : values)
		sum += v;
	const double mean = sum / n;
	for (double v : values)
		squares += (v - mean) * (v - mean);
	return mean != 0 ? std::sqrt(squares / (n - 1)) / std::fabs(mean) : 0;
}

namespace
{

/* How many of all arrangements of M and N values have each U: the recurrence of Mann and Whitney. */
std::vector<double> arrangements(size_t m, size_t n)
{
	/* counts[j] for the first i of one sample; row by row. */
	std::vector<std::vector<double>> row(n + 1, std::vector<double>(m * n + 1, 0));

	for (size_t j = 0; j <= n; j++)
		row[j][0] = 1;
	for (size_t i = 1; i <= m; i++) {
		std::vector<std::vector<double>> next(n + 1, std::vector<double>(m * n + 1, 0));

		next[0][0] = 1;
		for (size_t j = 1; j <= n; j++)
			for (size_t u = 0; u <= i * j; u++)
				next[j][u] = (u >= j ? row[j][u - j] : 0) + next[j - 1][u];
		row.swap(next);
	}
	return row[n];
}

double exact_p(size_t m, size_t n, double u)
{
	const std::vector<double> counts = arrangements(m, n);
	const double least = std::min(u, double(m * n) - u);
	double total = 0, tail = 0;

	for (size_t i = 0; i < counts.size(); i++) {
		total += counts[i];
		tail += double(i) <= least ? counts[i] : 0;
	}
	return std::min(1.0, 2 * tail / total);
}

double normal_p(size_t m, size_t n, double u, double ties)
{
	const double a = double(m), b = double(n), all = a + b;
	const double spread = std::sqrt(a * b / 12 * (all + 1 - ties / (all * (all - 1))));

	if (!(spread > 0))
		return 1;
	const double z = std::max(0.0, std::fabs(u - a * b / 2) - 0.5) / spread;
	return std::min(1.0, std::erfc(z / std::sqrt(2.0)));
}

} // namespace

MannWhitney mann_whitney(const std::vector<double> &a, const std::vector<double> &b)
{
	std::map<double, double> equal;
	double u = 0, ties = 0;

	for (double x : a)
		for (double y : b)
			u += x > y ? 1 : x == y ? 0.5 : 0;
	for (double x : a)
		equal[x]++;
	for (double y : b)
		equal[y]++;
	for (const auto &[value, count] : equal)
		ties += count * count * count - count;
	if (ties == 0 && a.size() + b.size() <= 30)
		return {u, exact_p(a.size(), b.size(), u)};
	return {u, normal_p(a.size(), b.size(), u, ties)};
}

} // namespace bench
