/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of a file go on this machine.
 *
 * The file is made when its first bytes arrive: under its final name in a directory that this run has
 * made, else under a temporary name that becomes the final one when everything is there, or in place
 * where it cannot be otherwise. Nothing is opened through a link that could lead out of the directory.
 */
#ifndef CP_SINK_H
#define CP_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { CP_SINK_VIEWS = 32 };

struct cp_sink {
	int directory;		/* borrowed, or own_directory */
	const char *name;	/* borrowed */
	bool fresh;		/* nothing stands in the directory but what this run has put there */
	bool trusted;		/* the name is the user's: a link there is followed wherever it leads */
	mode_t mode;		/* of a new file, before the umask */

	int fd, own_directory;	/* -1: none */
	char *resolved;		/* what a link leads to */
	char *written;		/* temporary name, or NULL: it is written under its final name */
	bool in_place, special, made;
	struct stat standing;	/* st_mode 0: nothing stands there */
	struct iovec views[CP_SINK_VIEWS];
	int view_count;
	uint64_t views_offset, views_length;
	uint64_t reach;		/* end of the furthest byte written */
};

void cp_sink_begin(struct cp_sink *sink, int directory, const char *name, bool fresh, bool trusted,
		   mode_t mode);
/* Take LEN bytes at OFFSET, which stay valid until the next flush. Returns 0 or an errno. */
int cp_sink_put(struct cp_sink *sink, uint64_t offset, const void *data, size_t len);
/* Write what was taken. Returns 0 or an errno. */
int cp_sink_flush(struct cp_sink *sink);
/* Write what was taken and let the file be LENGTH bytes long, so that it can be read. Returns 0 or an
 * errno. */
int cp_sink_prepare(struct cp_sink *sink, uint64_t length);
/* Before anything was put: go on with the regular file of this user's that stands under the temporary name.
 * False if there is none. */
bool cp_sink_resume(struct cp_sink *sink);
/* Do not, after all. */
void cp_sink_restart(struct cp_sink *sink);
/* Leave what was written, for a later run. */
void cp_sink_keep(struct cp_sink *sink);
/* All is there, LENGTH bytes: set MODE and TIMES (NULL: neither), move it into its place. Returns 0 or an
 * errno; either way nothing is open any more, and on failure nothing is left. */
int cp_sink_finish(struct cp_sink *sink, uint64_t length, mode_t mode, mode_t umask,
		   const struct timespec *times);
/* Leave nothing behind. */
void cp_sink_abandon(struct cp_sink *sink);
/* Make the link NAME to TARGET. FRESH as above. Returns 0 or an errno; EISDIR: a directory stands there. */
int cp_put_link(int directory, const char *target, const char *name, bool fresh);
/* A sentence for an errno of these functions. */
const char *cp_sink_reason(int error);

#endif
