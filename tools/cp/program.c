/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"

extern char **environ;

/* ---- What it is told ---- */

/* As scp has it: first what must not be left to a configuration. */
static const char *const first_words[] = {"-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes",
					  "-oRemoteCommand=none", "-oRequestTTY=no"};

enum { OWN_WORDS = 24 };

struct words {
	const char **items;
	size_t count;
	char port[8];
};

static void add(struct words *w, const char *word)
{
	w->items[w->count++] = word;
	w->items[w->count] = NULL;
}

static void add_port(struct words *w, uint16_t port)
{
	if (port == 0)
		return;
	snprintf(w->port, sizeof(w->port), "%u", port);
	add(w, "-p");
	add(w, w->port);
}

/* The order is scp's. There is room for it. A server gets no port: OpenSSH's would take -p for the list of
 * requests that it permits. */
static void fill(struct words *w, const struct cp_scp_args *args, const struct cp_location *peer,
		 uint16_t port, const char *command)
{
	add(w, args->server ? args->server : args->program);
	if (!args->server) {
		for (size_t i = 0; i < sizeof(first_words) / sizeof(first_words[0]); i++)
			add(w, first_words[i]);
		for (size_t i = 0; i < args->passed_count; i++)
			add(w, args->passed[i]);
		add(w, "-oForwardAgent=no");
		add_port(w, peer->port ? peer->port : port);
		if (peer->user) {
			add(w, "-l");
			add(w, peer->user);
		}
		if (!command)
			add(w, "-s");
	}
	add(w, "--");
	add(w, peer->host);
	add(w, command ? command : "sftp");
}

/* For scp on the first of two hosts, as scp has it. */
static void fill_for_origin(struct words *w, const struct cp_scp_args *args, const struct cp_location *peer,
			    uint16_t port, const char *const origin[CP_ORIGIN_WORDS])
{
	add(w, args->program);
	add(w, "-x");
	add(w, "-oClearAllForwardings=yes");
	add(w, "-n");
	for (size_t i = 0; i < args->passed_count; i++)
		add(w, args->passed[i]);
	add_port(w, peer->port ? peer->port : port);
	if (peer->user) {
		add(w, "-l");
		add(w, peer->user);
	}
	add(w, "--");
	add(w, peer->host);
	for (size_t i = 0; i < CP_ORIGIN_WORDS; i++)
		add(w, origin[i]);
}

/* ---- Starting ---- */

/* Signals that this process ignores are not that program's. */
static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int fd)
{
	sigset_t ignored;
	int error = posix_spawn_file_actions_init(actions);

	if (error)
		return error;
	error = posix_spawnattr_init(attributes);
	if (error) {
		posix_spawn_file_actions_destroy(actions);
		return error;
	}
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	sigaddset(&ignored, SIGXFSZ);
	posix_spawnattr_setsigdefault(attributes, &ignored);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn_file_actions_adddup2(actions, fd, STDIN_FILENO);
	return error ? error : posix_spawn_file_actions_adddup2(actions, fd, STDOUT_FILENO);
}

static int spawn(struct cp_program *program, const char *const *words)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int fds[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return errno;
	error = prepare(&actions, &attributes, fds[1]);
	if (!error) {
		error = posix_spawnp(&program->pid, words[0], &actions, &attributes,
				     (char *const *)(uintptr_t)words, environ);
		posix_spawn_file_actions_destroy(&actions);
		posix_spawnattr_destroy(&attributes);
	}
	close(fds[1]);
	if (error) {
		close(fds[0]);
		return error;
	}
	program->fd = fds[0];
	/* Without it the program may find that nobody takes its last answer. */
	program->rest = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	return 0;
}

static void free_program(struct cp_program *program)
{
	if (program->fd >= 0)
		close(program->fd);
	if (program->rest >= 0)
		close(program->rest);
	free(program->name);
	free(program);
}

/* W is consumed. */
static struct cp_program *launch(struct words *w, haw_error *err)
{
	struct cp_program *program = calloc(1, sizeof(*program));
	const char *name = w->items ? w->items[0] : "a program";
	char shown[512];
	int error = ENOMEM;

	if (program)
		program->fd = program->rest = -1;
	if (program && w->items) {
		program->name = strdup(name);
		if (program->name)
			error = spawn(program, w->items);
	}
	if (error)
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, error, "%s cannot be run: %s",
			      haw_escape(shown, sizeof(shown), name, strlen(name)), strerror(error));
	free(w->items);
	if (!error)
		return program;
	if (program)
		free_program(program);
	return NULL;
}

struct cp_program *cp_program_start(const struct cp_scp_args *args, const struct cp_location *peer,
				    uint16_t port, const char *command, haw_error *err)
{
	struct words w = {.items = calloc(args->passed_count + OWN_WORDS, sizeof(*w.items))};

	if (w.items)
		fill(&w, args, peer, port, command);
	return launch(&w, err);
}

struct cp_program *cp_program_start_for_origin(const struct cp_scp_args *args, const struct cp_location *peer,
					       uint16_t port, const char *const origin[CP_ORIGIN_WORDS],
					       haw_error *err)
{
	struct words w = {.items = calloc(args->passed_count + OWN_WORDS, sizeof(*w.items))};

	if (w.items)
		fill_for_origin(&w, args, peer, port, origin);
	return launch(&w, err);
}

/* ---- The end ---- */

enum { STEP_MS = 10 };

static const uint64_t patience_ns = 5000000000u, interrupted_ns = 10000000u;

/* What it says once nobody listens any more. */
static void pass_over(const struct cp_program *program)
{
	char bytes[4096];

	while (program->rest >= 0 && recv(program->rest, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

/* Nobody sends it anything more. */
static void leave(struct cp_program *program)
{
	if (program->left_ns)
		return;
	if (program->fd >= 0)
		close(program->fd);
	program->fd = -1;
	if (program->rest >= 0)
		shutdown(program->rest, SHUT_WR);
	program->left_ns = cp_now_ns();
}

/* Whether it has ended; one that takes too long is asked to, and after as long a time made to. */
static bool look(struct cp_program *program, int *status)
{
	uint64_t patience = cp_interrupted() && !program->asked ? interrupted_ns : patience_ns;

	leave(program);
	if (waitpid(program->pid, status, WNOHANG) != 0)
		return true;
	pass_over(program);
	if (cp_now_ns() - program->left_ns < patience)
		return false;
	if (program->asked) {
		kill(program->pid, SIGKILL);
		waitpid(program->pid, status, 0);
		return true;
	}
	kill(program->pid, SIGTERM);
	program->asked = true;
	program->left_ns = cp_now_ns();
	return false;
}

/* False: it has ended well. */
static bool describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exited with status %d", WEXITSTATUS(status));
	return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

int cp_program_end(struct cp_report *report, struct cp_program *program)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
	char how[120];
	int status = 0;

	if (!program)
		return -1;
	while (!look(program, &status))
		nanosleep(&step, NULL);
	if (describe(status, how, sizeof(how)))
		cp_report_failed(report, program->name, "%s", how);
	free_program(program);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool cp_program_has_ended(struct cp_report *report, struct cp_program *program)
{
	char how[120], shown[512], line[640];
	int status = 0;

	if (!look(program, &status))
		return false;
	describe(status, how, sizeof(how));
	snprintf(line, sizeof(line), "%s %s",
		 haw_escape(shown, sizeof(shown), program->name, strlen(program->name)), how);
	cp_report_note(report, 1, line);
	free_program(program);
	return true;
}
