/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands as streams, and what is set on sockets before they connect.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic_test.h"

/* ---- Commands ---- */

struct ending {
	bool done;
	int calls;
	char how[64];
};

static void command_ended(void *user, const char *how)
{
	struct ending *e = user;

	e->done = true;
	e->calls++;
	snprintf(e->how, sizeof(e->how), "%s", how);
}

/* Receive until the end; what came, or NULL if the end did not. */
static const char *read_all(struct haw_io *io, struct haw_stream *stream, char *text, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct nic_note note = {0};
		struct haw_receive receive = {
			.ptr = text + len, .len = size - 1 - len, .done = nic_received, .user = &note};
		int result = haw_stream_receive(stream, &receive);

		if (result == 0 && !nic_until(io, &note.done, 5000))
			return NULL;
		if (receive.result <= 0)
			break;
		len += (size_t)receive.result;
	}
	text[len] = '\0';
	return text;
}

static void echo(void)
{
	struct haw_io *io = nic_loop();
	struct haw_send send = {.spans = {{(const uint8_t *)"hello\n", 6}}, .count = 1};
	struct ending e = {0};
	struct haw_stream *stream;
	struct haw_child *child;
	char text[64];

	CHECK(io && (child = haw_child_start(io, "head -n 1", command_ended, &e, &stream, NULL)));
	CHECK(haw_stream_send(stream, &send) == 1);
	CHECK(read_all(io, stream, text, sizeof(text)) && strcmp(text, "hello\n") == 0);
	/* How it ended was known before its end was seen. */
	CHECK_MSG(e.calls == 1 && strcmp(e.how, "it ended with status 0") == 0, "%s", e.how);
	haw_stream_close(stream);
	haw_child_free(child);
	haw_io_free(io);
}

static void ways_to_end(void)
{
	static const struct {
		const char *command, *how;
	} cases[] = {
		{"false", "it ended with status 1"},
		{"sh -c 'exit 42'", "it ended with status 42"},
		{"sh -c 'kill -TERM $$'", "it was ended by the signal SIGTERM"},
		{"/no/such/program 2>/dev/null", "it ended with status 127"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct haw_io *io = nic_loop();
		struct ending e = {0};
		struct haw_stream *stream;
		struct haw_child *child;
		char text[64];

		CHECK(io &&
		      (child = haw_child_start(io, cases[i].command, command_ended, &e, &stream, NULL)));
		CHECK(read_all(io, stream, text, sizeof(text)) && !text[0]);
		CHECK_MSG(strcmp(e.how, cases[i].how) == 0, "%s: %s", cases[i].command, e.how);
		haw_stream_close(stream);
		haw_child_free(child);
		haw_io_free(io);
	}
}

/* One that ends by its input's end, one that needs SIGHUP, and one that needs more. */
static void made_to_end(void)
{
	static const char *const commands[] = {"cat", "sleep 100", "sh -c \"trap '' HUP; exec sleep 100\""};
	const uint64_t limit = 20000 * MS; /* far from what they take if they are not made to end */

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct haw_io *io = nic_loop();
		struct ending e = {0};
		struct haw_stream *stream;
		struct haw_child *child;
		uint64_t begin;

		CHECK(io &&
		      (child = haw_child_start(io, commands[i], command_ended, &e, &stream, NULL)));
		nic_for(io, 200);
		CHECK(!e.done);
		haw_stream_close(stream);
		begin = nic_now();
		haw_child_free(child);
		CHECK_MSG(nic_now() - begin < limit, "%s took %llu ms", commands[i],
			  (unsigned long long)((nic_now() - begin) / MS));
		CHECK(!e.done);
		haw_io_free(io);
	}
}

static void no_shell(void)
{
	struct haw_io *io = nic_loop();
	const char *old = getenv("SHELL");
	struct ending e = {0};
	struct haw_stream *stream;
	haw_error err;

	setenv("SHELL", "/no/such/shell", 1);
	CHECK(io && !haw_child_start(io, "true", command_ended, &e, &stream, &err));
	CHECK_MSG(err.code == HAW_ESYSTEM && strstr(err.message, "shell") && !stream, "%s", err.message);
	if (old)
		setenv("SHELL", old, 1);
	else
		unsetenv("SHELL");
	haw_io_free(io);
}

/* ---- Output ---- */

struct output {
	char text[64];
	size_t len;
	haw_error error;
	bool done, good;
	int calls;
};

