/* SPDX-License-Identifier: Apache-2.0
 *
 * Backends that are opened by name: the kinds that are built in, those in the directory of modules, and files
 * that the user names. What is loaded stays loaded: a driver's threads and exit handlers may outlive any
 * handle of ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto-backends/built_in.h"
#include "crypto-backends/registry.h"
#include "crypto-backends/selector.h"

enum { NAME_MAX_LENGTH = 63 };

const char *haw_backend_malformed(const haw_backend *backend)
{
	if (backend->abi != HAW_BACKEND_ABI || backend->size < sizeof(haw_backend))
		return "speaks another version of the interface of backends";
	if (!backend->name || !backend->description || !backend->unusable || !backend->refuses ||
	    !backend->new_sealer || !backend->new_opener || !backend->version)
		return "leaves out functions that every backend has";
	return NULL;
}

/* ---- Loading files ---- */

/* Letters that cannot be mistaken for a path, a list or a choice. */
static bool good_kind(const char *name, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return len > 0 && len <= NAME_MAX_LENGTH && strspn(name, letters) >= len;
}

static int not_a_module(const char *path, const char *why, haw_error *err)
{
	char shown[256], reason[200];

	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
			     "%s is not a module of backends: %s; give the file (.so) that its vendor names",
			     haw_escape(shown, sizeof(shown), path, strlen(path)),
			     haw_escape(reason, sizeof(reason), why, strlen(why)));
}

/* The module that the file PATH, which is absolute, exports. */
static int load_file(const char *path, const haw_backend_module **module, haw_error *err)
{
	char shown[256];
	struct stat info;
	void *library;

	if (stat(path, &info) < 0)
		return haw_error_set(err, errno == ENOENT ? HAW_ENOTFOUND : HAW_ESYSTEM, HAW_FAULT_LOCAL,
				     errno, "the module %s cannot be read: %s",
				     haw_escape(shown, sizeof(shown), path, strlen(path)), strerror(errno));
	if (!S_ISREG(info.st_mode))
		return not_a_module(path, "it is no regular file", err);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return not_a_module(path, dlerror(), err);
	*module = dlsym(library, HAW_BACKEND_MODULE_SYMBOL);
	if (!*module)
		return not_a_module(path, "it exports no " HAW_BACKEND_MODULE_SYMBOL, err);
	if ((*module)->abi != HAW_BACKEND_ABI || (*module)->size < sizeof(**module))
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"the module %s is made for version %u of the interface of backends and this library "
			"speaks version %u: build it with this library's <hawser/backend.h>",
			haw_escape(shown, sizeof(shown), path, strlen(path)), (unsigned)(*module)->abi,
			HAW_BACKEND_ABI);
	if (!(*module)->name || !(*module)->open || !good_kind((*module)->name, strlen((*module)->name)))
		return not_a_module(path, "it leaves out its name or its function", err);
	return 0;
}

static const haw_backend_module *find_module(const haw_selector *s, const char *name, size_t len)
{
	const haw_backend_module *module;

	for (size_t i = 0; (module = haw_module_at(i)); i++)
		if (strlen(module->name) == len && memcmp(module->name, name, len) == 0)
			return module;
	for (const struct haw_loaded *l = s->loaded; l; l = l->next)
		if (strlen(l->module->name) == len && memcmp(l->module->name, name, len) == 0)
			return l->module;
	return NULL;
}

static int remember(haw_selector *s, const haw_backend_module *module, haw_error *err)
{
	struct haw_loaded *loaded = malloc(sizeof(*loaded));

	if (!loaded)
		return haw_selector_no_memory(err);
	loaded->module = module;
	loaded->next = s->loaded;
	s->loaded = loaded;
	return 0;
}

/* ---- Opening ---- */

static int refuse_instance(const haw_backend_module *module, const char *name, const char *why,
			   haw_error *err)
{
	char shown[256];

	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			     "the module \"%s\" cannot be used: what it opened as \"%s\" %s", module->name,
			     haw_escape(shown, sizeof(shown), name, strlen(name)), why);
}

static struct haw_candidate *open_instance(haw_selector *s, const haw_backend_module *module,
					   const char *name, haw_error *err)
{
	const haw_backend_options options = {sizeof(options), s->eal, s->provider_path};
	const char *colon = strchr(name, ':'), *why;
	struct haw_candidate *c;
	haw_error own = {0};
	haw_backend *backend = module->open(colon ? colon + 1 : "", &options, &own);

	if (!backend) {
		own.message[sizeof(own.message) - 1] = '\0';
		haw_error_set(err, own.code < 0 ? own.code : HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, own.sys_errno,
			      "the backend \"%s\" cannot be opened: %s", name,
			      own.message[0] ? own.message : "its module does not say why");
		return NULL;
	}
	why = haw_backend_malformed(backend);
	if (!why && strcmp(backend->name, name) != 0)
		why = "calls itself otherwise";
	if (why) {
		refuse_instance(module, name, why, err);
		return NULL;
	}
	c = haw_selector_append(s, backend, backend);
	if (!c)
		haw_selector_no_memory(err);
	return c;
}

