/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser ciphers: every algorithm, the backends that can do each suite here, which is chosen and why.
 */
#include "ciphers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hawser/backend.h>
#include <hawser/transport.h>

#include "backends.h"
#include "config.h"

enum { WRONG_USE = 2 };

static const char usage[] =
	"usage: hawser ciphers [OPTIONS]\n"
	"\n"
	"Lists every algorithm, the engines that can protect packets with each suite on\n"
	"this machine, and which one is chosen and why.\n"
	"\n"
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

static int wrong_use(const char *why)
{
	if (why)
		fputs(why, stderr);
	fputs(usage, stderr);
	return WRONG_USE;
}

struct arguments {
	struct tool_backends backends;
	bool json, help;
};

static bool parse(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		TOOL_BACKEND_OPTIONS,
		{.name = "json", .val = 'j'},
		{.name = "help", .val = 'h'},
		{0},
	};
	int option;

	argv[0] = (char *)"hawser ciphers"; /* how getopt names what is wrong */
	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			a->json = true;
		else if (option == 'h')
			a->help = true;
		else if (!tool_backends_take(&a->backends, option, optarg))
			return false;
	}
	return true;
}

static int run(struct arguments *a)
{
	haw_error err;
	haw_host_config *config = tool_config_load("", &err);
	haw_selector *selector = NULL;
	bool json = a->json;

	if (config && tool_config_flag(config, "Json", &json, &err) == 0)
		selector = tool_backends_selector(&a->backends, config, &err);
	haw_host_config_free(config);
	if (!selector) {
		fprintf(stderr, "hawser: %s\n", err.message);
		return WRONG_USE;
	}
	if (json || a->json)
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
