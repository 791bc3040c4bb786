/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_server(int fd, int other, void (*server)(int fd))
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(other);
	if (server) {
		server(fd);
		_exit(0);
	}
	dup2(fd, 0);
	dup2(fd, 1);
	close(fd);
	execl(SFTP_SERVER, SFTP_SERVER, (char *)NULL);
	_exit(127);
}

static bool start_session(struct pipe_session *s, int fd)
{
	haw_error err;
	haw_stream *stream = haw_stream_new_fds(fd, fd, &err);
	haw_op *op = stream ? haw_sftp_start_stream(s->loop, stream, &s->sftp, NULL, NULL, &err) : NULL;
	int rc = op ? haw_op_wait(op, 10000, &err) : err.code;

	if (rc < 0)
		printf("    %s\n", err.message);
	haw_op_free(op);
	haw_stream_free(stream);
	return rc == 0;
}

bool pipe_open(struct pipe_session *s, void (*server)(int fd))
{
	int fds[2];

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/dev/shm/hawser-sftp.XXXXXX");
	if (!mkdtemp(s->dir))
		strcpy(s->dir, "/tmp/hawser-sftp.XXXXXX");
	if (strstr(s->dir, "XXXXXX") && !mkdtemp(s->dir))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	s->pid = start_server(fds[1], fds[0], server);
	close(fds[1]);
	s->loop = haw_loop_new(NULL, NULL);
	return s->loop && start_session(s, fds[0]);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void pipe_close(struct pipe_session *s)
{
	haw_sftp_free(s->sftp);
	haw_loop_free(s->loop);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *pipe_path(const struct pipe_session *s, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", s->dir, name);
	return path;
}
