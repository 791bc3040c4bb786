/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of key types and algorithms, and what all of them share.
 */
#include <string.h>

#include <openssl/err.h>

#include "transport/hostkey/family.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct haw_hostkey_type types[] = {
	{.name = "ssh-ed25519", .strings = 1, .family = &haw_hostkey_ed25519},
	{
		.name = "ecdsa-sha2-nistp256",
		.curve = "nistp256",
		.group = "prime256v1",
		.field_size = 32,
		.strings = 2,
		.family = &haw_hostkey_ecdsa,
	},
	{
		.name = "ecdsa-sha2-nistp384",
		.curve = "nistp384",
		.group = "secp384r1",
		.field_size = 48,
		.strings = 2,
		.family = &haw_hostkey_ecdsa,
	},
	{
		.name = "ecdsa-sha2-nistp521",
		.curve = "nistp521",
		.group = "secp521r1",
		.field_size = 66,
		.strings = 2,
		.family = &haw_hostkey_ecdsa,
	},
	{.name = "ssh-rsa", .strings = 2, .family = &haw_hostkey_rsa},
	{
		.name = "sk-ssh-ed25519@openssh.com",
		.strings = 2,
		.device = true,
		.family = &haw_hostkey_ed25519,
	},
	{
		.name = "sk-ecdsa-sha2-nistp256@openssh.com",
		.curve = "nistp256",
		.group = "prime256v1",
		.field_size = 32,
		.strings = 3,
		.device = true,
		.family = &haw_hostkey_ecdsa,
	},
};

/* Best first. RFC 5656 §6.2.1 ties the digest to the size of the curve. */
static const struct haw_signature_algorithm algorithms[] = {
	{.name = "ssh-ed25519", .key_type = "ssh-ed25519"},
	{
		.name = "ecdsa-sha2-nistp256",
		.key_type = "ecdsa-sha2-nistp256",
		.digest = "SHA256",
		.curve = "nistp256",
	},
	{
		.name = "ecdsa-sha2-nistp384",
		.key_type = "ecdsa-sha2-nistp384",
		.digest = "SHA384",
		.curve = "nistp384",
	},
	{
		.name = "ecdsa-sha2-nistp521",
		.key_type = "ecdsa-sha2-nistp521",
		.digest = "SHA512",
		.curve = "nistp521",
	},
	{.name = "rsa-sha2-512", .key_type = "ssh-rsa", .digest = "SHA512"},
	{.name = "rsa-sha2-256", .key_type = "ssh-rsa", .digest = "SHA256"},
	{.name = "sk-ssh-ed25519@openssh.com", .key_type = "sk-ssh-ed25519@openssh.com"},
	{
		.name = "sk-ecdsa-sha2-nistp256@openssh.com",
		.key_type = "sk-ecdsa-sha2-nistp256@openssh.com",
		.digest = "SHA256",
		.curve = "nistp256",
	},
};

int haw_hostkey_malformed(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_PEER, 0, "%s", what);
}

int haw_hostkey_engine_failed(haw_error *err, const char *what)
{
	ERR_clear_error();
	return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0, "OpenSSL could not take %s", what);
}

BIGNUM *haw_hostkey_number(const EVP_PKEY *key, const char *name)
{
	BIGNUM *number = NULL;

	return EVP_PKEY_get_bn_param(key, name, &number) == 1 ? number : NULL;
}

const struct haw_signature_algorithm *haw_signature_algorithm_at(size_t index)
{
	return index < COUNT(algorithms) ? &algorithms[index] : NULL;
}

