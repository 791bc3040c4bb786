/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: their bytes, when and how they leave, and what cancelling and freeing do.
 */
#include "support.h"

static struct peer peer;

/* True if the next request that was sent has TYPE and, behind its id, FIELDS. */
static bool sent(uint8_t type, const char *fields, size_t len)
{
	haw_span r = peer_next(&peer);

	if (peer_type(r) == type && r.len == 5 + len && memcmp(r.ptr + 5, fields, len) == 0)
		return true;
	printf("    type %u, %zu bytes instead of type %u, %zu bytes\n", peer_type(r), r.len, type, 5 + len);
	return false;
}

#define SENT(type, fields) CHECK(sent(type, fields, sizeof(fields) - 1))

static void the_session_starts_with_its_version(void)
{
	CHECK(peer_open(&peer, false));
	CHECK(peer.sent_len == 9 && memcmp(peer.sent, "\0\0\0\5\1\0\0\0\3", 9) == 0);
	CHECK(haw_op_result(peer.start, NULL) == HAW_EAGAIN && haw_sftp_extensions(peer.sftp) == 0);
	peer_close(&peer);
}

static haw_file *file, *other;

static bool open_with_files(void)
{
	if (!peer_open_ready(&peer))
		return false;
	file = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
	other = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"o", 1});
	return file && other;
}

#define START(call)                \
	do {                       \
		haw_op *op = call; \
		CHECK(op);         \
		haw_op_free(op);   \
	} while (0)

static void fields_of_requests_on_files(void)
{
	CHECK(open_with_files());
	START(haw_file_read_start(file, 0x1122334455667788, 16, NULL, NULL, NULL, NULL));
	SENT(5, "\0\0\0\1h\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\20");
	START(haw_file_write_start(file, 5, "data", 4, NULL, NULL, NULL, NULL));
	SENT(6, "\0\0\0\1h\0\0\0\0\0\0\0\5\0\0\0\4data");
	START(haw_file_stat_start(file, NULL, NULL, NULL));
	SENT(8, "\0\0\0\1h");
	START(haw_file_setstat_start(file, NULL, NULL, NULL, NULL));
	SENT(10, "\0\0\0\1h\0\0\0\0");
	START(haw_file_readdir_start(file, NULL, NULL, NULL));
	SENT(12, "\0\0\0\1h");
	START(haw_file_close_start(other, NULL, NULL, NULL));
	SENT(4, "\0\0\0\1o");
	haw_file_free(file);
	SENT(4, "\0\0\0\1h");
	CHECK(peer_next(&peer).len == 0);
	peer_close(&peer);
}

static void fields_of_requests_on_paths(void)
{
	static const haw_attrs attrs = {
		.flags = 15, .size = 1, .uid = 2, .gid = 3, .mode = 4, .atime = 5, .mtime = 6};
	haw_sftp *s;

	CHECK(open_with_files());
	s = peer.sftp;
	START(haw_sftp_open_start(s, "p", 0x1a, NULL, NULL, NULL, NULL));
	SENT(3, "\0\0\0\1p\0\0\0\x1a\0\0\0\0");
	START(haw_sftp_open_start(s, "p", 1, &attrs, NULL, NULL, NULL));
	SENT(3, "\0\0\0\1p\0\0\0\1\0\0\0\17\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6");
	START(haw_sftp_stat_start(s, "p", true, NULL, NULL, NULL));
	SENT(17, "\0\0\0\1p");
	START(haw_sftp_stat_start(s, "p", false, NULL, NULL, NULL));
	SENT(7, "\0\0\0\1p");
	START(haw_sftp_setstat_start(s, "p", true, NULL, NULL, NULL, NULL));
	SENT(9, "\0\0\0\1p\0\0\0\0");
	START(haw_sftp_opendir_start(s, "p", NULL, NULL, NULL));
	SENT(11, "\0\0\0\1p");
	START(haw_sftp_remove_start(s, "p", NULL, NULL, NULL));
	SENT(13, "\0\0\0\1p");
	START(haw_sftp_mkdir_start(s, "p", 0700, NULL, NULL, NULL));
	SENT(14, "\0\0\0\1p\0\0\0\4\0\0\1\xc0");
	START(haw_sftp_rmdir_start(s, "p", NULL, NULL, NULL));
	SENT(15, "\0\0\0\1p");
	START(haw_sftp_realpath_start(s, "p", NULL, NULL, NULL));
	SENT(16, "\0\0\0\1p");
	START(haw_sftp_rename_start(s, "p", "q", false, NULL, NULL, NULL));
	SENT(18, "\0\0\0\1p\0\0\0\1q");
	START(haw_sftp_readlink_start(s, "p", NULL, NULL, NULL));
	SENT(19, "\0\0\0\1p");
	START(haw_sftp_symlink_start(s, "target", "link", NULL, NULL, NULL));
	SENT(20, "\0\0\0\6target\0\0\0\4link");
	haw_file_free(file);
	haw_file_free(other);
	peer_close(&peer);
}

