/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that were sent on a connection which ended before their answers came. The server may have
 * carried them out, or not; or it does so only now, while another connection has long gone on, for it works
 * off what has arrived. So a second attempt does nothing that would do harm if it came late itself:
 *
 *   - no file is emptied by opening it, and none is removed to make it anew: a file that stands there
 *     already is taken as it is;
 *   - data and attributes are the same each time;
 *   - what removes a name waits until the server of the lost connection has ended by all reason.
 *
 * A name that a late request has made after all is one of this run's own, and is removed at its end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "remote_internal.h"

static void arrived(void *user, haw_op *op)
{
	struct cp_reply *r = user;
	haw_error err;
	int code = haw_op_result(op, &err);

	if (cp_conn_is_code(code)) {
		cp_conn_lose(r->conn, &err);
		return;
	}
	cp_request_detach(r);
	cp_request_finish_later(r, code < 0 ? &err : NULL);
}

void cp_repeat_moved(struct cp_reply *r)
{
	haw_error err;

	cp_request_started(r, haw_sftp_stat_start(r->conn->sftp, r->to, false, arrived, r, &err), &err);
}

static void looked_at(void *user, haw_op *op)
{
	struct cp_reply *r = user;
	haw_attrs attrs = {0};
	haw_error err;
	int code = haw_op_result(op, &err);
	bool done;

	if (cp_conn_is_code(code)) {
		cp_conn_lose(r->conn, &err);
		return;
	}
	if (code == 0)
		haw_sftp_op_attrs(op, &attrs);
	r->checked = true;
	if (r->kind == CP_RENAME) {
		/* What was to be moved is gone, so it was moved, if it has arrived. */
		if (code == HAW_ENOTFOUND)
			cp_repeat_moved(r);
		else
			cp_request_start(r);
		return;
	}
	done = code == 0 && S_ISDIR(attrs.mode);
	cp_request_detach(r);
	r->op = NULL;
	cp_request_finish(r, done ? 0 : HAW_ESTATUS);
}

static void look_first(struct cp_reply *r)
{
	haw_error err;

	cp_request_started(r, haw_sftp_stat_start(r->conn->sftp, r->path, false, looked_at, r, &err), &err);
}

/* Afterwards, not before: requests for its entries follow at once. */
void cp_repeat_made(struct cp_reply *r)
{
	look_first(r);
}

/* Opening the file again may be impossible by now, if the mode was part of it. */
static void set_by_path(struct cp_reply *r)
{
	haw_error err;

	cp_request_started(r,
			   haw_sftp_setstat_start(r->conn->sftp, r->file->path, true, &r->attrs,
						  cp_request_done, r, &err),
			   &err);
}

bool cp_repeat_check(struct cp_reply *r)
{
	r->checked = true;
	if (r->kind == CP_RENAME) {
		look_first(r);
		return true;
	}
	if (r->kind == CP_FSETSTAT && !r->file->places[r->conn->index].file) {
		set_by_path(r);
		return true;
	}
	return false;
}

/* ---- What stands under one of this run's own names ---- */

static void keep_error(struct cp_reply *r, const haw_error *err)
{
	if (!r->error && (r->error = malloc(sizeof(*err))))
		*r->error = *err;
}

/* An empty file, or the link that was asked for, is what the first attempt made. Nothing has been written
 * to the file, for its handle never came; it is opened by its name when it is written to. */
static bool is_made(const struct cp_reply *r, haw_op *op)
{
	haw_attrs attrs = {0};
	haw_span target;

	if (haw_op_result(op, NULL) < 0)
		return false;
	if (r->kind == CP_SYMLINK) {
		target = haw_sftp_op_path(op);
		return target.len == strlen(r->to) && memcmp(target.ptr, r->to, target.len) == 0;
	}
	return haw_sftp_op_attrs(op, &attrs) && attrs.flags & HAW_ATTR_MODE && S_ISREG(attrs.mode) &&
	       attrs.flags & HAW_ATTR_SIZE && attrs.size == 0;
}

static void found(void *user, haw_op *op)
{
	struct cp_reply *r = user;
	haw_error err;
	int code = haw_op_result(op, &err);
	bool made = is_made(r, op);

	if (cp_conn_is_code(code)) {
		cp_conn_lose(r->conn, &err);
		return;
	}
	if (made && r->kind == CP_OPEN && !cp_file_take(r, NULL)) {
		made = false;
		haw_error_set(&err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		keep_error(r, &err);
	}
	cp_request_detach(r);
	r->op = NULL;
	cp_request_finish(r, made ? 0 : r->error ? r->error->code : HAW_ENOMEM);
}

bool cp_repeat_makes(const struct cp_reply *r, int code)
{
	return code < 0 && r->repeated &&
	       (r->kind == CP_SYMLINK || (r->kind == CP_OPEN && r->flags & HAW_OPEN_EXCLUSIVE));
}

void cp_repeat_find(struct cp_reply *r, const haw_error *err)
{
	haw_sftp *sftp = r->conn->sftp;
	haw_error own;
	haw_op *op;

	keep_error(r, err);
	op = r->kind == CP_SYMLINK ? haw_sftp_readlink_start(sftp, r->path, found, r, &own)
				   : haw_sftp_stat_start(sftp, r->path, false, found, r, &own);
	cp_request_started(r, op, &own);
}

/* ---- What must not be carried out late ---- */

bool cp_repeat_may_start(const struct cp_reply *r)
{
	bool removes = r->kind == CP_REMOVE || r->kind == CP_RMDIR ||
		       (r->kind == CP_RENAME && r->flags == CP_RENAME_REMOVE);

	return !removes || !r->repeated || cp_now_ns() >= r->settled_ns;
}

bool cp_repeat_excuses(const struct cp_reply *r, int code)
{
	/* The file has ended behind what had arrived. */
	if (r->kind == CP_READ && code == HAW_EEND && r->kept > 0)
		return true;
	/* It went on under its final name, or is gone. */
	return code == HAW_ENOTFOUND &&
	       (r->kind == CP_SETSTAT || r->kind == CP_FSETSTAT || r->kind == CP_REMOVE ||
		r->kind == CP_RMDIR);
}
