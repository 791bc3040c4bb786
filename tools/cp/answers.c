/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct cp_answer {
	char prompt[CP_ANSWER_SIZE], answer[CP_ANSWER_SIZE];
	bool good;
	uint64_t given; /* to these logins: a bit for each, modulo their number */
};

/* A host key that a person accepted, of the target or of a jump host. */
struct cp_accepted {
	struct cp_accepted *next;
	char fingerprint[80];
	char host[];
};

static const size_t arena = CP_ANSWERS_MAX * sizeof(struct cp_answer);

static bool make_arena(struct cp_answers *answers)
{
	void *memory;

	if (answers->all)
		return true;
	memory = mmap(NULL, arena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	/* Both are a favour that the system may deny. */
	(void)!mlock(memory, arena);
	(void)!madvise(memory, arena, MADV_DONTDUMP);
	answers->all = memory;
	return true;
}

static uint64_t bit(unsigned login)
{
	return UINT64_C(1) << (login % 64);
}

static struct cp_answer *find(const struct cp_answers *answers, const char *prompt)
{
	for (unsigned i = 0; i < answers->count; i++)
		if (strcmp(answers->all[i].prompt, prompt) == 0)
			return &answers->all[i];
	return NULL;
}

static void forget(struct cp_answers *answers, struct cp_answer *a)
{
	struct cp_answer *last = &answers->all[--answers->count];

	if (a != last)
		*a = *last;
	explicit_bzero(last, sizeof(*last));
}

unsigned cp_answers_begin(struct cp_answers *answers)
{
	unsigned login = ++answers->logins;

	for (unsigned i = 0; i < answers->count; i++)
		answers->all[i].given &= ~bit(login);
	return login;
}

void cp_answers_keep(struct cp_answers *answers, unsigned login, const char *prompt, const char *answer)
{
	struct cp_answer *a;

	if (strlen(prompt) >= CP_ANSWER_SIZE || strlen(answer) >= CP_ANSWER_SIZE || !make_arena(answers))
		return;
	a = find(answers, prompt);
	if (!a) {
		if (answers->count == CP_ANSWERS_MAX)
			return;
		a = &answers->all[answers->count++];
	}
	explicit_bzero(a, sizeof(*a));
	snprintf(a->prompt, sizeof(a->prompt), "%s", prompt);
	snprintf(a->answer, sizeof(a->answer), "%s", answer);
	a->given = bit(login);
}

void cp_answers_judge(struct cp_answers *answers, unsigned login, bool good)
{
	for (unsigned i = answers->count; i-- > 0;) {
		struct cp_answer *a = &answers->all[i];

		if (good)
			a->good |= (a->given & bit(login)) != 0;
		else if (!a->good && a->given & bit(login))
			forget(answers, a);
	}
}

bool cp_answers_give(struct cp_answers *answers, unsigned login, haw_question *q)
{
	const char *texts[CP_ANSWERS_MAX];
	size_t count = haw_question_prompt_count(q);

	if (count == 0 || count > CP_ANSWERS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct cp_answer *a = find(answers, haw_question_prompt(q, i, NULL));

		if (!a || !a->good)
			return false;
		if (a->given & bit(login)) {
			forget(answers, a);
			return false;
		}
		texts[i] = a->answer;
	}
	for (size_t i = 0; i < count; i++)
		find(answers, haw_question_prompt(q, i, NULL))->given |= bit(login);
	haw_question_answer(q, texts, count);
	return true;
}

void cp_answers_accept_host(struct cp_answers *answers, const haw_question *q)
{
	const char *host = haw_question_host(q);
	struct cp_accepted *one = calloc(1, sizeof(*one) + strlen(host) + 1);

	/* Without memory the person is asked again. */
	if (!one)
		return;
	strcpy(one->host, host);
	snprintf(one->fingerprint, sizeof(one->fingerprint), "%s", haw_question_fingerprint(q));
	one->next = answers->accepted;
	answers->accepted = one;
}

bool cp_answers_give_host(const struct cp_answers *answers, haw_question *q)
{
	const struct cp_accepted *one = answers->accepted;

	while (one && strcmp(one->host, haw_question_host(q)) != 0)
		one = one->next;
	if (!one)
		return false;
	if (strcmp(one->fingerprint, haw_question_fingerprint(q)) == 0)
		haw_question_accept(q);
	else
		haw_question_refuse(q);
	return true;
}

void cp_answers_wipe(struct cp_answers *answers)
{
	while (answers->accepted) {
		struct cp_accepted *one = answers->accepted;

		answers->accepted = one->next;
		free(one);
	}
	if (answers->all) {
		explicit_bzero(answers->all, arena);
		munmap(answers->all, arena);
	}
	memset(answers, 0, sizeof(*answers));
}
