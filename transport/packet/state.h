/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the packetizer: the state of its two directions.
 */
#ifndef HAW_PACKET_STATE_H
#define HAW_PACKET_STATE_H

#include "transport/packet/jobs.h"
#include "transport/packet/packetizer.h"
#include "transport/packet/queue.h"

enum {
	/* put's and bulk's largest payload: with padding it stays below HAW_PACKET_LENGTH_MAX. */
	HAW_PAYLOAD_MAX = HAW_PACKET_LENGTH_MAX - 256,
	HAW_RAW_MAX = 65536,
	/* Bytes opened ahead of delivery: measured, so that they are still in the second cache level
	 * when the connection reads them. */
	HAW_OPEN_BATCH_BYTES = 256 * 1024
};

/* RFC 4253 §6.4: sequence numbers must not repeat under one key. */
#define HAW_KEY_PACKETS_MAX 0xffffffffu

/* The keys of one direction and how far they have been used. */
struct haw_keyed {
	haw_sealer *engine; /* NULL before the first keys: packets travel in the clear */
	const haw_suite *suite;
	const haw_backend *backend;
	uint32_t seq;	 /* of the next packet */
	uint64_t number; /* packets since the keys were set */
	uint64_t blocks; /* cipher blocks since the keys were set */
	uint64_t bytes;	 /* wire bytes since the keys were set */
	bool reset_seq;	 /* when they come into use */
	uint64_t id;	 /* of the engine: 1, 2, ... */
};

struct haw_outgoing {
	struct haw_keyed keys;
	struct haw_queue queue;
	struct haw_jobs jobs;
	struct haw_wire_buffer *buffer; /* NULL while there is nothing to seal or send */
	size_t fill;	/* bytes that jobs and copies have laid out in it */
	size_t sent;	/* of those, sent */
	bool closed;	/* nothing is added to the buffer until all of it is sent */
	bool held;	/* a bulk packet was taken that did not fit: it waits in the next slot */
	uint32_t key_changes; /* keys in the queue */
	struct haw_keyed last; /* the newest keys, in use or queued, for those who ask */
	const struct haw_bulk_source *source;
	uint64_t packets, bytes;
	int failed;
};

/* What is taken and thrown away behind a packet that is not authentic (discard.c). */
struct haw_discard {
	bool on;
	uint64_t end; /* offset in the stream at which the connection ends */
	uint32_t seq; /* of the packet */
};

struct haw_incoming {
	struct haw_keyed keys; /* how far the stream has been cut */
	struct haw_jobs jobs;
	uint8_t *data;	    /* the fed bytes */
	size_t len;
	uint64_t base;	    /* offset of the first fed byte in the stream */
	uint64_t cut;	    /* offset behind the last packet cut */
	uint64_t delivered; /* offset behind the last packet handed out */
	uint32_t partial;   /* wire size of the packet at CUT if it is known and not all there, else 0 */
	struct haw_discard discard;
	bool single;
	uint32_t seq;	    /* of the next packet to be handed out */
	uint64_t key_packets, key_bytes, packets, bytes; /* handed out */
	int failed;
};

struct haw_packet_state {
	struct haw_packetizer handle;
	const haw_selector *selector;
	struct haw_wire_pool *pool;
	uint64_t rekey_limit;
	uint64_t engines; /* made so far */
	struct haw_outgoing out;
	struct haw_incoming in;
	haw_error out_error, in_error; /* the first error of each direction */
};

/* Advance over a packet of LENGTH (packet_length) and WIRE bytes. */
void haw_keyed_advance(struct haw_keyed *keys, uint32_t length, uint32_t wire);
size_t haw_keyed_tag(const struct haw_keyed *keys);

/* seal.c */
ptrdiff_t haw_seal_output(struct haw_packet_state *p, haw_span *spans, size_t max, haw_error *err);
void haw_seal_sent(struct haw_packet_state *p, size_t n);
/* Collect from the engine; 1 if something finished, 0, or a code. */
int haw_seal_poll(struct haw_packet_state *p, haw_error *err);
/* Put new keys into use: at once if nothing waits, else behind what does. Takes KEYS over. */
int haw_seal_set_keys(struct haw_packet_state *p, const struct haw_keyed *keys, haw_error *err);
void haw_seal_abandon(struct haw_packet_state *p);
void haw_seal_free(struct haw_packet_state *p);

/* discard.c */
/* Whether a packet under the present keys that is not authentic must not end the connection at once. */
bool haw_discard_is_due(const struct haw_packet_state *p);
/* Begin with the packet SEQ at the offset FROM of the stream. What is cut is forgotten as it is done. */
void haw_discard_start(struct haw_packet_state *p, uint64_t from, uint32_t seq);
/* Work on what has come; true once it is all there is to be. */
bool haw_discard_is_over(struct haw_packet_state *p);
uint64_t haw_discard_wants(const struct haw_packet_state *p);

/* open.c */
int haw_open_next(struct haw_packet_state *p, struct haw_packet *packet, haw_error *err);
size_t haw_open_release(struct haw_packet_state *p);
size_t haw_open_wants(const struct haw_packet_state *p);
int haw_open_poll(struct haw_packet_state *p, haw_error *err);
int haw_open_set_keys(struct haw_packet_state *p, const struct haw_keyed *keys, haw_error *err);
void haw_open_abandon(struct haw_packet_state *p);
void haw_open_free(struct haw_packet_state *p);

#endif
