/* SPDX-License-Identifier: Apache-2.0
 *
 * Both roles of a key exchange against each other, with chosen or fresh ephemeral keys.
 */
#ifndef HAWSER_TESTS_KEX_PAIR_H
#define HAWSER_TESTS_KEX_PAIR_H

#include "harness.h"
#include "transport/kex/ecdh.h"

#define SPAN(text) ((haw_span){(const uint8_t *)(text), sizeof(text) - 1})

struct pair {
	struct haw_kex *client, *server;
	haw_message init, reply; /* the two messages */
	struct haw_kex_transcript client_transcript, server_transcript;
};

/* The private key in LEN bytes, for METHOD's curve; NULL if OpenSSL does not take it. */
EVP_PKEY *pair_private_key(const char *method, const uint8_t *bytes, size_t len);
/* LEN bytes out of hexadecimal digits. */
size_t pair_unhex(const char *digits, uint8_t *out, size_t size);

/* New sides with a transcript; nothing has been sent. */
bool pair_init(struct pair *p, const char *method);
void pair_clear(struct pair *p);
/* Client's message made (in group exchange its second, the group being agreed); server's reply made, with a
 * constant in place of a signature. */
bool pair_make_init(struct pair *p);
bool pair_make_reply(struct pair *p);
/* What a side answers to LEN bytes, kept in memory of that size. */
int pair_feed(struct haw_kex *side, haw_span payload, struct haw_kex_reply *reply, haw_error *err);

#endif
