/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser-bench, which `hawser bench` runs: measures this machine for people who choose hardware.
 */
#include <cstdio>
#include <exception>

#include "bench/hardware/clock.h"
#include "bench/hardware/collector.h"
#include "bench/hardware/compare.h"
#include "bench/hardware/openssl_speed.h"
#include "bench/hardware/options.h"
#include "bench/hardware/output_file.h"
#include "bench/hardware/page.h"
#include "bench/hardware/plan.h"
#include "bench/hardware/record.h"
#include "bench/hardware/result_file.h"
#include "bench/hardware/rounds.h"
#include "bench/hardware/table.h"

namespace bench
{

namespace
{

enum { DONE = 0, FAILED = 1, WRONG = 2 };

void say(const std::string &text)
{
	fputs(text.c_str(), stdout);
	fflush(stdout);
}

int measure(const Options &options)
{
	const double start = clock_ns(CLOCK_MONOTONIC) / 1e9;
	OutputFile json(options.json), html(options.html);
	const Plan plan = make_plan(options);
	Collector collector;
	Results results;

	record_machine(results);
	record_libraries(results, plan);
	record_openssl_speed(results, plan, options.depth == Depth::quick ? 2 : 6);
	say(record_text(results));
	run_rounds(plan, start + plan.seconds, collector);
	results.rows = collector.rows();
	record_mhz(results, "observed_mhz_at_end");
	say("observed_mhz_at_end     " + results.recorded("observed_mhz_at_end") + "\n");
	say(tables_text(results));
	say(recommendation_text(results));
	if (json.wanted())
		json.write(collector.json(results.record));
	if (html.wanted())
		html.write(results_page(results));
	for (const Row &row : results.rows)
		if (!row.error.empty())
			return FAILED;
	return DONE;
}

int compare(const Options &options)
{
	std::vector<std::pair<std::string, Results>> files;
	OutputFile html(options.html);

	for (const std::string &name : options.compare)
		files.emplace_back(name, read_results(name));
	say(compare_text(files));
	if (html.wanted())
		html.write(compare_page(files));
	return DONE;
}

int run(int argc, char **argv)
{
	const Options options = parse_options(argc, argv);

	if (options.help) {
		say(usage);
		return DONE;
	}
	return options.compare.empty() ? measure(options) : compare(options);
}

} // namespace

} // namespace bench

int main(int argc, char **argv)
{
	try {
		return bench::run(argc, argv);
	} catch (const bench::WrongUse &e) {
		if (*e.what())
			fprintf(stderr, "hawser: bench: %s\n", e.what());
		else
			fputs(bench::usage, stderr);
		return bench::WRONG;
	} catch (const std::exception &e) {
		fprintf(stderr, "hawser: bench: %s\n", e.what());
		return bench::FAILED;
	}
}
