/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that cannot hold for a copy of a certain kind. What would be ignored is refused.
 */
#ifndef CP_FIT_H
#define CP_FIT_H

#include "location.h"
#include "session.h"

/* Whether all options can hold for a copy from SOURCE to DESTINATION. Says what cannot, and why. */
bool cp_fit_check(struct cp_session *s, const struct cp_location *source,
		  const struct cp_location *destination);

#endif
