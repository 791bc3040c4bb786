/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as one page that needs nothing else: for the light, the dark and paper.
 */
#ifndef HAWSER_BENCH_PAGE_H
#define HAWSER_BENCH_PAGE_H

#include <string>
#include <utility>
#include <vector>

#include "bench/hardware/results.h"

namespace bench
{

std::string results_page(const Results &results);
/* FILES as compare_text has them. */
std::string compare_page(const std::vector<std::pair<std::string, Results>> &files);

} // namespace bench

#endif
