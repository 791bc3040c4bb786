/* SPDX-License-Identifier: Apache-2.0
 *
 * Two packetizers, one sending to the other, with every byte between them in the test's hands.
 */
#ifndef HAWSER_TESTS_PACKET_PAIR_H
#define HAWSER_TESTS_PACKET_PAIR_H

#include "harness.h"

#include "transport/packet/packetizer.h"
#include "transport/packet/state.h"

enum {
	TEST_NEWKEYS = 21, /* message number, RFC 4253 §12 */
	TEST_DATA = 94
};

/* Bytes that came out of a packetizer. */
struct wire {
	uint8_t *data;
	size_t len;
};

/* The receiving end: of LEN bytes at DATA, GIVEN have been fed and BASE released. */
struct receiver {
	struct haw_packetizer *p;
	uint8_t *data;
	size_t len, given, base;
	uint32_t expected; /* index of the next message */
	haw_error err;
};

struct pair {
	struct haw_wire_pool *pool;
	struct haw_packetizer *from, *to;
};

/* The selector of all packetizers here: NULL, the library's own choice, or, if HAWSER_TEST_BACKEND names a
 * backend (as in tests/crypto), one that chooses it wherever it can. */
const haw_selector *pair_selector(void);
/* Whether that selector gives SUITE to the backend that HAWSER_TEST_BACKEND names. */
bool pair_selects(const haw_suite *suite);
void pair_open(struct pair *pair);
void pair_close(struct pair *pair);

/* Keys made from SEED; they live in one static place until the next call. */
const haw_keys *test_keys(const haw_suite *suite, unsigned seed);
/* Give one direction of P the keys of SEED; BACKEND may be NULL: the selector's choice. */
int use_keys(struct haw_packetizer *p, enum haw_direction direction, const haw_suite *suite,
	     const haw_backend *backend, unsigned seed, haw_error *err);
/* Give an engine made elsewhere to one direction of P. */
int use_engine(struct haw_packetizer *p, enum haw_direction direction, const haw_suite *suite,
	       haw_sealer *engine, haw_error *err);
/* Keys for both ends of the pair. */
bool pair_keys(struct pair *pair, const haw_suite *suite, const haw_backend *backend, unsigned seed);

/* The content of message INDEX of SIZE bytes: its first byte is NUMBER. */
void message_fill(uint8_t *out, size_t size, uint32_t index, uint8_t number);
bool message_is(haw_span payload, size_t size, uint32_t index, uint8_t number);
bool put_message(struct haw_packetizer *p, size_t size, uint32_t index, uint8_t number);

/* Take all that P has to send, polling its engine as needed, and append it to WIRE. */
bool drain(struct haw_packetizer *p, struct wire *wire);
void wire_append(struct wire *wire, const void *data, size_t len);
void wire_free(struct wire *wire);

/* Start receiving a private copy of WIRE. */
void receiver_open(struct receiver *r, struct haw_packetizer *p, const struct wire *wire);
void receiver_close(struct receiver *r);
/* Feed N bytes more (bounded by what there is). */
void receiver_give(struct receiver *r, size_t n);
/* The next packet, polling the engine while it is busy: 1, 0, or a code, as next has it. */
int receiver_next(struct receiver *r, struct haw_packet *packet);
void receiver_release(struct receiver *r);

/* Deterministic random numbers. */
uint32_t test_random(uint32_t *state, uint32_t below);

/* Walk over the suites that BACKEND (NULL: the selector's choice) serves here. */
bool suite_served(const haw_suite *suite, const haw_backend *backend);

#endif