static void output_done(void *user, const char *text, size_t len, const haw_error *err)
{
	struct output *o = user;

	o->done = true;
	o->calls++;
	o->good = text != NULL;
	o->len = len;
	if (text)
		snprintf(o->text, sizeof(o->text), "%s", text);
	if (err)
		o->error = *err;
}

/* Run COMMAND by a shell, as one argument among others. */
static struct haw_output *run(struct haw_io *io, struct output *o, char *command, size_t max, uint64_t ms)
{
	char shell[] = "/bin/sh", option[] = "-c", name[] = "name", word[] = "a  b;c";
	char *arguments[] = {shell, option, command, name, word, NULL};
	const struct haw_output_options options = {.arguments = arguments,
						   .max = max,
						   .timeout_ns = ms * 1000000,
						   .done = output_done,
						   .user = o};

	*o = (struct output){.done = false};
	return haw_output_start(io, &options, NULL);
}

static void output(void)
{
	struct haw_io *io = nic_loop();
	static const struct {
		char command[64];
		const char *text, *error;
	} rows[] = {
		{"echo \"$1\"; cat", "a  b;c\n", NULL},
		{"exec >&-; sleep .1", "", NULL},
		{"(sleep .1; echo late) & ", "late\n", NULL},
		{"echo x; exit 3", NULL, "status 3"},
		{"echo x; kill -9 $$", NULL, "signal 9"},
		{"echo 0123456789012345678901234567890123456789", NULL, "too long"},
		{"exec sleep 20", NULL, "in time"},
		{"exec yes", NULL, "too long"},
	};
	struct output o;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char command[64];

		strcpy(command, rows[i].command);
		CHECK(run(io, &o, command, 32, 2000));
		CHECK(nic_until(io, &o.done, 10000) && o.good == (rows[i].text != NULL));
		if (rows[i].text)
			CHECK(strcmp(o.text, rows[i].text) == 0 && o.len == strlen(rows[i].text));
		else
			CHECK(strstr(o.error.message, rows[i].error));
	}
	haw_io_free(io);
}

static void output_given_up(void)
{
	struct haw_io *io = nic_loop();
	char command[] = "exec sleep 20", none[] = "/nonexistent/program";
	char *arguments[] = {none, NULL};
	const struct haw_output_options options = {.arguments = arguments, .max = 1, .done = output_done};
	struct haw_output *output;
	struct output o;
	haw_error err;

	CHECK((output = run(io, &o, command, 32, 0)));
	nic_for(io, 20);
	haw_output_cancel(output);
	nic_for(io, 20);
	CHECK(o.calls == 0);
	haw_output_cancel(NULL);
	CHECK(!haw_output_start(io, &options, &err) && strstr(err.message, "cannot be started"));
	haw_io_free(io);
}

/* ---- Sockets ---- */

static void socket_options(void)
{
	const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000003)};
	const struct haw_socket_options options = {.from = (const struct sockaddr *)&from,
						   .keep_alive = true,
						   .has_traffic_class = true,
						   .traffic_class = 0x20};
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in own;
	socklen_t length = sizeof(int);
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;

	CHECK(fd >= 0 && haw_socket_set_options(fd, &options, (const struct sockaddr *)&to) == 0);
	CHECK(getsockopt(fd, IPPROTO_IP, IP_TOS, &value, &length) == 0 && value == 0x20);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length) == 0 && value == 1);
	length = sizeof(own);
	CHECK(getsockname(fd, (struct sockaddr *)&own, &length) == 0);
	CHECK(own.sin_addr.s_addr == htonl(0x7f000003));
	close(fd);
}

static void socket_options_ipv6(void)
{
	const struct haw_socket_options options = {.has_traffic_class = true, .traffic_class = 0xb8};
	const struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t length = sizeof(int);
	int fd = socket(AF_INET6, SOCK_STREAM, 0), value = 0;

	if (fd < 0)
		return; /* no IPv6 here; the other test has looked at the rest */
	CHECK(haw_socket_set_options(fd, &options, (const struct sockaddr *)&to) == 0);
	CHECK(getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, &length) == 0 && value == 0xb8);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length) == 0 && value == 0);
	close(fd);
}

int main(void)
{
	static const struct nic_test tests[] = {
		{"echo", echo},
		{"ways_to_end", ways_to_end},
		{"made_to_end", made_to_end},
		{"no_shell", no_shell},
		{"output", output},
		{"output_given_up", output_given_up},
		{"socket_options", socket_options},
		{"socket_options_ipv6", socket_options_ipv6},
	};

	return nic_main(tests, sizeof(tests) / sizeof(tests[0]));
}
