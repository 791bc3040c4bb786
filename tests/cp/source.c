/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of local files come from: whole files, windows, holes, files that change.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "source.h"

static char directory[] = "/tmp/hawser-source-XXXXXX";
static int top;

static int make(const char *name, size_t size)
{
	int fd = openat(top, name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < size; i += 4096) {
		char block[4096];
		size_t n = size - i < sizeof(block) ? size - i : sizeof(block);

		memset(block, (int)('a' + i / 4096 % 26), sizeof(block));
		if (write(fd, block, n) != (ssize_t)n)
			abort();
	}
	return fd;
}

static void small_file(void)
{
	struct cp_source source;
	uint8_t buffer[5001];

	close(make("small", 5000));
	CHECK(cp_source_open(&source, top, "small", false) == 0);
	CHECK(source.size == 5000 && cp_source_read(&source, buffer) == 0 && !source.changed);
	CHECK(buffer[0] == 'a' && buffer[4999] == 'b');
	CHECK(!cp_source_has_changed(&source));
	cp_source_close(&source);
}

static void small_file_that_shrinks(void)
{
	struct cp_source source;
	uint8_t buffer[5001];
	int fd = make("small", 5000);

	CHECK(cp_source_open(&source, top, "small", false) == 0);
	CHECK(ftruncate(fd, 100) == 0);
	CHECK(cp_source_read(&source, buffer) == 0 && source.changed && cp_source_has_changed(&source));
	cp_source_close(&source);
	close(fd);
}

static void what_is_no_file(void)
{
	struct cp_source source;

	CHECK(mkfifoat(top, "fifo", 0600) == 0 && symlinkat("small", top, "link") == 0);
	CHECK(cp_source_open(&source, top, "fifo", false) == EINVAL);
	CHECK(cp_source_open(&source, top, "link", false) == ELOOP);
	CHECK(cp_source_open(&source, top, ".", false) == EINVAL);
	CHECK(cp_source_open(&source, top, "absent", false) == ENOENT);
	CHECK(cp_source_open(&source, top, "link", true) == 0);
	cp_source_close(&source);
}

static void windows(void)
{
	const size_t size = CP_SOURCE_WINDOW + 10000;
	struct cp_source source;
	const uint8_t *view;
	struct cp_map *first, *second;

	close(make("big", size));
	CHECK(cp_source_open(&source, top, "big", false) == 0);
	CHECK(cp_source_view(&source, 0, 100, &view, &first) == 100 && view[0] == 'a');
	/* A view ends with its window. */
	CHECK(cp_source_view(&source, CP_SOURCE_WINDOW - 10, 100, &view, &second) == 10 && second == first);
	cp_map_put(second);
	CHECK(cp_source_view(&source, CP_SOURCE_WINDOW, 20000, &view, &second) == 10000 && second != first);
	CHECK(view[0] == 'a' + CP_SOURCE_WINDOW / 4096 % 26);
	/* The first window is still there for whoever holds it. */
	CHECK(first->ptr[4096] == 'b');
	cp_map_put(first);
	cp_map_put(second);
	CHECK(!cp_source_has_changed(&source));
	cp_source_close(&source);
}

/* Touching what is gone does not kill the process; it is noticed. */
static void mapped_file_that_shrinks(void)
{
	struct cp_source source;
	const uint8_t *view;
	struct cp_map *map;
	int fd = make("big", 1 << 20);
	unsigned sum = 0;

	CHECK(cp_source_open(&source, top, "big", false) == 0);
	CHECK(cp_source_view(&source, 0, 1 << 20, &view, &map) == 1 << 20);
	CHECK(ftruncate(fd, 8192) == 0);
	for (size_t i = 0; i < 1 << 20; i += 512)
		sum += *(const volatile uint8_t *)(view + i);
	CHECK(sum == 8 * 'a' + 8 * 'b' && map->broken);
	CHECK(cp_source_has_changed(&source));
	cp_map_put(map);
	cp_source_close(&source);
	close(fd);
}

static void file_written_meanwhile(void)
{
	struct cp_source source;
	int fd = make("big", 1 << 20);

	CHECK(cp_source_open(&source, top, "big", false) == 0);
	CHECK(pwrite(fd, "x", 1, 5) == 1 && futimens(fd, NULL) == 0);
	CHECK(cp_source_has_changed(&source));
	cp_source_close(&source);
	close(fd);
}

static void holes(void)
{
	struct cp_source source;
	uint64_t begin, end;
	int fd = openat(top, "holes", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(pwrite(fd, "x", 1, 4 << 20) == 1 && ftruncate(fd, 16 << 20) == 0);
	CHECK(cp_source_open(&source, top, "holes", false) == 0);
	if (!source.sparse) {
		harness_skip("holes", "this file system has none");
	} else {
		CHECK(cp_source_extent(&source, 0, &begin, &end));
		CHECK(begin > 0 && begin <= 4 << 20 && end > 4 << 20 && end < 16 << 20);
		CHECK(!cp_source_extent(&source, end, &begin, &end));
	}
	source.sparse = false;
	CHECK(cp_source_extent(&source, 5, &begin, &end) && begin == 5 && end == 16 << 20);
	CHECK(!cp_source_extent(&source, 16 << 20, &begin, &end));
	cp_source_close(&source);
	close(fd);
}

int main(void)
{
	cp_source_guard();
	if (!mkdtemp(directory) || (top = open(directory, O_RDONLY | O_DIRECTORY)) < 0)
		return 1;
	RUN(small_file);
	RUN(small_file_that_shrinks);
	RUN(what_is_no_file);
	RUN(windows);
	RUN(mapped_file_that_shrinks);
	RUN(file_written_meanwhile);
	RUN(holes);
	for (const char **name = (const char *[]){"small", "fifo", "link", "big", "holes", NULL}; *name;
	     name++)
		unlinkat(top, *name, 0);
	close(top);
	rmdir(directory);
	return harness_end();
}
