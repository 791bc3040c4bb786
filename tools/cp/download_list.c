/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory on the server: its entries come with their attributes, so files need no STAT each. It is
 * made here once the server has opened it there.
 */
#include <stdlib.h>
#include <string.h>

#include "download.h"
#include "tempname.h"

enum { WAITING_MAX = 4096, READDIRS = 2 };

static struct cp_session *session(const struct cp_dl_dir *dir)
{
	return dir->dl->s;
}

static void fail(struct cp_dl_dir *dir, int code, const haw_error *err)
{
	if (!cp_session_ended(session(dir), code, err) && !dir->failed && !session(dir)->stopped)
		cp_dl_fail(session(dir), dir->remote, cp_reason(err));
	dir->failed = true;
}

/* A name that is no single component leads somewhere else: refused (it is the server's word). */
static bool is_name(haw_span name)
{
	return name.len > 0 && !memchr(name.ptr, '/', name.len) && !memchr(name.ptr, 0, name.len);
}

static void refuse_name(struct cp_dl_dir *dir, haw_span name)
{
	char shown[512];

	haw_escape(shown, sizeof(shown), name.ptr, name.len);
	cp_report_failed(&session(dir)->report, dir->remote,
			 "the server lists the name \"%s\", which no directory can hold: refused", shown);
}

static void take_known(struct cp_dl_dir *dir, const char *remote, const char *name, const haw_attrs *attrs)
{
	if (S_ISREG(attrs->mode))
		cp_dl_file_add(dir, remote, name, attrs);
	else if (S_ISDIR(attrs->mode))
		cp_dl_dir_add(dir, remote, name, attrs, NULL);
	else if (S_ISLNK(attrs->mode) && session(dir)->args->follow)
		cp_dl_link_follow(dir, remote, name);
	else if (S_ISLNK(attrs->mode))
		cp_dl_link_add(dir, remote, name);
	else
		cp_dl_fail(session(dir), remote, "is neither a file, a directory nor a link: not copied");
}

static void take_entry(struct cp_dl_dir *dir, const haw_name *entry)
{
	char *name, *remote;

	if (haw_span_is(entry->name, ".") || haw_span_is(entry->name, ".."))
		return;
	if (!is_name(entry->name)) {
		refuse_name(dir, entry->name);
		return;
	}
	name = strndup((const char *)entry->name.ptr, entry->name.len);
	remote = name ? cp_join(dir->remote, name) : NULL;
	if (!remote)
		cp_dl_fail(session(dir), dir->remote, "out of memory");
	else if (!cp_is_temp_name(name))
		take_known(dir, remote, name, &entry->attrs);
	free(name);
	free(remote);
}

static void ignored(void *user, struct cp_reply *op)
{
	(void)user;
	(void)op;
}

static void finish(struct cp_dl_dir *dir)
{
	if (dir->listing)
		cp_file_close(dir->listing, ignored, NULL, NULL);
	dir->listing = NULL;
	dir->dl->listing_count--;
	cp_dl_dir_put(dir);
}

static void entries(void *user, struct cp_reply *op);

static bool read_more(struct cp_dl_dir *dir)
{
	haw_error err;
	struct cp_reply *op = cp_file_readdir(dir->listing, entries, dir, &err);

	if (!op) {
		fail(dir, err.code, &err);
		return false;
	}
	dir->reading++;
	return true;
}

/* Go on, pause, or end. */
static void go_on(struct cp_dl_dir *dir)
{
	bool more = !dir->listed && !dir->failed && cp_running(session(dir));

	if (more && dir->dl->waiting_count > WAITING_MAX) {
		if (dir->reading == 0) {
			dir->next = dir->dl->paused;
			dir->dl->paused = dir;
		}
		return;
	}
	while (more && dir->reading < READDIRS)
		more = read_more(dir);
	if (dir->reading == 0)
		finish(dir);
}

static void entries(void *user, struct cp_reply *op)
{
	struct cp_dl_dir *dir = user;
	const haw_name *names;
	haw_error err;
	int code = cp_reply_result(op, &err);
	size_t count = code == 0 ? cp_reply_names(op, &names) : 0;

	dir->reading--;
	for (size_t i = 0; i < count && cp_running(session(dir)); i++)
		take_entry(dir, &names[i]);
	if (code == HAW_EEND)
		dir->listed = true;
	else if (code < 0)
		fail(dir, code, &err);
	go_on(dir);
}

void cp_dl_list_resume(struct cp_dl_dir *dir)
{
	go_on(dir);
}

static void opened(void *user, struct cp_reply *op)
{
	struct cp_dl_dir *dir = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0)
		fail(dir, code, &err);
	else
		dir->listing = cp_reply_file(op);
	if (!dir->failed && cp_running(session(dir)) && !cp_dl_dir_open(dir))
		dir->failed = true;
	go_on(dir);
}

void cp_dl_list(struct cp_dl_dir *dir)
{
	haw_error err;
	struct cp_reply *op;

	dir->dl->listing_count++;
	op = cp_running(session(dir))
		     ? cp_sftp_opendir(session(dir), dir->remote, opened, dir, &err)
		     : NULL;
	if (op)
		return;
	if (cp_running(session(dir)))
		fail(dir, err.code, &err);
	finish(dir);
}
