/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bytes of a partial file are known to be there, and the record of it that a later run reads
 * (--resume). A length proves nothing: writes end out of order.
 *
 * A record is a small text file: who and what it is for, the ranges, and a hash of all that. It is replaced
 * in one step. One that is damaged, or for another source, counts as none.
 */
#ifndef CP_RANGES_H
#define CP_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cp_range {
	uint64_t begin, end;
};

/* In order, apart from each other. */
struct cp_ranges {
	struct cp_range *items;
	size_t count, capacity;
};

/* Without memory a range is forgotten, which only means that it is copied once more. */
void cp_ranges_add(struct cp_ranges *ranges, uint64_t begin, uint64_t end);
/* Move [*begin, *end) to its first part that is not there; false if all of it is. */
bool cp_ranges_missing(const struct cp_ranges *ranges, uint64_t *begin, uint64_t *end);
uint64_t cp_ranges_bytes(const struct cp_ranges *ranges);
void cp_ranges_free(struct cp_ranges *ranges);

enum cp_record { CP_RECORD_NONE, CP_RECORD_READ, CP_RECORD_DAMAGED, CP_RECORD_OTHER };

/* Write RANGES of what IDENTITY (one line) names to NAME in DIRECTORY. Returns 0 or an errno. */
int cp_record_write(int directory, const char *name, const char *identity, const struct cp_ranges *ranges);
/* Read them, below SIZE. */
enum cp_record cp_record_read(int directory, const char *name, const char *identity, uint64_t size,
			      struct cp_ranges *ranges);

/* The user's directory of records of uploads, made if need be; -1 and errno. */
int cp_record_directory(void);
/* A name there for what TEXT says. */
void cp_record_name(const char *text, char out[72]);

#endif
