/* SPDX-License-Identifier: Apache-2.0
 *
 * What was measured on this machine, by suite and backend, and what follows from it.
 */
#ifndef HAW_CRYPTO_FIGURES_H
#define HAW_CRYPTO_FIGURES_H

#include <hawser/backend.h>

#include "crypto-backends/measure.h"

enum {
	HAW_ROUNDS = 3,
	HAW_FIGURES_MAX = 32, /* backends of one suite */
	HAW_FIGURE_TEXT = 256
};

struct haw_figure {
	char backend[HAW_FIGURE_TEXT], version[HAW_FIGURE_TEXT];
	struct haw_sample rounds[HAW_ROUNDS]; /* all zero: it failed when it was measured */
};

/* The figures of one suite, measured together. */
struct haw_suite_figures {
	struct haw_suite_figures *next;
	const haw_suite *suite;
	size_t count;
	struct haw_figure figures[];
};

/* Put the name and version of BACKEND into F, control characters as blanks. */
void haw_figure_name(struct haw_figure *f, const haw_backend *backend);
/* Room for COUNT figures; NULL if out of memory or COUNT is above HAW_FIGURES_MAX. */
struct haw_suite_figures *haw_figures_new(const haw_suite *suite, size_t count);
void haw_figures_free(struct haw_suite_figures *list);
const struct haw_suite_figures *haw_figures_of(const struct haw_suite_figures *list, const haw_suite *suite);
/* The figure of BACKEND in its present version, if it has been measured and works; else NULL. SET may be
 * NULL. */
const struct haw_figure *haw_figure_find(const struct haw_suite_figures *set, const haw_backend *backend);
/* Whether anything was measured. SET may be NULL. */
bool haw_figures_speak(const struct haw_suite_figures *set);
/* Whether BACKEND in its present version was measured, even in vain. */
bool haw_figure_exists(const struct haw_suite_figures *set, const haw_backend *backend);
/* How many times better A is than B, in the worst of the rounds: by speed, or by CPU time. */
double haw_figure_advantage(const struct haw_figure *a, const struct haw_figure *b, bool cpu);
/* The median of 32 KiB in batches. */
double haw_figure_speed(const struct haw_figure *f);
double haw_figure_cost(const struct haw_figure *f);

#endif
