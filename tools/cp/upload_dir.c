/* SPDX-License-Identifier: Apache-2.0
 *
 * One directory on its way up:
 *
 *   fresh parent:            MKDIR, and its entries behind it without waiting
 *   parent that stands:      nothing there: MKDIR of a temporary name, entries, attributes, RENAME
 *                            a directory:   OPENDIR READDIR..., entries, attributes
 *
 * A directory is complete when its walk has ended and all its entries are complete; attributes come
 * last, because entries change the times and may need a writable directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tempname.h"
#include "upload.h"

static void make(struct cp_up_dir *dir, enum cp_up_kind kind);

static struct cp_session *session(const struct cp_up_dir *dir)
{
	return dir->up->s;
}

/* ---- Life ---- */

struct cp_up_dir *cp_up_dir_new(struct cp_upload *up, struct cp_up_dir *parent, const char *local,
				const char *final)
{
	struct cp_up_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->up = up;
	dir->parent = parent;
	dir->references = 1;
	dir->local = strdup(local);
	dir->final = strdup(final);
	dir->path = strdup(final);
	up->open_dirs++;
	if (parent)
		parent->references++;
	return dir;
}

static void destroy(struct cp_up_dir *dir)
{
	struct cp_up_dir *parent = dir->parent;

	dir->up->open_dirs--;
	if (dir->stream)
		closedir(dir->stream);
	cp_names_free(&dir->names);
	free(dir->local);
	free(dir->final);
	free(dir->path);
	free(dir);
	if (parent)
		cp_up_dir_put(parent);
}

/* Say that the directory itself failed, in the server's words. */
static void fail(struct cp_up_dir *dir, int code, const haw_error *err)
{
	struct cp_session *s = session(dir);

	if (!cp_session_ended(s, code, err) && !dir->failed && !s->stopped) {
		cp_report_remote(s, dir->local, dir->final, cp_reason(err));
	}
	dir->failed = true;
}

static void fail_plain(struct cp_up_dir *dir, const char *reason)
{
	haw_error err;

	haw_error_set(&err, HAW_EINVAL, HAW_FAULT_PEER, 0, "%s", reason);
	fail(dir, err.code, &err);
}

/* ---- Completion ---- */

static void finish_step(struct cp_up_dir *dir)
{
	if (--dir->steps == 0)
		destroy(dir);
}

static void step_done(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0)
		fail(dir, code, &err);
	finish_step(dir);
}

static void add_step(struct cp_up_dir *dir, struct cp_reply *op, const haw_error *err)
{
	if (op) {
		dir->steps++;
	} else {
		fail(dir, err->code, err);
	}
}

static void rename_stage(struct cp_up_dir *dir)
{
	haw_error err;

	if (dir->staged)
		add_step(dir,
			 cp_sftp_rename(session(dir), dir->path, dir->final, CP_RENAME_FREE, step_done,
					       dir, &err),
			 &err);
}

static void set_attrs(struct cp_up_dir *dir, const haw_attrs *attrs)
{
	haw_error err;

	add_step(dir,
		 cp_sftp_setstat(session(dir), dir->path, attrs, step_done, dir, &err),
		 &err);
}

/* The server's umask shows in what MKDIR made. */
static void made_mode_known(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	haw_attrs attrs;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code < 0) {
		fail(dir, code, &err);
	} else if (cp_reply_attrs(op, &attrs)) {
		attrs.flags = HAW_ATTR_MODE;
		attrs.mode &= dir->st.st_mode & 0777;
		set_attrs(dir, &attrs);
	}
	rename_stage(dir);
	finish_step(dir);
}

static void complete(struct cp_up_dir *dir)
{
	struct cp_session *s = session(dir);
	haw_attrs attrs = {0};
	haw_error err;

	/* A directory of its own is held until all its steps have ended. */
	dir->steps = 1;
	if (dir->base || dir->failed || !cp_running(s)) {
		finish_step(dir);
		return;
	}
	if (s->args->preserve) {
		attrs.flags = HAW_ATTR_MODE | HAW_ATTR_TIMES;
		attrs.mode = dir->st.st_mode & 07777;
		attrs.atime = (uint32_t)dir->st.st_atim.tv_sec;
		attrs.mtime = (uint32_t)dir->st.st_mtim.tv_sec;
		set_attrs(dir, &attrs);
	} else if (dir->made && (dir->st.st_mode & 0700) != 0700) {
		add_step(dir, cp_sftp_stat(s, dir->path, true, made_mode_known, dir, &err),
			 &err);
		finish_step(dir);
		return;
	}
	rename_stage(dir);
	finish_step(dir);
}

void cp_up_dir_put(struct cp_up_dir *dir)
{
	if (--dir->references == 0)
		complete(dir);
}

/* ---- Preparation ---- */

static void queue(struct cp_up_dir *dir)
{
	dir->next = dir->up->ready;
	dir->up->ready = dir;
}

/* The walk, which holds a reference, does not begin. */
static void drop(struct cp_up_dir *dir)
{
	dir->failed = true;
	cp_up_dir_put(dir);
}

