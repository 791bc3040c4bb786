/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions over channels of sshd: what waits for nothing, what is refused, who frees what.
 */
#include <sys/stat.h>

#include "ssh.h"

static struct ssh_session ssh;
static haw_error err;

static bool count_name(void *user, const haw_name *name)
{
	(*(unsigned *)user)++;
	return true;
}

static void requests_may_start_before_the_handshake(void)
{
	haw_op *op, *list;
	haw_attrs attrs;
	unsigned names = 0;

	CHECK(ssh_begin(&ssh, SFTP_SERVER, NULL));
	op = haw_sftp_stat_start(ssh.s.sftp, ssh.s.dir, true, NULL, NULL, &err);
	list = haw_sftp_opendir_start(ssh.s.sftp, ssh.s.dir, NULL, NULL, &err);
	CHECK(op && list);
	CHECK_MSG(haw_op_wait(op, 20000, &err) == 0, "%s", err.message);
	CHECK(haw_sftp_op_attrs(op, &attrs) && S_ISDIR(attrs.mode));
	CHECK(haw_op_wait(list, 20000, &err) == 0);
	CHECK(ssh_wait(&ssh, &err) == 0 && haw_sftp_extensions(ssh.s.sftp) == 2047);
	CHECK(mkdir(pipe_path(&ssh.s, "x"), 0700) == 0);
	CHECK(haw_sftp_list(ssh.s.sftp, ssh.s.dir, count_name, &names, &err) == 0 && names == 1);
	haw_op_free(op);
	haw_op_free(list);
	ssh_close(&ssh);
}

static void a_refused_subsystem_is_told(void)
{
	haw_op *op;

	CHECK(ssh_begin(&ssh, NULL, NULL));
	op = haw_sftp_stat_start(ssh.s.sftp, "x", true, NULL, NULL, &err);
	CHECK(op && ssh_wait(&ssh, &err) == HAW_EREFUSED);
	CHECK_MSG(strstr(err.message, "sftp subsystem"), "%s", err.message);
	CHECK(haw_op_wait(op, 20000, &err) == HAW_EREFUSED);
	haw_op_free(op);
	ssh_close(&ssh);
}

static void a_server_that_fails_to_start_is_told(void)
{
	CHECK(ssh_begin(&ssh, "/bin/false", NULL));
	CHECK(ssh_wait(&ssh, &err) == HAW_ECLOSED);
	CHECK_MSG(strstr(err.message, "before it began"), "%s", err.message);
	ssh_close(&ssh);
	CHECK(ssh_begin(&ssh, "/bin/echo Welcome to this host", NULL));
	CHECK(ssh_wait(&ssh, &err) == HAW_EPROTOCOL);
	CHECK_MSG(strstr(err.message, "\"Welcome to"), "%s", err.message);
	ssh_close(&ssh);
}

static void a_session_may_be_freed_at_any_moment(void)
{
	/* After so many turns of the loop, from before the first byte to long after the last. */
	for (unsigned turns = 0; turns < 40; turns++) {
		static const uint8_t data[100000];
		haw_file *file = NULL;
		haw_op *ops[3] = {NULL};

		CHECK(ssh_begin(&ssh, SFTP_SERVER, NULL));
		ops[0] = haw_sftp_stat_start(ssh.s.sftp, ssh.s.dir, true, NULL, NULL, &err);
		if (turns >= 20) {
			CHECK(ssh_wait(&ssh, &err) == 0);
			file = haw_sftp_open(ssh.s.sftp, pipe_path(&ssh.s, "f"),
					     HAW_OPEN_WRITE | HAW_OPEN_CREATE, NULL, &err);
			CHECK(file);
			ops[1] = haw_file_write_start(file, 0, data, sizeof(data), NULL, NULL, NULL, &err);
			ops[2] = haw_file_close_start(file, NULL, NULL, &err);
		}
		for (unsigned i = 0; i < turns % 20; i++)
			CHECK(haw_loop_run(ssh.s.loop, 20, &err) == 0);
		haw_sftp_free(ssh.s.sftp);
		ssh.s.sftp = NULL;
		for (unsigned i = 0; i < 3; i++) {
			CHECK(!ops[i] || haw_op_result(ops[i], NULL) != HAW_EAGAIN);
			haw_op_free(ops[i]);
		}
		CHECK(haw_loop_run(ssh.s.loop, 0, &err) == 0);
		ssh_close(&ssh);
	}
}

int main(void)
{
	const char *why;

	if (!ssh_usable(&why)) {
		harness_skip("over SSH", why);
		return harness_end();
	}
	RUN(requests_may_start_before_the_handshake);
	RUN(a_refused_subsystem_is_told);
	RUN(a_server_that_fails_to_start_is_told);
	RUN(a_session_may_be_freed_at_any_moment);
	return harness_end();
}
