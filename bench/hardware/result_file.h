/* SPDX-License-Identifier: Apache-2.0
 *
 * Results out of a file that --json has written.
 */
#ifndef HAWSER_BENCH_RESULT_FILE_H
#define HAWSER_BENCH_RESULT_FILE_H

#include <string>

#include "bench/hardware/results.h"

namespace bench
{

/* WrongUse with a sentence if NAME cannot be read or another program has written it. */
Results read_results(const std::string &name);

} // namespace bench

#endif
