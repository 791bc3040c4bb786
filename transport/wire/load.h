/* SPDX-License-Identifier: Apache-2.0
 *
 * Big-endian integers in memory of any alignment.
 */
#ifndef HAW_WIRE_LOAD_H
#define HAW_WIRE_LOAD_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t haw_load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t haw_load_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void haw_store_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void haw_store_be64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

#endif
