/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams that the user provides: descriptors, callbacks that do not block, callbacks that do.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "nic_test.h"

/* ---- An echo in memory: what is written can be read, a few bytes at a time ---- */

struct memory {
	haw_stream *handle;
	uint8_t ring[64];
	size_t head, tail;
	bool ended, wrong;
	int closed, calls_after_close;
	pthread_mutex_t lock;
};

static ptrdiff_t memory_read(void *user, void *ptr, size_t len)
{
	struct memory *m = user;
	size_t n = 0;
	bool ended;

	pthread_mutex_lock(&m->lock);
	m->calls_after_close += m->closed;
	while (n < len && m->tail != m->head)
		((uint8_t *)ptr)[n++] = m->ring[m->tail++ % sizeof(m->ring)];
	ended = m->ended;
	pthread_mutex_unlock(&m->lock);
	return n > 0 ? (ptrdiff_t)n : ended ? 0 : HAW_EAGAIN;
}

static ptrdiff_t memory_write(void *user, const void *ptr, size_t len)
{
	struct memory *m = user;
	size_t n = 0;

	pthread_mutex_lock(&m->lock);
	m->calls_after_close += m->closed;
	while (n < len && m->head - m->tail < sizeof(m->ring))
		m->ring[m->head++ % sizeof(m->ring)] = ((const uint8_t *)ptr)[n++];
	pthread_mutex_unlock(&m->lock);
	return n > 0 ? (ptrdiff_t)n : HAW_EAGAIN;
}

static void memory_end(void *user)
{
	struct memory *m = user;

	pthread_mutex_lock(&m->lock);
	m->ended = true;
	pthread_mutex_unlock(&m->lock);
}

static void memory_close(void *user)
{
	((struct memory *)user)->closed++;
}

static const haw_stream_callbacks memory_callbacks = {
	.size = sizeof(haw_stream_callbacks),
	.read = memory_read,
	.write = memory_write,
	.end = memory_end,
	.close = memory_close,
};

static bool memory_stream(struct memory *m, struct haw_io *io)
{
	haw_stream_callbacks callbacks = memory_callbacks;

	callbacks.user = m;
	m->handle = haw_stream_new(&callbacks, NULL);
	return m->handle && haw_stream_attach(io, m->handle, NULL) == 0;
}

struct keep_ready {
	struct memory *m;
	_Atomic bool stop;
};

static void *say_ready(void *arg)
{
	struct keep_ready *k = arg;

	while (!k->stop) {
		haw_stream_ready(k->m->handle);
		usleep(50);
	}
	return NULL;
}

