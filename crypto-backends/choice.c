/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of every backend beside a suite, and which ciphers are fast.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/cpu.h"
#include "crypto-backends/registry.h"
#include "crypto-backends/selector.h"

/* ---- Backends of this and other builds ---- */

static void describe(const haw_selector *s, struct haw_candidate *c, const haw_suite *suite,
		     haw_choice *choice)
{
	const struct haw_figure *f;

	choice->name = c->backend->name;
	choice->backend = c->backend;
	choice->unusable = haw_candidate_check(c, suite);
	f = haw_figure_find(haw_figures_of(s ? s->figures : NULL, suite), c->backend);
	if (f && !choice->unusable) {
		choice->bytes_per_second = haw_figure_speed(f);
		choice->ns_per_byte = haw_figure_cost(f);
	}
}

/* Whether C has a place in the list of SUITE: it can serve it, or could somewhere. */
static bool listed(const struct haw_candidate *c, const haw_suite *suite)
{
	return haw_registry_could(c->backend->name, suite) || !haw_candidate_excuse(c, suite);
}

static int find(const haw_selector *s, const haw_suite *suite, size_t index, haw_choice *choice)
{
	struct haw_candidate *c, *able;
	const char *name, *why;

	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)); i++) {
		able = haw_candidate_for(c, suite);
		if (listed(c, suite) && index-- == 0)
			return describe(s, c, suite, choice), 0;
		if (able != c && index-- == 0)
			return describe(s, able, suite, choice), 0;
	}
	for (size_t i = 0; (name = haw_registry_other(i, &why)); i++) {
		if (!haw_registry_could(name, suite) || index-- > 0)
			continue;
		choice->name = name;
		choice->unusable = why;
		if (strcmp(name, "cryptodev") == 0 && !haw_selector_has_plugin(s, name))
			choice->unusable = "its module, which needs DPDK when it is built, is not installed";
		return 0;
	}
	return HAW_EEND;
}

int haw_selector_choice(const haw_selector *s, const haw_suite *suite, size_t index, haw_choice *choice)
{
	haw_choice full = {.size = choice->size};
	int result = find(s, suite, index, &full);

	if (result == 0)
		memcpy(choice, &full, full.size < sizeof(full) ? full.size : sizeof(full));
	return result;
}

/* ---- Fast ciphers ---- */

enum { SORTED_MAX = 64 };

struct ranked {
	const char *name;
	size_t len, place;
	double measured; /* bytes a second; 0: not known */
	int known;       /* the less the faster */
};

/* With instructions for AES and for its authentication GCM is far ahead; without, AES is slow and leaks time.
 */
static int known_rank(const haw_suite *suite)
{
	uint32_t f = haw_cpu_features();
	bool aes = ((f & HAW_CPU_AESNI) && (f & HAW_CPU_PCLMUL)) ||
		   ((f & HAW_CPU_ARM_AES) && (f & HAW_CPU_PMULL));
	int rank;

	switch (suite->cipher_kind) {
	case HAW_CIPHER_AES_GCM:
		rank = aes ? 0 : 2;
		break;
	case HAW_CIPHER_CHACHA20_POLY1305:
		rank = 1;
		break;
	case HAW_CIPHER_AES_CTR:
		rank = aes ? 2 : 3;
		break;
	case HAW_CIPHER_AES_CBC:
		rank = 4;
		break;
	default:
		rank = 5;
	}
	return rank * 1000 + suite->key_size;
}

static double measured_speed(const haw_selector *s, const haw_suite *suite)
{
	const haw_backend *chosen = haw_selector_choose(s, suite, NULL, 0);
	const struct haw_figure *f =
		chosen ? haw_figure_find(haw_figures_of(s ? s->figures : NULL, suite), chosen) : NULL;

	return f ? haw_figure_speed(f) : 0;
}

/* Beside the first MAC that goes with it, which is the one that a peer would choose most often. */
static const haw_suite *suite_beside(const char *cipher, const char *macs)
{
	const haw_suite *suite = haw_suite_find(cipher, NULL);
	char mac[128];

	while (!suite && *macs) {
		size_t len = strcspn(macs, ",");

		if (len < sizeof(mac)) {
			memcpy(mac, macs, len);
			mac[len] = '\0';
			suite = haw_suite_find(cipher, mac);
		}
		macs += len;
		macs += *macs == ',';
	}
	return suite;
}

static void rank(const haw_selector *s, const char *macs, struct ranked *r)
{
	char cipher[128];
	const haw_suite *suite = NULL;

	if (r->len < sizeof(cipher)) {
		memcpy(cipher, r->name, r->len);
		cipher[r->len] = '\0';
		suite = suite_beside(cipher, macs);
	}
	r->known = suite ? known_rank(suite) : INT32_MAX;
	r->measured = suite ? measured_speed(s, suite) : 0;
}

static int by_measure(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->measured != y->measured)
		return x->measured > y->measured ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static int by_knowledge(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->known != y->known)
		return x->known < y->known ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

int haw_selector_sort_ciphers(const haw_selector *s, const char *ciphers, const char *macs, char *out,
			      size_t size)
{
	struct ranked list[SORTED_MAX];
	size_t count = 0, at = 0;
	bool all_measured = true;

	if (strlen(ciphers) >= size)
		return HAW_EINVAL;
	for (; *ciphers && count < SORTED_MAX; count++) {
		size_t len = strcspn(ciphers, ",");

		list[count] = (struct ranked){.name = ciphers, .len = len, .place = count};
		rank(s, macs, &list[count]);
		all_measured = all_measured && list[count].measured > 0;
		ciphers += len;
		ciphers += *ciphers == ',';
	}
	if (*ciphers)
		return HAW_EINVAL;
	qsort(list, count, sizeof(list[0]), all_measured ? by_measure : by_knowledge);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			out[at++] = ',';
		memcpy(out + at, list[i].name, list[i].len);
		at += list[i].len;
	}
	out[at] = '\0';
	return 0;
}
