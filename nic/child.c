/* SPDX-License-Identifier: Apache-2.0
 *
 * A command as a stream: run by the user's shell, one end of a socket pair as its standard input and output.
 *
 * We keep the command's end open too until the command has ended, so that its death is known, with its
 * status, before the end of the stream is seen. A command that leaves the socket to another process and ends
 * (a daemon) does not end the stream.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic/loop.h"

/* How long a command may take to end: by itself once its input has ended, and then after SIGHUP. */
enum { END_MS = 50, HANGUP_MS = 500 };

struct haw_child {
	pid_t pid;
	int pidfd;
	int far_end; /* the command's end of the socket pair; -1: closed */
	struct haw_readable *ended;
	void (*done)(void *user, const char *how);
	void *user;
	bool reaped;
};

static void close_far_end(struct haw_child *child)
{
	if (child->far_end >= 0)
		close(child->far_end);
	child->far_end = -1;
}

static void describe(int status, char *text, size_t size)
{
	const char *name;

	if (WIFEXITED(status)) {
		snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
		return;
	}
	name = sigabbrev_np(WTERMSIG(status));
	snprintf(text, size, "it was ended by the signal %s%s", name ? "SIG" : "", name ? name : "?");
}

static void ended(void *user)
{
	struct haw_child *child = user;
	int status = 0;
	char how[64];
	pid_t pid = child->reaped ? 0 : waitpid(child->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	child->reaped = true;
	if (pid > 0)
		describe(status, how, sizeof(how));
	else
		snprintf(how, sizeof(how), "it ended, and its status was lost");
	child->done(child->user, how);
	close_far_end(child);
}

static int spawn(struct haw_child *child, const char *command)
{
	const char *shell = getenv("SHELL");
	char name[] = "sh", option[] = "-c", *line;
	char *arguments[] = {name, option, NULL, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int number;

	if (asprintf(&line, "exec %s", command) < 0)
		return ENOMEM;
	arguments[2] = line;
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&files, child->far_end, 0);
	posix_spawn_file_actions_adddup2(&files, child->far_end, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	number = posix_spawn(&child->pid, shell && *shell ? shell : "/bin/sh", &files, &attributes, arguments,
			     environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	free(line);
	return number;
}

static int fail(haw_error *err, int number, const char *what)
{
	char reason[128];

	return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, number, "%s: %s", what,
			     haw_reason(number, reason, sizeof(reason)));
}

/* A child without a descriptor to wait with (before Linux 5.3) cannot be told from one that hangs. */
static int watch(struct haw_io *io, struct haw_child *child, haw_error *err)
{
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0)
		return fail(err, errno, "the command cannot be watched");
	child->ended = haw_readable_new(io, child->pidfd, ended, child, err);
	return child->ended ? 0 : HAW_ESYSTEM;
}

struct haw_child *haw_child_start(struct haw_io *io, const char *command,
				  void (*done)(void *user, const char *how), void *user,
				  struct haw_stream **stream, haw_error *err)
{
	struct haw_child *child = calloc(1, sizeof(*child));
	int ends[2] = {-1, -1}, number;

	*stream = NULL;
	if (!child || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		fail(err, child ? errno : ENOMEM, "no socket pair for the command");
		free(child);
		return NULL;
	}
	*child = (struct haw_child){.pidfd = -1, .far_end = ends[1], .done = done, .user = user};
	number = spawn(child, command);
	if (number != 0) {
		fail(err, number, "the shell cannot be started ($SHELL)");
		child->reaped = true;
		close(ends[0]);
	} else if (watch(io, child, err) < 0) {
		close(ends[0]);
	} else {
		*stream = haw_stream_adopt(io, ends[0], err);
	}
	if (*stream)
		return child;
	haw_child_free(child);
	return NULL;
}

/* Whether the command has ended, at the latest after MS. */
static bool wait_end(struct haw_child *child, int ms)
{
	struct pollfd wait = {.fd = child->pidfd, .events = POLLIN};

	while (child->pidfd >= 0 && poll(&wait, 1, ms) < 0 && errno == EINTR)
		continue;
	return waitpid(child->pid, NULL, WNOHANG) != 0;
}

void haw_child_free(struct haw_child *child)
{
	if (!child)
		return;
	haw_readable_free(child->ended);
	close_far_end(child);
	if (!child->reaped && !wait_end(child, END_MS)) {
		kill(child->pid, SIGHUP);
		if (!wait_end(child, HANGUP_MS)) {
			kill(child->pid, SIGKILL);
			while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
				continue;
		}
	}
	if (child->pidfd >= 0)
		close(child->pidfd);
	free(child);
}
