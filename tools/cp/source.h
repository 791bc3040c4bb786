/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of a local file come from. Small files are read whole; larger ones are mapped in
 * windows, so that what is sent is sealed straight from the page cache.
 *
 * A mapped file may shrink while it is read. Then touching it raises SIGBUS; the handler here puts a
 * page of zeroes where the file has ended, and the file counts as changed.
 */
#ifndef CP_SOURCE_H
#define CP_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
	CP_SOURCE_SMALL = 256 << 10,	/* read whole */
	CP_SOURCE_WINDOW = 32 << 20,
	CP_SOURCE_STEP = 4 << 20,	/* made present at a time */
	CP_MAPS_MAX = 160
};

struct cp_map {
	uint8_t *ptr;
	size_t len, populated;
	uint64_t offset;
	unsigned references;
	size_t slot;
	volatile bool broken;	/* the file ended inside */
};

struct cp_source {
	int fd;
	struct stat st;		/* when it was opened */
	uint64_t size;
	bool sparse;
	bool changed;		/* found to be while mapped */
	struct cp_map *map;
};

/* Install the SIGBUS handler. Once. */
void cp_source_guard(void);
/* Open NAME in DIRECTORY. Returns 0 or an errno; what is no regular file is EINVAL. */
int cp_source_open(struct cp_source *source, int directory, const char *name, bool follow);
void cp_source_close(struct cp_source *source);
/* Read the whole of a file of at most CP_SOURCE_SMALL bytes into BUFFER, which has one byte more. Returns
 * 0 or an errno; sets changed if it is not as long as it was. */
int cp_source_read(struct cp_source *source, uint8_t *buffer);
/* The data at or behind OFFSET: [*begin, *end); false if only a hole (or nothing) is left. */
bool cp_source_extent(struct cp_source *source, uint64_t offset, uint64_t *begin, uint64_t *end);
/* A view of at most LEN bytes at OFFSET; MAP, of which the caller gets a reference, holds it. Returns how
 * many, or 0 with errno. */
size_t cp_source_view(struct cp_source *source, uint64_t offset, size_t len, const uint8_t **view,
		      struct cp_map **map);
void cp_map_put(struct cp_map *map);
/* Whether the file is another than when it was opened. */
bool cp_source_has_changed(struct cp_source *source);

#endif
