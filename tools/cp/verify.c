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

const char *const cp_verify_words[CP_METHODS] = {"by the server's check-file", "by sha256sum on the server",
						 "by reading back"};

struct verify {
	struct cp_session *s;
	char *remote;
	struct cp_verify_local local;
	enum cp_verify_method method;
	struct cp_file *file;
	struct cp_paced paced;
	uint64_t next;
	unsigned pending;
	bool differs, failed, closed;
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

static ptrdiff_t hash_here(struct verify *v, const char *algorithm, uint8_t out[HAW_HASH_MAX])
{
	haw_hash *hash = haw_hash_new(algorithm, NULL);
	const uint8_t *bytes = NULL;
	ptrdiff_t len = -1;
	uint64_t at = 0;

	while (hash && at < v->local.size) {
		size_t n = v->local.size - at < PIECE ? (size_t)(v->local.size - at) : PIECE;

		bytes = bytes_here(v, at, n);
		if (!bytes)
			break;
		haw_hash_add(hash, bytes, n);
		at += n;
	}
	if (hash && at == v->local.size)
		len = haw_hash_end(hash, out, NULL);
	haw_hash_free(hash);
	return len;
}

static bool is_hash_here(struct verify *v, const char *algorithm, const uint8_t *hash, size_t len)
{
	uint8_t own[HAW_HASH_MAX];
	ptrdiff_t own_len = hash_here(v, algorithm, own);

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

static void opened(void *user, struct cp_reply *reply)
{
	struct verify *v = user;
	haw_error err;

	v->pending--;
	if (cp_reply_result(reply, &err) < 0) {
		fail(v, &err);
	} else {
		v->file = cp_reply_file(reply);
		read_more(v);
	}
	settle(v);
}

/* Nothing may be called back from within CP_VERIFY: what fails at once fails with the answer. */
static bool read_back(struct verify *v)
{
	const haw_attrs none = {0};

	v->method = CP_BY_READING;
	if (!cp_sftp_open(v->s, v->remote, HAW_OPEN_READ, &none, opened, v, &v->err))
		return false;
	v->pending++;
	return true;
}

static void read_back_or_fail(struct verify *v)
{
	if (read_back(v))
		return;
	v->failed = true;
	finish(v);
}

/* ---- By hashes ---- */

static void summed(void *user, const uint8_t *hash)
{
	struct verify *v = user;

	if (hash && is_hash_here(v, "sha256", hash, CP_HASH_SIZE))
		finish(v);
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

static void checked(void *user, struct cp_reply *reply)
{
	struct verify *v = user;
	haw_span algorithm, hash = {NULL, 0};
	bool known = false;

	if (cp_reply_result(reply, NULL) == 0)
		hash = cp_reply_hash(reply, &algorithm);
	if (hash.len > 0)
		known = haw_span_is(algorithm, "sha256") || haw_span_is(algorithm, "sha512");
	if (known &&
	    is_hash_here(v, haw_span_is(algorithm, "sha256") ? "sha256" : "sha512", hash.ptr, hash.len))
		finish(v);
	else if (hash.len > 0 || !sum(v))
		read_back_or_fail(v);
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
	if (s->extensions & HAW_SFTP_CHECK_FILE && local->size > 0 &&
	    cp_sftp_check_file(s, remote, "sha256,sha512", checked, v, &v->err))
		return true;
	if (sum(v) || read_back(v))
		return true;
	free(v->remote);
	free(v);
	return false;
}
