/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes from the server: cut into packets, and each given to its request.
 *
 *   views    |....len type id count  data data|data data  len ...|
 *                 \_______________/  \_______/ \_______/
 *                   DATA: parsed      to the sink as they come, never gathered
 *
 * A packet that lies whole in a view is parsed where it lies. What a view's end splits (a
 * header of DATA, any other packet) is gathered in input->bytes, which grows as the bytes
 * come in and to at most HAW_SFTP_REPLY_MAX.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

static int malformed(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "the SFTP server sent %s", what);
}

/* The first bytes make no packet. Before the version that is mostly the greeting of a shell. */
static int bad_length(struct haw_sftp *sftp, haw_span bytes, haw_error *err)
{
	char text[96];

	if (sftp->version_known)
		return malformed(err, "a packet of impossible length");
	haw_escape(text, sizeof(text), bytes.ptr, bytes.len < 40 ? bytes.len : 40);
	return haw_error_set(
		err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
		"the server does not begin with SFTP but with \"%s\": does a start-up file of the "
		"login shell print something?",
		text);
}

/* The request that a reply's id names. */
static struct haw_sftp_request *addressee(struct haw_sftp *sftp, uint32_t id, haw_error *err)
{
	struct haw_sftp_request *r = NULL;

	if (sftp->version_known)
		r = haw_sftp_find(sftp, id);
	if (!r)
		haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			      "the SFTP server answered request %" PRIu32 ", which is not under way", id);
	return r;
}

/* A whole packet other than DATA; P stands behind the length. */
static int take_packet(struct haw_sftp *sftp, const uint8_t *p, size_t len, haw_error *err)
{
	struct haw_sftp_request *r;
	haw_message m;
	haw_error result;
	uint8_t type;
	int rc;

	haw_message_read(&m, p, len);
	type = haw_get_byte(&m);
	if (type == HAW_FXP_VERSION)
		return haw_sftp_take_version(sftp, &m, err);
	if (type < HAW_FXP_STATUS || (type > HAW_FXP_ATTRS && type != HAW_FXP_EXTENDED_REPLY))
		return malformed(err, "a packet of a type that a server does not send");
	r = addressee(sftp, haw_get_u32(&m), err);
	if (!r)
		return err->code;
	result.code = 0;
	if (type == HAW_FXP_STATUS)
		rc = haw_sftp_status(r, &m, &result);
	else
		rc = haw_sftp_take_result(r, type, &m, &result);
	/* HAW_EPROTOCOL is no status: it concerns the session. */
	if (rc == HAW_EPROTOCOL || rc == HAW_ENOMEM) {
		*err = result;
		return rc;
	}
	haw_sftp_finish(r, rc, &result);
	return 0;
}

static void end_read(struct haw_sftp_request *r)
{
	haw_error err;

	if (r->count > 0) {
		haw_sftp_finish(r, 0, NULL);
		return;
	}
	haw_error_set(&err, HAW_EEND, HAW_FAULT_NONE, 0, "end of file");
	haw_sftp_finish(r, HAW_EEND, &err);
}

/* The head of a DATA reply (draft §7). */
static int take_data_head(struct haw_sftp *sftp, const uint8_t *p, haw_error *err)
{
	uint32_t length = haw_load_be32(p), count = haw_load_be32(p + 9);
	struct haw_sftp_request *r = addressee(sftp, haw_load_be32(p + 5), err);

	if (!r)
		return err->code;
	if (r->expects != HAW_EXPECTS_DATA)
		return malformed(err, "data in answer to a request that has none");
	if (length - (HAW_SFTP_DATA_HEAD - HAW_SFTP_LENGTH) != count)
		return malformed(err, "data whose length contradicts their packet's");
	if (count > r->length)
		return malformed(err, "more data than were asked for");
	if (count == 0) {
		end_read(r);
		return 0;
	}
	sftp->input.request = r;
	sftp->input.body = count;
	return 0;
}

/* Give the data at the start of VIEW to their sink. Returns how many there were. */
static size_t take_body(struct haw_sftp *sftp, haw_span view)
{
	struct haw_sftp_input *in = &sftp->input;
	struct haw_sftp_request *r = in->request;
	uint64_t at = r->offset + r->count;

	if (view.len > in->body)
		view.len = in->body;
	in->body -= (uint32_t)view.len;
	r->count += (uint32_t)view.len;
	/* The last piece ends the request, and its callback may do anything. */
	if (in->body == 0)
		in->request = NULL;
	if (!r->dropped && r->sink)
		r->sink(r->op.user, at, view);
	if (in->body == 0 && !sftp->freed && !sftp->failed)
		end_read(r);
	return view.len;
}

/* How many bytes, from the length on, are needed before the packet at P (of which HAVE bytes are there)
 * can be parsed; 0 if it cannot be right. */
