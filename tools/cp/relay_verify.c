/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a file on the second host is what it is on the first (--verify): by hashes that both servers make,
 * by check-file or by sha256sum run there, else by reading both. As in verify.c hashes that differ are not
 * believed, for a command may see other files than the SFTP server does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/hash.h>

#include "exec_hash.h"
#include "relay.h"
#include "verify.h"

/* Smaller files are read: that is one request, where a command is a process on each server. */
enum { EXEC_LEAST = 1 << 20, PIECE = 128 << 10, PIECES = 4 };

struct comparison;

struct side {
	struct comparison *c;
	struct cp_session *s;
	const char *path; /* the file's */
	struct cp_file *file;
	uint8_t hash[HAW_HASH_MAX];
	size_t hash_len;
};

struct comparison {
	struct cp_relay_file *f;
	struct side sides[2];
	enum cp_verify_method method;
	struct cp_paced paced;
	unsigned pending; /* requests, or pieces */
	uint64_t next;
	bool differs;
};

struct half {
	struct piece *p;
	uint32_t count;
	uint8_t *data;
};

struct piece {
	struct comparison *c;
	uint64_t offset;
	uint32_t len;
	unsigned pending;
	struct half halves[2];
	uint8_t data[];
};

static bool more_is_wanted(const struct comparison *c)
{
	return !c->differs && !c->f->failed && cp_relay_running(c->f->r);
}

/* ---- The end ---- */

static void finish(struct comparison *c)
{
	struct cp_relay_file *f = c->f;
	struct cp_relay *r = f->r;
	char text[120];

	for (int i = 0; i < 2; i++)
		if (c->sides[i].file)
			cp_file_close(c->sides[i].file, cp_relay_ignore, NULL, NULL);
	if (c->differs && !f->failed) {
		snprintf(text, sizeof(text), "differs from its source (compared %s)",
			 cp_verify_words[c->method]);
		cp_relay_fail_plain(r, r->to, f->final, text);
		f->failed = true;
	} else if (!f->failed && cp_relay_running(r)) {
		r->from->report.verified[c->method]++;
	}
	free(c);
	f->pending--;
	cp_relay_file_settle(f);
	cp_relay_pump(r);
}

/* ---- Reading both ---- */

static void read_more(struct comparison *c);

static void compare(struct piece *p)
{
	struct comparison *c = p->c;
	const struct half *a = &p->halves[0], *b = &p->halves[1];
	uint32_t both = a->count < b->count ? a->count : b->count;

	if (memcmp(a->data, b->data, both) != 0) {
		c->differs = true;
	} else if (both == p->len) {
		c->differs |= p->offset >= c->f->end; /* they go on behind the end */
	} else if (both > 0) {
		/* Cut short, or near the end: from there. */
		if (c->next > p->offset + both)
			c->next = p->offset + both;
	} else {
		c->differs |= a->count != b->count || p->offset < c->f->end;
	}
}

static void half_view(void *user, uint64_t offset, haw_span view)
{
	struct half *h = user;

	memcpy(h->data + (offset - h->p->offset), view.ptr, view.len);
}

static void half_came(void *user, struct cp_reply *reply)
{
	struct half *h = user;
	struct piece *p = h->p;
	struct comparison *c = p->c;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	h->count = code == 0 ? cp_reply_count(reply) : 0;
	if (code < 0 && code != HAW_EEND)
		cp_relay_file_check(c->f, c->sides[h - p->halves].s, code, &err);
	if (--p->pending > 0)
		return;
	if (more_is_wanted(c))
		compare(p);
	c->f->r->held -= 2 * (uint64_t)p->len;
	free(p);
	c->pending--;
	read_more(c);
}

static bool ask(struct comparison *c, uint64_t offset, uint32_t len)
{
	struct piece *p = malloc(sizeof(*p) + 2 * (size_t)len);
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};

	if (!p) {
		cp_relay_file_check(c->f, c->f->r->to, err.code, &err);
		return false;
	}
	*p = (struct piece){.c = c, .offset = offset, .len = len};
	for (int i = 0; i < 2; i++) {
		p->halves[i] = (struct half){.p = p, .data = p->data + (size_t)i * len};
		if (cp_file_read(c->sides[i].file, offset, len, half_view, half_came, &p->halves[i], &err))
			p->pending++;
		else
			cp_relay_file_check(c->f, c->sides[i].s, err.code, &err);
	}
	if (p->pending == 0) {
		free(p);
		return false;
	}
	c->f->r->held += 2 * (uint64_t)len;
	c->pending++;
	return true;
}

static uint32_t piece_size(const struct comparison *c)
{
	uint64_t most = PIECE;

	for (int i = 0; i < 2; i++)
		if (most > c->sides[i].s->limits.read)
			most = c->sides[i].s->limits.read;
	return cp_rate_piece(&c->f->r->from->flow.rate, (uint32_t)most);
}

/* The byte behind the end is asked for too: there must be none. */
static void read_more(struct comparison *c)
{
	uint64_t held_most = (uint64_t)c->f->r->from->args->memory_mib << 20, end = c->f->end;
	uint32_t most = piece_size(c);

	while (more_is_wanted(c) && c->next <= end && c->pending < PIECES &&
	       (c->pending == 0 || c->f->r->held < held_most)) {
		uint64_t left = end - c->next;
		uint32_t len = left == 0 ? 1 : left < most ? (uint32_t)left : most;

		/* Each side's line carries it once. */
		if (!cp_session_paces(c->f->r->from, len, &c->paced) || !ask(c, c->next, len))
			break;
		c->next += len;
	}
	if (c->pending == 0 && !c->paced.queued)
		finish(c);
}

