/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/ipsecmb/stream.h"

#include <openssl/crypto.h>

enum {
	BLOCK = 16,
	GATHER_MAX =
		1536 /* longest packet that copying is worth it for, to save calls; measured with AES-GCM */
};

/* ---- Runs ---- */

/* Copy the next LEN bytes to the output, where they must lie together; false if they do not. */
static bool gather(struct haw_walk *walk, size_t len, uint8_t **out)
{
	struct haw_walk walked = *walk;
	haw_mut_span to = haw_walk_out(&walked, len);

	if (to.len < len)
		return false;
	for (size_t at = 0; at < len;) {
		haw_span piece = haw_walk_in(&walked, len - at);

		if (piece.ptr != to.ptr + at)
			memcpy(to.ptr + at, piece.ptr, piece.len);
		at += piece.len;
	}
	*walk = walked;
	*out = to.ptr;
	return true;
}

size_t haw_ipsecmb_run(struct haw_walk *walk, size_t left, size_t block, const uint8_t **in, uint8_t **out)
{
	struct haw_walk walked = *walk;
	size_t len = haw_walk_both(&walked, left, in, out), whole = len / block * block;

	if (len < left && left <= GATHER_MAX && gather(walk, left, out)) {
		*in = *out;
		return left;
	}
	if (len == left || len == whole) {
		*walk = walked;
		return len;
	}
	if (whole > 0)
		return haw_walk_both(walk, whole, in, out);
	whole = left < block ? left : block;
	if (!gather(walk, whole, out))
		return 0;
	*in = *out;
	return whole;
}

/* ---- Bursts ---- */

bool haw_ipsecmb_stream_run(struct haw_ipsecmb_stream *s)
{
	IMB_MGR *mgr = s->workspace->mgr;
	uint32_t count = s->count;
	bool ok;

	if (count > 0 && IMB_SUBMIT_CIPHER_BURST(mgr, s->workspace->jobs, count, IMB_CIPHER_CNTR,
						 IMB_DIR_ENCRYPT, (IMB_KEY_SIZE_BYTES)s->key_size) != count)
		s->failed = true;
	ok = !s->failed;
	s->count = 0;
	s->failed = false;
	return ok;
}

/* Queue LEN bytes; returns how many, which is fewer where the counter's last word wraps. */
static size_t queue(struct haw_ipsecmb_stream *s, uint64_t block, const uint8_t *in, uint8_t *out, size_t len)
{
	IMB_JOB *job = &s->workspace->jobs[s->count];
	uint8_t *counter = s->workspace->counters[s->count];
	uint64_t low = haw_fetch_be64(s->iv + 8) + block, until_wrap = (UINT64_C(1) << 32) - (uint32_t)low;

	/* RFC 4344 §4: X is a 128-bit number modulo 2^128. */
	haw_store_be64(counter + 8, low);
	haw_store_be64(counter, haw_fetch_be64(s->iv) + (low < block));
	if (len / BLOCK > until_wrap)
		len = (size_t)until_wrap * BLOCK;
	job->src = in;
	job->dst = out;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = len;
	job->iv = counter;
	job->iv_len_in_bytes = BLOCK;
	job->enc_keys = s->schedule;
	job->key_len_in_bytes = s->key_size;
	if (++s->count == HAW_IPSECMB_JOBS && !haw_ipsecmb_stream_run(s))
		s->failed = true;
	return len;
}

/* One block that lies in several outputs. */
static void add_scattered(struct haw_ipsecmb_stream *s, struct haw_walk *walk, uint64_t block)
{
	uint8_t bytes[BLOCK];

	haw_walk_get(walk, bytes, sizeof(bytes));
	queue(s, block, bytes, bytes, sizeof(bytes));
	if (!haw_ipsecmb_stream_run(s))
		s->failed = true;
	haw_walk_put(walk, bytes, sizeof(bytes));
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

void haw_ipsecmb_stream_add(struct haw_ipsecmb_stream *s, struct haw_walk *walk, uint64_t block, size_t left)
{
	while (left > 0) {
		const uint8_t *in;
		uint8_t *out;
		size_t len = haw_ipsecmb_run(walk, left, BLOCK, &in, &out);

		left -= len ? len : BLOCK;
		if (len == 0)
			add_scattered(s, walk, block++);
		while (len > 0) {
			size_t queued = queue(s, block, in, out, len);

			block += queued / BLOCK;
			in += queued;
			out += queued;
			len -= queued;
		}
	}
}
