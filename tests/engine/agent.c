/* SPDX-License-Identifier: Apache-2.0
 *
 * Agents: OpenSSH's with keys of every type; one on a thread that does what a script says, to be slow,
 * cancelled and freed at awkward moments; and answers damaged at every byte.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hawser/agent.h>

#include "server.h"
#include "support.h"
#include "transport/keys/agent_message.h"

enum { SHORT_MS = 300 };

static struct user user;
static haw_error err;

static haw_span span(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

static haw_agent *new_agent(const char *path)
{
	const haw_agent_options options = {.size = sizeof(options),
					   .path = path,
					   .list_timeout_ms = SHORT_MS,
					   .sign_timeout_ms = SHORT_MS};

	return haw_agent_new(user.loop, &options, &err);
}

/* ---- OpenSSH's ---- */

static pid_t start_agent(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execlp("ssh-agent", "ssh-agent", "-D", "-a", path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Have ssh-add do that, until the agent is there. */
static bool add(const char *path, const char *arguments)
{
	char command[400];

	snprintf(command, sizeof(command), "SSH_AUTH_SOCK=%s ssh-add -q %s 2>/dev/null", path, arguments);
	for (int i = 0; i < 100; i++) {
		int status = system(command);

		if (status == 0)
			return true;
		if (WEXITSTATUS(status) != 2)
			return false;
		usleep(20000);
	}
	return false;
}

static void sign_with_each(haw_agent *agent)
{
	const char *algorithm;
	const haw_key *key;

	for (size_t i = 0; (key = haw_agent_key_at(agent, i)); i++)
		for (size_t n = 0; (algorithm = haw_key_algorithm_at(key, n)); n++) {
			haw_message m;

			haw_message_write(&m, 0);
			CHECK_MSG(haw_agent_sign(agent, key, algorithm, span("text"), &m, WAIT_MS, &err) == 0,
				  "%s", err.message);
			CHECK(haw_key_verify(key, algorithm, span("text"), haw_message_all(&m), &err) == 0);
			CHECK(haw_agent_sign(agent, key, "ssh-dss", span("text"), &m, WAIT_MS, &err) ==
			      HAW_EINVAL);
			haw_message_free(&m);
		}
}

static void use_real_agent(const char *path)
{
	static const char *const types[] = {"ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
					    "ecdsa-sha2-nistp521", "rsa"};
	haw_agent *agent = new_agent(path);
	haw_key *foreign = haw_key_generate("ed25519", 0, NULL, &err);
	haw_message m;

	CHECK(agent && foreign && strcmp(haw_agent_path(agent), path) == 0);
	for (size_t i = 0; i < 5; i++) {
		haw_key *key = haw_key_generate(types[i], 0, types[i], &err);

		CHECK(key && haw_key_write_private(key, user_path(&user, types[i]), NULL, 0, &err) == 0);
		CHECK(add(path, user_path(&user, types[i])));
		CHECK_MSG(haw_agent_list(agent, WAIT_MS, &err) == 0, "%s", err.message);
		CHECK(haw_agent_key_at(agent, i) && !haw_agent_key_at(agent, i + 1));
		CHECK(haw_key_equal(haw_agent_key_at(agent, i), key));
		CHECK(strcmp(haw_key_comment(haw_agent_key_at(agent, i)), types[i]) == 0);
		haw_key_free(key);
	}
	sign_with_each(agent);
	haw_message_write(&m, 0);
	CHECK(haw_agent_sign(agent, foreign, NULL, span("text"), &m, WAIT_MS, &err) == HAW_EREFUSED);
	CHECK(haw_message_all(&m).len == 0);
	/* A refusal is no failure: the agent goes on. */
	CHECK(haw_agent_list(agent, WAIT_MS, &err) == 0);
	CHECK(add(path, "-D"));
	CHECK(haw_agent_list(agent, WAIT_MS, &err) == 0 && !haw_agent_key_at(agent, 0));
	haw_message_free(&m);
	haw_key_free(foreign);
	haw_agent_free(agent);
}

static void openssh(const char *engine)
{
	char path[128];
	pid_t pid;

	CHECK(user_begin(&user, engine));
	snprintf(path, sizeof(path), "%s", user_path(&user, "agent"));
	pid = start_agent(path);
	use_real_agent(path);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	user_end(&user);
}

static void openssh_agent_lists_and_signs(void)
{
	if (system("ssh-agent -? >/dev/null 2>&1; test $? -ne 127") != 0) {
		harness_skip("OpenSSH's agent", "no ssh-agent (package openssh-client)");
		return;
	}
	for_engines(openssh);
}

/* ---- One that does as it is told ---- */

struct scripted {
	pthread_t thread;
	int listen_fd, stop_fd;
	haw_key *key;
	/* What it does with the requests that come, one character each, the last one again: l: lists its
	 * key; s: signs; w: waits 100 ms and signs; h: says nothing; q: hangs up. */
	const char *script;
	unsigned requests;
};

static struct scripted scripted;

static bool until_stop(int fd, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = scripted.stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	poll(fds, fd < 0 ? 1 : 2, timeout_ms);
	return !(fds[0].revents & POLLIN);
}

static bool read_all(int fd, void *to, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = until_stop(fd, -1) ? read(fd, (char *)to + got, len - got) : 0;

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

static void put_answer(haw_message *out, const haw_message *request, bool list)
{
	size_t mark = haw_put_string_begin(out);
	haw_span blob = haw_key_blob(scripted.key), data, all = haw_message_all(request);
	haw_message in, signature;

	haw_message_read(&in, all.ptr, all.len);
	haw_put_byte(out, list ? 12 : 14);
	if (list) {
		haw_put_u32(out, 1);
		haw_put_string(out, blob.ptr, blob.len);
		haw_put_text(out, "scripted");
	} else {
		haw_get_byte(&in);
		haw_get_string(&in);
		data = haw_get_string(&in);
		haw_message_write(&signature, 0);
		if (haw_key_sign(scripted.key, NULL, data, &signature, NULL) == 0)
			haw_put_string(out, haw_message_all(&signature).ptr, haw_message_all(&signature).len);
		haw_message_free(&signature);
	}
	haw_put_string_end(out, mark);
}

static bool answer(int fd, haw_message *request)
{
	char what = scripted.script[scripted.requests];
	haw_message out;
	haw_span all;
	bool sent;

	if (scripted.script[scripted.requests + 1])
		scripted.requests++;
	if (what == 'q')
		return false;
	if (what == 'h')
		return true;
	if (what == 'w' && !until_stop(-1, 100))
		return false;
	haw_message_write(&out, 0);
	put_answer(&out, request, what == 'l');
	all = haw_message_all(&out);
	sent = send(fd, all.ptr, all.len, MSG_NOSIGNAL) == (ssize_t)all.len;
	haw_message_free(&out);
	return sent;
}

static void converse(int fd)
{
	uint8_t head[4], body[4096];
	bool more = true;

	while (more && read_all(fd, head, 4)) {
		size_t len = (size_t)head[2] << 8 | head[3];
		haw_message request;

		if (len > sizeof(body) || !read_all(fd, body, len))
			break;
		haw_message_read(&request, body, len);
		more = answer(fd, &request);
	}
}

static void *run(void *unused)
{
	while (until_stop(scripted.listen_fd, -1)) {
		int fd = accept(scripted.listen_fd, NULL, NULL);

		converse(fd);
		close(fd);
	}
	return NULL;
}

static haw_agent *begin(const char *script)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	CHECK_OR(user_begin(&user, NULL), NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", user_path(&user, "agent"));
	scripted = (struct scripted){.script = script, .key = haw_key_generate("ed25519", 0, NULL, &err)};
	scripted.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	scripted.stop_fd = eventfd(0, EFD_CLOEXEC);
	CHECK_OR(bind(scripted.listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0, NULL);
	CHECK_OR(listen(scripted.listen_fd, 4) == 0, NULL);
	CHECK_OR(pthread_create(&scripted.thread, NULL, run, NULL) == 0, NULL);
	return new_agent(address.sun_path);
}

static void end(haw_agent *agent)
{
	uint64_t one = 1;

	haw_agent_free(agent);
	CHECK(write(scripted.stop_fd, &one, sizeof(one)) == sizeof(one));
	pthread_join(scripted.thread, NULL);
	close(scripted.listen_fd);
	close(scripted.stop_fd);
	haw_key_free(scripted.key);
	user_end(&user);
}

static int sign(haw_agent *agent, haw_message *m)
{
	return haw_agent_sign(agent, scripted.key, NULL, span("text"), m, WAIT_MS, &err);
}

static void a_silent_agent_is_given_up_in_its_time(void)
{
	haw_agent *agent = begin("lh");
	haw_message m;

	CHECK(agent);
	haw_message_write(&m, 0);
	CHECK_MSG(haw_agent_list(agent, WAIT_MS, &err) == 0, "%s", err.message);
	CHECK(sign(agent, &m) == HAW_ETIMEDOUT && strstr(err.message, "did not answer in time"));
	CHECK(haw_message_all(&m).len == 0);
	/* For good, and at once. */
	CHECK(sign(agent, &m) == HAW_ETIMEDOUT && haw_agent_list(agent, 0, &err) < 0);
	CHECK(haw_agent_key_at(agent, 0));
	haw_message_free(&m);
	end(agent);
}

static void an_agent_that_hangs_up_has_failed(void)
{
	haw_agent *agent = begin("lq");
	haw_message m;

	CHECK(agent);
	haw_message_write(&m, 0);
	CHECK(haw_agent_list(agent, WAIT_MS, &err) == 0);
	CHECK(sign(agent, &m) == HAW_ECLOSED && strstr(err.message, "hung up"));
	CHECK(sign(agent, &m) == HAW_ECLOSED);
	haw_message_free(&m);
	end(agent);
}

/* A cancelled request's answer is not taken for the next one's. */
static void a_cancelled_signature_does_not_mislead(void)
{
	haw_agent *agent = begin("lws");
	haw_message first, second;
	haw_op *op;

	CHECK(agent);
	haw_message_write(&first, 0);
	haw_message_write(&second, 0);
	CHECK(haw_agent_list(agent, WAIT_MS, &err) == 0);
	op = haw_agent_sign_start(agent, scripted.key, NULL, span("other"), &first, NULL, NULL, &err);
	CHECK(op && haw_loop_run(user.loop, 30, &err) == 0 && !haw_op_done(op));
	haw_op_free(op);
	CHECK_MSG(sign(agent, &second) == 0, "%s", err.message);
	CHECK(haw_message_all(&first).len == 0 && haw_message_all(&second).len > 0);
	haw_message_free(&first);
	haw_message_free(&second);
	end(agent);
}

static void free_agent(void *context, haw_op *op)
{
	haw_agent **agent = context;

	haw_agent_free(*agent);
	*agent = NULL;
}

static void an_agent_may_be_freed_in_its_callback(void)
{
	static const char *const scripts[] = {"l", "q", "h"};

	for (int i = 0; i < 3; i++) {
		haw_agent *agent = begin(scripts[i]), *freed = agent;
		haw_op *first, *second;

		CHECK(agent);
		first = haw_agent_list_start(agent, free_agent, &freed, &err);
		second = haw_agent_list_start(agent, NULL, NULL, &err);
		CHECK(first && second);
		CHECK((haw_op_wait(first, WAIT_MS, &err) == 0) == (i == 0));
		CHECK(!freed && haw_op_wait(second, WAIT_MS, &err) < 0);
		haw_op_free(first);
		haw_op_free(second);
		end(NULL);
	}
}

/* The server would take the agent's key; whatever the agent does then, the login goes on. */
static void log_in(const char *script, const char *log)
{
	static struct server server;
	haw_agent *agent = begin(script);

	CHECK(agent);
	server = (struct server){.key = scripted.key, .password = "right", .methods = "publickey,password"};
	CHECK(server_start(&server));
	user_set(&user, "StrictHostKeyChecking=accept-new");
	user.options.password = "right";
	user.options.agent = (haw_agent_options){.size = sizeof(haw_agent_options),
						 .path = haw_agent_path(agent),
						 .list_timeout_ms = SHORT_MS,
						 .sign_timeout_ms = SHORT_MS};
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK_MSG(strstr(user.log, log), "%s", user.log);
	CHECK((server.passwords == 0) == (strcmp(script, "ls") == 0 || strcmp(script, "lw") == 0));
	server_stop(&server);
	end(agent);
}

static void a_login_goes_on_whatever_the_agent_does(void)
{
	log_in("ls", "of the agent");
	log_in("lw", "of the agent");
	log_in("lh", "did not answer in time");
	log_in("lq", "hung up");
	log_in("h", "did not answer in time");
	log_in("q", "hung up");
	log_in("s", "going on without it"); /* a signature where a list was asked for */
	log_in("ll", "the agent answered with message");
}

static void no_agent(void)
{
	haw_agent *agent;
	char path[200];

	CHECK(user_begin(&user, NULL));
	unsetenv("SSH_AUTH_SOCK");
	CHECK(!haw_agent_new(user.loop, NULL, &err) && err.code == HAW_ENOTFOUND);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK(!new_agent(path) && err.code == HAW_EINVAL);
	agent = new_agent(user_path(&user, "nothing"));
	CHECK(agent && haw_agent_list(agent, WAIT_MS, &err) == HAW_ECONNECT);
	haw_agent_free(agent);
	haw_agent_free(NULL);
	user_end(&user);
}

/* ---- Damage ---- */

static bool keep(void *context, haw_key *key)
{
	(*(unsigned *)context)++;
	haw_key_free(key);
	return true;
}

static void answers_damaged_at_every_byte(void)
{
	haw_message out, nothing;
	haw_span all, found;
	unsigned count = 0;
	uint8_t *copy;

	scripted.key = haw_key_generate("ecdsa", 0, NULL, &err);
	haw_message_write(&out, 0);
	haw_message_read(&nothing, "", 0);
	put_answer(&out, &nothing, true);
	all = haw_message_all(&out);
	all = (haw_span){all.ptr + 4, all.len - 4};
	CHECK(haw_agent_get_list(all, keep, &count, &err) == 0 && count == 1);
	copy = malloc(all.len);
	for (size_t at = 0; at < all.len; at++) {
		uint8_t *cut = malloc(at ? at : 1);

		memcpy(cut, all.ptr, at);
		CHECK(haw_agent_get_list((haw_span){cut, at}, keep, &count, &err) < 0 && err.message[0]);
		CHECK(haw_agent_get_signature((haw_span){cut, at}, &found, &err) < 0 && err.message[0]);
		free(cut);
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			memcpy(copy, all.ptr, all.len);
			copy[at] ^= (uint8_t)bit;
			/* Sanitizers judge what is read; a comment may be anything. */
			(void)!haw_agent_get_list((haw_span){copy, all.len}, keep, &count, &err);
		}
	}
	free(copy);
	haw_message_free(&out);
	haw_key_free(scripted.key);
}

int main(void)
{
	RUN(openssh_agent_lists_and_signs);
	RUN(a_silent_agent_is_given_up_in_its_time);
	RUN(an_agent_that_hangs_up_has_failed);
	RUN(a_cancelled_signature_does_not_mislead);
	RUN(an_agent_may_be_freed_in_its_callback);
	RUN(a_login_goes_on_whatever_the_agent_does);
	RUN(no_agent);
	RUN(answers_damaged_at_every_byte);
	return harness_end();
}
