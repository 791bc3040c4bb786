/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP session from its first byte to its end.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

struct haw_sftp *haw_sftp_create(struct haw_loop *loop, const struct haw_sftp_carrier *carrier, void *stream,
				 haw_op_fn done, void *user, haw_error *err)
{
	struct haw_sftp *sftp = calloc(1, sizeof(*sftp));

	if (!sftp) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for an SFTP session");
		return NULL;
	}
	sftp->references = 1;
	sftp->loop = loop;
	sftp->carrier = carrier;
	sftp->stream = stream;
	sftp->limits = (haw_sftp_limits){
		.packet = HAW_SFTP_PACKET_DEFAULT,
		.read = HAW_SFTP_DATA_DEFAULT,
		.write = HAW_SFTP_DATA_DEFAULT,
	};
	sftp->start = haw_sftp_request_new(sftp, done, user);
	if (!sftp->start) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for an SFTP session");
		free(sftp);
		return NULL;
	}
	sftp->start->expects = HAW_EXPECTS_VERSION;
	sftp->start->references++;
	return sftp;
}

int haw_sftp_hello(struct haw_sftp *sftp, haw_error *err)
{
	static const uint8_t init[] = {0, 0, 0, 5, HAW_FXP_INIT, 0, 0, 0, HAW_SFTP_VERSION};
	haw_span head = {init, sizeof(init)}, none = {NULL, 0};

	return sftp->carrier->send(sftp->stream, head, none, NULL, NULL, err);
}

static void end_start(struct haw_sftp *sftp, int code, const haw_error *err)
{
	struct haw_sftp_request *start = sftp->start;

	sftp->start = NULL;
	if (start)
		haw_sftp_complete(start, code, err);
}

/* False: out of memory, and no answer will come. */
static bool ask_limits(struct haw_sftp *sftp)
{
	struct haw_sftp_request *r =
		haw_sftp_begin_extended(sftp, HAW_EXPECTS_LIMITS, HAW_SFTP_LIMITS, 0, NULL, NULL, NULL);

	sftp->limits_asked = r && haw_sftp_submit(r, NULL);
	if (sftp->limits_asked)
		haw_sftp_disown(r);
	return sftp->limits_asked;
}

void haw_sftp_opened(struct haw_sftp *sftp)
{
	haw_error err;

	if (sftp->sending || sftp->failed || !sftp->carrier->pipelines(sftp->stream))
		return;
	sftp->sending = true;
	/* Unknown to a server, it costs one "unsupported"; known, it saves a round trip. */
	ask_limits(sftp);
	if (!sftp->processing && haw_sftp_flush(sftp, &err) < 0)
		haw_sftp_fail(sftp, &err);
}

void haw_sftp_limits_ended(struct haw_sftp *sftp)
{
	if (sftp->version_known)
		end_start(sftp, 0, NULL);
	else
		sftp->limits_asked = false;
}

int haw_sftp_take_version(struct haw_sftp *sftp, haw_message *m, haw_error *err)
{
	uint32_t version = haw_get_u32(m);

	if (sftp->version_known)
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the SFTP server announced its version twice");
	if (haw_message_ok(m) && version < HAW_SFTP_VERSION)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
				     "the server speaks SFTP version %u only; version %d is needed", version,
				     HAW_SFTP_VERSION);
	if (haw_message_ok(m) && version > HAW_SFTP_VERSION)
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the server chose SFTP version %u, which was not offered", version);
	while (haw_message_ok(m) && haw_message_remainder(m).len > 0) {
		haw_span name = haw_get_string(m), data = haw_get_string(m);

		if (haw_message_ok(m))
			sftp->extensions |= haw_sftp_extension_bits(name, data);
	}
	if (!haw_message_ok(m))
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the SFTP server's version message is malformed");
	sftp->version_known = true;
	sftp->sending = true;
	if (!(sftp->extensions & HAW_SFTP_LIMITS) || !(sftp->limits_asked || ask_limits(sftp)))
		end_start(sftp, 0, NULL);
	return 0;
}

/* ---- The end ---- */

static void close_stream(struct haw_sftp *sftp)
{
	void *stream = sftp->stream;

	sftp->stream = NULL;
	sftp->channel = NULL;
	sftp->sending = false;
	haw_op_free(sftp->open_op);
	haw_op_free(sftp->subsystem_op);
	sftp->open_op = sftp->subsystem_op = NULL;
	if (stream)
		sftp->carrier->close(stream);
}

