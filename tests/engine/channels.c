/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels over Debian's sshd: commands, their streams and ends, bulk both ways, and handles that are
 * freed inside callbacks.
 */
#include <unistd.h>

#include <openssl/evp.h>

#include "support.h"

static struct sshd sshd;
static haw_loop *loop;
static haw_transport *transport;
static haw_channel *channel;
static haw_error err;

static bool begin(const char *engine, const haw_transport_options *options)
{
	const haw_loop_options loop_options = {.size = sizeof(loop_options), .engine = engine};

	loop = haw_loop_new(&loop_options, &err);
	transport = loop ? sshd_transport(&sshd, loop, options, &err) : NULL;
	if (!transport)
		printf("    %s\n", err.message);
	return transport != NULL;
}

static void end(void)
{
	haw_channel_free(channel);
	haw_transport_free(transport);
	haw_loop_free(loop);
	channel = NULL;
	transport = NULL;
}

static bool run(const char *command)
{
	return haw_channel_open(transport, NULL, &channel, WAIT_MS, &err) == 0 &&
	       haw_channel_exec(channel, command, WAIT_MS, &err) == 0;
}

/* Read one stream to its end; the length, or a negative code. */
static ptrdiff_t read_all(enum haw_channel_stream stream, char *out, size_t size)
{
	size_t at = 0;

	for (;;) {
		ptrdiff_t n = haw_channel_recv_wait(channel, stream, out + at, size - at, WAIT_MS, &err);

		if (n == HAW_EEND)
			return (ptrdiff_t)at;
		if (n < 0)
			return n;
		at += (size_t)n;
	}
}

static bool run_to_close(void)
{
	for (int i = 0; i < 1000 && haw_channel_is_open(channel); i++)
		if (haw_loop_run(loop, 15, &err) < 0)
			return false;
	return !haw_channel_is_open(channel);
}

/* ---- Commands ---- */

static void command_ends(const char *engine)
{
	char out[64], errors[64];
	const char *signal;

	CHECK(begin(engine, NULL));
	CHECK(run("cat; echo oops >&2; exit 7"));
	CHECK(haw_channel_exit_status(channel, &signal) == -1 && !signal);
	CHECK(haw_channel_send_wait(channel, "some text", 9, WAIT_MS, &err) == 0);
	CHECK(haw_channel_send_eof(channel, &err) == 0);
	CHECK(haw_channel_send(channel, "x", 1, &err) == HAW_ECLOSED);
	CHECK(read_all(HAW_STREAM_DATA, out, sizeof(out)) == 9 && memcmp(out, "some text", 9) == 0);
	CHECK(read_all(HAW_STREAM_STDERR, errors, sizeof(errors)) == 5 && memcmp(errors, "oops\n", 5) == 0);
	CHECK(run_to_close());
	CHECK(haw_channel_exit_status(channel, &signal) == 7 && !signal);
	haw_channel_free(channel);
	CHECK(run("kill -TERM $$"));
	CHECK(run_to_close());
	CHECK(haw_channel_exit_status(channel, &signal) == -1 && signal && strcmp(signal, "TERM") == 0);
	end();
}

static void a_command_has_three_streams_and_an_end(void)
{
	for_engines(command_ends);
}

static void a_closed_channel_ends_the_command(void)
{
	CHECK(begin(NULL, NULL));
	CHECK(run("cat"));
	haw_channel_close(channel);
	CHECK(run_to_close());
	CHECK(haw_channel_recv(channel, HAW_STREAM_DATA, &err, 1, &err) == HAW_EEND);
	CHECK(haw_channel_exec_start(channel, "true", NULL, NULL, &err) == NULL && err.code == HAW_ECLOSED);
	end();
}

/* ---- Bulk ---- */

enum { BULK = 100 << 20, CHUNK = 1 << 20 };

struct bulk {
	size_t sent, got, batches;
	EVP_MD_CTX *in, *out;
	size_t take_at_most;
	uint8_t chunk[CHUNK];
};

static struct bulk bulk;

static size_t take_data(void *user, haw_channel *c, enum haw_channel_stream stream, haw_span view)
{
	size_t n = view.len;

	if (bulk.take_at_most && n > bulk.take_at_most)
		n = bulk.take_at_most;
	EVP_DigestUpdate(bulk.in, view.ptr, n);
	bulk.got += n;
	return n;
}

static void take_batch(void *user, haw_channel *c)
{
	bulk.batches++;
}

/* Send as much as the queue takes. */
static void send_more(void *user, haw_channel *c)
{
	while (bulk.sent < BULK) {
		size_t at = bulk.sent % CHUNK;
		ptrdiff_t n = haw_channel_send(c, bulk.chunk + at, CHUNK - at, NULL);

		if (n < 0)
			return;
		EVP_DigestUpdate(bulk.out, bulk.chunk + at, (size_t)n);
		bulk.sent += (size_t)n;
	}
}

