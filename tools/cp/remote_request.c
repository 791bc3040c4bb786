/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: begun, sent, answered.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "remote_internal.h"

enum { CUT_PART = 8192 };

/* After that long the server has worked off what a connection had brought that is gone, or will not. */
static const uint64_t settling_ns = 2000000000;

/* ---- Life ---- */

static void append(struct cp_request_queue *queue, struct cp_reply *r)
{
	r->next = NULL;
	*queue->end = r;
	queue->end = &r->next;
}

static struct cp_reply *take_first(struct cp_request_queue *queue)
{
	struct cp_reply *r = queue->first;

	queue->first = r->next;
	if (!queue->first)
		queue->end = &queue->first;
	r->next = NULL;
	return r;
}

void cp_request_free(struct cp_reply *r)
{
	if (r->file)
		cp_file_put(r->file);
	free(r->path);
	free(r->to);
	free(r->error);
	free(r->names);
	free(r);
}

/* ---- What builds on what ---- */

static unsigned hash(const char *path, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)path[i]) * 16777619u;
	return h % CP_REMOTE_BUCKETS;
}

/* Requests that change what a name stands for. */
static bool changes_name(const struct cp_reply *r)
{
	return r->kind == CP_MKDIR || r->kind == CP_REMOVE || r->kind == CP_RMDIR || r->kind == CP_SETSTAT ||
	       r->kind == CP_RENAME || r->kind == CP_SYMLINK;
}

static void remember(struct cp_reply *r)
{
	struct cp_reply **bucket;

	if (r->s->remote.count < 2 || !changes_name(r))
		return;
	bucket = &r->s->remote.changes[hash(r->path, strlen(r->path))];
	r->hash_next = *bucket;
	*bucket = r;
	r->hashed = true;
}

static void forget(struct cp_reply *r)
{
	struct cp_reply **at;

	if (!r->hashed)
		return;
	at = &r->s->remote.changes[hash(r->path, strlen(r->path))];
	while (*at != r)
		at = &(*at)->hash_next;
	*at = r->hash_next;
	r->hashed = false;
}

static struct cp_conn *changed_on(struct cp_session *s, const char *path, size_t len)
{
	struct cp_reply *r = s->remote.changes[hash(path, len)];

	for (; r; r = r->hash_next)
		if (strncmp(r->path, path, len) == 0 && !r->path[len])
			return r->conn;
	return NULL;
}

struct cp_conn *cp_request_conflict(struct cp_session *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct cp_conn *conn;

	if (s->remote.count < 2)
		return NULL;
	conn = changed_on(s, path, strlen(path));
	if (!conn && slash && slash > path)
		conn = changed_on(s, path, (size_t)(slash - path));
	return conn;
}

/* ---- Sending ---- */

void cp_request_attach(struct cp_reply *r, struct cp_conn *conn)
{
	r->conn = conn;
	r->next = NULL;
	r->previous = conn->last;
	if (conn->last)
		conn->last->next = r;
	else
		conn->first = r;
	conn->last = r;
	conn->count++;
	conn->bytes += r->len;
	if (r->kind == CP_READ || r->kind == CP_WRITE) {
		r->file->pending++;
		r->file->places[conn->index].pending++;
	}
	remember(r);
}

void cp_request_detach(struct cp_reply *r)
{
	struct cp_conn *conn = r->conn;

	forget(r);
	if (r->previous)
		r->previous->next = r->next;
	else
		conn->first = r->next;
	if (r->next)
		r->next->previous = r->previous;
	else
		conn->last = r->previous;
	r->next = r->previous = NULL;
	r->conn = NULL;
	conn->count--;
	conn->bytes -= r->len;
	if (r->kind == CP_READ || r->kind == CP_WRITE) {
		r->file->pending--;
		r->file->places[conn->index].pending--;
	}
}

