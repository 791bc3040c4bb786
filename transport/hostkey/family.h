/* SPDX-License-Identifier: Apache-2.0
 *
 * What each family of keys (ed25519.c, ecdsa.c, rsa.c) provides to hostkey.c.
 */
#ifndef HAW_HOSTKEY_FAMILY_H
#define HAW_HOSTKEY_FAMILY_H

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "transport/hostkey/hostkey.h"

struct haw_hostkey_family;

/* A key type is constant data and the family of functions that knows its mathematics. */
struct haw_hostkey_type {
	const char *name;    /* as blobs name it */
	const char *curve;   /* RFC 5656's name, or NULL */
	const char *group;   /* OpenSSL's name of the curve, or NULL */
	uint16_t field_size; /* bytes of a coordinate */
	uint8_t strings;     /* in a blob, behind the type's name: each number and text has its length */
	bool device;	     /* a FIDO device signs (OpenSSH's PROTOCOL.u2f): an application's name follows */
	const struct haw_hostkey_family *family;
};

struct haw_hostkey_family {
	const char *evp_name;       /* what EVP_PKEY_is_a answers to */
	const char *signature_name; /* OpenSSL's name of what signs */
	/* Read what follows the type's name; the caller sees that nothing is left. */
	EVP_PKEY *(*parse)(const struct haw_hostkey_type *type, haw_message *in, haw_error *err);
	/* Write what follows the type's name; false if KEY does not give it. */
	bool (*encode)(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_message *out);
	/* Between the content of the signature string and what EVP makes and takes. RAW is a writer.
	 * NULL where they are the same. */
	bool (*to_wire)(const struct haw_hostkey_type *type, haw_span raw, haw_message *out);
	bool (*from_wire)(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_span wire,
			  haw_message *raw);
};

extern const struct haw_hostkey_family haw_hostkey_ed25519;
extern const struct haw_hostkey_family haw_hostkey_ecdsa;
extern const struct haw_hostkey_family haw_hostkey_rsa;

/* A public key that was read from a blob, which APPLICATION points into. */
struct haw_hostkey_public {
	const struct haw_hostkey_type *type;
	EVP_PKEY *pkey;
	haw_span application; /* of a device's key */
};

/* Read the blob of a key of any type, which is no certificate. OUT->pkey is the caller's. */
int haw_hostkey_read(haw_span blob, struct haw_hostkey_public *out, haw_error *err);

/* The type of KEY, or NULL; the type that NAME names, or NULL. */
const struct haw_hostkey_type *haw_hostkey_find_type(const EVP_PKEY *key);
const struct haw_hostkey_type *haw_hostkey_named_type(haw_span name);

/* Shorthands for errors of what was read and of OpenSSL. */
int haw_hostkey_malformed(haw_error *err, const char *what);
int haw_hostkey_engine_failed(haw_error *err, const char *what);
/* The number called NAME in KEY, to be freed with BN_free, or NULL. */
BIGNUM *haw_hostkey_number(const EVP_PKEY *key, const char *name);

#endif
