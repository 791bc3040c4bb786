/* SPDX-License-Identifier: Apache-2.0
 *
 * The receive ring and its pool.
 */
#include <unistd.h>

#include "harness.h"

#include "transport/packet/ring.h"

static void the_halves_are_the_same_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct haw_ring *ring = haw_ring_new(page, NULL);
	uint8_t *base = haw_ring_space(ring).ptr;

	CHECK(ring);
	CHECK(haw_ring_space(ring).len == page);
	base[0] = 0x5a;
	base[page - 1] = 0xa5;
	CHECK(base[page] == 0x5a && base[2 * page - 1] == 0xa5);
	base[page + 7] = 0x33;
	CHECK(base[7] == 0x33);
	haw_ring_free(ring);
}

static void a_stream_passes_in_one_piece(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), written = 0, read = 0, wraps = 0;
	struct haw_ring *ring = haw_ring_new(3 * page - 1, NULL);
	const uint8_t *before = NULL;

	CHECK(ring);
	CHECK(haw_ring_space(ring).len == 3 * page);
	for (size_t round = 0; round < 2000; round++) {
		haw_mut_span space = haw_ring_space(ring), data;
		size_t n = round * 37 % (space.len + 1), take;

		for (size_t i = 0; i < n; i++)
			space.ptr[i] = (uint8_t)((written + i) * 13 + (written + i) / 256);
		haw_ring_fill(ring, n);
		written += n;
		data = haw_ring_data(ring);
		CHECK(data.len == written - read);
		if (data.ptr < before)
			wraps++;
		before = data.ptr;
		for (size_t i = 0; i < data.len; i++)
			CHECK(data.ptr[i] == (uint8_t)((read + i) * 13 + (read + i) / 256));
		take = round * 53 % (data.len + 1);
		haw_ring_release(ring, take);
		read += take;
	}
	CHECK(wraps > 10);
	haw_ring_free(ring);
}

static void a_full_ring_has_no_space_and_an_empty_one_starts_over(void)
{
	struct haw_ring *ring = haw_ring_new(4096, NULL);
	haw_mut_span space = haw_ring_space(ring);
	uint8_t *base = space.ptr;

	haw_ring_fill(ring, space.len);
	CHECK(haw_ring_space(ring).len == 0);
	haw_ring_release(ring, 100);
	CHECK(haw_ring_space(ring).len == 100);
	CHECK(haw_ring_space(ring).ptr == base + space.len);
	haw_ring_release(ring, space.len - 100);
	CHECK(haw_ring_empty(ring));
	CHECK(haw_ring_space(ring).ptr == base);
	haw_ring_free(ring);
}

static void another_owner_finds_nothing(void)
{
	struct haw_ring_pool *pool = haw_ring_pool_new(8192, 1);
	struct haw_ring *ring = haw_ring_pool_lend(pool, 1, NULL), *again;
	uint8_t *base = haw_ring_space(ring).ptr;

	memset(base, 0x77, 8192);
	haw_ring_fill(ring, 6000);
	haw_ring_release(ring, 5000);
	haw_ring_fill(ring, 5000); /* across the end */
	haw_ring_release(ring, 6000);
	haw_ring_pool_return(pool, ring);

	again = haw_ring_pool_lend(pool, 1, NULL);
	CHECK(again == ring);
	CHECK(base[0] == 0x77 && base[5999] == 0x77);
	haw_ring_pool_return(pool, again);

	again = haw_ring_pool_lend(pool, 2, NULL);
	CHECK(again == ring);
	for (size_t i = 0; i < 8192; i++)
		CHECK(base[i] == 0);
	haw_ring_pool_return(pool, again);
	haw_ring_pool_free(pool);
}

static void the_pool_keeps_as_many_as_it_was_told(void)
{
	struct haw_ring_pool *pool = haw_ring_pool_new(4096, 1);
	struct haw_ring *a = haw_ring_pool_lend(pool, 1, NULL), *b = haw_ring_pool_lend(pool, 2, NULL);

	CHECK(a && b && a != b);
	haw_ring_pool_return(pool, a);
	haw_ring_pool_return(pool, b); /* freed: the address sanitizer would see a leak otherwise */
	CHECK(haw_ring_pool_lend(pool, 1, NULL) == a);
	haw_ring_pool_return(pool, a);
	haw_ring_pool_free(pool);
}

static void a_ring_that_cannot_be_is_an_error(void)
{
	haw_error err;

	CHECK(!haw_ring_new((size_t)1 << 62, &err));
	CHECK(err.code == HAW_ESYSTEM && err.sys_errno != 0);
}

int main(void)
{
	RUN(the_halves_are_the_same_memory);
	RUN(a_stream_passes_in_one_piece);
	RUN(a_full_ring_has_no_space_and_an_empty_one_starts_over);
	RUN(another_owner_finds_nothing);
	RUN(the_pool_keeps_as_many_as_it_was_told);
	RUN(a_ring_that_cannot_be_is_an_error);
	return harness_end();
}
