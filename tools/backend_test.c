/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser backend-test: put a backend to the test with every suite that it serves, and measure it.
 */
#include "backend_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/backend.h>

#include "backends.h"
#include "battery.h"
#include "config.h"

enum { FAILED = 1, WRONG_USE = 2, SUITES_MAX = 256 };

static const char usage[] =
	"usage: hawser backend-test [OPTIONS] FILE.so|NAME [ARGUMENT]\n"
	"\n"
	"Tests an engine with every suite that it serves, compares it with openssl, and\n"
	"measures it. FILE.so is a module; NAME is an engine as `hawser cp --backend` takes\n"
	"it; ARGUMENT is what either is opened with.\n"
	"\n"
	"  --suite NAME              this suite, or all of this cipher; may be repeated\n"
	"  --provider-path DIR       where OpenSSL's provider and engine modules are\n"
	"  --eal ARGUMENTS           what DPDK is started with, for cryptodev\n"
	"\n"
	"exit status: 0 all passed; 1 something failed; 2 wrong use or nothing to test\n";

enum { OPTION_SUITE = 256, OPTION_HELP };

struct run {
	struct tool_backends options;
	const char *suites[SUITES_MAX]; /* wanted; none: all */
	size_t suite_count;
	haw_selector *selector;
	const haw_backend *backend;
	int passed, failed, skipped;
	const haw_suite *sound[SUITES_MAX]; /* that passed, to be measured */
	size_t sound_count;
};

static bool wanted(const struct run *r, const haw_suite *suite)
{
	for (size_t i = 0; i < r->suite_count; i++)
		if (strcmp(r->suites[i], suite->name) == 0 || strcmp(r->suites[i], suite->cipher) == 0)
			return true;
	return r->suite_count == 0;
}

/* ---- The battery ---- */

static void tell(struct run *r, const haw_suite *suite, const char *check, const char *why)
{
	if (why)
		printf("FAIL %s, %s: %s\n", suite->name, check, why);
	else
		printf("ok   %s, %s\n", suite->name, check);
	fflush(stdout);
	r->passed += !why;
	r->failed += why != NULL;
}

/* BACKEND is the one under test, or it beside openssl's MACs. */
static void test_suite(struct run *r, const haw_backend *backend, const haw_suite *suite, const char *failure)
{
	const haw_backend *openssl = haw_backend_find("openssl");
	const char *missing = openssl ? openssl->refuses(openssl, suite) : "openssl is not there";
	const struct battery_check *check;
	int failed = r->failed;

	tell(r, suite, "self-test", failure);
	if (!failure && missing) {
		printf("SKIP %s, the rest: nothing to compare with: %s\n", suite->name, missing);
		r->skipped++;
		return;
	}
	/* What fails it is not worth more time, and may do harm. */
	for (size_t i = 0; !failure && (check = battery_at(i)); i++)
		tell(r, suite, check->name, check->run(backend, suite));
	if (r->failed == failed && r->sound_count < SUITES_MAX)
		r->sound[r->sound_count++] = suite;
}

/* What serves SUITE of the backend under test; false if nothing does. FAILURE receives what its self-test
 * says. */
static bool find_service(const struct run *r, const haw_suite *suite, haw_choice *choice)
{
	size_t len = strlen(r->backend->name);

	for (size_t i = 0; haw_selector_choice(r->selector, suite, i, choice) == 0; i++) {
		const haw_backend *b = choice->backend;

		if (!b || strncmp(choice->name, r->backend->name, len) != 0 ||
		    (choice->name[len] != '\0' && strcmp(choice->name + len, "+openssl") != 0))
			continue;
		if (!b->unusable(b) && !b->refuses(b, suite))
			return true;
	}
	return false;
}

static void test_all(struct run *r)
{
	haw_choice choice = {.size = sizeof(choice)};
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (wanted(r, suite) && find_service(r, suite, &choice))
			test_suite(r, choice.backend, suite, choice.unusable);
}

/* ---- Speed ---- */

static void show_speed(const struct run *r, const haw_suite *suite)
{
	haw_choice ours = {.size = sizeof(ours)}, other = {.size = sizeof(other)};

	if (!find_service(r, suite, &ours) || ours.bytes_per_second <= 0)
		return;
	printf("  %-44s %8.3f GB/s %7.3f ns/B", suite->name, ours.bytes_per_second / 1e9, ours.ns_per_byte);
	for (size_t i = 0; haw_selector_choice(r->selector, suite, i, &other) == 0; i++)
		if (strcmp(other.name, "openssl") == 0 && other.bytes_per_second > 0)
			printf("   openssl %8.3f GB/s %7.3f ns/B", other.bytes_per_second / 1e9,
			       other.ns_per_byte);
	putchar('\n');
}

