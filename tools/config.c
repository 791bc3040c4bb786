/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SYSTEM_FILE "/etc/hawser/config"

/* The long options of all commands: each takes those that it has. */
static const char *const keywords[] = {"Backend",      "BackendModule", "Bytes", "Calibrate", "Compare",
				       "Eal",          "Full",          "Html",  "Json",      "Prefer",
				       "ProviderPath", "Quick",         "Suite", "Threads",   NULL};

static int no_memory(haw_error *err)
{
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
}

static int load_files(haw_config *config, haw_error *err)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path;
	int result;

	if (home && home[0] == '/') {
		result = haw_config_set_home(config, home, err);
		if (result < 0)
			return result;
	}
	/* The base directory specification: what is not absolute is ignored. */
	if (!base || base[0] != '/')
		base = "~/.config";
	if (asprintf(&path, "%s/hawser/config", base) < 0)
		return no_memory(err);
	result = haw_config_load_file(config, path, HAW_CONFIG_USER | HAW_CONFIG_OPTIONAL, err);
	free(path);
	if (result < 0)
		return result;
	return haw_config_load_file(config, SYSTEM_FILE, HAW_CONFIG_SYSTEM | HAW_CONFIG_OPTIONAL, err);
}

haw_host_config *tool_config_load(const char *host, const char *user, haw_error *err)
{
	haw_config *config = haw_config_new_options(keywords, err);
	haw_host_config *found = NULL;

	if (config && (!user || haw_config_set_login(config, user, err) == 0) && load_files(config, err) == 0)
		found = haw_config_lookup(config, host, err);
	haw_config_free(config);
	return found;
}

int tool_config_flag(const haw_host_config *config, const char *name, bool *value, haw_error *err)
{
	const char *where, *text = config ? haw_host_config_option(config, name, 0, &where) : NULL;
	char shown[64];

	if (!text)
		return 0;
	if (strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0)
		*value = true;
	else if (strcasecmp(text, "no") == 0 || strcasecmp(text, "false") == 0)
		*value = false;
	else
		return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "%s: %s: \"%s\" is not yes or no",
				     where, name, haw_escape(shown, sizeof(shown), text, strlen(text)));
	return 0;
}
