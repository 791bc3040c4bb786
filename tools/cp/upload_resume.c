/* SPDX-License-Identifier: Apache-2.0
 *
 * Going on with a file that an earlier run has left half-written on the server (--resume).
 *
 * Only what a record says was acknowledged, for the very same source, is taken for granted. Without such a
 * record what is there is read back and compared; what is equal stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "upload.h"

enum { PIECE = 128 << 10, PIECES = 8 };

static const uint64_t record_every_ns = 1000000000;

struct back {
	struct cp_up_file *f;
	struct cp_file *file;
	struct cp_paced paced;
	uint64_t size, next;
	unsigned pending;
	bool failed;
	uint8_t buffer[PIECE];
};

struct piece {
	struct back *b;
	uint64_t offset;
	uint32_t len;
	bool differs;
};

static struct cp_session *session(const struct cp_up_file *f)
{
	return f->dir->up->s;
}

/* ---- Records ---- */

static bool record_place(const struct cp_up_file *f, int *directory, char name[72])
{
	const struct cp_location *peer = session(f)->peer;
	char local[PATH_MAX], *text = NULL;
	int n;

	if (!realpath(f->local, local))
		return false;
	n = asprintf(&text, "%s\n%s\n%u\n%s\n%s", peer->user ? peer->user : "", peer->host, peer->port,
		     f->final, local);
	if (n < 0)
		return false;
	cp_record_name(text, name);
	free(text);
	*directory = cp_record_directory();
	return *directory >= 0;
}

