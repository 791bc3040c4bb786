/* SPDX-License-Identifier: Apache-2.0
 *
 * What one request has brought, kept for somebody who waits for it.
 */
#ifndef CP_OUTCOME_H
#define CP_OUTCOME_H

#include "session.h"

struct cp_outcome {
	bool done;
	int code;
	haw_error err;
	haw_attrs attrs;      /* flags 0: none came */
	struct cp_file *file; /* opened; the caller's */
	char *path;	      /* resolved, or where a link leads; NULL: none, or one that no path can be */
	haw_name *names;      /* of a listing, without long names */
	size_t name_count;
};

/* A cp_reply_fn whose USER is an outcome. */
void cp_outcome_take(void *user, struct cp_reply *reply);
/* Turn the loop of S until REPLY, whose user OUTCOME is, has been answered, and return its code. REPLY NULL:
 * it could not be begun, for the reason in ERR. A signal ends the process. */
int cp_outcome_wait(struct cp_session *s, const struct cp_reply *reply, struct cp_outcome *outcome,
		    haw_error *err);
/* What was kept, but for the file; another request may use OUTCOME then. */
void cp_outcome_clear(struct cp_outcome *outcome);

#endif
