/* SPDX-License-Identifier: Apache-2.0
 *
 * One job as a crypto operation of DPDK. Where the device works in the process's memory (a software driver),
 * the operation points straight at the job's spans. It works on a copy where it cannot:
 *
 *   - the MAC covers the sequence number, which must lie in front of the packet. There it has no room of its
 *     own: in a receive buffer, those bytes are the MAC of the packet before. (As a segment of its own it
 *     would be copied all the same: drivers that take several segments with a MAC join them first.)
 *   - input or output lie scattered, and the driver does not take that;
 *   - the device is one of its own, which reaches only memory that was mapped for it.
 */
#include "crypto-backends/cryptodev/cryptodev.h"
#include "crypto-backends/spans.h"

#include <openssl/crypto.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <stdlib.h>

/* Of one copy: of packets as most are, and as large as they get. */
enum { COPY_USUAL = 36864, COPY_MAX = HAW_CRYPTODEV_MAX_LENGTH + 64 };

/* Bytes in front of the packet that only the MAC is over. */
enum { SEQ_SIZE = 4 };

static size_t clear_size(const haw_suite *suite)
{
	return suite->length_mode == HAW_LENGTH_CLEAR ? HAW_LENGTH_SIZE : 0;
}

/* Bytes that are encrypted. */
static size_t body_size(const haw_suite *suite, const haw_job *job)
{
	return HAW_LENGTH_SIZE + (size_t)job->length - clear_size(suite);
}

static void set_iv(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, const haw_job *job)
{
	uint64_t low;

	if (form->suite->cipher_kind == HAW_CIPHER_AES_GCM) {
		haw_gcm_nonce(slot->iv, form->iv, job->number);
		return;
	}
	/* RFC 4344 §4: X is a 128-bit number modulo 2^128. */
	low = haw_fetch_be64(form->iv + 8) + job->block;
	haw_store_be64(slot->iv + 8, low);
	haw_store_be64(slot->iv, haw_fetch_be64(form->iv) + (low < job->block));
}

/* ---- Memory as mbufs ---- */

static void point(struct rte_mbuf *m, const void *data, size_t len, rte_iova_t iova)
{
	m->buf_addr = (void *)(uintptr_t)data;
	rte_mbuf_iova_set(m, iova);
	m->buf_len = m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	m->nb_segs = 1;
	m->next = NULL;
}

/* LEN bytes of the output stream behind SKIP, if they lie together; else NULL. */
static uint8_t *together_out(const haw_job *job, size_t skip, size_t len)
{
	for (unsigned i = 0; i < job->out_count; i++) {
		if (skip < job->out[i].len)
			return job->out[i].len - skip >= len ? job->out[i].ptr + skip : NULL;
		skip -= job->out[i].len;
	}
	return NULL;
}

/* Chain LEN bytes of the input stream behind SKIP, in at most MOST pieces. */
static bool chain_in(struct haw_cryptodev_slot *slot, const haw_job *job, size_t skip, size_t len,
		     unsigned most)
{
	struct rte_mbuf *last = NULL;
	size_t left = len;
	unsigned count = 0;

	for (unsigned i = 0; left > 0; i++) {
		size_t piece = job->in[i].len - (skip < job->in[i].len ? skip : job->in[i].len);
		const uint8_t *at = job->in[i].ptr + skip;

		skip -= job->in[i].len - piece;
		if (piece == 0)
			continue;
		if (count == most)
			return false;
		piece = piece < left ? piece : left;
		point(&slot->in[count], at, piece, (rte_iova_t)(uintptr_t)at);
		if (last)
			last->next = &slot->in[count];
		last = &slot->in[count++];
		left -= piece;
	}
	slot->in[0].nb_segs = (uint16_t)count;
	slot->in[0].pkt_len = (uint32_t)len;
	return true;
}

/* Point the operation at the job's own memory, if that can be. */
static bool lay_direct(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, haw_job *job)
{
	size_t skip = clear_size(form->suite), len = body_size(form->suite, job);
	uint8_t *out = together_out(job, skip, len);

	if (!out || !chain_in(slot, job, skip, len, form->chains ? HAW_JOB_SPANS : 1))
		return false;
	slot->sym.m_src = &slot->in[0];
	slot->sym.m_dst = NULL;
	if (slot->in[0].buf_addr != out) {
		point(&slot->out, out, len, (rte_iova_t)(uintptr_t)out);
		slot->sym.m_dst = &slot->out;
	} else if (slot->in[0].nb_segs > 1) {
		/* In place, though cut in other places: it is the same bytes. */
		point(&slot->in[0], out, len, (rte_iova_t)(uintptr_t)out);
	}
	return true;
}

/* ---- Copies ---- */

static void drop_copy(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot)
{
	if (slot->copy)
		OPENSSL_cleanse(slot->copy, slot->copy_size);
	if (form->dma)
		rte_free(slot->copy);
	else
		free(slot->copy);
	slot->copy = NULL;
}

static bool need_copy(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, size_t len)
{
	if (slot->copy && slot->copy_size >= len)
		return true;
	drop_copy(form, slot);
	slot->copy_size = len <= COPY_USUAL ? COPY_USUAL : COPY_MAX;
	slot->copy = form->dma ? rte_malloc(NULL, slot->copy_size, 64) : aligned_alloc(64, slot->copy_size);
	if (!slot->copy)
		return false;
	slot->copy_iova = form->dma ? rte_mem_virt2iova(slot->copy) : (rte_iova_t)(uintptr_t)slot->copy;
	return true;
}

