/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys and signatures in SSH's formats (RFC 4253 §6.6, RFC 5656, RFC 8332, RFC 8709), for
 * host keys and users' keys alike, over OpenSSL's EVP_PKEY.
 *
 * Everything read comes from a peer or a file: lengths are exact, integers canonical, points on
 * their curve, nothing may follow. No function here blocks or keeps state; any thread.
 */
#ifndef HAW_HOSTKEY_HOSTKEY_H
#define HAW_HOSTKEY_HOSTKEY_H

#include <hawser/message.h>

#include <openssl/types.h>

/* OpenSSH still takes 1024 bits unless told otherwise (RequiredRSASize), but a modulus of that size
 * no longer proves who a host is. */
enum { HAW_RSA_BITS_MIN = 2048, HAW_RSA_BITS_MAX = 16384 };
/* No blob and no signature is longer: an RSA key of 16384 bits takes 2.1 KiB. */
enum { HAW_HOSTKEY_BLOB_MAX = 4096, HAW_SIGNATURE_BLOB_MAX = 4096 };

/* One signature algorithm. */
struct haw_signature_algorithm {
	const char *name;     /* as negotiated and as in signature blobs: "rsa-sha2-256" */
	const char *key_type; /* as in key blobs: "ssh-rsa" */
	const char *digest;   /* NULL: the key's own (Ed25519) */
	const char *curve;    /* ECDSA: "nistp256" */
};

/* The algorithm called NAME, or the one at INDEX, best first; NULL if there is none. Constant data.
 * SHA-1 signatures (ssh-rsa) are not among them. */
const struct haw_signature_algorithm *haw_signature_algorithm_find(const char *name);
const struct haw_signature_algorithm *haw_signature_algorithm_at(size_t index);

/* Whether the OpenSSL at hand, as configured, has what ALGORITHM needs. Any thread. */
bool haw_signature_algorithm_available(const struct haw_signature_algorithm *algorithm);

/* The signature algorithm behind NAME as host keys and authentication name it: an algorithm above, or
 * that of a certificate ("rsa-sha2-256-cert-v01@openssh.com": rsa-sha2-256), which *CERTIFICATE tells.
 * NULL if there is none. */
const struct haw_signature_algorithm *haw_key_algorithm_find(haw_span name, bool *certificate);

/* Can a key whose blob is of TYPE serve the algorithm NAME, the one a certificate as the other? */
bool haw_key_type_serves(const char *type, haw_span name);

/* Read a public key BLOB, strictly: canonical integers, point on the curve, no trailing bytes, RSA
 * within bounds; neither a certificate nor a FIDO device's key. The caller frees the result with
 * EVP_PKEY_free. NULL: HAW_EFORMAT (malformed), HAW_EUNSUPPORTED (type or size), HAW_ECRYPTO. */
EVP_PKEY *haw_hostkey_parse(haw_span blob, haw_error *err);
/* The blob's type name without reading the rest; empty if it is malformed. */
haw_span haw_hostkey_type(haw_span blob);
/* Append KEY's public blob to OUT, without a length in front. HAW_EUNSUPPORTED for other kinds. */
HAW_MUST_USE int haw_hostkey_encode(EVP_PKEY *key, haw_message *out, haw_error *err);
/* The type name of KEY ("ecdsa-sha2-nistp256"), or NULL if SSH has no name for it or its size is
 * out of bounds. */
const char *haw_hostkey_type_of(EVP_PKEY *key);
/* Size in bits as people know it: of the modulus, of the curve; 256 for Ed25519. */
unsigned int haw_hostkey_bits(EVP_PKEY *key);

/* Append a signature blob (string algorithm, string signature) over DATA to OUT, without a length in
 * front. HAW_EINVAL for an ALGORITHM of another key type. */
HAW_MUST_USE int haw_hostkey_sign(EVP_PKEY *key, const char *algorithm, haw_span data, haw_message *out,
				  haw_error *err);
/* 0 only if SIGNATURE is one of ALGORITHM (NULL: any that this type of key serves) by that key over
 * DATA and says so itself; HAW_EINTEGRITY if it is not, HAW_EFORMAT where its strings are malformed,
 * the codes of haw_hostkey_parse for a bad BLOB. Fails closed. */
HAW_MUST_USE int haw_hostkey_verify(EVP_PKEY *key, const char *algorithm, haw_span data, haw_span signature,
				    haw_error *err);
/* The same with the key's BLOB of any type, or a certificate for the key inside it; ALGORITHM as
 * haw_key_algorithm_find has it, and of a certificate only for a certificate and the other way round.
 * The signature itself names the plain algorithm. What the certificate says is not judged here. */
HAW_MUST_USE int haw_hostkey_verify_blob(haw_span blob, const char *algorithm, haw_span data,
					 haw_span signature, haw_error *err);

/* Append what a server signs with the key of BLOB to prove, in the session of SESSION_ID, that it holds it
 * (OpenSSH's PROTOCOL §2.5, hostkeys-prove-00@openssh.com). Either role. */
void haw_hostkey_put_proof(haw_message *out, haw_span session_id, haw_span blob);

#endif
