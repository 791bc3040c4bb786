/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the operands of a copy by the old protocol are, and what runs there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "legacy.h"

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

/* What a shell would leave as it is, apart from a ~ at the beginning. */
static bool is_plain_name(const char *raw)
{
	return !strpbrk(raw, "'\"`\\ #;&|<>(){}$*?[]!\t\n^") && !(raw[0] == '~' && !strchr(raw, '/')) &&
	       !strchr(raw + (raw[0] == '~'), '~');
}

/* Where an upload goes. Whether a directory stands there decides what the name of a source means, and this
 * run may make one: so it is found out at the beginning, where it matters. */
struct target {
	char **sources;
	size_t count;
	const char *raw;
	bool directory;    /* it stands there, or has to */
	bool made;         /* it may, by this run, and the one source is to become it */
	char *around, *as; /* then: the directory around it, and its name in that */
};

static bool is_directory(const char *local)
{
	struct stat st;

	return stat(local, &st) == 0 && S_ISDIR(st.st_mode);
}

/* As -d asks for it: scp there refuses at once unless it is one. */
static bool open_as_directory(struct cp_legacy *l, const char *raw)
{
	char text[CP_LEGACY_LINE];

	if (!cp_legacy_open(l, "-t", raw, true))
		return false;
	if (cp_wire_byte(l->wire) == 0)
		return true;
	cp_wire_line(l->wire, text, sizeof(text));
	l->cut = cp_wire_is_cut(l->wire);
	cp_legacy_close(l, true);
	return false;
}

/* The one source becomes the target: if this is cut, it is sent into the directory around that. */
static void plan_to_make(struct target *t)
{
	t->made = true;
	t->around = is_plain_name(t->raw) ? cp_around_name(t->raw) : NULL;
	t->as = t->around ? cp_last_name(t->raw) : NULL;
}

/* Run scp there, and take its first answer. */
static bool open_target(struct cp_legacy *l, struct target *t)
{
	const char *raw = t->made ? t->around : t->raw;
	bool directory = t->made || t->directory;

	if (!directory && l->done && l->s->args->recursive && is_directory(t->sources[0])) {
		t->directory = open_as_directory(l, raw);
		if (t->directory || l->cut || !cp_running(l->s))
			return t->directory;
		plan_to_make(t);
	}
	if (!cp_legacy_open(l, "-t", raw, directory))
		return false;
	if (cp_legacy_answer(l, t->raw))
		return true;
	cp_legacy_close(l, false);
	return false;
}

static void send_all(struct cp_legacy *l, struct target *t, bool as)
{
	for (size_t i = 0; i < t->count && cp_legacy_running(l); i++)
		if (!cp_done_has(l->done, t->sources[i]))
			cp_legacy_send(l, t->sources[i], as ? t->as : NULL);
}

