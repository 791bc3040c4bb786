/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* The handler may only look at what stands still: an array of pointers. */
static struct cp_map *volatile maps[CP_MAPS_MAX];
static size_t page_size = 4096;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uint8_t *at = info->si_addr;

	(void)context;
	for (size_t i = 0; i < CP_MAPS_MAX; i++) {
		struct cp_map *map = maps[i];

		if (!map || at < map->ptr || at >= map->ptr + map->len)
			continue;
		map->broken = true;
		at = (uint8_t *)((uintptr_t)at & ~(uintptr_t)(page_size - 1));
		if (mmap(at, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		    MAP_FAILED)
			return;
	}
	signal(number, SIG_DFL);
}

void cp_source_guard(void)
{
	struct sigaction action;
	long size = sysconf(_SC_PAGESIZE);

	if (size > 0)
		page_size = (size_t)size;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_bus_error;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

/* ---- Opening ---- */

int cp_source_open(struct cp_source *source, int directory, const char *name, bool follow)
{
	/* Non-blocking, so that a FIFO that took the name meanwhile holds nothing up. */
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), error;

	memset(source, 0, sizeof(*source));
	source->fd = openat(directory, name, flags);
	if (source->fd < 0)
		return errno;
	if (fstat(source->fd, &source->st) != 0) {
		error = errno;
		cp_source_close(source);
		return error;
	}
	if (!S_ISREG(source->st.st_mode)) {
		cp_source_close(source);
		return EINVAL;
	}
	source->size = (uint64_t)source->st.st_size;
	source->sparse = (uint64_t)source->st.st_blocks * 512 < source->size && source->size >= 65536;
	return 0;
}

void cp_source_close(struct cp_source *source)
{
	if (source->map)
		cp_map_put(source->map);
	source->map = NULL;
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}

int cp_source_read(struct cp_source *source, uint8_t *buffer)
{
	uint64_t have = 0;

	/* One byte more is asked for, so that growth is noticed without another look. */
	while (have <= source->size) {
		ssize_t n = read(source->fd, buffer + have, source->size + 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		have += (uint64_t)n;
		if (have == source->size)
			break;
	}
	source->changed = have != source->size;
	return 0;
}

bool cp_source_extent(struct cp_source *source, uint64_t offset, uint64_t *begin, uint64_t *end)
{
	off_t data, hole;

	if (offset >= source->size)
		return false;
	*begin = offset;
	*end = source->size;
	if (!source->sparse)
		return true;
	data = lseek(source->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	if (data < 0)
		return true;
	hole = lseek(source->fd, data, SEEK_HOLE);
	*begin = (uint64_t)data;
	if (hole > data && (uint64_t)hole < source->size)
		*end = (uint64_t)hole;
	return *begin < source->size;
}

/* ---- Windows ---- */

static struct cp_map *map_window(struct cp_source *source, uint64_t offset)
{
	struct cp_map *map = calloc(1, sizeof(*map));
	size_t slot = 0;

	while (slot < CP_MAPS_MAX && maps[slot])
		slot++;
	if (!map || slot == CP_MAPS_MAX) {
		free(map);
		errno = ENOMEM;
		return NULL;
	}
	map->offset = offset - offset % CP_SOURCE_WINDOW;
	map->len = CP_SOURCE_WINDOW;
	if (map->len > source->size - map->offset)
		map->len = (size_t)(source->size - map->offset);
	map->ptr = mmap(NULL, map->len, PROT_READ, MAP_SHARED, source->fd, (off_t)map->offset);
	if (map->ptr == MAP_FAILED) {
		free(map);
		return NULL;
	}
	/* Ask for what follows, so that a disk works while this is sent. */
	posix_fadvise(source->fd, (off_t)map->offset, 2l * CP_SOURCE_WINDOW, POSIX_FADV_WILLNEED);
	map->references = 1;
	map->slot = slot;
	maps[slot] = map;
	return map;
}

void cp_map_put(struct cp_map *map)
{
	if (--map->references > 0)
		return;
	maps[map->slot] = NULL;
	munmap(map->ptr, map->len);
	free(map);
}

/* Have the pages there before they are sealed: one call is cheaper than a fault a page. */
static void populate(struct cp_map *map, size_t end)
{
	while (map->populated < end) {
		size_t step = map->len - map->populated;

		if (step > CP_SOURCE_STEP)
			step = CP_SOURCE_STEP;
		/* EFAULT: the file is shorter than it was; the handler will say so when it matters. */
		madvise(map->ptr + map->populated, step, MADV_POPULATE_READ);
		map->populated += step;
	}
}

size_t cp_source_view(struct cp_source *source, uint64_t offset, size_t len, const uint8_t **view,
		      struct cp_map **map)
{
	size_t at;

	if (source->map &&
	    (offset < source->map->offset || offset >= source->map->offset + source->map->len)) {
		source->changed |= source->map->broken;
		cp_map_put(source->map);
		source->map = NULL;
	}
	if (!source->map)
		source->map = map_window(source, offset);
	if (!source->map)
		return 0;
	at = (size_t)(offset - source->map->offset);
	if (len > source->map->len - at)
		len = source->map->len - at;
	populate(source->map, at + len);
	*view = source->map->ptr + at;
	*map = source->map;
	source->map->references++;
	return len;
}

bool cp_source_has_changed(struct cp_source *source)
{
	struct stat now;

	if (source->changed || (source->map && source->map->broken))
		return true;
	return fstat(source->fd, &now) != 0 || now.st_size != source->st.st_size ||
	       now.st_mtim.tv_sec != source->st.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != source->st.st_mtim.tv_nsec;
}
