/* SPDX-License-Identifier: Apache-2.0
 *
 * A program whose standard output is wanted whole, and only if it ends well. No shell has a part in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic/loop.h"

enum { BLOCK = 16384 };

struct haw_output {
	struct haw_io *io;
	struct haw_output_options options; /* arguments: not kept */
	pid_t pid;
	bool reaped;
	int pidfd, fd; /* -1: closed */
	struct haw_readable *ended, *readable;
	struct haw_timer limit, finish;
	char *text;
	size_t len, room;
	haw_error error; /* code 0: none yet */
};

static void say(struct haw_output *o, int code, const char *what)
{
	if (!o->error.code)
		haw_error_set(&o->error, code, HAW_FAULT_LOCAL, 0, "%s", what);
}

static void stop_watching(struct haw_output *o)
{
	haw_readable_free(o->ended);
	haw_readable_free(o->readable);
	o->ended = o->readable = NULL;
	haw_timer_cancel(o->io, &o->limit);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

void haw_output_cancel(struct haw_output *o)
{
	if (!o)
		return;
	stop_watching(o);
	haw_timer_cancel(o->io, &o->finish);
	/* Nobody wants its answer any more, and it has nothing else to do. */
	if (!o->reaped) {
		kill(o->pid, SIGKILL);
		while (waitpid(o->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (o->pidfd >= 0)
		close(o->pidfd);
	free(o->text);
	free(o);
}

static void tell(void *user)
{
	struct haw_output *o = user;
	struct haw_output_options options = o->options;
	haw_error error = o->error;
	char *text = o->text;
	size_t len = o->len;

	o->text = NULL;
	haw_output_cancel(o);
	options.done(options.user,
		     error.code ? NULL
		     : text     ? text
				: "",
		     error.code ? 0 : len, error.code ? &error : NULL);
	free(text);
}

/* Once both the output and the program have ended, or as soon as there is an error. */
static void check(struct haw_output *o)
{
	if (!o->error.code && (o->fd >= 0 || !o->reaped))
		return;
	stop_watching(o);
	haw_timer_set(o->io, &o->finish, haw_io_now(o->io), tell, o);
}

static void ended(void *user)
{
	struct haw_output *o = user;
	char what[80];
	int status = 0;
	pid_t pid = o->reaped ? 0 : waitpid(o->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	o->reaped = true;
	if (pid < 0) {
		say(o, HAW_ESYSTEM, "it ended, and its status was lost");
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		snprintf(what, sizeof(what),
			 WIFEXITED(status) ? "it ended with status %d" : "it was ended by signal %d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		say(o, HAW_ESYSTEM, what);
	}
	check(o);
}

/* Room for one more block, and a NUL. */
static bool make_room(struct haw_output *o)
{
	size_t room = o->room ? o->room * 2 : 2 * BLOCK;
	char *text;

	if (o->room - o->len > BLOCK)
		return true;
	text = realloc(o->text, room);
	if (!text)
		return false;
	o->text = text;
	o->text[o->len] = '\0';
	o->room = room;
	return true;
}

static void readable(void *user)
{
	struct haw_output *o = user;

	while (!o->error.code && o->fd >= 0) {
		ssize_t n;

		if (!make_room(o)) {
			say(o, HAW_ENOMEM, "out of memory for its output");
			break;
		}
		n = read(o->fd, o->text + o->len, BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(o->fd);
			o->fd = -1;
			if (n < 0)
				say(o, HAW_ESYSTEM, "its output cannot be read");
			break;
		}
		o->len += (size_t)n;
		o->text[o->len] = '\0';
		if (o->len > o->options.max)
			say(o, HAW_ELIMIT, "its output is too long");
	}
	check(o);
}

static void too_late(void *user)
{
	struct haw_output *o = user;

	say(o, HAW_ETIMEDOUT, "it did not end in time");
	check(o);
}

static int spawn(struct haw_output *o, char *const *arguments, int out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int number;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	number = posix_spawn(&o->pid, arguments[0], &files, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	o->reaped = number != 0;
	return number;
}

static int fail(haw_error *err, int number, const char *what)
{
	char reason[128];

	return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, number, "%s: %s", what,
			     haw_reason(number, reason, sizeof(reason)));
}

static int start(struct haw_output *o, haw_error *err)
{
	int ends[2], number;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(err, errno, "no pipe for its output");
	o->fd = ends[0];
	/* The program may expect to wait when it writes. */
	number = fcntl(ends[1], F_SETFL, 0) < 0 ? errno : spawn(o, o->options.arguments, ends[1]);
	close(ends[1]);
	if (number != 0)
		return fail(err, number, "it cannot be started");
	o->pidfd = (int)syscall(SYS_pidfd_open, o->pid, 0);
	if (o->pidfd < 0)
		return fail(err, errno, "it cannot be watched");
	o->ended = haw_readable_new(o->io, o->pidfd, ended, o, err);
	o->readable = o->ended ? haw_readable_new(o->io, o->fd, readable, o, err) : NULL;
	return o->readable ? 0 : HAW_ESYSTEM;
}

struct haw_output *haw_output_start(struct haw_io *io, const struct haw_output_options *options,
				    haw_error *err)
{
	struct haw_output *o = calloc(1, sizeof(*o));

	if (!o) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	*o = (struct haw_output){.io = io, .options = *options, .pidfd = -1, .fd = -1, .reaped = true};
	if (start(o, err) < 0) {
		haw_output_cancel(o);
		return NULL;
	}
	o->options.arguments = NULL;
	if (options->timeout_ns > 0)
		haw_timer_set(io, &o->limit, haw_io_now(io) + options->timeout_ns, too_late, o);
	return o;
}
