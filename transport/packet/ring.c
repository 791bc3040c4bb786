/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

struct haw_ring {
	uint8_t *base; /* 2 * size bytes of address space: byte i and byte size + i are the same */
	size_t size;
	size_t head;    /* first byte written and not released, below size */
	size_t len;     /* bytes written and not released */
	size_t touched; /* bytes at the front that may hold something */
	uint64_t owner; /* who used it last */
	pid_t pid;      /* who made it: a child after fork has no part in it */
	struct haw_ring *next;
};

struct haw_ring_pool {
	size_t ring_size, keep, count;
	struct haw_ring *rings;
};

/* Lay SIZE bytes of shared memory over both halves of BASE. A mapping of length 0 moved elsewhere is a
 * second view of the same pages (mremap(2)): no descriptor is used, and no limit on the size of files
 * applies, whose signal would end the program. Where that is refused, memory with a descriptor serves. */
static bool map_halves(uint8_t *base, size_t size)
{
	bool done;
	int fd;

	if (mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		    MAP_FAILED &&
	    mremap(base, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, base + size) != MAP_FAILED)
		return true;
	fd = memfd_create("hawser-ring", MFD_CLOEXEC);
	if (fd < 0)
		return false;
	done = ftruncate(fd, (off_t)size) == 0;
	for (int half = 0; half < 2 && done; half++)
		done = mmap(base + (size_t)half * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    fd, 0) != MAP_FAILED;
	close(fd);
	return done;
}

static uint8_t *map_twice(size_t size)
{
	uint8_t *base = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (!map_halves(base, size)) {
		int saved = errno;

		munmap(base, 2 * size);
		errno = saved;
		return NULL;
	}
	/* Packets are opened here: keep plaintext out of core files, and out of children, which would
	 * share these pages with their parent. */
	(void)madvise(base, 2 * size, MADV_DONTDUMP);
	(void)madvise(base, 2 * size, MADV_DONTFORK);
	return base;
}

struct haw_ring *haw_ring_new(size_t size, haw_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct haw_ring *ring = calloc(1, sizeof(*ring));
	char text[128];

	if (!ring) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for a receive ring");
		return NULL;
	}
	ring->size = (size + page - 1) / page * page;
	ring->pid = getpid();
	ring->base = map_twice(ring->size);
	if (!ring->base) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "cannot map a receive ring of %zu bytes: %s", ring->size,
			      strerror_r(errno, text, sizeof(text)));
		free(ring);
		return NULL;
	}
	return ring;
}

static void wipe(struct haw_ring *ring)
{
	if (ring->pid == getpid())
		OPENSSL_cleanse(ring->base, ring->touched);
	ring->touched = 0;
}

void haw_ring_free(struct haw_ring *ring)
{
	if (!ring)
		return;
	wipe(ring);
	munmap(ring->base, 2 * ring->size);
	free(ring);
}

haw_mut_span haw_ring_space(const struct haw_ring *ring)
{
	return (haw_mut_span){.ptr = ring->base + ring->head + ring->len, .len = ring->size - ring->len};
}

void haw_ring_fill(struct haw_ring *ring, size_t n)
{
	size_t end;

	if (n > ring->size - ring->len)
		n = ring->size - ring->len;
	ring->len += n;
	end = ring->head + ring->len;
	if (end > ring->size)
		end = ring->size;
	if (end > ring->touched)
		ring->touched = end;
}

haw_mut_span haw_ring_data(const struct haw_ring *ring)
{
	return (haw_mut_span){.ptr = ring->base + ring->head, .len = ring->len};
}

void haw_ring_release(struct haw_ring *ring, size_t n)
{
	if (n > ring->len)
		n = ring->len;
	ring->len -= n;
	ring->head = ring->len > 0 ? (ring->head + n) % ring->size : 0;
}

bool haw_ring_empty(const struct haw_ring *ring)
{
	return ring->len == 0;
}

struct haw_ring_pool *haw_ring_pool_new(size_t ring_size, size_t keep)
{
	struct haw_ring_pool *pool = calloc(1, sizeof(*pool));

	if (pool) {
		pool->ring_size = ring_size > 0 ? ring_size : HAW_RING_SIZE;
		pool->keep = keep;
	}
	return pool;
}

void haw_ring_pool_free(struct haw_ring_pool *pool)
{
	if (!pool)
		return;
	while (pool->rings) {
		struct haw_ring *ring = pool->rings;

		pool->rings = ring->next;
		haw_ring_free(ring);
	}
	free(pool);
}

struct haw_ring *haw_ring_pool_lend(struct haw_ring_pool *pool, uint64_t owner, haw_error *err)
{
	struct haw_ring *ring = pool->rings;

	if (!ring) {
		ring = haw_ring_new(pool->ring_size, err);
	} else {
		pool->rings = ring->next;
		pool->count--;
		if (ring->owner != owner)
			wipe(ring);
	}
	if (ring) {
		ring->owner = owner;
		ring->next = NULL;
	}
	return ring;
}

void haw_ring_pool_return(struct haw_ring_pool *pool, struct haw_ring *ring)
{
	ring->head = ring->len = 0;
	if (pool->count >= pool->keep) {
		haw_ring_free(ring);
		return;
	}
	ring->next = pool->rings;
	pool->rings = ring;
	pool->count++;
}
