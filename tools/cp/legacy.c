/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Messages that are remembered. */
enum { TOLD_MAX = 1 << 16 };

/* ---- Messages ---- */

bool cp_legacy_running(const struct cp_legacy *l)
{
	return !l->broken && cp_running(l->s);
}

void cp_legacy_complain(struct cp_legacy *l, const char *name, const char *text, size_t len)
{
	char *shown;

	if (l->done && l->told.count < TOLD_MAX &&
	    !cp_seen_add(&l->told, (haw_span){(const uint8_t *)text, len}) && l->attempts > 0)
		return;
	shown = malloc(4 * len + 1);
	if (shown)
		haw_escape(shown, 4 * len + 1, text, len);
	cp_report_failed(&l->s->report, name, "%.200s: %.4000s", l->s->host_text, shown ? shown : "failed");
	free(shown);
}

void cp_legacy_break(struct cp_legacy *l, const char *what)
{
	if (l->wire && cp_wire_is_cut(l->wire))
		l->cut = true;
	else if (cp_legacy_running(l))
		cp_report_failed(&l->s->report, l->s->host_text, "scp there %s", what);
	l->broken = true;
}

void cp_legacy_accept(struct cp_legacy *l)
{
	if (!cp_wire_send(l->wire, "", 1))
		cp_legacy_break(l, "has ended");
}

void cp_legacy_refuse(struct cp_legacy *l, const char *reason)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "\1scp: %.400s\n", reason);

	/* A line break would end the message. */
	for (int i = 1; i + 1 < len; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	if (!cp_wire_send(l->wire, text, (size_t)len))
		cp_legacy_break(l, "has ended");
}

bool cp_legacy_answer(struct cp_legacy *l, const char *name)
{
	char text[CP_LEGACY_LINE];
	int kind = cp_wire_byte(l->wire);
	ptrdiff_t len;

	if (kind == 0)
		return true;
	if (kind < 0) {
		cp_legacy_break(l, "has ended, or is not there");
		return false;
	}
	/* What is no answer at all is what a shell says. */
	text[0] = (char)kind;
	len = cp_wire_line(l->wire, text + 1, sizeof(text) - 1);
	if (len < 0)
		cp_legacy_break(l, len == -2 ? "sends an endless message"
					     : "has ended in the middle of a message");
	else if (kind <= 2)
		cp_legacy_complain(l, name, text + 1, (size_t)len);
	else
		cp_legacy_complain(l, NULL, text, (size_t)len + 1);
	l->broken |= kind != 1;
	return false;
}

/* ---- Commands ---- */

/* As scp has it: the name is for the shell there to expand, so it is not quoted. */
static char *command(const struct cp_session *s, const char *mode, const char *raw, bool directory)
{
	const struct cp_args *args = s->args;
	char *text = NULL;
	int result = asprintf(&text, "scp%s%s%s%s %s %s%s", args->verbose ? " -v" : "",
			      args->recursive ? " -r" : "", args->preserve ? " -p" : "",
			      directory ? " -d" : "", mode, raw[0] == '-' ? "-- " : "", raw);

	if (result >= 0)
		return text;
	return NULL;
}

static bool start(struct cp_legacy *l, const char *command, const char *const *origin)
{
	bool good;

	l->wire = malloc(sizeof(*l->wire));
	if (!l->wire) {
		cp_report_wrong(&l->s->report, "out of memory");
		return false;
	}
	good = origin ? cp_wire_open_origin(l->wire, l->s, origin) : cp_wire_open(l->wire, l->s, command);
	if (!good) {
		l->cut = cp_wire_is_cut(l->wire);
		cp_wire_close(l->wire);
		free(l->wire);
		l->wire = NULL;
	}
	return good;
}

bool cp_legacy_open_origin(struct cp_legacy *l, const char *const words[CP_ORIGIN_WORDS])
{
	return start(l, NULL, words);
}

bool cp_legacy_open(struct cp_legacy *l, const char *mode, const char *raw, bool directory)
{
	char *text = command(l->s, mode, raw, directory);
	bool good;

	if (!text) {
		cp_report_wrong(&l->s->report, "out of memory");
		return false;
	}
	cp_report_note(&l->s->report, 2, text);
	good = start(l, text, NULL);
	free(text);
	return good;
}

/* scp there has said what went wrong, or only its status does. */
static void judge(struct cp_legacy *l, int64_t status)
{
	struct cp_report *report = &l->s->report;

	if (status > 0 && report->failed == 0 && !(l->passed && status == 1))
		cp_report_failed(report, l->s->host_text, "scp there exited with status %lld",
				 (long long)status);
	else if (l->empty && status <= 0)
		cp_report_failed(report, l->s->host_text, "scp there sent nothing");
	if (status == 127)
		cp_report_warn(report, l->s->host_text, "scp does not seem to be there");
}

void cp_legacy_close(struct cp_legacy *l, bool quiet)
{
	bool running = cp_running(l->s);
	int64_t status = cp_wire_close(l->wire);

	if (running && !quiet && !l->cut)
		judge(l, status);
	free(l->wire);
	l->wire = NULL;
}

/* ---- The next connection ---- */

/* So many in a row, without anything having been settled: a file that is larger than what gets through at a
 * time never will. */
enum { STUCK_MAX = 20 };

static bool may_come_back(const struct cp_session *s)
{
	return s->args->reconnect_s > 0 && !s->args->scp.program;
}

void cp_legacy_begin(struct cp_legacy *l)
{
	if (may_come_back(l->s))
		l->done = cp_done_new();
}

void cp_legacy_settle(struct cp_legacy *l, struct cp_done *done, const char *name)
{
	cp_done_add(done, name);
	l->settled = true;
}

void cp_legacy_give_up(struct cp_legacy *l, const char *why)
{
	haw_error err;

	haw_error_set(&err, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the connection was cut: %s", why);
	l->s->lost = true;
	cp_report_lost(&l->s->report, l->s->host_text, &err);
}

bool cp_legacy_again(struct cp_legacy *l)
{
	struct cp_session *s = l->s;

	if (!l->cut || s->stopped)
		return false;
	l->attempts++;
	l->stuck = l->settled ? 1 : l->stuck + 1;
	if (l->stuck > STUCK_MAX) {
		cp_legacy_give_up(l, "twenty times within one file, and the old protocol starts each again");
		return false;
	}
	s->report.retries++;
	l->cut = l->broken = l->empty = l->settled = false;
	return cp_remote_wait(s);
}

void cp_legacy_end(struct cp_legacy *l)
{
	cp_done_free(l->done);
	cp_seen_free(&l->told);
	l->done = NULL;
}
