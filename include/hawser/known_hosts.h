/* SPDX-License-Identifier: Apache-2.0
 *
 * Known hosts: which keys belong to which hosts, in the files and the format of ssh(1)
 * (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
 *
 * Any number of files is loaded into one handle, which remembers where each line came from.
 * Names may be hashed (|1|salt|hash), hold the wildcards * and ?, be negated with !, and name a
 * port ([host]:port). @revoked lines are obeyed; @cert-authority lines name the authorities whose
 * certificates are believed for a host, and say nothing about plain keys. A line that cannot be
 * understood is skipped and reported (haw_known_hosts_problem_at), as ssh(1) skips it.
 *
 * Threads: several may look things up at once; while one loads, adds or removes, no other may use
 * the handle. The functions that name a file wait for the disk; no other waits for anything.
 */
#ifndef HAWSER_KNOWN_HOSTS_H
#define HAWSER_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/key.h>
#include <hawser/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_known_hosts haw_known_hosts;

/* Bounds: a larger file is HAW_ELIMIT, a longer line is a problem and skipped. */
#define HAW_KNOWN_HOSTS_FILE_MAX (64u << 20)
#define HAW_KNOWN_HOSTS_LINE_MAX 65536u

/* Flags of loading and adding. */
enum haw_known_hosts_flags {
	HAW_KNOWN_HOSTS_OPTIONAL = 1,	/* load: a file that does not exist is empty, not an error */
	HAW_KNOWN_HOSTS_HASH = 2	/* add: hash the host's name, as HashKnownHosts asks */
};

/* ---- Loading ---- */

/* An empty handle; NULL if out of memory. */
HAW_API haw_known_hosts *haw_known_hosts_new(void);
HAW_API void haw_known_hosts_free(haw_known_hosts *kh);
/* Add the entries of the file PATH behind those there. HAW_ESYSTEM, HAW_ELIMIT, HAW_ENOMEM; after
 * an error nothing of that file has been added. */
HAW_API HAW_MUST_USE int haw_known_hosts_load(haw_known_hosts *kh, const char *path, unsigned int flags,
					      haw_error *err);
/* The same from LEN bytes of TEXT; NAME stands for the file in messages. */
HAW_API HAW_MUST_USE int haw_known_hosts_parse(haw_known_hosts *kh, const char *name, const void *text,
					       size_t len, haw_error *err);

/* A line that was skipped. Strings live until the handle is freed; REASON is a sentence, safe to
 * show. */
typedef struct haw_known_hosts_problem {
	const char *file;
	size_t line;	/* 1 is the first */
	const char *reason;
} haw_known_hosts_problem;

/* The INDEX-th problem in order of loading; false behind the last. At most 1000 are kept. */
HAW_API bool haw_known_hosts_problem_at(const haw_known_hosts *kh, size_t index,
					haw_known_hosts_problem *problem);

/* ---- Checking a host's key ---- */

enum haw_known_hosts_result {
	HAW_KNOWN_MATCH = 1,	/* this key is known for this host */
	HAW_KNOWN_UNKNOWN = 2,	/* no key is known for this host */
	HAW_KNOWN_OTHER_TYPE = 3, /* keys are known, none of this type. An attacker can choose the type
				 * that he presents: ssh(1) counts this as changed */
	HAW_KNOWN_CHANGED = 4,	/* another key of this type is known: refuse */
	HAW_KNOWN_REVOKED = 5	/* a @revoked line names this key: refuse, whatever else is known */
};

enum haw_known_hosts_marker {
	HAW_MARKER_NONE = 0,
	HAW_MARKER_REVOKED = 1,
	HAW_MARKER_CERT_AUTHORITY = 2
};

/* One line. Pointers are borrowed and live until the line is removed or the handle freed. */
typedef struct haw_known_hosts_entry {
	const char *file;
	size_t line;		/* 1 is the first */
	int marker;		/* enum haw_known_hosts_marker */
	const char *names;	/* the host field as it stands there, in the file's bytes */
	const char *key_type;	/* "ssh-ed25519", ...; may be a type that this library cannot use */
	haw_span blob;		/* for haw_key_from_blob */
	char fingerprint[HAW_FINGERPRINT_SIZE]; /* "SHA256:..." */
} haw_known_hosts_entry;

