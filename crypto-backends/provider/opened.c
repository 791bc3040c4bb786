/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/provider/opened.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/provider/paused.h"

static struct haw_opened *opened_of(const haw_backend *backend)
{
	return (struct haw_opened *)(uintptr_t)backend;
}

bool haw_opened_good_name(const char *text, size_t len, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char digits[] = "0123456789";

	if (len == 0 || !strchr(letters, text[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' ||
		    (!strchr(letters, text[i]) && !strchr(digits, text[i]) && !strchr(more, text[i])))
			return false;
	return true;
}

int haw_opened_error(haw_error *err, int code, const char *what, const char *hint)
{
	const char *data = NULL, *reason;
	unsigned long error;
	char shown[256] = "";
	int flags = 0;

	error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
	reason = error ? ERR_reason_error_string(error) : NULL;
	if (data && (flags & ERR_TXT_STRING) && *data)
		haw_escape(shown, sizeof(shown), data, strlen(data));
	haw_error_set(err, code, HAW_FAULT_LOCAL, 0, "%s: %s%s%s%s%s", what,
		      reason ? reason : "OpenSSL gives no reason", *shown ? " (" : "", shown,
		      *shown ? ")" : "", hint);
	ERR_clear_error();
	return code;
}

static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	struct haw_opened *o = opened_of(backend);
	const char *cipher = haw_openssl_cipher_name(suite);
	const char *digest = haw_openssl_digest_name(suite);

	if (cipher && !haw_openssl_cipher(&o->source, cipher))
		return "it has not got the cipher";
	if (digest && !haw_openssl_digest(&o->source, digest))
		return "it has the cipher, and not the hash of the MAC";
	if (suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305 && !haw_openssl_mac(&o->source, "Poly1305"))
		return "it has ChaCha20, and not Poly1305";
	return haw_openssl_refuses(&o->source, suite);
}

static haw_sealer *make(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys, bool opens,
			haw_error *err)
{
	struct haw_opened *o = opened_of(backend);
	const char *refusal = refuses(backend, suite);

	if (refusal) {
		haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0, "%s cannot do %s: %s", o->name,
			      suite->name, refusal);
		return NULL;
	}
	/* Where each packet needs the one before it there is nothing to keep under way. */
	if (o->pauses && suite->chain_mode != HAW_CHAIN_CIPHERTEXT)
		return haw_paused_new(o, suite, keys, opens, HAW_PAUSED_DEPTH, err);
	return haw_openssl_make(&o->source, suite, keys, opens, err);
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(backend, suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(backend, suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return opened_of(backend)->version;
}

struct haw_opened *haw_opened_new(const char *kind, const char *argument, haw_error *err)
{
	struct haw_opened *o = calloc(1, sizeof(*o));

	if (!o) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for a backend");
		return NULL;
	}
	o->base = (haw_backend){
		.abi = HAW_BACKEND_ABI,
		.size = sizeof(haw_backend),
		.name = o->name,
		.unusable = unusable,
		.refuses = refuses,
		.new_sealer = new_sealer,
		.new_opener = new_opener,
		.version = version,
		.close = haw_opened_close,
	};
	if (snprintf(o->name, sizeof(o->name), "%s:%s", kind, argument) >= (int)sizeof(o->name)) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "the name of the %s is longer than 240 characters", kind);
		free(o);
		return NULL;
	}
	return o;
}

haw_backend *haw_opened_finish(struct haw_opened *o, haw_error *err)
{
	if (haw_paused_probe(o, err) < 0) {
		haw_opened_close(&o->base);
		return NULL;
	}
	if (o->pauses)
		o->base.flags |= HAW_BACKEND_OFFLOAD;
	else if (!o->own)
		o->base.flags |= HAW_BACKEND_MAY_FAIL;
	return &o->base;
}

void haw_opened_close(haw_backend *backend)
{
	struct haw_opened *o = opened_of(backend);

	if (atomic_load(&o->abandoned) > 0)
		return;
	haw_openssl_source_clear(&o->source);
	if (o->unload)
		o->unload(o);
	free(o);
}
