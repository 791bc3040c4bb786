/* SPDX-License-Identifier: Apache-2.0
 *
 * "engine:ID": an ENGINE, the interface before providers, for vendors that ship only that. It is never made
 * the default of anything, so nothing else in the process changes.
 *
 * Its ciphers are methods that OpenSSL uses as they are. One that hands out OpenSSL's own method has not got
 * the cipher.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto-backends/provider/opened.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const void *find(struct haw_openssl_source *source, enum haw_openssl_kind kind, const char *name)
{
	const struct haw_opened *o =
		(const void *)((const char *)source - offsetof(struct haw_opened, source));
	ENGINE *engine = o->library;
	const EVP_CIPHER *cipher;
	int nid = OBJ_sn2nid(name);

	if (kind != HAW_OPENSSL_CIPHER)
		return NULL;
	/* OpenSSL's short names of GCM differ from those that are fetched. */
	if (nid == NID_undef && strcmp(name, "AES-128-GCM") == 0)
		nid = NID_aes_128_gcm;
	if (nid == NID_undef && strcmp(name, "AES-256-GCM") == 0)
		nid = NID_aes_256_gcm;
	cipher = nid == NID_undef ? NULL : ENGINE_get_cipher(engine, nid);
	ERR_clear_error();
	return cipher == EVP_get_cipherbynid(nid) ? NULL : cipher;
}

static void unload(struct haw_opened *o)
{
	if (!o->library)
		return;
	ENGINE_finish(o->library);
	ENGINE_free(o->library);
}

/* The engine's module in the user's directory, or the one that OpenSSL knows. */
static ENGINE *by_id(const char *id, const char *path)
{
	ENGINE *engine;
	char file[4096];

	if (!path || snprintf(file, sizeof(file), "%s/%s.so", path, id) >= (int)sizeof(file))
		return ENGINE_by_id(id);
	ENGINE_load_dynamic();
	engine = ENGINE_by_id("dynamic");
	if (engine && ENGINE_ctrl_cmd_string(engine, "SO_PATH", file, 0) &&
	    ENGINE_ctrl_cmd_string(engine, "ID", id, 0) && ENGINE_ctrl_cmd_string(engine, "LOAD", NULL, 0))
		return engine;
	ENGINE_free(engine);
	return NULL;
}

static haw_backend *engine_open(const char *argument, const haw_backend_options *options, haw_error *err)
{
	const char *path = options ? options->provider_path : NULL;
	const char *hint = path ? "" : "; if its module lies elsewhere, say where with --provider-path";
	struct haw_opened *o;
	ENGINE *engine;

	if (!haw_opened_good_name(argument, strlen(argument), "._-")) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "write engine:ID; the directory of the module is what --provider-path says");
		return NULL;
	}
	o = haw_opened_new("engine", argument, err);
	if (!o)
		return NULL;
	engine = by_id(argument, path);
	if (!engine || !ENGINE_init(engine)) {
		haw_opened_error(err, engine ? HAW_EUNSUPPORTED : HAW_ENOTFOUND,
				 engine ? "the engine does not start" : "OpenSSL cannot load the engine",
				 hint);
		ENGINE_free(engine);
		haw_opened_close(&o->base);
		return NULL;
	}
	o->library = engine;
	o->source.find = find;
	o->unload = unload;
	snprintf(o->version, sizeof(o->version), "%s, %s", ENGINE_get_name(engine),
		 OpenSSL_version(OPENSSL_VERSION));
	o->base.description = "an OpenSSL engine";
	return haw_opened_finish(o, err);
}

const haw_backend_module haw_module_engine = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend_module),
	.name = "engine",
	.description = "an OpenSSL engine: engine:ID",
	.open = engine_open,
};
