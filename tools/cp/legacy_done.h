/* SPDX-License-Identifier: Apache-2.0
 *
 * What need not be sent again when a copy by the old protocol goes on over another connection.
 *
 * A copy begins anew then, and passes over what was settled: acknowledged, or failed and said so. For each
 * directory between the root of the copy and the present one there are the names that are; a directory that
 * is complete is one of those in the directory around it. What is beyond a million names, or is longer than a
 * name can be, is not remembered: it is sent again.
 */
#ifndef CP_LEGACY_DONE_H
#define CP_LEGACY_DONE_H

#include <stdbool.h>

#include "names.h"

struct cp_done {
	struct cp_done *root;
	size_t total;	      /* of the root: names in all of them */
	struct cp_done *kept; /* of a directory in it that was begun and not completed */
	char *name;
	struct cp_names names;
};

/* NULL if out of memory: then nothing is remembered, which the others take as well. */
struct cp_done *cp_done_new(void);
bool cp_done_has(const struct cp_done *done, const char *name);
void cp_done_add(struct cp_done *done, const char *name);
/* Enter the directory NAME; *AGAIN tells whether it was begun before. */
struct cp_done *cp_done_enter(struct cp_done *done, const char *name, bool *again);
/* Leave the directory INNER of DONE. COMPLETE: all of it is settled. */
void cp_done_leave(struct cp_done *done, struct cp_done *inner, bool complete);
void cp_done_free(struct cp_done *done);

#endif
