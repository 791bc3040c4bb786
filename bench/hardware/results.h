/* SPDX-License-Identifier: Apache-2.0
 *
 * What was measured: rows, each with the values of its repetitions.
 */
#ifndef HAWSER_BENCH_RESULTS_H
#define HAWSER_BENCH_RESULTS_H

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bench
{

/* Above it, or measured less than three times, a row is noisy and supports no recommendation. */
constexpr double noise_limit = 0.05;

struct Row {
	std::string name;
	/* Out of the name: WHAT/SUITE/BACKEND/BYTES; other rows have WHAT and the rest in SUITE. */
	std::string what, suite, backend;
	size_t bytes = 0, batch = 1, depth = 0, threads = 0; /* threads 0: the row is not about them */
	std::vector<double> seconds;                         /* for each repetition, of one iteration */
	std::map<std::string, std::vector<double>> counters; /* bytes_per_second, items_per_second, ... */
	std::string error;

	explicit Row(const std::string &row_name);
	/* Bytes a second, or operations. */
	const std::vector<double> &rates() const;
	double rate() const;
	double counter(const std::string &counter_name) const;
	double variation() const;
	bool is_noisy() const
	{
		return rates().size() < 3 || variation() > noise_limit;
	}
	/* Of a row in bytes. */
	double ns_per_byte() const;
};

struct Results {
	std::vector<Row> rows;
	/* The record of the machine and of what was computed, in the order of writing. */
	std::vector<std::pair<std::string, std::string>> record;

	/* NULL if it was not measured, or failed. */
	const Row *find(const std::string &name) const;
	const Row *find(const std::string &what, const std::string &suite, const std::string &backend,
			size_t bytes, size_t batch = 1, size_t depth = 0) const;
	std::string recorded(const std::string &key) const;
	/* The different values of MEMBER in rows of WHAT, in the order of their coming. */
	template <class Member> auto distinct(const std::string &what, Member Row::*member) const
	{
		std::vector<Member> all;

		for (const Row &row : rows) {
			if (row.what != what || row.error.size())
				continue;
			bool known = false;
			for (const Member &value : all)
				known = known || value == row.*member;
			if (!known)
				all.push_back(row.*member);
		}
		return all;
	}
};

/* "9.46 GB/s" and the like, three digits. */
std::string rate_text(double bytes_per_second);
std::string count_text(double per_second);
std::string bytes_text(size_t bytes);
/* VALUE with DIGITS behind the point. */
std::string fixed(double value, int digits);

} // namespace bench

#endif