static void cleaned(void *user, int code, const haw_error *err)
{
	struct cp_up_dir *dir = user;

	session(dir)->flow.files--;
	if (code == 0) {
		make(dir, CP_UP_FRESH);
		return;
	}
	fail(dir, code, err);
	drop(dir);
}

static void made(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	struct cp_session *s = session(dir);
	haw_error err;
	int code = cp_reply_result(op, &err);

	s->flow.files--;
	if (code < 0 && dir->staged && !dir->cleaned && code == HAW_ESTATUS &&
	    err.reason == HAW_SFTP_FAILURE && cp_running(s)) {
		dir->cleaned = true;
		s->flow.files++;
		cp_remove_tree(s, dir->path, cleaned, dir);
		return;
	}
	if (code < 0)
		fail(dir, code, &err);
	if (!dir->staged) {
		cp_up_dir_put(dir); /* the walk began at once and has its own reference */
	} else if (code < 0) {
		drop(dir);
	} else {
		queue(dir);
	}
}

static void make(struct cp_up_dir *dir, enum cp_up_kind kind)
{
	haw_error err;
	/* Writable while it is filled; the rest of the mode is the server's umask's affair. */
	struct cp_reply *op = cp_sftp_mkdir(session(dir), dir->path, (dir->st.st_mode & 0777) | 0700,
					    !dir->staged, made, dir, &err);

	dir->kind = kind;
	dir->made = true;
	if (!op) {
		fail(dir, err.code, &err);
		drop(dir);
		return;
	}
	session(dir)->flow.files++;
	if (!dir->staged) {
		dir->references++;
		queue(dir);
	}
}

/* Servers without posix-rename may not rename directories at all (some link and unlink): there the
 * directory is made under its final name, and each file gets a temporary one. So it is with --resume, which
 * has to find them there the next time. */
static void stage(struct cp_up_dir *dir)
{
	if (!(session(dir)->extensions & HAW_SFTP_POSIX_RENAME) || session(dir)->args->resume) {
		make(dir, CP_UP_LISTED);
		return;
	}
	free(dir->path);
	dir->path = cp_temp_path(dir->final);
	dir->staged = true;
	if (dir->path) {
		make(dir, CP_UP_FRESH);
	} else {
		fail_plain(dir, "out of memory");
		drop(dir);
	}
}

/* ---- What stands there ---- */

static void closed(void *user, struct cp_reply *op)
{
	(void)user;
	(void)op;
}

static void end_listing(struct cp_up_dir *dir)
{
	cp_file_close(dir->listing, closed, NULL, NULL);
	dir->listing = NULL;
	session(dir)->flow.files--;
}

static void entries(void *user, struct cp_reply *op);

static void read_more(struct cp_up_dir *dir)
{
	haw_error err;
	struct cp_reply *op = cp_file_readdir(dir->listing, entries, dir, &err);

	if (op)
		return;
	fail(dir, err.code, &err);
	end_listing(dir);
	drop(dir);
}

static void entries(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	const haw_name *names;
	haw_error err;
	int code = cp_reply_result(op, &err);
	size_t count = code == 0 ? cp_reply_names(op, &names) : 0;

	for (size_t i = 0; i < count; i++)
		if (!cp_names_add(&dir->names, names[i].name, &names[i].attrs))
			fail_plain(dir, "out of memory");
	if (code == 0 && !dir->failed && cp_running(session(dir))) {
		read_more(dir);
		return;
	}
	if (code < 0 && code != HAW_EEND)
		fail(dir, code, &err);
	end_listing(dir);
	if (dir->failed)
		drop(dir);
	else
		queue(dir);
}

static void opened(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	if (code == 0) {
		dir->listing = cp_reply_file(op);
		read_more(dir);
		return;
	}
	session(dir)->flow.files--;
	if (code == HAW_ESTATUS && err.reason == HAW_SFTP_PERMISSION_DENIED) {
		/* It may be written to all the same. */
		dir->kind = CP_UP_ASKED;
		queue(dir);
		return;
	}
	fail(dir, code, &err);
	drop(dir);
}

/* The directory stands there: learn what it holds. */
static void list(struct cp_up_dir *dir)
{
	haw_error err;
	struct cp_reply *op = cp_sftp_opendir(session(dir), dir->path, opened, dir, &err);

	dir->kind = CP_UP_LISTED;
	if (op) {
		session(dir)->flow.files++;
		return;
	}
	fail(dir, err.code, &err);
	drop(dir);
}

static void meet(struct cp_up_dir *dir, const haw_attrs *attrs)
{
	if (!attrs) {
		stage(dir);
	} else if (!(attrs->flags & HAW_ATTR_MODE) || S_ISDIR(attrs->mode) || S_ISLNK(attrs->mode)) {
		list(dir);
	} else {
		fail_plain(dir, "is a file, where a directory is needed");
		drop(dir);
	}
}

