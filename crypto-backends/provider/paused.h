/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAW_PROVIDER_PAUSED_H
#define HAW_PROVIDER_PAUSED_H

#include "crypto-backends/provider/opened.h"

enum { HAW_PAUSED_DEPTH = 32 }; /* packets under way; a pausing provider gains nothing above it, measured */

/* A sealer or opener that keeps up to DEPTH packets, at most HAW_PAUSED_DEPTH, under way in jobs that O's
 * algorithms pause. */
haw_sealer *haw_paused_new(struct haw_opened *o, const haw_suite *suite, const haw_keys *keys, bool opens,
			   unsigned depth, haw_error *err);
/* Set O->pauses if any of its algorithms pauses jobs. HAW_ETIMEDOUT: one did, and never went on. */
int haw_paused_probe(struct haw_opened *o, haw_error *err);

#endif