static void begin_bulk(size_t take_at_most)
{
	const haw_channel_callbacks callbacks = {.size = sizeof(callbacks),
						 .data = take_data,
						 .batch = take_batch,
						 .writable = send_more};

	memset(&bulk, 0, sizeof(bulk));
	for (size_t i = 0; i < CHUNK; i++)
		bulk.chunk[i] = (uint8_t)(i * 2654435761u >> 11);
	bulk.in = EVP_MD_CTX_new();
	bulk.out = EVP_MD_CTX_new();
	EVP_DigestInit_ex(bulk.in, EVP_sha1(), NULL);
	EVP_DigestInit_ex(bulk.out, EVP_sha1(), NULL);
	bulk.take_at_most = take_at_most;
	haw_channel_set_callbacks(channel, &callbacks);
	send_more(NULL, channel);
}

/* Read what the callback left. */
static void read_rest(void)
{
	static uint8_t rest[CHUNK];
	ptrdiff_t n;

	while (bulk.take_at_most && (n = haw_channel_recv(channel, HAW_STREAM_DATA, rest, CHUNK, NULL)) > 0) {
		EVP_DigestUpdate(bulk.in, rest, (size_t)n);
		bulk.got += (size_t)n;
	}
}

static bool end_bulk(void)
{
	uint8_t in[EVP_MAX_MD_SIZE], out[EVP_MAX_MD_SIZE];

	while (bulk.got < BULK) {
		size_t before = bulk.got + bulk.sent;

		for (int i = 0; i < 500 && bulk.got + bulk.sent == before; i++) {
			if (haw_loop_run(loop, 20, &err) < 0)
				return false;
			read_rest();
		}
		if (bulk.got + bulk.sent == before)
			return false;
	}
	EVP_DigestFinal_ex(bulk.in, in, NULL);
	EVP_DigestFinal_ex(bulk.out, out, NULL);
	EVP_MD_CTX_free(bulk.in);
	EVP_MD_CTX_free(bulk.out);
	return bulk.got == BULK && memcmp(in, out, 20) == 0;
}

static void both_ways(const char *engine)
{
	CHECK(begin(engine, NULL));
	CHECK(run("cat"));
	begin_bulk(0);
	CHECK_MSG(end_bulk(), "%zu sent, %zu got", bulk.sent, bulk.got);
	CHECK(bulk.batches > 0);
	end();
}

static void a_hundred_megabytes_go_both_ways(void)
{
	for_engines(both_ways);
}

static void a_callback_may_take_a_part(void)
{
	CHECK(begin(NULL, NULL));
	CHECK(run("cat"));
	begin_bulk(1000);
	CHECK_MSG(end_bulk(), "%zu sent, %zu got", bulk.sent, bulk.got);
	end();
}

static void keys_change_every_megabyte(const char *engine)
{
	const haw_transport_options options = {.size = sizeof(options), .rekey_bytes = 1 << 20};
	haw_transport_info info = {.size = sizeof(info)};

	CHECK(begin(engine, &options));
	CHECK(run("cat"));
	begin_bulk(0);
	CHECK_MSG(end_bulk(), "%zu sent, %zu got: %s", bulk.sent, bulk.got,
		  haw_transport_error(transport, &err) < 0 ? err.message : "stalled");
	haw_transport_get_info(transport, &info);
	CHECK_MSG(info.key_exchanges > 20, "%u key exchanges", info.key_exchanges);
	end();
}

static void bulk_survives_rekeying(void)
{
	for_engines(keys_change_every_megabyte);
}

static void a_rekey_may_be_asked_for(void)
{
	haw_transport_info info = {.size = sizeof(info)};
	haw_op *op;

	CHECK(begin(NULL, NULL));
	CHECK(run("cat"));
	begin_bulk(0);
	op = haw_transport_rekey_start(transport, NULL, NULL, &err);
	CHECK(op && haw_op_wait(op, WAIT_MS, &err) == 0);
	haw_op_free(op);
	haw_transport_get_info(transport, &info);
	CHECK(info.key_exchanges == 2 && bulk.got < BULK);
	CHECK(end_bulk());
	end();
}

