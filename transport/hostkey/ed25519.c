/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh-ed25519 (RFC 8709): 32 bytes of key, 64 bytes of signature, both as they are.
 */
#include "transport/hostkey/family.h"

enum { KEY_SIZE = 32, SIGNATURE_SIZE = 64 };

static EVP_PKEY *ed25519_parse(const struct haw_hostkey_type *type, haw_message *in, haw_error *err)
{
	haw_span bytes = haw_get_string(in);
	EVP_PKEY *key;

	if (!haw_message_ok(in) || bytes.len != KEY_SIZE) {
		haw_hostkey_malformed(err, "an Ed25519 key is not of 32 bytes");
		return NULL;
	}
	key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes.ptr, bytes.len);
	if (!key)
		haw_hostkey_engine_failed(err, "an Ed25519 key");
	return key;
}

static bool ed25519_encode(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_message *out)
{
	uint8_t bytes[KEY_SIZE];
	size_t len = sizeof(bytes);

	if (EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1 || len != sizeof(bytes))
		return false;
	haw_put_string(out, bytes, len);
	return haw_message_ok(out);
}

static bool ed25519_from_wire(const struct haw_hostkey_type *type, const EVP_PKEY *key, haw_span wire,
			      haw_message *raw)
{
	if (wire.len != SIGNATURE_SIZE)
		return false;
	haw_put_bytes(raw, wire.ptr, wire.len);
	return haw_message_ok(raw);
}

const struct haw_hostkey_family haw_hostkey_ed25519 = {
	.evp_name = "ED25519",
	.signature_name = "ED25519",
	.parse = ed25519_parse,
	.encode = ed25519_encode,
	.from_wire = ed25519_from_wire,
};
