/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser ciphers: every algorithm, the backends that can do each suite here, which is chosen and why.
 */
#include "ciphers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hawser/backend.h>
#include <hawser/transport.h>

#include "backends.h"
#include "calibration.h"
#include "config.h"

enum { WRONG_USE = 2 };

static const char usage[] =
	"usage: hawser ciphers [OPTIONS]\n"
	"\n"
	"Lists every algorithm, the engines that can protect packets with each suite on\n"
	"this machine, and which one is chosen and why.\n"
	"\n"
	"  --calibrate               measure all of them, thoroughly, and remember it\n"
	"  --json                    one JSON object instead of tables\n" TOOL_BACKEND_USAGE;

static const struct list {
	enum haw_algorithm_kind kind;
	const char *title, *key;
} lists[] = {
	{HAW_ALGORITHM_KEX, "Key exchange", "kex"},
	{HAW_ALGORITHM_HOST_KEY, "Host keys", "hostkeys"},
	{HAW_ALGORITHM_CIPHER, "Ciphers", "ciphers"},
	{HAW_ALGORITHM_MAC, "MACs", "macs"},
	{HAW_ALGORITHM_COMPRESSION, "Compression", "compression"},
};

static const size_t list_count = sizeof(lists) / sizeof(lists[0]);

/* ---- For people ---- */

/* "9.31 GB/s 0.107 ns/B", as far as it is known. */
static void print_choice(const haw_choice *choice, const char *separator)
{
	printf("%s%s", separator, choice->name);
	if (choice->bytes_per_second > 0)
		printf(" %.2f GB/s %.3f ns/B", choice->bytes_per_second / 1e9, choice->ns_per_byte);
}

/* It says that it can, and must not. */
static bool is_refused(const haw_choice *choice, const haw_suite *suite)
{
	const haw_backend *b = choice->backend;

	return b && choice->unusable && !b->unusable(b) && !b->refuses(b, suite);
}

static void print_suite(const haw_selector *selector, const haw_suite *suite)
{
	char reason[320];
	const haw_backend *chosen = haw_selector_choose(selector, suite, reason, sizeof(reason));
	haw_choice choice = {.size = sizeof(choice)};
	const char *separator = "";

	printf("  %s\n      chosen: %s: %s\n      here: ", suite->name, chosen ? chosen->name : "none",
	       reason);
	for (size_t i = 0; haw_selector_choice(selector, suite, i, &choice) == 0; i++) {
		if (choice.unusable)
			continue;
		print_choice(&choice, separator);
		separator = ", ";
	}
	printf("%s\n", *separator ? "" : "none");
	for (size_t i = 0; haw_selector_choice(selector, suite, i, &choice) == 0; i++)
		if (is_refused(&choice, suite))
			printf("      refused: %s: %s\n", choice.name, choice.unusable);
}

static void print_list(const haw_selector *selector, const struct list *list)
{
	const char *name;
	bool offered;

	printf("\n%s, in the order offered:\n", list->title);
	for (size_t i = 0; (name = haw_algorithm_at(list->kind, i, &offered)); i++)
		printf("  %s%s\n", name,
		       !haw_algorithm_available(list->kind, name, selector)
			       ? "  (never: OpenSSL, as configured here, has not got it)"
		       : offered ? ""
				 : "  (on request only)");
}

static void print_tables(const haw_selector *selector)
{
	const haw_backend *backend;
	const haw_suite *suite;

	printf("Processor: %s\n\nBackends, in the order of preference:\n", haw_cpu_text());
	for (size_t i = 0; (backend = haw_backend_at(i)); i++) {
		const char *why = backend->unusable(backend);

		printf("  %-8s  %s (%s)%s%s\n", backend->name, backend->description,
		       backend->version(backend), why ? ": cannot be used here: " : "", why ? why : "");
	}
	printf("\nPacket protection (figures: 32 KiB in batches, sealed and opened; CPU time):\n");
	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		print_suite(selector, suite);
	for (size_t i = 0; i < list_count; i++)
		print_list(selector, &lists[i]);
}

/* ---- For programs ---- */

static void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* ,"KEY":"TEXT", or null where TEXT is NULL. */
static void json_member(const char *key, const char *text)
{
	printf(",\"%s\":", key);
	if (text)
		json_string(text);
	else
		printf("null");
}

/* ,"KEY":VALUE, or null where it is not known. */
static void json_number(const char *key, const char *format, double value)
{
	char text[64];

	snprintf(text, sizeof(text), format, value);
	printf(",\"%s\":%s", key, value > 0 ? text : "null");
}

static void json_suite(const haw_selector *selector, const haw_suite *suite)
{
	char reason[320];
	const haw_backend *chosen = haw_selector_choose(selector, suite, reason, sizeof(reason));
	haw_choice choice = {.size = sizeof(choice)};

	printf("{\"name\":");
	json_string(suite->name);
	json_member("chosen", chosen ? chosen->name : NULL);
	json_member("reason", reason);
	printf(",\"backends\":[");
	for (size_t i = 0; haw_selector_choice(selector, suite, i, &choice) == 0; i++) {
		printf("%s{\"name\":", i ? "," : "");
		json_string(choice.name);
		printf(",\"usable\":%s", choice.unusable ? "false" : "true");
		json_member("reason", choice.unusable);
		json_number("bytes_per_second", "%.0f", choice.bytes_per_second);
		json_number("ns_per_byte", "%.4f", choice.ns_per_byte);
		putchar('}');
	}
	printf("]}");
}

