/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that name what they are about by its path (draft-ietf-secsh-filexfer-02 §6).
 */
#include <string.h>

#include "transport/sftp/session.h"

static size_t text_size(const char *text)
{
	return 4 + strlen(text);
}

static void put_text(struct haw_sftp *sftp, const char *text)
{
	/* Paths are bytes, not UTF-8. */
	haw_put_string(&sftp->message, text, strlen(text));
}

/* A request whose first field is PATH, with SIZE bytes of other fields. */
static struct haw_sftp_request *begin(struct haw_sftp *sftp, enum haw_sftp_expects expects, enum haw_fxp type,
				      const char *path, size_t size, haw_op_fn done, void *user,
				      haw_error *err)
{
	struct haw_sftp_request *r =
		haw_sftp_begin(sftp, expects, type, text_size(path) + size, 0, done, user, err);

	if (r)
		put_text(sftp, path);
	return r;
}

static struct haw_sftp_request *begin_extended(struct haw_sftp *sftp, enum haw_sftp_expects expects,
					       enum haw_sftp_extension extension, const char *path,
					       size_t size, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r =
		haw_sftp_begin_extended(sftp, expects, extension, text_size(path) + size, done, user, err);

	if (r)
		put_text(sftp, path);
	return r;
}

/* The last step of a request without further fields. */
static haw_op *submit(struct haw_sftp_request *r, haw_error *err)
{
	return r ? haw_sftp_submit(r, err) : NULL;
}

static haw_op *submit_attrs(struct haw_sftp_request *r, const haw_attrs *attrs, haw_error *err)
{
	if (!r)
		return NULL;
	haw_attrs_put(&r->sftp->message, attrs);
	return haw_sftp_submit(r, err);
}

static haw_op *submit_text(struct haw_sftp_request *r, const char *text, haw_error *err)
{
	if (!r)
		return NULL;
	put_text(r->sftp, text);
	return haw_sftp_submit(r, err);
}

/* ---- Opening ---- */

haw_op *haw_sftp_open_start(haw_sftp *sftp, const char *path, uint32_t flags, const haw_attrs *attrs,
			    haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = begin(sftp, HAW_EXPECTS_HANDLE, HAW_FXP_OPEN, path,
					   4 + haw_attrs_size(attrs), done, user, err);

	if (r)
		haw_put_u32(&sftp->message, flags);
	return submit_attrs(r, attrs, err);
}

haw_op *haw_sftp_opendir_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin(sftp, HAW_EXPECTS_HANDLE, HAW_FXP_OPENDIR, path, 0, done, user, err), err);
}

/* ---- Attributes ---- */

haw_op *haw_sftp_stat_start(haw_sftp *sftp, const char *path, bool follow_links, haw_op_fn done, void *user,
			    haw_error *err)
{
	enum haw_fxp type = follow_links ? HAW_FXP_STAT : HAW_FXP_LSTAT;

	return submit(begin(sftp, HAW_EXPECTS_ATTRS, type, path, 0, done, user, err), err);
}

haw_op *haw_sftp_setstat_start(haw_sftp *sftp, const char *path, bool follow_links, const haw_attrs *attrs,
			       haw_op_fn done, void *user, haw_error *err)
{
	size_t size = haw_attrs_size(attrs);
	struct haw_sftp_request *r;

	if (follow_links)
		r = begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_SETSTAT, path, size, done, user, err);
	else
		r = begin_extended(sftp, HAW_EXPECTS_STATUS, HAW_SFTP_LSETSTAT, path, size, done, user, err);
	return submit_attrs(r, attrs, err);
}

haw_op *haw_sftp_statvfs_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin_extended(sftp, HAW_EXPECTS_STATVFS, HAW_SFTP_STATVFS, path, 0, done, user, err),
		      err);
}

/* ---- Making, removing, renaming ---- */

haw_op *haw_sftp_mkdir_start(haw_sftp *sftp, const char *path, uint32_t mode, haw_op_fn done, void *user,
			     haw_error *err)
{
	haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = mode};

	return submit_attrs(
		begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_MKDIR, path, haw_attrs_size(&attrs), done, user, err),
		&attrs, err);
}

haw_op *haw_sftp_rmdir_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_RMDIR, path, 0, done, user, err), err);
}

haw_op *haw_sftp_remove_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_REMOVE, path, 0, done, user, err), err);
}

