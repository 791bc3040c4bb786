/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring what a selector can choose from. The backends of a suite take turns, so that what else the
 * machine does meets all of them.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/drive.h"
#include "crypto-backends/selector.h"

#define MILLISECOND UINT64_C(1000000)

enum { THOROUGH_SLICE_MS = 1, PATIENCE_MS = 5000 };

/* One calibration. */
struct calibration {
	haw_selector *s;
	struct haw_meter_memory *memory;
	uint64_t slice_ns, deadline_ns;
	bool quick;
};

/* The backends of one suite that take turns. */
struct contest {
	struct haw_candidate *candidates[HAW_FIGURES_MAX];
	struct haw_meter *meters[HAW_FIGURES_MAX];
	size_t count;
};

static void enter(const haw_selector *s, const haw_suite *suite, struct contest *contest)
{
	struct haw_candidate *c;

	contest->count = 0;
	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)) && contest->count < HAW_FIGURES_MAX; i++) {
		c = haw_candidate_for(c, suite);
		if (!haw_candidate_excuse(c, suite))
			contest->candidates[contest->count++] = c;
	}
}

/* Whether all of them have been measured together. */
static bool settled(const haw_selector *s, const haw_suite *suite, const struct contest *contest)
{
	const struct haw_suite_figures *set = haw_figures_of(s->figures, suite);

	for (size_t i = 0; i < contest->count; i++)
		if (!haw_figure_exists(set, contest->candidates[i]->backend))
			return false;
	return true;
}

static uint64_t round_deadline(const struct calibration *c)
{
	uint64_t patience = haw_drive_now_ns() + PATIENCE_MS * MILLISECOND;

	return patience < c->deadline_ns ? patience : c->deadline_ns;
}

/* A backend that failed is out, and keeps a figure that says so. */
static void drop(struct contest *contest, size_t i, struct haw_figure *f)
{
	haw_meter_free(contest->meters[i]);
	contest->meters[i] = NULL;
	memset(f->rounds, 0, sizeof(f->rounds));
}

static void make_meters(const struct calibration *c, struct contest *contest, struct haw_suite_figures *set)
{
	for (size_t i = 0; i < contest->count; i++) {
		struct haw_candidate *candidate = contest->candidates[i];

		haw_figure_name(&set->figures[i], candidate->backend);
		if (haw_drive_now_ns() < c->deadline_ns && !haw_candidate_check(candidate, set->suite))
			contest->meters[i] = haw_meter_new(candidate->backend, set->suite, c->memory);
	}
}

/* One backend in one turn; the first one is for warming up. */
static enum haw_round take_turn(const struct calibration *c, struct haw_meter *meter, int round,
				struct haw_figure *f)
{
	struct haw_sample warm;

	if (round < 0)
		return haw_meter_round(meter, 0, true, round_deadline(c), &warm);
	return haw_meter_round(meter, c->slice_ns, c->quick, round_deadline(c), &f->rounds[round]);
}

/* False if time ran out. */
static bool take_turns(const struct calibration *c, struct contest *contest, struct haw_suite_figures *set)
{
	for (int round = -1; round < HAW_ROUNDS; round++) {
		for (size_t i = 0; i < contest->count; i++) {
			enum haw_round result = HAW_ROUND_DONE;

			if (contest->meters[i])
				result = take_turn(c, contest->meters[i], round, &set->figures[i]);
			if ((result == HAW_ROUND_LATE && c->quick) || haw_drive_now_ns() >= c->deadline_ns)
				return false;
			if (result != HAW_ROUND_DONE)
				drop(contest, i, &set->figures[i]);
		}
	}
	return true;
}

static void keep(haw_selector *s, struct haw_suite_figures *set)
{
	struct haw_suite_figures **at = &s->figures, *old;

	while (*at && (*at)->suite != set->suite)
		at = &(*at)->next;
	old = *at;
	set->next = old ? old->next : NULL;
	*at = set;
	free(old);
}

/* What time was too short for is not tried again until something changes or somebody asks: figures that say
 * nothing. */
static void give_up(const struct contest *contest, struct haw_suite_figures *set)
{
	for (size_t i = 0; i < contest->count; i++) {
		memset(set->figures[i].rounds, 0, sizeof(set->figures[i].rounds));
		haw_figure_name(&set->figures[i], contest->candidates[i]->backend);
	}
}

/* 0, or HAW_ENOMEM. */
static int measure(const struct calibration *c, const haw_suite *suite, struct contest *contest)
{
	struct haw_suite_figures *set = haw_figures_new(suite, contest->count);
	bool done = false;

	if (!set)
		return HAW_ENOMEM;
	memset(contest->meters, 0, sizeof(contest->meters));
	if (haw_drive_now_ns() < c->deadline_ns) {
		make_meters(c, contest, set);
		done = take_turns(c, contest, set);
	}
	for (size_t i = 0; i < contest->count; i++)
		if (contest->meters[i])
			haw_meter_free(contest->meters[i]);
	if (!done)
		give_up(contest, set);
	keep(c->s, set);
	return 0;
}

int haw_selector_calibrate(haw_selector *s, const haw_suite *const *suites, size_t count,
			   const haw_calibration_options *options, haw_error *err)
{
	haw_calibration_options o = {0};
	struct calibration c = {.s = s, .deadline_ns = UINT64_MAX};
	const struct haw_override *vain;
	struct contest contest;
	int measured = 0;

	memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	c.quick = o.budget_ns > 0;
	c.slice_ns = c.quick ? 0 : THOROUGH_SLICE_MS * MILLISECOND;
	if (c.quick)
		c.deadline_ns = haw_drive_now_ns() + o.budget_ns;
	for (size_t i = 0; i < count; i++) {
		enter(s, suites[i], &contest);
		if ((!o.again && settled(s, suites[i], &contest)) ||
		    (!o.all && (contest.count < 2 || haw_override_find(s, suites[i], &vain))))
			continue;
		if (o.progress)
			o.progress(o.user, suites[i]);
		if (!c.memory)
			c.memory = haw_meter_memory_new();
		if (!c.memory || measure(&c, suites[i], &contest) < 0) {
			measured = haw_selector_no_memory(err);
			break;
		}
		measured++;
	}
	haw_meter_memory_free(c.memory);
	return measured;
}
