/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <string.h>

void cp_bytes_text(char *out, size_t size, double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	size_t unit = 0;

	while (bytes >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1000;
		unit++;
	}
	snprintf(out, size,
		 unit == 0 || bytes >= 99.5 ? "%.0f %s"
		 : bytes >= 9.95            ? "%.1f %s"
					    : "%.2f %s",
		 bytes, units[unit]);
}

static void time_text(char *out, size_t size, double seconds)
{
	unsigned long s = seconds < 0 ? 0 : seconds > 1e8 ? 100000000ul : (unsigned long)(seconds + 0.5);

	if (s >= 3600)
		snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(out, size, "%lu:%02lu", s / 60, s % 60);
}

void cp_progress_text(char *out, size_t size, const struct cp_progress *p, unsigned width)
{
	char done[32], total[32], rate[32], left[32], line[256];
	double speed = p->seconds > 0 ? (double)p->bytes / p->seconds : 0;
	int n;

	cp_bytes_text(done, sizeof(done), (double)p->bytes);
	cp_bytes_text(total, sizeof(total), (double)p->total_bytes);
	/* The rate is read as a figure in MB/s or more wherever it makes sense. */
	if (speed >= 1e9)
		snprintf(rate, sizeof(rate), "%.2f GB/s", speed / 1e9);
	else
		snprintf(rate, sizeof(rate), "%.1f MB/s", speed / 1e6);
	if (p->total_known && speed > 0 && p->total_bytes >= p->bytes)
		time_text(left, sizeof(left), (double)(p->total_bytes - p->bytes) / speed);
	else
		snprintf(left, sizeof(left), "-:--");
	if (p->total_known)
		n = snprintf(line, sizeof(line), "%llu of %llu files  %s of %s  %s  %s left",
			     (unsigned long long)p->files, (unsigned long long)p->total_files, done, total,
			     rate, left);
	else
		n = snprintf(line, sizeof(line), "%llu files  %s  %s  %s left", (unsigned long long)p->files,
			     done, rate, left);
	if (width > 0 && (size_t)n > width && width < sizeof(line))
		line[width] = '\0';
	snprintf(out, size, "%s", line);
}
