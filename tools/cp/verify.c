/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hawser/hash.h>

#include "exec_hash.h"
#include "remote_internal.h"

/* Smaller files are read back: that is one request, where a command is a process on the server. */
enum { EXEC_LEAST = 1 << 20, PIECE = 128 << 10, PIECES = 8 };

/* The server hashes so much at a time, for ProFTPD counts to 4 GiB only. (Its 1.3.8 also takes a range
 * behind the first, and in front of the last, for another one; then the file is read back.) */
static const uint64_t hash_most = 3ull << 30;

const char *const cp_verify_words[CP_METHODS] = {"by the server's check-file", "by sha256sum on the server",
						 "by reading back"};

struct verify {
	struct cp_session *s;
	char *remote;
	struct cp_verify_local local;
	enum cp_verify_method method;
	struct cp_file *file;
	struct cp_paced paced;
	uint64_t next;	 /* to be read back from here */
	uint64_t hashed; /* up to here the server's hashes are right */
	unsigned pending;
	bool differs, failed;
	bool by_handle; /* check-file-handle, since check-file-name is not to be had */
	haw_error err;
	uint8_t buffer[PIECE];
	void (*done)(void *user, enum cp_verdict verdict, enum cp_verify_method method, const haw_error *err);
	void *user;
};

struct piece {
	struct verify *v;
	uint64_t offset;
	uint32_t len;
};

static void finish(struct verify *v)
{
	v->done(v->user, v->failed ? CP_UNKNOWN : v->differs ? CP_DIFFERS : CP_SAME, v->method, &v->err);
	free(v->remote);
	free(v);
}

static void fail(struct verify *v, const haw_error *err)
{
	if (!v->failed)
		v->err = *err;
	v->failed = true;
}

/* ---- Here ---- */

/* LEN bytes at OFFSET, which the caller uses at once; NULL if the file does not have them. */
static const uint8_t *bytes_here(struct verify *v, uint64_t offset, size_t len)
{
	size_t have = 0;

	if (offset > v->local.size || len > v->local.size - offset)
		return NULL;
	if (v->local.data)
		return v->local.data + offset;
	while (have < len) {
		ssize_t n = pread(v->local.fd, v->buffer + have, len - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		have += (size_t)n;
	}
	return v->buffer;
}

/* Of what is from BEGIN to END. */
static ptrdiff_t hash_here(struct verify *v, const char *algorithm, uint64_t begin, uint64_t end,
			   uint8_t out[HAW_HASH_MAX])
{
	haw_hash *hash = haw_hash_new(algorithm, NULL);
	const uint8_t *bytes = NULL;
	ptrdiff_t len = -1;
	uint64_t at = begin;

	while (hash && at < end) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

		bytes = bytes_here(v, at, n);
		if (!bytes)
			break;
		haw_hash_add(hash, bytes, n);
		at += n;
	}
	if (hash && at == end)
		len = haw_hash_end(hash, out, NULL);
	haw_hash_free(hash);
	return len;
}

static bool is_hash_here(struct verify *v, const char *algorithm, uint64_t begin, uint64_t end,
			 const uint8_t *hash, size_t len)
{
	uint8_t own[HAW_HASH_MAX];
	ptrdiff_t own_len = hash_here(v, algorithm, begin, end, own);

	return own_len > 0 && (size_t)own_len == len && memcmp(own, hash, len) == 0;
}

/* ---- Reading back ---- */

static void read_more(struct verify *v);

static void ignored(void *user, struct cp_reply *reply)
{
	(void)user;
	(void)reply;
}

static void settle(struct verify *v)
{
	if (v->pending > 0 || v->paced.queued)
		return;
	if (v->file)
		cp_file_close(v->file, ignored, NULL, NULL);
	finish(v);
}

static void view_came(void *user, uint64_t offset, haw_span view)
{
	struct verify *v = ((struct piece *)user)->v;

	while (view.len > 0 && !v->differs) {
		size_t n = view.len < PIECE ? view.len : PIECE;
		const uint8_t *own = bytes_here(v, offset, n);

		v->differs = !own || memcmp(own, view.ptr, n) != 0;
		view.ptr += n;
		view.len -= n;
		offset += n;
	}
}

