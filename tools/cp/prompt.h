/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the person at the terminal, whatever standard input is.
 */
#ifndef CP_PROMPT_H
#define CP_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include <hawser/loop.h>

#include "answers.h"

/* Whether there is a terminal to ask on. */
bool cp_prompt_possible(void);
/* Answer QUESTION, asking on the terminal, and keep what was typed in ANSWERS (may be NULL) as of LOGIN.
 * Blocks while the person thinks. */
void cp_prompt(haw_question *question, struct cp_answers *answers, unsigned login);
/* No more questions: the terminal as it was. Signal handlers may call it too. */
void cp_prompt_end(void);

#endif
