/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies: cut at every byte, in any order, malformed in every way.
 */
#include <stdarg.h>

#include "support.h"

static struct peer peer;

/* What a session made of its replies, as text. */
static char told[8192];
static size_t told_len;

static void tell(const char *format, ...) HAW_PRINTF(1, 2);
static void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	told_len += (size_t)vsnprintf(told + told_len, sizeof(told) - told_len, format, args);
	va_end(args);
}

/* One request of each kind of reply, and the ids under which they went. */
enum { OPEN, READ, END, STAT, NAMES, PATH, STATVFS, ID_NAMES, REMOVE, MKDIR, KINDS };
static struct request {
	const char *name;
	haw_op *op;
	uint32_t id;
} requests[KINDS] = {
	[OPEN] = {.name = "open"},   [READ] = {.name = "read"},    [END] = {.name = "eof"},
	[STAT] = {.name = "stat"},   [NAMES] = {.name = "names"},  [PATH] = {.name = "path"},
	[STATVFS] = {.name = "vfs"}, [ID_NAMES] = {.name = "ids"}, [REMOVE] = {.name = "remove"},
	[MKDIR] = {.name = "mkdir"},
};
static haw_file *file;

static uint64_t sink_at;

static void sink(void *user, uint64_t offset, haw_span view)
{
	/* Pieces come in order and touch each other. */
	if (offset != sink_at)
		tell("(gap %llu)", (unsigned long long)offset);
	sink_at = offset + view.len;
	tell("%.*s", (int)view.len, (const char *)view.ptr);
}

static void tell_attrs(const haw_attrs *a)
{
	tell("%u:%llu:%u:%u:%o:%u:%u", a->flags, (unsigned long long)a->size, a->uid, a->gid, a->mode,
	     a->atime, a->mtime);
}

static void done(void *user, haw_op *op)
{
	struct request *request = user;
	haw_error err = {.code = 0};
	haw_attrs attrs;
	haw_statvfs vfs;
	const haw_name *names;
	size_t count;
	int rc;
	haw_span path = haw_sftp_op_path(op);
	haw_file *opened = haw_sftp_op_file(op);

	rc = haw_op_result(op, &err);
	tell("|%s=%d,%u,", request->name, rc, err.reason);
	if (rc < 0)
		tell("%s", err.message);
	if (haw_sftp_op_attrs(op, &attrs))
		tell_attrs(&attrs);
	if (haw_sftp_op_statvfs(op, &vfs))
		tell("%llu..%llu", (unsigned long long)vfs.block_size, (unsigned long long)vfs.name_max);
	if (opened)
		tell("handle %.*s", (int)opened->handle_len, (const char *)opened->handle);
	count = haw_sftp_op_names(op, &names);
	for (size_t i = 0; i < count; i++) {
		tell("[%.*s/%.*s/", (int)names[i].name.len, (const char *)names[i].name.ptr,
		     (int)names[i].long_name.len, (const char *)names[i].long_name.ptr);
		tell_attrs(&names[i].attrs);
		tell("]");
	}
	tell("%u%.*s%.*s", haw_sftp_op_count(op), (int)path.len, (const char *)path.ptr,
	     (int)haw_sftp_op_id_name(op, true, 0).len, (const char *)haw_sftp_op_id_name(op, true, 0).ptr);
	haw_file_free(opened);
	request->op = NULL;
	haw_op_free(op);
}

static bool start_all(struct peer *p)
{
	static const uint32_t gid = 7;
	haw_sftp *s = p->sftp;
	struct request *r = requests;
	bool ok = true;

	sink_at = 1000;
	told_len = 0;
	file = haw_file_new(s, (haw_span){(const uint8_t *)"hndl", 4});
	r[OPEN].op = haw_sftp_open_start(s, "f", HAW_OPEN_READ, NULL, done, &r[OPEN], NULL);
	r[READ].op = haw_file_read_start(file, 1000, 64, sink, done, &r[READ], NULL);
	r[END].op = haw_file_read_start(file, 0, 64, sink, done, &r[END], NULL);
	r[STAT].op = haw_sftp_stat_start(s, "f", true, done, &r[STAT], NULL);
	r[NAMES].op = haw_file_readdir_start(file, done, &r[NAMES], NULL);
	r[PATH].op = haw_sftp_realpath_start(s, ".", done, &r[PATH], NULL);
	r[STATVFS].op = haw_sftp_statvfs_start(s, "/", done, &r[STATVFS], NULL);
	r[ID_NAMES].op = haw_sftp_id_names_start(s, NULL, 0, &gid, 1, done, &r[ID_NAMES], NULL);
	r[REMOVE].op = haw_sftp_remove_start(s, "f", done, &r[REMOVE], NULL);
	r[MKDIR].op = haw_sftp_mkdir_start(s, "f", 0755, done, &r[MKDIR], NULL);
	for (unsigned i = 0; i < KINDS; i++) {
		ok = ok && r[i].op;
		r[i].id = peer_id(peer_next(p));
	}
	return ok && haw_sftp_pending(s) == KINDS;
}