/* Nobody reads: what arrives stays below the pinned window. */
static void a_pinned_window_bounds_what_arrives(void)
{
	const haw_channel_options options = {.size = sizeof(options), .window = 65536, .max_packet = 16384};
	haw_transport_info info = {.size = sizeof(info)};
	static char out[1 << 20];
	size_t got = 0;

	CHECK(begin(NULL, NULL));
	CHECK(haw_channel_open(transport, &options, &channel, WAIT_MS, &err) == 0);
	CHECK(haw_channel_exec(channel, "head -c 1000000 /dev/zero", WAIT_MS, &err) == 0);
	for (int i = 0; i < 25 && info.bytes_received <= 65536; i++) {
		CHECK(haw_channel_recv_wait(channel, HAW_STREAM_STDERR, out, 1, 400, &err) == HAW_ETIMEDOUT);
		haw_transport_get_info(transport, &info);
	}
	CHECK_MSG(info.bytes_received > 65536 && info.bytes_received < 65536 + 16384, "%llu received",
		  (unsigned long long)info.bytes_received);
	CHECK(haw_channel_recv(channel, HAW_STREAM_DATA, out, sizeof(out), &err) == 65536);
	got = 65536;
	while (got < 1000000) {
		ptrdiff_t n =
			haw_channel_recv_wait(channel, HAW_STREAM_DATA, out, sizeof(out), WAIT_MS, &err);

		CHECK(n > 0 && n <= 65536);
		got += (size_t)n;
	}
	end();
}

enum { MANY = 9 };

static void many_channels_work_at_once(void)
{
	haw_channel *channels[MANY];
	haw_op *opens[MANY], *execs[MANY];

	CHECK(begin(NULL, NULL));
	for (int i = 0; i < MANY; i++) {
		char command[64];

		snprintf(command, sizeof(command), "sleep 0.%d; echo %d", (MANY - i) % 3, i);
		opens[i] = haw_channel_open_start(transport, NULL, &channels[i], NULL, NULL, &err);
		execs[i] = opens[i] ? haw_channel_exec_start(channels[i], command, NULL, NULL, &err) : NULL;
		CHECK(execs[i]);
	}
	for (int i = 0; i < MANY; i++) {
		char out[8];

		channel = channels[i];
		CHECK_MSG(haw_op_wait(execs[i], WAIT_MS, &err) == 0, "%s", err.message);
		CHECK(read_all(HAW_STREAM_DATA, out, sizeof(out)) == 2 && out[0] == '0' + i);
		haw_op_free(opens[i]);
		haw_op_free(execs[i]);
		haw_channel_free(channel);
		channel = NULL;
	}
	end();
}

/* ---- Freed inside callbacks ---- */

enum { FREE_CHANNEL = 1, FREE_TRANSPORT = 2 };
enum { IN_DATA, IN_BATCH, IN_EOF, IN_CLOSED, IN_OP, PLACES };
static int what_to_free, freed;

static void free_them(void)
{
	freed++;
	if (what_to_free & FREE_TRANSPORT) {
		haw_transport_free(transport);
		transport = NULL;
	}
	if (what_to_free & FREE_CHANNEL) {
		haw_channel_free(channel);
		channel = NULL;
	}
}

static size_t free_in_data(void *user, haw_channel *c, enum haw_channel_stream stream, haw_span view)
{
	free_them();
	return 0;
}

static void free_in_any(void *user, haw_channel *c)
{
	free_them();
}

static void free_in_closed(void *user, haw_channel *c, const haw_error *error)
{
	free_them();
}

static void free_in_op(void *user, haw_op *op)
{
	free_them();
}

static size_t take_everything(void *user, haw_channel *c, enum haw_channel_stream stream, haw_span view)
{
	return view.len;
}

static void set_trap(int where)
{
	haw_channel_callbacks callbacks = {.size = sizeof(callbacks), .data = take_everything};

	if (where == IN_DATA)
		callbacks.data = free_in_data;
	else if (where == IN_BATCH)
		callbacks.batch = free_in_any;
	else if (where == IN_EOF)
		callbacks.eof = free_in_any;
	else if (where == IN_CLOSED)
		callbacks.closed = free_in_closed;
	haw_channel_set_callbacks(channel, &callbacks);
}

static void free_inside(int where, int what)
{
	haw_channel *other = NULL;
	haw_op *op = NULL;

	CHECK(begin(NULL, NULL));
	what_to_free = what;
	freed = 0;
	CHECK(haw_channel_open(transport, NULL, &other, WAIT_MS, &err) == 0);
	CHECK(haw_channel_exec(other, "echo hello; sleep 10", WAIT_MS, &err) == 0);
	CHECK(haw_channel_open(transport, NULL, &channel, WAIT_MS, &err) == 0);
	set_trap(where);
	op = haw_channel_exec_start(channel, "echo hello", where == IN_OP ? free_in_op : NULL, NULL, &err);
	for (int i = 0; i < 500 && !freed; i++)
		CHECK(haw_loop_run(loop, 20, &err) == 0);
	what_to_free = 0;
	CHECK(haw_loop_run(loop, 5, &err) == 0 && haw_loop_run(loop, 5, &err) == 0);
	CHECK_MSG(what == FREE_CHANNEL || where == IN_DATA ? freed >= 1 : freed == 1, "%d times", freed);
	CHECK(haw_channel_is_open(other) == !(what & FREE_TRANSPORT));
	haw_op_free(op);
	haw_channel_free(other);
	end();
}

