/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP client (draft-ietf-secsh-filexfer-02, version 3) with the extensions of OpenSSH
 * (OpenSSH's PROTOCOL, section 4).
 *
 * Every request exists as ..._start, which returns an operation (loop.h) whose results are
 * read with the haw_sftp_op_ functions, and as a blocking call. Any number of requests may be
 * under way; they are sent in the order of the calls, and replies are matched by id in whatever
 * order they come. Requests may be started before the session is ready: they are queued, and
 * sent at once where the peer is known to accept that.
 *
 * Paths are byte strings without NUL and in the peer's encoding; no function interprets them.
 * Text from the peer reaches error messages only escaped. A failed request has the code
 * HAW_ESTATUS and the server's status in reason; "no such file" is HAW_ENOTFOUND, "end of file"
 * HAW_EEND and "operation unsupported" HAW_EUNSUPPORTED. Messages do not repeat the path: the caller
 * knows it (haw_error_prefix). A reply that breaks the protocol ends the session: everything under way
 * ends with HAW_EPROTOCOL, as it does with the connection's error when that is lost.
 *
 * A call that needs an extension which the server lacks fails with HAW_EUNSUPPORTED: at once when the
 * session is ready, through the server's answer before that. At most 65,536 requests may be under way
 * (HAW_ELIMIT).
 *
 * Threads: the loop's thread only.
 */
#ifndef HAWSER_SFTP_H
#define HAWSER_SFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/channel.h>
#include <hawser/error.h>
#include <hawser/loop.h>
#include <hawser/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_sftp haw_sftp;
/* An open remote file or directory. */
typedef struct haw_file haw_file;

/* Status codes (draft §7), in haw_error.reason. */
enum haw_sftp_status {
	HAW_SFTP_OK = 0,
	HAW_SFTP_EOF = 1,
	HAW_SFTP_NO_SUCH_FILE = 2,
	HAW_SFTP_PERMISSION_DENIED = 3,
	HAW_SFTP_FAILURE = 4,
	HAW_SFTP_BAD_MESSAGE = 5,
	HAW_SFTP_NO_CONNECTION = 6,
	HAW_SFTP_CONNECTION_LOST = 7,
	HAW_SFTP_OP_UNSUPPORTED = 8
};

/* Which fields of haw_attrs count (draft §5). */
enum haw_attrs_flags {
	HAW_ATTR_SIZE = 1,
	HAW_ATTR_OWNER = 2,
	HAW_ATTR_MODE = 4,
	HAW_ATTR_TIMES = 8
};

typedef struct haw_attrs {
	uint32_t flags;
	uint64_t size;	/* bytes */
	uint32_t uid, gid;
	uint32_t mode;	/* type and permission bits, as st_mode */
	uint32_t atime, mtime; /* seconds since 1970 */
} haw_attrs;

/* How to open (draft §6.3). */
enum haw_open_flags {
	HAW_OPEN_READ = 1,
	HAW_OPEN_WRITE = 2,
	HAW_OPEN_APPEND = 4,
	HAW_OPEN_CREATE = 8,
	HAW_OPEN_TRUNCATE = 16,
	HAW_OPEN_EXCLUSIVE = 32
};

/* Extensions of OpenSSH, and the hashes of draft-ietf-secsh-filexfer-extensions-00 §3, as bits of
 * haw_sftp_extensions. The hashes are also presumed of a server that speaks later versions of SFTP
 * ("versions"), for it may announce them only there; one that lacks them answers HAW_EUNSUPPORTED. */
enum haw_sftp_extension {
	HAW_SFTP_POSIX_RENAME = 1,
	HAW_SFTP_STATVFS = 2,
	HAW_SFTP_FSTATVFS = 4,
	HAW_SFTP_HARDLINK = 8,
	HAW_SFTP_FSYNC = 16,
	HAW_SFTP_LSETSTAT = 32,
	HAW_SFTP_LIMITS = 64,
	HAW_SFTP_EXPAND_PATH = 128,
	HAW_SFTP_COPY_DATA = 256,
	HAW_SFTP_HOME_DIRECTORY = 512,
	HAW_SFTP_USERS_GROUPS = 1024,
	HAW_SFTP_CHECK_FILE = 2048,	/* check-file-name */
	HAW_SFTP_CHECK_HANDLE = 4096	/* check-file-handle */
};

/* What the server takes (limits@openssh.com), or safe values where it does not say. */
typedef struct haw_sftp_limits {
	uint64_t packet;	/* bytes of one SFTP packet */
	uint64_t read, write;	/* bytes of data of one READ or WRITE */
	uint64_t handles;	/* open at the same time; 0: unknown */
} haw_sftp_limits;

typedef struct haw_statvfs {	/* statvfs(3) of the server */
	uint64_t block_size, fragment_size, blocks, blocks_free, blocks_available;
	uint64_t files, files_free, files_available, id, flags, name_max;
} haw_statvfs;

/* One entry of a directory, or a resolved path. The views live until the operation is freed. */
typedef struct haw_name {
	haw_span name;		/* not terminated */
	haw_span long_name;	/* as ls -l, for people; may be empty */
	haw_attrs attrs;
} haw_name;

/* ---- Session ---- */

/* Start the "sftp" subsystem on a new channel of TRANSPORT; may be called while the handshake is
 * under way, and requests may be started at once on *SFTP, which belongs to the caller. The
 * operation ends when the server's version and limits are known. */
HAW_API haw_op *haw_sftp_start(struct haw_transport *transport, haw_sftp **sftp, haw_op_fn done, void *user,
			       haw_error *err);
HAW_API haw_sftp *haw_sftp_new(struct haw_transport *transport, int timeout_ms, haw_error *err);
/* The same over STREAM (stream.h; consumed even on failure) instead of a channel of ours: an SFTP server
 * behind a pair of pipes, or another program that runs the subsystem. The end of the stream ends the session
 * with HAW_ECLOSED. Whatever else that program says is its starter's to read. Does not block. */
HAW_API haw_op *haw_sftp_start_stream(haw_loop *loop, haw_stream *stream, haw_sftp **sftp, haw_op_fn done,
				      void *user, haw_error *err);
/* Close the channel or stream and free; operations under way end with HAW_ECANCELED without callbacks.
 * Files of the session must not be used afterwards (haw_file_free excepted). */
HAW_API void haw_sftp_free(haw_sftp *sftp);
/* NULL over a stream. */
HAW_API haw_channel *haw_sftp_channel(const haw_sftp *sftp);
/* Bits of enum haw_sftp_extension that the server announced; 0 before the session is ready. */
HAW_API uint32_t haw_sftp_extensions(const haw_sftp *sftp);
HAW_API void haw_sftp_get_limits(const haw_sftp *sftp, haw_sftp_limits *limits);
/* Requests sent or queued whose replies have not come, and their bytes of data. */
HAW_API size_t haw_sftp_pending(const haw_sftp *sftp);
HAW_API uint64_t haw_sftp_pending_bytes(const haw_sftp *sftp);

/* ---- Files ---- */

/* Open PATH with bits of enum haw_open_flags. ATTRS (may be NULL: none) are those of a new file.
 * When the operation has succeeded, haw_sftp_op_file takes the file out of it. */
HAW_API haw_op *haw_sftp_open_start(haw_sftp *sftp, const char *path, uint32_t flags, const haw_attrs *attrs,
				    haw_op_fn done, void *user, haw_error *err);
HAW_API haw_file *haw_sftp_open(haw_sftp *sftp, const char *path, uint32_t flags, const haw_attrs *attrs,
				haw_error *err);
/* Send CLOSE; the server's answer is the operation's result (a full disk may show only here).
 * FILE is consumed: it must not be used afterwards, reads already started excepted. */
HAW_API haw_op *haw_file_close_start(haw_file *file, haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_file_close(haw_file *file, haw_error *err);
/* Close without asking for the result, and free. NULL is allowed. */
HAW_API void haw_file_free(haw_file *file);

/* Where the data of a READ go, in the order of their offsets within one request, as they arrive
 * and before the operation's callback. VIEW is valid until the session's batch callback has
 * returned (haw_sftp_set_batch). */
typedef void (*haw_sink_fn)(void *user, uint64_t offset, haw_span view);

/* Read LEN bytes (more than 0; cut to limits.read, and the server may return fewer) at OFFSET. The data
 * go to SINK. The operation ends with the count of bytes in haw_sftp_op_count; 0 bytes come as
 * HAW_EEND. USER goes to SINK and DONE both. SINK is not called any more once the operation is
 * cancelled. */
HAW_API haw_op *haw_file_read_start(haw_file *file, uint64_t offset, uint32_t len, haw_sink_fn sink,
				    haw_op_fn done, void *user, haw_error *err);
/* Blocking: read up to LEN bytes (any amount; as many requests as it takes, several in flight)
 * into BUFFER. Returns the count, less than LEN only at the end of the file. */
HAW_API HAW_MUST_USE ptrdiff_t haw_file_read(haw_file *file, uint64_t offset, void *buffer, size_t len,
					     haw_error *err);
/* Called at the end of each batch of received data, after which sink views are gone. */
HAW_API void haw_sftp_set_batch(haw_sftp *sftp, void (*batch)(void *user), void *user);
/* Write LEN bytes (at most limits.write, else HAW_EINVAL) at OFFSET. DATA is not copied: it must stay
 * valid and readable until the operation has ended, or until SEALED (may be NULL) is called with USER,
 * which happens once and before DONE. Cancelling does not give DATA back: who cancels waits for SEALED,
 * which comes at the latest with haw_sftp_free (called in a callback: when that has returned). */
HAW_API haw_op *haw_file_write_start(haw_file *file, uint64_t offset, const void *data, uint32_t len,
				     void (*sealed)(void *user), haw_op_fn done, void *user, haw_error *err);
/* Blocking: write all LEN bytes (any amount), several requests in flight. */
HAW_API HAW_MUST_USE int haw_file_write(haw_file *file, uint64_t offset, const void *data, size_t len,
					haw_error *err);

HAW_API haw_op *haw_file_stat_start(haw_file *file, haw_op_fn done, void *user, haw_error *err);
HAW_API haw_op *haw_file_setstat_start(haw_file *file, const haw_attrs *attrs, haw_op_fn done, void *user,
				       haw_error *err);
HAW_API haw_op *haw_file_fsync_start(haw_file *file, haw_op_fn done, void *user, haw_error *err);
HAW_API haw_op *haw_file_statvfs_start(haw_file *file, haw_op_fn done, void *user, haw_error *err);
/* As haw_sftp_check_file_start of an open file. Servers want it to be open for reading. */
HAW_API haw_op *haw_file_check_start(haw_file *file, const char *algorithms, uint64_t offset, uint64_t len,
				     haw_op_fn done, void *user, haw_error *err);
/* Copy on the server (copy-data); LEN 0 means to the end of FROM. */
HAW_API haw_op *haw_file_copy_start(haw_file *from, uint64_t from_offset, uint64_t len, haw_file *to,
				    uint64_t to_offset, haw_op_fn done, void *user, haw_error *err);
HAW_API HAW_MUST_USE int haw_file_stat(haw_file *file, haw_attrs *attrs, haw_error *err);
HAW_API HAW_MUST_USE int haw_file_setstat(haw_file *file, const haw_attrs *attrs, haw_error *err);
HAW_API HAW_MUST_USE int haw_file_fsync(haw_file *file, haw_error *err);

/* ---- Directories ---- */

HAW_API haw_op *haw_sftp_opendir_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
				       haw_error *err);
/* The next entries: haw_sftp_op_names; HAW_EEND behind the last. Several may be under way. */
HAW_API haw_op *haw_file_readdir_start(haw_file *directory, haw_op_fn done, void *user, haw_error *err);
/* Blocking: call ENTRY for each entry ("." and ".." excepted) until it returns false. */
HAW_API HAW_MUST_USE int haw_sftp_list(haw_sftp *sftp, const char *path,
				       bool (*entry)(void *user, const haw_name *name), void *user,
				       haw_error *err);

/* ---- Paths ---- */

HAW_API haw_op *haw_sftp_stat_start(haw_sftp *sftp, const char *path, bool follow_links, haw_op_fn done,
				    void *user, haw_error *err);
HAW_API haw_op *haw_sftp_setstat_start(haw_sftp *sftp, const char *path, bool follow_links,
				       const haw_attrs *attrs, haw_op_fn done, void *user, haw_error *err);
HAW_API haw_op *haw_sftp_mkdir_start(haw_sftp *sftp, const char *path, uint32_t mode, haw_op_fn done,
				     void *user, haw_error *err);
HAW_API haw_op *haw_sftp_rmdir_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
				     haw_error *err);