static void end_all(struct peer *p)
{
	for (unsigned i = 0; i < KINDS; i++) {
		haw_op_free(requests[i].op);
		requests[i].op = NULL;
	}
	haw_file_free(file);
	peer_close(p);
}

static void put_attrs(struct peer *p)
{
	haw_attrs attrs = {
		.flags = 15, .size = 1ull << 40, .uid = 1, .gid = 2, .mode = 0100644, .atime = 3, .mtime = 4};

	haw_attrs_put(&p->reply, &attrs);
}

static void put_name(struct peer *p, const char *name, size_t len)
{
	haw_put_string(&p->reply, name, len);
	haw_put_string(&p->reply, "-rw", 3);
	/* One pair of extended attributes, to be passed over. */
	haw_put_u32(&p->reply, 0x80000000u | HAW_ATTR_MODE);
	haw_put_u32(&p->reply, 0120777);
	haw_put_u32(&p->reply, 1);
	haw_put_text(&p->reply, "x@y");
	haw_put_text(&p->reply, "z");
}

static void write_names(struct peer *p, uint32_t id, uint32_t count)
{
	static const char *const names[] = {"a/b", "..", "", "\xff\n"};

	reply_begin(p, HAW_FXP_NAME, id);
	haw_put_u32(&p->reply, count);
	for (uint32_t i = 0; i < count; i++)
		put_name(p, names[i % 4], strlen(names[i % 4]));
	reply_end(p);
}

/* Answer all of them. */
static void write_all(struct peer *p)
{
	reply_handle(p, requests[OPEN].id, "h\001\377x");
	reply_data(p, requests[READ].id, "the data of one read", 20);
	reply_status(p, requests[END].id, HAW_SFTP_EOF, "End of file");
	reply_begin(p, HAW_FXP_ATTRS, requests[STAT].id);
	put_attrs(p);
	reply_end(p);
	write_names(p, requests[NAMES].id, 4);
	write_names(p, requests[PATH].id, 1);
	reply_begin(p, HAW_FXP_EXTENDED_REPLY, requests[STATVFS].id);
	for (unsigned i = 1; i <= 11; i++)
		haw_put_u64(&p->reply, i);
	reply_end(p);
	reply_begin(p, HAW_FXP_EXTENDED_REPLY, requests[ID_NAMES].id);
	haw_put_string(&p->reply, "", 0);
	haw_put_string(&p->reply, "\0\0\0\4root", 8);
	reply_end(p);
	reply_status(p, requests[REMOVE].id, HAW_SFTP_PERMISSION_DENIED, "");
	reply_status(p, requests[MKDIR].id, HAW_SFTP_FAILURE, "no \033[31m space");
}

static const char expected[] =
	"|open=0,0,handle h\001\377x0the data of one read|read=0,0,20|eof=-24,1,end of file0"
	"|stat=0,0,15:1099511627776:1:2:100644:3:40"
	"|names=0,0,[a/b/-rw/4:0:0:0:120777:0:0][../-rw/4:0:0:0:120777:0:0]"
	"[/-rw/4:0:0:0:120777:0:0][\xff\n/-rw/4:0:0:0:120777:0:0]0"
	"|path=0,0,0a/b|vfs=0,0,1..110|ids=0,0,0root|remove=-22,3,permission denied0"
	"|mkdir=-22,4,no \\033[31m space0";

static void replies_reach_their_requests_however_they_are_cut(void)
{
	for (size_t step = 0; step < 40; step++) {
		CHECK(peer_open_ready(&peer) && start_all(&peer));
		write_all(&peer);
		peer_feed_bytes(&peer, haw_message_all(&peer.reply), step);
		CHECK_MSG(strcmp(told, expected) == 0, "in views of %zu: %s", step, told);
		/* Left is the CLOSE of what was opened. */
		CHECK(haw_sftp_pending(peer.sftp) == 1 && haw_sftp_pending_bytes(peer.sftp) == 0);
		end_all(&peer);
	}
}

