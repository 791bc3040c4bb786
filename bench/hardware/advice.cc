/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/advice.h"

#include <algorithm>

#include <hawser/backend.h>

namespace bench
{

namespace
{

/* How much better another engine must be before it is worth a line. */
constexpr double worth_it = 1.10;

/* An engine outside of the calling CPU is judged by its best depth, others by one packet after the other. */
const Row *judged_row(const Results &results, const std::string &what, const std::string &suite,
		      const std::string &backend, size_t bytes)
{
	const Row *row = best_depth(results, ("offload_" + what).c_str(), suite, backend, bytes);

	return row ? row : results.find(what, suite, backend, bytes);
}

/* Sealing and opening together: what a byte costs at both ends, as a rate. 0 if a row is missing or noisy. */
double both_ways(const Results &results, const std::string &suite, const std::string &backend, size_t bytes,
		 bool *noisy)
{
	const Row *seals = judged_row(results, "seal", suite, backend, bytes);
	const Row *opens = judged_row(results, "open", suite, backend, bytes);

	if (!seals || !opens)
		return 0;
	if (seals->is_noisy() || opens->is_noisy()) {
		*noisy = true;
		return 0;
	}
	return 2 / (1 / seals->rate() + 1 / opens->rate());
}

const char *cipher_of(const std::string &name)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (name == suite->name)
			return suite->cipher;
	return nullptr;
}

struct Best {
	std::string cipher, backend, first;
	double rate = 0, first_rate = 0;
};

/* The engines of SUITE at BYTES. */
Best best_of(const Results &results, const std::string &suite, size_t bytes, bool *noisy)
{
	Best best;

	for (const std::string &backend : results.distinct("seal", &Row::backend)) {
		if (!results.find("seal", suite, backend, bytes))
			continue;
		const double rate = both_ways(results, suite, backend, bytes, noisy);

		if (best.first.empty()) {
			best.first = backend;
			best.first_rate = rate;
		}
		if (rate > best.rate) {
			best.rate = rate;
			best.backend = backend;
		}
	}
	return best;
}

size_t bulk_size(const Results &results)
{
	size_t largest = 0;

	for (size_t bytes : results.distinct("seal", &Row::bytes))
		largest = std::max(largest, bytes <= 32768 ? bytes : 0);
	return largest ? largest
	       : results.distinct("seal", &Row::bytes).empty()
		       ? 0
		       : results.distinct("seal", &Row::bytes).front();
}

/* What leaves the CPU idle, where that is not the fastest too: for those who need the CPU otherwise. */
void add_cheaper(const Results &results, size_t bytes, Advice &advice)
{
	for (const Crossover &c : find_crossovers(results)) {
		const Row *offload = best_depth(results, "offload_seal", c.suite, c.backend, bytes);
		const Row *cpu = results.find("seal", c.suite, c.cpu_backend, bytes);

		if (!offload || !cpu || c.cheaper_from == 0 || offload->is_noisy() || cpu->is_noisy() ||
		    offload->rate() >= worth_it * cpu->rate())
			continue;
		const std::string line = "Backend " + std::string(cipher_of(c.suite)) + " " + c.backend;

		advice.notes.push_back(
			"where the CPU is wanted for other work: the lines \"Prefer cpu\" and \"" + line +
			"\" seal " + c.suite + " with " + fixed(offload->counter("cpu_ns_per_byte"), 3) +
			" ns of CPU a byte instead of " + fixed(cpu->ns_per_byte(), 3) + ", at " +
			rate_text(offload->rate()) + " instead of " + rate_text(cpu->rate()));
	}
}

} // namespace

Advice make_advice(const Results &results)
{
	const size_t bytes = bulk_size(results);
	std::vector<Best> ciphers;
	std::string ciphers_line;
	Advice advice;

	for (const std::string &suite : results.distinct("seal", &Row::suite)) {
		const char *cipher = cipher_of(suite);
		bool noisy = false;
		Best best = best_of(results, suite, bytes, &noisy);

		if (noisy)
			advice.notes.push_back(suite + ": a row is noisy, so it supports no recommendation");
		if (!cipher || noisy || best.rate <= 0)
			continue;
		best.cipher = cipher;
		auto known = std::find_if(ciphers.begin(), ciphers.end(),
					  [&](auto &b) { return b.cipher == cipher; });
		if (known == ciphers.end())
			ciphers.push_back(best);
		else if (best.rate > known->rate)
			*known = best;
	}
	std::stable_sort(ciphers.begin(), ciphers.end(), [](auto &a, auto &b) { return a.rate > b.rate; });
	for (const Best &best : ciphers) {
		ciphers_line += (ciphers_line.empty() ? "" : ",") + best.cipher;
		if (best.backend == best.first || best.rate >= worth_it * best.first_rate)
			advice.lines.push_back("Backend " + best.cipher + " " + best.backend);
		else
			advice.lines.push_back("Backend " + best.cipher + " " + best.first);
	}
	if (!ciphers_line.empty())
		advice.lines.push_back("Ciphers " + ciphers_line);
	add_cheaper(results, bytes, advice);
	return advice;
}

const Row *best_depth(const Results &results, const char *what, const std::string &suite,
		      const std::string &backend, size_t bytes)
{
	const Row *best = nullptr;

	for (const Row &row : results.rows)
		if (row.what == what && row.suite == suite && row.backend == backend && row.bytes == bytes &&
		    row.error.empty() && (!best || row.rate() > best->rate()))
			best = &row;
	return best;
}

std::vector<Crossover> find_crossovers(const Results &results)
{
	std::vector<Crossover> all;

	for (const std::string &suite : results.distinct("offload_seal", &Row::suite)) {
		for (const std::string &backend : results.distinct("offload_seal", &Row::backend)) {
			Crossover c = {suite, backend, "", 0, 0, 0};

			for (size_t bytes : results.distinct("offload_seal", &Row::bytes)) {
				const Row *offload =
					best_depth(results, "offload_seal", suite, backend, bytes);
				const Row *cpu = nullptr;

				for (const std::string &other : results.distinct("seal", &Row::backend)) {
					const Row *row = results.find("seal", suite, other, bytes);

					if (row && other != backend && other.find(':') == other.npos &&
					    (!cpu || row->rate() > cpu->rate()))
						cpu = row;
				}
				if (!offload || !cpu)
					continue;
				c.cpu_backend = cpu->backend;
				const bool faster = offload->rate() > cpu->rate();
				const bool cheaper = offload->counter("cpu_ns_per_byte") < cpu->ns_per_byte();
				c.faster_from = !faster ? 0 : c.faster_from ? c.faster_from : bytes;
				c.cheaper_from = !cheaper ? 0 : c.cheaper_from ? c.cheaper_from : bytes;
				c.fell_back = offload->counter("fell_back") /
					      std::max(1.0, offload->counter("packets"));
			}
			if (!c.cpu_backend.empty())
				all.push_back(c);
		}
	}
	return all;
}

} // namespace bench
