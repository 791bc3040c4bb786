/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_TOOLS_BACKEND_TEST_H
#define HAWSER_TOOLS_BACKEND_TEST_H

/* `hawser backend-test ...`: ARGV[0] is "backend-test". Returns the exit status. */
int haw_tool_backend_test(int argc, char **argv);

#endif
