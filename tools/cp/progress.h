/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of the progress line.
 */
#ifndef CP_PROGRESS_H
#define CP_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct cp_progress {
	uint64_t files, bytes, total_files, total_bytes;
	int total_known;
	double seconds;
};

/* "12 files  1.5 GB of 2.0 GB  800 MB/s  0:01 left", at most WIDTH columns. */
void cp_progress_text(char *out, size_t size, const struct cp_progress *p, unsigned width);
/* "1.5 GB": decimal units, three digits. */
void cp_bytes_text(char *out, size_t size, double bytes);

#endif
