/* SPDX-License-Identifier: Apache-2.0
 *
 * What Google Benchmark reports, kept until the end: as rows for what is computed from them, and as its own
 * JSON, in which names are free of settings. Each round of all rows is one repetition.
 */
#ifndef HAWSER_BENCH_COLLECTOR_H
#define HAWSER_BENCH_COLLECTOR_H

#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/hardware/results.h"

namespace bench
{

class Collector : public benchmark::BenchmarkReporter
{
      public:
	bool ReportContext(const Context &context) override;
	void ReportRuns(const std::vector<Run> &runs) override;

	/* The rows so far, in the order of registration. */
	std::vector<Row> rows() const;
	/* All repetitions and what is computed from them, with RECORD in the context. */
	std::string json(const std::vector<std::pair<std::string, std::string>> &record) const;
	/* Forget the runs, but not the context. */
	void forget()
	{
		runs_.clear();
	}

      private:
	std::unique_ptr<Context> context_;
	/* By family and thread count: in the order of registration. */
	std::map<std::pair<int64_t, int64_t>, std::vector<Run>> runs_;
};

} // namespace bench

#endif
