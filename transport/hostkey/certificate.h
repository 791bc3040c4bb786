/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of OpenSSH (PROTOCOL.certkeys), of users and of hosts.
 *
 * A certificate blob holds a public key and what an authority, another key, says about it. Reading
 * takes it apart and checks its form; whose signature it bears is checked apart from that, and what
 * it says is judged by haw_certificate_check (hawser/key.h). Everything is bounded by the blob.
 */
#ifndef HAW_HOSTKEY_CERTIFICATE_H
#define HAW_HOSTKEY_CERTIFICATE_H

#include <stdbool.h>

#include "transport/hostkey/hostkey.h"

enum {
	HAW_CERTIFICATE_BLOB_MAX = 65536,
	HAW_CERTIFICATE_PRINCIPALS_MAX = 256	/* as OpenSSH */
};

/* Views into the blob. */
struct haw_certificate_fields {
	const char *type;	/* as the blob names it; constant */
	const char *key_type;	/* of the key inside: "ssh-ed25519"; constant */
	haw_span numbers;	/* of the key inside: what follows the type in its own blob */
	uint64_t serial;
	uint32_t kind;		/* 1: of a user, 2: of a host */
	haw_span key_id;
	haw_span principals;	/* strings */
	uint64_t valid_after, valid_before;
	haw_span critical_options, extensions; /* pairs of strings */
	haw_span authority;	/* key blob */
	haw_span signature;
	haw_span signed_part;
};

/* Does BLOB name itself a certificate? The rest may be malformed. */
bool haw_certificate_is(haw_span blob);
/* Take BLOB apart. HAW_EFORMAT: malformed, of neither kind, names with NUL, options twice or not in
 * order, or an authority that is a certificate itself; HAW_EUNSUPPORTED: a type that is not known. */
int haw_certificate_read(haw_span blob, struct haw_certificate_fields *fields, haw_error *err);
/* Append the blob of the key inside. */
int haw_certificate_put_plain(const struct haw_certificate_fields *fields, haw_message *out, haw_error *err);
/* Is the signature the authority's? HAW_EUNSUPPORTED where it cannot be checked: an authority of a
 * type or size that is not accepted, an algorithm that is not (SHA-1); otherwise the codes of
 * haw_hostkey_verify_blob. */
int haw_certificate_verify(const struct haw_certificate_fields *fields, haw_error *err);
/* The algorithm that made the signature, as it names itself; empty if the signature is malformed. */
haw_span haw_certificate_algorithm(const struct haw_certificate_fields *fields);

#endif
