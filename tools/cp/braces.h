/* SPDX-License-Identifier: Apache-2.0
 *
 * The braces of shells, "a{b,c}d" for "abd" and "acd": which names a request with them may bring.
 */
#ifndef CP_BRACES_H
#define CP_BRACES_H

#include <stdbool.h>
#include <stddef.h>

struct cp_braces {
	char **items;
	size_t count;
};

/* All that TEXT stands for; at least one. False if its braces do not match, if it stands for more than a few
 * thousand, or if memory ran out. */
bool cp_braces_expand(struct cp_braces *braces, const char *text);
void cp_braces_free(struct cp_braces *braces);

#endif
