/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that an earlier run of this copy has completed (--resume): recorded for the very same source, or
 * equal to it. That something of the same length stands there proves nothing.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "upload.h"
#include "verify.h"

static struct cp_session *session(const struct cp_up_file *f)
{
	return f->dir->up->s;
}

/* The source as it was opened, and where it went. */
static char *line_of(const struct cp_up_file *f)
{
	const struct stat *st = &f->source.st;
	char *line;

	return asprintf(&line, "%lld %lld.%09ld %lld.%09ld %llu %llu %d\n%s", (long long)st->st_size,
			(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
			st->st_ctim.tv_nsec, (unsigned long long)st->st_ino, (unsigned long long)st->st_dev,
			session(f)->args->preserve, f->final) < 0
		       ? NULL
		       : line;
}

static bool is_known(const struct cp_up_file *f)
{
	char *line = line_of(f);
	bool known = line && cp_journal_knows(&f->dir->up->journal, line);

	free(line);
	return known;
}

void cp_up_skip_later(struct cp_up_file *f)
{
	char *line = session(f)->args->resume && !f->in_place ? line_of(f) : NULL;

	if (line)
		cp_journal_add(&f->dir->up->journal, line);
	free(line);
}

/* ---- Comparing ---- */

static void attrs_set(void *user, struct cp_reply *reply)
{
	struct cp_up_file *f = user;

	f->pending--;
	if (cp_reply_result(reply, NULL) == 0)
		cp_up_file_leave(f);
	else
		cp_up_file_replace(f);
}

static void compared(void *user, enum cp_verdict verdict, enum cp_verify_method method, const haw_error *err)
{
	struct cp_up_file *f = user;
	struct cp_session *s = session(f);
	const struct stat *st = &f->source.st;
	const haw_attrs attrs = {.flags = HAW_ATTR_MODE | HAW_ATTR_TIMES,
				 .mode = st->st_mode & 07777,
				 .atime = (uint32_t)st->st_atim.tv_sec,
				 .mtime = (uint32_t)st->st_mtim.tv_sec};
	haw_error ignored;

	f->pending--;
	if (verdict == CP_UNKNOWN)
		cp_session_ended(s, err->code, err);
	if (verdict != CP_SAME || (f->source.fd >= 0 && cp_source_has_changed(&f->source))) {
		cp_up_file_replace(f);
		return;
	}
	if (s->args->verify)
		s->report.verified[method]++;
	if (!s->args->preserve)
		cp_up_file_leave(f);
	else if (cp_sftp_setstat(s, f->final, &attrs, attrs_set, f, &ignored))
		f->pending++;
	else
		cp_up_file_replace(f);
}

bool cp_up_skip(struct cp_up_file *f)
{
	struct cp_session *s = session(f);
	const struct cp_verify_local local = {f->data, f->source.fd, f->source.size};

	if (!s->args->resume || !(f->standing.flags & HAW_ATTR_SIZE) || f->standing.size != f->source.size)
		return false;
	if (!s->args->verify && is_known(f)) {
		cp_up_file_leave(f);
		return true;
	}
	if (!cp_verify(s, f->final, &local, compared, f))
		return false;
	f->pending++;
	return true;
}

/* ---- The journal ---- */

void cp_up_journal_open(struct cp_upload *up, const char *destination)
{
	const struct cp_location *peer = up->s->peer;
	char *text = NULL, local[PATH_MAX];
	size_t len;
	FILE *out;

	up->journal.fd = up->journal.directory = -1;
	if (!up->s->args->resume || !(out = open_memstream(&text, &len)))
		return;
	fprintf(out, "up\n%s\n%s\n%u\n%s\n", peer->user ? peer->user : "", peer->host, peer->port,
		destination);
	for (size_t i = 0; i < up->source_count; i++)
		fprintf(out, "%s\n", realpath(up->sources[i], local) ? local : up->sources[i]);
	if (fclose(out) == 0)
		cp_journal_open(&up->journal, text, -1);
	free(text);
}
