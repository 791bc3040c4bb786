/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over descriptors: bulk, ends, resets, halves, closing at every moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nic_test.h"

/* ---- Echo ---- */

enum { CHUNK = 512 * 1024 };

/* The byte stream that both ends know: words of a mixed counter, hashed on both sides. */
static uint64_t mix(uint64_t hash, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static void fill(uint8_t *p, size_t len, unsigned *seed)
{
	uint32_t word = (uint32_t)rand_r(seed);

	for (size_t i = 0; i < len; i++) {
		word = word * 1664525u + 1013904223u;
		p[i] = (uint8_t)(word >> 24);
	}
}

/* One way: receive in random sizes and send the same on, or only one of both. */
struct pipe_end {
	struct haw_stream *from, *to;
	struct haw_receive receive;
	struct haw_send send;
	uint8_t *buffer;
	unsigned seed;
	uint64_t left;		/* a source: bytes to make */
	uint64_t hash, bytes;
	bool ended, failed;
};

static void pump(struct pipe_end *p);

static void pump_sent(struct haw_send *op)
{
	struct pipe_end *p = op->user;

	p->failed |= op->result < 0;
	pump(p);
}

/* 1: the buffer is on its way; 0: pending. */
static int pump_send(struct pipe_end *p, size_t len)
{
	p->hash = mix(p->hash, p->buffer, len);
	p->bytes += len;
	if (!p->to)
		return 1;
	p->send = (struct haw_send){.done = pump_sent, .user = p, .count = 3};
	p->send.spans[0] = (haw_span){p->buffer, len / 3};
	p->send.spans[1] = (haw_span){p->buffer, 0};
	p->send.spans[2] = (haw_span){p->buffer + len / 3, len - len / 3};
	return haw_stream_send(p->to, &p->send);
}

static void pump_received(struct haw_receive *op)
{
	struct pipe_end *p = op->user;
	int rc = 1;

	if (op->result > 0)
		rc = pump_send(p, (size_t)op->result);
	else
		p->ended = true;
	p->failed |= op->result < 0 || rc < 0;
	if (rc > 0)
		pump(p);
}

/* The next bytes: their number, 0 if pending or at the end. */
static size_t pump_next(struct pipe_end *p)
{
	size_t len = 1 + (size_t)rand_r(&p->seed) % CHUNK;
	int rc;

	if (!p->from) {
		len = len < p->left ? len : p->left;
		fill(p->buffer, len, &p->seed);
		p->left -= len;
		p->ended = len == 0;
		return len;
	}
	p->receive = (struct haw_receive){.ptr = p->buffer, .len = len, .done = pump_received, .user = p};
	rc = haw_stream_receive(p->from, &p->receive);
	p->failed |= rc < 0;
	p->ended = rc == 1 && p->receive.result == 0;
	return rc == 1 ? (size_t)p->receive.result : 0;
}

static void pump(struct pipe_end *p)
{
	while (!p->failed && !p->ended) {
		size_t n = pump_next(p);
		int rc = n > 0 ? pump_send(p, n) : 0;

		p->failed |= rc < 0;
		if (rc == 0)
			break;
	}
	if (p->ended && p->to)
		p->failed |= haw_stream_shutdown_write(p->to, NULL) < 0;
}

static void echo(int fds[2], uint64_t bytes)
{
	struct haw_io *io = nic_loop();
	struct haw_stream *near, *far;
	struct pipe_end ends[3] = {{.seed = 1, .left = bytes}, {.seed = 2}, {.seed = 3}};
	uint64_t sent, received;

	CHECK(io);
	CHECK((near = haw_stream_adopt(io, fds[0], NULL)));
	CHECK((far = haw_stream_adopt(io, fds[1], NULL)));
	ends[0].to = ends[2].from = near;
	ends[1].from = ends[1].to = far;
	for (int i = 0; i < 3; i++)
		CHECK((ends[i].buffer = malloc(CHUNK)));
	for (int i = 0; i < 3; i++)
		pump(&ends[i]);
	CHECK(nic_until(io, &ends[2].ended, 120000));
	CHECK(!ends[0].failed && !ends[1].failed && !ends[2].failed);
	CHECK(ends[2].bytes == bytes && ends[1].bytes == bytes);
	CHECK(ends[2].hash == ends[0].hash);
	haw_stream_byte_counts(near, &sent, &received);
	CHECK(sent == bytes && received == bytes);
	haw_stream_close(near);
	haw_stream_close(far);
	haw_io_free(io);
	for (int i = 0; i < 3; i++)
		free(ends[i].buffer);
}

static uint64_t echo_bytes(void)
{
	return nic_under_valgrind() ? 4 << 20 : 256 << 20;
}

static void echo_tcp(void)
{
	int fds[2];

	CHECK(nic_tcp_pair(fds));
	echo(fds, echo_bytes());
}

static void echo_local(void)
{
	int fds[2];

	CHECK(nic_local_pair(fds));
	echo(fds, echo_bytes() / 16);
}

/* ---- Ends ---- */

struct duo {
	struct haw_io *io;
	struct haw_stream *a;
	int b;			/* the peer's blocking descriptor */
};

static bool duo_tcp(struct duo *d)
{
	int fds[2];

	d->io = nic_loop();
	if (!d->io || !nic_tcp_pair(fds))
		return false;
	d->a = haw_stream_adopt(d->io, fds[0], NULL);
	d->b = fds[1];
	return d->a;
}

static void duo_end(struct duo *d)
{
	haw_stream_close(d->a);
	haw_io_free(d->io);
	close(d->b);
}

static void end_of_stream(void)
{
	struct duo d;
	struct nic_note note = {0};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};

	CHECK(duo_tcp(&d));
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	CHECK(haw_stream_receive(d.a, &(struct haw_receive){.ptr = buffer, .len = 1}) == HAW_EINVAL);
	CHECK(write(d.b, "abc", 3) == 3);
	CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(note.result == 3 && memcmp(buffer, "abc", 3) == 0);
	/* The last read took all there was; the end must be seen all the same. */
	note.done = false;
	CHECK(shutdown(d.b, SHUT_WR) == 0);
	if (haw_stream_receive(d.a, &receive) == 0) {
		CHECK(nic_until(d.io, &note.done, 2000));
		CHECK(note.count == 2);
	}
	CHECK(receive.result == 0);
	CHECK(haw_stream_receive(d.a, &receive) == 1 && receive.result == 0);
	duo_end(&d);
}

