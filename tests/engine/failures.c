/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that say nothing, hosts that cannot be reached, host keys that are not the right ones,
 * connections that are cut, and foreign event loops.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "support.h"

static struct server server;
static struct user user;
static haw_error err;

static bool begin(const char *engine)
{
	server.allow_none = true;
	return server_start(&server) && user_begin(&user, engine);
}

static void end(void)
{
	user_end(&user);
	server_stop(&server);
}

/* ---- Silence ---- */

static void silent(const char *engine)
{
	for (int version = 0; version < 2; version++) {
		server.mute = !version;
		server.version_only = version;
		CHECK(begin(engine));
		user.options.transport.handshake_timeout_ms = 200;
		CHECK_MSG(user_connect(&user, server.port, &err) == HAW_ETIMEDOUT, "%s", err.message);
		CHECK(server.connections == 1);
		end();
	}
}

static void a_silent_server_times_out(void)
{
	for_engines(silent);
}

/* ---- Reaching the host ---- */

static void nobody_listens(const char *engine)
{
	/* Bound, so that nobody else has the port, and not listening. */
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	CHECK(begin(engine));
	CHECK(user_connect(&user, ntohs(address.sin_port), &err) == HAW_ECONNECT);
	CHECK_MSG(strstr(err.message, "127.0.0.1") && strstr(err.message, "refused"), "%s", err.message);
	end();
	close(fd);
}

static void a_refused_connection_names_the_address(void)
{
	for_engines(nobody_listens);
}

static void two_addresses(void *context, const char *host, uint16_t port, int family,
			  haw_resolution *resolution)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	for (uint32_t i = 1; i <= 2; i++) {
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
		if (haw_resolution_add(resolution, (struct sockaddr *)&address, sizeof(address)) < 0)
			break;
	}
	snprintf(context, 64, "%s", host);
	haw_resolution_end(resolution, NULL);
}

static void no_address(void *context, const char *host, uint16_t port, int family, haw_resolution *resolution)
{
	haw_resolution_end(resolution, "the test knows no such name");
}

static void the_caller_may_resolve_names(void)
{
	char asked[64] = "";

	CHECK(begin(NULL));
	user.options.host = "name.example";
	user.options.resolve = two_addresses;
	user.options.resolve_user = asked;
	CHECK(user_connect(&user, server.port, &err) == HAW_ECONNECT);
	CHECK(strcmp(asked, "name.example") == 0);
	CHECK_MSG(strstr(err.message, "127.0.0.2") && strstr(err.message, "127.0.0.3"), "%s", err.message);
	user_forget(&user);
	user.options.host = "name.example";
	user.options.resolve = no_address;
	CHECK(user_connect(&user, server.port, &err) == HAW_ERESOLVE);
	CHECK_MSG(strstr(err.message, "no such name"), "%s", err.message);
	end();
}

/* ---- Host keys ---- */

static int connect_with(const char *setting)
{
	user_forget(&user);
	if (setting)
		user_set(&user, "%s", setting);
	return user_connect(&user, server.port, &err);
}

static void policies_decide_about_unknown_hosts(void)
{
	CHECK(begin(NULL));
	CHECK(connect_with("StrictHostKeyChecking=yes") == HAW_EHOSTUNKNOWN && user.asked_count == 0);
	CHECK_MSG(strstr(err.message, server.fingerprint), "%s", err.message);
	CHECK(connect_with("StrictHostKeyChecking=ask") == HAW_EHOSTUNKNOWN && user.asked_count == 1);
	CHECK(access(user_path(&user, "known"), F_OK) < 0);
	/* As ssh: what is accepted without a check is stored. */
	CHECK(connect_with("StrictHostKeyChecking=off") == 0 && strstr(user.log, "0 warning"));
	CHECK(connect_with("StrictHostKeyChecking=yes") == 0);
	CHECK(unlink(user_path(&user, "known")) == 0);
	user_forget(&user);
	user_set(&user, "HashKnownHosts=yes");
	user_set(&user, "StrictHostKeyChecking=ask");
	user.accept = true;
	CHECK(user_connect(&user, server.port, &err) == 0 && strstr(user.text, server.fingerprint));
	CHECK(connect_with("StrictHostKeyChecking=yes") == 0);
	CHECK(unlink(user_path(&user, "known")) == 0);
	CHECK(connect_with("StrictHostKeyChecking=accept-new") == 0 && user.asked_count == 0);
	CHECK(connect_with("StrictHostKeyChecking=yes") == 0);
	end();
}

