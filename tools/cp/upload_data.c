/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a file that is open on the server, its attributes, its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "upload.h"

/* Larger requests gain nothing, and servers without a word on limits take 32 KiB. */
enum { WRITE_MAX = 128 << 10 };

struct write {
	struct cp_up_file *f;
	struct cp_map *map;
	uint32_t len;
	uint64_t offset, sent_ns;
};

static void drop_map(struct write *w)
{
	if (!w->map)
		return;
	if (w->map->broken)
		w->f->source.changed = true;
	cp_map_put(w->map);
}

static void write_done(void *user, struct cp_reply *op)
{
	struct write *w = user;
	struct cp_up_file *f = w->f;
	struct cp_session *s = f->dir->up->s;
	haw_error err;
	int code = cp_reply_result(op, NULL);

	if (code < 0)
		code = cp_reply_result(op, &err);
	cp_flow_done(&s->flow, w->len, w->sent_ns, cp_now_ns());
	if (code == 0) {
		s->report.bytes += w->len;
		if (s->args->resume) {
			cp_ranges_add(&f->have, w->offset, w->offset + w->len);
			cp_up_record(f, false);
		}
	}
	drop_map(w);
	free(w);
	f->pending--;
	cp_up_file_check(f, code, &err);
	cp_up_file_settle(f);
}

static bool start_write(struct cp_up_file *f, const uint8_t *view, uint32_t len, struct cp_map *map)
{
	struct cp_session *s = f->dir->up->s;
	struct write *w = malloc(sizeof(*w));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};
	struct cp_reply *op;

	if (!w) {
		if (map)
			cp_map_put(map);
		return cp_up_file_check(f, HAW_ENOMEM, &err);
	}
	*w = (struct write){.f = f, .map = map, .len = len, .offset = f->next_offset, .sent_ns = cp_now_ns()};
	op = cp_file_write(f->file, f->next_offset, view, len, write_done, w, &err);
	if (!op) {
		drop_map(w);
		free(w);
		return cp_up_file_check(f, err.code, &err);
	}
	f->pending++;
	f->next_offset += len;
	cp_flow_sent(&s->flow, len);
	return true;
}

/* ---- The end ---- */

static void attrs_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	if (code < 0)
		cp_up_file_check(f, code, &err);
	cp_up_file_settle(f);
}

/* Owner and mode of what is replaced are kept as far as the server allows; without its leave the new
 * file is merely no more open than the old one. */
static void keep_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	if (code < 0)
		cp_session_ended(f->dir->up->s, code, &err);
	cp_up_file_settle(f);
}

static void set_attrs(struct cp_up_file *f, const haw_attrs *attrs, cp_reply_fn done)
{
	haw_error err;
	struct cp_reply *op = cp_file_setstat(f->file, attrs, done, f, &err);

	if (!op) {
		cp_up_file_check(f, err.code, &err);
		return;
	}
	f->pending++;
}

static void send_attrs(struct cp_up_file *f)
{
	const struct cp_args *args = f->dir->up->s->args;
	haw_attrs attrs = {0};

	/* The hole at the end, or what stood there and was longer. */
	if (f->resumed || ((f->in_place || f->extent_end < f->source.size) && !f->whole)) {
		attrs.flags = HAW_ATTR_SIZE;
		attrs.size = f->source.size;
		set_attrs(f, &attrs, attrs_done);
	}
	memset(&attrs, 0, sizeof(attrs));
	if (args->preserve && !f->whole) {
		attrs.flags = HAW_ATTR_MODE | HAW_ATTR_TIMES;
		attrs.mode = f->source.st.st_mode & 07777;
		attrs.atime = (uint32_t)f->source.st.st_atim.tv_sec;
		attrs.mtime = (uint32_t)f->source.st.st_mtim.tv_sec;
		set_attrs(f, &attrs, attrs_done);
	} else if (f->temporary && f->standing.flags & HAW_ATTR_MODE) {
		attrs.flags = HAW_ATTR_MODE | (f->standing.flags & HAW_ATTR_OWNER);
		attrs.mode = f->standing.mode & 07777;
		attrs.uid = f->standing.uid;
		attrs.gid = f->standing.gid;
		set_attrs(f, &attrs, keep_done);
	}
}

