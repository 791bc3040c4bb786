/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: their memory, their slots, their end.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

/* ---- Memory ---- */

struct haw_sftp_request *haw_sftp_request_new(struct haw_sftp *sftp, haw_op_fn done, void *user)
{
	struct haw_sftp_request *r = sftp->spare_requests;

	if (r) {
		sftp->spare_requests = r->next;
		sftp->spare_request_count--;
	} else {
		r = malloc(sizeof(*r));
		if (!r)
			return NULL;
	}
	/* All but the operation, whose room for an error message need not be cleared. */
	memset((char *)r + sizeof(r->op), 0, sizeof(*r) - sizeof(r->op));
	haw_op_init(&r->op, sftp->loop, &haw_sftp_request_ops, done, user);
	r->sftp = sftp;
	r->references = 1;
	sftp->references++;
	return r;
}

void haw_sftp_request_put(struct haw_sftp_request *r)
{
	struct haw_sftp *sftp = r->sftp;

	if (--r->references > 0)
		return;
	if (r->expects == HAW_EXPECTS_HANDLE && r->result.file)
		haw_file_free(r->result.file);
	free(r->memory);
	free(r->late);
	if (sftp->freed || sftp->spare_request_count >= HAW_SFTP_SPARE_MAX) {
		free(r);
	} else {
		r->next = sftp->spare_requests;
		sftp->spare_requests = r;
		sftp->spare_request_count++;
	}
	haw_sftp_put(sftp);
}

static void request_cancel(struct haw_op *op)
{
	struct haw_sftp_request *r = (struct haw_sftp_request *)op;

	/* Its slot stays taken until the reply has come, so that the id is not given out again. */
	r->dropped = true;
	if (r->sftp->start == r) {
		r->sftp->start = NULL;
		haw_sftp_request_put(r);
	}
}

static void request_free(struct haw_op *op)
{
	haw_sftp_request_put((struct haw_sftp_request *)op);
}

const struct haw_op_ops haw_sftp_request_ops = {
	.cancel = request_cancel,
	.free = request_free,
};

/* ---- Slots ---- */

int haw_sftp_grow_slots(struct haw_sftp *sftp, haw_error *err)
{
	uint32_t count = sftp->slot_count ? sftp->slot_count * 2 : 64;
	struct haw_sftp_slot *slots;

	if (sftp->slot_free)
		return 0;
	if (count > HAW_SFTP_SLOTS_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "more than %d SFTP requests under way", HAW_SFTP_SLOTS_MAX);
	slots = realloc(sftp->slots, count * sizeof(*slots));
	if (!slots)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for SFTP requests");
	sftp->slots = slots;
	for (uint32_t i = count; i-- > sftp->slot_count;) {
		slots[i] = (struct haw_sftp_slot){.next = sftp->slot_free};
		sftp->slot_free = i + 1;
	}
	sftp->slot_count = count;
	return 0;
}

void haw_sftp_take_slot(struct haw_sftp_request *r)
{
	struct haw_sftp *sftp = r->sftp;
	uint32_t index = sftp->slot_free - 1;
	struct haw_sftp_slot *slot = &sftp->slots[index];

	sftp->slot_free = slot->next;
	slot->request = r;
	slot->generation++;
	r->id = (uint32_t)slot->generation << 16 | index;
	r->references++;
	sftp->pending++;
}

void haw_sftp_account(struct haw_sftp_request *r, uint32_t length)
{
	r->length = length;
	r->sftp->pending_bytes += length;
}

void haw_sftp_leave_slot(struct haw_sftp_request *r)
{
	struct haw_sftp *sftp = r->sftp;
	uint32_t index = r->id & 0xffff;
	struct haw_sftp_slot *slot = &sftp->slots[index];

	slot->request = NULL;
	slot->next = sftp->slot_free;
	sftp->slot_free = index + 1;
	sftp->pending--;
	sftp->pending_bytes -= r->length;
}

struct haw_sftp_request *haw_sftp_find(struct haw_sftp *sftp, uint32_t id)
{
	uint32_t index = id & 0xffff;

	if (index >= sftp->slot_count || sftp->slots[index].generation != id >> 16)
		return NULL;
	return sftp->slots[index].request;
}

/* ---- The end ---- */

void haw_sftp_disown(struct haw_sftp_request *r)
{
	r->dropped = true;
	haw_sftp_request_put(r);
}

void haw_sftp_complete(struct haw_sftp_request *r, int code, const haw_error *err)
{
	if (!r->dropped) {
		r->dropped = true;
		haw_op_finish(&r->op, code, code < 0 ? err : NULL);
	}
	haw_sftp_request_put(r);
}

/* Nothing refers to the data of a WRITE any more. */
static void unpin(struct haw_sftp_request *r)
{
	r->pinned = false;
	if (r->sealed)
		r->sealed(r->op.user);
}

void haw_sftp_release_data(void *user)
{
	struct haw_sftp_request *r = user;

	unpin(r);
	if (r->answered) {
		if (r->sftp->freed)
			haw_sftp_abandon(r);
		haw_sftp_complete(r, r->late_code, r->late);
	}
	haw_sftp_request_put(r);
}

void haw_sftp_release_copied(struct haw_sftp *sftp)
{
	while (sftp->copied) {
		struct haw_sftp_request *r = sftp->copied;

		sftp->copied = r->next;
		if (r->pinned)
			unpin(r);
		haw_sftp_request_put(r);
	}
}

void haw_sftp_finish(struct haw_sftp_request *r, int code, const haw_error *err)
{
	haw_sftp_leave_slot(r);
	if (r->expects == HAW_EXPECTS_LIMITS)
		haw_sftp_limits_ended(r->sftp);
	if (r->pinned && r->copied)
		unpin(r);
	if (!r->pinned) {
		haw_sftp_complete(r, code, err);
		return;
	}
	/* The caller takes the end of a write for leave to reuse its data. */
	r->answered = true;
	r->late_code = code;
	if (code < 0 && err)
		r->late = malloc(sizeof(*err));
	if (r->late)
		*r->late = *err;
}