static void measure(struct run *r)
{
	const haw_calibration_options options = {.size = sizeof(options), .all = true};
	haw_error err;

	if (r->sound_count == 0)
		return;
	if (haw_selector_calibrate(r->selector, r->sound, r->sound_count, &options, &err) < 0) {
		fprintf(stderr, "hawser: %s\n", err.message);
		return;
	}
	printf("\nSealed and opened, 32 KiB in batches; CPU time of the process:\n");
	for (size_t i = 0; i < r->sound_count; i++)
		show_speed(r, r->sound[i]);
	putchar('\n');
}

/* ---- The command ---- */

/* The engine that the operands name; NULL and an error. */
static const haw_backend *open_backend(struct run *r, const char *what, const char *argument, haw_error *err)
{
	size_t len = strlen(what);
	const char *kind = what;
	const haw_backend *backend;
	char *name;

	if ((strchr(what, '/') || (len > 3 && strcmp(what + len - 3, ".so") == 0)) &&
	    haw_selector_load_module(r->selector, what, &kind, err) < 0)
		return NULL;
	if (asprintf(&name, argument ? "%s:%s" : "%s", kind, argument) < 0) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	backend = haw_selector_open(r->selector, name, err);
	free(name);
	if (backend && backend->unusable(backend)) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			      "the backend \"%s\" cannot be used here: %s", backend->name,
			      backend->unusable(backend));
		return NULL;
	}
	return backend;
}

static int check_suites(const struct run *r, haw_error *err)
{
	char shown[128];

	for (size_t i = 0; i < r->suite_count; i++) {
		const haw_suite *suite;
		const struct run one = {.suites = {r->suites[i]}, .suite_count = 1};
		size_t at = 0;

		while ((suite = haw_suite_at(at)) && !wanted(&one, suite))
			at++;
		if (!suite)
			return haw_error_set(
				err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
				"there is no suite or cipher \"%s\"; \"hawser ciphers\" lists them",
				haw_escape(shown, sizeof(shown), r->suites[i], strlen(r->suites[i])));
	}
	return 0;
}

static bool prepare(struct run *r, const char *what, const char *argument, haw_error *err)
{
	haw_host_config *config = tool_config_load("", NULL, err);

	if (config && check_suites(r, err) == 0)
		r->selector = tool_backends_selector(&r->options, config, err);
	haw_host_config_free(config);
	if (r->selector)
		r->backend = open_backend(r, what, argument, err);
	return r->backend != NULL;
}

static int test(struct run *r, const char *what, const char *argument)
{
	haw_error err;

	if (!prepare(r, what, argument, &err)) {
		fprintf(stderr, "hawser: %s\n", err.message);
		return WRONG_USE;
	}
	printf("%s: %s (%s)\n\n", r->backend->name, r->backend->description, r->backend->version(r->backend));
	test_all(r);
	if (r->passed + r->failed == 0) {
		fprintf(stderr, "hawser: \"%s\" serves no suite here, so there is nothing to test\n",
			r->backend->name);
		return WRONG_USE;
	}
	measure(r);
	printf("%d passed, %d failed, %d skipped\n", r->passed, r->failed, r->skipped);
	if (fflush(stdout) != 0)
		return WRONG_USE;
	return r->failed ? FAILED : 0;
}

static bool parse(struct run *r, int argc, char **argv, bool *help)
{
	static const struct option options[] = {
		TOOL_BACKEND_OPTIONS,
		{"suite", required_argument, NULL, OPTION_SUITE},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	int option;

	argv[0] = (char *)"hawser backend-test"; /* how getopt names what is wrong */
	optind = 1;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == OPTION_HELP)
			*help = true;
		else if (option == OPTION_SUITE && r->suite_count < SUITES_MAX)
			r->suites[r->suite_count++] = optarg;
		else if (!tool_backends_take(&r->options, option, optarg))
			return false;
	}
	return *help || argc - optind == 1 || argc - optind == 2;
}

int haw_tool_backend_test(int argc, char **argv)
{
	struct run r = {0};
	bool help = false;
	int status = WRONG_USE;

	if (!parse(&r, argc, argv, &help)) {
		fputs(usage, stderr);
	} else if (help) {
		fputs(usage, stdout);
		status = 0;
	} else {
		status = test(&r, argv[optind], optind + 1 < argc ? argv[optind + 1] : NULL);
	}
	haw_selector_free(r.selector);
	tool_backends_free(&r.options);
	return status;
}
