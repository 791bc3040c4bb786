/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of requests to the stream. Small ones are gathered in one buffer, which is handed over
 * when it is full, when a batch of replies has been worked off, or at once if nothing is being
 * worked off, so that what the callbacks of a batch start leaves together.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

static void release_buffer(void *user)
{
	struct haw_sftp_buffer *buffer = user;
	struct haw_sftp *sftp = buffer->sftp;

	if (!sftp->freed && !sftp->spare_buffer)
		sftp->spare_buffer = buffer;
	else
		free(buffer);
	haw_sftp_put(sftp);
}

static int send_buffer(struct haw_sftp *sftp, struct haw_sftp_buffer *buffer, haw_error *err)
{
	haw_span bytes = {buffer->data, buffer->len}, none = {NULL, 0};
	int rc;

	sftp->references++;
	if (buffer->len <= HAW_SFTP_HEAD_MAX) {
		rc = sftp->carrier->send(sftp->stream, bytes, none, NULL, NULL, err);
		release_buffer(buffer);
		return rc;
	}
	rc = sftp->carrier->send(sftp->stream, none, bytes, release_buffer, buffer, err);
	if (rc < 0)
		release_buffer(buffer);
	return rc;
}

/* Requests wait for the server's version. */
static int hold(struct haw_sftp *sftp, haw_error *err)
{
	if (sftp->held_count >= HAW_SFTP_HELD_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "too many requests while the SFTP session is not open yet");
	sftp->out->next = NULL;
	if (sftp->held_last)
		sftp->held_last->next = sftp->out;
	else
		sftp->held_first = sftp->out;
	sftp->held_last = sftp->out;
	sftp->held_count++;
	sftp->out = NULL;
	return 0;
}

int haw_sftp_flush(struct haw_sftp *sftp, haw_error *err)
{
	struct haw_sftp_buffer *buffer;
	int rc = 0;

	if (!sftp->sending || !sftp->stream)
		return 0;
	while (sftp->held_first && rc == 0) {
		buffer = sftp->held_first;
		sftp->held_first = buffer->next;
		sftp->held_count--;
		rc = send_buffer(sftp, buffer, err);
	}
	if (!sftp->held_first)
		sftp->held_last = NULL;
	buffer = sftp->out;
	if (rc == 0 && buffer && buffer->len > 0) {
		sftp->out = NULL;
		rc = send_buffer(sftp, buffer, err);
	}
	return rc;
}

/* The session cannot send any more. Whoever waits learns it at the end of the batch, or now. */
static void sending_failed(struct haw_sftp *sftp, const haw_error *err)
{
	if (!sftp->processing)
		haw_sftp_fail(sftp, err);
	else if (!sftp->error.code)
		sftp->error = *err;
}

/* Room for SIZE bytes at the end of OUT. */
static int reserve(struct haw_sftp *sftp, size_t size, haw_error *err)
{
	int rc = 0;

	if (size > HAW_SFTP_OUT)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "the path or list is longer than an SFTP request of %d bytes",
				     HAW_SFTP_OUT);
	if (sftp->out && sftp->out->len + size > HAW_SFTP_OUT && !sftp->sending) {
		rc = hold(sftp, err);
	} else if (sftp->out && sftp->out->len + size > HAW_SFTP_OUT) {
		rc = haw_sftp_flush(sftp, err);
		if (rc < 0)
			sending_failed(sftp, err);
	}
	if (rc < 0 || sftp->out)
		return rc;
	sftp->out = sftp->spare_buffer;
	sftp->spare_buffer = NULL;
	if (!sftp->out)
		sftp->out = malloc(sizeof(*sftp->out));
	if (!sftp->out)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for SFTP requests");
	sftp->out->sftp = sftp;
	sftp->out->len = 0;
	return 0;
}

/* ---- Making one ---- */

static struct haw_sftp_request *refuse(const haw_error *cause, haw_error *err)
{
	if (err)
		*err = *cause;
	return NULL;
}