static void two_views_meet_at_every_byte(void)
{
	size_t len = 2;

	for (size_t cut = 1; cut < len; cut++) {
		haw_span all;

		CHECK(peer_open_ready(&peer));
		CHECK(start_all(&peer));
		write_all(&peer);
		all = haw_message_all(&peer.reply);
		len = all.len;
		peer_feed_bytes(&peer, (haw_span){all.ptr, cut}, 0);
		peer_feed_bytes(&peer, (haw_span){all.ptr + cut, len - cut}, 0);
		CHECK_MSG(strcmp(told, expected) == 0, "cut at %zu: %s", cut, told);
		end_all(&peer);
	}
}

/* ---- Order ---- */

enum { MANY = 3000 };
static unsigned answered[MANY], answers;

static void note_answer(void *user, haw_op *op)
{
	haw_attrs attrs;

	if (haw_sftp_op_attrs(op, &attrs))
		answered[attrs.size] = ++answers;
	haw_op_free(op);
}

static void answers_come_in_any_order(void)
{
	static uint32_t id[MANY];

	answers = 0;
	CHECK(peer_open_ready(&peer));
	for (unsigned i = 0; i < MANY; i++) {
		CHECK(haw_sftp_stat_start(peer.sftp, "f", true, note_answer, NULL, NULL));
		id[i] = peer_id(peer_next(&peer));
	}
	for (unsigned i = 0; i < MANY; i++) {
		/* 1009 has no divisor in common with MANY, so each comes once. */
		unsigned which = i * 1009 % MANY;
		haw_attrs attrs = {.flags = HAW_ATTR_SIZE, .size = which};

		reply_begin(&peer, HAW_FXP_ATTRS, id[which]);
		haw_attrs_put(&peer.reply, &attrs);
		reply_end(&peer);
	}
	peer_feed(&peer);
	CHECK(answers == MANY);
	for (unsigned i = 0; i < MANY; i++)
		CHECK(answered[i * 1009 % MANY] == i + 1);
	peer_close(&peer);
}

/* ---- Malformed ---- */

/* Feed what FN writes to a session with all requests under way; it has to end with CODE. */
static bool ends_with(void (*fn)(struct peer *p), int code, const char *words)
{
	haw_error err = {.code = 0};
	bool ok;

	if (!peer_open_ready(&peer) || !start_all(&peer))
		return false;
	fn(&peer);
	peer_feed(&peer);
	ok = peer.closed && haw_sftp_pending(peer.sftp) == 0;
	ok = ok && !haw_sftp_stat_start(peer.sftp, "f", true, NULL, NULL, &err) && err.code == code;
	ok = ok && err.fault == HAW_FAULT_PEER && strstr(err.message, words);
	if (!ok)
		printf("    code %d: %s (%s)\n", err.code, err.message, told);
	end_all(&peer);
	return ok;
}

static void wrong_id(struct peer *p)
{
	reply_status(p, 0x12345678, 0, "");
}

static void twice(struct peer *p)
{
	reply_status(p, requests[REMOVE].id, 0, "");
	reply_status(p, requests[REMOVE].id, 0, "");
}

static void wrong_type(struct peer *p)
{
	reply_handle(p, requests[STAT].id, "h");
}

static void success_without_result(struct peer *p)
{
	reply_status(p, requests[OPEN].id, 0, "");
}

static void unknown_type(struct peer *p)
{
	reply_begin(p, 99, requests[OPEN].id);
	reply_end(p);
}

static void second_version(struct peer *p)
{
	reply_version(p, false);
}

static void data_for_no_read(struct peer *p)
{
	reply_data(p, requests[OPEN].id, "x", 1);
}

static void data_too_long(struct peer *p)
{
	char data[65] = "";

	reply_data(p, requests[READ].id, data, sizeof(data));
}

static void data_with_tail(struct peer *p)
{
	reply_begin(p, HAW_FXP_DATA, requests[READ].id);
	haw_put_text(&p->reply, "data");
	haw_put_byte(&p->reply, 0);
	reply_end(p);
}

static void empty_handle(struct peer *p)
{
	reply_handle(p, requests[OPEN].id, "");
}

