/* SPDX-License-Identifier: Apache-2.0
 *
 * All packetizer rows (hardware/packetizer_cases.h) with Google Benchmark's own options.
 */
#include "bench/hardware/packetizer_cases.h"

int main(int argc, char **argv)
{
	static const size_t sizes[] = {64, 1024, 4096, 16384, 32768, 131072, bench::packetizer_payload_max};
	const bench::Engines engines = bench::built_in_engines({});
	bench::Case c;

	for (size_t i = 0; (c.suite = haw_suite_at(i)); i++) {
		for (const auto &engine : engines) {
			c.engine = engine.get();
			if (!c.engine->refuses(c.suite).empty())
				continue;
			for (size_t size : sizes) {
				c.bytes = size;
				bench::add_packetizer_seal(c);
				bench::add_packetizer_open(c);
			}
		}
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}
