/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib as SSH uses it. Inflated payloads stand one behind the other in slabs; a payload that does not fit in
 * what is left of one is moved to the next, so that it is in one piece. The largest slab stays for the next
 * packets.
 */
#include "transport/packet/zstream.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <zlib.h>

enum {
	LEVEL = 6, /* as OpenSSH */
	SLAB = 2 * HAW_INFLATED_MAX,
	FLUSH_ROOM = 64, /* behind each payload; zlib asks for more than 6 bytes */
	REASON_COMPRESSION_ERROR = 6
};

struct block {
	size_t size;
	max_align_t bytes[];
};

static void *take_memory(void *user, uInt items, uInt size)
{
	size_t bytes = (size_t)items * size;
	struct block *block = calloc(1, sizeof(*block) + bytes);

	if (!block)
		return NULL;
	block->size = bytes;
	return block->bytes;
}

/* Windows hold what was sent: passwords, for one. */
static void give_memory(void *user, void *bytes)
{
	struct block *block = (struct block *)((uint8_t *)bytes - offsetof(struct block, bytes));

	OPENSSL_cleanse(block->bytes, block->size);
	free(block);
}

/* ---- Out ---- */

struct haw_deflater {
	z_stream stream;
};

struct haw_deflater *haw_deflater_new(void)
{
	struct haw_deflater *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->stream.zalloc = take_memory;
	z->stream.zfree = give_memory;
	if (deflateInit(&z->stream, LEVEL) == Z_OK)
		return z;
	free(z);
	return NULL;
}

void haw_deflater_free(struct haw_deflater *z)
{
	if (!z)
		return;
	deflateEnd(&z->stream);
	free(z);
}

void haw_deflater_restart(struct haw_deflater *z)
{
	deflateReset(&z->stream);
}

size_t haw_deflater_bound(struct haw_deflater *z, size_t len)
{
	return deflateBound(&z->stream, len) + FLUSH_ROOM;
}

/* RFC 4253 §6.2: a partial flush behind each payload. */
size_t haw_deflater_packet(struct haw_deflater *z, const haw_span *pieces, size_t count, uint8_t *out,
			   size_t size)
{
	z_stream *s = &z->stream;

	s->next_out = out;
	s->avail_out = (uInt)size;
	for (size_t i = 0; i < count; i++) {
		s->next_in = (uint8_t *)pieces[i].ptr;
		s->avail_in = (uInt)pieces[i].len;
		if (s->avail_in > 0 && (deflate(s, Z_NO_FLUSH) != Z_OK || s->avail_in > 0))
			return 0;
	}
	if (deflate(s, Z_PARTIAL_FLUSH) != Z_OK || s->avail_out == 0)
		return 0;
	return size - s->avail_out;
}

/* ---- In ---- */

struct slab {
	struct slab *next;
	size_t used;
	uint8_t bytes[SLAB];
};

struct haw_inflater {
	z_stream stream;
	struct slab *slabs; /* the newest first */
	size_t held;
};

static void free_slabs(struct slab *slab)
{
	while (slab) {
		struct slab *next = slab->next;

		OPENSSL_cleanse(slab->bytes, slab->used);
		free(slab);
		slab = next;
	}
}

struct haw_inflater *haw_inflater_new(void)
{
	struct haw_inflater *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->stream.zalloc = take_memory;
	z->stream.zfree = give_memory;
	if (inflateInit(&z->stream) == Z_OK)
		return z;
	free(z);
	return NULL;
}

void haw_inflater_free(struct haw_inflater *z)
{
	if (!z)
		return;
	inflateEnd(&z->stream);
	free_slabs(z->slabs);
	free(z);
}

void haw_inflater_restart(struct haw_inflater *z)
{
	inflateReset(&z->stream);
}

/* A slab with more room than the LEN bytes at the end of the present one take, which are moved there. */
static bool next_slab(struct haw_inflater *z, size_t len)
{
	struct slab *slab = malloc(sizeof(*slab)), *last = z->slabs;

	if (!slab)
		return false;
	slab->used = 0;
	slab->next = last;
	if (len > 0)
		memcpy(slab->bytes, last->bytes + last->used, len);
	z->slabs = slab;
	return true;
}

/* RFC 4253 §11.1: why the connection ends has a number of its own. */
static int compression_error(haw_error *err)
{
	if (err)
		err->reason = REASON_COMPRESSION_ERROR;
	return HAW_EPROTOCOL;
}

static int bad_stream(haw_error *err)
{
	haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
		      "the peer sent a packet whose compressed payload cannot be read");
	return compression_error(err);
}

static int too_much(haw_error *err)
{
	haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
		      "the peer sent a packet that becomes more than %d bytes", HAW_INFLATED_MAX);
	return compression_error(err);
}

/* Inflate what the stream has for this packet, behind the LEN bytes of it that are there; the new length, or
 * a negative code. */
static ptrdiff_t inflate_more(struct haw_inflater *z, size_t len, haw_error *err)
{
	struct slab *slab = z->slabs;
	size_t room = SLAB - slab->used - len;
	size_t allowed = HAW_INFLATED_MAX + 1 - len;
	int result;

	room = room < allowed ? room : allowed;
	z->stream.next_out = slab->bytes + slab->used + len;
	z->stream.avail_out = (uInt)room;
	result = inflate(&z->stream, Z_SYNC_FLUSH);
	/* No progress is what the end of the packet looks like. */
	if (result != Z_OK && result != Z_BUF_ERROR)
		return result == Z_MEM_ERROR ? haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
							     "out of memory for a compressed packet")
					     : bad_stream(err);
	return (ptrdiff_t)(len + room - z->stream.avail_out);
}

int haw_inflater_packet(struct haw_inflater *z, haw_span in, haw_span *payload, haw_error *err)
{
	ptrdiff_t len = 0;

	z->stream.next_in = (uint8_t *)in.ptr;
	z->stream.avail_in = (uInt)in.len;
	do {
		if ((!z->slabs || z->slabs->used + (size_t)len == SLAB) && !next_slab(z, (size_t)len))
			return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
					     "out of memory for a compressed packet");
		len = inflate_more(z, (size_t)len, err);
		if (len < 0)
			return (int)len;
		if (len > HAW_INFLATED_MAX)
			return too_much(err);
	} while (z->stream.avail_out == 0);
	if (len == 0 || z->stream.avail_in > 0)
		return bad_stream(err);
	*payload = (haw_span){z->slabs->bytes + z->slabs->used, (size_t)len};
	z->slabs->used += (size_t)len;
	z->held += (size_t)len;
	return 0;
}

size_t haw_inflater_held(const struct haw_inflater *z)
{
	return z->held;
}

void haw_inflater_release(struct haw_inflater *z)
{
	struct slab *slab = z->slabs;

	z->held = 0;
	if (!slab)
		return;
	free_slabs(slab->next);
	OPENSSL_cleanse(slab->bytes, slab->used);
	slab->next = NULL;
	slab->used = 0;
}