static void write_known(const char *marker, const haw_key *key)
{
	char text[600];
	haw_message line;

	haw_message_write(&line, 0);
	if (haw_key_format_public(key, &line, NULL) < 0)
		harness_fail(__FILE__, __LINE__, "a key line");
	snprintf(text, sizeof(text), "# a comment\n%s%s[127.0.0.1]:%u %.*s\n", marker, *marker ? " " : "",
		 server.port,
		 (int)haw_message_all(&line).len, (const char *)haw_message_all(&line).ptr);
	haw_message_free(&line);
	if (!user_write(&user, "known", text))
		harness_fail(__FILE__, __LINE__, "known hosts");
}

static void changed_and_revoked_keys_are_refused(void)
{
	haw_key *other = haw_key_generate("ssh-ed25519", 0, "", NULL);

	CHECK(begin(NULL));
	write_known("", other);
	CHECK(connect_with("StrictHostKeyChecking=accept-new") == HAW_EHOSTCHANGED && user.asked_count == 0);
	CHECK_MSG(strstr(err.message, server.fingerprint) &&
			  strstr(err.message, haw_key_fingerprint(other)) &&
			  strstr(err.message, "known, line 2"), "%s", err.message);
	CHECK(connect_with("StrictHostKeyChecking=off") == 0);
	write_known("@revoked", server.host_key);
	CHECK(connect_with("StrictHostKeyChecking=yes") == HAW_EHOSTKEY);
	CHECK_MSG(strstr(err.message, "revoked") && strstr(err.message, "line 2"), "%s", err.message);
	/* ssh goes on under "off", and so do we, but no password is sent. */
	CHECK(connect_with("StrictHostKeyChecking=off") == 0 && strstr(user.log, "REVOKED"));
	end();
	haw_key_free(other);
}

/* ---- The end of a connection ---- */

static struct sshd sshd;

static void cut(const char *engine)
{
	const haw_loop_options options = {.size = sizeof(options), .engine = engine};
	haw_loop *loop = haw_loop_new(&options, &err);
	haw_transport *t = sshd_transport(&sshd, loop, NULL, &err);
	haw_channel *channel;
	haw_op *op;
	char byte;

	CHECK_MSG(t, "%s", err.message);
	CHECK(haw_channel_open(t, NULL, &channel, WAIT_MS, &err) == 0);
	CHECK(haw_channel_exec(channel, "cat", WAIT_MS, &err) == 0);
	kill(sshd.pid, SIGKILL);
	kill(-sshd.pid, SIGKILL);
	CHECK(haw_channel_recv_wait(channel, HAW_STREAM_DATA, &byte, 1, WAIT_MS, &err) == HAW_ECLOSED);
	CHECK_MSG(haw_transport_error(t, &err) == HAW_ECLOSED && strstr(err.message, "connection"), "%s",
		  err.message);
	CHECK(haw_channel_send(channel, "x", 1, &err) == HAW_ECLOSED);
	/* Everything that is started from now on ends, or does not start. */
	op = haw_transport_rekey_start(t, NULL, NULL, &err);
	CHECK(op && haw_op_wait(op, 1000, &err) == HAW_ECLOSED);
	haw_op_free(op);
	op = haw_transport_auth_none_start(t, "x", NULL, NULL, &err);
	CHECK(!op || haw_op_wait(op, 1000, &err) == HAW_ECLOSED);
	haw_op_free(op);
	CHECK(!haw_transport_global_request_start(t, "x", true, (haw_span){NULL, 0}, NULL, NULL, &err));
	haw_channel_free(channel);
	haw_transport_free(t);
	haw_loop_free(loop);
}

