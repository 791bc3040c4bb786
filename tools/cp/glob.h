/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of the shell in names on a server, as scp takes them: * ? [...] and \ in each component.
 *
 * A name that exists as it is written stands for itself, whatever characters it has.
 */
#ifndef CP_GLOB_H
#define CP_GLOB_H

#include "session.h"

struct cp_glob {
	char **paths;
	size_t count;
};

/* Add what PATTERN stands for on the server of S, in order. Reports what stands for nothing. Blocks. */
void cp_glob_add(struct cp_glob *glob, struct cp_session *s, const char *pattern);
/* Whether PATTERN has characters that could make it one. */
bool cp_glob_is_pattern(const char *pattern);
void cp_glob_free(struct cp_glob *glob);

#endif
