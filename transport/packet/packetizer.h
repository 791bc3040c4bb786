/* SPDX-License-Identifier: Apache-2.0
 *
 * The packetizer: SSH's binary packet protocol (RFC 4253 §6) for both directions of one
 * connection. It numbers, pads, seals and opens packets in batches, accounts for rekeying,
 * and knows nothing of what packets mean.
 *
 *   messages, bulk ──> queue ──> jobs ──seal──> wire buffers (pool) ──output()──> stream
 *   stream ──> receive ring ──feed()──> cut ──open in place──> next() ──> connection
 *
 * No system call, clock or thread. The connection reaches it through the operations table, so
 * that another may stand in its place.
 */
#ifndef HAW_PACKET_PACKETIZER_H
#define HAW_PACKET_PACKETIZER_H

#include <hawser/backend.h>

enum {
	HAW_PAYLOAD_SPANS = HAW_JOB_SPANS - 2, /* of one bulk packet; one more each for header and padding */
	HAW_BULK_HEAD = 64,			/* bytes of message header in a bulk packet */
	HAW_BULK_PAYLOAD = 32768		/* bytes of payload that the connection puts in one packet */
};

/* One packet that came in. The payload is never empty; its first byte is the message number. It
 * lies in the fed bytes (or in memory of the packetizer) until the next release. */
struct haw_packet {
	haw_span payload;
	uint32_t seq;
};

/* One packet of bulk to be sealed straight from where it lies: HEAD (copied with the struct),
 * then the spans, which must stay valid and unchanged until sealed is called with COOKIE. */
struct haw_bulk {
	uint8_t head[HAW_BULK_HEAD];
	uint16_t head_len;
	uint16_t span_count;
	haw_span spans[HAW_PAYLOAD_SPANS];
	void *cookie;
};

/* What the packetizer asks of the connection, inside output(). */
struct haw_bulk_source {
	/* Fill in the next packet of bulk; false if there is none that may be sent now. */
	bool (*next)(void *user, struct haw_bulk *bulk);
	/* A packet taken from next has been sealed: its spans are free. In the order of next. */
	void (*sealed)(void *user, void *cookie);
	void *user;
};

/* Wire buffers, last in first out, shared by the connections of one loop (one thread), and with
 * them what packetizers need only while they work: job tables and random padding. BUFFER_SIZE 0
 * is the measured default, smaller ones than a packet are enlarged; KEEP free ones are kept for
 * the next user. LIMIT bounds how many are lent at a time (0: no bound): at the bound output
 * returns HAW_ENOMEM, loses nothing and may be called again. NULL if out of memory. */
struct haw_wire_pool;
struct haw_wire_pool *haw_wire_pool_new(size_t buffer_size, size_t keep);
void haw_wire_pool_set_limit(struct haw_wire_pool *pool, size_t limit);
void haw_wire_pool_free(struct haw_wire_pool *pool);

enum haw_direction { HAW_OUTGOING = 0, HAW_INCOMING = 1 };

/* Account of one direction under its present keys, and in all. */
struct haw_packet_count {
	uint64_t key_packets, key_bytes; /* since the keys were set */
	uint64_t packets, bytes;	 /* of wire packets since the start */
	uint32_t seq;			 /* of the next packet */
};

struct haw_packetizer {
	const struct haw_packetizer_ops *ops;
};

struct haw_packetizer_ops {
	void (*free)(struct haw_packetizer *p);

	/* ---- Receiving ----
	 * feed tells where the bytes received and not yet released lie now: DATA is the first of
	 * them, LEN their count. Bytes fed before keep their address and content until released, so a
	 * later feed only ever adds at the end (or follows a release). They may be overwritten: packets
	 * are opened in place. next hands out opened packets in sequence: 1, or 0 if none is complete
	 * (or its engine has not finished it), or a negative code, after which nothing works any more.
	 * It cuts and opens a new batch whenever the last one is used up. release ends the life of all
	 * packets handed out and returns how many bytes at the front of the fed bytes are free now. */
	void (*feed)(struct haw_packetizer *p, uint8_t *data, size_t len);
	int (*next)(struct haw_packetizer *p, struct haw_packet *packet, haw_error *err);
	size_t (*release)(struct haw_packetizer *p);
	/* True if next gave nothing only because too much waits for a release. NULL: never. */
	bool (*holds)(struct haw_packetizer *p);
	/* How many more bytes complete the packet that is only partly there; 0 if unknown. */
	size_t (*wants)(struct haw_packetizer *p);
	/* While SINGLE, the next packet may be NEWKEYS: nothing behind an undelivered packet is opened.
	 * Without keys it is always so. Set it as soon as KEXINIT is put, before the next call of next:
	 * a NEWKEYS found inside a batch can only come from a peer that broke the rules, and set_keys
	 * says so. */
	void (*set_single)(struct haw_packetizer *p, bool single);

