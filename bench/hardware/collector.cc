/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/collector.h"

#include <cmath>
#include <functional>
#include <sstream>

#include "bench/hardware/statistics.h"

namespace bench
{

namespace
{

using Run = benchmark::BenchmarkReporter::Run;

/* Google Benchmark 1.8 renamed the member. */
template <class R> auto has_failed(const R &run, int) -> decltype(bool(run.error_occurred))
{
	return run.error_occurred;
}

template <class R> auto has_failed(const R &run, long) -> decltype(bool(run.skipped))
{
	return bool(run.skipped);
}

template <class R> auto failure(const R &run, int) -> decltype(std::string(run.error_message))
{
	return run.error_message;
}

template <class R> auto failure(const R &run, long) -> decltype(std::string(run.skip_message))
{
	return run.skip_message;
}

Row make_row(const std::vector<Run> &runs)
{
	Row row(runs.front().run_name.str());

	for (const Run &run : runs) {
		if (has_failed(run, 0)) {
			row.error = failure(run, 0);
			continue;
		}
		row.seconds.push_back(run.real_accumulated_time / double(run.iterations));
		for (const auto &[name, counter] : run.counters)
			row.counters[name].push_back(counter.value);
	}
	/* Repetitions that came in time count. */
	if (!row.seconds.empty())
		row.error.clear();
	return row;
}

using Statistic = std::function<double(const std::vector<double> &)>;

double mean(const std::vector<double> &values)
{
	double sum = 0;

	for (double v : values)
		sum += v;
	return sum / double(values.size());
}

/* As Google Benchmark makes them of its own repetitions. */
Run aggregate(const std::vector<Run> &runs, const char *name, const Statistic &of, bool is_part)
{
	std::vector<double> real, cpu;
	std::map<std::string, std::vector<double>> counters;
	Run out = runs.front();
	const double n = double(runs.size());

	for (const Run &run : runs) {
		real.push_back(run.real_accumulated_time / double(run.iterations));
		cpu.push_back(run.cpu_accumulated_time / double(run.iterations));
		for (const auto &[key, counter] : run.counters)
			counters[key].push_back(counter.value);
	}
	out.run_type = Run::RT_Aggregate;
	out.aggregate_name = name;
	out.aggregate_unit =
		is_part ? benchmark::StatisticUnit::kPercentage : benchmark::StatisticUnit::kTime;
	out.repetition_index = Run::no_repetition_index;
	out.iterations = runs.size();
	/* Accumulated: the reporter divides by the iterations. */
	out.real_accumulated_time = of(real) * (is_part ? 1 : n);
	out.cpu_accumulated_time = of(cpu) * (is_part ? 1 : n);
	for (auto &[key, counter] : out.counters)
		counter.value = of(counters[key]);
	return out;
}

std::vector<Run> aggregates(const std::vector<Run> &all)
{
	std::vector<Run> runs, out;

	for (const Run &run : all)
		if (!has_failed(run, 0))
			runs.push_back(run);
	if (runs.size() < 2)
		return out;
	out.push_back(aggregate(runs, "mean", mean, false));
	out.push_back(aggregate(
		runs, "median", [](auto &v) { return median(v); }, false));
	out.push_back(aggregate(
		runs, "stddev", [](auto &v) { return variation(v) * std::fabs(mean(v)); }, false));
	out.push_back(aggregate(
		runs, "cv", [](auto &v) { return variation(v); }, true));
	return out;
}

} // namespace

bool Collector::ReportContext(const Context &context)
{
	context_ = std::make_unique<Context>(context);
	return true;
}

void Collector::ReportRuns(const std::vector<Run> &runs)
{
	for (const Run &run : runs) {
		auto &all = runs_[{run.family_index, run.per_family_instance_index}];

		all.push_back(run);
		all.back().run_name.iterations.clear();
		all.back().run_name.min_time.clear();
		all.back().run_name.time_type.clear();
		all.back().repetition_index = int64_t(all.size()) - 1;
	}
}

std::vector<Row> Collector::rows() const
{
	std::vector<Row> rows;

	for (const auto &[family, runs] : runs_)
		rows.push_back(make_row(runs));
	return rows;
}

std::string Collector::json(const std::vector<std::pair<std::string, std::string>> &record) const
{
	std::ostringstream out, ignored;
	benchmark::JSONReporter reporter;

	for (const auto &[name, value] : record)
		benchmark::AddCustomContext(name, value);
	reporter.SetOutputStream(&out);
	reporter.SetErrorStream(&ignored);
	if (!context_ || !reporter.ReportContext(*context_))
		return "";
	for (const auto &[family, runs] : runs_) {
		std::vector<Run> all = runs;
		const std::vector<Run> computed = aggregates(runs);

		all.insert(all.end(), computed.begin(), computed.end());
		for (Run &run : all)
			run.repetitions = int64_t(runs.size());
		reporter.ReportRuns(all);
	}
	reporter.Finalize();
	return out.str();
}

} // namespace bench
