/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a remote directory already: names and attributes.
 */
#ifndef CP_NAMES_H
#define CP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <hawser/message.h>
#include <hawser/sftp.h>

struct cp_names {
	struct cp_name **slots;
	size_t count, capacity;
};

/* Which names there were, at eight bytes each. */
struct cp_seen {
	uint64_t *slots, seed;
	size_t count, capacity;
};

/* Whether NAME is new; it is remembered. Without memory all are. */
bool cp_seen_add(struct cp_seen *seen, haw_span name);
void cp_seen_free(struct cp_seen *seen);

/* Remember NAME; false if out of memory. Of two equal names the first stays. */
bool cp_names_add(struct cp_names *names, haw_span name, const haw_attrs *attrs);
const haw_attrs *cp_names_find(const struct cp_names *names, const char *name);
void cp_names_free(struct cp_names *names);

#endif
