/* SPDX-License-Identifier: Apache-2.0
 *
 * Two connection cores joined in memory: the main test bed. Bytes travel when pair_run says so, in
 * pieces of a size that the test chooses, and may be altered or cut on their way.
 */
#ifndef HAWSER_TESTS_PAIR_H
#define HAWSER_TESTS_PAIR_H

#include "harness.h"
#include "transport/channel/channel.h"
#include "transport/connection/connection.h"
#include "transport/packet/ring.h"

#include <openssl/evp.h>

struct pair;

/* One end and what a test has seen of it. */
struct end {
	struct pair *pair;
	struct haw_connection *c;
	struct haw_ring *ring;
	bool server;
	/* Seen. */
	unsigned keys, auth_successes, auth_failures, ready, refused, eofs, closes, replies, failures,
		log_lines;
	unsigned holds; /* times that packets waited for a release */
	unsigned global_replies, prompts, host_key_questions;
	char methods[256];
	bool partial, closed;
	haw_error error;
	struct haw_chan *chan;
	/* Data received: counted and checked against the expected pattern. */
	uint64_t data_bytes;
	bool data_wrong;
	char last_request[64];
	/* Bytes that left this end. */
	uint64_t out_bytes;
};

struct pair {
	struct end client, server;
	struct haw_wire_pool *pool;
	EVP_PKEY *host_key, *user_key;
	haw_message host_blob, user_blob;
	struct haw_host_identity identity;
	/* How the server answers. */
	const char *password;
	bool need_both;		/* publickey, then password */
	bool interactive;
	bool refuse_host_key, defer_host_key, defer_auth;
	const char *server_methods;
	bool echo;
	/* Interference: at this byte from the client (or server) flip a bit, or cut. 0: none. */
	uint64_t flip_at, cut_at;
	bool of_server;
	size_t piece;		/* bytes a step, 0: all */
	unsigned delay, steps;	/* the server's bytes travel every DELAY steps; 0: always */
	uint64_t now;
	/* What the pattern test sends. */
	uint64_t to_send, sent;
	uint8_t *pattern;
};

enum { PATTERN = 65521 };

/* Options for both ends are changed between init and start. */
struct pair_options {
	struct haw_connection_options client, server;
	const char *host_key_type; /* "ED25519", "EC:P-256", "RSA:2048" */
};

void pair_options_init(struct pair_options *options);
bool pair_start(struct pair *pair, const struct pair_options *options);
void pair_end(struct pair *pair);
/* Move bytes both ways until nothing moves any more. */
void pair_run(struct pair *pair);
/* One step in one direction. */
bool pair_transfer(struct end *from, struct end *to);
/* One step in each direction; false if nothing moved. */
bool pair_step(struct pair *pair);
/* Handshake and public key login; true on success. */
bool pair_login(struct pair *pair);
/* Open a channel after login. */
bool pair_open_channel(struct pair *pair);
/* Queue LEN bytes of the pattern on END's channel, from position AT. */
bool pair_send_pattern(struct end *end, uint64_t at, size_t len);

#endif
