/* SPDX-License-Identifier: Apache-2.0
 *
 * Putting jobs through an engine and waiting for them, as self-tests and calibration do.
 */
#ifndef HAW_CRYPTO_DRIVE_H
#define HAW_CRYPTO_DRIVE_H

#include <hawser/backend.h>

/* Nanoseconds of the monotonic clock. */
uint64_t haw_drive_now_ns(void);
/* Put N jobs through S; false if it fails, loses jobs, or is not done at DEADLINE_NS. */
bool haw_drive(haw_sealer *s, haw_job *const *jobs, size_t n, uint64_t deadline_ns);

#endif
