/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/compare.h"

#include <algorithm>
#include <cstdio>

#include "bench/hardware/statistics.h"

namespace bench
{

namespace
{

Difference judge(const Row &base, const Row &other)
{
	Difference d = {base.name, base.rate(), other.rate(), 1, Verdict::undecided, ""};

	if (std::min(base.rates().size(), other.rates().size()) < repetitions_least) {
		d.why = "too few repetitions";
		return d;
	}
	d.p = mann_whitney(base.rates(), other.rates()).p;
	if (d.p >= probability_limit || d.base == d.other)
		d.why = "may be chance";
	else
		d.verdict = d.other > d.base ? Verdict::faster : Verdict::slower;
	return d;
}

const char *word(Verdict verdict)
{
	return verdict == Verdict::faster ? "faster" : verdict == Verdict::slower ? "slower" : "undecided";
}

std::string line(const char *format, const std::string &name, const std::string &base,
		 const std::string &other, const std::string &ratio, const std::string &p,
		 const std::string &verdict)
{
	char text[512];

	snprintf(text, sizeof(text), format, name.c_str(), base.c_str(), other.c_str(), ratio.c_str(),
		 p.c_str(), verdict.c_str());
	return text;
}

std::string rate_of(const Row &row, double rate)
{
	return row.counters.count("bytes_per_second") ? rate_text(rate) : count_text(rate);
}

std::string machine(const Results &results)
{
	return results.recorded("cpu") + ", " + results.recorded("kernel") + ", " + results.recorded("date");
}

} // namespace

std::vector<Difference> compare_results(const Results &base, const Results &other)
{
	std::vector<Difference> all;

	for (const Row &row : base.rows) {
		const Row *match = other.find(row.name);

		if (match && !row.rates().empty())
			all.push_back(judge(row, *match));
	}
	return all;
}

std::string compare_text(const std::vector<std::pair<std::string, Results>> &files)
{
	static const char format[] = "  %-66s %12s %12s %7s %9s  %s\n";
	std::string out = "Base: " + files[0].first + " (" + machine(files[0].second) + ")\n";

	for (size_t i = 1; i < files.size(); i++) {
		const std::vector<Difference> all = compare_results(files[0].second, files[i].second);
		size_t counts[3] = {0, 0, 0};

		out += "\nAgainst it: " + files[i].first + " (" + machine(files[i].second) + ")\n";
		out += line(format, "row", "base", "this", "ratio", "p", "verdict");
		for (const Difference &d : all) {
			const Row &row = *files[0].second.find(d.name);
			char p[32];

			snprintf(p, sizeof(p), d.p < 0.001 ? "%.1e" : "%.3f", d.p);
			counts[int(d.verdict)]++;
			out += line(format, d.name, rate_of(row, d.base), rate_of(row, d.other),
				    d.base > 0 ? fixed(d.other / d.base, 3) : "-",
				    *d.why && d.p == 1 ? "-" : p,
				    std::string(word(d.verdict)) + (*d.why ? std::string(": ") + d.why : ""));
		}
		if (all.empty())
			out += "  no row is in both files\n";
		out += "  " + std::to_string(counts[1]) + " faster, " + std::to_string(counts[2]) +
		       " slower, " + std::to_string(counts[0]) +
		       " undecided (Mann-Whitney U, two-sided, p < 0.05, at least 9 "
		       "repetitions on both sides)\n";
	}
	return out;
}

} // namespace bench
