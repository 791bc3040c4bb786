/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside an SFTP session. It needs a byte stream (struct haw_sftp_carrier: a channel, or a
 * test's pipe) and knows nothing else of SSH.
 *
 *   path.c file.c extension.c     one function a request: begin, put the fields, submit
 *            |
 *   request.c   slots (id -> request), send buffer of 32 KiB, one flush a batch
 *            |
 *        carrier   --- views --->   reply.c   cuts packets, streams DATA to sinks
 *                                      |
 *                                   result.c  fields of a reply, what an operation has to tell
 *
 * An id is generation << 16 | index of the slot, so a reply finds its request without a search, and
 * one for a request that is not under way is noticed.
 *
 * A request is held by up to three: its caller (the haw_op), its slot until the reply has come, and the
 * stream while it refers to data of a WRITE. The session is held by its owner and by every request,
 * file and buffer, so each of these may be freed in any order, and in any callback.
 */
#ifndef HAW_SFTP_SESSION_H
#define HAW_SFTP_SESSION_H

#include <hawser/sftp.h>

#include "transport/engine/op.h"
#include "transport/wire/load.h"

/* Packet types (draft-ietf-secsh-filexfer-02 §3). */
enum haw_fxp {
	HAW_FXP_INIT = 1,
	HAW_FXP_VERSION = 2,
	HAW_FXP_OPEN = 3,
	HAW_FXP_CLOSE = 4,
	HAW_FXP_READ = 5,
	HAW_FXP_WRITE = 6,
	HAW_FXP_LSTAT = 7,
	HAW_FXP_FSTAT = 8,
	HAW_FXP_SETSTAT = 9,
	HAW_FXP_FSETSTAT = 10,
	HAW_FXP_OPENDIR = 11,
	HAW_FXP_READDIR = 12,
	HAW_FXP_REMOVE = 13,
	HAW_FXP_MKDIR = 14,
	HAW_FXP_RMDIR = 15,
	HAW_FXP_REALPATH = 16,
	HAW_FXP_STAT = 17,
	HAW_FXP_RENAME = 18,
	HAW_FXP_READLINK = 19,
	HAW_FXP_SYMLINK = 20,
	HAW_FXP_STATUS = 101,
	HAW_FXP_HANDLE = 102,
	HAW_FXP_DATA = 103,
	HAW_FXP_NAME = 104,
	HAW_FXP_ATTRS = 105,
	HAW_FXP_EXTENDED = 200,
	HAW_FXP_EXTENDED_REPLY = 201
};

enum {
	HAW_SFTP_VERSION = 3,
	HAW_SFTP_LENGTH = 4,             /* the length in front of a packet */
	HAW_SFTP_HEAD = 5,               /* length and type */
	HAW_SFTP_DATA_HEAD = 13,         /* length, type, id and count of a DATA reply */
	HAW_SFTP_REPLY_MAX = 256 * 1024, /* longest packet accepted, as OpenSSH has it */
	HAW_SFTP_HANDLE_MAX = 256,       /* draft §6.2 */
	HAW_SFTP_ALGORITHM_MAX = 64,	 /* a name of a hash, and the hash */
	HAW_SFTP_HASH_MAX = 64,
	HAW_SFTP_OUT = 32 * 1024,   /* gathered before it is sent; also the longest request without data */
	HAW_SFTP_HEAD_MAX = 4096,   /* head of haw_channel_send_ref */
	HAW_SFTP_COPY_MAX = 8192,   /* data of a WRITE up to here are copied: no dearer than lending them
				     * (measured at 4 KiB), and a batch's small writes leave as one piece */
	HAW_SFTP_HELD_MAX = 64,     /* buffers that wait for the server's version */
	HAW_SFTP_SLOTS_MAX = 65536, /* requests under way */
	HAW_SFTP_SPARE_MAX = 2048,  /* requests and files kept for the next ones */
	HAW_SFTP_DATA_DEFAULT = 32768, /* bytes of one READ or WRITE where the server names no limit; every
					* implementation takes this (draft §3: packets of 34000 bytes) */
	HAW_SFTP_PACKET_DEFAULT = 34000,
	HAW_SFTP_DATA_MAX = 256 * 1024,
	HAW_SFTP_STDERR_MAX = 200 /* of the server's complaints, kept for the error message */
};

/* What a request is answered with, STATUS with an error apart. */
enum haw_sftp_expects {
	HAW_EXPECTS_STATUS,
	HAW_EXPECTS_HANDLE,
	HAW_EXPECTS_DATA,
	HAW_EXPECTS_NAMES,
	HAW_EXPECTS_PATH,
	HAW_EXPECTS_ATTRS,
	HAW_EXPECTS_STATVFS,
	HAW_EXPECTS_ID_NAMES,
	HAW_EXPECTS_LIMITS,
	HAW_EXPECTS_HASH,
	HAW_EXPECTS_VERSION /* the operation of haw_sftp_start; has no slot */
};

struct haw_sftp_request {
	struct haw_op op; /* first: the caller's handle */
	struct haw_sftp *sftp;
	struct haw_sftp_request *next; /* spare ones, or writes copied and not flushed */
	uint32_t id;
	uint8_t expects; /* enum haw_sftp_expects */
	uint8_t references;
	bool dropped;           /* nobody wants the result: cancelled, ended, or our own request */
	bool pinned;            /* the caller was not told yet that its data are free again */
	bool copied;            /* data small enough to be copied */
	bool answered;          /* the reply has come while pinned */
	uint32_t length, count; /* READ, WRITE: bytes asked for, bytes arrived */
	uint64_t offset;
	haw_sink_fn sink;
	void (*sealed)(void *user);
	haw_error *late; /* why it failed, while answered and pinned */
	int late_code;
	void *memory; /* behind the views of the result */
	union {
		haw_file *file;
		haw_attrs attrs;
		haw_statvfs statvfs;
		struct {
			haw_name *names;
			size_t count;
		} list;
		struct {
			haw_span users, groups;
		} ids;
	} result;
};

struct haw_file {
	struct haw_sftp *sftp;
	struct haw_file *next; /* spare ones */
	uint32_t handle_len;
	uint8_t handle[HAW_SFTP_HANDLE_MAX];
};

/* The byte stream under a session. */
struct haw_sftp_carrier {
	/* As haw_channel_send_ref: all of HEAD and BODY is queued, or it fails. */
	int (*send)(void *carrier, haw_span head, haw_span body, void (*release)(void *user), void *user,
		    haw_error *err);
	/* May requests follow INIT before VERSION has come? Asked once the stream is open. */
	bool (*pipelines)(void *carrier);
	/* Does the server take the paths of SYMLINK in the draft's order? NULL: in OpenSSH's. */
	bool (*link_first)(void *carrier);
	/* End the stream, release what is queued, and free. */
	void (*close)(void *carrier);
};

struct haw_sftp_buffer {
	struct haw_sftp *sftp;
	struct haw_sftp_buffer *next;
	size_t len;
	uint8_t data[HAW_SFTP_OUT];
};

struct haw_sftp_slot {
	struct haw_sftp_request *request;
	uint32_t next; /* free slots: index + 1, or 0 */
	uint16_t generation;
};

/* Where the cutting of packets stands. */
struct haw_sftp_input {
	uint8_t *bytes; /* a header or small packet that views have split */
	size_t have, capacity;
	struct haw_sftp_request *request; /* whose DATA are coming */
	uint32_t body;                    /* bytes of them to come */
};

struct haw_sftp {
	const struct haw_sftp_carrier *carrier;
	void *stream; /* the carrier's; NULL once closed */
	struct haw_loop *loop;
	struct haw_channel *channel; /* NULL over other carriers */
	struct haw_op *open_op, *subsystem_op;
	unsigned references;
	bool freed, failed, processing, sending, version_known, limits_asked;
	haw_error error;                     /* once failed */
	char complaint[HAW_SFTP_STDERR_MAX]; /* what the server wrote to its standard error */
	size_t complaint_len;

	uint32_t extensions;
	haw_sftp_limits limits;
	struct haw_sftp_request *start;

	struct haw_sftp_slot *slots;
	uint32_t slot_count, slot_free, pending;
	uint64_t pending_bytes;

	struct haw_sftp_buffer *out, *held_first, *held_last, *spare_buffer;
	unsigned held_count;
	struct haw_sftp_request *copied; /* small writes whose callers are to be told so */
	haw_message message;             /* the request that is being written, at the end of OUT */

	struct haw_sftp_input input;
	void (*batch)(void *user);
	void *batch_user;

	struct haw_sftp_request *spare_requests;
	struct haw_file *spare_files;
	unsigned spare_request_count, spare_file_count;
};

/* ---- session.c ---- */

/* A session over STREAM, which becomes its own also on failure. The operation's request is
 * sftp->start. */
struct haw_sftp *haw_sftp_create(struct haw_loop *loop, const struct haw_sftp_carrier *carrier, void *stream,
				 haw_op_fn done, void *user, haw_error *err);
/* Send INIT. */
int haw_sftp_hello(struct haw_sftp *sftp, haw_error *err);
/* The stream is open: requests may go now, if this peer takes them. */
void haw_sftp_opened(struct haw_sftp *sftp);
/* VERSION has come. M stands behind the type. */
int haw_sftp_take_version(struct haw_sftp *sftp, haw_message *m, haw_error *err);
/* The request for limits has ended. */
void haw_sftp_limits_ended(struct haw_sftp *sftp);
/* End the session: everything under way fails with ERR. */
void haw_sftp_fail(struct haw_sftp *sftp, const haw_error *err);
/* The server wrote VIEW to its standard error. */
void haw_sftp_complain(struct haw_sftp *sftp, haw_span view);
/* The stream has ended; ERR (may be NULL) tells why. */
void haw_sftp_closed(struct haw_sftp *sftp, const haw_error *err);
/* End an operation without its callback. */
void haw_sftp_abandon(struct haw_sftp_request *request);
void haw_sftp_put(struct haw_sftp *sftp);

/* ---- send.c ---- */

/* Begin a request of SIZE bytes of fields (written to sftp->message by the caller) and BODY bytes of
 * data behind them. NULL on failure. */
struct haw_sftp_request *haw_sftp_begin(struct haw_sftp *sftp, enum haw_sftp_expects expects,
					enum haw_fxp type, size_t size, uint32_t body, haw_op_fn done,
					void *user, haw_error *err);
/* The same for an extension; SIZE does not count its name, which is written already. HAW_EUNSUPPORTED
 * where the server is known not to have it. */
struct haw_sftp_request *haw_sftp_begin_extended(struct haw_sftp *sftp, enum haw_sftp_expects expects,
						 enum haw_sftp_extension extension, size_t size,
						 haw_op_fn done, void *user, haw_error *err);
/* Queue what was begun. Returns the operation, or NULL. */
struct haw_op *haw_sftp_submit(struct haw_sftp_request *request, haw_error *err);
/* The same for a WRITE: with data that are copied (counted in the size that was begun), or that the
 * stream refers to (counted as body). */
struct haw_op *haw_sftp_submit_copy(struct haw_sftp_request *request, haw_span data, haw_error *err);
struct haw_op *haw_sftp_submit_body(struct haw_sftp_request *request, haw_span body, haw_error *err);
/* Hand what was gathered to the stream. */
int haw_sftp_flush(struct haw_sftp *sftp, haw_error *err);

/* ---- request.c ---- */

struct haw_sftp_request *haw_sftp_request_new(struct haw_sftp *sftp, haw_op_fn done, void *user);
void haw_sftp_request_put(struct haw_sftp_request *request);
extern const struct haw_op_ops haw_sftp_request_ops;
/* Make sure that a slot is free. */
int haw_sftp_grow_slots(struct haw_sftp *sftp, haw_error *err);
void haw_sftp_take_slot(struct haw_sftp_request *request);
void haw_sftp_leave_slot(struct haw_sftp_request *request);
/* REQUEST moves LENGTH bytes of data. */
void haw_sftp_account(struct haw_sftp_request *request, uint32_t length);
/* The stream no longer refers to the data of this request. */
void haw_sftp_release_data(void *request);
/* Nobody waits for this one, which has been submitted. */
void haw_sftp_disown(struct haw_sftp_request *request);
/* Tell the callers of small writes, which were copied, that their data are free again. */
void haw_sftp_release_copied(struct haw_sftp *sftp);
/* The request under way with this id, or NULL. */
struct haw_sftp_request *haw_sftp_find(struct haw_sftp *sftp, uint32_t id);
/* The reply to a request has come, or never will. */
void haw_sftp_finish(struct haw_sftp_request *request, int code, const haw_error *err);
/* The operation has ended: tell its caller. */
void haw_sftp_complete(struct haw_sftp_request *request, int code, const haw_error *err);

/* ---- reply.c ---- */

/* Bytes from the server. */
void haw_sftp_feed(struct haw_sftp *sftp, haw_span view);
/* No view of the batch is used any more after this. */
void haw_sftp_batch_end(struct haw_sftp *sftp);

/* ---- result.c ---- */

/* Take the fields of a reply that succeeded. M stands behind the id. */
int haw_sftp_take_result(struct haw_sftp_request *request, uint8_t type, haw_message *m, haw_error *err);
/* What a STATUS says, as an error. Returns its code, 0 for OK. */
int haw_sftp_status(const struct haw_sftp_request *request, haw_message *m, haw_error *err);

/* ---- extension.c ---- */

/* The name of the extension with this bit. */
const char *haw_sftp_extension_name(enum haw_sftp_extension extension);
/* The bit of an extension that the server announces, 0 if it is none of ours. */
uint32_t haw_sftp_extension_bits(haw_span name, haw_span version);
/* What a request for a hash has behind its path or handle. */
size_t haw_sftp_check_size(const char *algorithms);
void haw_sftp_put_check(haw_message *m, const char *algorithms, uint64_t offset, uint64_t len);

/* ---- attrs.c ---- */

size_t haw_attrs_size(const haw_attrs *attrs);
void haw_attrs_put(haw_message *m, const haw_attrs *attrs);
void haw_attrs_get(haw_message *m, haw_attrs *attrs);

/* ---- file.c ---- */

struct haw_file *haw_file_new(struct haw_sftp *sftp, haw_span handle);
/* Give back the memory only. */
void haw_file_forget(struct haw_file *file);

#endif
