/* SPDX-License-Identifier: Apache-2.0
 *
 * Results for people, on a terminal.
 */
#ifndef HAWSER_BENCH_TABLE_H
#define HAWSER_BENCH_TABLE_H

#include <string>

#include "bench/hardware/results.h"

namespace bench
{

std::string record_text(const Results &results);
std::string tables_text(const Results &results);
std::string recommendation_text(const Results &results);

} // namespace bench

#endif