static void fields_of_extensions(void)
{
	haw_sftp *s;

	CHECK(open_with_files());
	s = peer.sftp;
	START(haw_sftp_setstat_start(s, "p", false, NULL, NULL, NULL, NULL));
	SENT(200, "\0\0\0\24lsetstat@openssh.com\0\0\0\1p\0\0\0\0");
	START(haw_sftp_rename_start(s, "p", "q", true, NULL, NULL, NULL));
	SENT(200, "\0\0\0\30posix-rename@openssh.com\0\0\0\1p\0\0\0\1q");
	START(haw_sftp_hardlink_start(s, "old", "new", NULL, NULL, NULL));
	SENT(200, "\0\0\0\24hardlink@openssh.com\0\0\0\3old\0\0\0\3new");
	START(haw_sftp_expand_path_start(s, "~", NULL, NULL, NULL));
	SENT(200, "\0\0\0\27expand-path@openssh.com\0\0\0\1~");
	START(haw_sftp_home_start(s, "u", NULL, NULL, NULL));
	SENT(200, "\0\0\0\16home-directory\0\0\0\1u");
	START(haw_sftp_statvfs_start(s, "p", NULL, NULL, NULL));
	SENT(200, "\0\0\0\23statvfs@openssh.com\0\0\0\1p");
	START(haw_file_statvfs_start(file, NULL, NULL, NULL));
	SENT(200, "\0\0\0\24fstatvfs@openssh.com\0\0\0\1h");
	START(haw_file_fsync_start(file, NULL, NULL, NULL));
	SENT(200, "\0\0\0\21fsync@openssh.com\0\0\0\1h");
	START(haw_sftp_check_file_start(s, "p", "sha256", 1, 2, NULL, NULL, NULL));
	SENT(200, "\0\0\0\17check-file-name\0\0\0\1p\0\0\0\6sha256\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2"
		  "\0\0\0\0");
	START(haw_file_check_start(file, "md5", 1, 2, NULL, NULL, NULL));
	SENT(200, "\0\0\0\21check-file-handle\0\0\0\1h\0\0\0\3md5\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0");
	START(haw_file_copy_start(file, 1, 2, other, 3, NULL, NULL, NULL));
	SENT(200, "\0\0\0\11copy-data\0\0\0\1h\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\1o\0\0\0\0\0\0\0\3");
	START(haw_sftp_id_names_start(s, (const uint32_t[]){1, 2}, 2, (const uint32_t[]){3}, 1, NULL, NULL,
				      NULL));
	SENT(200, "\0\0\0\36users-groups-by-id@openssh.com\0\0\0\10\0\0\0\1\0\0\0\2\0\0\0\4\0\0\0\3");
	haw_file_free(file);
	haw_file_free(other);
	peer_close(&peer);
}

/* ---- When they leave ---- */

static void requests_wait_for_the_version(void)
{
	haw_op *op;

	CHECK(peer_open(&peer, false));
	peer_next(&peer);
	op = haw_sftp_stat_start(peer.sftp, "p", true, NULL, NULL, NULL);
	haw_sftp_opened(peer.sftp);
	CHECK(op && peer_next(&peer).len == 0);
	reply_version(&peer, false);
	peer_feed(&peer);
	SENT(17, "\0\0\0\1p");
	CHECK(peer_next(&peer).len == 0 && haw_op_result(peer.start, NULL) == 0);
	haw_op_free(op);
	peer_close(&peer);
}

