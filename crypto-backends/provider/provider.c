/* SPDX-License-Identifier: Apache-2.0
 *
 * "provider:NAME" and "provider:NAME:PROPERTIES": any provider of OpenSSL 3, loaded into a library context
 * of its own, so that what the rest of the process fetches does not change.
 *
 * OpenSSL's own provider is loaded beside it, for one may lean on what that has (random numbers, a software
 * fallback). Packets never get its algorithms: each fetch asks for those of NAME.
 */
#include "crypto-backends/provider/opened.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <string.h>

static void unload(struct haw_opened *o)
{
	if (o->library)
		OSSL_PROVIDER_unload(o->library);
	if (o->beside)
		OSSL_PROVIDER_unload(o->beside);
	OSSL_LIB_CTX_free(o->source.context);
}

static void read_version(struct haw_opened *o)
{
	const char *name = NULL, *version = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, (char **)(uintptr_t)&name, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, (char **)(uintptr_t)&version, 0),
		OSSL_PARAM_END,
	};

	if (!OSSL_PROVIDER_get_params(o->library, params))
		ERR_clear_error();
	snprintf(o->version, sizeof(o->version), "%s %s", name ? name : "provider",
		 version ? version : "of unknown version");
	o->base.description = "an OpenSSL provider, in a library context of its own";
}

/* A provider says whether it works: FIPS ones test themselves. */
static bool is_running(OSSL_PROVIDER *provider)
{
	int status = 1;
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status),
		OSSL_PARAM_END,
	};

	if (!OSSL_PROVIDER_get_params(provider, params))
		ERR_clear_error();
	return status != 0;
}

/* Parameters that a provider wants from a configuration file, in the directory of modules. */
static bool read_configuration(struct haw_opened *o, const char *path, haw_error *err)
{
	char file[4096];
	FILE *probe;

	if (snprintf(file, sizeof(file), "%s/openssl.cnf", path) >= (int)sizeof(file))
		return true;
	probe = fopen(file, "re");
	if (!probe)
		return true;
	fclose(probe);
	if (OSSL_LIB_CTX_load_config(o->source.context, file))
		return true;
	haw_opened_error(err, HAW_EFORMAT, "OpenSSL cannot use the openssl.cnf beside the provider", "");
	return false;
}

static bool load(struct haw_opened *o, const char *name, const char *path, haw_error *err)
{
	const char *hint = path ? "" : "; if its module lies elsewhere, say where with --provider-path";

	o->source.context = OSSL_LIB_CTX_new();
	if (!o->source.context) {
		haw_opened_error(err, HAW_ENOMEM, "OpenSSL cannot make a library context", "");
		return false;
	}
	if (path && (!OSSL_PROVIDER_set_default_search_path(o->source.context, path))) {
		haw_opened_error(err, HAW_EINVAL, "OpenSSL cannot use the directory of providers", "");
		return false;
	}
	if (path && !read_configuration(o, path, err))
		return false;
	o->beside = OSSL_PROVIDER_load(o->source.context, "default");
	ERR_clear_error();
	o->library = OSSL_PROVIDER_load(o->source.context, name);
	if (!o->library) {
		haw_opened_error(err, HAW_ENOTFOUND, "OpenSSL cannot load the provider", hint);
		return false;
	}
	if (is_running(o->library))
		return true;
	haw_error_set(
		err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
		"the provider says that it does not work: its own tests failed, or its device is missing");
	return false;
}

/* ARGUMENT is NAME or NAME:PROPERTIES. */
static haw_backend *provider_open(const char *argument, const haw_backend_options *options, haw_error *err)
{
	const char *path = options ? options->provider_path : NULL;
	size_t len = strcspn(argument, ":");
	const char *more = argument[len] ? argument + len + 1 : "";
	struct haw_opened *o;
	char name[128];

	if (len >= sizeof(name) || !haw_opened_good_name(argument, len, "._-") ||
	    (argument[len] && !haw_opened_good_name(more, strlen(more), "._-=+"))) {
		haw_error_set(
			err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			"write provider:NAME, or provider:NAME:PROPERTY=VALUE; the directory of the module "
			"is what --provider-path says");
		return NULL;
	}
	o = haw_opened_new("provider", argument, err);
	if (!o)
		return NULL;
	memcpy(name, argument, len);
	name[len] = '\0';
	o->own = strcmp(name, "default") == 0;
	snprintf(o->properties, sizeof(o->properties), "provider=%s%s%s", name, *more ? "," : "", more);
	for (char *plus = o->properties; (plus = strchr(plus, '+'));)
		*plus = ',';
	o->source.properties = o->properties;
	o->unload = unload;
	if (!load(o, name, path, err)) {
		haw_opened_close(&o->base);
		return NULL;
	}
	read_version(o);
	return haw_opened_finish(o, err);
}

const haw_backend_module haw_module_provider = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend_module),
	.name = "provider",
	.description = "any provider of OpenSSL 3: provider:NAME",
	.open = provider_open,
};
