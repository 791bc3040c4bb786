/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh.h"

#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool ssh_usable(const char **why)
{
	*why = "sshd is not installed";
	if (access(SSHD, X_OK) != 0)
		return false;
	*why = "/run/sshd, which sshd demands of root, cannot be made";
	return getuid() != 0 || mkdir("/run/sshd", 0755) == 0 || access("/run/sshd", R_OK) == 0;
}

static bool write_text(const char *path, const void *text, size_t len)
{
	FILE *f = fopen(path, "w");

	return f && fwrite(text, 1, len, f) == len && fclose(f) == 0;
}

/* Host key, user key, authorized_keys and configuration. */
static bool set_up(struct ssh_session *ssh, const char *subsystem)
{
	char path[128], config[1024];
	haw_key *host = haw_key_generate("ssh-ed25519", 0, "host", NULL);
	haw_message line;
	bool ok;
	int n;

	strcpy(ssh->keys, "/tmp/hawser-sshd.XXXXXX");
	ssh->key = haw_key_generate("ssh-ed25519", 0, "user", NULL);
	if (!mkdtemp(ssh->keys) || !host || !ssh->key)
		return false;
	snprintf(path, sizeof(path), "%s/host", ssh->keys);
	ok = haw_key_write_private(host, path, NULL, 0, NULL) == 0;
	haw_key_free(host);
	haw_message_write(&line, 0);
	ok = ok && haw_key_format_public(ssh->key, &line, NULL) == 0;
	snprintf(path, sizeof(path), "%s/authorized_keys", ssh->keys);
	ok = ok && write_text(path, haw_message_all(&line).ptr, haw_message_all(&line).len);
	haw_message_free(&line);
	n = snprintf(
		config, sizeof(config),
		"HostKey %s/host\nAuthorizedKeysFile %s/authorized_keys\nStrictModes no\nUsePAM no\n"
		"PermitRootLogin prohibit-password\nPidFile none\nUseDNS no\nPrintMotd no\nPrintLastLog no\n"
		"SetEnv SHLVL=1\n" /* so bash reads no start-up file of the user */
		"LogLevel ERROR\n%s%s\n",
		ssh->keys, ssh->keys, subsystem ? "Subsystem sftp " : "", subsystem ? subsystem : "");
	snprintf(path, sizeof(path), "%s/config", ssh->keys);
	return ok && write_text(path, config, (size_t)n);
}

static pid_t start_sshd(struct ssh_session *ssh, int fd)
{
	char config[128], log[128];
	pid_t pid;
	int null;

	snprintf(config, sizeof(config), "%s/config", ssh->keys);
	snprintf(log, sizeof(log), "%s/log", ssh->keys);
	pid = fork();
	if (pid != 0)
		return pid;
	setpgid(0, 0);
	null = open("/dev/null", O_WRONLY);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(null, 2);
	execl(SSHD, SSHD, "-i", "-f", config, "-E", log, (char *)NULL);
	_exit(127);
}

static void accept_key(void *user, haw_question *question)
{
	if (haw_question_kind(question) == HAW_ASK_HOST_KEY)
		haw_question_accept(question);
	else
		haw_question_refuse(question);
}

bool ssh_begin(struct ssh_session *ssh, const char *subsystem, const char *suite)
{
	haw_transport_options options = {.size = sizeof(options), .ciphers = suite, .ask = accept_key};
	haw_error err = {.message = "no keys or sockets"};
	int fds[2];

	memset(ssh, 0, sizeof(*ssh));
	strcpy(ssh->s.dir, "/dev/shm/hawser-sftp.XXXXXX");
	if (!mkdtemp(ssh->s.dir))
		strcpy(ssh->s.dir, "/tmp/hawser-sftp.XXXXXX");
	if (strstr(ssh->s.dir, "XXXXXX") && !mkdtemp(ssh->s.dir))
		return false;
	if (!set_up(ssh, subsystem) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	ssh->s.pid = start_sshd(ssh, fds[1]);
	close(fds[1]);
	ssh->s.loop = haw_loop_new(NULL, &err);
	if (ssh->s.loop)
		ssh->transport = haw_transport_new_fd(ssh->s.loop, fds[0], fds[0], &options, &err);
	if (ssh->transport)
		ssh->login = haw_transport_auth_publickey_start(ssh->transport, getpwuid(getuid())->pw_name,
								ssh->key, false, NULL, NULL, &err);
	if (ssh->login)
		ssh->start = haw_sftp_start(ssh->transport, &ssh->s.sftp, NULL, NULL, &err);
	if (!ssh->start)
		printf("    %s\n", err.message);
	return ssh->start != NULL;
}

int ssh_wait(struct ssh_session *ssh, haw_error *err)
{
	int rc = haw_op_wait(ssh->login, 20000, err);

	return rc < 0 ? rc : haw_op_wait(ssh->start, 20000, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void ssh_close(struct ssh_session *ssh)
{
	haw_op_free(ssh->login);
	haw_op_free(ssh->start);
	haw_sftp_free(ssh->s.sftp);
	haw_transport_free(ssh->transport);
	haw_loop_free(ssh->s.loop);
	haw_key_free(ssh->key);
	if (ssh->s.pid > 0) {
		kill(-ssh->s.pid, SIGKILL);
		waitpid(ssh->s.pid, NULL, 0);
	}
	nftw(ssh->s.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	nftw(ssh->keys, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
