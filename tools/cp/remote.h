/* SPDX-License-Identifier: Apache-2.0
 *
 * The server as the rest of the copy sees it: requests that are answered whatever happens to the
 * connections that carry them.
 *
 * A request whose connection is cut before its answer has come is made once more, on another connection or
 * on the same one when it is back. What has been done by then does no harm the second time: data are
 * written to, and read from, the same offsets; what makes, moves or removes a name looks first whether that
 * has happened already. Open files and directories are opened again, names that a listing has brought are
 * not brought twice.
 *
 * With several connections a request goes where least is under way, but what builds on one that is not
 * answered yet follows it on the same connection: a directory's entries behind its MKDIR, say. Large files
 * are spread: each connection opens them for itself, and what concerns the whole file waits until its data
 * are answered.
 *
 *   remote.c           connections: kept, brought back, made more of
 *   remote_request.c   one function a request; what is sent where; answers
 *   remote_file.c      open files and directories
 *   remote_repeat.c    requests that may have been done already
 *   remote_late.c      what they may have left
 */
#ifndef CP_REMOTE_H
#define CP_REMOTE_H

#include <hawser/sftp.h>

struct cp_session;
/* A request, and later its answer: lives until its callback has returned. */
struct cp_reply;
/* An open file or directory. */
struct cp_file;

typedef void (*cp_reply_fn)(void *user, struct cp_reply *reply);

/* Each begins a request and returns it, or NULL and ERR. DONE is called once, never from within; it gets the
 * answer, or the failure that ended all attempts. Arguments are copied, data apart. */
struct cp_reply *cp_sftp_stat(struct cp_session *s, const char *path, bool follow, cp_reply_fn done,
			      void *user, haw_error *err);
struct cp_reply *cp_sftp_setstat(struct cp_session *s, const char *path, const haw_attrs *attrs,
				 cp_reply_fn done, void *user, haw_error *err);
/* MINE: nobody but this run makes names there, so one that stands there after a second attempt is ours. */
struct cp_reply *cp_sftp_mkdir(struct cp_session *s, const char *path, uint32_t mode, bool mine,
			       cp_reply_fn done, void *user, haw_error *err);
struct cp_reply *cp_sftp_rmdir(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
			       haw_error *err);
struct cp_reply *cp_sftp_remove(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				haw_error *err);

enum cp_rename {
	CP_RENAME_FREE,    /* nothing stands at TO */
	CP_RENAME_REPLACE, /* in one step (posix-rename) */
	CP_RENAME_REMOVE   /* what stands at TO is removed first */
};

/* FROM is known to be there. */
struct cp_reply *cp_sftp_rename(struct cp_session *s, const char *from, const char *to, enum cp_rename how,
				cp_reply_fn done, void *user, haw_error *err);
struct cp_reply *cp_sftp_symlink(struct cp_session *s, const char *target, const char *path, cp_reply_fn done,
				 void *user, haw_error *err);
struct cp_reply *cp_sftp_readlink(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				  haw_error *err);
struct cp_reply *cp_sftp_realpath(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				  haw_error *err);
struct cp_reply *cp_sftp_expand_path(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				     haw_error *err);
/* A file that is made exclusively is one of this run's names: an empty one that stands there at a second
 * attempt is taken. HAW_OPEN_TRUNCATE is not for files that matter: it may come late (remote_repeat.c). */
struct cp_reply *cp_sftp_open(struct cp_session *s, const char *path, uint32_t flags, const haw_attrs *attrs,
			      cp_reply_fn done, void *user, haw_error *err);
struct cp_reply *cp_sftp_opendir(struct cp_session *s, const char *path, cp_reply_fn done, void *user,
				 haw_error *err);

/* The hash of LEN bytes at OFFSET (LEN 0: to the end), by the server. */
struct cp_reply *cp_sftp_check_file(struct cp_session *s, const char *path, const char *algorithms,
				    uint64_t offset, uint32_t len, cp_reply_fn done, void *user,
				    haw_error *err);
struct cp_reply *cp_file_check(struct cp_file *file, const char *algorithms, uint64_t offset, uint32_t len,
			       cp_reply_fn done, void *user, haw_error *err);
/* Views as of haw_file_read_start; bytes may come a second time. */
struct cp_reply *cp_file_read(struct cp_file *file, uint64_t offset, uint32_t len, haw_sink_fn sink,
			      cp_reply_fn done, void *user, haw_error *err);
/* DATA must stay until DONE has been called: it may have to be sent again. */
struct cp_reply *cp_file_write(struct cp_file *file, uint64_t offset, const void *data, uint32_t len,
			       cp_reply_fn done, void *user, haw_error *err);
struct cp_reply *cp_file_stat(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err);
struct cp_reply *cp_file_setstat(struct cp_file *file, const haw_attrs *attrs, cp_reply_fn done, void *user,
				 haw_error *err);
struct cp_reply *cp_file_readdir(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err);
/* It is no regular file: what was written to it is not written again, but fails with the connection. */
void cp_file_set_once(struct cp_file *file);
/* FILE is consumed. */
struct cp_reply *cp_file_close(struct cp_file *file, cp_reply_fn done, void *user, haw_error *err);

/* ---- What an answer says ---- */

int cp_reply_result(const struct cp_reply *reply, haw_error *err);
bool cp_reply_attrs(const struct cp_reply *reply, haw_attrs *attrs);
/* The opened file; belongs to the caller. */
struct cp_file *cp_reply_file(struct cp_reply *reply);
size_t cp_reply_names(const struct cp_reply *reply, const haw_name **names);
haw_span cp_reply_path(const struct cp_reply *reply);
uint32_t cp_reply_count(const struct cp_reply *reply);
/* Of a READ: some came before its connection was cut, from a file that could be another by now. */
bool cp_reply_is_pieced(const struct cp_reply *reply);
haw_span cp_reply_hash(const struct cp_reply *reply, haw_span *algorithm);

#endif
