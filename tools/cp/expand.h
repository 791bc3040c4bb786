/* SPDX-License-Identifier: Apache-2.0
 *
 * ~USER in front of a path on a server, which the server alone can expand (expand-path@openssh.com).
 */
#ifndef CP_EXPAND_H
#define CP_EXPAND_H

#include "session.h"

/* Put what ~USER stands for on the server of S, which is connected, into the path of LOCATION, if it begins
 * with that. Only the user's name is expanded, so that patterns and links behind it stay what they are. Says
 * what is wrong and returns false if that cannot be. Blocks. */
bool cp_expand_user(struct cp_session *s, struct cp_location *location);

#endif
