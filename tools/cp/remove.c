/* SPDX-License-Identifier: Apache-2.0
 *
 * Remove a tree on the server: what a broken run has left under a temporary name.
 *
 * Links are removed, not followed. Other users who may write to the directory around it could have put
 * something under that name, or swap directories for links while this works; so it is only touched
 * where nobody else can write, or where it belongs to the owner of the session's home directory.
 */
#include <stdlib.h>
#include <string.h>

#include "upload.h"

struct removal {
	struct cp_session *s;
	void (*done)(void *user, int code, const haw_error *err);
	void *user;
	int code;
	haw_error err;
	haw_attrs self, around, home;
	char *path;
	unsigned asked, listing;
	struct branch *waiting; /* directories to be listed */
};

struct branch {
	struct removal *r;
	struct branch *parent, *next;
	char *path;
	struct cp_file *listing;
	unsigned references;
};

static void put(struct branch *b);
static void start(struct removal *r);

/* Open directories are few, as a server's handles are. */
enum { LISTINGS_MAX = 32 };

static void note(struct removal *r, int code, const haw_error *err)
{
	if (code < 0 && code != HAW_EEND && code != HAW_ENOTFOUND && r->code == 0) {
		r->code = code;
		r->err = *err;
	}
}

static void finish(struct removal *r)
{
	r->done(r->user, r->code, &r->err);
	free(r->path);
	free(r);
}

static void removed_dir(void *user, struct cp_reply *op)
{
	struct branch *b = user;
	struct branch *parent = b->parent;
	struct removal *r = b->r;
	haw_error err;

	note(r, cp_reply_result(op, &err), &err);
	free(b->path);
	free(b);
	if (parent)
		put(parent);
	else
		finish(r);
}

static void abandon(struct branch *b)
{
	struct branch *parent = b->parent;
	struct removal *r = b->r;

	free(b->path);
	free(b);
	if (parent)
		put(parent);
	else
		finish(r);
}

/* Its last entry is gone. */
static void put(struct branch *b)
{
	haw_error err;
	struct cp_reply *op;

	if (--b->references > 0)
		return;
	op = cp_sftp_rmdir(b->r->s, b->path, removed_dir, b, &err);
	if (op)
		return;
	note(b->r, err.code, &err);
	abandon(b);
}

static void removed(void *user, struct cp_reply *op)
{
	struct branch *b = user;
	haw_error err;

	note(b->r, cp_reply_result(op, &err), &err);
	put(b);
}

static void descend(struct removal *r, struct branch *parent, const char *path);

static void take_name(struct branch *b, const haw_name *entry)
{
	char *name = strndup((const char *)entry->name.ptr, entry->name.len), *path;
	haw_error err;
	struct cp_reply *op;

	if (!name || !name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strlen(name) != entry->name.len) {
		free(name);
		return;
	}
	path = cp_join(b->path, name);
	free(name);
	if (!path)
		return;
	if (S_ISDIR(entry->attrs.mode)) {
		descend(b->r, b, path);
	} else {
		op = cp_sftp_remove(b->r->s, path, removed, b, &err);
		if (op) {
			b->references++;
		} else {
			note(b->r, err.code, &err);
		}
	}
	free(path);
}

static void ignored(void *user, struct cp_reply *op)
{
	(void)user;
	(void)op;
}

static void end_listing(struct branch *b)
{
	struct removal *r = b->r;

	if (b->listing)
		cp_file_close(b->listing, ignored, NULL, NULL);
	b->listing = NULL;
	r->listing--;
	start(r);
	put(b);
}

static void entries(void *user, struct cp_reply *op)
{
	struct branch *b = user;
	const haw_name *names;
	haw_error err;
	int code = cp_reply_result(op, &err);
	size_t count = code == 0 ? cp_reply_names(op, &names) : 0;

	for (size_t i = 0; i < count; i++)
		take_name(b, &names[i]);
	if (code == 0 && b->r->code == 0) {
		op = cp_file_readdir(b->listing, entries, b, &err);
		if (op)
			return;
		code = err.code;
	}
	note(b->r, code, &err);
	end_listing(b);
}

static void opened(void *user, struct cp_reply *op)
{
	struct branch *b = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code == 0) {
		b->listing = cp_reply_file(op);
		op = cp_file_readdir(b->listing, entries, b, &err);
		if (op)
			return;
		code = err.code;
		note(b->r, code, &err);
		end_listing(b);
		return;
	}
	note(b->r, code, &err);
	end_listing(b);
}

