/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules: the example serves, what is spoilt is refused. The argument is the directory of the modules.
 */
#include <hawser/backend.h>
#include <unistd.h>

#include "harness.h"

static const char *directory;

static const haw_suite *gcm(void)
{
	return haw_suite_find("aes256-gcm@openssh.com", NULL);
}

static int load(haw_selector *s, const char *file, haw_error *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.so", directory, file);
	return haw_selector_load_module(s, path, NULL, err);
}

static void example_serves_when_named(void)
{
	haw_selector *s = haw_selector_new();
	const haw_backend *chosen;
	const char *name = NULL;
	char path[4096], reason[256];
	haw_error err = {0};

	snprintf(path, sizeof(path), "%s/example.so", directory);
	CHECK_MSG(haw_selector_load_module(s, path, &name, &err) == 0, "%s", err.message);
	CHECK(strcmp(name, "example") == 0);
	chosen = haw_selector_choose(s, gcm(), NULL, 0);
	CHECK(chosen && strcmp(chosen->name, "example") != 0);
	CHECK_MSG(haw_selector_override(s, "*=example", &err) == 0, "%s", err.message);
	chosen = haw_selector_choose(s, gcm(), reason, sizeof(reason));
	CHECK_MSG(chosen && strcmp(chosen->name, "example") == 0, "%s", reason);
	/* A second time is no error, and the instance is the same. */
	CHECK(haw_selector_load_module(s, path, NULL, &err) == 0);
	CHECK(haw_selector_open(s, "example", &err) == chosen);
	haw_selector_free(s);
}

static void example_explains_what_it_lacks(void)
{
	haw_selector *s = haw_selector_new();
	haw_error err = {0};

	CHECK(load(s, "example", &err) == 0);
	CHECK(haw_selector_override(s, "*=example:device", &err) == HAW_ENOTFOUND);
	CHECK(strstr(err.message, "cannot be opened: it has no devices"));
	CHECK(haw_selector_override(s, "aes256-ctr=example", &err) == HAW_EUNSUPPORTED);
	CHECK(strstr(err.message, "it serves AES-GCM only"));
	/* Another file of the same name. */
	CHECK(load(s, "forged", &err) == HAW_EINVAL && strstr(err.message, "as another backend does"));
	haw_selector_free(s);
}

static void modules_are_found_in_their_directory(void)
{
	char absolute[4096];
	haw_selector_options options = {.size = sizeof(options), .module_dir = absolute};
	haw_selector *s = haw_selector_new();
	haw_error err = {0};

	CHECK(realpath(directory, absolute));
	CHECK(haw_selector_override(s, "*=example", &err) == HAW_ENOTFOUND);
	CHECK(haw_selector_set_options(s, &options, &err) == 0);
	CHECK_MSG(haw_selector_override(s, "*=example", &err) == 0, "%s", err.message);
	/* The file says one name and the module another. */
	CHECK(haw_selector_override(s, "*=forged", &err) == HAW_EFORMAT);
	CHECK(strstr(err.message, "it calls itself otherwise"));
	haw_selector_free(s);
}

static void other_versions_are_refused(void)
{
	haw_selector *s = haw_selector_new();
	haw_error err = {0};

	CHECK(load(s, "other", &err) == HAW_EUNSUPPORTED);
	CHECK(strstr(err.message, "made for version 1 ") && strstr(err.message, "speaks version 2"));
	CHECK(load(s, "unnamed", &err) == HAW_EFORMAT);
	CHECK(strstr(err.message, "it exports no haw_module"));
	haw_selector_free(s);
}

static bool self_test_refuses(const char *file, const char *words)
{
	haw_selector *s = haw_selector_new();
	char reason[256] = "";
	haw_error err = {0};
	bool right = load(s, file, &err) == 0 && haw_selector_override(s, "*=example", &err) == 0 &&
		     !haw_selector_choose(s, gcm(), reason, sizeof(reason)) && strstr(reason, words);

	if (!right)
		printf("    %s: \"%s\" \"%s\"\n", file, err.message, reason);
	haw_selector_free(s);
	return right;
}

static void spoilt_ones_are_refused(void)
{
	CHECK(self_test_refuses("forged", "accepts packets that were altered"));
	CHECK(self_test_refuses("outside", "wrote outside"));
	CHECK(self_test_refuses("large", "largest packet"));
}

int main(int argc, char **argv)
{
	directory = argc > 1 ? argv[1] : ".";
	RUN(example_serves_when_named);
	RUN(example_explains_what_it_lacks);
	RUN(modules_are_found_in_their_directory);
	RUN(other_versions_are_refused);
	RUN(spoilt_ones_are_refused);
	return harness_end();
}