static bool ask(struct verify *v, uint64_t offset, uint32_t len);

/* The rate has room again, or nothing goes on. */
static void paced(void *user)
{
	struct verify *v = user;
	const haw_error stopped = {.code = HAW_ECANCELED, .message = "interrupted"};

	if (!cp_running(v->s))
		fail(v, &stopped);
	read_more(v);
	settle(v);
}

static void piece_came(void *user, struct cp_reply *reply)
{
	struct piece *p = user;
	struct verify *v = p->v;
	haw_error err;
	int code = cp_reply_result(reply, &err);
	uint32_t count = code == 0 ? cp_reply_count(reply) : 0;

	v->pending--;
	cp_rate_return(&v->s->flow.rate, p->len - count);
	if (code == HAW_EEND)
		v->differs |= p->offset < v->local.size;
	else if (code < 0)
		fail(v, &err);
	else if (p->offset == v->local.size)
		v->differs = true; /* it goes on behind the end */
	else if (count < p->len && !v->differs && ask(v, p->offset + count, p->len - count))
		cp_rate_take(&v->s->flow.rate, p->len - count);
	free(p);
	read_more(v);
	settle(v);
}

static bool ask(struct verify *v, uint64_t offset, uint32_t len)
{
	struct piece *p = malloc(sizeof(*p));
	haw_error err = {.code = HAW_ENOMEM, .message = "out of memory"};

	if (p) {
		*p = (struct piece){v, offset, len};
		if (cp_file_read(v->file, offset, len, view_came, piece_came, p, &err)) {
			v->pending++;
			return true;
		}
	}
	free(p);
	fail(v, &err);
	return false;
}

/* The byte behind the end is asked for too: there must be none. */
static void read_more(struct verify *v)
{
	uint32_t most = cp_rate_piece(&v->s->flow.rate,
				      v->s->limits.read < PIECE ? (uint32_t)v->s->limits.read : PIECE);

	while (!v->failed && !v->differs && v->pending < PIECES && v->next <= v->local.size) {
		uint64_t left = v->local.size - v->next;
		uint32_t len = (uint32_t)(left == 0 ? 1 : left < most ? left : most);

		if (!cp_session_paces(v->s, len, &v->paced) || !ask(v, v->next, len))
			break;
		v->next += len;
	}
}

static bool ask_hash(struct verify *v);

static void opened(void *user, struct cp_reply *reply)
{
	struct verify *v = user;
	haw_error err;

	v->pending--;
	if (cp_reply_result(reply, &err) < 0) {
		fail(v, &err);
	} else {
		v->file = cp_reply_file(reply);
		if (v->by_handle && ask_hash(v))
			return;
		v->method = CP_BY_READING;
		read_more(v);
	}
	settle(v);
}

/* Nothing may be called back from within CP_VERIFY: what fails at once fails with the answer. */
static bool open_there(struct verify *v)
{
	const haw_attrs none = {0};

	if (!cp_sftp_open(v->s, v->remote, HAW_OPEN_READ, &none, opened, v, &v->err))
		return false;
	v->pending++;
	return true;
}

static bool read_back(struct verify *v)
{
	v->method = CP_BY_READING;
	return open_there(v);
}

static void read_back_or_fail(struct verify *v)
{
	if (v->file) {
		v->method = CP_BY_READING;
		read_more(v);
		settle(v);
	} else if (!read_back(v)) {
		v->failed = true;
		finish(v);
	}
}

/* ---- By hashes ---- */

static void summed(void *user, const uint8_t *hash)
{
	struct verify *v = user;

	if (hash && is_hash_here(v, "sha256", 0, v->local.size, hash, CP_HASH_SIZE))
		settle(v);
	else
		read_back_or_fail(v);
}

