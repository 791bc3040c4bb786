/* SPDX-License-Identifier: Apache-2.0
 *
 * A large file in pieces, many in flight. Pieces may come short and in any order; the end is where the
 * server says it is.
 */
#include <stdlib.h>
#include <string.h>

#include "download.h"

enum { READ_MAX = 256 << 10 };

struct piece {
	struct cp_dl_file *f;
	uint64_t offset, sent_ns;
	uint32_t len;
};

static bool ask(struct cp_dl_file *f, uint64_t offset, uint32_t len);

static struct cp_session *session(const struct cp_dl_file *f)
{
	return f->dl->s;
}

static void piece_view(void *user, uint64_t offset, haw_span view)
{
	struct piece *p = user;

	cp_dl_file_take(p->f, offset, view);
}

/* The piece has ended behind COUNT bytes. */
static void came_short(struct cp_dl_file *f, const struct piece *p, uint32_t count)
{
	uint64_t reached = p->offset + count;

	/* The byte behind the announced end was asked for only to see whether there is one. */
	if (reached == f->size) {
		if (f->end > reached)
			f->end = reached;
	} else if (reached < f->end) {
		ask(f, reached, p->len - count);
	}
}

static void piece_done(void *user, struct cp_reply *op)
{
	struct piece *p = user;
	struct cp_dl_file *f = p->f;
	struct cp_session *s = session(f);
	haw_error err;
	int code = cp_reply_result(op, NULL);
	uint32_t count;

	if (code < 0)
		code = cp_reply_result(op, &err);
	f->pending--;
	cp_flow_done(&s->flow, p->len, p->sent_ns, cp_now_ns());
	if (code == HAW_EEND) {
		if (p->offset < f->end)
			f->end = p->offset;
	} else if (code < 0) {
		cp_dl_file_check(f, code, &err);
	} else {
		count = cp_reply_count(op);
		s->report.bytes += count;
		if (s->args->resume && !f->failed)
			cp_ranges_add(&f->have, p->offset, p->offset + count);
		if (p->offset + count > f->size)
			f->size = p->offset + count + READ_MAX; /* it has grown: on to its end */
		if (count < p->len && !f->failed && cp_running(s))
			came_short(f, p, count);
	}
	free(p);
	/* Growth, or a piece that was asked for once more, may have left something to ask for. */
	if (!f->active && !f->failed && cp_running(s) && f->requested <= f->size && f->requested < f->end)
		if (!cp_dl_data_read(f))
			cp_dl_file_activate(f);
	cp_dl_file_settle(f);
}

static bool ask(struct cp_dl_file *f, uint64_t offset, uint32_t len)
{
	struct piece *p = malloc(sizeof(*p));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};
	struct cp_reply *op = NULL;

	if (p) {
		*p = (struct piece){.f = f, .offset = offset, .len = len, .sent_ns = cp_now_ns()};
		op = cp_file_read(f->file, offset, len, piece_view, piece_done, p, &err);
	}
	if (!op) {
		free(p);
		cp_dl_file_check(f, err.code, &err);
		return false;
	}
	f->pending++;
	cp_flow_sent(&session(f)->flow, len);
	return true;
}

/* All is read: has it changed meanwhile? */
static void stat_again(void *user, struct cp_reply *op)
{
	struct cp_dl_file *f = user;
	haw_error err;
	int code = cp_reply_result(op, &err);

	f->pending--;
	if (code < 0)
		cp_session_ended(session(f), code, &err);
	else
		cp_reply_attrs(op, &f->now);
	cp_dl_file_settle(f);
}

void cp_dl_data_check(struct cp_dl_file *f)
{
	haw_error err;
	struct cp_reply *op;

	if (f->whole || f->failed || !f->opened.flags || !cp_running(session(f)))
		return;
	op = cp_file_stat(f->file, stat_again, f, &err);
	if (op) {
		f->pending++;
	}
}

bool cp_dl_data_read(struct cp_dl_file *f)
{
	struct cp_session *s = session(f);
	uint32_t most = s->limits.read < READ_MAX ? (uint32_t)s->limits.read : READ_MAX;

	/* One byte behind the end is asked for, to see growth. */
	most = cp_rate_piece(&s->flow.rate, most);
	while (!f->failed && cp_running(s) && f->requested <= f->size && f->requested < f->end) {
		uint64_t end = f->size, len;

		/* Over what is there already. */
		if (f->have.count > 0 && f->requested < f->size)
			cp_ranges_missing(&f->have, &f->requested, &end);
		if (f->requested > f->size)
			f->requested = f->size;
		len = end - f->requested + (end == f->size);
		if (!cp_flow_room_for_bytes(&s->flow))
			return false;
		if (len > most)
			len = most;
		if (!ask(f, f->requested, (uint32_t)len))
			break;
		f->requested += len;
	}
	return true;
}