haw_op *haw_sftp_rename_start(haw_sftp *sftp, const char *from, const char *to, bool overwrite,
			      haw_op_fn done, void *user, haw_error *err)
{
	size_t size = text_size(to);
	struct haw_sftp_request *r;

	if (overwrite)
		r = begin_extended(sftp, HAW_EXPECTS_STATUS, HAW_SFTP_POSIX_RENAME, from, size, done, user,
				   err);
	else
		r = begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_RENAME, from, size, done, user, err);
	return submit_text(r, to, err);
}

haw_op *haw_sftp_symlink_start(haw_sftp *sftp, const char *target, const char *path, haw_op_fn done,
			       void *user, haw_error *err)
{
	/* The draft has the link's path first (§6.10). OpenSSH sends and takes the target first (its PROTOCOL
	 * §4.1), and most others follow it. */
	bool swap = sftp->stream && sftp->carrier->link_first && sftp->carrier->link_first(sftp->stream);
	const char *first = swap ? path : target, *second = swap ? target : path;

	return submit_text(
		begin(sftp, HAW_EXPECTS_STATUS, HAW_FXP_SYMLINK, first, text_size(second), done, user, err),
		second, err);
}

haw_op *haw_sftp_hardlink_start(haw_sftp *sftp, const char *existing, const char *path, haw_op_fn done,
				void *user, haw_error *err)
{
	return submit_text(begin_extended(sftp, HAW_EXPECTS_STATUS, HAW_SFTP_HARDLINK, existing,
					  text_size(path), done, user, err),
			   path, err);
}

/* ---- Paths from paths ---- */

haw_op *haw_sftp_readlink_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin(sftp, HAW_EXPECTS_PATH, HAW_FXP_READLINK, path, 0, done, user, err), err);
}

haw_op *haw_sftp_realpath_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin(sftp, HAW_EXPECTS_PATH, HAW_FXP_REALPATH, path, 0, done, user, err), err);
}

haw_op *haw_sftp_expand_path_start(haw_sftp *sftp, const char *path, haw_op_fn done, void *user,
				   haw_error *err)
{
	return submit(begin_extended(sftp, HAW_EXPECTS_PATH, HAW_SFTP_EXPAND_PATH, path, 0, done, user, err),
		      err);
}

haw_op *haw_sftp_home_start(haw_sftp *sftp, const char *user_name, haw_op_fn done, void *user, haw_error *err)
{
	return submit(begin_extended(sftp, HAW_EXPECTS_PATH, HAW_SFTP_HOME_DIRECTORY, user_name, 0, done,
				     user, err),
		      err);
}

/* ---- Hashes ---- */

size_t haw_sftp_check_size(const char *algorithms)
{
	return 4 + strlen(algorithms) + 8 + 8 + 4;
}

void haw_sftp_put_check(haw_message *m, const char *algorithms, uint64_t offset, uint64_t len)
{
	haw_put_string(m, algorithms, strlen(algorithms));
	haw_put_u64(m, offset);
	haw_put_u64(m, len);
	haw_put_u32(m, 0); /* one hash for all of it */
}

haw_op *haw_sftp_check_file_start(haw_sftp *sftp, const char *path, const char *algorithms, uint64_t offset,
				  uint64_t len, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r = begin_extended(sftp, HAW_EXPECTS_HASH, HAW_SFTP_CHECK_FILE, path,
						    haw_sftp_check_size(algorithms), done, user, err);

	if (!r)
		return NULL;
	haw_sftp_put_check(&sftp->message, algorithms, offset, len);
	return submit(r, err);
}

/* ---- Users and groups ---- */

static void put_ids(haw_message *m, const uint32_t *ids, size_t count)
{
	haw_put_u32(m, (uint32_t)(4 * count));
	for (size_t i = 0; i < count; i++)
		haw_put_u32(m, ids[i]);
}

haw_op *haw_sftp_id_names_start(haw_sftp *sftp, const uint32_t *uids, size_t uid_count, const uint32_t *gids,
				size_t gid_count, haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp_request *r;

	if (uid_count > HAW_SFTP_OUT / 4 || gid_count > HAW_SFTP_OUT / 4) {
		haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "more ids than fit into one SFTP request");
		return NULL;
	}
	r = haw_sftp_begin_extended(sftp, HAW_EXPECTS_ID_NAMES, HAW_SFTP_USERS_GROUPS,
				    4 + 4 * uid_count + 4 + 4 * gid_count, done, user, err);
	if (!r)
		return NULL;
	put_ids(&sftp->message, uids, uid_count);
	put_ids(&sftp->message, gids, gid_count);
	return haw_sftp_submit(r, err);
}