static void resolved(void *user, struct cp_reply *reply)
{
	struct verify *v = user;
	haw_span path = cp_reply_result(reply, NULL) == 0 ? cp_reply_path(reply) : (haw_span){NULL, 0};
	char *name = path.len > 0 && path.ptr[0] == '/' && !memchr(path.ptr, 0, path.len)
			     ? strndup((const char *)path.ptr, path.len)
			     : NULL;

	v->method = CP_BY_SHA256SUM;
	if (!name || !cp_exec_hash(v->s, name, v->local.size, summed, v))
		read_back_or_fail(v);
	free(name);
}

static bool sum(struct verify *v)
{
	if (v->s->remote.no_exec || v->local.size < EXEC_LEAST)
		return false;
	return cp_sftp_realpath(v->s, v->remote, resolved, v, &v->err) != NULL;
}

/* The end of the range that is hashed next. The last one goes to the end of the file there, wherever. */
static uint64_t hash_end(const struct verify *v)
{
	uint64_t left = v->local.size - v->hashed;

	return v->hashed + (left > hash_most ? hash_most : left);
}

/* Whether the hash in REPLY, if there is one (*SAID), is that of the range here. */
static bool is_right(struct verify *v, const struct cp_reply *reply, bool *said)
{
	haw_span algorithm, hash = cp_reply_hash(reply, &algorithm);
	const char *name = haw_span_is(algorithm, "sha256")   ? "sha256"
			   : haw_span_is(algorithm, "sha512") ? "sha512"
							      : NULL;

	*said = hash.len > 0;
	return *said && name && is_hash_here(v, name, v->hashed, hash_end(v), hash.ptr, hash.len);
}

/* A server that does not know the request is not asked for each file. True if the other form is tried. */
static bool is_refused(struct verify *v)
{
	v->s->extensions &= ~(uint32_t)(v->by_handle ? HAW_SFTP_CHECK_HANDLE : HAW_SFTP_CHECK_FILE);
	if (v->by_handle || !(v->s->extensions & HAW_SFTP_CHECK_HANDLE))
		return false;
	v->by_handle = true;
	return open_there(v);
}

static void checked(void *user, struct cp_reply *reply)
{
	struct verify *v = user;
	int code = cp_reply_result(reply, NULL);
	bool said = false;

	v->pending--;
	if (code == 0 && is_right(v, reply, &said)) {
		v->hashed = hash_end(v);
		if (v->hashed == v->local.size)
			settle(v);
		else if (!ask_hash(v))
			read_back_or_fail(v);
	} else if (code == HAW_EUNSUPPORTED && is_refused(v)) {
		return;
	} else if (said || !sum(v)) {
		read_back_or_fail(v);
	}
}

static bool ask_hash(struct verify *v)
{
	uint64_t end = hash_end(v);
	uint32_t len = end < v->local.size ? (uint32_t)(end - v->hashed) : 0;
	const char *algorithms = "sha256,sha512";
	struct cp_reply *reply =
		v->by_handle
			? cp_file_check(v->file, algorithms, v->hashed, len, checked, v, &v->err)
			: cp_sftp_check_file(v->s, v->remote, algorithms, v->hashed, len, checked, v,
					     &v->err);

	v->pending += reply != NULL;
	return reply != NULL;
}

bool cp_verify(struct cp_session *s, const char *remote, const struct cp_verify_local *local,
	       void (*done)(void *user, enum cp_verdict verdict, enum cp_verify_method method,
			    const haw_error *err),
	       void *user)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (!v || !(v->remote = strdup(remote))) {
		free(v);
		return false;
	}
	v->s = s;
	v->local = *local;
	v->done = done;
	v->user = user;
	v->paced = (struct cp_paced){.again = paced, .user = v};
	v->method = CP_BY_CHECK_FILE;
	if (local->size > 0 && s->extensions & (HAW_SFTP_CHECK_FILE | HAW_SFTP_CHECK_HANDLE)) {
		v->by_handle = !(s->extensions & HAW_SFTP_CHECK_FILE);
		if (v->by_handle ? open_there(v) : ask_hash(v))
			return true;
		v->by_handle = false;
	}
	if (sum(v) || read_back(v))
		return true;
	free(v->remote);
	free(v);
	return false;
}
