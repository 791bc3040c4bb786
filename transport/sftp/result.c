/* SPDX-License-Identifier: Apache-2.0
 *
 * What replies say, and what operations tell their callers of it.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/sftp/session.h"

static int malformed(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "the SFTP server sent a malformed %s",
			     what);
}

/* ---- STATUS (draft §7) ---- */

/* Names of the codes, and what OpenSSH writes beside each, which adds nothing to the name. */
static const struct {
	const char *plain, *usual;
} statuses[] = {
	[HAW_SFTP_OK] = {.plain = "success", .usual = "Success"},
	[HAW_SFTP_EOF] = {.plain = "end of file", .usual = "End of file"},
	[HAW_SFTP_NO_SUCH_FILE] = {.plain = "no such file or directory", .usual = "No such file"},
	[HAW_SFTP_PERMISSION_DENIED] = {.plain = "permission denied", .usual = "Permission denied"},
	[HAW_SFTP_FAILURE] = {.plain = "the server reports a failure without a reason", .usual = "Failure"},
	[HAW_SFTP_BAD_MESSAGE] = {.plain = "the server could not read the request", .usual = "Bad message"},
	[HAW_SFTP_NO_CONNECTION] = {.plain = "the server has no connection", .usual = "No connection"},
	[HAW_SFTP_CONNECTION_LOST] = {.plain = "the server lost its connection", .usual = "Connection lost"},
	[HAW_SFTP_OP_UNSUPPORTED] = {.plain = "the server cannot do that", .usual = "Operation unsupported"},
};

static int describe(uint32_t status, haw_span text, int code, haw_error *err)
{
	char said[300];
	bool known = status < sizeof(statuses) / sizeof(statuses[0]);

	haw_escape(said, sizeof(said), text.ptr, text.len);
	if (known && (text.len == 0 || haw_span_is(text, statuses[status].usual)))
		haw_error_set(err, code, HAW_FAULT_PEER, 0, "%s", statuses[status].plain);
	else if (text.len == 0)
		haw_error_set(err, code, HAW_FAULT_PEER, 0, "the server answers with status %u", status);
	else if (!known)
		haw_error_set(err, code, HAW_FAULT_PEER, 0, "%s (status %u)", said, status);
	else if (status == HAW_SFTP_FAILURE)
		haw_error_set(err, code, HAW_FAULT_PEER, 0, "%s", said);
	else
		haw_error_set(err, code, HAW_FAULT_PEER, 0, "%s (%s)", statuses[status].plain, said);
	err->reason = status;
	return code;
}

int haw_sftp_status(const struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	uint32_t status = haw_get_u32(m);
	haw_span text = {NULL, 0};
	int code = HAW_ESTATUS;

	/* Servers before version 3 had neither text nor language; some of version 3 still have none. */
	if (haw_message_remainder(m).len > 0) {
		text = haw_get_string(m);
		if (haw_message_remainder(m).len > 0)
			haw_get_string(m);
	}
	if (!haw_message_ok(m) || haw_message_remainder(m).len > 0)
		return malformed(err, "status");
	if (status == HAW_SFTP_OK && r->expects != HAW_EXPECTS_STATUS)
		return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
				     "the SFTP server answered with success where a result is needed");
	if (status == HAW_SFTP_OK)
		return 0;
	if (status == HAW_SFTP_EOF)
		code = HAW_EEND;
	else if (status == HAW_SFTP_NO_SUCH_FILE)
		code = HAW_ENOTFOUND;
	else if (status == HAW_SFTP_OP_UNSUPPORTED)
		code = HAW_EUNSUPPORTED;
	return describe(status, text, code, err);
}

/* ---- Replies with results ---- */

static int take_handle(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_span handle = haw_get_string(m);

	if (!haw_message_ok(m) || handle.len == 0 || handle.len > HAW_SFTP_HANDLE_MAX)
		return malformed(err, "handle");
	r->result.file = haw_file_new(r->sftp, handle);
	if (!r->result.file)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for an open file");
	return 0;
}

/* Entries keep views of a copy of the reply that stands behind them in one piece of memory. An entry takes
 * at least 12 bytes of the reply, so a false count cannot ask for more than some times its size. */
