/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- Operands ---- */

static bool is_contents(const char *name)
{
	return !name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0;
}

static void add_directory(struct cp_upload *up, const char *source, const char *as, const struct stat *st)
{
	struct cp_up_dir *dir;

	if (!up->s->args->recursive) {
		cp_report_failed(&up->s->report, source, "is a directory, which only -r copies");
		return;
	}
	if (!is_contents(as)) {
		cp_up_dir_add(up->base, source, as, st);
		return;
	}
	dir = cp_up_dir_new(up, up->base, source, up->base->final);
	if (!dir) {
		cp_report_failed(&up->s->report, source, "out of memory");
		return;
	}
	dir->st = *st;
	cp_up_dir_prepare(dir);
}

static void take_operand(struct cp_upload *up)
{
	const char *source = up->sources[up->source_next++];
	char *name = cp_last_name(source);
	const char *as = up->rename_to ? up->rename_to : name;
	struct stat st;

	if (!name)
		cp_report_failed(&up->s->report, source, "out of memory");
	else if (stat(source, &st) != 0)
		cp_report_failed(&up->s->report, source, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		add_directory(up, source, as, &st);
	else if (S_ISREG(st.st_mode))
		cp_up_file_add(up->base, AT_FDCWD, source, source, as, true);
	else
		cp_report_failed(&up->s->report, source, "is not a regular file");
	free(name);
}

/* ---- What is under way ---- */

static void send_active(struct cp_upload *up)
{
	struct cp_session *s = up->s;
	struct cp_up_file *f;

	while ((f = up->active) && (f->failed || !cp_running(s) || cp_flow_room_for_bytes(&s->flow))) {
		if (!cp_up_data_send(f))
			break;
		up->active = f->next;
		if (!up->active)
			up->active_end = &up->active;
		up->active_count--;
		f->active = false;
		cp_up_file_settle(f);
	}
}

/* When nothing else is under way. */
static void start_postponed(struct cp_upload *up)
{
	struct cp_up_file *f;

	while ((f = up->postponed) && (!cp_running(up->s) || cp_flow_room_for_file(&up->s->flow))) {
		up->postponed = f->next;
		cp_up_file_again(f);
	}
}

static bool start_next(struct cp_upload *up)
{
	if (up->current || up->ready) {
		cp_up_dir_step(up);
		return true;
	}
	if (up->source_next == up->source_count || !cp_running(up->s))
		return false;
	take_operand(up);
	return true;
}

void cp_upload_pump(struct cp_upload *up)
{
	struct cp_session *s = up->s;

	/* Each active file may hold windows of its mapping. */
	do {
		send_active(up);
	} while (
		(!cp_running(s) || (cp_flow_room_for_file(&s->flow) && up->active_count < CP_MAPS_MAX / 4)) &&
		start_next(up));
	if (up->postponed && (!cp_running(s) || (s->flow.files == 0 && !up->current && !up->ready)))
		start_postponed(up);
	if (up->base && up->source_next == up->source_count && !up->current && !up->ready) {
		struct cp_up_dir *base = up->base;

		/* Nothing more comes from the operands themselves; directories may still follow. */
		up->base = NULL;
		cp_up_dir_put(base);
	}
}

static void pump(void *user)
{
	cp_upload_pump(user);
}

static bool finished(void *user)
{
	const struct cp_upload *up = user;

	return up->open_dirs == 0;
}

/* ---- Destination ---- */

static bool asked(void *user)
{
	const struct cp_session *s = user;

	return s->asked.done;
}

static void no_turn(void *user)
{
	(void)user;
}

/* Where the operands go: into DESTINATION if that is a directory, else its name is theirs. */
static struct cp_up_dir *find_base(struct cp_upload *up, const char *destination, char **name)
{
	struct cp_session *s = up->s;
	size_t len = strlen(destination);
	bool slash = len > 0 && destination[len - 1] == '/';
	haw_attrs attrs = s->asked.attrs;
	haw_error err = s->asked.err;
	int code = s->asked.code;
	char *shown = cp_remote_name(s, destination), *around;
	struct cp_up_dir *base = NULL;
	struct stat st;
	bool directory = up->source_count == 1 && stat(up->sources[0], &st) == 0 && S_ISDIR(st.st_mode);
	bool goes_on;

	if (directory && !s->several)
		cp_begun_init(&up->begun, NULL, s, up->sources[0], destination);
	goes_on = code == 0 && S_ISDIR(attrs.mode) && cp_begun_before(&up->begun);
	if (code < 0 && code != HAW_ENOTFOUND) {
		if (!cp_session_ended(s, code, &err))
			cp_report_failed(&s->report, shown ? shown : destination, "%s", cp_reason(&err));
	} else if (code == 0 && S_ISDIR(attrs.mode) && !goes_on) {
		base = cp_up_dir_new(up, NULL, "", destination);
	} else if (s->several || (slash && !(directory && (code < 0 || goes_on)))) {
		cp_report_failed(&s->report, shown ? shown : destination,
				 code == 0 ? "is not a directory" : "No such directory");
	} else {
		around = cp_around_name(destination);
		*name = cp_last_name(destination);
		base = around && *name ? cp_up_dir_new(up, NULL, "", around) : NULL;
		free(around);
		cp_begun_note(&up->begun);
	}
	free(shown);
	return base;
}

void cp_upload(struct cp_session *s, char **sources, size_t count, const char *destination)
{
	struct cp_upload up = {.s = s, .sources = sources, .source_count = count};
	char *name = NULL;
	bool done;

	up.active_end = &up.active;
	cp_session_run(s, asked, no_turn, s);
	up.base = find_base(&up, destination, &name);
	if (up.base) {
		up.rename_to = name;
		up.base->base = true;
		up.base->kind = CP_UP_ASKED;
		cp_up_journal_open(&up, destination);
		/* What replies make room for leaves together, at the end of each batch of them. */
		cp_remote_set_batch(s, pump, &up);
		cp_upload_pump(&up);
		cp_session_run(s, finished, pump, &up);
		cp_remote_set_batch(s, NULL, NULL);
		cp_remote_clean(s);
		done = cp_running(s) && s->report.failed == 0;
		cp_journal_close(&up.journal, done);
		if (done)
			cp_begun_forget(&up.begun);
	}
	free(name);
}