static uint8_t letter(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

/* Everything written comes back, driven by another thread's haw_stream_ready. */
static void callbacks(void)
{
	struct memory m = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct haw_io *io = nic_loop();
	struct keep_ready ready = {.m = &m};
	struct nic_note sent = {0}, got = {0};
	uint8_t out[5000], in[100];
	size_t at = 0;
	pthread_t thread;
	struct haw_send send = {
		.spans = {{out, 10}, {out + 10, 4990}}, .count = 2, .done = nic_sent, .user = &sent};
	struct haw_receive receive = {.ptr = in, .len = sizeof(in), .done = nic_received, .user = &got};

	CHECK(io && memory_stream(&m, io));
	CHECK(haw_stream_attach(io, m.handle, NULL) == HAW_EINVAL);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = letter(i);
	CHECK(haw_stream_receive(m.handle, &receive) == 0);
	CHECK(haw_stream_send(m.handle, &send) == 0);
	CHECK(haw_stream_send(m.handle, &send) == HAW_EINVAL);
	CHECK(pthread_create(&thread, NULL, say_ready, &ready) == 0);
	while (at < sizeof(out)) {
		CHECK(nic_until(io, &got.done, 5000) && got.result > 0);
		do {
			for (int64_t i = 0; i < receive.result; i++, at++)
				m.wrong |= in[i] != letter(at);
			got.done = false;
		} while (at < sizeof(out) && haw_stream_receive(m.handle, &receive) == 1);
	}
	CHECK(!m.wrong && sent.done && sent.result == 0);
	CHECK(haw_stream_shutdown_write(m.handle, NULL) == 0);
	CHECK(haw_stream_receive(m.handle, &receive) == 1 && receive.result == 0);
	CHECK(haw_stream_send(m.handle, &send) == HAW_ECLOSED);
	haw_stream_close(m.handle);
	CHECK(m.closed == 1);
	/* The handle stays valid until it is freed, and late words about readiness are harmless. */
	usleep(2000);
	ready.stop = true;
	pthread_join(thread, NULL);
	haw_stream_ready(m.handle);
	nic_for(io, 5);
	haw_stream_ready(m.handle);
	haw_io_free(io);
	haw_stream_ready(m.handle);
	haw_stream_free(m.handle);
	CHECK(m.closed == 1 && m.calls_after_close == 0);
}

static void cancel_and_close(void)
{
	struct memory m = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct haw_io *io = nic_loop();
	struct nic_note got = {0};
	uint8_t in[100];
	struct haw_receive receive = {.ptr = in, .len = sizeof(in), .done = nic_received, .user = &got};

	CHECK(io && memory_stream(&m, io));
	CHECK(haw_stream_receive(m.handle, &receive) == 0);
	CHECK(haw_stream_cancel_receive(m.handle));
	CHECK(memory_write(&m, "abc", 3) == 3);
	haw_stream_ready(m.handle);
	nic_for(io, 5);
	CHECK(!got.done);
	CHECK(haw_stream_receive(m.handle, &receive) == 1 && receive.result == 3);
	CHECK(haw_stream_receive(m.handle, &receive) == 0);
	haw_stream_ready(m.handle);
	haw_stream_close(m.handle);
	nic_for(io, 5);
	CHECK(!got.done && m.closed == 1);
	haw_stream_free(m.handle);
	haw_io_free(io);
}

/* A stream that was never bound is closed when its maker frees it. */
static void never_bound(void)
{
	struct memory m = {.lock = PTHREAD_MUTEX_INITIALIZER};
	haw_stream_callbacks own = memory_callbacks;
	haw_error err;
	int ends[2];

	own.user = &m;
	CHECK((m.handle = haw_stream_new(&own, NULL)));
	haw_stream_ready(m.handle);
	haw_stream_free(m.handle);
	CHECK(m.closed == 1);
	own.read = NULL;
	CHECK(!haw_stream_new(&own, &err) && err.code == HAW_EINVAL);
	own.size = 4;
	CHECK(!haw_stream_new(&own, &err) && err.code == HAW_EINVAL);
	CHECK(m.closed == 1);
	CHECK(pipe(ends) == 0);
	CHECK((m.handle = haw_stream_new_fds(ends[0], ends[1], NULL)));
	haw_stream_free(m.handle);
	CHECK(close(ends[0]) < 0 && errno == EBADF && close(ends[1]) < 0);
}

/* Callbacks that break their contract end the stream instead of the process. */
static ptrdiff_t too_much(void *user, void *ptr, size_t len)
{
	return (ptrdiff_t)len + 1;
}

static ptrdiff_t nothing_taken(void *user, const void *ptr, size_t len)
{
	return 0;
}

static void broken_callbacks(void)
{
	haw_stream_callbacks own = {.size = sizeof(own), .read = too_much, .write = nothing_taken};
	struct haw_io *io = nic_loop();
	haw_stream *stream;
	char byte;
	struct haw_receive receive = {.ptr = &byte, .len = 1};
	struct haw_send send = {.spans = {{(const uint8_t *)"x", 1}}, .count = 1};

	CHECK(io && (stream = haw_stream_new(&own, NULL)));
	CHECK(haw_stream_attach(io, stream, NULL) == 0);
	CHECK(haw_stream_receive(stream, &receive) == HAW_EINVAL);
	CHECK(haw_stream_receive(stream, &receive) == HAW_EINVAL);
	CHECK(haw_stream_send(stream, &send) == HAW_EINVAL);
	CHECK(haw_stream_shutdown_write(stream, NULL) == HAW_EUNSUPPORTED);
	haw_stream_close(stream);
	haw_stream_free(stream);
	haw_io_free(io);
}

/* ---- Callbacks that block, on a blocking socket ---- */

struct blocker {
	int fd;
	sem_t closed;
};

static ptrdiff_t block_read(void *user, void *ptr, size_t len)
{
	ssize_t n = read(((struct blocker *)user)->fd, ptr, len);

	return n < 0 ? HAW_ECLOSED : n;
}

static ptrdiff_t block_write(void *user, const void *ptr, size_t len)
{
	ssize_t n = send(((struct blocker *)user)->fd, ptr, len, MSG_NOSIGNAL);

	return n < 0 ? HAW_ECLOSED : n;
}

static void block_end(void *user)
{
	shutdown(((struct blocker *)user)->fd, SHUT_WR);
}

static void block_interrupt(void *user)
{
	shutdown(((struct blocker *)user)->fd, SHUT_RDWR);
}

static void block_close(void *user)
{
	struct blocker *b = user;

	close(b->fd);
	sem_post(&b->closed);
}

static haw_stream *block_stream(struct blocker *b, struct haw_io *io, int fd, bool interrupt)
{
	haw_stream_callbacks own = {.size = sizeof(own),
				    .flags = HAW_STREAM_BLOCKING,
				    .user = b,
				    .read = block_read,
				    .write = block_write,
				    .end = block_end,
				    .close = block_close};
	haw_stream *stream;

	if (interrupt)
		own.interrupt = block_interrupt;
	b->fd = fd;
	sem_init(&b->closed, 0, 0);
	stream = haw_stream_new(&own, NULL);
	return stream && haw_stream_attach(io, stream, NULL) == 0 ? stream : NULL;
}

static bool closed_soon(struct blocker *b)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 5;
	return sem_timedwait(&b->closed, &ts) == 0;
}