HAW_API haw_op *haw_sftp_remove_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
				      haw_error *err);
/* OVERWRITE: replace what stands at TO in one step (posix-rename; HAW_EUNSUPPORTED without it). */
HAW_API haw_op *haw_sftp_rename_start(haw_sftp *sftp, const char *from, const char *to, bool overwrite,
				      haw_op_fn done, void *user, haw_error *err);
/* Make PATH a symbolic link that holds TARGET. On the wire they have OpenSSH's order, the draft's where the
 * server is known to want that, which a session does not know that has not heard the server's version. */
HAW_API haw_op *haw_sftp_symlink_start(haw_sftp *sftp, const char *target, const char *path, haw_op_fn done,
				       void *user, haw_error *err);
HAW_API haw_op *haw_sftp_hardlink_start(haw_sftp *sftp, const char *existing, const char *path,
					haw_op_fn done, void *user, haw_error *err);
/* The path that a link holds, the canonical form of a path, a path with ~ expanded, the home
 * directory of USER: haw_sftp_op_path. */
HAW_API haw_op *haw_sftp_readlink_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
					haw_error *err);
HAW_API haw_op *haw_sftp_realpath_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
					haw_error *err);
HAW_API haw_op *haw_sftp_expand_path_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
					   haw_error *err);
HAW_API haw_op *haw_sftp_home_start(haw_sftp *sftp, const char *user_name, haw_op_fn done, void *user,
				    haw_error *err);
