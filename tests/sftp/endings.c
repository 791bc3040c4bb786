/* SPDX-License-Identifier: Apache-2.0
 *
 * How sessions end: errors of the server, lost streams, and callbacks that free what calls them.
 */
#include "support.h"

static struct peer peer;
static unsigned calls;

static haw_file *new_file(void)
{
	return haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
}

/* ---- Before the session is ready ---- */

static void a_server_that_does_not_begin_with_sftp(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
		const char *words;
	} cases[] = {
		{"Welcome to \033[1mhost\n", 20, HAW_EPROTOCOL, "\"Welcome to \\033[1mhost"},
		{"\0\0\0\5\2\0\0\0\2", 9, HAW_EUNSUPPORTED, "version 2 only"},
		{"\0\0\0\5\2\0\0\0\4", 9, HAW_EPROTOCOL, "version 4, which was not offered"},
		{"\0\0\0\1\2", 5, HAW_EPROTOCOL, "malformed"},
		{"\0\0\0\11\2\0\0\0\3\0\0\0\1", 13, HAW_EPROTOCOL, "malformed"},
		{"\0\0\0\5\145\0\0\0\1", 9, HAW_EPROTOCOL, "does not begin with SFTP"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 0; step < 2; step++) {
			haw_error err = {.code = 0};

			CHECK(peer_open(&peer, false));
			peer_feed_bytes(&peer, (haw_span){(const uint8_t *)cases[i].bytes, cases[i].len},
					step);
			CHECK_MSG(peer.closed && haw_op_result(peer.start, &err) == cases[i].code &&
					  (step || strstr(err.message, cases[i].words)),
				  "%zu: %s", i, err.message);
			peer_close(&peer);
		}
	}
}

static void a_stream_that_ends_says_why(void)
{
	haw_error lost, err;

	CHECK(peer_open(&peer, false));
	haw_sftp_closed(peer.sftp, NULL);
	CHECK(haw_op_result(peer.start, &err) == HAW_ECLOSED && strstr(err.message, "sftp subsystem"));
	peer_close(&peer);

	CHECK(peer_open(&peer, false));
	haw_sftp_complain(peer.sftp, (haw_span){(const uint8_t *)"sftp-server: \a", 14});
	haw_sftp_complain(peer.sftp, (haw_span){(const uint8_t *)"not found\n", 10});
	haw_sftp_closed(peer.sftp, NULL);
	CHECK(haw_op_result(peer.start, &err) == HAW_ECLOSED);
	CHECK_MSG(strstr(err.message, "sftp-server: \\007not found"), "%s", err.message);
	peer_close(&peer);

	CHECK(peer_open(&peer, false));
	haw_error_set(&lost, HAW_ETIMEDOUT, HAW_FAULT_SYSTEM, 0, "the network is gone");
	haw_sftp_closed(peer.sftp, &lost);
	CHECK(haw_op_result(peer.start, &err) == HAW_ETIMEDOUT && strstr(err.message, "network is gone"));
	peer_close(&peer);
}

/* ---- Status texts ---- */

static bool says(uint32_t status, const char *text, int code, const char *message)
{
	haw_error err = {.code = 0};
	haw_op *op = haw_sftp_remove_start(peer.sftp, "p", NULL, NULL, NULL);
	int rc;

	reply_status(&peer, peer_id(peer_next(&peer)), status, text);
	peer_feed(&peer);
	rc = haw_op_result(op, &err);
	haw_op_free(op);
	if (rc == code && strcmp(err.message, message) == 0 && (rc == 0 || err.reason == status))
		return true;
	printf("    %d: %s\n", rc, err.message);
	return false;
}

static void statuses_are_told_in_words(void)
{
	CHECK(peer_open_ready(&peer));
	CHECK(says(1, "", HAW_EEND, "end of file"));
	CHECK(says(2, "", HAW_ENOTFOUND, "no such file or directory"));
	CHECK(says(2, "No such file", HAW_ENOTFOUND, "no such file or directory"));
	CHECK(says(3, "Permission denied", HAW_ESTATUS, "permission denied"));
	CHECK(says(3, "quota", HAW_ESTATUS, "permission denied (quota)"));
	CHECK(says(4, "Failure", HAW_ESTATUS, "the server reports a failure without a reason"));
	CHECK(says(4, "disk \033[2J full", HAW_ESTATUS, "disk \\033[2J full"));
	CHECK(says(8, "Operation unsupported", HAW_EUNSUPPORTED, "the server cannot do that"));
	CHECK(says(0xffffffff, "", HAW_ESTATUS, "the server answers with status 4294967295"));
	CHECK(says(11, "file exists", HAW_ESTATUS, "file exists (status 11)"));
	peer_close(&peer);
}

