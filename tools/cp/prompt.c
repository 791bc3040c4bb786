/* SPDX-License-Identifier: Apache-2.0 */
#include "prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "interrupt.h"

enum { LINE_MAX_BYTES = 1024, PROMPTS_MAX = 32 };

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

bool cp_prompt_possible(void)
{
	int fd = open_terminal();

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void put(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len > 0 && ((n = write(fd, text, len)) > 0 || errno == EINTR)) {
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

/* The terminal as it was; while a login goes on its echo stays off, so that what is typed ahead of a
 * prompt is not seen either. */
static struct termios before;
static volatile sig_atomic_t silent;

static bool set_echo(int fd, bool echo)
{
	struct termios state;

	if (!silent && tcgetattr(fd, &before) != 0)
		return false;
	state = before;
	if (!echo) {
		state.c_lflag &= ~(tcflag_t)ECHO;
		state.c_lflag |= ECHONL;
	}
	silent = 1;
	return tcsetattr(fd, TCSANOW, &state) == 0;
}

void cp_prompt_end(void)
{
	int fd;

	if (!silent)
		return;
	silent = 0;
	fd = open_terminal();
	if (fd < 0)
		return;
	tcsetattr(fd, TCSANOW, &before);
	close(fd);
}

/* One line without its end; false at the end of input, for a line that is too long, or if a signal
 * ended it. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR && !cp_interrupted())
			continue;
		if (n <= 0)
			return false;
		if (c == '\n')
			break;
		if (len + 1 < size)
			line[len] = c;
		len++;
	}
	if (len + 1 > size)
		return false;
	line[len] = '\0';
	return true;
}

static bool ask(int fd, const char *prompt, bool echo, char *line, size_t size)
{
	/* Nothing secret is typed where it could be seen; and the prompt comes when that is sure. */
	if (!set_echo(fd, echo))
		return false;
	put(fd, prompt);
	return read_line(fd, line, size);
}

static void ask_host_key(int fd, haw_question *q, struct cp_answers *answers)
{
	char line[LINE_MAX_BYTES];

	set_echo(fd, true);
	put(fd, haw_question_text(q));
	put(fd, "\nDo you want to go on connecting (yes/no/[fingerprint])? ");
	while (ask(fd, "", true, line, sizeof(line))) {
		if (strcasecmp(line, "yes") == 0 || strcmp(line, haw_question_fingerprint(q)) == 0) {
			if (answers)
				cp_answers_accept_host(answers, q);
			haw_question_accept(q);
			return;
		}
		if (strcasecmp(line, "no") == 0)
			break;
		put(fd, "Please type 'yes', 'no' or the fingerprint: ");
	}
	haw_question_refuse(q);
}

static void ask_texts(int fd, haw_question *q, struct cp_answers *answers, unsigned login)
{
	static char lines[PROMPTS_MAX][LINE_MAX_BYTES];
	const char *texts[PROMPTS_MAX];
	size_t count = haw_question_prompt_count(q), i = 0;
	bool complete = count <= PROMPTS_MAX;

	if ((haw_question_kind(q) == HAW_ASK_PROMPTS || haw_question_kind(q) == HAW_ASK_NEW_PASSWORD) &&
	    haw_question_text(q)[0]) {
		put(fd, haw_question_text(q));
		put(fd, "\n");
	}
	for (; complete && i < count; i++) {
		bool echo = false;
		const char *prompt = haw_question_prompt(q, i, &echo);

		complete = ask(fd, prompt, echo, lines[i], sizeof(lines[i]));
		texts[i] = lines[i];
		/* What a password was changed to is no answer to these prompts another time. */
		if (complete && answers && haw_question_kind(q) != HAW_ASK_NEW_PASSWORD)
			cp_answers_keep(answers, login, prompt, lines[i]);
	}
	if (complete)
		haw_question_answer(q, texts, count);
	else
		haw_question_refuse(q);
	explicit_bzero(lines, sizeof(lines));
}

void cp_prompt(haw_question *question, struct cp_answers *answers, unsigned login)
{
	int fd = open_terminal();

	if (fd < 0) {
		haw_question_refuse(question);
		return;
	}
	switch (haw_question_kind(question)) {
	case HAW_ASK_HOST_KEY:
		ask_host_key(fd, question, answers);
		break;
	case HAW_ASK_PASSWORD:
	case HAW_ASK_PROMPTS:
	case HAW_ASK_PASSPHRASE:
	case HAW_ASK_NEW_PASSWORD:
		ask_texts(fd, question, answers, login);
		break;
	default:
		haw_question_refuse(question);
		break;
	}
	close(fd);
}
