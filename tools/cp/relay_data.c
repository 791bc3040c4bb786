/* SPDX-License-Identifier: Apache-2.0
 *
 * The pieces of a file. A piece's memory is filled by the answer to its READ, lent to its WRITE, and
 * freed when that is answered; what all pieces together hold is limited.
 */
#include <stdlib.h>
#include <string.h>

#include "relay.h"

enum { PIECE_MAX = 128 << 10 };

struct piece {
	struct cp_relay_file *f;
	uint64_t offset, sent_ns;
	uint32_t len, count; /* asked for; came */
	uint8_t data[];
};

static bool ask(struct cp_relay_file *f, uint64_t offset, uint32_t len);

static void drop(struct piece *p)
{
	p->f->r->held -= p->len;
	p->f->pending--;
	free(p);
}

/* ---- Out ---- */

static void written(void *user, struct cp_reply *reply)
{
	struct piece *p = user;
	struct cp_relay_file *f = p->f;
	struct cp_relay *r = f->r;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	cp_flow_done(&r->to->flow, p->count, p->sent_ns, cp_now_ns());
	if (code < 0) {
		cp_relay_file_check(f, r->to, code, &err);
	} else {
		r->from->report.bytes += p->count;
		if (r->to->args->resume) {
			cp_ranges_add(&f->have, p->offset, p->offset + p->count);
			cp_relay_record(f, false);
		}
	}
	drop(p);
	cp_relay_file_settle(f);
	cp_relay_pump(r);
}

static void write_piece(struct piece *p)
{
	struct cp_relay_file *f = p->f;
	haw_error err;

	p->sent_ns = cp_now_ns();
	if (cp_file_write(f->out, p->offset, p->data, p->count, written, p, &err)) {
		cp_flow_sent(&f->r->to->flow, p->count);
		return;
	}
	cp_relay_file_check(f, f->r->to, err.code, &err);
	drop(p);
}

/* ---- In ---- */

static void view(void *user, uint64_t offset, haw_span data)
{
	struct piece *p = user;

	memcpy(p->data + (offset - p->offset), data.ptr, data.len);
}

/* The answer has ended behind COUNT bytes, fewer than were asked for. */
static void came_short(struct piece *p)
{
	struct cp_relay_file *f = p->f;
	uint64_t reached = p->offset + p->count;

	/* The byte behind the announced end was asked for only to see whether there is one. */
	if (reached == f->size) {
		if (f->end > reached)
			f->end = reached;
	} else if (reached < f->end) {
		ask(f, reached, p->len - p->count);
	}
}

static void came(struct piece *p)
{
	struct cp_relay_file *f = p->f;

	if (p->offset + p->count > f->size)
		f->size = p->offset + p->count + PIECE_MAX; /* it has grown: on to its end */
	if (p->count < p->len)
		came_short(p);
	write_piece(p);
}

static void read_done(void *user, struct cp_reply *reply)
{
	struct piece *p = user;
	struct cp_relay_file *f = p->f;
	struct cp_relay *r = f->r;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	cp_flow_done(&r->from->flow, p->len, p->sent_ns, cp_now_ns());
	p->count = code == 0 ? cp_reply_count(reply) : 0;
	if (code == HAW_EEND && p->offset < f->end)
		f->end = p->offset;
	else if (code < 0 && code != HAW_EEND)
		cp_relay_file_check(f, r->from, code, &err);
	if (p->count > 0 && !f->failed && cp_relay_running(r))
		came(p);
	else
		drop(p);
	/* Growth may have left something to ask for. */
	if (!f->active && !f->failed && f->requested <= f->size && f->requested < f->end)
		cp_relay_file_activate(f);
	cp_relay_file_settle(f);
	cp_relay_pump(r);
}

static bool ask(struct cp_relay_file *f, uint64_t offset, uint32_t len)
{
	struct piece *p = malloc(sizeof(*p) + len);
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};
	struct cp_reply *reply = NULL;

	if (p) {
		*p = (struct piece){.f = f, .offset = offset, .len = len, .sent_ns = cp_now_ns()};
		reply = cp_file_read(f->in, offset, len, view, read_done, p, &err);
	}
	if (!reply) {
		free(p);
		cp_relay_file_check(f, f->r->from, err.code, &err);
		return false;
	}
	f->pending++;
	f->r->held += len;
	cp_flow_sent(&f->r->from->flow, len);
	return true;
}

static bool room(struct cp_relay *r)
{
	uint64_t most = (uint64_t)r->from->args->memory_mib << 20;

	return r->held < most && cp_flow_room_for_bytes(&r->from->flow) &&
	       cp_flow_room_for_bytes(&r->to->flow);
}

static uint32_t piece_size(const struct cp_relay *r)
{
	uint64_t most = PIECE_MAX;

	if (most > r->from->limits.read)
		most = r->from->limits.read;
	if (most > r->to->limits.write)
		most = r->to->limits.write;
	return cp_rate_piece(&r->from->flow.rate, (uint32_t)most);
}

bool cp_relay_data_read(struct cp_relay_file *f)
{
	uint32_t most = piece_size(f->r);

	/* One byte behind the end is asked for, to see growth. */
	while (!f->failed && cp_relay_running(f->r) && f->requested <= f->size && f->requested < f->end) {
		uint64_t end = f->size, len;

		/* Over what is there already. */
		if (f->resumed && f->requested < f->size &&
		    !cp_ranges_missing(&f->have, &f->requested, &end))
			f->requested = end = f->size;
		len = end - f->requested + (end == f->size);
		if (!room(f->r))
			return false;
		if (len > most)
			len = most;
		if (!ask(f, f->requested, (uint32_t)len))
			break;
		f->requested += len;
	}
	return true;
}