static void *echo_thread(void *arg)
{
	int fd = *(int *)arg;
	static uint8_t data[65536];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0) {
		for (ssize_t at = 0, m; at < n; at += m) {
			m = send(fd, data + at, (size_t)(n - at), MSG_NOSIGNAL);
			if (m <= 0)
				return NULL;
		}
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void blocking(void)
{
	struct haw_io *io = nic_loop();
	struct blocker b;
	struct nic_note sent = {0}, got = {0};
	size_t len = 3 << 20, at = 0;
	uint8_t *out = malloc(len), *in = malloc(len);
	struct haw_send send = {.spans = {{out, 1000}, {out + 1000, len - 1000}},
				.count = 2,
				.done = nic_sent,
				.user = &sent};
	struct haw_receive receive = {.ptr = in, .len = 100000, .done = nic_received, .user = &got};
	haw_stream *stream;
	pthread_t thread;
	uint64_t bytes_sent, bytes_received;
	int fds[2];

	CHECK(io && out && in && nic_local_pair(fds));
	CHECK((stream = block_stream(&b, io, fds[0], true)));
	CHECK(pthread_create(&thread, NULL, echo_thread, &fds[1]) == 0);
	for (size_t i = 0; i < len; i++)
		out[i] = letter(i);
	CHECK(haw_stream_send(stream, &send) == 0);
	while (at < len) {
		receive.ptr = in + at;
		receive.len = len - at < 100000 ? len - at : 100000;
		got.done = false;
		if (haw_stream_receive(stream, &receive) == 0)
			CHECK(nic_until(io, &got.done, 5000));
		CHECK(receive.result > 0);
		at += (size_t)receive.result;
	}
	CHECK(memcmp(in, out, len) == 0);
	CHECK(nic_until(io, &sent.done, 2000) && sent.result == 0);
	haw_stream_byte_counts(stream, &bytes_sent, &bytes_received);
	CHECK(bytes_sent == len && bytes_received == len);
	CHECK(haw_stream_shutdown_write(stream, NULL) == 0);
	CHECK(haw_stream_send(stream, &send) == HAW_ECLOSED);
	got.done = false;
	receive.ptr = in;
	receive.len = 1;
	if (haw_stream_receive(stream, &receive) == 0)
		CHECK(nic_until(io, &got.done, 5000));
	CHECK(receive.result == 0);
	haw_stream_close(stream);
	haw_stream_free(stream);
	CHECK(closed_soon(&b));
	pthread_join(thread, NULL);
	close(fds[1]);
	haw_io_free(io);
	free(in);
	free(out);
}

/* Helpers that hang hold up neither closing nor the end of the loop; with an interrupt they end. */
static void blocking_hangs(bool interrupt)
{
	struct haw_io *io = nic_loop();
	struct blocker b;
	struct nic_note note = {0};
	static uint8_t data[8 << 20];
	char byte;
	struct haw_send send = {.spans = {{data, sizeof(data)}}, .count = 1, .done = nic_sent, .user = &note};
	struct haw_receive receive = {.ptr = &byte, .len = 1, .done = nic_received, .user = &note};
	haw_stream *stream;
	uint64_t start;
	int fds[2];

	CHECK(io && nic_local_pair(fds));
	CHECK((stream = block_stream(&b, io, fds[0], interrupt)));
	CHECK(haw_stream_send(stream, &send) == 0);
	CHECK(haw_stream_receive(stream, &receive) == 0);
	nic_for(io, 20);
	start = nic_now();
	haw_stream_close(stream);
	haw_stream_free(stream);
	haw_io_free(io);
	CHECK(nic_now() - start < 1000 * MS);
	CHECK(!note.done);
	if (!interrupt) {
		usleep(10000);
		CHECK(sem_trywait(&b.closed) < 0);
		close(fds[1]);
	}
	CHECK(closed_soon(&b));
	if (interrupt)
		close(fds[1]);
}

static void blocking_interrupted(void)
{
	blocking_hangs(true);
}

static void blocking_left(void)
{
	blocking_hangs(false);
}

static void blocking_error(void)
{
	struct haw_io *io = nic_loop();
	struct blocker b;
	struct nic_note sent = {0};
	static uint8_t data[1 << 20];
	struct haw_send send = {.spans = {{data, sizeof(data)}}, .count = 1, .done = nic_sent, .user = &sent};
	haw_stream *stream;
	int fds[2];

	CHECK(io && nic_local_pair(fds));
	CHECK((stream = block_stream(&b, io, fds[0], true)));
	close(fds[1]);
	CHECK(haw_stream_send(stream, &send) == 0);
	CHECK(nic_until(io, &sent.done, 5000) && sent.result == HAW_ECLOSED);
	CHECK(haw_stream_send(stream, &send) == HAW_ECLOSED);
	haw_stream_close(stream);
	haw_stream_free(stream);
	CHECK(closed_soon(&b));
	haw_io_free(io);
}

int main(void)
{
	static const struct nic_test tests[] = {
		{"callbacks", callbacks},
		{"cancel_and_close", cancel_and_close},
		{"never_bound", never_bound},
		{"broken_callbacks", broken_callbacks},
		{"blocking", blocking},
		{"blocking_interrupted", blocking_interrupted},
		{"blocking_left", blocking_left},
		{"blocking_error", blocking_error},
	};

	return nic_main(tests, sizeof(tests) / sizeof(tests[0]));
}
