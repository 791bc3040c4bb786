/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of a copy are complete, for a later run of the same copy (--resume).
 *
 * A journal is a list of hashes, one for each file: of all that identifies its source and its copy. So what
 * is cut short or damaged in it proves nothing for anybody, and an entry that is found was written.
 * Entries are added after the file stands under its final name, many at a time, once what they speak of is as
 * safe as they are. Journals are removed when a copy ends well.
 */
#ifndef CP_JOURNAL_H
#define CP_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CP_JOURNAL_HASH = 32 };

struct cp_journal {
	int directory, fd; /* -1: there is none; made with the first entries */
	char name[72];
	uint8_t *known; /* sorted, of earlier runs */
	size_t known_count;
	uint8_t *fresh; /* not written yet */
	size_t fresh_count, count;
	uint64_t written_ns, writing_ns; /* when, and how long that took */
	int sync; /* the file system of the copies here is synchronised first; -1: they are elsewhere */
};

/* Open that of the copy that TEXT names, and know what it holds. Without one nothing is known, nor kept. SYNC
 * is borrowed. */
void cp_journal_open(struct cp_journal *journal, const char *text, int sync);
/* Whether what LINE says was complete. */
bool cp_journal_knows(const struct cp_journal *journal, const char *line);
/* It is complete now. */
void cp_journal_add(struct cp_journal *journal, const char *line);
/* Write what is due, and close it; DONE: all was copied, it is not needed any more. */
void cp_journal_close(struct cp_journal *journal, bool done);

#endif