void cp_legacy_upload(struct cp_session *s, char **sources, size_t count, const char *raw)
{
	struct cp_legacy l = {.s = s};
	struct target t = {.sources = sources, .count = count, .raw = raw};
	bool again = false;

	t.directory = s->several || is_contents(sources[0]);
	cp_legacy_begin(&l);
	do {
		bool as = again && t.made;

		if (as && !t.as) {
			cp_legacy_give_up(&l, "only the shell there knows the name of what it made");
			break;
		}
		if (open_target(&l, &t)) {
			send_all(&l, &t, as);
			cp_legacy_close(&l, false);
		}
		again = cp_legacy_again(&l);
	} while (again);
	cp_legacy_end(&l);
	free(t.around);
	free(t.as);
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

/* One source; false: nothing more can be had. */
static bool take_source(struct cp_legacy *l, struct cp_legacy_dir *base, const char *name, const char *raw)
{
	bool opened, good = true;

	cp_legacy_begin(l);
	base->done = l->done;
	do {
		opened = cp_legacy_open(l, "-f", raw, l->s->several);
		if (opened) {
			cp_legacy_take(l, base, name, raw);
			cp_legacy_close(l, false);
		}
		good = opened || l->cut;
	} while (cp_legacy_again(l));
	cp_legacy_end(l);
	return good;
}

void cp_legacy_download(struct cp_session *s, const char *const *raw, size_t count, const char *destination)
{
	struct cp_legacy_dir base;
	char *name = NULL;

	if (find_base(s, &base, destination, &name)) {
		for (size_t i = 0; i < count && cp_running(s); i++) {
			struct cp_legacy l = {
				.s = s, .directory = name && destination[strlen(destination) - 1] == '/'};

			if (!take_source(&l, &base, name, raw[i]))
				break;
		}
	}
	if (base.fd >= 0)
		close(base.fd);
	free(name);
}

/* ---- From one to the other ---- */

/* Both sides talk with each other, and nobody here knows how far they have come. */
static bool join(struct cp_legacy *source, struct cp_legacy *sink, const char *raw, const char *raw_target,
		 bool directory)
{
	bool opened;

	source->cut = sink->cut = false;
	if (!cp_legacy_open(source, "-f", raw, source->s->several))
		return source->cut;
	opened = cp_legacy_open(sink, "-t", raw_target, directory);
	if (opened) {
		cp_wire_join(source->wire, sink->wire);
		source->cut = cp_wire_is_cut(source->wire);
		/* The source ends when it has the last answer. */
		sink->cut = !source->wire->eof && cp_wire_is_cut(sink->wire);
		/* Where one is cut, how the other ends says nothing. */
		cp_legacy_close(sink, source->cut || sink->cut);
	}
	cp_legacy_close(source, sink->cut);
	return opened || sink->cut;
}

/* Whether sending it once more does what sending it once does: not where the first time has made the
 * directory into which the second would put it. */
static bool may_be_repeated(const struct cp_session *from)
{
	return from->several || !from->args->recursive;
}

static bool relay_source(struct cp_session *from, struct cp_session *to, const char *raw,
			 const char *raw_target)
{
	struct cp_legacy source = {.s = from}, sink = {.s = to};
	bool good;

	cp_legacy_begin(&source);
	do {
		good = join(&source, &sink, raw, raw_target, from->several);
		source.cut |= sink.cut;
		if (source.cut && !may_be_repeated(from)) {
			cp_legacy_give_up(&source, "a single source with -r cannot be begun anew between two "
						   "hosts by the old protocol");
			break;
		}
	} while (cp_legacy_again(&source) && cp_remote_wait(to));
	cp_legacy_end(&source);
	cp_legacy_end(&sink);
	return good;
}

void cp_legacy_relay(struct cp_session *from, struct cp_session *to, const char *const *raw, size_t count,
		     const char *raw_destination)
{
	for (size_t i = 0; i < count && cp_running(from) && cp_running(to); i++)
		if (!relay_source(from, to, raw[i], raw_destination))
			break;
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

/* The name of the command there, with what was asked for here. */
static char *command_there(const struct cp_session *s)
{
	const struct cp_args *args = s->args;
	char limit[40] = "", requests[40] = "", buffer[40] = "", *text = NULL;

	if (args->rate)
		snprintf(limit, sizeof(limit), " -l %llu",
			 (unsigned long long)(args->rate >= 128 ? args->rate / 128 : 1));
	if (args->scp.requests)
		snprintf(requests, sizeof(requests), " -X nrequests=%u", args->scp.requests);
	if (args->scp.buffer)
		snprintf(buffer, sizeof(buffer), " -X buffer=%u", args->scp.buffer);
	if (asprintf(&text, "scp%s%s%s%s%s%s%s%s", args->verbose ? " -v" : "", args->recursive ? " -r" : "",
		     args->preserve ? " -p" : "", s->several ? " -d" : "", args->scp.legacy ? " -O" : "",
		     limit, requests, buffer) < 0)
		return NULL;
	return text;
}

/* What scp there prints is shown. */
static void run_there(struct cp_legacy *l, const char *const words[CP_ORIGIN_WORDS])
{
	char line[CP_LEGACY_LINE], shown[4 * CP_LEGACY_LINE];
	ptrdiff_t len;

	if (!cp_legacy_open_origin(l, words))
		return;
	while ((len = cp_wire_line(l->wire, line, sizeof(line))) != -1 && cp_legacy_running(l))
		cp_report_note(&l->s->report, 0,
			       haw_escape(shown, sizeof(shown), line, len < 0 ? 0 : (size_t)len));
	if (cp_wire_is_cut(l->wire))
		cp_legacy_give_up(l, "what scp there has done is not known");
	cp_legacy_close(l, l->s->lost);
}

static bool check_target(struct cp_session *s, const struct cp_location *target)
{
	if (target->port && target->port != 22) {
		cp_report_wrong(&s->report, "-R: the target's port cannot be told to scp on the first host");
		return false;
	}
	if (target->user && !is_plain_user(target->user)) {
		cp_report_wrong(&s->report, "-R: the target's user has characters that a shell would take");
		return false;
	}
	return true;
}

void cp_legacy_on_origin(struct cp_session *s, const char *const *raw, size_t count,
			 const struct cp_location *target)
{
	char *command = command_there(s), *there = target_text(target);

	if (!command || !there)
		cp_report_wrong(&s->report, "out of memory");
	else if (check_target(s, target))
		for (size_t i = 0; i < count && cp_running(s); i++) {
			const char *const words[CP_ORIGIN_WORDS] = {command, raw[i], there};
			struct cp_legacy l = {.s = s};

			run_there(&l, words);
			cp_legacy_end(&l);
		}
	free(there);
	free(command);
}