static void asked(void *user, struct cp_reply *op)
{
	struct cp_up_dir *dir = user;
	haw_attrs attrs;
	haw_error err;
	int code = cp_reply_result(op, &err);

	session(dir)->flow.files--;
	if (code == 0 && cp_reply_attrs(op, &attrs)) {
		meet(dir, &attrs);
	} else if (code == HAW_ENOTFOUND && cp_running(session(dir))) {
		meet(dir, NULL);
	} else {
		fail(dir, code, &err);
		drop(dir);
	}
}

void cp_up_dir_prepare(struct cp_up_dir *dir)
{
	const char *name = strrchr(dir->final, '/');
	haw_error err;
	struct cp_reply *op;

	if (dir->parent && dir->parent->kind == CP_UP_FRESH) {
		make(dir, CP_UP_FRESH);
	} else if (dir->parent && dir->parent->kind == CP_UP_LISTED) {
		meet(dir, cp_names_find(&dir->parent->names, name ? name + 1 : dir->final));
	} else {
		op = cp_sftp_stat(session(dir), dir->path, true, asked, dir, &err);
		if (op) {
			session(dir)->flow.files++;
			return;
		}
		fail(dir, err.code, &err);
		drop(dir);
	}
}

/* ---- The walk ---- */

/* A link that leads back to a directory around it. */
static bool is_around(const struct cp_up_dir *dir, const struct stat *st)
{
	for (; dir; dir = dir->parent)
		if (!dir->base && dir->st.st_dev == st->st_dev && dir->st.st_ino == st->st_ino)
			return true;
	return false;
}

void cp_up_dir_add(struct cp_up_dir *parent, const char *local, const char *name, const struct stat *st)
{
	struct cp_session *s = parent->up->s;
	char *final, *path;
	struct cp_up_dir *dir;

	if (is_around(parent, st)) {
		cp_report_failed(&s->report, local, "is a link to a directory around it");
		return;
	}
	final = cp_join(parent->final, name);
	path = cp_join(parent->path, name);
	dir = final && path ? cp_up_dir_new(parent->up, parent, local, final) : NULL;
	free(final);
	if (!dir) {
		free(path);
		cp_report_failed(&s->report, local, "out of memory");
		return;
	}
	free(dir->path);
	dir->path = path;
	dir->st = *st;
	cp_up_dir_prepare(dir);
}

static void take_entry(struct cp_up_dir *dir, int fd, const struct dirent *entry, const char *local)
{
	struct cp_session *s = session(dir);
	bool follow = s->args->follow;
	struct stat st;

	if (entry->d_type == DT_REG) {
		cp_up_file_add(dir, fd, entry->d_name, local, entry->d_name, false);
		return;
	}
	if (fstatat(fd, entry->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			cp_report_failed(&s->report, local, "is a link to nothing");
		else if (errno == ENOENT)
			cp_report_changed(&s->report, local,
					  "vanished before it was read: No such file or directory");
		else
			cp_report_failed(&s->report, local, "%s", strerror(errno));
	} else if (S_ISREG(st.st_mode)) {
		cp_up_file_add(dir, fd, entry->d_name, local, entry->d_name, follow);
	} else if (S_ISDIR(st.st_mode)) {
		cp_up_dir_add(dir, local, entry->d_name, &st);
	} else if (S_ISLNK(st.st_mode)) {
		cp_up_link_add(dir, fd, entry->d_name, local);
	} else {
		cp_report_failed(&s->report, local, "is neither a file, a directory nor a link: not copied");
	}
}

static void end_walk(struct cp_upload *up)
{
	struct cp_up_dir *dir = up->current;

	up->current = NULL;
	if (dir->stream)
		closedir(dir->stream);
	dir->stream = NULL;
	cp_up_dir_put(dir);
}

static bool begin_walk(struct cp_upload *up)
{
	struct cp_up_dir *dir = up->current = up->ready;
	/* The operand itself may be a link; inside, links are followed only if that was asked for. */
	bool follow = !dir->parent || dir->parent->base || up->s->args->follow;
	int fd;

	up->ready = dir->next;
	if (dir->failed || !cp_running(up->s)) {
		end_walk(up);
		return false;
	}
	fd = open(dir->local, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	dir->stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir->stream)
		return true;
	if (errno == ENOENT)
		cp_report_changed(&up->s->report, dir->local,
				  "vanished before it was read: No such file or directory");
	else
		cp_report_failed(&up->s->report, dir->local, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	end_walk(up);
	return false;
}

void cp_up_dir_step(struct cp_upload *up)
{
	struct dirent *entry;
	char *local;

	if (!up->current && !begin_walk(up))
		return;
	errno = 0;
	entry = cp_running(up->s) && !up->current->failed ? readdir(up->current->stream) : NULL;
	if (!entry) {
		if (errno)
			cp_report_failed(&up->s->report, up->current->local, "%s", strerror(errno));
		end_walk(up);
		return;
	}
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
	    cp_is_temp_name(entry->d_name))
		return;
	local = cp_join(up->current->local, entry->d_name);
	if (local)
		take_entry(up->current, dirfd(up->current->stream), entry, local);
	else
		cp_report_failed(&up->s->report, up->current->local, "out of memory");
	free(local);
}