static haw_op *start_path(struct cp_reply *r, haw_error *err)
{
	haw_sftp *sftp = r->conn->sftp;
	haw_op *op;

	switch (r->kind) {
	case CP_STAT:
		return haw_sftp_stat_start(sftp, r->path, r->follow, cp_request_done, r, err);
	case CP_SETSTAT:
		return haw_sftp_setstat_start(sftp, r->path, true, &r->attrs, cp_request_done, r, err);
	case CP_MKDIR:
		return haw_sftp_mkdir_start(sftp, r->path, r->flags, cp_request_done, r, err);
	case CP_RMDIR:
		return haw_sftp_rmdir_start(sftp, r->path, cp_request_done, r, err);
	case CP_REMOVE:
		return haw_sftp_remove_start(sftp, r->path, cp_request_done, r, err);
	case CP_RENAME:
		if (r->flags == CP_RENAME_REMOVE &&
		    (op = haw_sftp_remove_start(sftp, r->to, NULL, NULL, err)))
			haw_op_detach(op);
		return haw_sftp_rename_start(sftp, r->path, r->to, r->flags == CP_RENAME_REPLACE,
					     cp_request_done, r, err);
	case CP_SYMLINK:
		return haw_sftp_symlink_start(sftp, r->to, r->path, cp_request_done, r, err);
	case CP_READLINK:
		return haw_sftp_readlink_start(sftp, r->path, cp_request_done, r, err);
	case CP_REALPATH:
		return haw_sftp_realpath_start(sftp, r->path, cp_request_done, r, err);
	case CP_EXPAND_PATH:
		return haw_sftp_expand_path_start(sftp, r->path, cp_request_done, r, err);
	case CP_OPEN:
		return haw_sftp_open_start(sftp, r->path, r->flags, &r->attrs, cp_request_done, r, err);
	case CP_OPENDIR:
		return haw_sftp_opendir_start(sftp, r->path, cp_request_done, r, err);
	case CP_CHECK_FILE:
		return haw_sftp_check_file_start(sftp, r->path, r->to, r->offset, r->flags, cp_request_done,
						 r, err);
	default:
		return NULL;
	}
}

void cp_request_started(struct cp_reply *r, haw_op *op, const haw_error *err)
{
	if (op) {
		haw_op_detach(op);
	} else if (cp_conn_is_code(err->code)) {
		cp_conn_lose(r->conn, err); /* it stays with the others that are taken back from there */
	} else {
		cp_request_detach(r);
		cp_request_finish_later(r, err);
	}
}

void cp_request_start(struct cp_reply *r)
{
	haw_error err;

	if (r->repeated && !r->checked && cp_repeat_check(r))
		return;
	if (r->kind >= CP_READ) {
		cp_file_start(r);
		return;
	}
	cp_request_started(r, start_path(r, &err), &err);
}

bool cp_request_try(struct cp_reply *r)
{
	struct cp_conn *conn;

	if (r->kind >= CP_READ)
		return cp_file_try(r);
	if (!cp_repeat_may_start(r))
		return false;
	conn = cp_request_conflict(r->s, r->path);
	if (!conn && r->to && r->kind == CP_RENAME)
		conn = cp_request_conflict(r->s, r->to);
	if (!conn)
		conn = cp_conn_choose(r->s);
	if (!conn || conn->lost || conn->count >= conn->allowance)
		return false;
	cp_request_attach(r, conn);
	cp_request_start(r);
	return true;
}

void cp_request_submit(struct cp_reply *r)
{
	struct cp_remote *remote = &r->s->remote;

	if (remote->gone.code)
		cp_request_finish_later(r, &remote->gone);
	else if (remote->waiting.first || !cp_request_try(r))
		append(&remote->waiting, r);
}

void cp_request_pump(struct cp_session *s)
{
	struct cp_request_queue *waiting = &s->remote.waiting;

	while (waiting->first) {
		struct cp_reply *r = take_first(waiting);

		if (cp_request_try(r))
			continue;
		r->next = waiting->first;
		if (!waiting->first)
			waiting->end = &r->next;
		waiting->first = r;
		break;
	}
}

/* What has arrived of a READ stays (it was authenticated); a WRITE that is cut again and again goes in parts,
 * so that something of it is answered in between. */
static void take_stock(struct cp_reply *r)
{
	r->repeated = true;
	r->checked = false;
	r->settled_ns = cp_now_ns() + settling_ns;
	cp_late_note(r);
	if (r->kind == CP_READ && r->moved > r->kept)
		r->s->remote.answered++;
	if (r->kind == CP_WRITE && r->s->remote.answered == r->s->remote.answered_before) {
		r->part = CUT_PART;
		r->file->in_parts = true;
	}
}

void cp_request_take_back(struct cp_conn *conn)
{
	struct cp_request_queue *waiting = &conn->s->remote.waiting;
	struct cp_request_queue back;

	back.first = NULL;
	back.end = &back.first;
	while (conn->first) {
		struct cp_reply *r = conn->first;

		cp_request_detach(r);
		r->parked = NULL;
		if (r->kind == CP_WRITE && r->file->once) {
			cp_request_finish_later(r, &conn->why);
			continue;
		}
		take_stock(r);
		if (r->kind != CP_READ || r->moved < r->len) {
			append(&back, r);
			continue;
		}
		r->kept = r->moved;
		cp_request_finish_later(r, NULL);
	}
	if (!back.first)
		return;
	*back.end = waiting->first;
	if (!waiting->first)
		waiting->end = back.end;
	waiting->first = back.first;
}

/* ---- Answers ---- */

void cp_request_finish(struct cp_reply *r, int code)
{
	r->code = code;
	r->done(r->user, r);
	cp_request_free(r);
}