/* What is known of HOST (a name or address without brackets; case does not matter) at PORT (0: 22)
 * with KEY. For ports other than 22 the name is [HOST]:PORT; only if nothing is known under that
 * name, the same KEY under the bare HOST is a match too, as in ssh(1). MATCH, if not NULL, receives
 * the line that decided: the one that matches, revokes, or holds the other key; file is NULL if the
 * result is HAW_KNOWN_UNKNOWN. Any one line that matches is enough, wherever it stands.
 * KEY may be a certificate: HAW_KNOWN_MATCH then means that a @cert-authority line for the host has the
 * key that signed it, HAW_KNOWN_CHANGED that such lines have others only, HAW_KNOWN_REVOKED that the
 * authority or the key inside is revoked. Whether the certificate itself is in order is for
 * haw_certificate_check; a certificate that is not believed still holds a plain key (haw_key_plain),
 * which ssh(1) then judges by itself.
 * Returns a result above, or HAW_EINVAL. */
HAW_API HAW_MUST_USE int haw_known_hosts_check(const haw_known_hosts *kh, const char *host, uint16_t port,
					       const haw_key *key, haw_known_hosts_entry *match,
					       haw_error *err);
/* The key types known for HOST at PORT, each once, in the order of the lines, markers apart: to put
 * the algorithms in front that the host can prove itself by. Stores at most MAX pointers to constant
 * strings in TYPES and returns how many there are. A type "ssh-rsa" stands for rsa-sha2-512 and
 * rsa-sha2-256 too. */
HAW_API size_t haw_known_hosts_key_types(const haw_known_hosts *kh, const char *host, uint16_t port,
					 const char **types, size_t max);
/* Whether a @cert-authority line names HOST at PORT: then certificates are worth asking for first. */
HAW_API bool haw_known_hosts_has_authority(const haw_known_hosts *kh, const char *host, uint16_t port);

/* ---- Listing ---- */

/* The INDEX-th entry in order of loading; false behind the last. */
HAW_API bool haw_known_hosts_at(const haw_known_hosts *kh, size_t index, haw_known_hosts_entry *entry);
/* The next entry at *INDEX or behind that names HOST at PORT; *INDEX moves behind it. Start with 0;
 * false if there is none. */
HAW_API bool haw_known_hosts_find(const haw_known_hosts *kh, const char *host, uint16_t port, size_t *index,
				  haw_known_hosts_entry *entry);
/* The name under which HOST at PORT is stored, lower case: "host" or "[host]:port"; with HASH as
 * |1|salt|hash with a fresh salt. HAW_ELIMIT if SIZE is too small (1100 bytes always do), HAW_EINVAL
 * for a name that a line cannot carry (blanks, commas, wildcards, controls). */
HAW_API HAW_MUST_USE int haw_known_hosts_name(const char *host, uint16_t port, bool hash, char *out,
					      size_t size, haw_error *err);

/* ---- Changing ---- */

/* Append a line for HOST at PORT with KEY (of a certificate: the key inside) to the file PATH and to the
 * handle. A missing directory of
 * the file is made (one level, mode 0700), a missing file too (0600). The line goes out in one
 * append; no line of the user's is touched. It is not added a second time if the file has it by now: that is
 * looked up under a lock of the file (flock), which may wait for another program for a second.
 * FLAGS: HAW_KNOWN_HOSTS_HASH. */
HAW_API HAW_MUST_USE int haw_known_hosts_add(haw_known_hosts *kh, const char *path, const char *host,
					     uint16_t port, const haw_key *key, unsigned int flags,
					     haw_error *err);
/* Remove from the file PATH, and from the handle, every line that names HOST at PORT literally or
 * hashed (as ssh-keygen -R; lines that only match by a wildcard or carry a marker stay). The other
 * lines keep their bytes: the new content replaces the file by a rename, keeping its mode. Returns
 * how many were removed, or a negative code. */
HAW_API HAW_MUST_USE int haw_known_hosts_remove(haw_known_hosts *kh, const char *path, const char *host,
						uint16_t port, haw_error *err);

#ifdef __cplusplus
}
#endif
#endif
