/* SPDX-License-Identifier: Apache-2.0
 *
 * A password that has expired (RFC 4252 §8): the new one is asked for twice, as ssh(1) does.
 */
#include <stdio.h>
#include <string.h>

#include "transport/engine/transport_internal.h"

enum { CHANGE_TRIES = 3 };

static bool ask(struct haw_transport *t, const char *text);

static void answer(struct haw_transport *t, const char *password)
{
	haw_connection_hold_clock(t->connection, false);
	haw_connection_auth_new_password(t->connection,
					 (haw_span){(const uint8_t *)password, strlen(password)});
	haw_transport_touch(t);
}

static void answered(void *asker, struct haw_question *q)
{
	struct haw_transport *t = asker;

	t->auth_question = NULL;
	if (!q->accepted || q->answer_count != 2 || !q->answers[0][0])
		answer(t, "");
	else if (strcmp(q->answers[0], q->answers[1]) == 0)
		answer(t, q->answers[0]);
	else if (++t->change_tries >= CHANGE_TRIES || !ask(t, "The two differ; try again."))
		answer(t, "");
}

static bool ask(struct haw_transport *t, const char *text)
{
	static const char *const prompts[] = {"New password: ", "Retype new password: "};
	struct haw_question *q = NULL;

	if (t->options.ask)
		q = haw_question_new(t->loop->io, HAW_ASK_NEW_PASSWORD, text, answered, t);
	for (int i = 0; q && i < 2; i++)
		if (haw_question_add_prompt(q, (haw_span){(const uint8_t *)prompts[i], strlen(prompts[i])},
					    false) < 0) {
			haw_question_free(q);
			q = NULL;
		}
	if (!q)
		return false;
	haw_question_abandon(t->auth_question);
	t->auth_question = q;
	haw_connection_hold_clock(t->connection, true);
	t->options.ask(t->options.user, q);
	return true;
}

void haw_transport_change_event(struct haw_transport *t, const struct haw_event *event)
{
	char text[1000];

	t->password_expired = true;
	t->change_tries = 0;
	haw_escape_lines(text, sizeof(text), event->data);
	for (size_t at = strlen(text); at > 0 && text[at - 1] == '\n'; at--)
		text[at - 1] = '\0';
	if (ask(t, text[0] ? text : "The password has expired."))
		return;
	haw_transport_log(t, 0, "the password has expired, and nobody can be asked for a new one");
	answer(t, "");
}
