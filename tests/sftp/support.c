/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

/* ---- The carrier ---- */

static int carrier_send(void *carrier, haw_span head, haw_span body, void (*release)(void *user), void *user,
			haw_error *err)
{
	struct peer *p = carrier;

	if (p->broken)
		return haw_error_set(err, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the test's stream is closed");
	if (p->sent_len + head.len + body.len > PEER_SENT_MAX || (release && p->held_count == PEER_HELD_MAX))
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "the test's stream is full");
	if (head.len > 0)
		memcpy(p->sent + p->sent_len, head.ptr, head.len);
	p->sent_len += head.len;
	if (body.len > 0)
		memcpy(p->sent + p->sent_len, body.ptr, body.len);
	p->sent_len += body.len;
	p->sends++;
	if (release) {
		p->held[p->held_count].release = release;
		p->held[p->held_count++].user = user;
	}
	return 0;
}

void peer_release(struct peer *p)
{
	while (p->held_count > 0) {
		p->held_count--;
		p->held[p->held_count].release(p->held[p->held_count].user);
	}
}

static bool carrier_pipelines(void *carrier)
{
	return ((struct peer *)carrier)->pipelines;
}

static void carrier_close(void *carrier)
{
	struct peer *p = carrier;

	p->closed = true;
	peer_release(p);
}

static const struct haw_sftp_carrier test_carrier = {
	.send = carrier_send,
	.pipelines = carrier_pipelines,
	.close = carrier_close,
};

/* ---- Turns ---- */

static void turn_cancel(struct haw_op *op)
{
}

static const struct haw_op_ops turn_ops = {.cancel = turn_cancel, .free = turn_cancel};

struct turn {
	struct haw_op op;
	void (*fn)(void *user);
	void *user;
};

static void turn_done(void *user, haw_op *op)
{
	struct turn *turn = user;

	turn->fn(turn->user);
}

void peer_turn(struct peer *p, void (*fn)(void *user), void *user)
{
	struct turn turn = {.fn = fn, .user = user};

	haw_op_init(&turn.op, p->loop, &turn_ops, turn_done, &turn);
	haw_op_finish(&turn.op, 0, NULL);
	if (haw_loop_run(p->loop, 0, NULL) < 0)
		harness_fail(__FILE__, __LINE__, "the loop runs");
}

struct feed {
	struct peer *peer;
	haw_span bytes;
	size_t step;
};

static void feed_views(void *user)
{
	struct feed *feed = user;
	struct peer *p = feed->peer;

	for (size_t at = 0; at < feed->bytes.len && p->sftp && !p->closed;) {
		size_t n = feed->bytes.len - at;
		uint8_t *view;

		if (feed->step && n > feed->step)
			n = feed->step;
		/* Each view is a piece of memory of its own, so that a read beyond it shows. */
		view = malloc(n);
		memcpy(view, feed->bytes.ptr + at, n);
		haw_sftp_feed(p->sftp, (haw_span){view, n});
		free(view);
		at += n;
	}
	if (p->sftp && !p->closed)
		haw_sftp_batch_end(p->sftp);
	if (!p->hold)
		peer_release(p);
}

void peer_feed_bytes(struct peer *p, haw_span bytes, size_t step)
{
	struct feed feed = {.peer = p, .bytes = bytes, .step = step};

	peer_turn(p, feed_views, &feed);
}

void peer_feed(struct peer *p)
{
	peer_feed_bytes(p, haw_message_all(&p->reply), 0);
	haw_message_reset(&p->reply);
}

/* ---- Opening ---- */

bool peer_open(struct peer *p, bool pipelines)
{
	memset(p, 0, sizeof(*p));
	p->pipelines = pipelines;
	haw_message_write(&p->reply, 1 << 20);
	p->loop = haw_loop_new(NULL, NULL);
	if (!p->loop)
		return false;
	p->sftp = haw_sftp_create(p->loop, &test_carrier, p, NULL, NULL, NULL);
	if (!p->sftp)
		return false;
	p->start = &p->sftp->start->op;
	return haw_sftp_hello(p->sftp, NULL) == 0;
}