/* Data and the end are there before the first receive, and reads are short. */
static void end_with_data(void)
{
	struct duo d;
	struct nic_note note = {0};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};

	CHECK(duo_tcp(&d));
	nic_for(d.io, 1);
	CHECK(write(d.b, "abc", 3) == 3);
	CHECK(shutdown(d.b, SHUT_WR) == 0);
	CHECK(haw_stream_receive(d.a, &receive) == 1 && receive.result == 3);
	if (haw_stream_receive(d.a, &receive) == 0)
		CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(receive.result == 0);
	duo_end(&d);
}

static void half_close(void)
{
	struct duo d;
	struct nic_note note = {0};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};
	struct haw_send send = {.spans = {{(const uint8_t *)"x", 1}}, .count = 1};

	CHECK(duo_tcp(&d));
	CHECK(haw_stream_send(d.a, &send) == 1);
	CHECK(haw_stream_shutdown_write(d.a, NULL) == 0);
	CHECK(read(d.b, buffer, 16) == 1 && read(d.b, buffer, 16) == 0);
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	CHECK(write(d.b, "later", 5) == 5);
	CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(note.result == 5);
	CHECK(haw_stream_send(d.a, &send) == HAW_ECLOSED && send.sys_errno == EPIPE);
	duo_end(&d);
}