static void descend(struct removal *r, struct branch *parent, const char *path)
{
	struct branch *b = calloc(1, sizeof(*b));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};

	if (!b || !(b->path = strdup(path))) {
		free(b);
		note(r, HAW_ENOMEM, &err);
		if (!parent)
			finish(r);
		return;
	}
	b->r = r;
	b->parent = parent;
	b->references = 1;
	if (parent)
		parent->references++;
	b->next = r->waiting;
	r->waiting = b;
	start(r);
}

static void start(struct removal *r)
{
	struct branch *b;
	haw_error err;
	struct cp_reply *op;
	bool last;

	while (r->listing < LISTINGS_MAX && (b = r->waiting)) {
		r->waiting = b->next;
		r->listing++;
		op = cp_sftp_opendir(r->s, b->path, opened, b, &err);
		if (op) {
			continue;
		}
		note(r, err.code, &err);
		r->listing--;
		last = !r->waiting;
		abandon(b);
		/* R goes with its last branch; those that wait hold it. */
		if (last)
			return;
	}
}

/* ---- May it be touched? ---- */

static bool is_ours(const struct removal *r)
{
	const uint32_t needed = HAW_ATTR_MODE | HAW_ATTR_OWNER;

	if ((r->around.flags & HAW_ATTR_MODE) && (r->around.mode & 022) == 0)
		return true;
	return (r->self.flags & needed) == needed && (r->home.flags & HAW_ATTR_OWNER) &&
	       r->self.uid == r->home.uid;
}

static void root_removed(void *user, struct cp_reply *op)
{
	struct removal *r = user;
	haw_error err;

	note(r, cp_reply_result(op, &err), &err);
	finish(r);
}

static void judge(struct removal *r)
{
	haw_error err;
	struct cp_reply *op;

	if (r->code == 0 && !is_ours(r))
		r->code = haw_error_set(
			&r->err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			"a temporary directory of this name is left over, or somebody else's: remove "
			"the one that begins with a dot and ends in .hawser-part");
	if (r->code < 0) {
		finish(r);
		return;
	}
	if (S_ISDIR(r->self.mode)) {
		descend(r, NULL, r->path);
		return;
	}
	op = cp_sftp_remove(r->s, r->path, root_removed, r, &err);
	if (op)
		return;
	note(r, err.code, &err);
	finish(r);
}

static void take_attrs(struct removal *r, struct cp_reply *op, haw_attrs *attrs)
{
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0)
		note(r, code == HAW_ENOTFOUND ? HAW_EINVAL : code, &err);
	else
		cp_reply_attrs(op, attrs);
	if (--r->asked == 0)
		judge(r);
}

static void self_known(void *user, struct cp_reply *op)
{
	struct removal *r = user;

	take_attrs(r, op, &r->self);
}

static void around_known(void *user, struct cp_reply *op)
{
	struct removal *r = user;

	take_attrs(r, op, &r->around);
}

static void home_known(void *user, struct cp_reply *op)
{
	struct removal *r = user;

	take_attrs(r, op, &r->home);
}

static void ask(struct removal *r, const char *path, bool follow, cp_reply_fn done)
{
	haw_error err;
	struct cp_reply *op = cp_sftp_stat(r->s, path, follow, done, r, &err);

	if (op) {
		r->asked++;
	} else {
		note(r, err.code, &err);
	}
}

void cp_remove_tree(struct cp_session *s, const char *path,
		    void (*done)(void *user, int code, const haw_error *err), void *user)
{
	struct removal *r = calloc(1, sizeof(*r));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};
	char *around = strdup(path), *slash = around ? strrchr(around, '/') : NULL;

	if (!r || !around || !(r->path = strdup(path))) {
		free(r);
		free(around);
		done(user, HAW_ENOMEM, &err);
		return;
	}
	r->s = s;
	r->done = done;
	r->user = user;
	if (slash)
		slash[slash == around ? 1 : 0] = '\0';
	ask(r, path, false, self_known);
	ask(r, slash ? around : ".", true, around_known);
	ask(r, ".", true, home_known);
	free(around);
	if (r->asked == 0)
		finish(r);
}
