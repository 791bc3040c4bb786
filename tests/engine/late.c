/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to Debian's sshd whose packets are protected by engines that complete late: by a descriptor,
 * or only when they are asked; that fail under way; and that get stuck.
 */
#include <time.h>

#include "crypto-backends/select.h"
#include "late_backend.h"
#include "support.h"

enum { BULK = 6 << 20, CHUNK = 1 << 16 };

static struct sshd sshd;
static size_t sent, got;
static bool wrong;
static uint8_t pattern[CHUNK + 251];

static size_t take(void *user, haw_channel *c, enum haw_channel_stream stream, haw_span view)
{
	for (size_t at = 0; at < view.len;) {
		size_t n = view.len - at < CHUNK ? view.len - at : CHUNK;

		wrong |= memcmp(view.ptr + at, pattern + (got + at) % 251, n) != 0;
		at += n;
	}
	got += view.len;
	return view.len;
}

static void send_more(void *user, haw_channel *c)
{
	while (sent < BULK) {
		size_t left = BULK - sent;
		ptrdiff_t n = haw_channel_send(c, pattern + sent % 251, left < CHUNK ? left : CHUNK, NULL);

		if (n < 0)
			return;
		sent += (size_t)n;
	}
}

static void echo(haw_loop *loop, haw_channel *channel)
{
	const haw_channel_callbacks callbacks = {
		.size = sizeof(callbacks), .data = take, .writable = send_more};
	haw_error err;

	sent = got = 0;
	wrong = false;
	haw_channel_set_callbacks(channel, &callbacks);
	send_more(NULL, channel);
	while (got < BULK && !wrong) {
		size_t before = got + sent;
		time_t start = time(NULL);

		/* An engine that must be asked makes turns short. */
		while (got + sent == before && time(NULL) - start < 10)
			CHECK(haw_loop_run(loop, 10, &err) >= 0);
		CHECK_MSG(got + sent > before, "stalled: %zu sent, %zu got", sent, got);
	}
	CHECK(!wrong);
}

/* Six megabytes through `cat`, keys changing every one. */
static void through(const char *engine, const haw_selector *selector, const char *backend, bool lost)
{
	const haw_loop_options loop_options = {.size = sizeof(loop_options), .engine = engine};
	const haw_transport_options options = {.size = sizeof(options),
					       .selector = selector,
					       .ciphers = "aes128-gcm@openssh.com",
					       .rekey_bytes = 1 << 20};
	haw_transport_info info = {.size = sizeof(info)};
	haw_channel *channel = NULL;
	haw_error err = {0};
	haw_loop *loop = haw_loop_new(&loop_options, &err);
	haw_transport *t = loop ? sshd_transport(&sshd, loop, &options, &err) : NULL;

	CHECK_MSG(t, "%s", err.message);
	CHECK(haw_channel_open(t, NULL, &channel, WAIT_MS, &err) == 0);
	CHECK(haw_channel_exec(channel, "cat", WAIT_MS, &err) == 0);
	echo(loop, channel);
	haw_transport_get_info(t, &info);
	CHECK(info.key_exchanges > 3);
	/* One that was lost is not tried again with the next keys. */
	CHECK((strcmp(info.backend_out, backend) != 0) == lost);
	CHECK((strcmp(info.backend_in, backend) != 0) == lost);
	haw_channel_free(channel);
	haw_transport_free(t);
	haw_loop_free(loop);
}

static unsigned told;

static void tell(void *user, const char *line)
{
	told += strstr(line, user) != NULL && strstr(line, "is given up") != NULL;
}

static haw_selector *selector_with(const haw_backend *backend, const char *override)
{
	haw_selector *s = haw_selector_new();
	haw_error err;

	if (!s || haw_selector_add(s, backend) < 0 || haw_selector_override(s, override, &err) < 0)
		abort();
	haw_selector_set_log(s, tell, (void *)backend->name);
	/* The self-test has its own sealers. */
	haw_selector_choose(s, haw_suite_find("aes128-gcm@openssh.com", NULL), NULL, 0);
	return s;
}

static void with(const haw_backend *backend, const char *override, unsigned depth, uint64_t fail_after)
{
	const char *engines[] = {"poll", "uring"};

	for (size_t i = 0; i < 2 && !harness.failed; i++) {
		haw_loop *loop = haw_loop_new(
			&(haw_loop_options){.size = sizeof(haw_loop_options), .engine = engines[i]}, NULL);
		haw_selector *s;

		if (!loop)
			continue; /* the engine does not work here; tests/nic says why */
		haw_loop_free(loop);
		s = selector_with(backend, override);
		late_backend_reset(i + 1, depth, fail_after);
		told = 0;
		through(engines[i], s, backend->name, fail_after > 0);
		CHECK(late_counters.violations == 0);
		CHECK(fail_after ? told == 1 : late_counters.jobs > BULK / 32768 && told == 0);
		haw_selector_free(s);
	}
}

