/* SPDX-License-Identifier: Apache-2.0
 *
 * Open files, each on as many connections as it is used on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "remote_internal.h"

/* Files of which more than this was asked for are spread over the connections. */
static const uint64_t spread_after = 4 << 20;

static void open_place(struct cp_place *place);

/* ---- Life ---- */

struct cp_file *cp_file_new(struct cp_session *s, const char *path, uint32_t flags, bool directory)
{
	unsigned count = s->remote.count;
	struct cp_file *file = calloc(1, sizeof(*file) + count * sizeof(file->places[0]));

	if (!file || !(file->path = strdup(path))) {
		free(file);
		return NULL;
	}
	file->s = s;
	file->flags = flags;
	file->directory = directory;
	file->references = 1;
	file->held_end = &file->held;
	file->place_count = count;
	for (unsigned i = 0; i < count; i++) {
		file->places[i].owner = file;
		file->places[i].parked_end = &file->places[i].parked;
	}
	file->next = s->remote.files;
	if (file->next)
		file->next->previous = file;
	s->remote.files = file;
	return file;
}

bool cp_file_take(struct cp_reply *r, haw_file *raw)
{
	struct cp_file *file = cp_file_new(r->s, r->path, r->flags & (HAW_OPEN_READ | HAW_OPEN_WRITE),
					   r->kind == CP_OPENDIR);

	if (!file) {
		haw_file_free(raw);
		return false;
	}
	file->in_place = !(r->flags & HAW_OPEN_EXCLUSIVE);
	file->places[r->conn->index].file = raw;
	r->file = file;
	return true;
}

static void close_places(struct cp_file *file)
{
	for (unsigned i = 0; i < file->place_count; i++) {
		haw_op_free(file->places[i].op);
		haw_file_free(file->places[i].file);
		file->places[i].op = NULL;
		file->places[i].file = NULL;
	}
}

void cp_file_put(struct cp_file *file)
{
	if (--file->references > 0)
		return;
	close_places(file);
	if (file->previous)
		file->previous->next = file->next;
	else
		file->s->remote.files = file->next;
	if (file->next)
		file->next->previous = file->previous;
	cp_seen_free(&file->seen);
	free(file->path);
	free(file);
}

void cp_file_forget_conn(struct cp_session *s, unsigned index)
{
	for (struct cp_file *file = s->remote.files; file; file = file->next) {
		struct cp_place *place = &file->places[index];

		haw_op_free(place->op);
		haw_file_free(place->file);
		place->op = NULL;
		place->file = NULL;
		place->opening = place->relaxed = false;
		place->parked = NULL;
		place->parked_end = &place->parked;
		file->again = true;
	}
}

/* ---- Opening once more ---- */

static struct cp_conn *conn_of(const struct cp_place *place)
{
	return &place->owner->s->remote.conns[place - place->owner->places];
}

static struct cp_reply *take_parked(struct cp_place *place)
{
	struct cp_reply *r = place->parked;

	place->parked = r->parked;
	if (!place->parked)
		place->parked_end = &place->parked;
	r->parked = NULL;
	return r;
}

static void fail_place(struct cp_place *place, const haw_error *err)
{
	struct cp_file *file = place->owner;

	place->opening = false;
	if (cp_conn_is_code(err->code)) {
		cp_conn_lose(conn_of(place), err);
		return;
	}
	while (place->parked) {
		struct cp_reply *r = take_parked(place);

		cp_request_detach(r);
		cp_request_finish_later(r, err);
	}
	if (file->held && file->pending == 0)
		cp_file_release_held(file);
}

/* Until it is closed. */
static void relax_mode(struct cp_place *place)
{
	const haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = (place->owner->mode & 07777) | 0600};
	haw_op *op = haw_sftp_setstat_start(conn_of(place)->sftp, place->owner->path, true, &attrs, NULL,
					    NULL, NULL);

	if (op)
		haw_op_detach(op);
}

static void start_parked(struct cp_place *place)
{
	while (place->parked)
		cp_file_start(take_parked(place));
}

static void send_open(struct cp_place *place);

static void place_opened(void *user, haw_op *op)
{
	struct cp_place *place = user;
	struct cp_file *file = place->owner;
	haw_error err;
	int code = haw_op_result(op, &err);

	place->op = NULL;
	if (code < 0 && code == HAW_ESTATUS && err.reason == HAW_SFTP_PERMISSION_DENIED &&
	    file->flags & HAW_OPEN_WRITE && !place->relaxed) {
		/* A mode that does not let its owner write: the one who made it could. */
		place->relaxed = file->relaxed = true;
		relax_mode(place);
		send_open(place);
	} else if (code < 0) {
		fail_place(place, &err);
	} else {
		place->file = haw_sftp_op_file(op);
		place->opening = false;
		start_parked(place);
	}
	haw_op_free(op);
}

