/* SPDX-License-Identifier: Apache-2.0
 *
 * Going on with a file that an earlier run has left half-written on the destination (--resume).
 *
 * Only what a record on this machine says was acknowledged, for the very same source, is taken for granted.
 * Without one the file is copied anew: to compare what is there, all of it would have to come here from both
 * sides, which is no less than copying.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"

static const uint64_t record_every_ns = 1000000000;

/* Smaller ones are copied anew. */
enum { RESUMED_LEAST = (256 << 10) + 1 };

bool cp_relay_is_recorded(const struct cp_relay_file *f)
{
	return f->r->to->args->resume && f->temporary && f->attrs.flags & HAW_ATTR_SIZE &&
	       f->attrs.flags & HAW_ATTR_TIMES && f->attrs.size >= RESUMED_LEAST;
}

/* ---- Records ---- */

static char *side(const struct cp_session *s, const char *path)
{
	const struct cp_location *peer = s->peer;
	char *text = NULL;

	return asprintf(&text, "%s\n%s\n%u\n%s", peer->user ? peer->user : "", peer->host, peer->port, path) <
			       0
		       ? NULL
		       : text;
}

/* "a/./b" is "a/b": whether a tree or its content was named does not matter. */
static void shorten(char *path)
{
	char *at;

	while ((at = strstr(path, "/./")))
		memmove(at, at + 2, strlen(at + 2) + 1);
}

/* Whom the record is for: both names, on both hosts. */
static bool record_place(const struct cp_relay_file *f, int *directory, char name[72])
{
	char *from = side(f->r->from, f->source), *to = side(f->r->to, f->final), *text = NULL;
	bool good = from && to && asprintf(&text, "%s\n%s", to, from) >= 0;

	free(from);
	free(to);
	if (!good)
		return false;
	shorten(text);
	cp_record_name(text, name);
	free(text);
	*directory = cp_record_directory();
	return *directory >= 0;
}

/* A server tells neither fractions of seconds nor inodes. */
static void identity_of(const struct cp_relay_file *f, char out[80])
{
	snprintf(out, 80, "relay %llu %u", (unsigned long long)f->attrs.size, f->attrs.mtime);
}

void cp_relay_record(struct cp_relay_file *f, bool now)
{
	char name[72], identity[80];
	int directory;

	if (!cp_relay_is_recorded(f) || (!now && cp_now_ns() - f->recorded_ns < record_every_ns))
		return;
	f->recorded_ns = cp_now_ns();
	if (!record_place(f, &directory, name))
		return;
	identity_of(f, identity);
	cp_record_write(directory, name, identity, &f->have);
	close(directory);
}

void cp_relay_record_forget(struct cp_relay_file *f)
{
	char name[72];
	int directory;

	if (!cp_relay_is_recorded(f) || !record_place(f, &directory, name))
		return;
	unlinkat(directory, name, 0);
	close(directory);
}

/* What of the SIZE bytes that are there is good. */
static bool read_record(struct cp_relay_file *f, uint64_t size)
{
	enum cp_record result;
	char name[72], identity[80];
	int directory;

	if (!record_place(f, &directory, name))
		return false;
	identity_of(f, identity);
	result = cp_record_read(directory, name, identity, size, &f->have);
	close(directory);
	if (result == CP_RECORD_DAMAGED)
		cp_report_note(&f->r->from->report, 0, "the record of a partial copy is damaged: ignored");
	return result == CP_RECORD_READ && f->have.count > 0;
}

/* ---- What is there ---- */

void cp_relay_resume(struct cp_relay_file *f, const haw_attrs *part)
{
	struct cp_report *report = &f->r->from->report;
	char line[120];

	if (!(part->flags & HAW_ATTR_MODE) || !S_ISREG(part->mode) || !(part->flags & HAW_ATTR_SIZE) ||
	    part->size == 0 || !read_record(f, part->size))
		return;
	f->resumed = true;
	f->regained = cp_ranges_bytes(&f->have);
	report->resumed += f->regained;
	snprintf(line, sizeof(line), "going on with a partial copy: %llu of %llu bytes are there (recorded)",
		 (unsigned long long)f->regained, (unsigned long long)f->attrs.size);
	cp_report_note(report, 1, line);
}

void cp_relay_restart(struct cp_relay_file *f)
{
	f->r->from->report.resumed -= f->regained;
	f->regained = 0;
	f->resumed = false;
	cp_ranges_free(&f->have);
}
