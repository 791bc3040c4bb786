/* SPDX-License-Identifier: Apache-2.0
 *
 * The MAC of a suite, over packets and their sequence numbers. Also for ciphers of other backends, see
 * crypto-backends/compose.h.
 */
#ifndef HAW_OPENSSL_MAC_H
#define HAW_OPENSSL_MAC_H

#include <hawser/backend.h>

#include "crypto-backends/openssl/hmac.h"
#include "crypto-backends/openssl/openssl.h"
#include "crypto-backends/openssl/umac.h"

/* Zeroed: no MAC, all of whose functions succeed and do nothing. */
struct haw_mac {
	struct haw_hmac hmac;
	struct haw_umac *umac; /* NULL: HMAC */
	uint8_t kind;          /* enum haw_mac_kind */
	size_t size;           /* of the tag */
};

/* NULL if the MAC of SUITE can be made of SOURCE's algorithms, else why not: constant text. Any thread. */
const char *haw_mac_refuses(struct haw_openssl_source *source, const haw_suite *suite);
/* Each returns false if OpenSSL failed; its error queue says why. After a failed init, free. */
bool haw_mac_init(struct haw_mac *m, struct haw_openssl_source *source, const haw_suite *suite,
		  const uint8_t *key);
bool haw_mac_start(struct haw_mac *m, uint32_t seq);
bool haw_mac_update(struct haw_mac *m, const void *data, size_t len);
/* Writes m->size bytes. */
bool haw_mac_finish(struct haw_mac *m, uint8_t *tag);
/* Finish, and compare with RECEIVED in constant time: 0, HAW_EINTEGRITY, or HAW_ECRYPTO. */
int haw_mac_judge(struct haw_mac *m, const uint8_t *received);
void haw_mac_free(struct haw_mac *m);

#endif
