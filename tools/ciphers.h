/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_TOOLS_CIPHERS_H
#define HAWSER_TOOLS_CIPHERS_H

/* `hawser ciphers ...`: ARGV[0] is "ciphers". Returns the exit status. */
int haw_tool_ciphers(int argc, char **argv);

#endif
