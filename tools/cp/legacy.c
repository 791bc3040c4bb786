/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Messages ---- */

bool cp_legacy_running(const struct cp_legacy *l)
{
	return !l->broken && cp_running(l->s);
}

void cp_legacy_complain(struct cp_legacy *l, const char *name, const char *text, size_t len)
{
	char *shown = malloc(4 * len + 1);

	if (shown)
		haw_escape(shown, 4 * len + 1, text, len);
	cp_report_failed(&l->s->report, name, "%.200s: %.4000s", l->s->host_text, shown ? shown : "failed");
	free(shown);
}

void cp_legacy_break(struct cp_legacy *l, const char *what)
{
	if (cp_legacy_running(l))
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

static bool open_wire(struct cp_legacy *l, const char *mode, const char *raw, bool directory)
{
	char *text = command(l->s, mode, raw, directory);
	bool good;

	l->wire = malloc(sizeof(*l->wire));
	if (!text || !l->wire) {
		cp_report_wrong(&l->s->report, "out of memory");
		free(l->wire);
		free(text);
		l->wire = NULL;
		return false;
	}
	cp_report_note(&l->s->report, 2, text);
	good = cp_wire_open(l->wire, l->s, text);
	free(text);
	if (!good) {
		cp_wire_close(l->wire);
		free(l->wire);
		l->wire = NULL;
	}
	return good;
}

/* scp there has said what went wrong, or only its status does. */
static void close_wire(struct cp_legacy *l)
{
	bool running = cp_running(l->s);
	int64_t status = cp_wire_close(l->wire);

	if (status > 0 && l->s->report.failed == 0 && running)
		cp_report_failed(&l->s->report, l->s->host_text, "scp there exited with status %lld",
				 (long long)status);
	else if (l->empty && status <= 0 && running)
		cp_report_failed(&l->s->report, l->s->host_text, "scp there sent nothing");
	if (status == 127)
		cp_report_warn(&l->s->report, l->s->host_text, "scp does not seem to be there");
	free(l->wire);
	l->wire = NULL;
}

/* ---- Here to there ---- */

/* Whether SOURCE stands for what is in a directory, which needs one there. */
static bool is_contents(const char *source)
{
	size_t len = strlen(source);

	while (len > 1 && source[len - 1] == '/')
		len--;
	return (len == 1 && strchr("./", source[0])) ||
	       (len >= 2 && strncmp(source + len - 2, "/.", 2) == 0) ||
	       (len >= 2 && strncmp(source + len - 2, "..", 2) == 0 && (len == 2 || source[len - 3] == '/'));
}

void cp_legacy_upload(struct cp_session *s, char **sources, size_t count, const char *raw)
{
	struct cp_legacy l = {.s = s};

	if (!open_wire(&l, "-t", raw, s->several || is_contents(sources[0])))
		return;
	if (cp_legacy_answer(&l, raw))
		for (size_t i = 0; i < count && cp_legacy_running(&l); i++)
			cp_legacy_send(&l, sources[i]);
	close_wire(&l);
}

/* ---- There to here ---- */

static bool find_base(struct cp_session *s, struct cp_legacy_dir *base, const char *destination, char **name)
{
	size_t len = strlen(destination);
	char *around;
	struct stat st;

	*base = (struct cp_legacy_dir){.base = true,
				       .fd = open(destination, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (base->fd >= 0)
		return true;
	if (s->several || (errno != ENOENT && errno != ENOTDIR)) {
		cp_report_failed(&s->report, destination, "%s", strerror(errno));
		return false;
	}
	if (len > 0 && destination[len - 1] == '/' && (!s->args->recursive || stat(destination, &st) == 0)) {
		cp_report_failed(&s->report, destination, "No such directory");
		return false;
	}
	around = cp_around_name(destination);
	*name = cp_last_name(destination);
	base->fd = around ? open(around, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(around);
	if (base->fd >= 0 && *name)
		return true;
	cp_report_failed(&s->report, destination, "%s", strerror(errno));
	return false;
}

void cp_legacy_download(struct cp_session *s, const char *const *raw, size_t count, const char *destination)
{
	struct cp_legacy_dir base;
	char *name = NULL;

	if (find_base(s, &base, destination, &name)) {
		for (size_t i = 0; i < count && cp_running(s); i++) {
			struct cp_legacy l = {
				.s = s, .directory = name && destination[strlen(destination) - 1] == '/'};

			if (!open_wire(&l, "-f", raw[i], s->several))
				break;
			cp_legacy_take(&l, &base, name, raw[i]);
			close_wire(&l);
		}
	}
	if (base.fd >= 0)
		close(base.fd);
	free(name);
}

/* ---- From one to the other ---- */

void cp_legacy_relay(struct cp_session *from, struct cp_session *to, const char *const *raw, size_t count,
		     const char *raw_destination)
{
	for (size_t i = 0; i < count && cp_running(from) && cp_running(to); i++) {
		struct cp_legacy source = {.s = from}, sink = {.s = to};

		if (!open_wire(&source, "-f", raw[i], from->several))
			break;
		if (open_wire(&sink, "-t", raw_destination, from->several)) {
			cp_wire_join(source.wire, sink.wire);
			close_wire(&sink);
		}
		close_wire(&source);
	}
}

/* ---- On the origin ---- */

/* What may stand in a command of the shell there, as scp has it. */
static bool is_plain_user(const char *user)
{
	for (; *user; user++)
		if ((unsigned char)*user >= 0x80 || strchr("'\"`\\ #;&|<>(){}$*?[]!~\t\n", *user))
			return false;
	return true;
}

static char *target_text(const struct cp_location *target)
{
	bool bare = !strchr(target->host, ':');
	char *text = NULL;
	int result =
		asprintf(&text, "%s%s%s%s%s:%s", target->user ? target->user : "", target->user ? "@" : "",
			 bare ? "" : "[", target->host, bare ? "" : "]", target->raw);

	return result < 0 ? NULL : text;
}

/* What scp there prints is shown. */
static void run_there(struct cp_legacy *l, const char *text)
{
	char line[CP_LEGACY_LINE], shown[4 * CP_LEGACY_LINE];
	ptrdiff_t len;

	l->wire = malloc(sizeof(*l->wire));
	if (!l->wire) {
		cp_report_wrong(&l->s->report, "out of memory");
		return;
	}
	cp_report_note(&l->s->report, 1, text);
	if (cp_wire_open(l->wire, l->s, text))
		while ((len = cp_wire_line(l->wire, line, sizeof(line))) != -1 && cp_legacy_running(l))
			cp_report_note(&l->s->report, 0,
				       haw_escape(shown, sizeof(shown), line, len < 0 ? 0 : (size_t)len));
	close_wire(l);
}

void cp_legacy_on_origin(struct cp_session *s, const char *const *raw, size_t count,
			 const struct cp_location *target)
{
	char *there = target_text(target);

	if ((target->user && !is_plain_user(target->user)) || (target->port && target->port != 22)) {
		cp_report_wrong(&s->report,
				target->port && target->port != 22
					? "-R: the target's port cannot be told to scp on the first host"
					: "-R: the target's user has characters that a shell would take");
		count = 0;
	}
	for (size_t i = 0; there && i < count && cp_running(s); i++) {
		const struct cp_args *args = s->args;
		struct cp_legacy l = {.s = s};
		char *text = NULL;

		if (asprintf(&text, "scp%s%s%s%s %s %s", args->verbose ? " -v" : "",
			     args->recursive ? " -r" : "", args->preserve ? " -p" : "",
			     s->several ? " -d" : "", raw[i], there) < 0)
			break;
		run_there(&l, text);
		free(text);
	}
	free(there);
}
