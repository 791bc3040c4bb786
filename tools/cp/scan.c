/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"

#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

static const uint64_t patience_ns = 1000000000u;

static char **list(char **sources, size_t count)
{
	char **paths = calloc(count + 1, sizeof(*paths));

	for (size_t i = 0; paths && i < count; i++)
		paths[i] = sources[i];
	return paths;
}

void cp_scan(struct cp_report *report, char **sources, size_t count, bool recursive)
{
	char **paths = list(sources, count);
	FTS *walk = paths ? fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL) : NULL;
	uint64_t deadline = cp_now_ns() + patience_ns;
	unsigned seen = 0;
	FTSENT *entry;

	free(paths);
	if (!walk)
		return;
	report->total_known = true;
	while ((entry = fts_read(walk))) {
		if (entry->fts_info == FTS_D && !recursive)
			fts_set(walk, entry, FTS_SKIP);
		if (entry->fts_info == FTS_F) {
			report->total_files++;
			report->total_bytes += (uint64_t)entry->fts_statp->st_size;
		}
		if (++seen % 1024 == 0 && cp_now_ns() > deadline) {
			report->total_known = false;
			break;
		}
	}
	fts_close(walk);
}
