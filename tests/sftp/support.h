/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP session whose server is the test: what it sends is gathered, what it receives is written
 * here. Replies are given to it inside a turn of a real loop, as a channel would.
 */
#ifndef HAWSER_TESTS_SFTP_SUPPORT_H
#define HAWSER_TESTS_SFTP_SUPPORT_H

#include "transport/sftp/session.h"
#include "harness.h"

enum { PEER_SENT_MAX = 1 << 20, PEER_HELD_MAX = 64 };

struct peer {
	haw_loop *loop;
	haw_sftp *sftp;
	haw_op *start;
	uint8_t sent[PEER_SENT_MAX];
	size_t sent_len, sent_read;
	unsigned sends; /* calls of the carrier */
	bool pipelines, hold, closed, broken;
	struct {
		void (*release)(void *user);
		void *user;
	} held[PEER_HELD_MAX]; /* references not released yet, with HOLD */
	unsigned held_count;
	haw_message reply; /* replies written and not fed */
	size_t mark;
};

/* A fresh session. PIPELINES: as the carrier answers. */
bool peer_open(struct peer *p, bool pipelines);
/* The same, its version and limits known: all extensions, and limits as OpenSSH has them. */
bool peer_open_ready(struct peer *p);
void peer_close(struct peer *p);
/* Release the references that were held. */
void peer_release(struct peer *p);

/* The next request that was sent, from its type on; empty if there is none. */
haw_span peer_next(struct peer *p);
/* Its type and id. */
uint8_t peer_type(haw_span request);
uint32_t peer_id(haw_span request);

/* Begin and end a reply; its fields are written to p->reply between. */
void reply_begin(struct peer *p, uint8_t type, uint32_t id);
void reply_end(struct peer *p);
void reply_status(struct peer *p, uint32_t id, uint32_t status, const char *text);
void reply_handle(struct peer *p, uint32_t id, const char *handle);
void reply_data(struct peer *p, uint32_t id, const void *data, size_t len);
void reply_version(struct peer *p, bool extensions);

/* Feed bytes, cut into views of STEP bytes (0: one view), with the batch's end behind, in one turn. */
void peer_feed_bytes(struct peer *p, haw_span bytes, size_t step);
/* Feed what was written with the functions above, and forget it. */
void peer_feed(struct peer *p);
/* Call FN from inside a turn of the loop. */
void peer_turn(struct peer *p, void (*fn)(void *user), void *user);

#endif
