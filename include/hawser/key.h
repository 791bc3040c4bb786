/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: of users and of hosts, with or without their private half.
 *
 * Types: ssh-ed25519 (RFC 8709), ecdsa-sha2-nistp256, -nistp384, -nistp521 (RFC 5656) and ssh-rsa
 * of 2048 to 16384 bits (RFC 4253 §6.6, RFC 8332). Private keys are read from OpenSSH's format
 * (openssh-key-v1, plain or with a passphrase), from PEM (PKCS#1, SEC1, PKCS#8) and from PuTTY's (.ppk,
 * versions 2 and 3; with a passphrase, version 3 needs Argon2, from OpenSSL 3.2 or libargon2).
 * Public only: the keys of FIDO devices, sk-ssh-ed25519@openssh.com and
 * sk-ecdsa-sha2-nistp256@openssh.com (OpenSSH's PROTOCOL.u2f), which an agent signs with.
 *
 * A key may come as a certificate (OpenSSH's PROTOCOL.certkeys, type "...-cert-v01@openssh.com"): the
 * same functions read it, and haw_key_certificate tells what it says.
 *
 * A key never changes once it exists. References are counted, and every function here may be
 * called from any thread, on one key from several at once. Only the functions that name a file
 * wait for the disk; none waits for the network. Deriving a key from a passphrase takes tens of
 * milliseconds of CPU, by intention.
 */
#ifndef HAWSER_KEY_H
#define HAWSER_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_key haw_key;

/* Bytes of "SHA256:" and 43 digits, of "MD5:" and 16 pairs, with the terminating NUL. */
#define HAW_FINGERPRINT_SIZE 64

/* ---- Private keys ---- */

/* Read the private key file PATH. PASSPHRASE is NULL for none and ignored where the key has none.
 * An .ssh-style comment comes with the key. Returns a key that the caller frees, or NULL:
 *   HAW_ESYSTEM      the file cannot be read (sys_errno), or it belongs to this user and others
 *                    may read it (sys_errno is EACCES), which is refused as ssh(1) does
 *   HAW_EPASSPHRASE  a passphrase is needed, or the one given is wrong
 *   HAW_EFORMAT      not a private key, or a damaged one
 *   HAW_EUNSUPPORTED a type, size or cipher that is not supported */
HAW_API haw_key *haw_key_load_private(const char *path, const char *passphrase, haw_error *err);
/* The same from LEN bytes of DATA, a whole file's content. Does not wait for anything. */
HAW_API haw_key *haw_key_parse_private(const void *data, size_t len, const char *passphrase, haw_error *err);
/* The public half of the private key file PATH, without its passphrase if that is possible: from
 * the file itself (OpenSSH's format has it in clear), else from PATH.pub. ENCRYPTED, if not NULL,
 * receives whether the private half needs a passphrase. So a client offers the key first and asks
 * for the passphrase only once the server wants it. Errors as haw_key_load_private; where the
 * public half cannot be had without the passphrase, HAW_EPASSPHRASE with *ENCRYPTED true. */
HAW_API haw_key *haw_key_public_from_private_file(const char *path, bool *encrypted, haw_error *err);

/* Make a new key. TYPE is "ed25519", "ecdsa" or "rsa", or a full type name such as
 * "ecdsa-sha2-nistp384". BITS is 0 for the default (ecdsa: 256, rsa: 3072); ed25519 ignores it.
 * COMMENT may be NULL. Uses OpenSSL's generator; seconds of CPU for a large RSA key. */
HAW_API haw_key *haw_key_generate(const char *type, unsigned int bits, const char *comment, haw_error *err);

/* Write the private key to the new file PATH (mode 0600) in OpenSSH's format; PASSPHRASE, if not
 * NULL or empty, protects it (bcrypt with ROUNDS rounds, 0: 16; aes256-ctr). A file that exists is
 * never overwritten: HAW_ESYSTEM with EEXIST. A key without a private half is HAW_EINVAL. */
HAW_API HAW_MUST_USE int haw_key_write_private(const haw_key *key, const char *path, const char *passphrase,
					       unsigned int rounds, haw_error *err);
/* The same as text (PEM armour included) appended to the writer OUT, which wipes it when freed. */
HAW_API HAW_MUST_USE int haw_key_format_private(const haw_key *key, haw_message *out, const char *passphrase,
						unsigned int rounds, haw_error *err);

/* ---- Public keys ---- */

/* From a key blob, as host keys and authentication requests carry it (RFC 4253 §6.6). */
HAW_API haw_key *haw_key_from_blob(haw_span blob, haw_error *err);
/* From a line "TYPE BASE64 [COMMENT]", as .pub files have it. */
HAW_API haw_key *haw_key_parse_public(const void *line, size_t len, haw_error *err);
/* From the first key line of the file PATH. */
HAW_API haw_key *haw_key_load_public(const char *path, haw_error *err);
/* Append "TYPE BASE64 COMMENT" without a newline to the writer OUT; no blank behind BASE64 where
 * there is no comment. */
HAW_API HAW_MUST_USE int haw_key_format_public(const haw_key *key, haw_message *out, haw_error *err);
/* Write that line to the file PATH (mode 0644), which must not exist. */
HAW_API HAW_MUST_USE int haw_key_write_public(const haw_key *key, const char *path, haw_error *err);

/* ---- References ---- */

/* Another reference to KEY, to be freed like the first; returns KEY. */
HAW_API haw_key *haw_key_ref(const haw_key *key);
/* Drop a reference; the last one wipes the private half. NULL is allowed. */
HAW_API void haw_key_free(haw_key *key);

/* ---- Properties. Strings and views live as long as the key. ---- */

/* "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "ssh-ed25519-cert-v01@openssh.com", ... */
HAW_API const char *haw_key_type(const haw_key *key);
/* A short name for people: "ED25519", "ECDSA", "RSA", "ED25519-SK", "ECDSA-SK", with "-CERT" behind it
 * for a certificate. */
HAW_API const char *haw_key_type_short(const haw_key *key);
/* The public key blob; of a certificate, the whole certificate. */
HAW_API haw_span haw_key_blob(const haw_key *key);
/* Size in bits, as ssh-keygen -l shows it: of the modulus, of the curve; 256 for ed25519. */
HAW_API unsigned int haw_key_bits(const haw_key *key);
/* The comment, in the bytes of its file (haw_escape it for a terminal); "" if there is none. */
HAW_API const char *haw_key_comment(const haw_key *key);
/* "SHA256:" and base64 without padding; of a certificate, that of the key inside. */
HAW_API const char *haw_key_fingerprint(const haw_key *key);
/* Write "MD5:" and pairs of hexadecimal digits to OUT; returns OUT, or NULL where OpenSSL refuses
 * MD5 (FIPS). */
HAW_API char *haw_key_fingerprint_md5(const haw_key *key, char out[HAW_FINGERPRINT_SIZE]);
/* Whether the private half is there, so that haw_key_sign works. */
HAW_API bool haw_key_can_sign(const haw_key *key);
/* Whether A and B have the same public half and, if they are certificates, the same certificate. */
HAW_API bool haw_key_equal(const haw_key *a, const haw_key *b);

/* ---- Signatures ---- */

/* The INDEX-th algorithm that keys of this type serve, as host keys and authentication name it, best
 * first, or NULL behind the last: rsa-sha2-512, rsa-sha2-256 for ssh-rsa (SHA-1 is not offered), else
 * the type itself. Of a certificate "rsa-sha2-512-cert-v01@openssh.com" and so on, which go with its
 * blob; its signatures are those of the plain key and name the plain algorithm. */
HAW_API const char *haw_key_algorithm_at(const haw_key *key, size_t index);
/* Sign DATA with ALGORITHM (NULL: the first of haw_key_algorithm_at) and append the signature blob,
 * string algorithm and string signature (RFC 4253 §6.6), to the writer OUT, without a length in
 * front. ALGORITHM may be the plain one or that of a certificate. HAW_EINVAL without a private half or for
 * an algorithm of another type. */
HAW_API HAW_MUST_USE int haw_key_sign(const haw_key *key, const char *algorithm, haw_span data,
				      haw_message *out, haw_error *err);
/* Whether SIGNATURE (a signature blob) is KEY's over DATA; ALGORITHM, if not NULL, must be the one
 * that the blob names, or that of a certificate over it. A FIDO device must say that somebody touched
 * it. What a certificate says is not judged here. 0, HAW_EINTEGRITY where it is not, HAW_EINVAL for an
 * algorithm of another type, HAW_EFORMAT for a malformed blob. */
HAW_API HAW_MUST_USE int haw_key_verify(const haw_key *key, const char *algorithm, haw_span data,
					haw_span signature, haw_error *err);

/* ---- Certificates ---- */

enum haw_certificate_kind {
	HAW_CERTIFICATE_USER = 1,
	HAW_CERTIFICATE_HOST = 2
};

typedef struct haw_certificate_option {
	const char *name;	/* "force-command", "permit-pty", ... */
	haw_span data;		/* as it stands there: empty, or one string in its own right */
} haw_certificate_option;

/* What a certificate says. Strings are the peer's or the file's bytes, without NUL: haw_escape them for a
 * terminal. */
typedef struct haw_certificate {
	size_t size;			/* of this struct in the library; fields are added at its end */
	enum haw_certificate_kind kind;
	uint64_t serial;
	const char *key_id;		/* a name that the authority gave it, for logs */
	const char *const *principals;	/* users or hosts that it is for; none: any */
	size_t principal_count;
	uint64_t valid_after;		/* seconds since 1970: from this one on, */
	uint64_t valid_before;		/* until before this one; UINT64_MAX: for ever */
	const haw_certificate_option *critical_options; /* whoever does not know one must refuse */
	size_t critical_option_count;
	const haw_certificate_option *extensions;
	size_t extension_count;
	haw_span authority;		/* key blob of who signed it; never a certificate */
	const char *authority_type;	/* "ssh-ed25519", ... */
	char authority_fingerprint[HAW_FINGERPRINT_SIZE];
	const char *signature_algorithm; /* "rsa-sha2-512", ... */
	bool verified;			/* the signature is the authority's. False where it cannot be checked:
					 * made by SHA-1, or by a key of a type or size that is not
					 * accepted. A wrong signature is no certificate at all */
} haw_certificate;

/* What KEY says as a certificate, or NULL if it is a plain key. Lives as long as KEY. */
HAW_API const haw_certificate *haw_key_certificate(const haw_key *key);
/* The key without its certificate: a reference for the caller to free. The same key if it is plain. */
HAW_API haw_key *haw_key_plain(const haw_key *key, haw_error *err);
/* KEY, plain and usually private, with CERTIFICATE, which must be for that key: a new key that offers the
 * certificate and signs with KEY. NULL: HAW_EINVAL if CERTIFICATE is none, or is for another key. */
HAW_API haw_key *haw_key_with_certificate(const haw_key *key, const haw_key *certificate, haw_error *err);

/* What a certificate must say to be accepted. */
typedef struct haw_certificate_rules {
	size_t size;			/* sizeof(haw_certificate_rules) */
	enum haw_certificate_kind kind;
	const char *principal;		/* must be among its principals, exactly; NULL: not asked */
	bool principal_required;	/* a certificate that is for any principal is refused */
	uint64_t now;			/* seconds since 1970 */
	const char *algorithms;		/* the authority's signature is one of these ("a,b,c"); NULL: any that
					 * this library has */
	const char *options;		/* critical options that the caller obeys ("a,b"); NULL: none */
} haw_certificate_rules;

/* Whether CERTIFICATE is in order by RULES: signed by the authority it names, of the kind asked for, valid
 * now, for the principal, without a critical option that the caller does not know. That the authority is
 * one to be trusted is for the caller to know (known_hosts.h does for hosts). 0, or HAW_EREFUSED and a
 * sentence that tells why not. */
HAW_API HAW_MUST_USE int haw_certificate_check(const haw_certificate *certificate,
					       const haw_certificate_rules *rules, haw_error *err);

/* ---- Revocation ---- */

/* Whether the file PATH revokes KEY: a list of public keys, a line each, or a key revocation list as
 * ssh-keygen -k makes it (OpenSSH's PROTOCOL.krl; its signatures are not asked for). A certificate is
 * revoked too by what names its authority, its serial or its key id. 0: it is not. HAW_EREFUSED: it is.
 * A file that cannot be read or understood is HAW_ESYSTEM, HAW_ELIMIT (over 64 MiB) or HAW_EFORMAT: then
 * nothing is known, and whoever asked should refuse. Waits for the disk. */
HAW_API HAW_MUST_USE int haw_key_check_revoked(const haw_key *key, const char *path, haw_error *err);

#ifdef __cplusplus
}
#endif
#endif
