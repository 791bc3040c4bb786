/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/figures.h"

#include <stdlib.h>
#include <string.h>

struct haw_suite_figures *haw_figures_new(const haw_suite *suite, size_t count)
{
	struct haw_suite_figures *set;

	if (count > HAW_FIGURES_MAX)
		return NULL;
	set = calloc(1, sizeof(*set) + count * sizeof(set->figures[0]));
	if (set) {
		set->suite = suite;
		set->count = count;
	}
	return set;
}

void haw_figures_free(struct haw_suite_figures *list)
{
	while (list) {
		struct haw_suite_figures *next = list->next;

		free(list);
		list = next;
	}
}

const struct haw_suite_figures *haw_figures_of(const struct haw_suite_figures *list, const haw_suite *suite)
{
	while (list && list->suite != suite)
		list = list->next;
	return list;
}

static void copy_text(char *out, const char *text)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < HAW_FIGURE_TEXT; i++)
		out[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
	out[i] = '\0';
}

void haw_figure_name(struct haw_figure *f, const haw_backend *backend)
{
	copy_text(f->backend, backend->name);
	copy_text(f->version, backend->version(backend));
}

static const struct haw_figure *find(const struct haw_suite_figures *set, const haw_backend *backend)
{
	struct haw_figure wanted;

	if (!set)
		return NULL;
	haw_figure_name(&wanted, backend);
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->figures[i].backend, wanted.backend) == 0 &&
		    strcmp(set->figures[i].version, wanted.version) == 0)
			return &set->figures[i];
	return NULL;
}

const struct haw_figure *haw_figure_find(const struct haw_suite_figures *set, const haw_backend *backend)
{
	const struct haw_figure *f = find(set, backend);

	return f && f->rounds[0].speed > 0 ? f : NULL;
}

bool haw_figures_speak(const struct haw_suite_figures *set)
{
	for (size_t i = 0; set && i < set->count; i++)
		if (set->figures[i].rounds[0].speed > 0)
			return true;
	return false;
}

bool haw_figure_exists(const struct haw_suite_figures *set, const haw_backend *backend)
{
	return find(set, backend) != NULL;
}

double haw_figure_advantage(const struct haw_figure *a, const struct haw_figure *b, bool cpu)
{
	double least = 0;

	for (int i = 0; i < HAW_ROUNDS; i++) {
		double ratio =
			cpu ? b->rounds[i].cost / a->rounds[i].cost : a->rounds[i].speed / b->rounds[i].speed;

		if (i == 0 || ratio < least)
			least = ratio;
	}
	return least;
}

static double median(double a, double b, double c)
{
	double low = a < b ? a : b, high = a < b ? b : a;

	return c < low ? low : c > high ? high : c;
}

double haw_figure_speed(const struct haw_figure *f)
{
	return median(f->rounds[0].bulk_speed, f->rounds[1].bulk_speed, f->rounds[2].bulk_speed);
}

double haw_figure_cost(const struct haw_figure *f)
{
	return median(f->rounds[0].bulk_cost, f->rounds[1].bulk_cost, f->rounds[2].bulk_cost);
}