static void send_open(struct cp_place *place)
{
	const haw_attrs none = {0};
	struct cp_file *file = place->owner;
	haw_sftp *sftp = conn_of(place)->sftp;
	haw_error err;

	if (file->directory)
		place->op = haw_sftp_opendir_start(sftp, file->path, place_opened, place, &err);
	else
		place->op =
			haw_sftp_open_start(sftp, file->path, file->flags, &none, place_opened, place, &err);
	if (!place->op)
		fail_place(place, &err);
}

/* What is written to is looked at first: it could be a link by now. */
static void place_looked_at(void *user, haw_op *op)
{
	struct cp_place *place = user;
	haw_attrs attrs = {0};
	haw_error err;
	int code = haw_op_result(op, &err);

	place->op = NULL;
	if (code == 0 && haw_sftp_op_attrs(op, &attrs) && attrs.flags & HAW_ATTR_MODE &&
	    !S_ISREG(attrs.mode) && S_ISLNK(attrs.mode)) {
		haw_error_set(&err, HAW_EINVAL, HAW_FAULT_PEER, 0,
			      "became a link while the connection was cut: not followed");
		code = err.code;
	}
	if (!place->owner->relaxed)
		place->owner->mode = attrs.mode;
	if (code < 0)
		fail_place(place, &err);
	else
		send_open(place);
	haw_op_free(op);
}

static void open_place(struct cp_place *place)
{
	struct cp_file *file = place->owner;
	haw_error err;

	place->opening = true;
	place->relaxed = false;
	if (!(file->flags & HAW_OPEN_WRITE) || file->in_place) {
		send_open(place);
		return;
	}
	place->op =
		haw_sftp_stat_start(conn_of(place)->sftp, file->path, false, place_looked_at, place, &err);
	if (!place->op)
		fail_place(place, &err);
}

/* ---- Sending ---- */

static bool is_data(const struct cp_reply *r)
{
	return r->kind == CP_READ || r->kind == CP_WRITE;
}

/* Where there is least under way, among those that have the file open, or among all if it is large. */
static struct cp_conn *choose_for_data(struct cp_file *file)
{
	struct cp_remote *remote = &file->s->remote;
	bool spread = file->moved > spread_after;
	struct cp_conn *best = NULL;

	for (unsigned i = 0; i < remote->count; i++) {
		struct cp_conn *conn = &remote->conns[i];
		bool open = file->places[i].file || file->places[i].opening;

		if (conn->state != CP_CONN_READY || conn->lost || !(spread || open))
			continue;
		if (!best || conn->bytes < best->bytes)
			best = conn;
	}
	return best ? best : cp_conn_choose(file->s);
}

/* Where most of its data are under way, so that it has not to wait for them. */
static struct cp_conn *choose_for_file(struct cp_file *file)
{
	struct cp_remote *remote = &file->s->remote;
	struct cp_conn *best = NULL;
	unsigned pending = 0;

	for (unsigned i = 0; i < remote->count; i++) {
		struct cp_conn *conn = &remote->conns[i];
		struct cp_place *place = &file->places[i];

		if (conn->state != CP_CONN_READY || conn->lost || !(place->file || place->opening))
			continue;
		if (!best || place->pending > pending) {
			best = conn;
			pending = place->pending;
		}
	}
	return best ? best : cp_conn_choose(file->s);
}

static void hold(struct cp_reply *r)
{
	struct cp_file *file = r->file;

	r->next = NULL;
	*file->held_end = r;
	file->held_end = &r->next;
}

void cp_file_release_held(struct cp_file *file)
{
	struct cp_reply *r = file->held;

	file->held = NULL;
	file->held_end = &file->held;
	while (r) {
		struct cp_reply *next = r->next;

		r->next = NULL;
		cp_request_submit(r);
		r = next;
	}
}

static void park(struct cp_place *place, struct cp_reply *r)
{
	r->parked = NULL;
	*place->parked_end = r;
	place->parked_end = &r->parked;
	if (!place->opening)
		open_place(place);
}

static bool needs_open(const struct cp_reply *r, const struct cp_place *place)
{
	if (place->file)
		return false;
	/* By its path, then (remote_repeat.c). */
	return !(r->kind == CP_FSETSTAT && r->repeated && !place->opening);
}