bool peer_open_ready(struct peer *p)
{
	haw_span request;

	if (!peer_open(p, false))
		return false;
	reply_version(p, true);
	peer_feed(p);
	peer_next(p);
	request = peer_next(p);
	if (peer_type(request) != HAW_FXP_EXTENDED)
		return false;
	reply_begin(p, HAW_FXP_EXTENDED_REPLY, peer_id(request));
	haw_put_u64(&p->reply, 262144);
	haw_put_u64(&p->reply, 261120);
	haw_put_u64(&p->reply, 261120);
	haw_put_u64(&p->reply, 1019);
	reply_end(p);
	peer_feed(p);
	return haw_op_result(p->start, NULL) == 0;
}

void peer_close(struct peer *p)
{
	haw_op_free(p->start);
	haw_sftp_free(p->sftp);
	haw_message_free(&p->reply);
	haw_loop_free(p->loop);
}

/* ---- Requests ---- */

haw_span peer_next(struct peer *p)
{
	haw_span request = {NULL, 0};
	uint32_t length;

	if (p->sent_len - p->sent_read < HAW_SFTP_HEAD)
		return request;
	length = haw_load_be32(p->sent + p->sent_read);
	if (length > p->sent_len - p->sent_read - HAW_SFTP_LENGTH)
		return request;
	request = (haw_span){p->sent + p->sent_read + HAW_SFTP_LENGTH, length};
	p->sent_read += HAW_SFTP_LENGTH + length;
	return request;
}

uint8_t peer_type(haw_span request)
{
	return request.len > 0 ? request.ptr[0] : 0;
}

uint32_t peer_id(haw_span request)
{
	return request.len >= 5 ? haw_load_be32(request.ptr + 1) : 0;
}

/* ---- Replies ---- */

void reply_begin(struct peer *p, uint8_t type, uint32_t id)
{
	p->mark = haw_put_string_begin(&p->reply);
	haw_put_byte(&p->reply, type);
	haw_put_u32(&p->reply, id);
}

void reply_end(struct peer *p)
{
	haw_put_string_end(&p->reply, p->mark);
}

void reply_status(struct peer *p, uint32_t id, uint32_t status, const char *text)
{
	reply_begin(p, HAW_FXP_STATUS, id);
	haw_put_u32(&p->reply, status);
	haw_put_string(&p->reply, text, strlen(text));
	haw_put_string(&p->reply, "", 0);
	reply_end(p);
}

void reply_handle(struct peer *p, uint32_t id, const char *handle)
{
	reply_begin(p, HAW_FXP_HANDLE, id);
	haw_put_string(&p->reply, handle, strlen(handle));
	reply_end(p);
}

void reply_data(struct peer *p, uint32_t id, const void *data, size_t len)
{
	reply_begin(p, HAW_FXP_DATA, id);
	haw_put_string(&p->reply, data, len);
	reply_end(p);
}

void reply_version(struct peer *p, bool extensions)
{
	static const char *const pairs[][2] = {
		{"posix-rename@openssh.com", "1"},
		{"statvfs@openssh.com", "2"},
		{"fstatvfs@openssh.com", "2"},
		{"hardlink@openssh.com", "1"},
		{"fsync@openssh.com", "1"},
		{"lsetstat@openssh.com", "1"},
		{"limits@openssh.com", "1"},
		{"expand-path@openssh.com", "1"},
		{"copy-data", "1"},
		{"home-directory", "1"},
		{"users-groups-by-id@openssh.com", "1"},
		{"versions", "2,3,4,5,6"},
	};

	reply_begin(p, HAW_FXP_VERSION, HAW_SFTP_VERSION);
	for (size_t i = 0; extensions && i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		haw_put_text(&p->reply, pairs[i][0]);
		haw_put_text(&p->reply, pairs[i][1]);
	}
	reply_end(p);
}
