/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a selector: candidate.c (what can be chosen), module.c (what is loaded and opened), override.c (the
 * user's word), select.c (the choice), serve.c (what is made by it).
 */
#ifndef HAW_CRYPTO_SELECTOR_H
#define HAW_CRYPTO_SELECTOR_H

#include <hawser/backend.h>

#include "crypto-backends/candidate.h"
#include "crypto-backends/figures.h"

/* ALG=NAME as the user gave it. */
struct haw_override {
	struct haw_override *next; /* the one before it: the last one that names a suite holds */
	char *algorithm;
	struct haw_candidate *candidate;
};

/* A module that was loaded. */
struct haw_loaded {
	struct haw_loaded *next;
	const haw_backend_module *module;
};

struct haw_selector {
	struct haw_candidate *added, **added_end; /* behind the built-in ones, in the order of their coming */
	struct haw_override *overrides;
	struct haw_loaded *loaded;
	char *eal, *provider_path, *module_dir;
	void (*log)(void *user, const char *line); /* NULL: nobody listens */
	void *log_user;
	uint32_t prefer;		   /* enum haw_preference, or 0 */
	struct haw_suite_figures *figures; /* what was measured, or read from a file */
};

/* The candidate at INDEX, built-in ones first; NULL behind the last. S may be NULL: the built-in ones. */
struct haw_candidate *haw_selector_candidate_at(const haw_selector *s, size_t index);
/* The candidate whose backend has that name, or is BACKEND; NULL if there is none. */
struct haw_candidate *haw_selector_find(const haw_selector *s, const char *name);
/* Let S choose BACKEND; OWNED (NULL: borrowed) is closed with S. NULL if out of memory. */
struct haw_candidate *haw_selector_append(haw_selector *s, const haw_backend *backend, haw_backend *owned);
/* The candidate of that name, opened if need be. NULL and an error. */
struct haw_candidate *haw_selector_require(haw_selector *s, const char *name, haw_error *err);
/* The user's word for SUITE: the last one that names it and can be kept; NULL if there is none. VAIN receives
 * the last one that names its cipher and cannot be kept, or NULL. */
const struct haw_override *haw_override_find(const haw_selector *s, const haw_suite *suite,
					     const struct haw_override **vain);
void haw_overrides_free(haw_selector *s);
/* Whether BACKEND is one that this library can call: NULL, or what is wrong with it. */
const char *haw_backend_malformed(const haw_backend *backend);
/* A sealer, or an opener if OPENS, by BACKEND; that of one that may fail stands behind a guard, and S (may be
 * NULL) hears and remembers when it is given up. NULL and an error. */
haw_sealer *haw_selector_serve(const haw_selector *s, const haw_backend *backend, const haw_suite *suite,
			       const haw_keys *keys, bool opens, haw_error *err);
/* Whether the directory of modules has one for KIND, which is not loaded for that. S may be NULL. */
bool haw_selector_has_plugin(const haw_selector *s, const char *kind);
/* HAW_ENOMEM with a sentence. */
int haw_selector_no_memory(haw_error *err);

#endif
