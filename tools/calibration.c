/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUITES_MAX = 256 };

/* Somewhat less than a first use may take, for what is being measured when time runs out. */
#define BUDGET_NS UINT64_C(40000000)

/* $XDG_CACHE_HOME/hawser/calibration, or that of ~/.cache; NULL if there is no home. The caller frees it. */
static char *cache_path(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (cache && cache[0] == '/')
		n = asprintf(&path, "%s/hawser/calibration", cache);
	else if (home && home[0] == '/')
		n = asprintf(&path, "%s/.cache/hawser/calibration", home);
	return n < 0 ? NULL : path;
}

void tool_calibration_load(haw_selector *s, tool_note_fn note, void *user)
{
	char *path = cache_path();
	haw_error err;
	int result = path ? haw_selector_load_calibration(s, path, &err) : 0;

	if (result < 0 && result != HAW_ENOTFOUND)
		note(user, err.message);
	free(path);
}

bool tool_calibration_save(const haw_selector *s, tool_note_fn note, void *user)
{
	char *path = cache_path();
	haw_error err;
	int result;

	if (!path) {
		note(user, "the calibration is not kept: neither HOME nor XDG_CACHE_HOME names a directory");
		return false;
	}
	result = haw_selector_save_calibration(s, path, &err);
	if (result < 0) {
		haw_error_prefix(&err, "the calibration is not kept");
		note(user, err.message);
	}
	free(path);
	return result == 0;
}

/* The suite of a cipher that is LEN letters long beside the first of MACS that goes with it. */
static const haw_suite *suite_beside(const char *cipher, size_t len, const char *macs)
{
	char name[128], mac[128];
	const haw_suite *suite;

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, cipher, len);
	name[len] = '\0';
	suite = haw_suite_find(name, NULL);
	while (!suite && *macs) {
		size_t n = strcspn(macs, ",");

		snprintf(mac, sizeof(mac), "%.*s", (int)n, macs);
		suite = haw_suite_find(name, mac);
		macs += n;
		macs += *macs == ',';
	}
	return suite;
}

static size_t list_suites(const char *ciphers, const char *macs, const haw_suite *suites[SUITES_MAX])
{
	size_t count = 0;

	while (*ciphers && count < SUITES_MAX) {
		size_t len = strcspn(ciphers, ",");
		const haw_suite *suite = suite_beside(ciphers, len, macs);

		if (suite)
			suites[count++] = suite;
		ciphers += len;
		ciphers += *ciphers == ',';
	}
	return count;
}

/* Whether NAME is one of the names in LIST. */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, name, n) == 0)
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

int tool_calibration_confirm(const haw_selector *s, const char *ciphers, const char *macs, haw_error *err)
{
	const haw_suite *suite;

	/* The server decides which of the MACs it is. */
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		int result = 0;

		if (is_listed(ciphers, suite->cipher) && (!suite->mac || is_listed(macs, suite->mac)))
			result = haw_selector_confirm(s, suite, err);
		if (result < 0)
			return result;
	}
	return 0;
}

void tool_calibration_hasten(haw_selector *s, const char *ciphers, const char *macs, bool all,
			     tool_note_fn note, void *user)
{
	haw_calibration_options options = {.size = sizeof(options), .budget_ns = BUDGET_NS, .all = all};
	const haw_suite *suites[SUITES_MAX];
	size_t count = list_suites(ciphers, macs, suites);
	haw_error err;
	int measured;

	measured = haw_selector_calibrate(s, suites, count, &options, &err);
	if (measured < 0)
		note(user, err.message);
	else if (measured > 0)
		(void)tool_calibration_save(s, note, user);
}

int tool_calibration_make(haw_selector *s, void (*progress)(void *user, const haw_suite *suite), void *user,
			  haw_error *err)
{
	haw_calibration_options options = {
		.size = sizeof(options), .again = true, .all = true, .progress = progress, .user = user};
	const haw_suite *suites[SUITES_MAX];
	size_t count = 0;
	int result;

	while (count < SUITES_MAX && haw_suite_at(count)) {
		suites[count] = haw_suite_at(count);
		count++;
	}
	result = haw_selector_calibrate(s, suites, count, &options, err);
	return result < 0 ? result : 0;
}
