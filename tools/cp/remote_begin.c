/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a request: its fields, then off it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "remote_internal.h"

static struct cp_reply *no_memory(struct cp_reply *r, haw_error *err)
{
	haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	if (r)
		cp_request_free(r);
	return NULL;
}

static struct cp_reply *begin(struct cp_session *s, enum cp_request_kind kind, const char *path,
			      cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = calloc(1, sizeof(*r));

	if (!r || (path && !(r->path = strdup(path))))
		return no_memory(r, err);
	r->s = s;
	r->kind = (uint8_t)kind;
	r->done = done;
	r->user = user;
	return r;
}

static struct cp_reply *begin_file(struct cp_file *file, enum cp_request_kind kind, cp_reply_fn done,
				   void *user, haw_error *err)
{
	struct cp_reply *r = begin(file->s, kind, NULL, done, user, err);

	if (r) {
		r->file = file;
		file->references++;
	}
	return r;
}

static struct cp_reply *submitted(struct cp_reply *r)
{
	if (r)
		cp_request_submit(r);
	return r;
}

struct cp_reply *cp_sftp_stat(struct cp_session *s, const char *path, bool follow, cp_reply_fn done,
			      void *user, haw_error *err)
{
	struct cp_reply *r = begin(s, CP_STAT, path, done, user, err);

	if (r)
		r->follow = follow;
	return submitted(r);
}

struct cp_reply *cp_sftp_setstat(struct cp_session *s, const char *path, const haw_attrs *attrs,
				 cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin(s, CP_SETSTAT, path, done, user, err);

	if (r)
		r->attrs = *attrs;
	return submitted(r);
}

struct cp_reply *cp_sftp_mkdir(struct cp_session *s, const char *path, uint32_t mode, bool mine,
			       cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin(s, CP_MKDIR, path, done, user, err);

	if (r) {
		r->flags = mode;
		r->mine = mine;
	}
	return submitted(r);
}

struct cp_reply *cp_sftp_rmdir(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
			       haw_error *err)
{
	return submitted(begin(s, CP_RMDIR, path, done, user, err));
}

struct cp_reply *cp_sftp_remove(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				haw_error *err)
{
	return submitted(begin(s, CP_REMOVE, path, done, user, err));
}

static struct cp_reply *begin_two(struct cp_session *s, enum cp_request_kind kind, const char *path,
				  const char *to, cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin(s, kind, path, done, user, err);

	if (r && !(r->to = strdup(to)))
		return no_memory(r, err);
	return r;
}

struct cp_reply *cp_sftp_rename(struct cp_session *s, const char *from, const char *to, enum cp_rename how,
				cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin_two(s, CP_RENAME, from, to, done, user, err);

	if (r)
		r->flags = how;
	return submitted(r);
}

struct cp_reply *cp_sftp_symlink(struct cp_session *s, const char *target, const char *path, cp_reply_fn done,
				 void *user, haw_error *err)
{
	return submitted(begin_two(s, CP_SYMLINK, path, target, done, user, err));
}

struct cp_reply *cp_sftp_check_file(struct cp_session *s, const char *path, const char *algorithms,
				    uint64_t offset, uint32_t len, cp_reply_fn done, void *user,
				    haw_error *err)
{
	struct cp_reply *r = begin_two(s, CP_CHECK_FILE, path, algorithms, done, user, err);

	if (r) {
		r->offset = offset;
		r->flags = len;
	}
	return submitted(r);
}

struct cp_reply *cp_sftp_readlink(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				  haw_error *err)
{
	return submitted(begin(s, CP_READLINK, path, done, user, err));
}

struct cp_reply *cp_sftp_realpath(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				  haw_error *err)
{
	return submitted(begin(s, CP_REALPATH, path, done, user, err));
}

struct cp_reply *cp_sftp_expand_path(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				     haw_error *err)
{
	return submitted(begin(s, CP_EXPAND_PATH, path, done, user, err));
}

struct cp_reply *cp_sftp_open(struct cp_session *s, const char *path, uint32_t flags, const haw_attrs *attrs,
			      cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin(s, CP_OPEN, path, done, user, err);

	if (r) {
		r->flags = flags;
		r->attrs = *attrs;
	}
	return submitted(r);
}

struct cp_reply *cp_sftp_opendir(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				 haw_error *err)
{
	return submitted(begin(s, CP_OPENDIR, path, done, user, err));
}

struct cp_reply *cp_file_read(struct cp_file *file, uint64_t offset, uint32_t len, haw_sink_fn sink,
			      cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin_file(file, CP_READ, done, user, err);

	if (r) {
		r->offset = offset;
		r->len = len;
		r->sink = sink;
		file->moved += len;
	}
	return submitted(r);
}

struct cp_reply *cp_file_write(struct cp_file *file, uint64_t offset, const void *data, uint32_t len,
			       cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin_file(file, CP_WRITE, done, user, err);

	if (r) {
		r->offset = offset;
		r->len = len;
		r->data = data;
		file->moved += len;
	}
	return submitted(r);
}

struct cp_reply *cp_file_stat(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err)
{
	return submitted(begin_file(file, CP_FSTAT, done, user, err));
}

struct cp_reply *cp_file_check(struct cp_file *file, const char *algorithms, uint64_t offset, uint32_t len,
			       cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin_file(file, CP_FCHECK, done, user, err);

	if (r && !(r->to = strdup(algorithms)))
		return no_memory(r, err);
	if (r) {
		r->offset = offset;
		r->flags = len;
	}
	return submitted(r);
}

struct cp_reply *cp_file_setstat(struct cp_file *file, const haw_attrs *attrs, cp_reply_fn done, void *user,
				 haw_error *err)
{
	struct cp_reply *r = begin_file(file, CP_FSETSTAT, done, user, err);

	if (r)
		r->attrs = *attrs;
	return submitted(r);
}

struct cp_reply *cp_file_readdir(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err)
{
	return submitted(begin_file(file, CP_READDIR, done, user, err));
}

struct cp_reply *cp_file_close(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err)
{
	struct cp_reply *r = begin_file(file, CP_CLOSE, done, user, err);

	cp_file_put(file);
	return submitted(r);
}

void cp_file_set_once(struct cp_file *file)
{
	file->once = true;
}
