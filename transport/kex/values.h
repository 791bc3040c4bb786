/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow of one value each way, which most methods have: the client sends its public value, the
 * server answers with host key, own value and signature. The values are strings (RFC 5656 §4,
 * RFC 8731 §3, hybrids with a key encapsulation, where the server's depends on the client's) or
 * numbers (RFC 4253 §8).
 */
#ifndef HAW_KEX_VALUES_H
#define HAW_KEX_VALUES_H

#include "transport/kex/kex.h"

/* The longest value: a number of 8192 bits; ML-KEM-1024 with a point of P-384 beside it is shorter than
 * twice that. */
#define HAW_VALUE_MAX 2048u

/* First in the state of each family that has this flow: public values as bytes, numbers without
 * leading zeroes. */
struct haw_values {
	haw_message ours, theirs;
};

struct haw_value_flow {
	uint8_t init, reply; /* numbers of the two messages */
	bool is_number;	     /* values travel and are hashed as mpint, else as string */
	/* Judge the peer's VALUE and set the secret. A server's own value stands when it returns. */
	int (*take)(struct haw_kex *kex, haw_span value, haw_error *err);
};

void haw_values_init(struct haw_values *values);
void haw_values_clear(struct haw_values *values);

/* For struct haw_kex_ops whose "flow" is filled in. */
int haw_values_start(struct haw_kex *kex, haw_message *out, haw_error *err);
int haw_values_receive(struct haw_kex *kex, uint8_t number, haw_message *in, haw_message *out,
		       struct haw_kex_reply *reply, haw_error *err);
int haw_values_reply(struct haw_kex *kex, haw_span host_key, haw_span signature, haw_message *out,
		     haw_error *err);
void haw_values_put_hashed(struct haw_kex *kex, haw_message *out);

#endif
