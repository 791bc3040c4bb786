/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocking reads and writes of any length: pieces of the size that the server takes, in a ring, as
 * many in flight as cover a bandwidth-delay product of IN_FLIGHT bytes. More than 2 MiB is slower
 * where there is no delay, because what is in flight leaves the caches.
 */
#include <string.h>

#include "transport/engine/loop.h"
#include "transport/sftp/session.h"

enum { IN_FLIGHT = 2 * 1024 * 1024, PIECES_MAX = 64, PIECES_MIN = 2 };

struct piece {
	haw_op *op;
	size_t at; /* from the start of the buffer */
	uint32_t len;
};

struct bulk {
	haw_file *file;
	uint64_t offset; /* of the buffer's start in the file */
	uint8_t *buffer;
	const uint8_t *data;
	size_t len, next; /* bytes in all, bytes asked for */
	uint32_t size;    /* of a piece */
	unsigned limit, first, count;
	struct piece pieces[PIECES_MAX];
};

/* Waiting inside a callback would fail with requests under way that refer to the caller's memory. */
static int check_outside(const haw_file *file, haw_error *err)
{
	if (file->sftp->loop->depth == 0)
		return 0;
	return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			     "a blocking call from inside a callback of the loop");
}

static void prepare(struct bulk *b, haw_file *file, uint64_t offset, size_t len, uint64_t size)
{
	uint64_t limit = IN_FLIGHT / size;

	memset(b, 0, sizeof(*b));
	b->file = file;
	b->offset = offset;
	b->len = len;
	b->size = (uint32_t)size;
	b->limit = limit < PIECES_MIN ? PIECES_MIN : limit > PIECES_MAX ? PIECES_MAX : (unsigned)limit;
}

/* The place of the next piece, which is as long as there are bytes. */
static struct piece *next_piece(struct bulk *b)
{
	struct piece *p = &b->pieces[(b->first + b->count) % PIECES_MAX];

	p->at = b->next;
	p->len = b->len - b->next < b->size ? (uint32_t)(b->len - b->next) : b->size;
	b->next += p->len;
	b->count++;
	return p;
}

static struct piece *oldest(struct bulk *b)
{
	return &b->pieces[b->first];
}

static void drop_oldest(struct bulk *b)
{
	haw_op_free(oldest(b)->op);
	b->first = (b->first + 1) % PIECES_MAX;
	b->count--;
}

/* ---- Reading ---- */

static void store(void *user, uint64_t offset, haw_span view)
{
	struct bulk *b = user;

	memcpy(b->buffer + (offset - b->offset), view.ptr, view.len);
}

static int ask(struct bulk *b, struct piece *p, haw_error *err)
{
	p->op = haw_file_read_start(b->file, b->offset + p->at, p->len, store, NULL, b, err);
	return p->op ? 0 : err->code;
}

/* The oldest piece has COUNT bytes more. Ask for what it lacks, else go on to the next. */
static int advance(struct bulk *b, uint32_t count, haw_error *err)
{
	struct piece *p = oldest(b);

	p->at += count;
	p->len -= count;
	if (p->len == 0) {
		drop_oldest(b);
		return 0;
	}
	haw_op_free(p->op);
	return ask(b, p, err);
}

ptrdiff_t haw_file_read(haw_file *file, uint64_t offset, void *buffer, size_t len, haw_error *err)
{
	haw_error own;
	struct bulk b;
	int rc;

	err = err ? err : &own;
	rc = check_outside(file, err);
	prepare(&b, file, offset, len, file->sftp->limits.read);
	b.buffer = buffer;
	while (rc == 0) {
		while (rc == 0 && b.next < b.len && b.count < b.limit)
			rc = ask(&b, next_piece(&b), err);
		if (rc < 0 || b.count == 0)
			break;
		rc = haw_op_wait(oldest(&b)->op, -1, err);
		if (rc == 0)
			rc = advance(&b, haw_sftp_op_count(oldest(&b)->op), err);
	}
	/* Pieces end in order, so all before the one at the end of the file are there. */
	if (rc == HAW_EEND) {
		len = oldest(&b)->at;
		rc = 0;
	}
	while (b.count > 0)
		drop_oldest(&b);
	return rc < 0 ? rc : (ptrdiff_t)len;
}

/* ---- Writing ---- */

int haw_file_write(haw_file *file, uint64_t offset, const void *data, size_t len, haw_error *err)
{
	haw_error first, later, *e = &first;
	struct bulk b;
	int rc = check_outside(file, &first);

	prepare(&b, file, offset, len, file->sftp->limits.write);
	b.data = data;
	/* After a failure nothing more is sent, but what was is waited for: it refers to DATA. */
	for (;;) {
		while (rc == 0 && b.next < b.len && b.count < b.limit) {
			struct piece *p = next_piece(&b);

			p->op = haw_file_write_start(file, offset + p->at, b.data + p->at, p->len, NULL, NULL,
						     NULL, e);
			if (!p->op) {
				rc = first.code;
				b.count--;
			}
		}
		if (b.count == 0)
			break;
		if (rc < 0)
			e = &later;
		if (haw_op_wait(oldest(&b)->op, -1, e) < 0 && rc == 0)
			rc = first.code;
		drop_oldest(&b);
	}
	if (rc < 0 && err)
		*err = first;
	return rc;
}
