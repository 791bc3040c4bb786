/* SPDX-License-Identifier: Apache-2.0
 *
 * What `scp -f` on the server sends, record by record.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "braces.h"
#include "legacy.h"

/* Each level holds a directory open. */
enum { DEPTH_MAX = 1024 };

struct taking {
	struct cp_legacy *l;
	struct cp_legacy_dir *dir; /* the present one */
	const char *rename_to;
	struct cp_braces
		asked; /* patterns, one of which a name at the top must match; none: any name may come */
	unsigned depth;
	bool timed;
	struct timespec times[2]; /* of the next record */
	/* The file under way. */
	struct cp_sink sink;
	uint64_t offset;
	int error;
};

struct record {
	mode_t mode;
	uint64_t size;
	const char *name;
};

/* ---- Numbers ---- */

static bool number(const char **p, uint64_t most, char end, uint64_t *value)
{
	const char *at = *p;

	*value = 0;
	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*value > (most - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	if (*at != end)
		return false;
	*p = at + (end != '\0');
	return true;
}

/* "T<mtime> <usec> <atime> <usec>" */
static bool parse_times(struct taking *t, const char *line)
{
	uint64_t seconds[2], micros[2];
	const char *p = line + 1;

	if (!number(&p, INT64_MAX, ' ', &seconds[1]) || !number(&p, 999999, ' ', &micros[1]) ||
	    !number(&p, INT64_MAX, ' ', &seconds[0]) || !number(&p, 999999, '\0', &micros[0]))
		return false;
	for (int i = 0; i < 2; i++)
		t->times[i] =
			(struct timespec){.tv_sec = (time_t)seconds[i], .tv_nsec = (long)micros[i] * 1000};
	t->timed = true;
	return true;
}

/* "C<mode> <size> <name>", and D the same. */
static bool parse_record(const char *line, struct record *r)
{
	const char *p = line + 1;

	r->mode = 0;
	for (int i = 0; i < 4; i++, p++) {
		if (*p < '0' || *p > '7')
			return false;
		r->mode = r->mode << 3 | (mode_t)(*p - '0');
	}
	if (*p++ != ' ' || !number(&p, INT64_MAX, ' ', &r->size))
		return false;
	r->name = p;
	return true;
}

/* ---- Names ---- */

/* What scp asks for is what the last component of the request stands for. With -r the shell there may make
 * another name of it (~, $HOME, `...`); only then is it not known. */
static bool expect_names(struct taking *t, const char *request)
{
	const struct cp_args *args = t->l->s->args;
	const char *slash = strrchr(request, '/'), *last = slash ? slash + 1 : request;

	if (args->scp.unchecked || (args->recursive && (!*last || strpbrk(last, "~$`'\"") || last[0] == '.')))
		return true;
	return cp_braces_expand(&t->asked, request);
}

static bool was_asked_for(const struct taking *t, const char *name)
{
	if (!t->dir->base || t->asked.count == 0)
		return true;
	for (size_t i = 0; i < t->asked.count; i++) {
		const char *slash = strrchr(t->asked.items[i], '/');
		const char *pattern = slash ? slash + 1 : t->asked.items[i];

		if (strcmp(pattern, name) == 0 || fnmatch(pattern, name, 0) == 0)
			return true;
	}
	return false;
}

static bool check_name(struct taking *t, const char *name)
{
	char shown[1200], text[1400];

	haw_escape(shown, sizeof(shown), name, strnlen(name, 280));
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		snprintf(text, sizeof(text), "sends the name \"%s\", which no directory can hold: refused",
			 shown);
	else if (!was_asked_for(t, name))
		snprintf(text, sizeof(text), "sends \"%s\", which was not asked for (-T takes it): refused",
			 shown);
	else
		return true;
	cp_legacy_break(t->l, text);
	return false;
}

/* Where it goes here, and whether a link that stands there is the user's. */
static const char *local_name(const struct taking *t, const char *name, bool *trusted)
{
	bool renamed = t->dir->base && t->rename_to;

	*trusted = renamed || (t->dir->base && t->asked.count > 0);
	return renamed ? t->rename_to : name;
}

/* ---- Files ---- */

static void take_data(void *user, const uint8_t *data, size_t len)
{
	struct taking *t = user;

	if (!t->error)
		t->error = cp_sink_put(&t->sink, t->offset, data, len);
	t->offset += len;
	t->l->s->report.bytes += len;
}

static void flush_data(void *user)
{
	struct taking *t = user;

	if (!t->error && t->sink.view_count > 0)
		t->error = cp_sink_flush(&t->sink);
	t->sink.view_count = 0;
}

static void fail(struct taking *t, const char *name, int error)
{
	if (cp_legacy_running(t->l)) {
		cp_report_failed(&t->l->s->report, name, "%s",
				 error == ELOOP ? "is a link: not followed" : cp_sink_reason(error));
		cp_legacy_refuse(t->l, cp_sink_reason(error));
	}
}

/* The file is here or it is not: either way it is settled. */
static void finish_file(struct taking *t, const char *name, const struct record *r)
{
	const struct timespec untouched[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	struct cp_session *s = t->l->s;
	const struct timespec *times = NULL;

	if (s->args->preserve)
		times = t->timed ? t->times : untouched;
	t->error = cp_sink_finish(&t->sink, r->size, r->mode & 07777, s->umask, times);
	if (t->error) {
		fail(t, name, t->error);
		return;
	}
	cp_report_file(&s->report, name, r->size);
	cp_legacy_accept(t->l);
}

/* The connection was cut: it starts again over the next one. */
static void forget_file(struct taking *t, const struct record *r)
{
	struct cp_report *report = &t->l->s->report;

	report->total_files--;
	report->total_bytes -= r->size;
	report->bytes -= t->offset;
}

/* True if it is settled: here, or refused, or failed. */
static bool take_file(struct taking *t, const struct record *r)
{
	struct cp_legacy *l = t->l;
	bool trusted, good;
	const char *name = local_name(t, r->name, &trusted);

	t->offset = 0;
	t->error = 0;
	cp_sink_begin(&t->sink, t->dir->fd, name, t->dir->fresh, trusted, r->mode);
	/* Made, or not, before anything is sent. */
	t->error = t->dir->base && l->directory ? EISDIR : cp_sink_flush(&t->sink);
	if (t->error) {
		fail(t, name, t->error);
		cp_sink_abandon(&t->sink);
		return true;
	}
	l->s->report.total_files++;
	l->s->report.total_bytes += r->size;
	cp_legacy_accept(l);
	if (!cp_wire_take(l->wire, r->size, take_data, flush_data, t)) {
		cp_legacy_break(l, "has ended in the middle of a file");
		cp_sink_abandon(&t->sink);
		forget_file(t, r);
		return !l->cut;
	}
	/* Whether the server could read all of it. */
	good = cp_legacy_answer(l, name);
	if (!good || !cp_legacy_running(l) || t->error) {
		cp_sink_abandon(&t->sink);
		if (l->cut)
			forget_file(t, r);
		else if (t->error)
			fail(t, name, t->error);
		else if (cp_legacy_running(l))
			cp_legacy_accept(l);
		return !l->cut;
	}
	finish_file(t, name, r);
	return true;
}

/* ---- Directories ---- */

/* True if it is settled: it cannot be had. */
static bool enter(struct taking *t, const struct record *r)
{
	struct cp_legacy_dir *dir;
	bool trusted;
	const char *name = local_name(t, r->name, &trusted);

	if (!t->l->s->args->recursive) {
		cp_legacy_break(t->l, "sends a directory, which was not asked for");
		return true;
	}
	if (t->depth == DEPTH_MAX) {
		fail(t, name, ENAMETOOLONG);
		return true;
	}
	dir = cp_legacy_enter(t->l->s, t->dir, name, r->name, r->mode, trusted);
	if (!dir) {
		fail(t, name, errno);
		return true;
	}
	if (t->timed) {
		dir->timed = t->l->s->args->preserve;
		memcpy(dir->times, t->times, sizeof(dir->times));
	}
	t->dir = dir;
	t->depth++;
	cp_legacy_accept(t->l);
	return false;
}

static void leave(struct taking *t, bool complete)
{
	struct cp_legacy_dir *dir = t->dir;
	char *name = strdup(dir->name);
	int error;

	t->dir = dir->parent;
	t->depth--;
	error = cp_legacy_leave(t->l->s, dir, complete);
	t->l->settled |= complete;
	if (error)
		cp_report_failed(&t->l->s->report, name ? name : "?", "%s", strerror(error));
	free(name);
}

/* ---- Records ---- */

/* It came before a cut: the server goes on with the next. */
static void pass_over(struct taking *t)
{
	t->l->passed = true;
	cp_legacy_refuse(t->l, "is there already");
}

static void take_record(struct taking *t, const char *line)
{
	struct cp_done *done = t->dir->done;
	struct record r;

	if (!parse_record(line, &r)) {
		cp_legacy_break(t->l, "sends a malformed record");
	} else if (check_name(t, r.name)) {
		if (cp_done_has(done, r.name))
			pass_over(t);
		else if (line[0] == 'C' ? take_file(t, &r) : enter(t, &r))
			cp_legacy_settle(t->l, done, r.name);
		t->timed = false;
	}
}

/* What comes instead of the first record is what a shell says. */
static void take_line(struct taking *t, const char *line, size_t len, bool first)
{
	if (memchr(line, 0, len)) {
		cp_legacy_break(t->l, "sends a malformed record");
		return;
	}
	switch (line[0]) {
	case 1:
	case 2:
		cp_legacy_complain(t->l, NULL, line + 1, len - 1);
		t->l->broken |= line[0] == 2;
		break;
	case 'E':
		if (len > 1 || t->dir->base) {
			cp_legacy_break(t->l, "leaves a directory that it has not entered");
			break;
		}
		leave(t, true);
		cp_legacy_accept(t->l);
		break;
	case 'T':
		if (parse_times(t, line))
			cp_legacy_accept(t->l);
		else
			cp_legacy_break(t->l, "sends malformed times");
		break;
	case 'C':
	case 'D':
		take_record(t, line);
		break;
	default:
		if (first)
			cp_legacy_complain(t->l, NULL, line, len);
		else
			cp_legacy_break(t->l, "sends a malformed record");
		t->l->broken = true;
	}
}

void cp_legacy_take(struct cp_legacy *l, struct cp_legacy_dir *base, const char *rename_to,
		    const char *request)
{
	struct taking t = {.l = l, .dir = base, .rename_to = rename_to};
	char line[CP_LEGACY_LINE];

	if (!expect_names(&t, request)) {
		cp_report_failed(&l->s->report, request, "its braces do not match");
		return;
	}
	cp_legacy_accept(l);
	for (bool first = true; cp_legacy_running(l); first = false) {
		ptrdiff_t len = cp_wire_line(l->wire, line, sizeof(line));

		if (len == -1 && t.dir->base && cp_legacy_running(l) && !cp_wire_is_cut(l->wire)) {
			l->empty = first;
			break;
		}
		if (len <= 0)
			cp_legacy_break(l, len == -1   ? "has ended in the middle of a directory"
					   : len == -2 ? "sends an endless line"
						       : "sends an empty line");
		else
			take_line(&t, line, (size_t)len, first);
	}
	while (!t.dir->base)
		leave(&t, false);
	cp_braces_free(&t.asked);
}
