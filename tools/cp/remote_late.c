/* SPDX-License-Identifier: Apache-2.0
 *
 * What servers make that still work off the requests of a connection which is gone: a temporary name may
 * come to stand there once more when what had it has long got its final one.
 */
#include <stdlib.h>
#include <string.h>

#include "remote_internal.h"
#include "tempname.h"

/* A run that meets more of them leaves the others, as one that is killed does. */
enum { LATE_MAX = 4096, LATE_PENDING = 64 };

struct cp_late {
	struct cp_late *next;
	bool directory;
	char path[];
};

static bool makes_name(const struct cp_reply *r)
{
	return r->kind == CP_MKDIR || r->kind == CP_SYMLINK ||
	       (r->kind == CP_OPEN && r->flags & HAW_OPEN_EXCLUSIVE);
}

void cp_late_note(const struct cp_reply *r)
{
	struct cp_remote *remote = &r->s->remote;
	const char *slash = r->path ? strrchr(r->path, '/') : NULL;
	struct cp_late *late;
	size_t size;

	if (!makes_name(r) || !cp_is_temp_name(slash ? slash + 1 : r->path) || remote->late_count >= LATE_MAX)
		return;
	size = strlen(r->path) + 1;
	late = malloc(sizeof(*late) + size);
	if (!late)
		return;
	late->directory = r->kind == CP_MKDIR;
	memcpy(late->path, r->path, size);
	late->next = remote->late;
	remote->late = late;
	remote->late_count++;
}

static void removed(void *user, struct cp_reply *reply)
{
	struct cp_session *s = user;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	/* Nearly always there is nothing. */
	if (code < 0)
		cp_session_ended(s, code, &err);
	s->remote.late_pending--;
}

static bool finished(void *user)
{
	const struct cp_session *s = user;

	return s->remote.late_pending == 0 && (!s->remote.late || !cp_running(s));
}

static void remove_some(void *user)
{
	struct cp_session *s = user;

	while (s->remote.late && cp_running(s) && s->remote.late_pending < LATE_PENDING) {
		struct cp_late *late = s->remote.late;
		haw_error err;
		struct cp_reply *r = late->directory ? cp_sftp_rmdir(s, late->path, removed, s, &err)
						     : cp_sftp_remove(s, late->path, removed, s, &err);

		s->remote.late_pending += r != NULL;
		s->remote.late = late->next;
		free(late);
	}
}

void cp_remote_clean(struct cp_session *s)
{
	if (!cp_running(s) || !s->remote.late)
		return;
	remove_some(s);
	cp_session_run(s, finished, remove_some, s);
}

void cp_late_free(struct cp_session *s)
{
	while (s->remote.late) {
		struct cp_late *late = s->remote.late;

		s->remote.late = late->next;
		free(late);
	}
}