	/* ---- Sending ----
	 * put queues one small message (copied; at most HAW_PACKET_LENGTH_MAX - 256 bytes). put_raw
	 * queues bytes as they are (the version line). output returns spans of sealed bytes, in order,
	 * at most MAX, that have not been sent yet: if there are none it seals what is queued, and then
	 * bulk, into at most one wire buffer. 0: nothing to send now. Spans stay valid and unchanged
	 * until sent() has counted them off; sent may count any part. put fails with HAW_ENOMEM when
	 * megabytes wait already. The source's functions may call put. Only HAW_ENOMEM leaves output
	 * working; free never calls sealed. */
	int (*put)(struct haw_packetizer *p, haw_span payload, haw_error *err);
	int (*put_raw)(struct haw_packetizer *p, haw_span bytes, haw_error *err);
	void (*set_source)(struct haw_packetizer *p, const struct haw_bulk_source *source);
	ptrdiff_t (*output)(struct haw_packetizer *p, haw_span *spans, size_t max, haw_error *err);
	void (*sent)(struct haw_packetizer *p, size_t n);
	/* Bytes queued by put or sealed that have not been sent. */
	size_t (*pending)(struct haw_packetizer *p);

	/* ---- Keys ----
	 * Take keys into use for everything behind what was put (OUTGOING: what is queued is sealed
	 * under the old keys first) or delivered (INCOMING: behind the packet that next handed out
	 * last, which is NEWKEYS; HAW_EPROTOCOL if packets behind it are open already). RESET_SEQ:
	 * sequence numbers start again at 0 (strict key exchange). */
	int (*set_keys)(struct haw_packetizer *p, enum haw_direction direction, const haw_suite *suite,
			const haw_keys *keys, bool reset_seq, haw_error *err);
	/* From now on payloads are compressed: everything behind what was put, or delivered. A new stream;
	 * set_keys ends it. NULL in a packetizer that cannot (compress.h has one that can). */
	int (*set_compression)(struct haw_packetizer *p, enum haw_direction direction, haw_error *err);
	/* ---- Asynchronous engines ---- poll collects finished work: 1 if something finished, else 0.
	 * fd as haw_sealer_ops has it, -1 if none; busy: true if next or output wait for an engine that
	 * has no descriptor and must be polled. */
	int (*poll)(struct haw_packetizer *p, haw_error *err);
	/* The connection is over: nothing fed and nothing of the source's is read or written any more, and
	 * the source is told of each packet that it gave and that was not sealed, as if it had been. Nothing
	 * works afterwards but accounts and free. */
	void (*abandon)(struct haw_packetizer *p);
	int (*fd)(struct haw_packetizer *p, enum haw_direction direction);
	bool (*busy)(struct haw_packetizer *p);
	/* A number for the engine in use that no other engine of P has; 0 before the first keys. Its
	 * descriptor is another when the number is. */
	uint64_t (*engine)(const struct haw_packetizer *p, enum haw_direction direction);

	void (*count)(const struct haw_packetizer *p, enum haw_direction direction,
		      struct haw_packet_count *count);
	/* True once a soft limit of the suite in either direction asks for a rekey. */
	bool (*wants_rekey)(const struct haw_packetizer *p);
	/* Lower the soft limit of both directions to BYTES under one key; 0: the suite's alone. */
	void (*set_rekey_limit)(struct haw_packetizer *p, uint64_t bytes);
	/* Who protects: NULL before the first keys. */
	const haw_suite *(*suite)(const struct haw_packetizer *p, enum haw_direction direction);
	const haw_backend *(*backend)(const struct haw_packetizer *p, enum haw_direction direction);
};

/* The packetizer of this library. SELECTOR may be NULL and is borrowed, POOL is borrowed. */
struct haw_packetizer *haw_packetizer_new(const haw_selector *selector, struct haw_wire_pool *pool,
					  haw_error *err);

#endif
