/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that were sent on a connection which ended before their answers came. The server may have
 * carried them out, or not.
 */
#include <sys/stat.h>

#include "remote_internal.h"

/* The name is one of this run's own: whatever a first attempt has made there goes. */
static void clear_name(struct cp_reply *r)
{
	haw_op *op = haw_sftp_remove_start(r->conn->sftp, r->path, NULL, NULL, NULL);

	if (op)
		haw_op_detach(op);
}

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
	switch (r->kind) {
	case CP_OPEN:
		if (r->flags & HAW_OPEN_EXCLUSIVE)
			clear_name(r);
		break;
	case CP_SYMLINK:
		clear_name(r);
		break;
	case CP_RENAME:
		look_first(r);
		return true;
	case CP_FSETSTAT:
		if (r->file->places[r->conn->index].file)
			break;
		set_by_path(r);
		return true;
	default:
		break;
	}
	r->checked = true;
	return false;
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