static void paced(void *user)
{
	read_more(user);
}

static void opened(void *user, struct cp_reply *reply)
{
	struct side *side = user;
	struct comparison *c = side->c;
	haw_error err;
	int code = cp_reply_result(reply, &err);

	cp_relay_file_check(c->f, side->s, code, &err);
	if (code == 0)
		side->file = cp_reply_file(reply);
	if (--c->pending == 0)
		read_more(c);
}

static void read_both(struct comparison *c)
{
	const haw_attrs none = {0};
	haw_error err;

	c->method = CP_BY_READING;
	for (int i = 0; i < 2; i++) {
		struct side *side = &c->sides[i];

		if (cp_sftp_open(side->s, side->path, HAW_OPEN_READ, &none, opened, side, &err))
			c->pending++;
		else
			cp_relay_file_check(c->f, side->s, err.code, &err);
	}
	if (c->pending == 0)
		finish(c);
}

/* ---- By hashes ---- */

static bool same_hashes(const struct comparison *c)
{
	const struct side *a = &c->sides[0], *b = &c->sides[1];

	return a->hash_len > 0 && a->hash_len == b->hash_len && memcmp(a->hash, b->hash, a->hash_len) == 0;
}

static void summed_both(struct comparison *c)
{
	if (--c->pending > 0)
		return;
	if (same_hashes(c) || !more_is_wanted(c))
		finish(c);
	else
		read_both(c);
}

static void summed(void *user, const uint8_t *hash)
{
	struct side *side = user;

	if (hash) {
		memcpy(side->hash, hash, CP_HASH_SIZE);
		side->hash_len = CP_HASH_SIZE;
	}
	summed_both(side->c);
}

static void resolved(void *user, struct cp_reply *reply)
{
	struct side *side = user;
	haw_span path = cp_reply_result(reply, NULL) == 0 ? cp_reply_path(reply) : (haw_span){NULL, 0};
	char *name = path.len > 0 && path.ptr[0] == '/' && !memchr(path.ptr, 0, path.len)
			     ? strndup((const char *)path.ptr, path.len)
			     : NULL;

	if (!name || !cp_exec_hash(side->s, name, side->c->f->end, summed, side))
		summed_both(side->c);
	free(name);
}

static bool sum_both(struct comparison *c)
{
	haw_error err;

	if (c->f->end < EXEC_LEAST || c->sides[0].s->remote.no_exec || c->sides[1].s->remote.no_exec)
		return false;
	c->method = CP_BY_SHA256SUM;
	for (int i = 0; i < 2; i++) {
		c->sides[i].hash_len = 0;
		c->pending += cp_sftp_realpath(c->sides[i].s, c->sides[i].path, resolved, &c->sides[i],
					       &err) != NULL;
	}
	return c->pending > 0;
}

static void checked(void *user, struct cp_reply *reply)
{
	struct side *side = user;
	struct comparison *c = side->c;
	haw_span algorithm, hash = {NULL, 0};
	int code = cp_reply_result(reply, NULL);

	/* It was presumed, then. */
	if (code == HAW_EUNSUPPORTED)
		side->s->extensions &= ~(uint32_t)HAW_SFTP_CHECK_FILE;
	if (code == 0)
		hash = cp_reply_hash(reply, &algorithm);
	/* They differ in length, so that one is not taken for the other. */
	if (hash.len > 0 && hash.len <= sizeof(side->hash) &&
	    (haw_span_is(algorithm, "sha256") || haw_span_is(algorithm, "sha512"))) {
		memcpy(side->hash, hash.ptr, hash.len);
		side->hash_len = hash.len;
	}
	if (--c->pending > 0)
		return;
	if (same_hashes(c) || !more_is_wanted(c))
		finish(c);
	else if ((c->sides[0].hash_len > 0 && c->sides[1].hash_len > 0) || !sum_both(c))
		read_both(c);
}

static bool check_both(struct comparison *c)
{
	haw_error err;

	if (c->f->end == 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (!(c->sides[i].s->extensions & HAW_SFTP_CHECK_FILE))
			return false;
	c->method = CP_BY_CHECK_FILE;
	for (int i = 0; i < 2; i++)
		c->pending += cp_sftp_check_file(c->sides[i].s, c->sides[i].path, "sha256,sha512", 0, 0,
						 checked, &c->sides[i], &err) != NULL;
	return c->pending > 0;
}

bool cp_relay_verify(struct cp_relay_file *f)
{
	struct comparison *c = calloc(1, sizeof(*c));

	if (!c)
		return false;
	c->f = f;
	c->paced = (struct cp_paced){.again = paced, .user = c};
	c->sides[0] = (struct side){.c = c, .s = f->r->from, .path = f->source};
	c->sides[1] = (struct side){.c = c, .s = f->r->to, .path = f->path};
	f->pending++;
	if (!check_both(c) && !sum_both(c))
		read_both(c);
	return true;
}