void haw_sftp_fail(struct haw_sftp *sftp, const haw_error *cause)
{
	haw_error err = sftp->error.code ? sftp->error : *cause;

	if (sftp->failed || sftp->freed)
		return;
	sftp->references++;
	sftp->failed = true;
	sftp->error = err;
	close_stream(sftp);
	haw_sftp_release_copied(sftp);
	end_start(sftp, err.code, &err);
	for (uint32_t i = 0; i < sftp->slot_count && !sftp->freed; i++) {
		if (sftp->slots[i].request)
			haw_sftp_finish(sftp->slots[i].request, err.code, &err);
	}
	haw_sftp_put(sftp);
}

void haw_sftp_complain(struct haw_sftp *sftp, haw_span view)
{
	size_t room = sizeof(sftp->complaint) - sftp->complaint_len;

	/* The first words are those that explain. */
	if (view.len > room)
		view.len = room;
	memcpy(sftp->complaint + sftp->complaint_len, view.ptr, view.len);
	sftp->complaint_len += view.len;
}

void haw_sftp_closed(struct haw_sftp *sftp, const haw_error *cause)
{
	char text[3 * HAW_SFTP_STDERR_MAX];
	haw_error err;

	if (cause && cause->code) {
		err = *cause;
	} else if (sftp->complaint_len > 0) {
		while (sftp->complaint_len > 1 && sftp->complaint[sftp->complaint_len - 1] == '\n')
			sftp->complaint_len--;
		haw_escape(text, sizeof(text), sftp->complaint, sftp->complaint_len);
		haw_error_set(&err, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the SFTP server ended: %.200s", text);
	} else if (!sftp->version_known) {
		haw_error_set(
			&err, HAW_ECLOSED, HAW_FAULT_PEER, 0,
			"the server ended the SFTP session before it began; is its sftp subsystem set up?");
	} else {
		haw_error_set(&err, HAW_ECLOSED, HAW_FAULT_PEER, 0, "the server ended the SFTP session");
	}
	haw_sftp_fail(sftp, &err);
}

static void free_buffers(struct haw_sftp *sftp)
{
	while (sftp->held_first) {
		struct haw_sftp_buffer *next = sftp->held_first->next;

		free(sftp->held_first);
		sftp->held_first = next;
	}
	free(sftp->out);
	free(sftp->spare_buffer);
	sftp->out = sftp->spare_buffer = NULL;
}

/* End an operation without its callback. One that was to free itself then does so now. */
void haw_sftp_abandon(struct haw_sftp_request *r)
{
	if (r->dropped)
		return;
	if (r->op.detached)
		haw_op_free(&r->op);
	else
		haw_op_cancel(&r->op);
}

static void cancel_all(struct haw_sftp *sftp)
{
	if (sftp->start)
		haw_sftp_abandon(sftp->start);
	for (uint32_t i = 0; i < sftp->slot_count; i++) {
		struct haw_sftp_request *r = sftp->slots[i].request;

		if (!r)
			continue;
		haw_sftp_leave_slot(r);
		haw_sftp_abandon(r);
		haw_sftp_request_put(r);
	}
}

void haw_sftp_free(haw_sftp *sftp)
{
	if (!sftp)
		return;
	sftp->freed = true;
	if (!sftp->error.code)
		haw_error_set(&sftp->error, HAW_ECLOSED, HAW_FAULT_LOCAL, 0,
			      "the SFTP session has been freed");
	cancel_all(sftp);
	close_stream(sftp);
	haw_sftp_release_copied(sftp);
	haw_sftp_put(sftp);
}

void haw_sftp_put(struct haw_sftp *sftp)
{
	if (--sftp->references > 0)
		return;
	while (sftp->spare_requests) {
		struct haw_sftp_request *next = sftp->spare_requests->next;

		free(sftp->spare_requests);
		sftp->spare_requests = next;
	}
	while (sftp->spare_files) {
		struct haw_file *next = sftp->spare_files->next;

		free(sftp->spare_files);
		sftp->spare_files = next;
	}
	free_buffers(sftp);
	free(sftp->slots);
	free(sftp->input.bytes);
	free(sftp);
}

/* ---- What it tells ---- */

haw_channel *haw_sftp_channel(const haw_sftp *sftp)
{
	return sftp->channel;
}

uint32_t haw_sftp_extensions(const haw_sftp *sftp)
{
	return sftp->extensions;
}

void haw_sftp_get_limits(const haw_sftp *sftp, haw_sftp_limits *limits)
{
	*limits = sftp->limits;
}

size_t haw_sftp_pending(const haw_sftp *sftp)
{
	return sftp->pending;
}

uint64_t haw_sftp_pending_bytes(const haw_sftp *sftp)
{
	return sftp->pending_bytes;
}

void haw_sftp_set_batch(haw_sftp *sftp, void (*batch)(void *user), void *user)
{
	sftp->batch = batch;
	sftp->batch_user = user;
}
