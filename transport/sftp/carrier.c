/* SPDX-License-Identifier: Apache-2.0
 *
 * A session over a channel: open, subsystem and INIT leave together (RFC 4254 §6.5).
 */
#include <stdlib.h>
#include <string.h>

#include "transport/engine/transport_internal.h"
#include "transport/sftp/session.h"

/* Small requests are copied into the channel's queue. It takes no copies beyond a length of its own,
 * but a request must leave whole: what is refused is lent instead. */
static int send_copied(haw_channel *channel, haw_span bytes, haw_error *err)
{
	ptrdiff_t sent = haw_channel_send(channel, bytes.ptr, bytes.len, err);
	uint8_t *copy;
	haw_span none = {NULL, 0};
	int rc;

	if (sent < 0 && sent != HAW_EAGAIN)
		return (int)sent;
	if (sent > 0) {
		bytes.ptr += sent;
		bytes.len -= (size_t)sent;
	}
	if (bytes.len == 0)
		return 0;
	copy = malloc(bytes.len);
	if (!copy)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for SFTP requests");
	memcpy(copy, bytes.ptr, bytes.len);
	rc = haw_channel_send_ref(channel, none, (haw_span){copy, bytes.len}, free, copy, err);
	if (rc < 0)
		free(copy);
	return rc;
}

static int channel_send(void *stream, haw_span head, haw_span body, void (*release)(void *user), void *user,
			haw_error *err)
{
	if (body.len == 0)
		return send_copied(stream, head, err);
	return haw_channel_send_ref(stream, head, body, release, user, err);
}

static bool channel_pipelines(void *stream)
{
	return haw_transport_peer_pipelines(haw_channel_transport(stream));
}

/* AsyncSSH goes by the draft, but for clients that call themselves OpenSSH or Paramiko. */
static bool channel_link_first(void *stream)
{
	static const char asyncssh[] = "SSH-2.0-AsyncSSH_";
	haw_transport_info info = {.size = sizeof(info)};

	haw_transport_get_info(haw_channel_transport(stream), &info);
	return info.peer_version && strncmp(info.peer_version, asyncssh, sizeof(asyncssh) - 1) == 0;
}

static void channel_close(void *stream)
{
	haw_channel_free(stream);
}

static const struct haw_sftp_carrier channel_carrier = {
	.send = channel_send,
	.pipelines = channel_pipelines,
	.link_first = channel_link_first,
	.close = channel_close,
};

/* ---- Callbacks of the channel ---- */

static size_t on_data(void *user, haw_channel *channel, enum haw_channel_stream stream, haw_span view)
{
	if (stream == HAW_STREAM_DATA)
		haw_sftp_feed(user, view);
	else
		haw_sftp_complain(user, view);
	return view.len;
}

static void on_batch(void *user, haw_channel *channel)
{
	haw_sftp_batch_end(user);
}

static void on_eof(void *user, haw_channel *channel)
{
	haw_sftp_closed(user, NULL);
}

static void on_closed(void *user, haw_channel *channel, const haw_error *error)
{
	haw_sftp_closed(user, error);
}

static void on_open(void *user, haw_op *op)
{
	haw_sftp *sftp = user;
	haw_error err;
	int rc = haw_op_result(op, &err);

	sftp->open_op = NULL;
	haw_op_free(op);
	if (rc == 0) {
		haw_sftp_opened(sftp);
		return;
	}
	haw_error_prefix(&err, "no channel for SFTP");
	haw_sftp_fail(sftp, &err);
}

static void on_subsystem(void *user, haw_op *op)
{
	haw_sftp *sftp = user;
	haw_error err;
	int rc = haw_op_result(op, &err);

	sftp->subsystem_op = NULL;
	haw_op_free(op);
	if (rc == 0)
		return;
	if (rc == HAW_EREFUSED)
		haw_error_set(&err, HAW_EREFUSED, HAW_FAULT_PEER, 0,
			      "the server refuses the sftp subsystem; is it set up there?");
	haw_sftp_fail(sftp, &err);
}

/* ---- Starting ---- */

static int start_channel(struct haw_transport *transport, haw_sftp *sftp, haw_error *err)
{
	const haw_channel_options options = {
		.size = sizeof(options),
		.callbacks =
			{
				.size = sizeof(haw_channel_callbacks),
				.user = sftp,
				.data = on_data,
				.batch = on_batch,
				.eof = on_eof,
				.closed = on_closed,
			},
	};

	sftp->open_op = haw_channel_open_start(transport, &options, &sftp->channel, on_open, sftp, err);
	if (!sftp->open_op)
		return -1;
	sftp->stream = sftp->channel;
	sftp->subsystem_op = haw_channel_subsystem_start(sftp->channel, "sftp", on_subsystem, sftp, err);
	if (!sftp->subsystem_op)
		return -1;
	return haw_sftp_hello(sftp, err);
}

haw_op *haw_sftp_start(struct haw_transport *transport, haw_sftp **result, haw_op_fn done, void *user,
		       haw_error *err)
{
	haw_sftp *sftp =
		haw_sftp_create(haw_transport_loop(transport), &channel_carrier, NULL, done, user, err);
	haw_op *op;

	*result = NULL;
	if (!sftp)
		return NULL;
	op = &sftp->start->op;
	if (start_channel(transport, sftp, err) < 0) {
		haw_op_free(op);
		haw_sftp_free(sftp);
		return NULL;
	}
	*result = sftp;
	return op;
}

haw_sftp *haw_sftp_new(struct haw_transport *transport, int timeout_ms, haw_error *err)
{
	haw_sftp *sftp;
	haw_op *op = haw_sftp_start(transport, &sftp, NULL, NULL, err);
	int rc;

	if (!op)
		return NULL;
	rc = haw_op_wait(op, timeout_ms, err);
	haw_op_free(op);
	if (rc == 0)
		return sftp;
	haw_sftp_free(sftp);
	return NULL;
}