static void reset(void)
{
	struct duo d;
	struct nic_note note = {0};
	struct linger linger = {.l_onoff = 1};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};

	CHECK(duo_tcp(&d));
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	CHECK(setsockopt(d.b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	close(d.b);
	CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(note.result == HAW_ECLOSED && receive.sys_errno == ECONNRESET);
	d.b = dup(0);
	duo_end(&d);
}

/* A send that is pending ends when the peer resets. */
static void reset_while_sending(void)
{
	struct duo d;
	struct nic_note note = {0};
	size_t len = 64 << 20;
	struct linger linger = {.l_onoff = 1};
	struct haw_send send = {.count = 1, .done = nic_sent, .user = &note};
	uint8_t *data = calloc(1, len);

	CHECK(data && duo_tcp(&d));
	send.spans[0] = (haw_span){data, len};
	CHECK(haw_stream_send(d.a, &send) == 0);
	CHECK(haw_stream_shutdown_write(d.a, NULL) == HAW_EINVAL);
	nic_for(d.io, 20);
	CHECK(!note.done);
	CHECK(setsockopt(d.b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	close(d.b);
	CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(note.result == HAW_ECLOSED);
	d.b = dup(0);
	duo_end(&d);
	free(data);
}

/* ---- Closing and cancelling ---- */

/* What the peer has not taken yet when the stream is closed comes to it later; discarded, it does not. */
static void discarded(bool discard)
{
	struct duo d;
	size_t len = 64 << 20, got = 0;
	struct nic_note note = {0};
	struct haw_send send = {.count = 1, .done = nic_sent, .user = &note};
	uint8_t *data = calloc(1, len);
	uint64_t sent;
	ssize_t n;

	CHECK(data && duo_tcp(&d));
	send.spans[0] = (haw_span){data, len};
	CHECK(haw_stream_send(d.a, &send) == 0);
	nic_for(d.io, 20);
	haw_stream_byte_counts(d.a, &sent, NULL);
	CHECK(sent > 0 && sent < len);
	if (discard)
		haw_stream_discard(d.a);
	haw_stream_close(d.a);
	d.a = NULL;
	nic_for(d.io, 20);
	while ((n = read(d.b, data, len)) > 0)
		got += (size_t)n;
	CHECK(discard ? n < 0 && errno == ECONNRESET && got < sent : n == 0 && got == sent);
	duo_end(&d);
	free(data);
}

static void close_delivers(void)
{
	discarded(false);
}

static void discard(void)
{
	discarded(true);
}

/* Pending operations are dropped, and the peer sees the end even if the loop never runs again. */
static void close_pending(void)
{
	struct duo d;
	struct nic_note note = {0};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};

	CHECK(duo_tcp(&d));
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	nic_for(d.io, 10);
	haw_stream_close(d.a);
	d.a = NULL;
	CHECK(read(d.b, buffer, sizeof(buffer)) == 0);
	nic_for(d.io, 10);
	CHECK(!note.done);
	duo_end(&d);
}

struct closer {
	struct haw_stream *stream;
	bool done;
	int sends, receives;
};

static void close_on_send(struct haw_send *op)
{
	struct closer *c = op->user;

	c->sends++;
	c->done = true;
	haw_stream_close(c->stream);
}

static void close_on_receive(struct haw_receive *op)
{
	struct closer *c = op->user;

	c->receives++;
	c->done = true;
	haw_stream_close(c->stream);
}

/* Both directions are pending and become ready at once; the first callback closes the stream, the
 * second is not made. */
static void close_in_callback(void)
{
	struct duo d;
	struct closer c = {0};
	size_t len = 64 << 20;
	struct linger linger = {.l_onoff = 1};
	char buffer[16];
	struct haw_send send = {.count = 1, .done = close_on_send, .user = &c};
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = close_on_receive, .user = &c};
	uint8_t *data = calloc(1, len);

	CHECK(data && duo_tcp(&d));
	c.stream = d.a;
	send.spans[0] = (haw_span){data, len};
	CHECK(haw_stream_send(d.a, &send) == 0);
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	CHECK(setsockopt(d.b, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	close(d.b);
	CHECK(nic_until(d.io, &c.done, 2000));
	nic_for(d.io, 10);
	CHECK(c.sends + c.receives == 1);
	d.a = NULL;
	d.b = dup(0);
	duo_end(&d);
	free(data);
}

static void cancel_receive(void)
{
	struct duo d;
	struct nic_note note = {0};
	char buffer[16], other[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};

	CHECK(duo_tcp(&d));
	CHECK(!haw_stream_cancel_receive(d.a));
	CHECK(haw_stream_receive(d.a, &receive) == 0);
	nic_for(d.io, 5);
	CHECK(write(d.b, "kept", 4) == 4);
	CHECK(haw_stream_cancel_receive(d.a));
	nic_for(d.io, 10);
	CHECK(!note.done);
	receive.ptr = other;
	if (haw_stream_receive(d.a, &receive) == 0)
		CHECK(nic_until(d.io, &note.done, 2000));
	CHECK(receive.result == 4 && memcmp(other, "kept", 4) == 0);
	duo_end(&d);
}

/* ---- Batched receiving ---- */

/* After bulk that turns batching on, single bytes still arrive within a few milliseconds. */
static void small_after_bulk(void)
{
	struct duo d;
	struct nic_note note = {0};
	size_t len = 1 << 20, got = 0;
	uint8_t *data = calloc(2, len);
	struct haw_receive receive = {.ptr = data, .len = len, .done = nic_received, .user = &note};
	int fill_level = 0;

	CHECK(data && duo_tcp(&d));
	for (int i = 0; i < 4; i++) {
		CHECK(write(d.b, data + len, len) == (ssize_t)len);
		for (int k = 0; k < 200 && fill_level < (int)len; k++) {
			usleep(1000);
			CHECK(ioctl(haw_stream_socket(d.a), FIONREAD, &fill_level) == 0);
		}
		for (got = 0; got < len; got += (size_t)receive.result) {
			note.done = false;
			if (haw_stream_receive(d.a, &receive) == 0)
				CHECK(nic_until(d.io, &note.done, 2000));
			CHECK(receive.result > 0);
		}
	}
	for (int i = 0; i < 5; i++) {
		uint64_t start = nic_now();

		CHECK(write(d.b, "x", 1) == 1);
		note.done = false;
		if (haw_stream_receive(d.a, &receive) == 0)
			CHECK(nic_until(d.io, &note.done, 2000));
		CHECK(receive.result == 1);
		CHECK(nic_now() - start < 200 * MS);
	}
	duo_end(&d);
	free(data);
}

/* ---- Pipes ---- */

static void pipes(void)
{
	struct haw_io *io = nic_loop();
	int in[2], out[2];
	struct nic_note note = {0};
	char buffer[16];
	struct haw_receive receive = {
		.ptr = buffer, .len = sizeof(buffer), .done = nic_received, .user = &note};
	struct haw_send send = {
		.spans = {{(const uint8_t *)"to", 2}}, .count = 1, .done = nic_sent, .user = &note};
	struct haw_stream *stream;
	haw_error err;

	CHECK(io && pipe(in) == 0 && pipe(out) == 0);
	CHECK((stream = haw_stream_adopt_pair(io, in[0], out[1], NULL)));
	CHECK(haw_stream_socket(stream) == -1);
	CHECK(haw_stream_receive(stream, &receive) == 0);
	CHECK(write(in[1], "from", 4) == 4);
	CHECK(nic_until(io, &note.done, 2000) && note.result == 4);
	CHECK(haw_stream_send(stream, &send) == 1);
	CHECK(read(out[0], buffer, 16) == 2);
	/* No reader: an error, and no signal ends this process. */
	close(out[0]);
	CHECK(haw_stream_send(stream, &send) == HAW_ECLOSED && send.sys_errno == EPIPE);
	CHECK(haw_stream_shutdown_write(stream, &err) == 0);
	CHECK(haw_stream_send(stream, &send) == HAW_ECLOSED);
	close(in[1]);
	note.done = false;
	if (haw_stream_receive(stream, &receive) == 0)
		CHECK(nic_until(io, &note.done, 2000));
	CHECK(receive.result == 0);
	haw_stream_close(stream);
	haw_io_free(io);
}

/* A pipe that is full makes a send pend, and its end is seen by the reader when half closed. */
static void full_pipe(void)
{
	struct haw_io *io = nic_loop();
	static uint8_t data[1 << 20];
	int in[2], out[2];
	struct nic_note note = {0};
	struct haw_send send = {.spans = {{data, sizeof(data)}}, .count = 1, .done = nic_sent, .user = &note};
	struct haw_stream *stream;
	size_t got = 0;
	ssize_t n;

	CHECK(io && pipe(in) == 0 && pipe(out) == 0);
	CHECK((stream = haw_stream_adopt_pair(io, in[0], out[1], NULL)));
	CHECK(haw_stream_send(stream, &send) == 0);
	CHECK(fcntl(out[0], F_SETFL, O_NONBLOCK) == 0);
	while (got < sizeof(data)) {
		static uint8_t sink[65536];

		n = read(out[0], sink, sizeof(sink));
		if (n > 0)
			got += (size_t)n;
		CHECK(haw_io_run(io, MS, NULL) >= 0);
	}
	CHECK(nic_until(io, &note.done, 2000) && note.result == 0);
	CHECK(haw_stream_shutdown_write(stream, NULL) == 0);
	CHECK(read(out[0], data, 1) == 0);
	haw_stream_close(stream);
	haw_io_free(io);
	close(in[1]);
	close(out[0]);
}

/* What others share is given back as it was. */
static void descriptors_restored(void)
{
	struct haw_io *io = nic_loop();
	struct haw_stream *stream;
	int ends[2], shared;
	haw_error err;

	CHECK(io && pipe(ends) == 0);
	shared = dup(ends[0]);
	CHECK((stream = haw_stream_adopt_pair(io, ends[0], ends[1], NULL)));
	CHECK(fcntl(shared, F_GETFL) & O_NONBLOCK);
	haw_stream_close(stream);
	CHECK(!(fcntl(shared, F_GETFL) & O_NONBLOCK));
	close(shared);
	/* A regular file is always ready and never tells; it is refused with a reason. */
	CHECK(!haw_stream_adopt(io, open("/proc/self/exe", O_RDONLY), &err));
	CHECK(err.code == HAW_EINVAL);
	haw_io_free(io);
}

int main(void)
{
	static const struct nic_test tests[] = {
		{"echo_tcp", echo_tcp},
		{"echo_local", echo_local},
		{"end_of_stream", end_of_stream},
		{"end_with_data", end_with_data},
		{"half_close", half_close},
		{"reset", reset},
		{"reset_while_sending", reset_while_sending},
		{"close_delivers", close_delivers},
		{"discard", discard},
		{"close_pending", close_pending},
		{"close_in_callback", close_in_callback},
		{"cancel_receive", cancel_receive},
		{"small_after_bulk", small_after_bulk},
		{"pipes", pipes},
		{"full_pipe", full_pipe},
		{"descriptors_restored", descriptors_restored},
	};

	return nic_main(tests, sizeof(tests) / sizeof(tests[0]));
}
