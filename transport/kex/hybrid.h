/* SPDX-License-Identifier: Apache-2.0
 *
 * A post-quantum key encapsulation beside X25519, so that whoever would read what was recorded must break
 * both: sntrup761x25519-sha512 (draft-ietf-sshm-ntruprime-ssh), mlkem768x25519-sha256
 * (draft-ietf-sshm-mlkem-hybrid-kex). The client's value is a public key and a point, the server's a
 * ciphertext and a point; K is the hash of both secrets, as a string.
 */
#ifndef HAW_KEX_HYBRID_H
#define HAW_KEX_HYBRID_H

#include "transport/kex/kem.h"
#include "transport/kex/kex.h"

/* A method's parameters are a struct haw_kem; it has the flag HAW_KEX_SECRET_IS_STRING. */
extern const struct haw_kex_ops haw_hybrid_ops;

#endif