/* ---- A stream that cannot be sent to ---- */

static void note_lost(void *user, haw_op *op)
{
	haw_error err;

	if (haw_op_result(op, &err) == HAW_ECLOSED && strstr(err.message, "test's stream"))
		calls++;
}

static void start_two(void *user)
{
	haw_op **ops = user;

	haw_sftp_set_batch(peer.sftp, NULL, NULL);
	ops[0] = haw_sftp_stat_start(peer.sftp, "p", true, note_lost, NULL, NULL);
	ops[1] = haw_sftp_stat_start(peer.sftp, "q", true, note_lost, NULL, NULL);
	peer.broken = true;
}

static void everything_under_way_ends_with_the_stream(void)
{
	haw_op *ops[3];
	haw_error err;

	calls = 0;
	CHECK(peer_open_ready(&peer));
	ops[2] = haw_sftp_stat_start(peer.sftp, "p", true, note_lost, NULL, NULL);
	haw_sftp_set_batch(peer.sftp, start_two, ops);
	peer_feed_bytes(&peer, (haw_span){(const uint8_t *)"\0", 1}, 0);
	CHECK(calls == 3 && peer.closed && haw_sftp_pending(peer.sftp) == 0);
	CHECK(!haw_sftp_stat_start(peer.sftp, "p", true, note_lost, NULL, &err) && err.code == HAW_ECLOSED);
	for (unsigned i = 0; i < 3; i++)
		haw_op_free(ops[i]);
	peer_close(&peer);
}

static void a_start_that_cannot_be_sent_fails(void)
{
	haw_error err;
	haw_file *file;

	for (unsigned kind = 0; kind < 3; kind++) {
		static const uint8_t data[HAW_SFTP_COPY_MAX + 1];
		haw_op *op;

		CHECK(peer_open_ready(&peer));
		file = new_file();
		peer.broken = true;
		if (kind == 0)
			op = haw_sftp_stat_start(peer.sftp, "p", true, note_lost, NULL, &err);
		else
			op = haw_file_write_start(file, 0, data, kind == 1 ? 1 : sizeof(data), NULL,
						  note_lost, NULL, &err);
		CHECK(!op && err.code == HAW_ECLOSED && peer.closed);
		haw_file_free(file);
		peer_close(&peer);
	}
}

/* ---- Callbacks that free the session ---- */

static void drop_session(void)
{
	haw_sftp *sftp = peer.sftp;

	calls++;
	peer.sftp = NULL;
	haw_sftp_free(sftp);
}

static void drop_in_sink(void *user, uint64_t offset, haw_span view)
{
	drop_session();
}

static void drop_in_done(void *user, haw_op *op)
{
	drop_session();
}

static void drop_in_call(void *user)
{
	drop_session();
}

static haw_op *ops[4];
static haw_file *file;

static void expect_drop(void)
{
	for (unsigned i = 0; i < 4; i++) {
		ops[i] = haw_file_read_start(file, 0, 100, drop_in_sink, NULL, NULL, NULL);
		CHECK(ops[i]);
	}
}

/* The session must be gone, and only its file and operations be left, which are freed after it. */
static void check_dropped(void)
{
	CHECK(calls == 1 && peer.closed);
	for (unsigned i = 0; i < 4; i++) {
		if (ops[i])
			CHECK(haw_op_result(ops[i], NULL) == HAW_ECANCELED ||
			      haw_op_result(ops[i], NULL) == 0);
		haw_op_free(ops[i]);
		ops[i] = NULL;
	}
	haw_file_free(file);
	peer_close(&peer);
}

