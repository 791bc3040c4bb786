/* SPDX-License-Identifier: Apache-2.0
 *
 * The temporary name of a file or directory until it is complete. It follows from the final one, so
 * that the next run finds what a broken one has left.
 */
#ifndef CP_TEMPNAME_H
#define CP_TEMPNAME_H

#include <stdbool.h>

/* The temporary name for the last component of PATH, in the same directory; trailing slashes are
 * dropped. The caller frees it; NULL if out of memory. */
char *cp_temp_path(const char *path);
/* Whether NAME (one component) is a temporary name; those are not copied. */
bool cp_is_temp_name(const char *name);

#endif
