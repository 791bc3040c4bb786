/* SPDX-License-Identifier: Apache-2.0
 *
 * Open files and directories.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

struct haw_file *haw_file_new(struct haw_sftp *sftp, haw_span handle)
{
	struct haw_file *file = sftp->spare_files;

	if (file) {
		sftp->spare_files = file->next;
		sftp->spare_file_count--;
	} else {
		file = malloc(sizeof(*file));
		if (!file)
			return NULL;
	}
	file->sftp = sftp;
	file->handle_len = (uint32_t)handle.len;
	memcpy(file->handle, handle.ptr, handle.len);
	sftp->references++;
	return file;
}

void haw_file_forget(struct haw_file *file)
{
	struct haw_sftp *sftp = file->sftp;

	if (sftp->freed || sftp->spare_file_count >= HAW_SFTP_SPARE_MAX) {
		free(file);
	} else {
		file->next = sftp->spare_files;
		sftp->spare_files = file;
		sftp->spare_file_count++;
	}
	haw_sftp_put(sftp);
}

static size_t handle_size(const struct haw_file *file)
{
	return 4 + (size_t)file->handle_len;
}

static void put_handle(const struct haw_file *file)
{
	haw_put_string(&file->sftp->message, file->handle, file->handle_len);
}

/* A request whose only field is the handle. */
static struct haw_sftp_request *begin(struct haw_file *file, enum haw_sftp_expects expects, enum haw_fxp type,
				      size_t size, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r =
		haw_sftp_begin(file->sftp, expects, type, handle_size(file) + size, 0, done, user, err);

	if (r)
		put_handle(file);
	return r;
}

haw_op *haw_file_close_start(haw_file *file, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = begin(file, HAW_EXPECTS_STATUS, HAW_FXP_CLOSE, 0, done, user, err);

	haw_file_forget(file);
	return r ? haw_sftp_submit(r, err) : NULL;
}

void haw_file_free(haw_file *file)
{
	struct haw_sftp_request *r = NULL;

	if (!file)
		return;
	if (!file->sftp->freed)
		r = begin(file, HAW_EXPECTS_STATUS, HAW_FXP_CLOSE, 0, NULL, NULL, NULL);
	haw_file_forget(file);
	if (r && haw_sftp_submit(r, NULL))
		haw_sftp_disown(r);
}

haw_op *haw_file_read_start(haw_file *file, uint64_t offset, uint32_t len, haw_sink_fn sink, haw_op_fn done,
			    void *user, haw_error *err)
{
	struct haw_sftp_request *r;

	if (len == 0) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "a READ of no bytes");
		return NULL;
	}
	if (len > file->sftp->limits.read)
		len = (uint32_t)file->sftp->limits.read;
	r = begin(file, HAW_EXPECTS_DATA, HAW_FXP_READ, 8 + 4, done, user, err);
	if (!r)
		return NULL;
	r->sink = sink;
	r->offset = offset;
	haw_sftp_account(r, len);
	haw_put_u64(&file->sftp->message, offset);
	haw_put_u32(&file->sftp->message, len);
	return haw_sftp_submit(r, err);
}

haw_op *haw_file_write_start(haw_file *file, uint64_t offset, const void *data, uint32_t len,
			     void (*sealed)(void *user), haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp *sftp = file->sftp;
	bool copy = len <= HAW_SFTP_COPY_MAX;
	size_t size = handle_size(file) + 8 + 4;
	struct haw_sftp_request *r;

	if (len > sftp->limits.write) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "a WRITE of %u bytes, where the server takes %llu", len,
			      (unsigned long long)sftp->limits.write);
		return NULL;
	}
	r = haw_sftp_begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_WRITE, copy ? size + len : size, copy ? 0 : len,
			   done, user, err);
	if (!r)
		return NULL;
	r->sealed = sealed;
	haw_sftp_account(r, len);
	put_handle(file);
	haw_put_u64(&sftp->message, offset);
	haw_put_u32(&sftp->message, len);
	if (copy)
		return haw_sftp_submit_copy(r, (haw_span){data, len}, err);
	return haw_sftp_submit_body(r, (haw_span){data, len}, err);
}

haw_op *haw_file_stat_start(haw_file *file, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = begin(file, HAW_EXPECTS_ATTRS, HAW_FXP_FSTAT, 0, done, user, err);

	return r ? haw_sftp_submit(r, err) : NULL;
}

haw_op *haw_file_setstat_start(haw_file *file, const haw_attrs *attrs, haw_op_fn done, void *user,
			       haw_error *err)
{
	struct haw_sftp_request *r =
		begin(file, HAW_EXPECTS_STATUS, HAW_FXP_FSETSTAT, haw_attrs_size(attrs), done, user, err);

	if (!r)
		return NULL;
	haw_attrs_put(&file->sftp->message, attrs);
	return haw_sftp_submit(r, err);
}

haw_op *haw_file_readdir_start(haw_file *directory, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = begin(directory, HAW_EXPECTS_NAMES, HAW_FXP_READDIR, 0, done, user, err);

	return r ? haw_sftp_submit(r, err) : NULL;
}

/* ---- Extensions on open files ---- */

haw_op *haw_file_fsync_start(haw_file *file, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = haw_sftp_begin_extended(file->sftp, HAW_EXPECTS_STATUS, HAW_SFTP_FSYNC,
							     handle_size(file), done, user, err);

	if (!r)
		return NULL;
	put_handle(file);
	return haw_sftp_submit(r, err);
}

haw_op *haw_file_check_start(haw_file *file, const char *algorithms, uint64_t offset, uint64_t len,
			     haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = haw_sftp_begin_extended(
		file->sftp, HAW_EXPECTS_HASH, HAW_SFTP_CHECK_HANDLE,
		handle_size(file) + haw_sftp_check_size(algorithms), done, user, err);

	if (!r)
		return NULL;
	put_handle(file);
	haw_sftp_put_check(&file->sftp->message, algorithms, offset, len);
	return haw_sftp_submit(r, err);
}

haw_op *haw_file_statvfs_start(haw_file *file, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = haw_sftp_begin_extended(
		file->sftp, HAW_EXPECTS_STATVFS, HAW_SFTP_FSTATVFS, handle_size(file), done, user, err);

	if (!r)
		return NULL;
	put_handle(file);
	return haw_sftp_submit(r, err);
}

haw_op *haw_file_copy_start(haw_file *from, uint64_t from_offset, uint64_t len, haw_file *to,
			    uint64_t to_offset, haw_op_fn done, void *user, haw_error *err)
{
	haw_message *m = &from->sftp->message;
	struct haw_sftp_request *r =
		haw_sftp_begin_extended(from->sftp, HAW_EXPECTS_STATUS, HAW_SFTP_COPY_DATA,
					handle_size(from) + 8 + 8 + handle_size(to) + 8, done, user, err);

	if (!r)
		return NULL;
	put_handle(from);
	haw_put_u64(m, from_offset);
	haw_put_u64(m, len);
	haw_put_string(m, to->handle, to->handle_len);
	haw_put_u64(m, to_offset);
	return haw_sftp_submit(r, err);
}
