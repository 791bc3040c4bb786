/* SPDX-License-Identifier: Apache-2.0
 *
 * Where bytes go: new names, replaced files, links, devices, failures that leave nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "download.h"
#include "harness.h"
#include "sink.h"

static char directory[] = "/tmp/hawser-sink-XXXXXX";
static int top;

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = openat(top, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) != 0)
		abort();
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	char buffer[64] = "";
	int fd = openat(top, name, O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);

	if (fd >= 0)
		close(fd);
	return n >= 0 && strcmp(buffer, text) == 0;
}

static struct stat look(const char *name)
{
	struct stat st = {0};

	fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW);
	return st;
}

static bool absent(const char *name)
{
	return look(name).st_mode == 0;
}

static int copy(const char *name, bool fresh, bool trusted, const char *text)
{
	struct cp_sink sink;
	size_t len = strlen(text);
	int error;

	cp_sink_begin(&sink, top, name, fresh, trusted, 0640);
	/* In two pieces, the second one first. */
	error = cp_sink_put(&sink, len / 2, text + len / 2, len - len / 2);
	if (!error)
		error = cp_sink_put(&sink, 0, text, len / 2);
	if (error) {
		cp_sink_abandon(&sink);
		return error;
	}
	return cp_sink_finish(&sink, len, 0640, 022, NULL);
}

static void new_file(void)
{
	CHECK(copy("new", false, false, "hello world") == 0 && holds("new", "hello world"));
	CHECK((look("new").st_mode & 07777) == 0640 && absent(".new.hawser-part"));
	CHECK(copy("fresh", true, false, "hello") == 0 && holds("fresh", "hello"));
	/* In a directory of its own a name comes once. */
	CHECK(copy("fresh", true, false, "again") == EEXIST && holds("fresh", "hello"));
}

static void empty_file(void)
{
	struct cp_sink sink;

	cp_sink_begin(&sink, top, "empty", false, false, 0600);
	CHECK(cp_sink_finish(&sink, 0, 0600, 022, NULL) == 0 && look("empty").st_size == 0 &&
	      !absent("empty"));
}

static void replaced_file(void)
{
	ino_t before;

	put("old", "a longer text that stood here", 0604);
	before = look("old").st_ino;
	CHECK(copy("old", false, false, "short") == 0 && holds("old", "short"));
	CHECK((look("old").st_mode & 07777) == 0604 && look("old").st_ino != before);
}

static void times_and_modes(void)
{
	const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2},
					  {.tv_sec = 1000000000, .tv_nsec = 123456789}};
	struct cp_sink sink;

	cp_sink_begin(&sink, top, "timed", false, false, 04755);
	CHECK(cp_sink_put(&sink, 0, "x", 1) == 0 && cp_sink_finish(&sink, 1, 04755, 022, times) == 0);
	CHECK((look("timed").st_mode & 07777) == 04755 && look("timed").st_mtim.tv_nsec == 123456789);
}

static void abandoned(void)
{
	struct cp_sink sink;

	put("kept", "kept", 0600);
	cp_sink_begin(&sink, top, "kept", false, false, 0600);
	CHECK(cp_sink_put(&sink, 0, "half", 4) == 0 && cp_sink_flush(&sink) == 0);
	CHECK(!absent(".kept.hawser-part"));
	cp_sink_abandon(&sink);
	CHECK(absent(".kept.hawser-part") && holds("kept", "kept"));
}

/* What stands under the temporary name is not written to, be it a link to something dear. */
static void temporary_name_taken(void)
{
	put("dear", "dear", 0600);
	CHECK(symlinkat("dear", top, ".trap.hawser-part") == 0);
	CHECK(copy("trap", false, false, "text") == 0 && holds("trap", "text") && holds("dear", "dear"));
}

static void links(void)
{
	put("real", "real", 0600);
	CHECK(symlinkat("real", top, "near") == 0 && symlinkat("../../etc/hostname", top, "far") == 0);
	CHECK(symlinkat("nothing", top, "dangling") == 0);
	/* The user's own word: wherever it leads. */
	CHECK(copy("near", false, true, "through") == 0 && holds("real", "through"));
	CHECK(S_ISLNK(look("near").st_mode));
	CHECK(copy("dangling", false, true, "made") == 0 && holds("nothing", "made"));
	/* A name inside a tree: only what lies below. */
	CHECK(copy("near", false, false, "below") == 0 && holds("real", "below"));
	CHECK(copy("far", false, false, "out") != 0 && S_ISLNK(look("far").st_mode));
}

static void directories_and_devices(void)
{
	struct cp_sink sink;
	int dev = open("/dev", O_RDONLY | O_DIRECTORY);

	CHECK(mkdirat(top, "dir", 0700) == 0 && copy("dir", false, false, "x") == EISDIR);
	cp_sink_begin(&sink, dev, "null", false, false, 0600);
	CHECK(cp_sink_put(&sink, 0, "abc", 3) == 0 && cp_sink_finish(&sink, 3, 0600, 022, NULL) == 0);
	cp_sink_begin(&sink, dev, "full", false, false, 0600);
	CHECK(cp_sink_put(&sink, 0, "abc", 3) == 0 && cp_sink_flush(&sink) == ENOSPC);
	cp_sink_abandon(&sink);
	close(dev);
}

static void put_links(void)
{
	char target[32] = "";

	CHECK(cp_put_link(top, "target", "symlink", true) == 0);
	CHECK(cp_put_link(top, "other", "symlink", true) == EEXIST);
	CHECK(cp_put_link(top, "other", "symlink", false) == 0);
	CHECK(readlinkat(top, "symlink", target, sizeof(target) - 1) == 5 && strcmp(target, "other") == 0);
	CHECK(cp_put_link(top, "other", "dir", false) == EISDIR && absent(".dir.hawser-part"));
}

/* A tree is removed, and what its links lead to is not. */
static void cleared(void)
{
	int sub;

	put("outside", "outside", 0600);
	CHECK(mkdirat(top, "tree", 0700) == 0 && mkdirat(top, "tree/locked", 0700) == 0);
	sub = openat(top, "tree/locked", O_RDONLY | O_DIRECTORY);
	CHECK(symlinkat("../../outside", sub, "link") == 0 && symlinkat("../..", sub, "up") == 0);
	close(sub);
	CHECK(fchmodat(top, "tree/locked", 0500, 0) == 0);
	CHECK(cp_clear(top, "tree") == 0 && absent("tree") && holds("outside", "outside"));
	CHECK(cp_clear(top, "tree") == 0);
}

int main(void)
{
	umask(022);
	if (!mkdtemp(directory) || (top = open(directory, O_RDONLY | O_DIRECTORY)) < 0)
		return 1;
	RUN(new_file);
	RUN(empty_file);
	RUN(replaced_file);
	RUN(times_and_modes);
	RUN(abandoned);
	RUN(temporary_name_taken);
	RUN(links);
	RUN(directories_and_devices);
	RUN(put_links);
	RUN(cleared);
	close(top);
	top = open("/tmp", O_RDONLY | O_DIRECTORY);
	cp_clear(top, directory + 5);
	close(top);
	return harness_end();
}
