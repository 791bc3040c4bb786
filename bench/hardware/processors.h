/* SPDX-License-Identifier: Apache-2.0
 *
 * The processors that this program may use, and staying on one.
 */
#ifndef HAWSER_BENCH_PROCESSORS_H
#define HAWSER_BENCH_PROCESSORS_H

#include <cstddef>

namespace bench
{

/* How many there were when the program began. */
size_t processor_count();
/* Keep the calling thread on the INDEX-th of them, counted around. */
void pin_thread(size_t index);
/* Let it run on all of them again. */
void unpin_thread();

} // namespace bench

#endif
