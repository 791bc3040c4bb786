/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person has typed while logging in, for the connections that follow: one that was cut and comes
 * back, or one more. It lives in memory that is locked, kept out of dumps, and wiped at the end.
 *
 * An answer is kept once a login has succeeded with it, and given once to each later one: if it is asked for
 * again, it was wrong (a code that is good only once, say), and is forgotten.
 */
#ifndef CP_ANSWERS_H
#define CP_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include <hawser/loop.h>

enum { CP_ANSWERS_MAX = 16, CP_ANSWER_SIZE = 1024 };

struct cp_accepted;

struct cp_answers {
	struct cp_answer *all;	/* CP_ANSWERS_MAX of them; NULL: none were kept */
	struct cp_accepted *accepted; /* host keys */
	unsigned count;
	unsigned logins;
};

/* A login begins: its number. */
unsigned cp_answers_begin(struct cp_answers *answers);
/* ANSWER was typed at PROMPT. */
void cp_answers_keep(struct cp_answers *answers, unsigned login, const char *prompt, const char *answer);
/* The login has succeeded, or failed: what was typed for it is good, or forgotten. */
void cp_answers_judge(struct cp_answers *answers, unsigned login, bool good);
/* Answer the question Q from what is kept; false if that is not possible. */
bool cp_answers_give(struct cp_answers *answers, unsigned login, haw_question *q);
/* The host key that Q is about was accepted. */
void cp_answers_accept_host(struct cp_answers *answers, const haw_question *q);
/* Answer Q, about a host key, as it was answered for the same host before: accept the same key, refuse any
 * other. False if nothing was accepted for the host. */
bool cp_answers_give_host(const struct cp_answers *answers, haw_question *q);
void cp_answers_wipe(struct cp_answers *answers);

#endif
