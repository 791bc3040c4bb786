/* SPDX-License-Identifier: Apache-2.0
 *
 * Going on with a file that an earlier run has left half-written here (--resume). Without a good record it
 * is fetched anew: to compare it would take reading all of it from the server, too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "download.h"
#include "tempname.h"

static const uint64_t record_every_ns = 1000000000;

static bool is_recorded(const struct cp_dl_file *f)
{
	return f->dl->s->args->resume && !f->whole && !f->dir->fresh && f->attrs.flags & HAW_ATTR_SIZE &&
	       f->attrs.flags & HAW_ATTR_TIMES;
}

static char *record_name(const struct cp_dl_file *f)
{
	char *name = NULL, *result;

	if (asprintf(&name, "%s.hawser-ranges", f->sink.name) < 0)
		return NULL;
	result = cp_temp_path(name);
	free(name);
	return result;
}

/* "a/./b" is "a/b": whether a tree or its content was named does not matter. */
static void shorten(char *path)
{
	char *at;

	while ((at = strstr(path, "/./")))
		memmove(at, at + 2, strlen(at + 2) + 1);
}

/* The server tells neither fractions of seconds nor inodes. */
static char *identity_of(const struct cp_dl_file *f)
{
	const struct cp_location *peer = f->dl->s->peer;
	char *text = NULL, hash[72], *line = NULL;

	if (asprintf(&text, "%s\n%s\n%u\n%s", peer->user ? peer->user : "", peer->host, peer->port,
		     f->remote) < 0)
		return NULL;
	shorten(text);
	cp_record_name(text, hash);
	free(text);
	return asprintf(&line, "download %llu %u %s", (unsigned long long)f->attrs.size, f->attrs.mtime,
			hash) < 0
		       ? NULL
		       : line;
}

void cp_dl_record(struct cp_dl_file *f, bool now)
{
	char *name, *identity;

	if (!is_recorded(f) || f->sink.fd < 0 || !f->sink.written ||
	    (!now && cp_now_ns() - f->recorded_ns < record_every_ns))
		return;
	name = record_name(f);
	identity = identity_of(f);
	/* The record must not survive what it speaks of. */
	if (name && identity && fdatasync(f->sink.fd) == 0)
		cp_record_write(f->sink.directory, name, identity, &f->have);
	free(identity);
	free(name);
	f->recorded_ns = cp_now_ns();
}

void cp_dl_record_forget(struct cp_dl_file *f)
{
	char *name = is_recorded(f) ? record_name(f) : NULL;

	if (name)
		unlinkat(f->sink.directory, name, 0);
	free(name);
}

void cp_dl_resume(struct cp_dl_file *f)
{
	char *name, *identity, line[120];
	enum cp_record result = CP_RECORD_NONE;

	if (!is_recorded(f) || !cp_sink_resume(&f->sink))
		return;
	name = record_name(f);
	identity = identity_of(f);
	if (name && identity)
		result = cp_record_read(f->sink.directory, name, identity, f->sink.reach, &f->have);
	free(identity);
	free(name);
	if (result == CP_RECORD_DAMAGED)
		cp_report_note(&f->dl->s->report, 0, "the record of a partial copy is damaged: ignored");
	if (result != CP_RECORD_READ) {
		cp_sink_restart(&f->sink);
		return;
	}
	f->dl->s->report.resumed += cp_ranges_bytes(&f->have);
	snprintf(line, sizeof(line), "going on with a partial copy: %llu of %llu bytes are there (recorded)",
		 (unsigned long long)cp_ranges_bytes(&f->have), (unsigned long long)f->attrs.size);
	cp_report_note(&f->dl->s->report, 1, line);
}