static size_t wanted(const struct haw_sftp *sftp, const uint8_t *p, size_t have)
{
	uint32_t length;

	if (have < HAW_SFTP_HEAD)
		return HAW_SFTP_HEAD;
	length = haw_load_be32(p);
	if (length == 0 || length > HAW_SFTP_REPLY_MAX)
		return 0;
	/* Nothing but VERSION comes first, and every other packet has an id. */
	if (sftp->version_known ? length < 5 : p[4] != HAW_FXP_VERSION)
		return 0;
	if (p[4] != HAW_FXP_DATA)
		return HAW_SFTP_LENGTH + (size_t)length;
	return length < HAW_SFTP_DATA_HEAD - HAW_SFTP_LENGTH ? 0 : HAW_SFTP_DATA_HEAD;
}

static int take(struct haw_sftp *sftp, const uint8_t *p, size_t size, haw_error *err)
{
	if (p[4] == HAW_FXP_DATA)
		return take_data_head(sftp, p, err);
	return take_packet(sftp, p + HAW_SFTP_LENGTH, size - HAW_SFTP_LENGTH, err);
}

static int grow_input(struct haw_sftp_input *in, size_t size, haw_error *err)
{
	size_t capacity = in->capacity ? in->capacity : 256;
	uint8_t *bytes;

	if (size <= in->capacity)
		return 0;
	while (capacity < size)
		capacity *= 2;
	bytes = realloc(in->bytes, capacity);
	if (!bytes)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for an SFTP reply");
	in->bytes = bytes;
	in->capacity = capacity;
	return 0;
}

/* Add VIEW to the packet that is being gathered, and take it once it is whole. Returns how many bytes
 * were used, or a negative code. */
static ptrdiff_t gather(struct haw_sftp *sftp, haw_span view, haw_error *err)
{
	struct haw_sftp_input *in = &sftp->input;
	size_t need = wanted(sftp, in->bytes, in->have), used = 0;
	int rc;

	while (need > in->have && used < view.len) {
		size_t n = need - in->have;

		if (n > view.len - used)
			n = view.len - used;
		rc = grow_input(in, in->have + n, err);
		if (rc < 0)
			return rc;
		memcpy(in->bytes + in->have, view.ptr + used, n);
		in->have += n;
		used += n;
		need = wanted(sftp, in->bytes, in->have);
	}
	if (need == 0)
		return bad_length(sftp, (haw_span){in->bytes, in->have}, err);
	if (in->have < need)
		return (ptrdiff_t)used;
	in->have = 0;
	rc = take(sftp, in->bytes, need, err);
	return rc < 0 ? rc : (ptrdiff_t)used;
}

/* What stands at the start of VIEW, data apart. Returns as gather. */
static ptrdiff_t take_next(struct haw_sftp *sftp, haw_span view, haw_error *err)
{
	size_t need;
	int rc;

	if (sftp->input.have > 0 || view.len < HAW_SFTP_HEAD)
		return gather(sftp, view, err);
	need = wanted(sftp, view.ptr, view.len);
	if (need == 0)
		return bad_length(sftp, view, err);
	if (need > view.len)
		return gather(sftp, view, err);
	rc = take(sftp, view.ptr, need, err);
	return rc < 0 ? rc : (ptrdiff_t)need;
}

void haw_sftp_feed(struct haw_sftp *sftp, haw_span view)
{
	haw_error err;

	sftp->references++;
	sftp->processing = true;
	while (view.len > 0 && !sftp->failed && !sftp->freed) {
		ptrdiff_t used;

		if (sftp->input.body > 0)
			used = (ptrdiff_t)take_body(sftp, view);
		else
			used = take_next(sftp, view, &err);
		if (used < 0) {
			haw_sftp_fail(sftp, &err);
			break;
		}
		view.ptr += used;
		view.len -= (size_t)used;
	}
	haw_sftp_put(sftp);
}

void haw_sftp_batch_end(struct haw_sftp *sftp)
{
	struct haw_sftp_input *in = &sftp->input;
	haw_error err = {.code = 0};

	if (sftp->failed || sftp->freed)
		return;
	sftp->references++;
	sftp->processing = true;
	if (sftp->batch)
		sftp->batch(sftp->batch_user);
	if (sftp->error.code)
		err = sftp->error;
	else if (haw_sftp_flush(sftp, &err) == 0)
		err.code = 0; /* what was overcome on the way is no error */
	sftp->processing = false;
	if (err.code)
		haw_sftp_fail(sftp, &err);
	else
		haw_sftp_release_copied(sftp);
	/* A long reply was rare: its room is not kept. */
	if (in->have == 0 && in->capacity > 16384) {
		free(in->bytes);
		in->bytes = NULL;
		in->capacity = 0;
	}
	haw_sftp_put(sftp);
}