struct haw_sftp_request *haw_sftp_begin(struct haw_sftp *sftp, enum haw_sftp_expects expects,
					enum haw_fxp type, size_t size, uint32_t body, haw_op_fn done,
					void *user, haw_error *err)
{
	struct haw_sftp_request *r;
	haw_error cause;

	if (sftp->error.code)
		return refuse(&sftp->error, err);
	size += HAW_SFTP_HEAD + 4;
	if (reserve(sftp, size, &cause) < 0 || haw_sftp_grow_slots(sftp, &cause) < 0)
		return refuse(&cause, err);
	r = haw_sftp_request_new(sftp, done, user);
	if (!r) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for SFTP requests");
		return NULL;
	}
	r->expects = (uint8_t)expects;
	haw_sftp_take_slot(r);
	haw_message_write_to(&sftp->message, sftp->out->data + sftp->out->len, size);
	haw_put_u32(&sftp->message, (uint32_t)(size - HAW_SFTP_LENGTH) + body);
	haw_put_byte(&sftp->message, (uint8_t)type);
	haw_put_u32(&sftp->message, r->id);
	return r;
}

struct haw_sftp_request *haw_sftp_begin_extended(struct haw_sftp *sftp, enum haw_sftp_expects expects,
						 enum haw_sftp_extension extension, size_t size,
						 haw_op_fn done, void *user, haw_error *err)
{
	const char *name = haw_sftp_extension_name(extension);
	size_t len = strlen(name);
	struct haw_sftp_request *r;

	/* Before the version has come the server itself has to say no. */
	if (sftp->version_known && !(sftp->extensions & extension)) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
			      "the server lacks the SFTP extension %s", name);
		return NULL;
	}
	r = haw_sftp_begin(sftp, expects, HAW_FXP_EXTENDED, 4 + len + size, 0, done, user, err);
	if (r)
		haw_put_string(&sftp->message, name, len);
	return r;
}

/* Take back what was begun and could not be sent. */
static struct haw_op *withdraw(struct haw_sftp_request *r, const haw_error *cause, haw_error *err)
{
	haw_sftp_leave_slot(r);
	r->pinned = false;
	haw_sftp_request_put(r);
	sending_failed(r->sftp, cause);
	haw_sftp_request_put(r);
	if (err)
		*err = *cause;
	return NULL;
}

/* The fields of R are complete: count them in. */
static int close_message(struct haw_sftp_request *r, haw_error *err)
{
	haw_message *m = &r->sftp->message;

	if (!haw_message_ok(m) || m->len != m->capacity)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "an SFTP request has another size than announced");
	r->sftp->out->len += m->len;
	return 0;
}

struct haw_op *haw_sftp_submit(struct haw_sftp_request *r, haw_error *err)
{
	struct haw_sftp *sftp = r->sftp;
	haw_error cause;

	if (close_message(r, &cause) < 0 || (!sftp->processing && haw_sftp_flush(sftp, &cause) < 0))
		return withdraw(r, &cause, err);
	return &r->op;
}

struct haw_op *haw_sftp_submit_copy(struct haw_sftp_request *r, haw_span data, haw_error *err)
{
	struct haw_sftp *sftp = r->sftp;

	haw_put_bytes(&sftp->message, data.ptr, data.len);
	if (r->sealed) {
		r->pinned = r->copied = true;
		r->references++;
		r->next = sftp->copied;
		sftp->copied = r;
	}
	return haw_sftp_submit(r, err);
}

/* Send the request at the end of OUT with BODY behind it; all that waits goes in front, as one head
 * where it fits. */
static int send_with_body(struct haw_sftp *sftp, struct haw_sftp_request *r, haw_span body, haw_error *err)
{
	struct haw_sftp_buffer *out = sftp->out;
	size_t own = sftp->message.len;
	uint8_t copy[HAW_SFTP_HANDLE_MAX + 64];
	haw_span head = {out->data, out->len};
	int rc;

	if (!sftp->held_first && out->len <= HAW_SFTP_HEAD_MAX) {
		out->len = 0;
		return sftp->carrier->send(sftp->stream, head, body, haw_sftp_release_data, r, err);
	}
	out->len -= own;
	memcpy(copy, out->data + out->len, own);
	head = (haw_span){copy, own};
	rc = haw_sftp_flush(sftp, err);
	return rc < 0 ? rc : sftp->carrier->send(sftp->stream, head, body, haw_sftp_release_data, r, err);
}

struct haw_op *haw_sftp_submit_body(struct haw_sftp_request *r, haw_span body, haw_error *err)
{
	haw_error cause;
	int rc = close_message(r, &cause);

	if (rc == 0) {
		r->references++;
		r->pinned = true;
		rc = send_with_body(r->sftp, r, body, &cause);
		if (rc == 0)
			return &r->op;
		r->pinned = false;
		haw_sftp_request_put(r);
	}
	return withdraw(r, &cause, err);
}