int haw_selector_load_module(haw_selector *s, const char *path, const char **name, haw_error *err)
{
	char *absolute = realpath(path, NULL), shown[256];
	const haw_backend_module *module = NULL;
	int result = load_file(absolute ? absolute : path, &module, err);

	free(absolute);
	if (result < 0)
		return result;
	if (name)
		*name = module->name;
	if (find_module(s, module->name, strlen(module->name)) == module)
		return 0;
	if (find_module(s, module->name, strlen(module->name)) || haw_selector_find(s, module->name) ||
	    haw_registry_why_missing(module->name))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the module %s calls itself \"%s\", as another backend does already",
				     haw_escape(shown, sizeof(shown), path, strlen(path)), module->name);
	result = remember(s, module, err);
	/* One that needs an argument is opened when an override names it. */
	if (result == 0)
		(void)open_instance(s, module, module->name, NULL);
	return result;
}

/* ---- Finding by name ---- */

static int unknown_backend(const haw_selector *s, const char *name, haw_error *err)
{
	const char *why = haw_registry_why_missing(name);
	char known[256] = "", shown[128];
	const haw_backend_module *module;
	struct haw_candidate *c;
	size_t at = 0;

	haw_escape(shown, sizeof(shown), name, strlen(name));
	if (why)
		return haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
				     "this build has no backend \"%s\": %s", shown, why);
	for (size_t i = 0; (c = haw_selector_candidate_at(s, i)) && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
				       c->backend->name);
	for (size_t i = 0; (module = haw_module_at(i)) && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, ", %s:NAME", module->name);
	return haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
			     "there is no backend \"%s\"; this build has %s", shown, known);
}

/* Load what the directory of modules has for a kind; 1 if it has none. */
static int load_from_directory(haw_selector *s, const char *kind, size_t len,
			       const haw_backend_module **module, haw_error *err)
{
	const char *directory = s->module_dir ? s->module_dir : HAW_MODULE_DIR;
	struct stat info;
	char *path;
	int result;

	if (asprintf(&path, "%s/%.*s.so", directory, (int)len, kind) < 0)
		return haw_selector_no_memory(err);
	result = stat(path, &info) < 0 ? 1 : load_file(path, module, err);
	if (result == 0 && (strlen((*module)->name) != len || memcmp((*module)->name, kind, len) != 0))
		result = not_a_module(path, "it calls itself otherwise", err);
	if (result == 0)
		result = remember(s, *module, err);
	free(path);
	return result;
}

bool haw_selector_has_plugin(const haw_selector *s, const char *kind)
{
	const char *directory = s && s->module_dir ? s->module_dir : HAW_MODULE_DIR;
	struct stat info;
	char *path;
	bool found;

	if (asprintf(&path, "%s/%s.so", directory, kind) < 0)
		return false;
	found = stat(path, &info) == 0;
	free(path);
	return found;
}

static int missing_plugin(const haw_selector *s, const char *kind, size_t len, haw_error *err)
{
	return haw_error_set(
		err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
		"the backend \"%.*s\" is not installed: there is no %s/%.*s.so, which is made where "
		"the libraries that it needs are there at build time",
		(int)len, kind, s->module_dir ? s->module_dir : HAW_MODULE_DIR, (int)len, kind);
}

struct haw_candidate *haw_selector_require(haw_selector *s, const char *name, haw_error *err)
{
	struct haw_candidate *c = haw_selector_find(s, name);
	size_t len = strcspn(name, ":");
	const haw_backend_module *module;
	int result = 0;

	if (c)
		return c;
	if (!good_kind(name, len) || strlen(name) > HAW_BACKEND_NAME_MAX ||
	    (haw_registry_why_missing(name) && !find_module(s, name, len))) {
		unknown_backend(s, name, err);
		return NULL;
	}
	module = find_module(s, name, len);
	if (!module)
		result = load_from_directory(s, name, len, &module, err);
	if (result > 0 && len == strlen("cryptodev") && memcmp(name, "cryptodev", len) == 0)
		missing_plugin(s, name, len, err);
	else if (result > 0)
		unknown_backend(s, name, err);
	return result == 0 ? open_instance(s, module, name, err) : NULL;
}

const haw_backend *haw_selector_open(haw_selector *s, const char *name, haw_error *err)
{
	struct haw_candidate *c = haw_selector_require(s, name, err);

	return c ? c->backend : NULL;
}