static int take_names(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_span rest;
	uint32_t count = haw_get_u32(m);
	haw_message copy;
	haw_name *names;
	uint8_t *bytes;

	rest = haw_message_remainder(m);
	if (!haw_message_ok(m) || count > rest.len / 12)
		return malformed(err, "list of names");
	names = malloc(count * sizeof(*names) + rest.len + 1);
	if (!names)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				     "out of memory for a list of names");
	r->memory = names;
	bytes = (uint8_t *)(names + count);
	memcpy(bytes, rest.ptr, rest.len);
	haw_message_read(&copy, bytes, rest.len);
	for (uint32_t i = 0; i < count; i++) {
		names[i].name = haw_get_string(&copy);
		names[i].long_name = haw_get_string(&copy);
		haw_attrs_get(&copy, &names[i].attrs);
	}
	if (!haw_message_ok(&copy))
		return malformed(err, "list of names");
	haw_get_bytes(m, haw_message_so_far(&copy).len);
	r->result.list.names = names;
	r->result.list.count = count;
	return 0;
}

static int take_path(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	int rc = take_names(r, m, err);

	/* Exactly one name (draft §6.11). */
	if (rc == 0 && r->result.list.count != 1)
		return malformed(err, "path");
	return rc;
}

static int take_attrs(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_attrs_get(m, &r->result.attrs);
	return haw_message_ok(m) ? 0 : malformed(err, "set of attributes");
}

static int take_statvfs(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_statvfs *s = &r->result.statvfs;
	uint64_t *const fields[] = {&s->block_size,  &s->fragment_size,    &s->blocks,
				    &s->blocks_free, &s->blocks_available, &s->files,
				    &s->files_free,  &s->files_available,  &s->id,
				    &s->flags,       &s->name_max};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i] = haw_get_u64(m);
	return haw_message_ok(m) ? 0 : malformed(err, "description of a file system");
}

/* True if LIST is a row of strings and nothing else. */
static bool is_row(haw_span list)
{
	haw_message m;

	haw_message_read(&m, list.ptr, list.len);
	while (haw_message_ok(&m) && haw_message_remainder(&m).len > 0)
		haw_get_string(&m);
	return haw_message_ok(&m);
}

static int take_id_names(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_span users = haw_get_string(m), groups = haw_get_string(m);
	uint8_t *bytes;

	if (!haw_message_ok(m) || !is_row(users) || !is_row(groups))
		return malformed(err, "list of users and groups");
	bytes = malloc(users.len + groups.len + 1);
	if (!bytes)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
				     "out of memory for a list of users");
	r->memory = bytes;
	if (users.len > 0)
		memcpy(bytes, users.ptr, users.len);
	if (groups.len > 0)
		memcpy(bytes + users.len, groups.ptr, groups.len);
	r->result.ids.users = (haw_span){bytes, users.len};
	r->result.ids.groups = (haw_span){bytes + users.len, groups.len};
	return 0;
}

/* Kept as names of an id are: the algorithm in place of users, the hash in place of groups. ProFTPD leaves
 * out the extension's name, which the draft has in front. */
static int take_hash(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	haw_span name = haw_get_string(m);
	haw_span algorithm = haw_span_is(name, "check-file") ? haw_get_string(m) : name;
	haw_span hash = haw_message_remainder(m);
	uint8_t *bytes;

	if (!haw_message_ok(m) || algorithm.len == 0 ||
	    algorithm.len > HAW_SFTP_ALGORITHM_MAX || hash.len == 0 || hash.len > HAW_SFTP_HASH_MAX)
		return malformed(err, "hash of a file");
	bytes = malloc(algorithm.len + hash.len);
	if (!bytes)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for a hash");
	r->memory = bytes;
	memcpy(bytes, algorithm.ptr, algorithm.len);
	memcpy(bytes + algorithm.len, hash.ptr, hash.len);
	r->result.ids.users = (haw_span){bytes, algorithm.len};
	r->result.ids.groups = (haw_span){bytes + algorithm.len, hash.len};
	return 0;
}

/* The bytes of data that go into one request: what the server names, as far as we have use for it. 0 is
 * "no limit of its own" (OpenSSH's PROTOCOL §4.8). */
static uint64_t data_limit(uint64_t named, uint64_t packet)
{
	uint64_t limit = named == 0 || named > HAW_SFTP_DATA_MAX ? HAW_SFTP_DATA_MAX : named;

	/* Room for the other fields, which OpenSSH counts with 1024 bytes. */
	if (packet > HAW_SFTP_PACKET_DEFAULT && limit > packet - 1024)
		limit = packet - 1024;
	return limit;
}