bool cp_file_try(struct cp_reply *r)
{
	struct cp_file *file = r->file;
	bool whole = r->kind == CP_FSETSTAT || r->kind == CP_CLOSE;
	struct cp_conn *conn = is_data(r) ? choose_for_data(file) : choose_for_file(file);
	struct cp_place *place;

	if (!conn || conn->count >= conn->allowance)
		return false;
	place = &file->places[conn->index];
	if (whole && (file->held || file->pending > (file->in_parts ? 0 : place->pending))) {
		hold(r);
		return true;
	}
	if (r->kind == CP_CLOSE && !place->file && !place->opening && !file->relaxed) {
		cp_request_finish_later(r, NULL);
		return true;
	}
	cp_request_attach(r, conn);
	if (needs_open(r, place))
		park(place, r);
	else
		cp_request_start(r);
	return true;
}

static void pass_view(void *user, uint64_t offset, haw_span view)
{
	struct cp_reply *r = user;

	r->moved += (uint32_t)view.len;
	r->sink(r->user, offset, view);
}

static void mode_restored(void *user, haw_op *op)
{
	struct cp_reply *r = user;
	haw_error err;
	int code = haw_op_result(op, &err);

	if (cp_conn_is_code(code)) {
		cp_conn_lose(r->conn, &err);
		return;
	}
	r->file->relaxed = false;
	if (code == 0) {
		cp_file_start(r);
		return;
	}
	cp_request_detach(r);
	cp_request_finish_later(r, &err);
}

static haw_op *restore_mode(struct cp_reply *r, haw_error *err)
{
	const haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = r->file->mode & 07777};

	return haw_sftp_setstat_start(r->conn->sftp, r->file->path, true, &attrs, mode_restored, r, err);
}

/* Its own CLOSE is asked about; those of other connections say nothing new. */
static haw_op *start_close(struct cp_reply *r, struct cp_place *place, haw_error *err)
{
	haw_file *raw = place->file;

	place->file = NULL;
	for (unsigned i = 0; i < r->file->place_count; i++) {
		haw_file_free(r->file->places[i].file);
		r->file->places[i].file = NULL;
	}
	return haw_file_close_start(raw, cp_request_done, r, err);
}

static uint32_t next_part(const struct cp_reply *r)
{
	uint32_t left = r->len - r->moved;

	return r->part && left > r->part ? r->part : left;
}

bool cp_file_took_part(struct cp_reply *r)
{
	r->moved += next_part(r);
	if (r->moved == r->len)
		return true;
	cp_file_start(r);
	return false;
}

/* The data are on their way; until now they waited here. */
static void has_left(void *user)
{
	struct cp_reply *r = user;

	r->sent_ns = cp_now_ns();
}

void cp_file_start(struct cp_reply *r)
{
	struct cp_place *place = &r->file->places[r->conn->index];
	haw_error err = {.code = HAW_EINVAL, .message = "the file is closed"};
	haw_op *op = NULL;

	if (!place->file) {
		cp_request_started(r, NULL, &err);
		return;
	}
	switch (r->kind) {
	case CP_READ:
		r->kept = r->moved;
		r->sent_ns = cp_now_ns();
		op = haw_file_read_start(place->file, r->offset + r->kept, r->len - r->kept, pass_view,
					 cp_request_done, r, &err);
		break;
	case CP_WRITE:
		op = haw_file_write_start(place->file, r->offset + r->moved,
					  (const uint8_t *)r->data + r->moved, next_part(r), has_left,
					  cp_request_done, r, &err);
		break;
	case CP_FSTAT:
		op = haw_file_stat_start(place->file, cp_request_done, r, &err);
		break;
	case CP_FCHECK:
		op = haw_file_check_start(place->file, r->to, r->offset, r->flags, cp_request_done, r, &err);
		break;
	case CP_FSETSTAT:
		op = haw_file_setstat_start(place->file, &r->attrs, cp_request_done, r, &err);
		break;
	case CP_READDIR:
		op = haw_file_readdir_start(place->file, cp_request_done, r, &err);
		break;
	case CP_CLOSE:
		op = r->file->relaxed ? restore_mode(r, &err) : start_close(r, place, &err);
		break;
	default:
		break;
	}
	cp_request_started(r, op, &err);
}

/* ---- Listings ---- */

bool cp_file_take_names(struct cp_reply *r)
{
	struct cp_file *file = r->file;
	const haw_name *names;
	size_t count = haw_sftp_op_names(r->op, &names), kept = 0;

	if (file->again && !(r->names = malloc((count + 1) * sizeof(*names))))
		return true; /* some names come twice, which costs time only */
	for (size_t i = 0; i < count; i++) {
		if (cp_seen_add(&file->seen, names[i].name) && r->names)
			r->names[kept++] = names[i];
	}
	r->name_count = kept;
	if (!file->again || kept > 0)
		return true;
	free(r->names);
	r->names = NULL;
	r->op = NULL;
	cp_file_start(r);
	return false;
}
