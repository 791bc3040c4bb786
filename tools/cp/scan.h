/* SPDX-License-Identifier: Apache-2.0
 *
 * How much there is to copy, for the time left on the progress line.
 */
#ifndef CP_SCAN_H
#define CP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

/* Count the local SOURCES. Gives up, and the totals stay unknown, if that takes long. */
void cp_scan(struct cp_report *report, char **sources, size_t count, bool recursive);

#endif