static void requests_follow_at_once_where_that_is_accepted(void)
{
	haw_op *op, *unknown;
	haw_span request;
	haw_error err;
	char path[20000];
	haw_sftp_limits limits;

	CHECK(peer_open(&peer, true));
	peer_next(&peer);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	/* More than one buffer of them, in order. */
	op = haw_sftp_stat_start(peer.sftp, "p", true, NULL, NULL, NULL);
	for (unsigned i = 0; i < 5; i++)
		haw_op_free(haw_sftp_remove_start(peer.sftp, path, NULL, NULL, NULL));
	unknown = haw_sftp_rename_start(peer.sftp, "p", "q", true, NULL, NULL, NULL);
	CHECK(op && unknown && peer.sent_len == 9);
	haw_sftp_opened(peer.sftp);
	SENT(17, "\0\0\0\1p");
	for (unsigned i = 0; i < 5; i++)
		CHECK(peer_type(peer_next(&peer)) == HAW_FXP_REMOVE);
	request = peer_next(&peer);
	reply_version(&peer, false);
	reply_status(&peer, peer_id(request), HAW_SFTP_OP_UNSUPPORTED, "Operation unsupported");
	request = peer_next(&peer);
	CHECK(haw_span_is((haw_span){request.ptr + 9, 18}, "limits@openssh.com"));
	reply_status(&peer, peer_id(request), HAW_SFTP_OP_UNSUPPORTED, "Operation unsupported");
	peer_feed(&peer);
	CHECK(haw_op_result(peer.start, NULL) == 0);
	CHECK(haw_op_result(unknown, &err) == HAW_EUNSUPPORTED && err.reason == HAW_SFTP_OP_UNSUPPORTED);
	haw_sftp_get_limits(peer.sftp, &limits);
	CHECK(limits.read == 32768 && limits.write == 32768 && limits.packet == 34000 && limits.handles == 0);
	/* Now the answer is known without asking. */
	CHECK(!haw_sftp_rename_start(peer.sftp, "p", "q", true, NULL, NULL, &err));
	CHECK(err.code == HAW_EUNSUPPORTED && peer_next(&peer).len == 0);
	haw_op_free(op);
	haw_op_free(unknown);
	peer_close(&peer);
}

static void start_stats(void *user)
{
	for (unsigned i = 0; i < 1000; i++)
		haw_op_free(haw_sftp_stat_start(peer.sftp, "some/path/of/a/file", true, NULL, NULL, NULL));
}

static void what_a_batch_starts_leaves_together(void)
{
	unsigned before;

	CHECK(peer_open_ready(&peer));
	before = peer.sends;
	haw_sftp_set_batch(peer.sftp, start_stats, NULL);
	reply_status(&peer, 0, 0, "");
	/* The first half of a reply is a batch as well. */
	peer_feed_bytes(&peer, (haw_span){(const uint8_t *)"\0", 1}, 0);
	CHECK(haw_sftp_pending(peer.sftp) == 1000);
	for (unsigned i = 0; i < 1000; i++)
		SENT(17, "\0\0\0\23some/path/of/a/file");
	CHECK_MSG(peer.sends - before <= 2, "%u sends", peer.sends - before);
	peer_close(&peer);
}

/* ---- Writes ---- */

static unsigned sealed_count, done_count;

static void note_sealed(void *user)
{
	sealed_count++;
}

static void note_done(void *user, haw_op *op)
{
	done_count++;
}

static uint8_t data[65536];
static haw_op *ops[3];

static void start_write_between(void *user)
{
	haw_sftp *s = peer.sftp;

	haw_sftp_set_batch(s, NULL, NULL);
	ops[0] = haw_sftp_stat_start(s, "a", true, NULL, NULL, NULL);
	ops[1] = haw_file_write_start(file, 7, data, sizeof(data), note_sealed, note_done, NULL, NULL);
	ops[2] = haw_sftp_stat_start(s, "b", true, NULL, NULL, NULL);
}

