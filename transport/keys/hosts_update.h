/* SPDX-License-Identifier: Apache-2.0
 *
 * Following the keys of a host (OpenSSH's UpdateHostKeys): what its list of keys would change in the
 * user's files, and the change. By ssh's rules, so that both may take turns at the same files.
 */
#ifndef HAW_KEYS_HOSTS_UPDATE_H
#define HAW_KEYS_HOSTS_UPDATE_H

#include <hawser/config.h>
#include <hawser/known_hosts.h>

enum { HAW_HOSTS_KEYS_MAX = 64 /* of one host: those that it lists, and those that are obsolete */ };

/* A host, by the name that known hosts have, and the keys that it says are its own. */
struct haw_hosts_subject {
	const char *host;
	uint16_t port;
	const haw_key *keys[HAW_HOSTS_KEYS_MAX];
	size_t key_count;
};

/* What the files know of them. */
struct haw_hosts_review {
	bool known[HAW_HOSTS_KEYS_MAX];		/* this key, for this host */
	size_t unknown;				/* how many are not */
	haw_known_hosts_entry obsolete[HAW_HOSTS_KEYS_MAX]; /* lines of the host with keys that it has not */
	size_t obsolete_count;
	const char *hindrance;			/* a sentence: why the files must not be changed; or NULL */
	haw_known_hosts *lines;			/* what OBSOLETE points into */
};

/* Read FILES as they are now. REVIEW is to be freed with haw_hosts_review_free, after an error too. */
int haw_hosts_review(const haw_string_list *files, const struct haw_hosts_subject *subject,
		     struct haw_hosts_review *review, haw_error *err);
void haw_hosts_review_free(struct haw_hosts_review *review);

/* Change the file PATH: with ADD, lines of the host with other keys go, and keys that have no line there
 * get one at its end; without, every line of the host goes. Every other byte stays, as do mode and owner;
 * the file is replaced by a rename, and one that changes meanwhile is read again. A file that is missing is
 * left so. FLAGS: HAW_KNOWN_HOSTS_HASH. Returns whether it was changed (1, 0), or a negative code. */
int haw_hosts_follow(const char *path, const struct haw_hosts_subject *subject, bool add, unsigned int flags,
		     haw_error *err);

/* Of haw_hosts_learn: the host is a new one. */
enum { HAW_HOSTS_IF_UNKNOWN = 1u << 16 };

/* As haw_known_hosts_add, but says whether a line was added (1) or the key stood there already (0). With
 * HAW_HOSTS_IF_UNKNOWN, HAW_EHOSTCHANGED if the file has another key for the host by now, or has KEY revoked:
 * nothing is added then. */
int haw_hosts_learn(haw_known_hosts *kh, const char *path, const char *host, uint16_t port,
		    const haw_key *key, unsigned int flags, haw_error *err);

/* As haw_known_hosts_parse, but of the lines only those count that name HOST at PORT, and those about revoked
 * keys. */
int haw_hosts_parse_for(haw_known_hosts *kh, const char *name, haw_span text, const char *host, uint16_t port,
			haw_error *err);

#endif
