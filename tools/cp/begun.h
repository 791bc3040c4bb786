/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy that makes its destination, and is broken off: the destination stands there afterwards, and to copy
 * a directory to one that stands there means to copy it into that. With --resume the same command goes on
 * with what it has begun instead; a note on this machine tells that it has.
 */
#ifndef CP_BEGUN_H
#define CP_BEGUN_H

#include "session.h"

struct cp_begun {
	char name[72]; /* of the note; empty: there is none to be made */
};

/* Of copying the one SOURCE to DESTINATION, each on the host of its session, or here (NULL). */
void cp_begun_init(struct cp_begun *begun, const struct cp_session *from, const struct cp_session *to,
		   const char *source, const char *destination);
/* Whether an earlier run has made the destination and did not end well. */
bool cp_begun_before(const struct cp_begun *begun);
/* This run makes it now. */
void cp_begun_note(const struct cp_begun *begun);
/* All of it is there. */
void cp_begun_forget(const struct cp_begun *begun);

#endif