HAW_API haw_op *haw_sftp_statvfs_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
				       haw_error *err);
/* The hash that the server makes of LEN bytes at OFFSET of the file PATH (LEN 0: to its end) by the first of
 * ALGORITHMS ("sha256,sha512") that it has: haw_sftp_op_hash. */
HAW_API haw_op *haw_sftp_check_file_start(haw_sftp *sftp, const char *path, const char *algorithms,
					  uint64_t offset, uint64_t len, haw_op_fn done, void *user,
					  haw_error *err);
/* Names of the users and groups with the given ids (some 8000 together at most): haw_sftp_op_id_name. */
HAW_API haw_op *haw_sftp_id_names_start(haw_sftp *sftp, const uint32_t *uids, size_t uid_count,
					const uint32_t *gids, size_t gid_count, haw_op_fn done, void *user,
					haw_error *err);

HAW_API HAW_MUST_USE int haw_sftp_stat(haw_sftp *sftp, const char *path, bool follow_links, haw_attrs *attrs,
				       haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_setstat(haw_sftp *sftp, const char *path, bool follow_links,
					  const haw_attrs *attrs, haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_mkdir(haw_sftp *sftp, const char *path, uint32_t mode, haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_rmdir(haw_sftp *sftp, const char *path, haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_remove(haw_sftp *sftp, const char *path, haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_rename(haw_sftp *sftp, const char *from, const char *to, bool overwrite,
					 haw_error *err);
HAW_API HAW_MUST_USE int haw_sftp_symlink(haw_sftp *sftp, const char *target, const char *path,
					  haw_error *err);
/* The result is a C string that the caller frees with free(); NULL on failure. */
HAW_API char *haw_sftp_readlink(haw_sftp *sftp, const char *path, haw_error *err);
HAW_API char *haw_sftp_realpath(haw_sftp *sftp, const char *path, haw_error *err);

/* ---- Results of operations that have succeeded; each answers 0, NULL or false for operations of
 * another kind. Views and pointers live until the operation is freed. ---- */

/* The opened file, once: it belongs to the caller afterwards. */
HAW_API haw_file *haw_sftp_op_file(haw_op *op);
HAW_API bool haw_sftp_op_attrs(const haw_op *op, haw_attrs *attrs);
HAW_API bool haw_sftp_op_statvfs(const haw_op *op, haw_statvfs *result);
HAW_API uint32_t haw_sftp_op_count(const haw_op *op);	/* bytes read */
HAW_API size_t haw_sftp_op_names(const haw_op *op, const haw_name **names);
HAW_API haw_span haw_sftp_op_path(const haw_op *op);
/* The hash, and the name of its algorithm in ALGORITHM. */
HAW_API haw_span haw_sftp_op_hash(const haw_op *op, haw_span *algorithm);
/* Name of the INDEX-th uid (GROUP false) or gid; empty if the server does not know it. */
HAW_API haw_span haw_sftp_op_id_name(const haw_op *op, bool group, size_t index);

#ifdef __cplusplus
}
#endif
#endif
