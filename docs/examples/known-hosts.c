/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a key is known for a host: known-hosts FILE HOST PORT KEY.pub [add]
 *
 * KEY.pub may be a host certificate: then FILE must name its authority (@cert-authority), and it must be in
 * order for the host; otherwise the key inside is judged by itself, as ssh does. With "add" a key of a host
 * that is not known is added. Exit status: 0 known, or added; 1 not known, or an error; 3 another key is
 * known, or this one is revoked.
 *
 * cc -o known-hosts known-hosts.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* 0 if the certificate decides, 1 if the key inside has to be judged. */
static int judge_certificate(haw_known_hosts *known, char **argv, const haw_key *key, haw_error *err)
{
	const haw_certificate *certificate = haw_key_certificate(key);
	const haw_certificate_rules rules = {
		.size = sizeof(rules),
		.kind = HAW_CERTIFICATE_HOST,
		.principal = argv[2],
		.now = (uint64_t)time(NULL),
	};
	haw_known_hosts_entry entry;
	char id[256];
	int result = haw_known_hosts_check(known, argv[2], (uint16_t)atoi(argv[3]), key, &entry, err);

	printf("certificate \"%s\" by %s\n",
	       haw_escape(id, sizeof(id), certificate->key_id, strlen(certificate->key_id)),
	       certificate->authority_fingerprint);
	if (result == HAW_KNOWN_REVOKED) {
		printf("it, or its authority, is revoked by %s:%zu\n", entry.file, entry.line);
		return 3;
	}
	if (result == HAW_KNOWN_MATCH && haw_certificate_check(certificate, &rules, err) == 0) {
		printf("its authority is known by %s:%zu\n", entry.file, entry.line);
		return 0;
	}
	printf("not believed: %s\n", result == HAW_KNOWN_MATCH ? err->message : "its authority is not known");
	return 1;
}

static int judge_any(haw_known_hosts *known, char **argv, const haw_key *key, bool add, haw_error *err)
{
	haw_key *plain;
	int result;

	if (haw_key_certificate(key)) {
		result = judge_certificate(known, argv, key, err);
		if (result != 1)
			return result;
	}
	plain = haw_key_plain(key, err);
	result = plain ? judge(known, argv, plain, add, err) : -1;
	haw_key_free(plain);
	return result;
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
		result = judge_any(known, argv, key, argc == 6, &err);
out:
	if (result < 0)
		fprintf(stderr, "known-hosts: %s\n", err.message);
	haw_key_free(key);
	haw_known_hosts_free(known);
	return result < 0 ? 1 : result;
}
