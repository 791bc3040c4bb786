/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking the input and output spans of a job, which are cut in different places.
 */
#ifndef HAW_CRYPTO_SPANS_H
#define HAW_CRYPTO_SPANS_H

#include <hawser/backend.h>

#include <endian.h>
#include <string.h>

/* Places in a job's input and output streams; both only move forward. */
struct haw_walk {
	const haw_span *in;
	const haw_mut_span *out;
	size_t in_at, out_at; /* in the present spans */
};

static inline struct haw_walk haw_walk_start(const haw_job *job)
{
	return (struct haw_walk){.in = job->in, .out = job->out};
}

/* The next input bytes that lie together, at most MAX > 0. The caller knows that there are some. */
static inline haw_span haw_walk_in(struct haw_walk *w, size_t max)
{
	haw_span piece;

	while (w->in_at == w->in->len) {
		w->in++;
		w->in_at = 0;
	}
	piece.ptr = w->in->ptr + w->in_at;
	piece.len = w->in->len - w->in_at < max ? w->in->len - w->in_at : max;
	w->in_at += piece.len;
	return piece;
}

static inline haw_mut_span haw_walk_out(struct haw_walk *w, size_t max)
{
	haw_mut_span piece;

	while (w->out_at == w->out->len) {
		w->out++;
		w->out_at = 0;
	}
	piece.ptr = w->out->ptr + w->out_at;
	piece.len = w->out->len - w->out_at < max ? w->out->len - w->out_at : max;
	w->out_at += piece.len;
	return piece;
}

/* The next bytes that lie together on both sides, at most MAX > 0; returns their count. */
static inline size_t haw_walk_both(struct haw_walk *w, size_t max, const uint8_t **in, uint8_t **out)
{
	struct haw_walk before = *w;
	haw_mut_span to = haw_walk_out(w, max);
	haw_span from = haw_walk_in(w, to.len);

	if (from.len < to.len) {
		w->out = before.out;
		w->out_at = before.out_at;
		to = haw_walk_out(w, from.len);
	}
	*in = from.ptr;
	*out = to.ptr;
	return from.len;
}

/* Copy the next LEN input bytes to memory. */
static inline void haw_walk_get(struct haw_walk *w, void *to, size_t len)
{
	uint8_t *p = to;

	while (len > 0) {
		haw_span piece = haw_walk_in(w, len);

		memcpy(p, piece.ptr, piece.len);
		p += piece.len;
		len -= piece.len;
	}
}

/* Copy LEN bytes of memory to the output. */
static inline void haw_walk_put(struct haw_walk *w, const void *from, size_t len)
{
	const uint8_t *p = from;

	while (len > 0) {
		haw_mut_span piece = haw_walk_out(w, len);

		memcpy(piece.ptr, p, piece.len);
		p += piece.len;
		len -= piece.len;
	}
}

/* Pass over LEN input bytes. */
static inline void haw_walk_skip(struct haw_walk *w, size_t len)
{
	while (len > 0)
		len -= haw_walk_in(w, len).len;
}

static inline void haw_store_be32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void haw_store_be64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> (56 - 8 * i));
}

static inline uint32_t haw_fetch_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t haw_fetch_be64(const uint8_t *p)
{
	return (uint64_t)haw_fetch_be32(p) << 32 | haw_fetch_be32(p + 4);
}

/* RFC 5647 §7.1: the nonce is the initial IV with the packets since the keys added to its last
 * eight bytes, which are a counter that wraps. */
static inline void haw_gcm_nonce(uint8_t nonce[12], const uint8_t iv[12], uint64_t number)
{
	uint64_t counter;

	/* Whole words: what is written byte by byte cannot be read as words for some cycles. */
	memcpy(&counter, iv + 4, sizeof(counter));
	counter = htobe64(be64toh(counter) + number);
	memcpy(nonce, iv, 4);
	memcpy(nonce + 4, &counter, sizeof(counter));
}

#endif
