/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_TOOLS_BENCH_H
#define HAWSER_TOOLS_BENCH_H

/* Run `hawser bench`. Returns the exit status. */
int haw_tool_bench(int argc, char **argv);

#endif
