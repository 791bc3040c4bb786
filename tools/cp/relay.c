/* SPDX-License-Identifier: Apache-2.0 */
#include "begun.h"
#include "relay.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"

/* ---- What is under way ---- */

bool cp_relay_running(struct cp_relay *r)
{
	r->to->stopped = r->from->stopped = r->from->stopped || r->to->stopped;
	return cp_running(r->from) && cp_running(r->to);
}

void cp_relay_pump(struct cp_relay *r)
{
	struct cp_relay_file *f;

	while ((f = r->active) && cp_relay_data_read(f)) {
		r->active = f->next;
		if (!r->active)
			r->active_end = &r->active;
		f->active = false;
		cp_relay_file_settle(f);
	}
}

static void turn(void *user)
{
	cp_relay_pump(user);
}

struct run {
	struct cp_relay *r;
	bool (*finished)(void *user);
	void *user;
};

static bool has_finished(void *user)
{
	const struct run *run = user;

	return run->finished(run->user);
}

static void run_turn(void *user)
{
	const struct run *run = user;

	turn(run->r);
}

void cp_relay_run(struct cp_relay *r, bool (*finished)(void *user), void *user)
{
	struct run run = {r, finished, user};

	cp_session_run(r->from, has_finished, run_turn, &run);
}

static bool has_come(void *user)
{
	const struct cp_outcome *outcome = user;

	return outcome->done;
}

int cp_relay_wait(struct cp_relay *r, const struct cp_reply *reply, struct cp_outcome *outcome,
		  haw_error *err)
{
	if (!reply)
		return err->code;
	cp_relay_run(r, has_come, outcome);
	*err = outcome->err;
	return outcome->code;
}

void cp_relay_ignore(void *user, struct cp_reply *reply)
{
	(void)user;
	(void)reply;
}

/* ---- What failed ---- */

void cp_relay_fail_plain(struct cp_relay *r, struct cp_session *s, const char *path, const char *reason)
{
	char *name = cp_remote_name(s, path);

	if (cp_relay_running(r))
		cp_report_failed(&r->from->report, name ? name : path, "%s", reason);
	free(name);
}

void cp_relay_fail(struct cp_relay *r, struct cp_session *s, const char *path, int code, const haw_error *err)
{
	char *name;

	if (cp_session_ended(s, code, err) || r->from->stopped)
		return;
	if (code == HAW_ENOTFOUND && s == r->from) {
		name = cp_remote_name(s, path);
		cp_report_changed(&r->from->report, name ? name : path,
				  "vanished before it was read: No such file or directory");
		free(name);
		return;
	}
	cp_relay_fail_plain(r, s, path, cp_reason(err));
}

/* ---- Operands ---- */

static bool is_contents(const char *name)
{
	return !name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0;
}

static void copy_operand(struct cp_relay_dir *base, const char *source, const haw_attrs *attrs,
			 const char *rename_to, bool must_be_dir)
{
	struct cp_relay *r = base->r;
	char *own = cp_last_name(source);
	const char *name = rename_to ? rename_to : own;

	if (!own)
		cp_relay_fail_plain(r, r->from, source, "out of memory");
	else if (S_ISDIR(attrs->mode) && !r->from->args->recursive)
		cp_relay_fail_plain(r, r->from, source, "is a directory, which only -r copies");
	else if (S_ISDIR(attrs->mode))
		cp_relay_directory(base, source, is_contents(name) ? NULL : name, attrs, NULL);
	else if (must_be_dir)
		cp_relay_fail_plain(r, r->to, name, "No such directory");
	else if (S_ISREG(attrs->mode) || !(attrs->flags & HAW_ATTR_MODE))
		cp_relay_file_add(base, source, name, attrs);
	else
		cp_relay_fail_plain(r, r->from, source, "is not a regular file");
	free(own);
}

static void copy_all(struct cp_relay_dir *base, const struct cp_glob *glob, const char *rename_to,
		     bool must_be_dir)
{
	struct cp_relay *r = base->r;

	for (size_t i = 0; i < glob->count && cp_relay_running(r); i++) {
		struct cp_outcome o = {0};
		haw_error err;
		int code = cp_relay_wait(
			r, cp_sftp_stat(r->from, glob->paths[i], true, cp_outcome_take, &o, &err), &o, &err);

		if (code == 0)
			copy_operand(base, glob->paths[i], &o.attrs, rename_to, must_be_dir);
		else if (!cp_session_ended(r->from, code, &err))
			cp_relay_fail_plain(r, r->from, glob->paths[i], cp_reason(&err));
	}
}

/* ---- Destination ---- */

/* Where the operands go, as with uploads: into DESTINATION if that is a directory, else its name is theirs.
 */
static struct cp_relay_dir *find_base(struct cp_relay *r, const char *destination, bool several,
				      const struct cp_begun *begun, char **name)
{
	struct cp_session *to = r->to;
	haw_attrs attrs = {0};
	haw_error err;
	int code = cp_session_asked(to, &attrs, &err);
	struct cp_relay_dir *base = NULL;
	char *around;

	if (code < 0 && code != HAW_ENOTFOUND) {
		cp_relay_fail(r, to, destination, code, &err);
	} else if (code == 0 && S_ISDIR(attrs.mode) && !cp_begun_before(begun)) {
		base = cp_relay_dir_new(r, NULL, "", destination);
	} else if (several) {
		cp_relay_fail_plain(r, to, destination,
				    code == 0 ? "is not a directory" : "No such directory");
	} else {
		around = cp_around_name(destination);
		*name = cp_last_name(destination);
		base = around && *name ? cp_relay_dir_new(r, NULL, "", around) : NULL;
		free(around);
		cp_begun_note(begun);
	}
	return base;
}

static bool is_finished(void *user)
{
	const struct cp_relay *r = user;

	return r->work == 0 && r->files == 0;
}

void cp_relay(struct cp_session *from, struct cp_session *to, char **sources, size_t count,
	      const char *destination)
{
	struct cp_relay r = {.from = from, .to = to};
	size_t len = strlen(destination);
	bool slash = len > 0 && destination[len - 1] == '/';
	struct cp_glob glob = {0};
	struct cp_relay_dir *base = NULL;
	struct cp_begun begun = {""};
	char *name = NULL;

	r.active_end = &r.active;
	/* What the one side brings the other is to get at once. */
	from->flow.rests = false;
	for (size_t i = 0; i < count && cp_running(from); i++)
		cp_glob_add(&glob, from, sources[i]);
	if (glob.count == 1 && !from->several && to->args->recursive)
		cp_begun_init(&begun, from, to, sources[0], destination);
	if (glob.count > 0)
		base = find_base(&r, destination, from->several || glob.count > 1, &begun, &name);
	if (base) {
		base->base = true;
		copy_all(base, &glob, name, slash && name);
		cp_relay_dir_put(base);
		cp_relay_run(&r, is_finished, &r);
		cp_remote_clean(to);
		if (cp_relay_running(&r) && from->report.failed == 0 && to->report.failed == 0)
			cp_begun_forget(&begun);
	}
	free(name);
	cp_glob_free(&glob);
}
