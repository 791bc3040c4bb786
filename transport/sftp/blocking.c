/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocking calls: start and wait.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

enum { LIST_IN_FLIGHT = 4 }; /* READDIR requests: those behind the end cost the server next to nothing */

/* Wait for OP, which may be NULL with the reason in ERR. */
static int wait_for(haw_op *op, haw_error *err)
{
	return op ? haw_op_wait(op, -1, err) : err->code;
}

/* The same where the code is all there is to know. */
static int settle(haw_op *op, haw_error *err)
{
	int rc = wait_for(op, err);

	haw_op_free(op);
	return rc;
}

static int settle_attrs(haw_op *op, haw_attrs *attrs, haw_error *err)
{
	int rc = wait_for(op, err);

	if (rc == 0)
		haw_sftp_op_attrs(op, attrs);
	haw_op_free(op);
	return rc;
}

static haw_file *settle_file(haw_op *op, haw_error *err)
{
	haw_file *file = wait_for(op, err) == 0 ? haw_sftp_op_file(op) : NULL;

	haw_op_free(op);
	return file;
}

static char *settle_path(haw_op *op, haw_error *err)
{
	haw_span path;
	char *text = NULL;

	if (wait_for(op, err) == 0) {
		path = haw_sftp_op_path(op);
		if (path.len > 0 && memchr(path.ptr, 0, path.len))
			haw_error_set(err, HAW_EFORMAT, HAW_FAULT_PEER, 0,
				      "the server's path contains a NUL byte");
		else if ((text = malloc(path.len + 1)) == NULL)
			haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for a path");
	}
	if (text) {
		memcpy(text, path.ptr, path.len);
		text[path.len] = '\0';
	}
	haw_op_free(op);
	return text;
}

/* The functions below need a place for the error of a start that fails, so ERR is never NULL there. */
#define WITH_ERROR(err)      \
	haw_error own_error; \
	if (!(err))          \
	(err) = &own_error

int haw_sftp_stat(haw_sftp *sftp, const char *path, bool follow_links, haw_attrs *attrs, haw_error *err)
{
	WITH_ERROR(err);
	return settle_attrs(haw_sftp_stat_start(sftp, path, follow_links, NULL, NULL, err), attrs, err);
}

int haw_file_stat(haw_file *file, haw_attrs *attrs, haw_error *err)
{
	WITH_ERROR(err);
	return settle_attrs(haw_file_stat_start(file, NULL, NULL, err), attrs, err);
}

haw_file *haw_sftp_open(haw_sftp *sftp, const char *path, uint32_t flags, const haw_attrs *attrs,
			haw_error *err)
{
	WITH_ERROR(err);
	return settle_file(haw_sftp_open_start(sftp, path, flags, attrs, NULL, NULL, err), err);
}

char *haw_sftp_readlink(haw_sftp *sftp, const char *path, haw_error *err)
{
	WITH_ERROR(err);
	return settle_path(haw_sftp_readlink_start(sftp, path, NULL, NULL, err), err);
}

char *haw_sftp_realpath(haw_sftp *sftp, const char *path, haw_error *err)
{
	WITH_ERROR(err);
	return settle_path(haw_sftp_realpath_start(sftp, path, NULL, NULL, err), err);
}

int haw_file_close(haw_file *file, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_file_close_start(file, NULL, NULL, err), err);
}

int haw_file_setstat(haw_file *file, const haw_attrs *attrs, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_file_setstat_start(file, attrs, NULL, NULL, err), err);
}

int haw_file_fsync(haw_file *file, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_file_fsync_start(file, NULL, NULL, err), err);
}

int haw_sftp_setstat(haw_sftp *sftp, const char *path, bool follow_links, const haw_attrs *attrs,
		     haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_setstat_start(sftp, path, follow_links, attrs, NULL, NULL, err), err);
}

int haw_sftp_mkdir(haw_sftp *sftp, const char *path, uint32_t mode, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_mkdir_start(sftp, path, mode, NULL, NULL, err), err);
}

int haw_sftp_rmdir(haw_sftp *sftp, const char *path, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_rmdir_start(sftp, path, NULL, NULL, err), err);
}

int haw_sftp_remove(haw_sftp *sftp, const char *path, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_remove_start(sftp, path, NULL, NULL, err), err);
}

int haw_sftp_rename(haw_sftp *sftp, const char *from, const char *to, bool overwrite, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_rename_start(sftp, from, to, overwrite, NULL, NULL, err), err);
}

int haw_sftp_symlink(haw_sftp *sftp, const char *target, const char *path, haw_error *err)
{
	WITH_ERROR(err);
	return settle(haw_sftp_symlink_start(sftp, target, path, NULL, NULL, err), err);
}

/* ---- Listing a directory ---- */

/* Give the names of OP to ENTRY. Returns whether it wants more. */
static bool tell_names(const haw_op *op, bool (*entry)(void *user, const haw_name *name), void *user)
{
	const haw_name *names;
	size_t count = haw_sftp_op_names(op, &names);

	for (size_t i = 0; i < count; i++) {
		if (haw_span_is(names[i].name, ".") || haw_span_is(names[i].name, ".."))
			continue;
		if (!entry(user, &names[i]))
			return false;
	}
	return true;
}

static int list_open(haw_file *directory, bool (*entry)(void *user, const haw_name *name), void *user,
		     haw_error *err)
{
	haw_op *ops[LIST_IN_FLIGHT] = {NULL};
	bool more = true;
	int rc = 0;

	for (unsigned i = 0; i < LIST_IN_FLIGHT && rc == 0; i++) {
		ops[i] = haw_file_readdir_start(directory, NULL, NULL, err);
		rc = ops[i] ? 0 : err->code;
	}
	for (unsigned i = 0; rc == 0 && more; i = (i + 1) % LIST_IN_FLIGHT) {
		rc = wait_for(ops[i], err);
		if (rc == 0)
			more = tell_names(ops[i], entry, user);
		haw_op_free(ops[i]);
		ops[i] = NULL;
		if (rc == 0 && more) {
			ops[i] = haw_file_readdir_start(directory, NULL, NULL, err);
			rc = ops[i] ? 0 : err->code;
		}
	}
	for (unsigned i = 0; i < LIST_IN_FLIGHT; i++)
		haw_op_free(ops[i]);
	return rc == HAW_EEND ? 0 : rc;
}

int haw_sftp_list(haw_sftp *sftp, const char *path, bool (*entry)(void *user, const haw_name *name),
		  void *user, haw_error *err)
{
	haw_file *directory;
	int rc;

	WITH_ERROR(err);
	directory = settle_file(haw_sftp_opendir_start(sftp, path, NULL, NULL, err), err);
	if (!directory)
		return err->code;
	rc = list_open(directory, entry, user, err);
	haw_file_free(directory);
	return rc;
}
