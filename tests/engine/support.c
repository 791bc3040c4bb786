/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SSHD "/usr/sbin/sshd"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static bool write_file(const char *path, const void *text, size_t len)
{
	FILE *f = fopen(path, "w");

	return f && fwrite(text, 1, len, f) == len && fclose(f) == 0;
}

const char *local_user(void)
{
	return getpwuid(getuid())->pw_name;
}

/* ---- The user ---- */

const char *user_path(const struct user *user, const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", user->dir, name);
	return path;
}

bool user_write(const struct user *user, const char *name, const char *text)
{
	return write_file(user_path(user, name), text, strlen(text));
}

static void take_question(void *context, haw_question *q)
{
	struct user *user = context;
	const char *text = user->texts[user->next_text];

	if (user->asked_count < ASKED_MAX)
		user->asked[user->asked_count++] = haw_question_kind(q);
	snprintf(user->text, sizeof(user->text), "%s", haw_question_text(q));
	if (user->keep) {
		user->kept = q;
		return;
	}
	if (haw_question_kind(q) == HAW_ASK_HOST_KEY) {
		if (user->accept)
			haw_question_accept(q);
		else
			haw_question_refuse(q);
		return;
	}
	if (user->next_text < 3 && user->texts[user->next_text + 1])
		user->next_text++;
	if (text)
		haw_question_answer(q, &text, 1);
	else
		haw_question_refuse(q);
}

static void take_log(void *context, int level, const char *line)
{
	struct user *user = context;
	size_t at = strlen(user->log);

	snprintf(user->log + at, sizeof(user->log) - at, "%d %s\n", level, line);
}

static bool new_config(struct user *user)
{
	haw_error err;

	user->config = haw_config_new(NULL);
	if (!user->config || haw_config_set_home(user->config, user->dir, &err) < 0)
		return false;
	memset(&user->options, 0, sizeof(user->options));
	user->options.size = sizeof(user->options);
	user->options.transport.ask = take_question;
	user->options.transport.log = take_log;
	user->options.transport.user = user;
	user_set(user, "UserKnownHostsFile=%s/known", user->dir);
	user_set(user, "GlobalKnownHostsFile=none");
	return true;
}

bool user_begin(struct user *user, const char *engine)
{
	const haw_loop_options options = {.size = sizeof(options), .engine = engine};

	memset(user, 0, sizeof(*user));
	strcpy(user->dir, "/tmp/hawser-user.XXXXXX");
	user->loop = haw_loop_new(&options, NULL);
	return user->loop && mkdtemp(user->dir) && new_config(user);
}

void user_set(struct user *user, const char *format, ...)
{
	char text[512];
	haw_error err;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (haw_config_set(user->config, text, &err) < 0)
		harness_fail(__FILE__, __LINE__, err.message);
}

haw_op *user_connect_start(struct user *user, uint16_t port, haw_error *err)
{
	user->host = haw_config_lookup(user->config, "127.0.0.1", err);
	if (!user->host)
		return NULL;
	user->options.config = user->host;
	user->options.port = port;
	user->client = haw_client_new(user->loop, &user->options, err);
	return user->client ? haw_client_connect_start(user->client, NULL, NULL, err) : NULL;
}

int user_connect(struct user *user, uint16_t port, haw_error *err)
{
	haw_op *op = user_connect_start(user, port, err);
	int result = op ? haw_op_wait(op, WAIT_MS, err) : err->code;

	haw_op_free(op);
	return result;
}

static void drop(struct user *user)
{
	haw_client_free(user->client);
	haw_host_config_free(user->host);
	haw_config_free(user->config);
	user->client = NULL;
	user->host = NULL;
	user->config = NULL;
}

void user_run_until(struct user *user, bool (*done)(void), int ms)
{
	for (int i = 0; i < ms / 10 && !done(); i++)
		if (haw_loop_run(user->loop, 10, NULL) < 0)
			break;
}

void user_forget(struct user *user)
{
	drop(user);
	user->asked_count = user->next_text = 0;
	memset(user->texts, 0, sizeof(user->texts));
	user->accept = user->keep = false;
	user->log[0] = user->text[0] = '\0';
	if (!new_config(user))
		harness_fail(__FILE__, __LINE__, "a configuration");
}