static void a_large_write_is_not_copied_and_keeps_its_place(void)
{
	haw_span w;

	sealed_count = done_count = 0;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	CHECK(peer_open_ready(&peer));
	peer.hold = true;
	file = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
	haw_sftp_set_batch(peer.sftp, start_write_between, NULL);
	peer_feed_bytes(&peer, (haw_span){(const uint8_t *)"\0", 1}, 0);
	CHECK(ops[0] && ops[1] && ops[2] && peer.held_count == 1 && sealed_count == 0);
	SENT(17, "\0\0\0\1a");
	w = peer_next(&peer);
	CHECK(peer_type(w) == 6 && w.len == 5 + 5 + 12 + sizeof(data));
	CHECK(memcmp(w.ptr + 10, "\0\0\0\0\0\0\0\7\0\1\0\0", 12) == 0);
	CHECK(memcmp(w.ptr + 22, data, sizeof(data)) == 0);
	SENT(17, "\0\0\0\1b");
	/* The reply overtakes the release: DONE waits, for it gives the data back. */
	reply_status(&peer, peer_id(w), HAW_SFTP_PERMISSION_DENIED, "");
	peer_feed_bytes(&peer, (haw_span){haw_message_all(&peer.reply).ptr + 1, peer.reply.len - 1}, 0);
	CHECK(done_count == 0 && sealed_count == 0 && haw_sftp_pending_bytes(peer.sftp) == 0);
	peer_release(&peer);
	CHECK(haw_loop_run(peer.loop, 0, NULL) >= 0);
	CHECK(done_count == 1 && sealed_count == 1 && haw_op_result(ops[1], NULL) == HAW_ESTATUS);
	for (unsigned i = 0; i < 3; i++)
		haw_op_free(ops[i]);
	haw_file_free(file);
	peer_close(&peer);
}

static void a_small_write_is_sealed_once_and_before_done(void)
{
	haw_error err;
	haw_op *op;

	sealed_count = done_count = 0;
	CHECK(peer_open_ready(&peer));
	file = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
	op = haw_file_write_start(file, 0, "small", 5, note_sealed, note_done, NULL, NULL);
	CHECK(op && sealed_count == 0 && haw_sftp_pending_bytes(peer.sftp) == 5);
	reply_status(&peer, peer_id(peer_next(&peer)), 0, "");
	peer_feed(&peer);
	CHECK(sealed_count == 1 && done_count == 1 && haw_op_result(op, NULL) == 0);
	haw_op_free(op);
	/* Freed before the answer: the data still come back, once. */
	haw_op_free(haw_file_write_start(file, 0, "small", 5, note_sealed, note_done, NULL, NULL));
	haw_op_free(haw_file_write_start(file, 0, data, sizeof(data), note_sealed, note_done, NULL, NULL));
	peer_feed_bytes(&peer, (haw_span){(const uint8_t *)"\0", 1}, 0);
	CHECK(sealed_count == 3 && done_count == 1);
	CHECK(!haw_file_write_start(file, 0, data, 261121, NULL, NULL, NULL, &err) && err.code == HAW_EINVAL);
	haw_file_free(file);
	peer_close(&peer);
	CHECK(sealed_count == 3 && done_count == 1);
}

/* ---- Cancelling ---- */

static unsigned sunk;

static void count_sink(void *user, uint64_t offset, haw_span view)
{
	sunk += (unsigned)view.len;
}

static void cancelled_requests_are_forgotten(void)
{
	haw_op *read, *open;
	uint32_t read_id, open_id, next_id;

	sunk = done_count = 0;
	CHECK(peer_open_ready(&peer));
	file = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
	read = haw_file_read_start(file, 0, 100, count_sink, note_done, NULL, NULL);
	open = haw_sftp_open_start(peer.sftp, "p", 1, NULL, note_done, NULL, NULL);
	read_id = peer_id(peer_next(&peer));
	open_id = peer_id(peer_next(&peer));
	haw_op_cancel(read);
	haw_op_free(open);
	CHECK(haw_op_result(read, NULL) == HAW_ECANCELED);
	/* Their ids stay taken. */
	haw_op_free(haw_sftp_stat_start(peer.sftp, "p", true, NULL, NULL, NULL));
	next_id = peer_id(peer_next(&peer));
	CHECK(next_id != read_id && next_id != open_id && haw_sftp_pending(peer.sftp) == 3);
	reply_data(&peer, read_id, "data", 4);
	reply_handle(&peer, open_id, "late");
	peer_feed(&peer);
	CHECK(sunk == 0 && done_count == 0 && !peer.closed);
	/* A file that nobody can close any more is closed. */
	SENT(4, "\0\0\0\4late");
	haw_op_free(read);
	haw_file_free(file);
	peer_close(&peer);
}