/* With a MAC, a copy is the sequence number and the packet; without, what is encrypted. */
static bool lay_copy(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, haw_job *job)
{
	size_t packet = HAW_LENGTH_SIZE + (size_t)job->length, clear = clear_size(form->suite);
	bool mac = form->suite->mac_kind != HAW_MAC_NONE;
	struct haw_walk walk = haw_walk_start(job);
	size_t len = mac ? SEQ_SIZE + packet : packet - clear;

	if (!need_copy(form, slot, len))
		return false;
	if (mac) {
		haw_store_be32(slot->copy, job->seq);
		haw_walk_get(&walk, slot->copy + SEQ_SIZE, packet);
	} else {
		haw_walk_skip(&walk, clear);
		haw_walk_get(&walk, slot->copy, len);
	}
	point(&slot->in[0], slot->copy, len, slot->copy_iova);
	slot->sym.m_src = &slot->in[0];
	slot->sym.m_dst = NULL;
	return true;
}

/* ---- Operations ---- */

/* What the device is to work on, within what the mbufs hold. */
static void set_ranges(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot,
		       const haw_job *job)
{
	size_t body = body_size(form->suite, job), clear = clear_size(form->suite);
	struct rte_crypto_sym_op *sym = &slot->sym;

	if (form->suite->cipher_kind == HAW_CIPHER_AES_GCM) {
		sym->aead.data.offset = 0;
		sym->aead.data.length = (uint32_t)body;
		sym->aead.digest.data = slot->tag;
		sym->aead.digest.phys_addr = slot->iova + offsetof(struct haw_cryptodev_slot, tag);
		sym->aead.aad.data = slot->length;
		sym->aead.aad.phys_addr = slot->iova + offsetof(struct haw_cryptodev_slot, length);
		return;
	}
	sym->cipher.data.offset = 0;
	sym->cipher.data.length = (uint32_t)body;
	if (form->suite->mac_kind == HAW_MAC_NONE)
		return;
	sym->cipher.data.offset = (uint32_t)(SEQ_SIZE + clear);
	sym->auth.data.offset = 0;
	sym->auth.data.length = (uint32_t)(SEQ_SIZE + clear + body);
	sym->auth.digest.data = slot->tag;
	sym->auth.digest.phys_addr = slot->iova + offsetof(struct haw_cryptodev_slot, tag);
}

bool haw_cryptodev_lay(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, haw_job *job,
		       bool copy)
{
	struct haw_walk walk = haw_walk_start(job);

	slot->job = job;
	slot->copied = copy || !form->direct || form->suite->mac_kind != HAW_MAC_NONE ||
		       !lay_direct(form, slot, job);
	if (slot->copied && !lay_copy(form, slot, job))
		return false;
	set_iv(form, slot, job);
	haw_walk_get(&walk, slot->length, HAW_LENGTH_SIZE);
	if (form->opens) {
		haw_walk_skip(&walk, job->length);
		haw_walk_get(&walk, slot->tag, form->suite->tag_size);
	}
	set_ranges(form, slot, job);
	slot->op.status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
	return true;
}

static void skip_out(struct haw_walk *walk, size_t len)
{
	while (len > 0)
		len -= haw_walk_out(walk, len).len;
}

static void put_result(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot)
{
	size_t clear = clear_size(form->suite), body = body_size(form->suite, slot->job);
	size_t front = form->suite->mac_kind != HAW_MAC_NONE ? SEQ_SIZE + clear : 0;
	struct haw_walk walk = haw_walk_start(slot->job);

	haw_walk_put(&walk, slot->length, clear);
	if (slot->copied)
		haw_walk_put(&walk, slot->copy + front, body);
	else
		skip_out(&walk, body);
	if (!form->opens)
		haw_walk_put(&walk, slot->tag, form->suite->tag_size);
}

void haw_cryptodev_finish(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot)
{
	switch (slot->op.status) {
	case RTE_CRYPTO_OP_STATUS_SUCCESS:
		put_result(form, slot);
		slot->job->status = 0;
		break;
	case RTE_CRYPTO_OP_STATUS_AUTH_FAILED:
		slot->job->status = HAW_EINTEGRITY;
		break;
	default:
		slot->job->status = HAW_ECRYPTO;
	}
}

/* ---- Slots ---- */

struct haw_cryptodev_slot *haw_cryptodev_slots_new(size_t count)
{
	struct haw_cryptodev_slot *slots = rte_zmalloc(NULL, count * sizeof(*slots), 64);

	for (size_t i = 0; slots && i < count; i++) {
		struct haw_cryptodev_slot *slot = &slots[i];

		slot->iova = rte_mem_virt2iova(slot);
		slot->op.type = RTE_CRYPTO_OP_TYPE_SYMMETRIC;
		slot->op.sess_type = RTE_CRYPTO_OP_WITH_SESSION;
		slot->op.phys_addr = slot->iova;
		for (int j = -1; j < HAW_JOB_SPANS; j++) {
			struct rte_mbuf *m = j < 0 ? &slot->out : &slot->in[j];

			m->ol_flags = RTE_MBUF_F_EXTERNAL;
			rte_mbuf_refcnt_set(m, 1);
		}
	}
	return slots;
}

void haw_cryptodev_slots_free(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slots,
			      size_t count)
{
	for (size_t i = 0; slots && i < count; i++)
		drop_copy(form, &slots[i]);
	rte_free(slots);
}
