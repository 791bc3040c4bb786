/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser ciphers: every algorithm, the backends that can do each suite here, which is chosen and why.
 */
#include "ciphers.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/backend.h>
#include <hawser/transport.h>

enum { WRONG_USE = 2 };

static const char usage[] =
	"usage: hawser ciphers [--json] [--backend CIPHER=NAME]...\n"
	"\n"
	"Lists every algorithm, the backends that can protect packets with each suite on\n"
	"this machine, and which one is chosen and why.\n"
	"\n"
	"  --json                  one JSON object instead of tables\n"
	"  --backend CIPHER=NAME   choose a backend, as `hawser cp` does; \"*=NAME\" for all\n"
	"                          that it can do; HAWSER_BACKEND holds the same\n";

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

static void print_suite(const haw_selector *selector, const haw_suite *suite)
{
	char reason[320], able[64] = "";
	const haw_backend *chosen = haw_selector_choose(selector, suite, reason, sizeof(reason)), *backend;
	size_t at = 0;

	for (size_t i = 0; (backend = haw_backend_at(i)) && at < sizeof(able); i++)
		if (!haw_backend_check(backend, suite))
			at += (size_t)snprintf(able + at, sizeof(able) - at, "%s%s", at ? " " : "",
					       backend->name);
	printf("  %-44s %-8s  %-16s  %s\n", suite->name, chosen ? chosen->name : "none", at ? able : "none",
	       reason);
}

static void print_list(const struct list *list)
{
	const char *name;
	bool offered;

	printf("\n%s, in the order offered:\n", list->title);
	for (size_t i = 0; (name = haw_algorithm_at(list->kind, i, &offered)); i++)
		printf("  %s%s\n", name, offered ? "" : "  (on request only)");
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
	printf("\nPacket protection:\n  %-44s %-8s  %-16s  %s\n", "SUITE", "CHOSEN", "CAN", "WHY");
	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		print_suite(selector, suite);
	for (size_t i = 0; i < list_count; i++)
		print_list(&lists[i]);
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

static void json_suite(const haw_selector *selector, const haw_suite *suite)
{
	char reason[320];
	const haw_backend *chosen = haw_selector_choose(selector, suite, reason, sizeof(reason)), *backend;

	printf("{\"name\":");
	json_string(suite->name);
	json_member("chosen", chosen ? chosen->name : NULL);
	json_member("reason", reason);
	printf(",\"backends\":[");
	for (size_t i = 0; (backend = haw_backend_at(i)); i++) {
		const char *why = haw_backend_check(backend, suite);

		printf("%s{\"name\":", i ? "," : "");
		json_string(backend->name);
		printf(",\"usable\":%s", why ? "false" : "true");
		json_member("reason", why);
		putchar('}');
	}
	printf("]}");
}

static void json_list(const struct list *list)
{
	const char *name;

	printf(",\"%s\":[", list->key);
	for (size_t i = 0; (name = haw_algorithm_at(list->kind, i, NULL)); i++) {
		if (i)
			putchar(',');
		json_string(name);
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
		json_list(&lists[i]);
	printf("}\n");
}

/* ---- The command ---- */

static int override(haw_selector *selector, const char *text, const char *where)
{
	haw_error err;

	if (haw_selector_override(selector, text, &err) == 0)
		return 0;
	fprintf(stderr, "hawser: %s: %s\n", where, err.message);
	return WRONG_USE;
}

static int wrong_use(const char *why)
{
	if (why)
		fputs(why, stderr);
	fputs(usage, stderr);
	return WRONG_USE;
}

static int run(haw_selector *selector, int argc, char **argv)
{
	static const struct option options[] = {
		{.name = "json", .val = 'j'},
		{.name = "backend", .has_arg = required_argument, .val = 'b'},
		{.name = "help", .val = 'h'},
		{0},
	};
	const char *environment = getenv("HAWSER_BACKEND");
	int option, status = 0, json = 0;

	if (environment)
		status = override(selector, environment, "HAWSER_BACKEND");
	while (status == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (option == 'j')
			json = 1;
		else if (option == 'b')
			status = override(selector, optarg, "--backend");
		else
			status = wrong_use(NULL);
	}
	if (status == 0 && optind < argc)
		status = wrong_use("hawser: ciphers takes no names\n");
	if (status != 0)
		return status;
	if (json)
		print_json(selector);
	else
		print_tables(selector);
	return fflush(stdout) == 0 ? 0 : WRONG_USE;
}

int haw_tool_ciphers(int argc, char **argv)
{
	haw_selector *selector = haw_selector_new();
	int status;

	if (!selector) {
		fprintf(stderr, "hawser: out of memory\n");
		return WRONG_USE;
	}
	optind = 1;
	status = run(selector, argc, argv);
	haw_selector_free(selector);
	return status;
}