static void the_session_may_be_freed_in_a_sink(void)
{
	for (size_t step = 0; step < 20; step++) {
		calls = 0;
		CHECK(peer_open_ready(&peer));
		file = new_file();
		expect_drop();
		reply_data(&peer, peer_id(peer_next(&peer)), "data", 4);
		reply_data(&peer, peer_id(peer_next(&peer)), "data", 4);
		peer_feed_bytes(&peer, haw_message_all(&peer.reply), step);
		check_dropped();
	}
}

static void the_session_may_be_freed_in_done(void)
{
	calls = 0;
	CHECK(peer_open_ready(&peer));
	file = new_file();
	ops[0] = haw_file_stat_start(file, NULL, NULL, NULL);
	ops[1] = haw_sftp_realpath_start(peer.sftp, "p", drop_in_done, NULL, NULL);
	peer_next(&peer);
	reply_status(&peer, peer_id(peer_next(&peer)), HAW_SFTP_FAILURE, "");
	reply_status(&peer, 0x77777777, 0, "");
	peer_feed(&peer);
	CHECK(haw_op_result(ops[1], NULL) == HAW_ESTATUS);
	haw_op_free(ops[1]);
	ops[1] = NULL;
	check_dropped();
}

static void the_session_may_be_freed_when_it_fails(void)
{
	calls = 0;
	CHECK(peer_open_ready(&peer));
	file = new_file();
	ops[0] = haw_file_stat_start(file, drop_in_done, NULL, NULL);
	ops[1] = haw_file_stat_start(file, drop_in_done, NULL, NULL);
	reply_status(&peer, 0x77777777, 0, "");
	peer_feed(&peer);
	CHECK(haw_op_result(ops[0], NULL) == HAW_EPROTOCOL);
	haw_op_free(ops[0]);
	ops[0] = NULL;
	check_dropped();
}

static void the_session_may_be_freed_in_batch_and_sealed(void)
{
	static const uint8_t data[HAW_SFTP_COPY_MAX + 1];

	for (unsigned kind = 0; kind < 3; kind++) {
		calls = 0;
		CHECK(peer_open_ready(&peer));
		file = new_file();
		if (kind == 0)
			haw_sftp_set_batch(peer.sftp, drop_in_call, NULL);
		else
			ops[0] = haw_file_write_start(file, 0, data, kind == 1 ? 1 : sizeof(data),
						      drop_in_call, NULL, NULL, NULL);
		peer_feed_bytes(&peer, (haw_span){(const uint8_t *)"\0", 1}, 0);
		check_dropped();
	}
}

static void results_outlive_the_session(void)
{
	const haw_name *names;
	haw_op *op, *open;
	haw_file *opened;

	CHECK(peer_open_ready(&peer));
	op = haw_file_readdir_start(file = new_file(), NULL, NULL, NULL);
	open = haw_sftp_open_start(peer.sftp, "p", 1, NULL, NULL, NULL, NULL);
	reply_begin(&peer, HAW_FXP_NAME, peer_id(peer_next(&peer)));
	haw_put_u32(&peer.reply, 1);
	haw_put_text(&peer.reply, "name");
	haw_put_text(&peer.reply, "");
	haw_put_u32(&peer.reply, 0);
	reply_end(&peer);
	reply_handle(&peer, peer_id(peer_next(&peer)), "x");
	peer_feed(&peer);
	haw_sftp_free(peer.sftp);
	peer.sftp = NULL;
	CHECK(haw_sftp_op_names(op, &names) == 1 && haw_span_is(names[0].name, "name"));
	opened = haw_sftp_op_file(open);
	CHECK(opened && !haw_sftp_op_file(open));
	CHECK(!haw_file_stat_start(opened, NULL, NULL, NULL));
	haw_file_free(opened);
	haw_op_free(op);
	haw_op_free(open);
	haw_file_free(file);
	peer_close(&peer);
}

int main(void)
{
	RUN(a_server_that_does_not_begin_with_sftp);
	RUN(a_stream_that_ends_says_why);
	RUN(statuses_are_told_in_words);
	RUN(everything_under_way_ends_with_the_stream);
	RUN(a_start_that_cannot_be_sent_fails);
	RUN(the_session_may_be_freed_in_a_sink);
	RUN(the_session_may_be_freed_in_done);
	RUN(the_session_may_be_freed_when_it_fails);
	RUN(the_session_may_be_freed_in_batch_and_sealed);
	RUN(results_outlive_the_session);
	return harness_end();
}
