/* SPDX-License-Identifier: Apache-2.0 */
#include "interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prompt.h"

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t received;
static haw_loop *volatile woken;

static void on_signal(int number)
{
	haw_loop *loop = woken;

	/* The second one does not wait for the cleaning. */
	if (received) {
		cp_prompt_end();
		_exit(128 + number);
	}
	received = number;
	if (loop)
		haw_loop_wake(loop);
}

void cp_interrupt_catch(haw_loop *loop)
{
	woken = loop;
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		struct sigaction action, old;

		/* What was ignored when the command began stays so (nohup). */
		if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		memset(&action, 0, sizeof(action));
		action.sa_handler = on_signal;
		sigemptyset(&action.sa_mask);
		sigaction(caught[i], &action, NULL);
	}
	/* A file that grows too large is an error of that file. */
	signal(SIGXFSZ, SIG_IGN);
}

int cp_interrupted(void)
{
	return received;
}

void cp_interrupt_end(void)
{
	if (!received)
		return;
	cp_prompt_end();
	fflush(stdout);
	signal(received, SIG_DFL);
	raise(received);
	_exit(128 + received);
}