static void a_cut_connection_is_told(void)
{
	for_engines(cut);
}

static void a_stopped_server_fails_the_keepalive(void)
{
	const haw_transport_options options = {
		.size = sizeof(options), .keepalive_ms = 100, .keepalive_max = 2};
	haw_loop *loop = haw_loop_new(NULL, &err);
	haw_transport *t = sshd_transport(&sshd, loop, &options, &err);

	CHECK_MSG(t, "%s", err.message);
	for (int i = 0; i < 30; i++)
		CHECK(haw_loop_run(loop, 20, &err) == 0 && haw_transport_is_open(t));
	kill(-sshd.pid, SIGSTOP);
	for (int i = 0; i < 200 && haw_transport_is_open(t); i++)
		CHECK(haw_loop_run(loop, 20, &err) == 0);
	CHECK_MSG(haw_transport_error(t, &err) == HAW_ETIMEDOUT, "%s", err.message);
	haw_transport_free(t);
	haw_loop_free(loop);
}

/* ---- A foreign event loop ---- */

static unsigned threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static int64_t milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void foreign(const char *engine)
{
	const haw_loop_options loop_options = {.size = sizeof(loop_options), .engine = engine};
	const haw_transport_options options = {.size = sizeof(options), .ask = accept_all};
	haw_loop *loop = haw_loop_new(&loop_options, &err);
	unsigned before = threads();
	int fd = sshd_socket(&sshd);
	haw_transport *t = haw_transport_new_fd(loop, fd, fd, &options, &err);
	haw_channel *channel;
	haw_op *login, *open, *exec;
	int64_t begin = milliseconds();
	char out[16];

	CHECK(t);
	login = haw_transport_auth_publickey_start(t, local_user(), sshd.key, false, NULL, NULL, &err);
	open = haw_channel_open_start(t, NULL, &channel, NULL, NULL, &err);
	exec = haw_channel_exec_start(channel, "echo hello", NULL, NULL, &err);
	CHECK(login && open && exec);
	for (int i = 0; i < 1000 && haw_channel_exit_status(channel, NULL) < 0; i++) {
		struct pollfd p = {.fd = haw_transport_fd(t), .events = haw_transport_events(t)};
		int wait = haw_transport_deadline_ms(t);

		/* Woken by nothing but the descriptor and the deadline. What is ready when poll looks for the
		 * last time has not woken it: that is not good enough. */
		CHECK(poll(&p, 1, wait < 0 || wait > 3000 ? 3000 : wait) > 0 || wait <= 3000);
		CHECK(milliseconds() - begin < 2900);
		CHECK_MSG(haw_transport_process(t, &err) == 0, "%s", err.message);
	}
	CHECK(haw_op_result(login, NULL) == 0 && haw_op_result(exec, NULL) == 0);
	CHECK(haw_channel_exit_status(channel, NULL) == 0);
	CHECK(haw_channel_recv(channel, HAW_STREAM_DATA, out, sizeof(out), &err) == 6);
	CHECK(threads() == before);
	haw_op_free(exec);
	haw_op_free(open);
	haw_op_free(login);
	haw_channel_free(channel);
	haw_transport_free(t);
	haw_loop_free(loop);
}

static void a_foreign_loop_drives_everything(void)
{
	for_engines(foreign);
}

int main(void)
{
	const char *why;

	RUN(a_silent_server_times_out);
	RUN(a_refused_connection_names_the_address);
	RUN(the_caller_may_resolve_names);
	RUN(policies_decide_about_unknown_hosts);
	RUN(changed_and_revoked_keys_are_refused);
	if (!sshd_usable(&why)) {
		harness_skip("connections to sshd", why);
		return harness_end();
	}
	if (!sshd_start(&sshd, NULL))
		return 1;
	RUN(a_cut_connection_is_told);
	RUN(a_stopped_server_fails_the_keepalive);
	RUN(a_foreign_loop_drives_everything);
	sshd_stop(&sshd);
	return harness_end();
}