static void handles_may_be_freed_inside_callbacks(void)
{
	for (int where = 0; where < PLACES && !harness.failed; where++)
		for (int what = 1; what <= 3 && !harness.failed; what++)
			free_inside(where, what);
}

/* ---- Operations ---- */

static int called;

static void count_call(void *user, haw_op *op)
{
	called++;
}

/* The reply to a request that was given up must not end the next one, which may lie at its address. */
static void a_reply_finds_only_its_own_request(void)
{
	haw_op *op;

	called = 0;
	CHECK(begin(NULL, NULL));
	for (int i = 0; i < 16; i++) {
		CHECK_MSG(haw_channel_open(transport, NULL, &channel, WAIT_MS, &err) == 0, "%d: %s", i,
			  err.message);
		op = haw_channel_request_start(channel, "no-such-request@example.com", true,
					       (haw_span){NULL, 0}, count_call, NULL, &err);
		CHECK(op);
		haw_op_free(op);
		op = haw_channel_exec_start(channel, "true", NULL, NULL, &err);
		CHECK_MSG(op && haw_op_wait(op, WAIT_MS, &err) == 0, "%s", err.message);
		haw_op_free(op);
		/* sshd has ten sessions at most. */
		CHECK(run_to_close());
		haw_channel_free(channel);
		channel = NULL;
	}
	CHECK(called == 0);
	end();
}

static haw_op *inner;
static bool too_early;

static void start_inner(void *user, haw_op *op)
{
	int before = called;

	inner = haw_channel_request_start(channel, "no-reply@example.com", false, (haw_span){NULL, 0},
					  count_call,
					  NULL, NULL);
	too_early = called != before;
}

static void callbacks_come_after_the_start(void)
{
	haw_op *op;

	called = 0;
	CHECK(begin(NULL, NULL));
	CHECK(haw_channel_open(transport, NULL, &channel, WAIT_MS, &err) == 0);
	op = haw_channel_exec_start(channel, "cat", start_inner, NULL, &err);
	CHECK(op && haw_op_wait(op, WAIT_MS, &err) == 0);
	CHECK(haw_loop_run(loop, 0, &err) == 0 && called == 1 && !too_early && haw_op_done(inner));
	haw_op_free(inner);
	haw_op_free(op);
	op = haw_transport_handshake_start(transport, count_call, NULL, &err);
	haw_op_detach(op);
	CHECK(haw_loop_run(loop, 0, &err) == 0 && called == 2);
	op = haw_transport_handshake_start(transport, count_call, NULL, &err);
	haw_op_cancel(op);
	CHECK(haw_loop_run(loop, 0, &err) == 0 && called == 2);
	haw_op_free(op);
	end();
}

static void waiting_may_time_out_and_go_on(void)
{
	haw_op *op;
	char out[8];

	CHECK(begin(NULL, NULL));
	CHECK(run("sleep 0.3; echo x"));
	CHECK(haw_channel_recv_wait(channel, HAW_STREAM_DATA, out, 8, 20, &err) == HAW_ETIMEDOUT);
	CHECK(haw_channel_recv(channel, HAW_STREAM_DATA, out, 1, &err) == HAW_EAGAIN);
	CHECK(haw_channel_recv_wait(channel, HAW_STREAM_DATA, out + 1, 7, WAIT_MS, &err) == 2);
	op = haw_transport_rekey_start(transport, NULL, NULL, &err);
	CHECK(haw_op_wait(op, 0, &err) == HAW_ETIMEDOUT && !haw_op_done(op));
	CHECK(haw_op_result(op, &err) == HAW_EAGAIN);
	CHECK(haw_op_wait(op, WAIT_MS, &err) == 0);
	haw_op_free(op);
	end();
}

int main(void)
{
	const char *why;

	if (!sshd_usable(&why)) {
		harness_skip("channels", why);
		return harness_end();
	}
	if (!sshd_start(&sshd, NULL))
		return 1;
	RUN(a_command_has_three_streams_and_an_end);
	RUN(a_closed_channel_ends_the_command);
	RUN(a_hundred_megabytes_go_both_ways);
	RUN(a_callback_may_take_a_part);
	RUN(bulk_survives_rekeying);
	RUN(a_rekey_may_be_asked_for);
	RUN(a_pinned_window_bounds_what_arrives);
	RUN(many_channels_work_at_once);
	RUN(handles_may_be_freed_inside_callbacks);
	RUN(a_reply_finds_only_its_own_request);
	RUN(callbacks_come_after_the_start);
	RUN(waiting_may_time_out_and_go_on);
	sshd_stop(&sshd);
	return harness_end();
}
