/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nic/io.h"
#include "transport/engine/loop.h"

enum { SPACE = 256 * 1024, VIEW = 32 * 1024, SPANS = 8 };

/* One call of the carrier's send. */
struct piece {
	struct piece *next;
	haw_span body;
	void (*release)(void *user);
	void *user;
	size_t head_len;
	uint8_t head[];
};

struct pipe_stream {
	struct haw_io *io;
	struct haw_stream *stream;
	struct haw_sftp *sftp;
	struct haw_timer kick;
	struct haw_send send;
	struct haw_receive receive;
	struct piece *first, *last;
	unsigned sending; /* pieces in the send under way */
	bool ended, closed, busy;
	uint8_t space[SPACE];
};

static void drop_first(struct pipe_stream *p)
{
	struct piece *piece = p->first;

	p->first = piece->next;
	if (!p->first)
		p->last = NULL;
	if (piece->release)
		piece->release(piece->user);
	free(piece);
}

static bool fill_send(struct pipe_stream *p)
{
	p->send.count = 0;
	p->sending = 0;
	for (struct piece *piece = p->first; piece && p->send.count + 2 <= SPANS; piece = piece->next) {
		if (piece->head_len > 0)
			p->send.spans[p->send.count++] = (haw_span){piece->head, piece->head_len};
		if (piece->body.len > 0)
			p->send.spans[p->send.count++] = piece->body;
		p->sending++;
	}
	return p->send.count > 0;
}

static void lost(struct pipe_stream *p)
{
	p->ended = true;
	haw_sftp_closed(p->sftp, NULL);
}

static void count_sent(struct pipe_stream *p)
{
	while (p->sending > 0 && !p->closed) {
		p->sending--;
		drop_first(p);
	}
}

static void pump_out(struct pipe_stream *p)
{
	while (!p->closed && !p->ended && p->sending == 0 && fill_send(p)) {
		int rc = haw_stream_send(p->stream, &p->send);

		if (rc == 0)
			return;
		if (rc < 0)
			lost(p);
		else
			count_sent(p);
	}
}

static void take(struct pipe_stream *p)
{
	haw_span rest = {p->space, (size_t)p->receive.result};

	if (p->receive.result <= 0) {
		lost(p);
		return;
	}
	while (rest.len > 0 && !p->closed) {
		size_t n = rest.len < VIEW ? rest.len : VIEW;

		haw_sftp_feed(p->sftp, (haw_span){rest.ptr, n});
		rest.ptr += n;
		rest.len -= n;
	}
	if (!p->closed)
		haw_sftp_batch_end(p->sftp);
}

static void pump_in(struct pipe_stream *p)
{
	while (!p->closed && !p->ended) {
		int rc;

		p->receive.ptr = p->space;
		p->receive.len = SPACE;
		rc = haw_stream_receive(p->stream, &p->receive);
		if (rc == 0)
			return;
		if (rc < 0)
			lost(p);
		else
			take(p);
		pump_out(p);
	}
}

static void leave(struct pipe_stream *p)
{
	p->busy = false;
	if (p->closed)
		free(p);
}

static void on_kick(void *user)
{
	struct pipe_stream *p = user;

	p->busy = true;
	pump_out(p);
	leave(p);
}

static void on_sent(struct haw_send *op)
{
	struct pipe_stream *p = op->user;

	p->busy = true;
	if (op->result < 0)
		lost(p);
	else
		count_sent(p);
	pump_out(p);
	leave(p);
}

static void on_received(struct haw_receive *op)
{
	struct pipe_stream *p = op->user;

	p->busy = true;
	take(p);
	pump_out(p);
	pump_in(p);
	leave(p);
}

/* ---- The carrier ---- */

static int pipe_send(void *stream, haw_span head, haw_span body, void (*release)(void *user), void *user,
		     haw_error *err)
{
	struct pipe_stream *p = stream;
	struct piece *piece = malloc(sizeof(*piece) + head.len);

	if (!piece)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	*piece = (struct piece){.body = body, .release = release, .user = user, .head_len = head.len};
	if (head.len > 0)
		memcpy(piece->head, head.ptr, head.len);
	if (p->last)
		p->last->next = piece;
	else
		p->first = piece;
	p->last = piece;
	if (!p->busy && !p->kick.set)
		haw_timer_set(p->io, &p->kick, haw_io_now(p->io), on_kick, p);
	return 0;
}

static bool pipe_pipelines(void *stream)
{
	return false;
}

static void pipe_end(void *stream)
{
	struct pipe_stream *p = stream;

	p->closed = true;
	haw_timer_cancel(p->io, &p->kick);
	haw_stream_close(p->stream);
	while (p->first)
		drop_first(p);
	if (!p->busy)
		free(p);
}

static const struct haw_sftp_carrier pipe_carrier = {
	.send = pipe_send,
	.pipelines = pipe_pipelines,
	.close = pipe_end,
};

/* ---- Opening ---- */

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
	struct pipe_stream *p = calloc(1, sizeof(*p));
	haw_error err;
	haw_op *op;
	int rc;

	p->io = s->loop->io;
	p->stream = haw_stream_adopt_pair(s->loop->io, fd, fd, &err);
	p->send.done = on_sent;
	p->receive.done = on_received;
	p->send.user = p->receive.user = p;
	s->sftp = haw_sftp_create(s->loop, &pipe_carrier, p, NULL, NULL, &err);
	p->sftp = s->sftp;
	op = &s->sftp->start->op;
	if (haw_sftp_hello(s->sftp, &err) < 0)
		return false;
	rc = haw_stream_receive(p->stream, (p->receive.ptr = p->space, p->receive.len = SPACE, &p->receive));
	if (rc == 0)
		rc = haw_op_wait(op, 10000, &err);
	if (rc < 0)
		printf("    %s\n", err.message);
	haw_op_free(op);
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