void cp_request_finish_later(struct cp_reply *r, const haw_error *err)
{
	static const haw_error no_room = {
		.code = HAW_ENOMEM, .fault = HAW_FAULT_SYSTEM, .message = "out of memory"};

	r->op = NULL;
	r->code = err ? err->code : 0;
	if (err && (r->error = malloc(sizeof(*err))))
		*r->error = *err;
	else if (err)
		r->code = no_room.code;
	append(&r->s->remote.finished, r);
	haw_loop_wake(r->s->loop);
}

void cp_request_deliver(struct cp_session *s)
{
	while (s->remote.finished.first) {
		struct cp_reply *r = take_first(&s->remote.finished);

		cp_request_finish(r, r->code);
	}
}

void cp_request_fail_all(struct cp_session *s, const haw_error *err)
{
	s->remote.gone = *err;
	while (s->remote.waiting.first)
		cp_request_finish_later(take_first(&s->remote.waiting), err);
	for (struct cp_file *file = s->remote.files; file; file = file->next)
		while (file->held) {
			struct cp_reply *r = file->held;

			file->held = r->next;
			if (!file->held)
				file->held_end = &file->held;
			cp_request_finish_later(r, err);
		}
}

void cp_request_done(void *user, haw_op *op)
{
	struct cp_reply *r = user;
	struct cp_conn *conn = r->conn;
	int code = haw_op_result(op, NULL);
	haw_error err;

	if (cp_conn_is_code(code)) {
		haw_op_result(op, &err);
		cp_conn_lose(conn, &err);
		return;
	}
	r->op = op;
	conn->s->remote.answered++;
	if (conn->allowance < UINT_MAX / 2)
		conn->allowance += 2;
	if (r->sent_ns)
		cp_conn_answered(conn, r->sent_ns);
	if (code == 0 && r->kind == CP_WRITE && !cp_file_took_part(r))
		return;
	if (code < 0 && r->repeated && cp_repeat_excuses(r, code)) {
		r->op = NULL;
		code = 0;
	}
	if (code == HAW_ENOTFOUND && r->kind == CP_RENAME && r->repeated) {
		cp_repeat_moved(r);
		return;
	}
	if (cp_repeat_makes(r, code)) {
		haw_op_result(op, &err);
		cp_repeat_find(r, &err);
		return;
	}
	if (code < 0 && r->kind == CP_MKDIR && r->mine && r->repeated) {
		cp_repeat_made(r);
		return;
	}
	if (code == 0 && (r->kind == CP_OPEN || r->kind == CP_OPENDIR) &&
	    !cp_file_take(r, haw_sftp_op_file(op)))
		code = HAW_ENOMEM;
	if (r->kind == CP_FSETSTAT && code == 0 && r->attrs.flags & HAW_ATTR_MODE)
		r->file->relaxed = false;
	if (r->kind == CP_READDIR && code == 0 && !cp_file_take_names(r))
		return;
	cp_request_detach(r);
	if (r->file && r->file->held && r->file->pending == 0)
		cp_file_release_held(r->file);
	cp_request_finish(r, code);
}

int cp_reply_result(const struct cp_reply *r, haw_error *err)
{
	if (r->code == 0 || !err)
		return r->code;
	if (r->error)
		*err = *r->error;
	else if (!r->op || haw_op_result(r->op, err) == 0)
		haw_error_set(err, r->code, HAW_FAULT_SYSTEM, 0, "%s", haw_code_name(r->code));
	return r->code;
}

bool cp_reply_attrs(const struct cp_reply *r, haw_attrs *attrs)
{
	return r->op && haw_sftp_op_attrs(r->op, attrs);
}

struct cp_file *cp_reply_file(struct cp_reply *r)
{
	if (r->kind != CP_OPEN && r->kind != CP_OPENDIR)
		return NULL;
	r->file->references++;
	return r->file;
}

size_t cp_reply_names(const struct cp_reply *r, const haw_name **names)
{
	if (r->names) {
		*names = r->names;
		return r->name_count;
	}
	return r->op ? haw_sftp_op_names(r->op, names) : 0;
}

haw_span cp_reply_path(const struct cp_reply *r)
{
	return r->op ? haw_sftp_op_path(r->op) : (haw_span){NULL, 0};
}

haw_span cp_reply_hash(const struct cp_reply *r, haw_span *algorithm)
{
	return haw_sftp_op_hash(r->op, algorithm);
}

bool cp_reply_is_pieced(const struct cp_reply *r)
{
	return r->kind == CP_READ && r->kept > 0;
}

uint32_t cp_reply_count(const struct cp_reply *r)
{
	return r->kept + (r->op ? haw_sftp_op_count(r->op) : 0);
}
