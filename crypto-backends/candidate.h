/* SPDX-License-Identifier: Apache-2.0
 *
 * The backends that a selector chooses from, and what is remembered of each: what its self-tests said. Those
 * built in are one set per process; those opened by name, or lent by a program, belong to their selector.
 */
#ifndef HAW_CRYPTO_CANDIDATE_H
#define HAW_CRYPTO_CANDIDATE_H

#include <hawser/backend.h>

#include <stdatomic.h>

#include "crypto-backends/composite.h"

/* What the self-test of one suite said. Added at the front of its list, never changed, never removed while
 * the candidate lives. */
struct haw_verdict {
	struct haw_verdict *next;
	const haw_suite *suite;
	const char *failure; /* NULL: passed */
};

/* A suite that the backend failed at while a connection used it. The same. */
struct haw_loss {
	struct haw_loss *next;
	const haw_suite *suite;
};

enum { HAW_BACKEND_NAME_MAX = 255 };

struct haw_candidate {
	const haw_backend *backend;
	struct haw_candidate *next;
	haw_backend *owned; /* the same, if it is to be closed with its selector */
	_Atomic(struct haw_verdict *) verdicts;
	_Atomic(struct haw_loss *) losses;
	/* The same backend beside openssl's MACs, for suites of which it has the cipher only; NULL for
	 * openssl, and for what is itself such a pair. */
	struct haw_candidate *joined;
};

/* A candidate with its pair, as they are stored. */
struct haw_candidate_pair {
	struct haw_candidate alone, joined;
	struct haw_composite composite;
	char name[HAW_BACKEND_NAME_MAX + sizeof("+openssl")];
};

/* Fill in PAIR, which is all zero, for BACKEND. */
void haw_candidate_init(struct haw_candidate_pair *pair, const haw_backend *backend);
/* C, or its pair where that can serve SUITE and C alone cannot. */
struct haw_candidate *haw_candidate_for(struct haw_candidate *c, const haw_suite *suite);

/* The candidate of a built-in backend, by its place in the static order; NULL behind the last. */
struct haw_candidate *haw_candidate_built_in(size_t index);
/* NULL if C may be chosen without the user's word, else why not: where OpenSSL is configured for approved
 * algorithms alone (default_properties = fips=yes), what is no provider of that OpenSSL must be named. */
const char *haw_candidate_outside(const struct haw_candidate *c);
/* NULL if C says that it can serve SUITE here, else why not: no self-test. */
const char *haw_candidate_excuse(const struct haw_candidate *c, const haw_suite *suite);
/* The same with its self-test for that suite, which is run if it never was. Any thread. */
const char *haw_candidate_check(struct haw_candidate *c, const haw_suite *suite);
/* Remember that C was given up for SUITE; false if it is remembered already. Any thread. */
bool haw_candidate_lose(struct haw_candidate *c, const haw_suite *suite);
bool haw_candidate_is_lost(const struct haw_candidate *c, const haw_suite *suite);
/* Forget the verdicts and losses, close what is owned, free; C is the first of a pair of its own. */
void haw_candidate_free(struct haw_candidate *c);

#endif