static int take_limits(struct haw_sftp_request *r, haw_message *m, haw_error *err)
{
	uint64_t packet = haw_get_u64(m), read = haw_get_u64(m), write = haw_get_u64(m),
		 handles = haw_get_u64(m);
	haw_sftp_limits *limits = &r->sftp->limits;

	if (!haw_message_ok(m))
		return malformed(err, "list of limits");
	limits->packet = packet ? packet : HAW_SFTP_DATA_MAX + 1024;
	/* A DATA reply must fit into what we accept, whatever the server would send. */
	limits->read = data_limit(read, HAW_SFTP_REPLY_MAX);
	limits->write = data_limit(write, packet);
	limits->handles = handles;
	return 0;
}

typedef int (*take_fn)(struct haw_sftp_request *r, haw_message *m, haw_error *err);

static const struct {
	uint8_t type;
	bool open_ended; /* later versions may add fields */
	take_fn take;
} replies[] = {
	[HAW_EXPECTS_HANDLE] = {.type = HAW_FXP_HANDLE, .take = take_handle},
	[HAW_EXPECTS_NAMES] = {.type = HAW_FXP_NAME, .take = take_names},
	[HAW_EXPECTS_PATH] = {.type = HAW_FXP_NAME, .take = take_path},
	[HAW_EXPECTS_ATTRS] = {.type = HAW_FXP_ATTRS, .take = take_attrs},
	[HAW_EXPECTS_STATVFS] = {.type = HAW_FXP_EXTENDED_REPLY, .open_ended = true, .take = take_statvfs},
	[HAW_EXPECTS_ID_NAMES] = {.type = HAW_FXP_EXTENDED_REPLY, .open_ended = true, .take = take_id_names},
	[HAW_EXPECTS_HASH] = {.type = HAW_FXP_EXTENDED_REPLY, .open_ended = true, .take = take_hash},
	[HAW_EXPECTS_LIMITS] = {.type = HAW_FXP_EXTENDED_REPLY, .open_ended = true, .take = take_limits},
};

int haw_sftp_take_result(struct haw_sftp_request *r, uint8_t type, haw_message *m, haw_error *err)
{
	int rc;

	if (r->expects >= sizeof(replies) / sizeof(replies[0]) || replies[r->expects].type != type)
		return haw_error_set(
			err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			"the SFTP server answered a request with packet type %u, which does not fit", type);
	rc = replies[r->expects].take(r, m, err);
	if (rc == 0 && !replies[r->expects].open_ended && haw_message_remainder(m).len > 0)
		return malformed(err, "reply with bytes behind its end");
	return rc;
}

/* ---- What operations tell ---- */

/* The request behind OP if it is one of ours that has succeeded and has this kind of result. */
static struct haw_sftp_request *succeeded(const haw_op *op, enum haw_sftp_expects expects)
{
	struct haw_sftp_request *r = (struct haw_sftp_request *)op;

	if (!op || op->ops != &haw_sftp_request_ops || r->expects != expects || haw_op_result(op, NULL) != 0)
		return NULL;
	return r;
}

haw_file *haw_sftp_op_file(haw_op *op)
{
	struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_HANDLE);
	haw_file *file = r ? r->result.file : NULL;

	if (r)
		r->result.file = NULL;
	return file;
}

bool haw_sftp_op_attrs(const haw_op *op, haw_attrs *attrs)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_ATTRS);

	if (r)
		*attrs = r->result.attrs;
	return r != NULL;
}

bool haw_sftp_op_statvfs(const haw_op *op, haw_statvfs *result)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_STATVFS);

	if (r)
		*result = r->result.statvfs;
	return r != NULL;
}

uint32_t haw_sftp_op_count(const haw_op *op)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_DATA);

	return r ? r->count : 0;
}

size_t haw_sftp_op_names(const haw_op *op, const haw_name **names)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_NAMES);

	*names = r ? r->result.list.names : NULL;
	return r ? r->result.list.count : 0;
}

haw_span haw_sftp_op_path(const haw_op *op)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_PATH);

	return r ? r->result.list.names[0].name : (haw_span){NULL, 0};
}

haw_span haw_sftp_op_hash(const haw_op *op, haw_span *algorithm)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_HASH);
	const haw_span none = {NULL, 0};

	*algorithm = r ? r->result.ids.users : none;
	return r ? r->result.ids.groups : none;
}

haw_span haw_sftp_op_id_name(const haw_op *op, bool group, size_t index)
{
	const struct haw_sftp_request *r = succeeded(op, HAW_EXPECTS_ID_NAMES);
	haw_span list, name = {NULL, 0};
	haw_message m;

	if (!r)
		return name;
	list = group ? r->result.ids.groups : r->result.ids.users;
	haw_message_read(&m, list.ptr, list.len);
	do
		name = haw_get_string(&m);
	while (index-- > 0 && haw_message_ok(&m));
	return name;
}