const struct haw_signature_algorithm *haw_signature_algorithm_find(const char *name)
{
	for (size_t i = 0; i < COUNT(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

bool haw_signature_algorithm_available(const struct haw_signature_algorithm *algorithm)
{
	const haw_span name = {(const uint8_t *)algorithm->key_type, strlen(algorithm->key_type)};
	const struct haw_hostkey_type *type = haw_hostkey_named_type(name);
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, type->family->evp_name, NULL);
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, type->family->signature_name, NULL);
	EVP_MD *digest = algorithm->digest ? EVP_MD_fetch(NULL, algorithm->digest, NULL) : NULL;
	bool available = keys && signature && (digest || !algorithm->digest);

	EVP_KEYMGMT_free(keys);
	EVP_SIGNATURE_free(signature);
	EVP_MD_free(digest);
	/* What OpenSSL has not got is no error. */
	ERR_clear_error();
	return available;
}

static bool is_of_type(const EVP_PKEY *key, const struct haw_hostkey_type *type)
{
	char group[32] = "";
	size_t len;

	if (type->device || !EVP_PKEY_is_a(key, type->family->evp_name))
		return false;
	if (type->group)
		return EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
		       strcmp(group, type->group) == 0;
	if (type->family == &haw_hostkey_rsa)
		return EVP_PKEY_get_bits(key) >= (int)HAW_RSA_BITS_MIN &&
		       EVP_PKEY_get_bits(key) <= (int)HAW_RSA_BITS_MAX;
	return true;
}

const struct haw_hostkey_type *haw_hostkey_find_type(const EVP_PKEY *key)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (is_of_type(key, &types[i]))
			return &types[i];
	return NULL;
}

const char *haw_hostkey_type_of(EVP_PKEY *key)
{
	const struct haw_hostkey_type *type = haw_hostkey_find_type(key);

	return type ? type->name : NULL;
}

unsigned int haw_hostkey_bits(EVP_PKEY *key)
{
	/* OpenSSL counts the 253 useful bits of an Ed25519 key; people know 256. */
	return EVP_PKEY_is_a(key, "ED25519") ? 256 : (unsigned int)EVP_PKEY_get_bits(key);
}

const struct haw_hostkey_type *haw_hostkey_named_type(haw_span name)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (haw_span_is(name, types[i].name))
			return &types[i];
	return NULL;
}

haw_span haw_hostkey_type(haw_span blob)
{
	haw_message in;

	haw_message_read(&in, blob.ptr, blob.len);
	return haw_get_string(&in);
}

static int unsupported(haw_span name, haw_error *err)
{
	char shown[80];

	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
			     "keys of type %s are not supported here",
			     haw_escape(shown, sizeof(shown), name.ptr, name.len));
}

int haw_hostkey_read(haw_span blob, struct haw_hostkey_public *out, haw_error *err)
{
	haw_error local;
	haw_message in;
	haw_span name;

	if (!err)
		err = &local;
	haw_message_read(&in, blob.ptr, blob.len);
	name = haw_get_string(&in);
	*out = (struct haw_hostkey_public){.type = haw_hostkey_named_type(name)};
	if (!haw_message_ok(&in) || blob.len > HAW_HOSTKEY_BLOB_MAX)
		return haw_hostkey_malformed(err, "a public key is malformed");
	if (!out->type)
		return unsupported(name, err);
	out->pkey = out->type->family->parse(out->type, &in, err);
	if (!out->pkey)
		return err->code;
	if (out->type->device)
		out->application = haw_get_string(&in);
	if (haw_message_complete(&in))
		return 0;
	EVP_PKEY_free(out->pkey);
	out->pkey = NULL;
	return haw_hostkey_malformed(err, "a public key is cut short, or there are bytes behind it");
}

EVP_PKEY *haw_hostkey_parse(haw_span blob, haw_error *err)
{
	struct haw_hostkey_public key;

	if (haw_hostkey_read(blob, &key, err) < 0)
		return NULL;
	if (!key.type->device)
		return key.pkey;
	EVP_PKEY_free(key.pkey);
	unsupported(haw_hostkey_type(blob), err);
	return NULL;
}

int haw_hostkey_encode(EVP_PKEY *key, haw_message *out, haw_error *err)
{
	const struct haw_hostkey_type *type = haw_hostkey_find_type(key);

	if (!type)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "a key of this kind or size is not supported");
	haw_put_text(out, type->name);
	if (!type->family->encode(type, key, out))
		return haw_hostkey_engine_failed(err, "a public key apart");
	return 0;
}
