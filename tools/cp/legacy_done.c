/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy_done.h"

#include <stdlib.h>
#include <string.h>

struct cp_done *cp_done_new(const char *name)
{
	struct cp_done *done = calloc(1, sizeof(*done));

	if (done && !(done->name = strdup(name))) {
		free(done);
		return NULL;
	}
	return done;
}

bool cp_done_has(const struct cp_done *done, const char *name)
{
	return done && cp_names_find(&done->names, name);
}

void cp_done_add(struct cp_done *done, const char *name)
{
	const haw_attrs none = {0};

	/* What cannot be remembered is sent again. */
	if (done)
		(void)!cp_names_add(&done->names, (haw_span){(const uint8_t *)name, strlen(name)}, &none);
}

struct cp_done *cp_done_enter(struct cp_done *done, const char *name, bool *again)
{
	struct cp_done *inner = done ? done->kept : NULL;

	*again = inner && strcmp(inner->name, name) == 0;
	if (!*again)
		return done ? cp_done_new(name) : NULL;
	done->kept = NULL;
	return inner;
}

void cp_done_leave(struct cp_done *done, struct cp_done *inner, bool complete)
{
	if (!done || !inner)
		return;
	if (complete) {
		cp_done_add(done, inner->name);
		cp_done_free(inner);
	} else {
		cp_done_free(done->kept);
		done->kept = inner;
	}
}

void cp_done_free(struct cp_done *done)
{
	while (done) {
		struct cp_done *kept = done->kept;

		cp_names_free(&done->names);
		free(done->name);
		free(done);
		done = kept;
	}
}