static void json_list(const haw_selector *selector, const struct list *list)
{
	const char *name, *separator = "";

	printf(",\"%s\":[", list->key);
	for (size_t i = 0; (name = haw_algorithm_at(list->kind, i, NULL)); i++) {
		if (!haw_algorithm_available(list->kind, name, selector))
			continue;
		printf("%s", separator);
		json_string(name);
		separator = ",";
	}
	putchar(']');
}

static void print_json(const haw_selector *selector)
{
	const haw_backend *backend;
	const haw_suite *suite;

	printf("{\"v\":1,\"type\":\"ciphers\"");
	json_member("cpu", haw_cpu_text());
	printf(",\"backends\":[");
	for (size_t i = 0; (backend = haw_backend_at(i)); i++) {
		const char *why = backend->unusable(backend);

		printf("%s{\"name\":", i ? "," : "");
		json_string(backend->name);
		json_member("version", backend->version(backend));
		printf(",\"usable\":%s", why ? "false" : "true");
		json_member("reason", why);
		putchar('}');
	}
	printf("],\"suites\":[");
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (i)
			putchar(',');
		json_suite(selector, suite);
	}
	putchar(']');
	for (size_t i = 0; i < list_count; i++)
		json_list(selector, &lists[i]);
	printf("}\n");
}

/* ---- The command ---- */

static int wrong_use(const char *why)
{
	if (why)
		fputs(why, stderr);
	fputs(usage, stderr);
	return WRONG_USE;
}

struct arguments {
	struct tool_backends backends;
	bool calibrate, json, help;
};

static bool parse(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		TOOL_BACKEND_OPTIONS,
		{.name = "calibrate", .val = 'c'},
		{.name = "json", .val = 'j'},
		{.name = "help", .val = 'h'},
		{0},
	};
	int option;

	argv[0] = (char *)"hawser ciphers"; /* how getopt names what is wrong */
	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			a->calibrate = true;
		else if (option == 'j')
			a->json = true;
		else if (option == 'h')
			a->help = true;
		else if (!tool_backends_take(&a->backends, option, optarg))
			return false;
	}
	return true;
}

static void on_note(void *user, const char *line)
{
	(void)user;
	fprintf(stderr, "hawser: %s\n", line);
}

/* One line that shows what is being measured, on terminals. */
static void on_progress(void *user, const haw_suite *suite)
{
	(void)user;
	fprintf(stderr, "\r\033[Kmeasuring %s", suite->name);
}

/* False after a message. What cannot be kept is not worth the seconds that it takes. */
static bool calibrate(haw_selector *selector)
{
	bool shown = isatty(STDERR_FILENO);
	haw_error err;
	int result;

	if (!tool_calibration_save(selector, on_note, NULL))
		return false;
	result = tool_calibration_make(selector, shown ? on_progress : NULL, NULL, &err);
	if (shown)
		fputs("\r\033[K", stderr);
	if (result < 0)
		on_note(NULL, err.message);
	return result == 0 && tool_calibration_save(selector, on_note, NULL);
}

/* What the configuration says; NULL and an error. */
static haw_selector *configure(struct arguments *a, haw_error *err)
{
	haw_host_config *config = tool_config_load("", NULL, err);
	haw_selector *selector = NULL;

	if (config && (a->json || tool_config_flag(config, "Json", &a->json, err) == 0) &&
	    (a->calibrate || tool_config_flag(config, "Calibrate", &a->calibrate, err) == 0))
		selector = tool_backends_selector(&a->backends, config, err);
	haw_host_config_free(config);
	return selector;
}

/* Whether every choice of the user's holds. */
static int confirm(const haw_selector *selector, haw_error *err)
{
	const haw_suite *suite;
	int result = 0;

	for (size_t i = 0; result == 0 && (suite = haw_suite_at(i)); i++)
		result = haw_selector_confirm(selector, suite, err);
	return result;
}

static int run(struct arguments *a)
{
	haw_error err;
	haw_selector *selector = configure(a, &err);

	if (selector)
		tool_calibration_load(selector, on_note, NULL);
	if (!selector || confirm(selector, &err) < 0) {
		fprintf(stderr, "hawser: %s\n", err.message);
		haw_selector_free(selector);
		return WRONG_USE;
	}
	if (a->calibrate && !calibrate(selector)) {
		haw_selector_free(selector);
		return WRONG_USE;
	}
	if (a->json)
		print_json(selector);
	else
		print_tables(selector);
	haw_selector_free(selector);
	return fflush(stdout) == 0 ? 0 : WRONG_USE;
}

int haw_tool_ciphers(int argc, char **argv)
{
	struct arguments a = {0};
	int status;

	if (!parse(&a, argc, argv)) {
		status = wrong_use(NULL);
	} else if (a.help) {
		fputs(usage, stdout);
		status = 0;
	} else if (optind < argc) {
		status = wrong_use("hawser: ciphers takes no names\n");
	} else {
		status = run(&a);
	}
	tool_backends_free(&a.backends);
	return status;
}
