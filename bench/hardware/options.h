/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of hawser bench.
 */
#ifndef HAWSER_BENCH_OPTIONS_H
#define HAWSER_BENCH_OPTIONS_H

#include <cstddef>
#include <string>
#include <vector>

#include "bench/hardware/engine.h"

namespace bench
{

enum class Depth { quick, normal, full };

struct Options {
	Depth depth = Depth::normal;
	bool help = false;
	std::vector<std::string> suites;   /* suites or ciphers; empty: what would be negotiated */
	std::vector<std::string> backends; /* empty: all that work here */
	std::vector<size_t> bytes, threads;
	std::string json, html;
	std::vector<std::string> compare;
	EngineOptions engine;
};

extern const char usage[];

/* WrongUse with a sentence if ARGV makes no sense. */
Options parse_options(int argc, char **argv);

} // namespace bench

#endif