static void close_done(void *user, struct cp_reply *op)
{
	struct cp_up_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	cp_up_file_check(f, code, &err);
	cp_up_file_settle(f);
}

/* CLOSE follows the data at once: requests on one file are worked off in order (draft §3). */
static void send_close(struct cp_up_file *f)
{
	haw_error err;
	struct cp_reply *op;

	if (!f->failed)
		send_attrs(f);
	op = cp_file_close(f->file, close_done, f, &err);
	f->file = NULL;
	f->closed = true;
	if (!op) {
		cp_up_file_check(f, err.code, &err);
		return;
	}
	f->pending++;
}

/* ---- The data ---- */

static bool send_small(struct cp_up_file *f)
{
	struct cp_session *s = f->dir->up->s;

	while (!f->failed && f->next_offset < f->source.size) {
		uint64_t len = f->source.size - f->next_offset;

		if (cp_flow_paced(&s->flow) && !cp_flow_room_for_bytes(&s->flow) && cp_running(s))
			return false;
		if (len > s->limits.write)
			len = s->limits.write;
		start_write(f, f->data + f->next_offset, (uint32_t)len, NULL);
	}
	f->extent_end = f->source.size;
	send_close(f);
	return true;
}

/* Move to the next piece that is no hole; false at the end. */
static bool find_data(struct cp_up_file *f)
{
	uint64_t begin, end;

	if (f->next_offset < f->extent_end)
		return true;
	if ((f->whole || f->dense) && f->next_offset < f->source.size) {
		f->extent_end = f->source.size;
		return true;
	}
	if (!cp_source_extent(&f->source, f->next_offset, &begin, &end))
		return false;
	f->next_offset = begin;
	f->extent_end = end;
	return true;
}

/* And of that, to what an earlier run has not brought there. */
static bool find_extent(struct cp_up_file *f)
{
	while (find_data(f)) {
		uint64_t end = f->extent_end;

		if (!f->resumed)
			return true;
		if (cp_ranges_missing(&f->have, &f->next_offset, &end)) {
			f->piece_end = end;
			return true;
		}
	}
	return false;
}

static bool send_piece(struct cp_up_file *f)
{
	struct cp_session *s = f->dir->up->s;
	uint64_t len = (f->resumed ? f->piece_end : f->extent_end) - f->next_offset;
	haw_error err;
	const uint8_t *view;
	struct cp_map *map;
	uint64_t before;
	size_t size;

	if (len > WRITE_MAX)
		len = WRITE_MAX;
	if (len > s->limits.write)
		len = s->limits.write;
	len = cp_rate_piece(&s->flow.rate, (uint32_t)len);
	before = cp_now_ns();
	size = cp_source_view(&f->source, f->next_offset, (size_t)len, &view, &map);
	cp_waits_add(&s->report.waits, CP_WAIT_SOURCE, cp_now_ns() - before);
	if (size == 0) {
		haw_error_set(&err, HAW_EINVAL, HAW_FAULT_SYSTEM, errno, "cannot be read: %s",
			      strerror(errno));
		return cp_up_file_check(f, err.code, &err);
	}
	return start_write(f, view, (uint32_t)size, map);
}

bool cp_up_data_send(struct cp_up_file *f)
{
	struct cp_session *s = f->dir->up->s;

	if (f->data)
		return send_small(f);
	while (!f->failed && !f->source.changed && cp_running(s) && find_extent(f)) {
		if (!cp_flow_room_for_bytes(&s->flow))
			return false;
		send_piece(f);
	}
	send_close(f);
	return true;
}
