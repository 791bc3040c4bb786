/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"

/* One block: the entries, and behind them the bytes of their names. */
static bool keep_names(struct cp_outcome *outcome, const haw_name *names, size_t count)
{
	size_t size = count * sizeof(*names);
	uint8_t *bytes;

	for (size_t i = 0; i < count; i++)
		size += names[i].name.len;
	outcome->names = malloc(size);
	if (!outcome->names)
		return false;
	bytes = (uint8_t *)(outcome->names + count);
	for (size_t i = 0; i < count; i++) {
		size_t len = names[i].name.len;

		if (len > 0)
			memcpy(bytes, names[i].name.ptr, len);
		outcome->names[i] = (haw_name){.name = {bytes, len}, .attrs = names[i].attrs};
		bytes += len;
	}
	outcome->name_count = count;
	return true;
}

void cp_outcome_take(void *user, struct cp_reply *reply)
{
	struct cp_outcome *outcome = user;
	const haw_name *names;
	haw_span path;
	size_t count;

	outcome->code = cp_reply_result(reply, &outcome->err);
	outcome->done = true;
	if (outcome->code < 0)
		return;
	cp_reply_attrs(reply, &outcome->attrs);
	outcome->file = cp_reply_file(reply);
	path = cp_reply_path(reply);
	if (path.len > 0 && !memchr(path.ptr, 0, path.len))
		outcome->path = strndup((const char *)path.ptr, path.len);
	count = cp_reply_names(reply, &names);
	if (count > 0 && !keep_names(outcome, names, count))
		outcome->code =
			haw_error_set(&outcome->err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
}

static bool has_come(void *user)
{
	const struct cp_outcome *outcome = user;

	/* There is nothing to clean up yet. */
	cp_interrupt_end();
	return outcome->done;
}

static void no_turn(void *user)
{
	(void)user;
}

int cp_outcome_wait(struct cp_session *s, const struct cp_reply *reply, struct cp_outcome *outcome,
		    haw_error *err)
{
	if (!reply)
		return err->code;
	cp_session_run(s, has_come, no_turn, outcome);
	*err = outcome->err;
	return outcome->code;
}

void cp_outcome_clear(struct cp_outcome *outcome)
{
	free(outcome->path);
	free(outcome->names);
	*outcome = (struct cp_outcome){0};
}
