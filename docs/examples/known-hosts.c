/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a key is known for a host: known-hosts FILE HOST PORT KEY.pub [add]
 *
 * With "add" a key of a host that is not known is added. Exit status: 0 known, or added; 1 not known, or
 * an error; 3 another key is known, or this one is revoked.
 *
 * cc -o known-hosts known-hosts.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/known_hosts.h>

static int judge(haw_known_hosts *known, char **argv, const haw_key *key, bool add, haw_error *err)
{
	uint16_t port = (uint16_t)atoi(argv[3]);
	haw_known_hosts_entry entry;
	int result = haw_known_hosts_check(known, argv[2], port, key, &entry, err);

	switch (result) {
	case HAW_KNOWN_MATCH:
		printf("known by %s:%zu\n", entry.file, entry.line);
		return 0;
	case HAW_KNOWN_UNKNOWN:
		printf("not known\n");
		if (!add)
			return 1;
		return haw_known_hosts_add(known, argv[1], argv[2], port, key, HAW_KNOWN_HOSTS_HASH, err);
	case HAW_KNOWN_OTHER_TYPE:
	case HAW_KNOWN_CHANGED:
		printf("%s:%zu has another key: %s %s\n", entry.file, entry.line, entry.key_type,
		       entry.fingerprint);
		return 3;
	case HAW_KNOWN_REVOKED:
		printf("revoked by %s:%zu\n", entry.file, entry.line);
		return 3;
	default:
		return result;
	}
}

int main(int argc, char **argv)
{
	haw_known_hosts_problem problem;
	haw_known_hosts *known;
	haw_error err = {0};
	haw_key *key = NULL;
	int result = -1;

	if (argc != 5 && !(argc == 6 && strcmp(argv[5], "add") == 0)) {
		fprintf(stderr, "usage: known-hosts FILE HOST PORT KEY.pub [add]\n");
		return 2;
	}
	known = haw_known_hosts_new();
	if (!known) {
		haw_error_set(&err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		goto out;
	}
	if (haw_known_hosts_load(known, argv[1], HAW_KNOWN_HOSTS_OPTIONAL, &err) < 0)
		goto out;
	/* Lines that are not understood are skipped, and should not be passed over in silence. */
	for (size_t i = 0; haw_known_hosts_problem_at(known, i, &problem); i++)
		fprintf(stderr, "%s:%zu: %s\n", problem.file, problem.line, problem.reason);
	key = haw_key_load_public(argv[4], &err);
	if (key)
		result = judge(known, argv, key, argc == 6, &err);
out:
	if (result < 0)
		fprintf(stderr, "known-hosts: %s\n", err.message);
	haw_key_free(key);
	haw_known_hosts_free(known);
	return result < 0 ? 1 : result;
}
