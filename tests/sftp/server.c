/* SPDX-License-Identifier: Apache-2.0
 *
 * Every request against OpenSSH's sftp-server.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipe.h"

static struct pipe_session s;
static haw_error err;

/* A local look at DIR/NAME. */
static struct stat look(const char *name)
{
	struct stat st = {0};

	lstat(pipe_path(&s, name), &st);
	return st;
}

static int wait_op(haw_op *op)
{
	return op ? haw_op_wait(op, 10000, &err) : err.code;
}

static int finish(haw_op *op)
{
	int rc = wait_op(op);

	haw_op_free(op);
	return rc;
}

static bool make(const char *name, const char *text)
{
	FILE *f = fopen(pipe_path(&s, name), "w");

	return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

/* What DIR/NAME holds. */
static const char *content(const char *name)
{
	static char text[256];
	FILE *f = fopen(pipe_path(&s, name), "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void the_session_knows_the_server(void)
{
	haw_sftp_limits limits;

	CHECK(haw_sftp_extensions(s.sftp) == 2047);
	haw_sftp_get_limits(s.sftp, &limits);
	CHECK(limits.packet == 262144 && limits.read == 261120 && limits.write == 261120 &&
	      limits.handles > 0);
}

static void files_are_written_and_read(void)
{
	const haw_attrs mode = {.flags = HAW_ATTR_MODE, .mode = 0640};
	haw_attrs attrs;
	haw_file *file;
	char text[32];

	file = haw_sftp_open(s.sftp, pipe_path(&s, "f"), HAW_OPEN_WRITE | HAW_OPEN_READ | HAW_OPEN_CREATE,
			     &mode, &err);
	CHECK_MSG(file, "%s", err.message);
	CHECK(haw_file_write(file, 0, "hello, world", 12, &err) == 0);
	CHECK(haw_file_write(file, 7, "there", 5, &err) == 0);
	CHECK(haw_file_fsync(file, &err) == 0);
	CHECK(haw_file_read(file, 0, text, sizeof(text), &err) == 12 &&
	      memcmp(text, "hello, there", 12) == 0);
	CHECK(haw_file_read(file, 7, text, 2, &err) == 2 && memcmp(text, "th", 2) == 0);
	CHECK(haw_file_read(file, 12, text, 2, &err) == 0);
	CHECK(haw_file_stat(file, &attrs, &err) == 0 && attrs.flags == 15 && attrs.size == 12);
	CHECK(attrs.mode == (S_IFREG | 0640) && attrs.uid == getuid());
	attrs = (haw_attrs){.flags = HAW_ATTR_TIMES | HAW_ATTR_SIZE, .size = 5, .atime = 1000, .mtime = 2000};
	CHECK(haw_file_setstat(file, &attrs, &err) == 0);
	CHECK(look("f").st_size == 5 && look("f").st_mtime == 2000 && look("f").st_atime == 1000);
	CHECK(haw_file_close(file, &err) == 0);
	CHECK(strcmp(content("f"), "hello") == 0);
	/* Exclusive creation of what is there. */
	file = haw_sftp_open(s.sftp, pipe_path(&s, "f"),
			     HAW_OPEN_WRITE | HAW_OPEN_CREATE | HAW_OPEN_EXCLUSIVE, NULL, &err);
	CHECK(!file && err.code == HAW_ESTATUS && err.reason == HAW_SFTP_FAILURE);
	file = haw_sftp_open(s.sftp, pipe_path(&s, "absent"), HAW_OPEN_READ, NULL, &err);
	CHECK(!file && err.code == HAW_ENOTFOUND && err.reason == HAW_SFTP_NO_SUCH_FILE);
	CHECK(strcmp(err.message, "no such file or directory") == 0);
	file = haw_sftp_open(s.sftp, pipe_path(&s, "f"), HAW_OPEN_WRITE | HAW_OPEN_TRUNCATE, NULL, &err);
	CHECK(file && look("f").st_size == 0);
	haw_file_free(file);
}

static void attributes_are_read_and_set(void)
{
	haw_attrs attrs = {.flags = HAW_ATTR_MODE, .mode = 0600};

	CHECK(make("target", "text") && symlink("target", pipe_path(&s, "link")) == 0);
	CHECK(haw_sftp_setstat(s.sftp, pipe_path(&s, "link"), true, &attrs, &err) == 0);
	CHECK((look("target").st_mode & 07777) == 0600);
	CHECK(haw_sftp_stat(s.sftp, pipe_path(&s, "link"), true, &attrs, &err) == 0 && S_ISREG(attrs.mode));
	CHECK(haw_sftp_stat(s.sftp, pipe_path(&s, "link"), false, &attrs, &err) == 0 && S_ISLNK(attrs.mode));
	attrs = (haw_attrs){.flags = HAW_ATTR_TIMES, .atime = 11, .mtime = 12};
	CHECK(haw_sftp_setstat(s.sftp, pipe_path(&s, "link"), false, &attrs, &err) == 0);
	CHECK(look("link").st_mtime == 12 && look("target").st_mtime != 12);
	CHECK(haw_sftp_stat(s.sftp, pipe_path(&s, "absent"), true, &attrs, &err) == HAW_ENOTFOUND);
	CHECK(haw_sftp_stat(s.sftp, pipe_path(&s, "target/x"), true, &attrs, NULL) < 0);
}

static void names_are_made_moved_and_removed(void)
{
	haw_op *op;

	CHECK(haw_sftp_mkdir(s.sftp, pipe_path(&s, "dir"), 0750, &err) == 0);
	CHECK(S_ISDIR(look("dir").st_mode) && (look("dir").st_mode & 07777) == 0750);
	CHECK(haw_sftp_mkdir(s.sftp, pipe_path(&s, "dir"), 0750, &err) == HAW_ESTATUS);
	CHECK(make("a", "a") && make("b", "b"));
	/* Without OVERWRITE what stands stays. */
	CHECK(haw_sftp_rename(s.sftp, pipe_path(&s, "a"), pipe_path(&s, "b"), false, &err) == HAW_ESTATUS);
	CHECK(strcmp(content("b"), "b") == 0);
	CHECK(haw_sftp_rename(s.sftp, pipe_path(&s, "a"), pipe_path(&s, "b"), true, &err) == 0);
	CHECK(strcmp(content("b"), "a") == 0 && look("a").st_mode == 0);
	CHECK(haw_sftp_rename(s.sftp, pipe_path(&s, "b"), pipe_path(&s, "dir/c"), false, &err) == 0);
	CHECK(haw_sftp_rmdir(s.sftp, pipe_path(&s, "dir"), &err) == HAW_ESTATUS);
	op = haw_sftp_hardlink_start(s.sftp, pipe_path(&s, "dir/c"), pipe_path(&s, "hard"), NULL, NULL, &err);
	CHECK(finish(op) == 0 && look("hard").st_nlink == 2 && look("hard").st_ino == look("dir/c").st_ino);
	CHECK(haw_sftp_remove(s.sftp, pipe_path(&s, "dir/c"), &err) == 0);
	CHECK(haw_sftp_rmdir(s.sftp, pipe_path(&s, "dir"), &err) == 0 && look("dir").st_mode == 0);
	CHECK(haw_sftp_remove(s.sftp, pipe_path(&s, "dir"), &err) == HAW_ENOTFOUND);
}

static void links_hold_what_they_were_given(void)
{
	char *path, expected[600];

	CHECK(haw_sftp_symlink(s.sftp, "../some where/\xff", pipe_path(&s, "sym"), &err) == 0);
	path = haw_sftp_readlink(s.sftp, pipe_path(&s, "sym"), &err);
	CHECK(path && strcmp(path, "../some where/\xff") == 0);
	free(path);
	snprintf(expected, sizeof(expected), "%s/f", s.dir);
	path = haw_sftp_realpath(s.sftp, pipe_path(&s, "./absent/../f"), &err);
	CHECK(!path || strcmp(path, expected) == 0);
	free(path);
	path = haw_sftp_realpath(s.sftp, pipe_path(&s, "."), &err);
	CHECK(path && strcmp(path, s.dir) == 0);
	free(path);
	CHECK(!haw_sftp_readlink(s.sftp, pipe_path(&s, "absent"), &err) && err.code == HAW_ENOTFOUND);
}

/* ---- Extensions that only have the started form ---- */

static void paths_are_expanded(void)
{
	const char *home = getenv("HOME");
	haw_op *op = haw_sftp_expand_path_start(s.sftp, "~/x", NULL, NULL, &err);
	haw_span path;
	haw_op *root;

	CHECK_MSG(wait_op(op) == 0, "%s", err.message);
	path = haw_sftp_op_path(op);
	CHECK(path.len > 2 && memcmp(path.ptr + path.len - 2, "/x", 2) == 0 && path.ptr[0] == '/');
	CHECK(!home || path.len < 4 || path.ptr[1] != '~');
	haw_op_free(op);
	root = haw_sftp_home_start(s.sftp, "root", NULL, NULL, &err);
	CHECK_MSG(wait_op(root) == 0, "%s", err.message);
	CHECK(haw_span_is(haw_sftp_op_path(root), "/root"));
	haw_op_free(root);
}

static void file_systems_are_described(void)
{
	haw_statvfs by_path, by_file;
	haw_file *file =
		haw_sftp_open(s.sftp, pipe_path(&s, "fs"), HAW_OPEN_WRITE | HAW_OPEN_CREATE, NULL, &err);
	haw_op *op = haw_sftp_statvfs_start(s.sftp, s.dir, NULL, NULL, &err);

	CHECK(file && wait_op(op) == 0 && haw_sftp_op_statvfs(op, &by_path));
	haw_op_free(op);
	op = haw_file_statvfs_start(file, NULL, NULL, &err);
	CHECK(wait_op(op) == 0 && haw_sftp_op_statvfs(op, &by_file));
	haw_op_free(op);
	haw_file_free(file);
	CHECK(by_path.block_size > 0 && by_path.blocks > 0 && by_path.name_max == 255);
	CHECK(by_path.id == by_file.id && by_path.blocks == by_file.blocks && by_path.files == by_file.files);
}

static void data_are_copied_on_the_server(void)
{
	haw_file *from, *to;

	CHECK(make("from", "0123456789"));
	from = haw_sftp_open(s.sftp, pipe_path(&s, "from"), HAW_OPEN_READ, NULL, &err);
	to = haw_sftp_open(s.sftp, pipe_path(&s, "to"), HAW_OPEN_WRITE | HAW_OPEN_CREATE, NULL, &err);
	CHECK(from && to);
	CHECK(finish(haw_file_copy_start(from, 2, 3, to, 0, NULL, NULL, &err)) == 0);
	CHECK(finish(haw_file_copy_start(from, 8, 0, to, 3, NULL, NULL, &err)) == 0);
	CHECK_MSG(strcmp(content("to"), "23489") == 0, "%s", content("to"));
	haw_file_free(from);
	haw_file_free(to);
}

static void ids_have_names(void)
{
	static const uint32_t uids[] = {0, 4000000001u}, gids[] = {0};
	haw_op *op = haw_sftp_id_names_start(s.sftp, uids, 2, gids, 1, NULL, NULL, &err);

	CHECK_MSG(wait_op(op) == 0, "%s", err.message);
	CHECK(haw_span_is(haw_sftp_op_id_name(op, false, 0), "root"));
	CHECK(haw_sftp_op_id_name(op, false, 1).len == 0 && haw_sftp_op_id_name(op, false, 2).len == 0);
	CHECK(haw_span_is(haw_sftp_op_id_name(op, true, 0), "root"));
	haw_op_free(op);
}

/* ---- Directories ---- */

enum { ENTRIES = 1500 };
static unsigned seen[ENTRIES], others;

static bool note_entry(void *user, const haw_name *name)
{
	unsigned number = ENTRIES;

	if (name->name.len == 8 && name->name.ptr[0] == 0xfe)
		number = (unsigned)atoi((const char *)name->name.ptr + 2);
	if (number < ENTRIES && S_ISREG(name->attrs.mode) && name->attrs.size == 1)
		seen[number]++;
	else
		others++;
	return true;
}

static bool stop_at_once(void *user, const haw_name *name)
{
	(*(unsigned *)user)++;
	return false;
}

static void directories_are_listed(void)
{
	unsigned calls = 0;
	char name[64];

	CHECK(mkdir(pipe_path(&s, "list"), 0700) == 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		/* Names that are neither UTF-8 nor fit for a terminal. */
		snprintf(name, sizeof(name), "list/\xfe\n%05u\x1b", i);
		CHECK(make(name, "x"));
	}
	CHECK_MSG(haw_sftp_list(s.sftp, pipe_path(&s, "list"), note_entry, NULL, &err) == 0, "%s",
		  err.message);
	for (unsigned i = 0; i < ENTRIES; i++)
		CHECK(seen[i] == 1);
	CHECK(others == 0);
	CHECK(haw_sftp_list(s.sftp, pipe_path(&s, "list"), stop_at_once, &calls, &err) == 0 && calls == 1);
	CHECK(haw_sftp_list(s.sftp, pipe_path(&s, "absent"), stop_at_once, &calls, &err) == HAW_ENOTFOUND);
	CHECK(mkdir(pipe_path(&s, "empty"), 0700) == 0);
	CHECK(haw_sftp_list(s.sftp, pipe_path(&s, "empty"), stop_at_once, &calls, &err) == 0 && calls == 1);
}

int main(void)
{
	if (access(SFTP_SERVER, X_OK) != 0) {
		harness_skip("server", "OpenSSH's sftp-server is not installed");
		return harness_end();
	}
	umask(022);
	if (!pipe_open(&s, NULL))
		return 1;
	RUN(the_session_knows_the_server);
	RUN(files_are_written_and_read);
	RUN(attributes_are_read_and_set);
	RUN(names_are_made_moved_and_removed);
	RUN(links_hold_what_they_were_given);
	RUN(paths_are_expanded);
	RUN(file_systems_are_described);
	RUN(data_are_copied_on_the_server);
	RUN(ids_have_names);
	RUN(directories_are_listed);
	pipe_close(&s);
	return harness_end();
}
