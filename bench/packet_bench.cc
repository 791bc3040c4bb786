/* SPDX-License-Identifier: Apache-2.0
 *
 * All packet rows (hardware/packet_cases.h) with Google Benchmark's own options, for bench/compare and for
 * looking at one of them closely.
 */
#include "bench/hardware/packet_cases.h"

namespace
{

const size_t sizes[] = {64, 256, 1024, 4096, 16384, 32768, 65536, 262144};
const size_t batches[] = {8, 32};

void add_sizes(bench::Case c)
{
	for (size_t size : sizes) {
		c.bytes = size;
		c.batch = 1;
		bench::add_seal(c);
		bench::add_raw(c, false);
		bench::add_open(c);
		bench::add_raw(c, true);
		for (size_t batch : batches) {
			c.batch = batch;
			bench::add_seal(c);
			bench::add_open(c);
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	const bench::Engines engines = bench::built_in_engines({});
	bench::Case c;

	for (size_t i = 0; (c.suite = haw_suite_at(i)); i++)
		for (const auto &engine : engines) {
			c.engine = engine.get();
			if (c.engine->refuses(c.suite).empty())
				add_sizes(c);
		}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}
