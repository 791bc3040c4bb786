/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library sees of the module: devices opened by name, and what they can do.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <openssl/crypto.h>
#include <rte_version.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERDICTS = 64, TEXT = 192 };

/* What was found out about a suite, which is told apart by what is asked of the device. */
struct verdict {
	uint8_t cipher_kind, mac_kind, length_mode;
	uint16_t key_size;
	const char *refusal; /* NULL: it can */
	char text[TEXT];
};

struct backend {
	haw_backend base;
	struct haw_cryptodev_device *device;
	bool direct;
	pthread_mutex_t lock;
	struct verdict verdicts[VERDICTS];
	unsigned count;
	char name[96], description[128], version[96];
};

int haw_cryptodev_error(haw_error *err, int code, const char *format, ...)
{
	va_list arguments;

	if (err) {
		memset(err, 0, sizeof(*err));
		err->code = code;
		err->fault = code == HAW_ESYSTEM || code == HAW_ENOMEM ? HAW_FAULT_SYSTEM : HAW_FAULT_LOCAL;
		va_start(arguments, format);
		vsnprintf(err->message, sizeof(err->message), format, arguments);
		va_end(arguments);
	}
	return code;
}

/* One that has stopped takes no more keys, and whoever has it goes on without: that is no reason to end a
 * connection that is about to rekey. */
static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

static bool is_about(const struct verdict *v, const haw_suite *suite)
{
	return v->cipher_kind == suite->cipher_kind && v->mac_kind == suite->mac_kind &&
	       v->length_mode == suite->length_mode && v->key_size == suite->key_size;
}

static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	struct backend *b = (struct backend *)(uintptr_t)backend;
	struct verdict *v = b->verdicts;
	const char *refusal;

	pthread_mutex_lock(&b->lock);
	while (v < b->verdicts + b->count && !is_about(v, suite))
		v++;
	if (v == b->verdicts + b->count && b->count < VERDICTS) {
		v->cipher_kind = suite->cipher_kind;
		v->mac_kind = suite->mac_kind;
		v->length_mode = suite->length_mode;
		v->key_size = suite->key_size;
		v->refusal = haw_cryptodev_refusal(b->device, suite, v->text, sizeof(v->text));
		b->count++;
	}
	refusal = v < b->verdicts + b->count ? v->refusal : "it keeps account of no more suites";
	pthread_mutex_unlock(&b->lock);
	return refusal;
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	const struct backend *b = (const struct backend *)backend;

	return haw_cryptodev_sealer_new(b->device, b->direct, suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	const struct backend *b = (const struct backend *)backend;

	return haw_cryptodev_sealer_new(b->device, b->direct, suite, keys, true, err);
}

static const char *version(const haw_backend *backend)
{
	return ((const struct backend *)backend)->version;
}

static void close_backend(haw_backend *backend)
{
	struct backend *b = (struct backend *)backend;

	pthread_mutex_destroy(&b->lock);
	free(b);
}

static struct backend *make(const char *argument, struct haw_cryptodev_device *device, bool direct)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->name, sizeof(b->name), "cryptodev:%s", argument);
	snprintf(b->description, sizeof(b->description), "%s by DPDK's driver %s", device->name,
		 device->driver);
	snprintf(b->version, sizeof(b->version), "%s, %s", rte_version(), device->driver);
	b->base = (haw_backend){
		.abi = HAW_BACKEND_ABI,
		.size = sizeof(haw_backend),
		.name = b->name,
		.description = b->description,
		.flags = HAW_BACKEND_OFFLOAD,
		.unusable = unusable,
		.refuses = refuses,
		.new_sealer = new_sealer,
		.new_opener = new_opener,
		.version = version,
		.close = close_backend,
	};
	b->device = device;
	b->direct = direct;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

/* ARGUMENT is DEVICE, or DEVICE+copy: then packets are worked on in DPDK's memory, as hardware does it. */
static haw_backend *open_backend(const char *argument, const haw_backend_options *options, haw_error *err)
{
	size_t len = strcspn(argument, "+");
	struct haw_cryptodev_device *device;
	char name[RTE_CRYPTODEV_NAME_MAX_LEN];
	struct backend *b;

	if (len == 0 || len >= sizeof(name) || (argument[len] && strcmp(argument + len, "+copy") != 0)) {
		haw_cryptodev_error(err, HAW_EINVAL,
				    "\"%.64s\" names no crypto device of DPDK: write cryptodev:DEVICE, as in "
				    "cryptodev:crypto_aesni_gcm0",
				    argument);
		return NULL;
	}
	memcpy(name, argument, len);
	name[len] = '\0';
	if (haw_cryptodev_eal_start(options ? options->eal : NULL, name, err) < 0)
		return NULL;
	device = haw_cryptodev_device_open(name, err);
	if (!device)
		return NULL;
	b = make(argument, device, !argument[len]);
	if (!b)
		haw_cryptodev_error(err, HAW_ENOMEM, "no memory for a crypto device");
	return b ? &b->base : NULL;
}

HAW_API extern const haw_backend_module haw_module;

const haw_backend_module haw_module = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend_module),
	.name = "cryptodev",
	.description = "crypto devices of DPDK: Intel QuickAssist, software drivers",
	.open = open_backend,
};