static void by_descriptor(void)
{
	with(&late_backend_fd, "*=late-fd", 0, 0);
	with(&late_backend_fd, "*=late-fd", 3, 0);
}

static void by_asking(void)
{
	with(&late_backend_poll, "*=late-poll", 0, 0);
	with(&late_backend_poll, "*=late-poll", 3, 0);
}

/* A device that goes away while packets are under way, both ways, in every connection's keys. */
static void an_offload_that_fails_costs_nothing(void)
{
	haw_backend poll = late_backend_poll, fd = late_backend_fd;

	poll.flags = fd.flags = HAW_BACKEND_OFFLOAD;
	with(&poll, "*=late-poll", 0, 0);
	with(&fd, "*=late-fd", 5, 0);
	with(&poll, "*=late-poll", 7, 23);
	with(&fd, "*=late-fd", 0, 41);
}

static unsigned lent, released;
static haw_error ended;

static void count_release(void *user)
{
	released++;
}

static void note_end(void *user, haw_channel *channel, const haw_error *err)
{
	if (err)
		ended = *err;
}

/* Lend COUNT pieces to a channel whose engine goes away, or whose sshd is ended, under way. */
static void lend_until_the_end(const haw_selector *selector, haw_loop *loop, bool kill_sshd)
{
	const haw_transport_options options = {
		.size = sizeof(options), .selector = selector, .ciphers = "aes128-gcm@openssh.com"};
	const haw_channel_callbacks callbacks = {.size = sizeof(callbacks), .closed = note_end};
	haw_channel *channel = NULL;
	haw_error err = {0};
	haw_transport *t = sshd_transport(&sshd, loop, &options, &err);
	time_t start = time(NULL);

	CHECK_MSG(t, "%s", err.message);
	CHECK(haw_channel_open(t, NULL, &channel, WAIT_MS, &err) == 0);
	CHECK(haw_channel_exec(channel, kill_sshd ? "sleep 0.2; kill -9 $PPID" : "cat >/dev/null", WAIT_MS,
			       &err) == 0);
	haw_channel_set_callbacks(channel, &callbacks);
	for (lent = released = 0; lent < 200; lent++)
		CHECK(haw_channel_send_ref(channel, (haw_span){0}, (haw_span){pattern, CHUNK}, count_release,
					   NULL, &err) == 0);
	ended = (haw_error){0};
	while (!ended.code && time(NULL) - start < 10)
		CHECK(haw_loop_run(loop, 10, &err) >= 0);
	CHECK_MSG(ended.code == (kill_sshd ? HAW_ECLOSED : HAW_ECRYPTO), "%d: %s", ended.code, ended.message);
	CHECK(haw_loop_run(loop, 0, &err) >= 0);
	/* The channel is the user's still, and holds what it has not begun to send. */
	haw_channel_free(channel);
	CHECK_MSG(released == lent, "%u of %u pieces came back", released, lent);
	haw_transport_free(t);
}

/* With no guard there is nobody to go on: the connection ends, and lets go of everything at once. */
static void the_end_gives_back_what_was_lent(void)
{
	const haw_backend *backends[] = {&late_backend_poll, &late_backend_fd};

	for (size_t i = 0; i < 4; i++) {
		const haw_loop_options options = {.size = sizeof(options), .engine = i % 2 ? "poll" : NULL};
		haw_selector *s = selector_with(backends[i / 2], i / 2 ? "*=late-fd" : "*=late-poll");
		haw_loop *loop = haw_loop_new(&options, NULL);

		CHECK(loop);
		late_backend_reset(i, 5, 60);
		lend_until_the_end(s, loop, false);
		late_backend_reset(i, 5, 0);
		lend_until_the_end(s, loop, true);
		haw_loop_free(loop);
		haw_selector_free(s);
	}
}

int main(void)
{
	const char *why;

	if (!sshd_usable(&why)) {
		harness_skip("late", why);
		return harness_end();
	}
	if (!sshd_start(&sshd, NULL))
		abort();
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % 251);
	RUN(by_descriptor);
	RUN(by_asking);
	RUN(an_offload_that_fails_costs_nothing);
	RUN(the_end_gives_back_what_was_lent);
	sshd_stop(&sshd);
	return harness_end();
}
