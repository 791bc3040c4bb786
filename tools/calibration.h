/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine's backends were measured to do, in the user's cache.
 */
#ifndef HAWSER_TOOLS_CALIBRATION_H
#define HAWSER_TOOLS_CALIBRATION_H

#include <stdbool.h>

#include <hawser/backend.h>

/* Says LINE to those who want to know. */
typedef void (*tool_note_fn)(void *user, const char *line);

/* Let S know what was measured earlier, if anything. */
void tool_calibration_load(haw_selector *s, tool_note_fn note, void *user);
/* Keep what S knows. False, after a note, if it cannot be kept. */
bool tool_calibration_save(const haw_selector *s, tool_note_fn note, void *user);
/* Measure what S has to choose from for CIPHERS beside MACS (lists of names), if that is not known yet, in at
 * most 50 ms, and keep it; ALL: also where there is no choice. After tool_calibration_load. */
void tool_calibration_hasten(haw_selector *s, const char *ciphers, const char *macs, bool all,
			     tool_note_fn note, void *user);
/* Whether the user's word holds for CIPHERS beside MACS: 0, or a negative code with an error. */
int tool_calibration_confirm(const haw_selector *s, const char *ciphers, const char *macs, haw_error *err);
/* Measure everything, thoroughly; PROGRESS (may be NULL) is told each suite. Negative with an error. */
int tool_calibration_make(haw_selector *s, void (*progress)(void *user, const haw_suite *suite), void *user,
			  haw_error *err);

#endif
