/* SPDX-License-Identifier: Apache-2.0 */
#include "expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expansion {
	char *home;
	int code;
	haw_error err;
	bool done;
};

static void expanded(void *user, struct cp_reply *reply)
{
	struct expansion *e = user;
	haw_span path = cp_reply_path(reply);

	e->code = cp_reply_result(reply, &e->err);
	if (e->code == 0 && path.len > 0 && !memchr(path.ptr, 0, path.len))
		e->home = strndup((const char *)path.ptr, path.len);
	else if (e->code == 0)
		haw_error_set(&e->err, e->code = HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
			      "the server expands it to a name that cannot be");
	e->done = true;
}

static bool is_done(void *user)
{
	const struct expansion *e = user;

	return e->done;
}

static void no_turn(void *user)
{
	(void)user;
}

static bool ask(struct cp_session *s, const char *name, struct expansion *e)
{
	if (!(s->extensions & HAW_SFTP_EXPAND_PATH)) {
		e->code = haw_error_set(&e->err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
					"the server cannot expand ~USER (it lacks expand-path@openssh.com): "
					"write the whole path, or use -O");
		return false;
	}
	if (!cp_sftp_expand_path(s, name, expanded, e, &e->err)) {
		e->code = e->err.code;
		return false;
	}
	cp_session_run(s, is_done, no_turn, e);
	return e->code == 0;
}

/* HOME and what is behind the user's name. */
static bool join(struct cp_location *l, const char *home, const char *rest)
{
	size_t len = strlen(home);
	char *path;

	while (rest[0] && len > 0 && home[len - 1] == '/')
		len--;
	if (asprintf(&path, "%.*s%s", (int)len, home, rest) < 0)
		return false;
	free(l->path);
	l->path = path;
	l->tilde = false;
	return true;
}

bool cp_expand_user(struct cp_session *s, struct cp_location *l)
{
	struct expansion e = {0};
	size_t len = strcspn(l->path, "/");
	char *name, *shown;
	bool good;

	if (!l->tilde)
		return true;
	name = strndup(l->path, len);
	good = name && ask(s, name, &e) && e.home && join(l, e.home, l->path + len);
	if (!good && !(e.code < 0 && cp_session_ended(s, e.code, &e.err)) && cp_running(s)) {
		shown = cp_remote_name(s, l->path);
		cp_report_failed(&s->report, shown ? shown : l->path, "%s",
				 e.code < 0 ? cp_reason(&e.err) : "out of memory");
		free(shown);
	}
	free(e.home);
	free(name);
	return good;
}
