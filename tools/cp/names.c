/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct cp_name {
	haw_attrs attrs;
	size_t len;
	char name[];
};

/* Names come from a peer, but only its own listings suffer if they collide. */
static size_t hash(const void *name, size_t len)
{
	const unsigned char *p = name;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32);
}

static struct cp_name **find_slot(const struct cp_names *names, const void *name, size_t len)
{
	size_t i = hash(name, len) & (names->capacity - 1);

	while (names->slots[i] &&
	       (names->slots[i]->len != len || memcmp(names->slots[i]->name, name, len) != 0))
		i = (i + 1) & (names->capacity - 1);
	return &names->slots[i];
}

static bool grow(struct cp_names *names)
{
	struct cp_names bigger = {.capacity = names->capacity ? names->capacity * 2 : 64,
				  .count = names->count};

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < names->capacity; i++)
		if (names->slots[i])
			*find_slot(&bigger, names->slots[i]->name, names->slots[i]->len) = names->slots[i];
	free(names->slots);
	*names = bigger;
	return true;
}

bool cp_names_add(struct cp_names *names, haw_span name, const haw_attrs *attrs)
{
	struct cp_name **slot, *entry;

	if (names->count * 2 >= names->capacity && !grow(names))
		return false;
	slot = find_slot(names, name.ptr, name.len);
	if (*slot)
		return true;
	entry = malloc(sizeof(*entry) + name.len + 1);
	if (!entry)
		return false;
	entry->attrs = *attrs;
	entry->len = name.len;
	memcpy(entry->name, name.ptr, name.len);
	entry->name[name.len] = '\0';
	*slot = entry;
	names->count++;
	return true;
}

const haw_attrs *cp_names_find(const struct cp_names *names, const char *name)
{
	struct cp_name *entry = names->capacity ? *find_slot(names, name, strlen(name)) : NULL;

	return entry ? &entry->attrs : NULL;
}

void cp_names_free(struct cp_names *names)
{
	for (size_t i = 0; i < names->capacity; i++)
		free(names->slots[i]);
	free(names->slots);
	memset(names, 0, sizeof(*names));
}

/* ---- Names that were there ---- */

static uint64_t *seen_slot(const struct cp_seen *seen, uint64_t h)
{
	size_t i = (size_t)(h ^ h >> 32) & (seen->capacity - 1);

	while (seen->slots[i] && seen->slots[i] != h)
		i = (i + 1) & (seen->capacity - 1);
	return &seen->slots[i];
}

static bool grow_seen(struct cp_seen *seen)
{
	struct cp_seen bigger = *seen;

	if (!seen->capacity && getrandom(&bigger.seed, sizeof(bigger.seed), 0) < 0)
		bigger.seed = (uintptr_t)seen;
	bigger.capacity = seen->capacity ? seen->capacity * 2 : 64;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < seen->capacity; i++)
		if (seen->slots[i])
			*seen_slot(&bigger, seen->slots[i]) = seen->slots[i];
	free(seen->slots);
	*seen = bigger;
	return true;
}

bool cp_seen_add(struct cp_seen *seen, haw_span name)
{
	uint64_t h, *slot;

	if (seen->count * 2 >= seen->capacity && !grow_seen(seen))
		return true;
	h = 0xcbf29ce484222325u ^ seen->seed;
	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.ptr[i]) * 0x100000001b3u;
	h |= !h;
	slot = seen_slot(seen, h);
	if (*slot)
		return false;
	*slot = h;
	seen->count++;
	return true;
}

void cp_seen_free(struct cp_seen *seen)
{
	free(seen->slots);
	memset(seen, 0, sizeof(*seen));
}