/* ---- Limits ---- */

static void what_cannot_be_sent_is_refused(void)
{
	static char path[HAW_SFTP_OUT + 1];
	haw_error err;
	unsigned i;

	CHECK(peer_open_ready(&peer));
	memset(path, 'x', sizeof(path) - 1);
	CHECK(!haw_sftp_stat_start(peer.sftp, path, true, NULL, NULL, &err) && err.code == HAW_ELIMIT);
	path[HAW_SFTP_OUT - 13] = '\0';
	haw_op_free(haw_sftp_stat_start(peer.sftp, path, true, NULL, NULL, &err));
	CHECK(peer_next(&peer).len == HAW_SFTP_OUT - 4);
	file = haw_file_new(peer.sftp, (haw_span){(const uint8_t *)"h", 1});
	CHECK(!haw_file_read_start(file, 0, 0, NULL, NULL, NULL, &err) && err.code == HAW_EINVAL);
	/* Beyond the limit a READ is cut to it. */
	haw_op_free(haw_file_read_start(file, 0, 0xffffffff, NULL, NULL, NULL, NULL));
	SENT(5, "\0\0\0\1h\0\0\0\0\0\0\0\0\0\3\xfc\0");
	for (i = 2; i < HAW_SFTP_SLOTS_MAX; i++) {
		haw_op *op = haw_file_stat_start(file, NULL, NULL, &err);

		peer.sent_len = peer.sent_read = 0;
		CHECK(op);
		haw_op_free(op);
	}
	CHECK(!haw_file_stat_start(file, NULL, NULL, &err) && err.code == HAW_ELIMIT && !peer.closed);
	haw_file_free(file);
	peer_close(&peer);
}

static void limits(uint64_t packet, uint64_t read, uint64_t write)
{
	peer_open(&peer, false);
	reply_version(&peer, true);
	peer_feed(&peer);
	peer_next(&peer);
	reply_begin(&peer, HAW_FXP_EXTENDED_REPLY, peer_id(peer_next(&peer)));
	haw_put_u64(&peer.reply, packet);
	haw_put_u64(&peer.reply, read);
	haw_put_u64(&peer.reply, write);
	haw_put_u64(&peer.reply, 0);
	reply_end(&peer);
	peer_feed(&peer);
}

static void limits_of_the_server_are_kept_within_ours(void)
{
	static const struct {
		uint64_t packet, read, write, read_limit, write_limit;
	} cases[] = {
		{262144, 261120, 261120, 261120, 261120},
		{0, 0, 0, 261120, 262144},
		{UINT64_MAX, UINT64_MAX, UINT64_MAX, 261120, 262144},
		{34000, 32768, 32768, 32768, 32768},
		{1, 1, 1, 1, 1},
		{100000, 0, 0, 261120, 98976},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		haw_sftp_limits l;

		limits(cases[i].packet, cases[i].read, cases[i].write);
		CHECK(haw_op_result(peer.start, NULL) == 0);
		haw_sftp_get_limits(peer.sftp, &l);
		CHECK_MSG(l.read == cases[i].read_limit && l.write == cases[i].write_limit, "%zu: %llu %llu",
			  i, (unsigned long long)l.read, (unsigned long long)l.write);
		peer_close(&peer);
	}
}

int main(void)
{
	RUN(the_session_starts_with_its_version);
	RUN(fields_of_requests_on_files);
	RUN(fields_of_requests_on_paths);
	RUN(fields_of_extensions);
	RUN(requests_wait_for_the_version);
	RUN(requests_follow_at_once_where_that_is_accepted);
	RUN(what_a_batch_starts_leaves_together);
	RUN(a_large_write_is_not_copied_and_keeps_its_place);
	RUN(a_small_write_is_sealed_once_and_before_done);
	RUN(cancelled_requests_are_forgotten);
	RUN(what_cannot_be_sent_is_refused);
	RUN(limits_of_the_server_are_kept_within_ours);
	return harness_end();
}