static void identity_of(const struct cp_up_file *f, char out[160])
{
	const struct stat *st = &f->source.st;

	snprintf(out, 160, "upload %llu %lld.%09ld %llu %llu", (unsigned long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_dev);
}

static bool is_recorded(const struct cp_up_file *f)
{
	return session(f)->args->resume && f->temporary && !f->data;
}

void cp_up_record(struct cp_up_file *f, bool now)
{
	char name[72], identity[160];
	int directory;

	if (!is_recorded(f) || (!now && cp_now_ns() - f->recorded_ns < record_every_ns))
		return;
	f->recorded_ns = cp_now_ns();
	if (!record_place(f, &directory, name))
		return;
	identity_of(f, identity);
	cp_record_write(directory, name, identity, &f->have);
	close(directory);
}

void cp_up_record_forget(struct cp_up_file *f)
{
	char name[72];
	int directory;

	if (!is_recorded(f) || !record_place(f, &directory, name))
		return;
	unlinkat(directory, name, 0);
	close(directory);
}

static enum cp_record read_record(struct cp_up_file *f, uint64_t size)
{
	char name[72], identity[160];
	enum cp_record result;
	int directory;

	if (!record_place(f, &directory, name))
		return CP_RECORD_NONE;
	identity_of(f, identity);
	result = cp_record_read(directory, name, identity, size, &f->have);
	close(directory);
	if (result == CP_RECORD_DAMAGED)
		cp_report_note(&session(f)->report, 0, "the record of a partial copy is damaged: ignored");
	return result;
}

static void go_on(struct cp_up_file *f, const char *how)
{
	uint64_t bytes = cp_ranges_bytes(&f->have);
	char line[120];

	f->resumed = true;
	session(f)->report.resumed += bytes;
	snprintf(line, sizeof(line), "going on with a partial copy: %llu of %llu bytes are there (%s)",
		 (unsigned long long)bytes, (unsigned long long)f->source.size, how);
	cp_report_note(&session(f)->report, 1, line);
	cp_up_file_open(f);
}

/* ---- Reading back ---- */

static void read_more(struct back *b);

static void ignored(void *user, struct cp_reply *reply)
{
	(void)user;
	(void)reply;
}

static void settle(struct back *b)
{
	struct cp_up_file *f = b->f;

	if (b->pending > 0 || b->paced.queued)
		return;
	if (b->file)
		cp_file_close(b->file, ignored, NULL, NULL);
	free(b);
	/* What was there may hold anything where the source has holes. */
	f->dense = true;
	go_on(f, "compared");
}

static void view_came(void *user, uint64_t offset, haw_span view)
{
	struct piece *p = user;
	struct back *b = p->b;

	while (view.len > 0 && !p->differs) {
		size_t n = view.len < PIECE ? view.len : PIECE;

		p->differs = pread(b->f->source.fd, b->buffer, n, (off_t)offset) != (ssize_t)n ||
			     memcmp(b->buffer, view.ptr, n) != 0;
		view.ptr += n;
		view.len -= n;
		offset += n;
	}
}

static void piece_came(void *user, struct cp_reply *reply)
{
	struct piece *p = user;
	struct back *b = p->b;
	int code = cp_reply_result(reply, NULL);

	uint32_t count = code == 0 ? cp_reply_count(reply) : 0;

	b->pending--;
	cp_rate_return(&session(b->f)->flow.rate, p->len - count);
	if (code == 0 && !p->differs)
		cp_ranges_add(&b->f->have, p->offset, p->offset + count);
	else if (code < 0 && code != HAW_EEND)
		b->failed = true;
	free(p);
	read_more(b);
	settle(b);
}

/* The rate has room again, or nothing goes on. */
static void paced(void *user)
{
	struct back *b = user;

	read_more(b);
	settle(b);
}

static void read_more(struct back *b)
{
	struct cp_session *s = session(b->f);
	uint32_t most =
		cp_rate_piece(&s->flow.rate, s->limits.read < PIECE ? (uint32_t)s->limits.read : PIECE);

	while (!b->failed && cp_running(s) && b->pending < PIECES && b->next < b->size) {
		uint32_t len = (uint32_t)(b->size - b->next < most ? b->size - b->next : most);
		struct piece *p;
		haw_error err;

		if (!cp_session_paces(s, len, &b->paced) || !(p = calloc(1, sizeof(*p))))
			break;
		*p = (struct piece){.b = b, .offset = b->next, .len = len};
		if (!cp_file_read(b->file, p->offset, p->len, view_came, piece_came, p, &err)) {
			free(p);
			break;
		}
		b->pending++;
		b->next += p->len;
	}
}

static void opened(void *user, struct cp_reply *reply)
{
	struct back *b = user;

	b->pending--;
	if (cp_reply_result(reply, NULL) == 0) {
		b->file = cp_reply_file(reply);
		read_more(b);
	}
	settle(b);
}

static void read_back(struct cp_up_file *f, uint64_t size)
{
	struct back *b = calloc(1, sizeof(*b));
	const haw_attrs none = {0};
	haw_error err;

	if (b) {
		*b = (struct back){
			.f = f, .size = size < f->source.size ? size : f->source.size, .pending = 1};
		b->paced = (struct cp_paced){.again = paced, .user = b};
		if (cp_sftp_open(session(f), f->path, HAW_OPEN_READ, &none, opened, b, &err))
			return;
	}
	free(b);
	cp_up_file_open(f);
}

/* ---- What is there ---- */

static void looked_at(void *user, struct cp_reply *reply)
{
	struct cp_up_file *f = user;
	haw_attrs attrs = {0};
	bool there = cp_reply_result(reply, NULL) == 0 && cp_reply_attrs(reply, &attrs) &&
		     attrs.flags & HAW_ATTR_MODE && S_ISREG(attrs.mode) && attrs.flags & HAW_ATTR_SIZE;

	if (!there || attrs.size == 0)
		cp_up_file_open(f);
	else if (read_record(f, attrs.size) == CP_RECORD_READ)
		go_on(f, "recorded");
	else
		read_back(f, attrs.size);
}

bool cp_up_resume(struct cp_up_file *f)
{
	haw_error err;

	return is_recorded(f) && cp_sftp_stat(session(f), f->path, false, looked_at, f, &err);
}
