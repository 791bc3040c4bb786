/* SPDX-License-Identifier: Apache-2.0
 *
 * Both sides on this machine.
 */
#ifndef CP_LOCAL_H
#define CP_LOCAL_H

#include "session.h"

void cp_local(struct cp_session *s, char **sources, size_t count, const char *destination);

#endif