void user_end(struct user *user)
{
	drop(user);
	haw_loop_free(user->loop);
	nftw(user->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void for_engines(void (*fn)(const char *engine))
{
	static const char *const engines[] = {"uring", "poll"};

	for (int i = 0; i < 2 && !harness.failed; i++) {
		const haw_loop_options options = {.size = sizeof(options), .engine = engines[i]};
		haw_loop *loop = haw_loop_new(&options, NULL);

		haw_loop_free(loop);
		if (loop)
			fn(engines[i]);
	}
}

/* ---- sshd ---- */

bool sshd_usable(const char **why)
{
	*why = "sshd is not installed";
	if (access(SSHD, X_OK) != 0)
		return false;
	*why = "/run/sshd, which sshd demands of root, cannot be made";
	return getuid() != 0 || mkdir("/run/sshd", 0755) == 0 || access("/run/sshd", R_OK) == 0;
}

static bool write_keys(struct sshd *sshd)
{
	haw_key *host = haw_key_generate("ssh-ed25519", 0, "host", NULL);
	char path[128];
	haw_message line;
	bool ok;

	sshd->key = haw_key_generate("ssh-ed25519", 0, "user", NULL);
	if (!host || !sshd->key)
		return false;
	snprintf(sshd->host_fingerprint, sizeof(sshd->host_fingerprint), "%s", haw_key_fingerprint(host));
	snprintf(path, sizeof(path), "%s/host", sshd->dir);
	ok = haw_key_write_private(host, path, NULL, 0, NULL) == 0;
	haw_key_free(host);
	haw_message_write(&line, 0);
	ok = ok && haw_key_format_public(sshd->key, &line, NULL) == 0;
	snprintf(path, sizeof(path), "%s/authorized_keys", sshd->dir);
	ok = ok && write_file(path, haw_message_all(&line).ptr, haw_message_all(&line).len);
	haw_message_free(&line);
	return ok;
}

static bool write_config(const struct sshd *sshd, const char *extra)
{
	char path[128], text[2048];
	int n = snprintf(text, sizeof(text),
			 "HostKey %s/host\nAuthorizedKeysFile %s/authorized_keys\nStrictModes no\nUsePAM no\n"
			 "PermitRootLogin prohibit-password\nPidFile none\nUseDNS no\nPrintMotd no\n"
			 "SetEnv SHLVL=1\n" /* so bash reads no start-up file of the user */
			 "PrintLastLog no\nLogLevel ERROR\n%s\n",
			 sshd->dir, sshd->dir, extra ? extra : "");

	snprintf(path, sizeof(path), "%s/config", sshd->dir);
	return write_file(path, text, (size_t)n);
}

bool sshd_start(struct sshd *sshd, const char *extra)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	memset(sshd, 0, sizeof(*sshd));
	strcpy(sshd->dir, "/tmp/hawser-sshd.XXXXXX");
	sshd->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!mkdtemp(sshd->dir) || !write_keys(sshd) || !write_config(sshd, extra) ||
	    bind(sshd->listen_fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(sshd->listen_fd, 8) < 0 ||
	    getsockname(sshd->listen_fd, (struct sockaddr *)&address, &length) < 0)
		return false;
	sshd->port = ntohs(address.sin_port);
	return true;
}

static void end_process(struct sshd *sshd)
{
	if (sshd->pid <= 0)
		return;
	kill(-sshd->pid, SIGKILL);
	kill(sshd->pid, SIGKILL);
	waitpid(sshd->pid, NULL, 0);
	sshd->pid = 0;
}

/* The process accepts, and becomes sshd for that connection. */
bool sshd_serve(struct sshd *sshd)
{
	char config[128], log[128];
	int fd;

	end_process(sshd);
	snprintf(config, sizeof(config), "%s/config", sshd->dir);
	snprintf(log, sizeof(log), "%s/log", sshd->dir);
	sshd->pid = fork();
	if (sshd->pid != 0)
		return sshd->pid > 0;
	setpgid(0, 0);
	fd = accept(sshd->listen_fd, NULL, NULL);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(open("/dev/null", O_WRONLY), 2);
	close(fd);
	execl(SSHD, SSHD, "-i", "-f", config, "-E", log, (char *)NULL);
	_exit(127);
}

int sshd_socket(struct sshd *sshd)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons(sshd->port);
	if (!sshd_serve(sshd) || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void sshd_stop(struct sshd *sshd)
{
	end_process(sshd);
	close(sshd->listen_fd);
	haw_key_free(sshd->key);
	nftw(sshd->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void accept_all(void *user, haw_question *question)
{
	if (haw_question_kind(question) == HAW_ASK_HOST_KEY)
		haw_question_accept(question);
	else
		haw_question_refuse(question);
}

haw_transport *sshd_transport(struct sshd *sshd, haw_loop *loop, const haw_transport_options *options,
			      haw_error *err)
{
	haw_transport_options o = {.size = sizeof(o)};
	haw_transport *t;
	int fd;

	if (options)
		o = *options;
	if (!o.ask)
		o.ask = accept_all;
	fd = sshd_socket(sshd);
	t = fd < 0 ? NULL : haw_transport_new_fd(loop, fd, fd, &o, err);
	if (t && haw_transport_auth_publickey(t, local_user(), sshd->key, WAIT_MS, err) == 0)
		return t;
	haw_transport_free(t);
	return NULL;
}
