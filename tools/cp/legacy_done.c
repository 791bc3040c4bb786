/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy_done.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1 << 20, NAME_LENGTH_MAX = 4096 };

/* ROOT NULL: it is one itself. */
static struct cp_done *new_one(struct cp_done *root, const char *name)
{
	struct cp_done *done = calloc(1, sizeof(*done));

	if (done && !(done->name = strdup(name))) {
		free(done);
		return NULL;
	}
	if (done)
		done->root = root ? root : done;
	return done;
}

struct cp_done *cp_done_new(void)
{
	return new_one(NULL, "");
}

bool cp_done_has(const struct cp_done *done, const char *name)
{
	return done && cp_names_find(&done->names, name);
}

void cp_done_add(struct cp_done *done, const char *name)
{
	const haw_attrs none = {0};
	size_t len = strlen(name), before;

	if (!done || len > NAME_LENGTH_MAX || done->root->total >= NAMES_MAX)
		return;
	before = done->names.count;
	if (cp_names_add(&done->names, (haw_span){(const uint8_t *)name, len}, &none))
		done->root->total += done->names.count - before;
}

struct cp_done *cp_done_enter(struct cp_done *done, const char *name, bool *again)
{
	struct cp_done *inner = done ? done->kept : NULL;

	*again = inner && strcmp(inner->name, name) == 0;
	if (!*again)
		return done ? new_one(done->root, name) : NULL;
	done->kept = NULL;
	return inner;
}

void cp_done_leave(struct cp_done *done, struct cp_done *inner, bool complete)
{
	if (!done || !inner)
		return;
	if (complete) {
		/* One name takes the place of those. */
		done->root->total -= inner->names.count;
		cp_names_free(&inner->names);
		cp_done_add(done, inner->name);
		cp_done_free(inner);
	} else {
		cp_done_free(done->kept);
		done->kept = inner;
	}
}

void cp_done_free(struct cp_done *done)
{
	struct cp_done *root = done && done->root != done ? done->root : NULL;

	while (done) {
		struct cp_done *kept = done->kept;

		if (root)
			root->total -= done->names.count;
		cp_names_free(&done->names);
		free(done->name);
		free(done);
		done = kept;
	}
}