static void long_handle(struct peer *p)
{
	char handle[HAW_SFTP_HANDLE_MAX + 2];

	memset(handle, 'h', sizeof(handle) - 1);
	handle[sizeof(handle) - 1] = '\0';
	reply_handle(p, requests[OPEN].id, handle);
}

static void handle_with_tail(struct peer *p)
{
	reply_begin(p, HAW_FXP_HANDLE, requests[OPEN].id);
	haw_put_text(&p->reply, "handle");
	haw_put_byte(&p->reply, 0);
	reply_end(p);
}

static void too_many_names(struct peer *p)
{
	reply_begin(p, HAW_FXP_NAME, requests[NAMES].id);
	haw_put_u32(&p->reply, 0xffffffff);
	reply_end(p);
}

static void no_path(struct peer *p)
{
	write_names(p, requests[PATH].id, 0);
}

static void two_paths(struct peer *p)
{
	write_names(p, requests[PATH].id, 2);
}

static void long_packet(struct peer *p)
{
	haw_put_u32(&p->reply, HAW_SFTP_REPLY_MAX + 1);
	haw_put_byte(&p->reply, HAW_FXP_NAME);
}

static void huge_packet(struct peer *p)
{
	haw_put_u32(&p->reply, 0xffffffff);
	haw_put_byte(&p->reply, HAW_FXP_DATA);
}

static void no_packet(struct peer *p)
{
	haw_put_u32(&p->reply, 0);
	haw_put_byte(&p->reply, HAW_FXP_DATA);
}

static void bad_extended_attrs(struct peer *p)
{
	reply_begin(p, HAW_FXP_ATTRS, requests[STAT].id);
	haw_put_u32(&p->reply, 0x80000000u);
	haw_put_u32(&p->reply, 0xffffffff);
	reply_end(p);
}

static void bad_id_names(struct peer *p)
{
	reply_begin(p, HAW_FXP_EXTENDED_REPLY, requests[ID_NAMES].id);
	haw_put_string(&p->reply, "", 0);
	haw_put_string(&p->reply, "\0\0\0\5root", 8);
	reply_end(p);
}

static void malformed_replies_end_the_session(void)
{
	static const struct {
		void (*fn)(struct peer *p);
		const char *words;
	} cases[] = {
		{wrong_id, "not under way"},
		{twice, "not under way"},
		{wrong_type, "does not fit"},
		{success_without_result, "result is needed"},
		{unknown_type, "a server does not send"},
		{second_version, "twice"},
		{data_for_no_read, "has none"},
		{data_too_long, "more data"},
		{data_with_tail, "contradicts"},
		{empty_handle, "handle"},
		{long_handle, "handle"},
		{handle_with_tail, "behind its end"},
		{too_many_names, "list of names"},
		{no_path, "path"},
		{two_paths, "path"},
		{long_packet, "impossible length"},
		{huge_packet, "impossible length"},
		{no_packet, "impossible length"},
		{bad_extended_attrs, "attributes"},
		{bad_id_names, "users and groups"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_MSG(ends_with(cases[i].fn, HAW_EPROTOCOL, cases[i].words), "case %zu", i);
}

/* Every byte of the replies replaced by others: whatever is made of it, nothing is left over, and nothing
 * outside the views and memory of the session is touched (sanitizers watch). */
static void any_byte_may_be_wrong(void)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x7f};
	size_t len = 1;
	unsigned ended = 0;

	for (size_t at = 0; at < len; at++) {
		for (size_t mask = 0; mask < sizeof(masks); mask++) {
			haw_span all;

			CHECK(peer_open_ready(&peer));
			CHECK(start_all(&peer));
			write_all(&peer);
			all = haw_message_all(&peer.reply);
			len = all.len;
			peer.reply.data[at] ^= masks[mask];
			peer_feed_bytes(&peer, all, at % 3 ? 7 : 0);
			ended += peer.closed;
			CHECK(!peer.closed || haw_sftp_pending(peer.sftp) == 0);
			end_all(&peer);
		}
	}
	CHECK_MSG(ended > len, "%u of %zu", ended, 4 * len);
}

int main(void)
{
	RUN(replies_reach_their_requests_however_they_are_cut);
	RUN(two_views_meet_at_every_byte);
	RUN(answers_come_in_any_order);
	RUN(malformed_replies_end_the_session);
	RUN(any_byte_may_be_wrong);
	return harness_end();
}
