/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that an earlier run of this copy has completed (--resume): recorded for the same source and the very
 * same copy, or equal. That something of the same length stands here proves nothing.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "download.h"
#include "verify.h"

/* The server tells neither fractions of seconds nor inodes; the copy here has both. */
static char *line_of(const struct cp_dl_file *f, const struct stat *st)
{
	char *line;

	return asprintf(&line, "%llu %u %lld %lld.%09ld %llu %llu %d\n%s", (unsigned long long)f->attrs.size,
			f->attrs.mtime, (long long)st->st_size, (long long)st->st_mtim.tv_sec,
			st->st_mtim.tv_nsec, (unsigned long long)st->st_ino, (unsigned long long)st->st_dev,
			f->dl->s->args->preserve, f->remote) < 0
		       ? NULL
		       : line;
}

/* What stands here under the name is a regular file of the length there. */
static bool stands(const struct cp_dl_file *f, struct stat *st)
{
	uint32_t needed = HAW_ATTR_SIZE | HAW_ATTR_TIMES;

	return f->dl->s->args->resume && !f->dir->fresh && (f->attrs.flags & needed) == needed &&
	       fstatat(f->dir->fd, f->name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
	       (uint64_t)st->st_size == f->attrs.size;
}

void cp_dl_skip_later(struct cp_dl_file *f)
{
	struct stat st;
	char *line = stands(f, &st) ? line_of(f, &st) : NULL;

	if (line)
		cp_journal_add(&f->dl->journal, line);
	free(line);
}

static bool is_known(const struct cp_dl_file *f, const struct stat *st)
{
	char *line = line_of(f, st);
	bool known = line && cp_journal_knows(&f->dl->journal, line);

	free(line);
	return known;
}

/* ---- Comparing ---- */

static bool keeps(const struct cp_dl_file *f)
{
	const struct timespec times[2] = {{.tv_sec = f->attrs.atime}, {.tv_sec = f->attrs.mtime}};

	return !f->dl->s->args->preserve || ((!(f->attrs.flags & HAW_ATTR_MODE) ||
					      fchmod(f->verify_fd, f->attrs.mode & 07777) == 0) &&
					     futimens(f->verify_fd, times) == 0);
}

static void compared(void *user, enum cp_verdict verdict, enum cp_verify_method method, const haw_error *err)
{
	struct cp_dl_file *f = user;
	struct cp_session *s = f->dl->s;
	bool same = verdict == CP_SAME && keeps(f);

	close(f->verify_fd);
	f->pending--;
	if (verdict == CP_UNKNOWN)
		cp_session_ended(s, err->code, err);
	if (!same) {
		cp_dl_file_fetch(f);
		return;
	}
	if (s->args->verify)
		s->report.verified[method]++;
	cp_dl_skip_later(f);
	cp_dl_file_leave(f);
}

bool cp_dl_skip(struct cp_dl_file *f)
{
	struct cp_verify_local local = {.size = f->attrs.size};
	struct stat st;

	if (!stands(f, &st))
		return false;
	if (!f->dl->s->args->verify && is_known(f, &st)) {
		cp_dl_file_leave(f);
		return true;
	}
	f->verify_fd = local.fd = openat(f->dir->fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (local.fd < 0)
		return false;
	if (!cp_verify(f->dl->s, f->remote, &local, compared, f)) {
		close(local.fd);
		return false;
	}
	f->pending++;
	return true;
}

/* ---- The journal ---- */

void cp_dl_journal_open(struct cp_download *dl, int sync, char **sources, size_t count)
{
	const struct cp_location *peer = dl->s->peer;
	char *text = NULL, local[PATH_MAX];
	size_t len;
	FILE *out;

	dl->journal.fd = dl->journal.directory = -1;
	/* Names are the same whether a tree is named or, once it has been made, its content. */
	if (!dl->s->args->resume || sync < 0 || !(out = open_memstream(&text, &len)))
		return;
	fprintf(out, "down\n%s\n%s\n%u\n%s", peer->user ? peer->user : "", peer->host, peer->port,
		realpath(dl->base->remote, local) ? local : "");
	fprintf(out, "%s%s\n", dl->rename_to ? "/" : "", dl->rename_to ? dl->rename_to : "");
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(sources[i]);

		while (n > 1 && (sources[i][n - 1] == '/' ||
				 (sources[i][n - 1] == '.' && sources[i][n - 2] == '/')))
			n--;
		fprintf(out, "%.*s\n", (int)n, sources[i]);
	}
	if (fclose(out) == 0)
		cp_journal_open(&dl->journal, text, sync);
	free(text);
}
