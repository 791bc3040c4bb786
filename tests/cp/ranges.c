/* SPDX-License-Identifier: Apache-2.0
 *
 * Ranges of partial files, and their records: whole, damaged at every byte, for another source.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "ranges.h"

enum { SIZE = 1000, ROUNDS = 300 };

/* Against a map of bytes. */
static void adding(void)
{
	static uint8_t map[SIZE];

	for (int round = 0; round < ROUNDS; round++) {
		struct cp_ranges r = {0};
		uint64_t sum = 0, begin = 0, end = SIZE;

		memset(map, 0, sizeof(map));
		srand((unsigned)round);
		for (int i = 0; i < round % 40; i++) {
			unsigned a = (unsigned)rand() % SIZE, b = a + (unsigned)rand() % 60;

			b = b > SIZE ? SIZE : b;
			cp_ranges_add(&r, a, b);
			memset(map + a, 1, b - a);
		}
		for (int i = 0; i < SIZE; i++)
			sum += map[i];
		CHECK_MSG(cp_ranges_bytes(&r) == sum, "round %d", round);
		for (size_t i = 1; i < r.count; i++)
			CHECK(r.items[i - 1].end < r.items[i].begin);
		for (uint64_t at = 0; cp_ranges_missing(&r, &begin, &end); at = begin = end, end = SIZE) {
			for (uint64_t i = at; i < begin; i++)
				CHECK(map[i]);
			for (uint64_t i = begin; i < end; i++)
				CHECK(!map[i]);
		}
		cp_ranges_free(&r);
	}
}

static void records(void)
{
	char directory[] = "/tmp/hawser-ranges-XXXXXX", text[512];
	struct cp_ranges r = {0}, back = {0};
	int at, fd;
	ssize_t len;

	CHECK(mkdtemp(directory) != NULL);
	at = open(directory, O_RDONLY | O_DIRECTORY);
	CHECK(cp_record_read(at, "r", "x", 1000, &back) == CP_RECORD_NONE);
	cp_ranges_add(&r, 10, 20);
	cp_ranges_add(&r, 500, 900);
	CHECK(cp_record_write(at, "r", "one thing", &r) == 0 &&
	      cp_record_write(at, "r", "one thing", &r) == 0);
	CHECK(cp_record_read(at, "r", "one thing", 600, &back) == CP_RECORD_READ);
	CHECK(back.count == 2 && back.items[1].end == 600);
	cp_ranges_free(&back);
	CHECK(cp_record_read(at, "r", "one thing more", 600, &back) == CP_RECORD_OTHER && back.count == 0);
	CHECK(cp_record_read(at, "r", "one", 600, &back) == CP_RECORD_OTHER);
	fd = openat(at, "r", O_RDWR);
	len = read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < len; i++) {
		char other = (char)(text[i] ^ 1);

		CHECK(pwrite(fd, &other, 1, i) == 1);
		CHECK_MSG(cp_record_read(at, "r", "one thing", 1000, &back) == CP_RECORD_DAMAGED, "byte %zd",
			  i);
		CHECK(pwrite(fd, &text[i], 1, i) == 1);
	}
	for (ssize_t i = len - 1; i >= 0; i--) {
		CHECK(ftruncate(fd, i) == 0);
		CHECK_MSG(cp_record_read(at, "r", "one thing", 1000, &back) == CP_RECORD_DAMAGED,
			  "cut at %zd", i);
	}
	close(fd);
	unlinkat(at, "r", 0);
	close(at);
	rmdir(directory);
	cp_ranges_free(&r);
}

int main(void)
{
	RUN(adding);
	RUN(records);
	return harness_end();
}
