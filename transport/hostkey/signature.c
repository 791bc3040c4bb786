/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures: string algorithm, string signature (RFC 4253 §6.6).
 */
#include <string.h>

#include <openssl/err.h>

#include "transport/hostkey/family.h"

static int make_raw(EVP_PKEY *key, const char *digest, haw_span data, haw_message *raw)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = 0;
	uint8_t *space;
	int done = context && EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		   EVP_DigestSign(context, NULL, &len, data.ptr, data.len) == 1;

	space = done ? haw_put_space(raw, len) : NULL;
	done = space && EVP_DigestSign(context, space, &len, data.ptr, data.len) == 1;
	/* DER of r and s may be shorter than what was announced. */
	if (done)
		raw->len = len;
	EVP_MD_CTX_free(context);
	return done;
}

int haw_hostkey_sign(EVP_PKEY *key, const char *algorithm, haw_span data, haw_message *out, haw_error *err)
{
	const struct haw_signature_algorithm *chosen = haw_signature_algorithm_find(algorithm);
	const struct haw_hostkey_type *type = haw_hostkey_find_type(key);
	haw_message raw;
	haw_span made;
	size_t mark;
	int done;

	if (!chosen || !type || strcmp(chosen->key_type, type->name) != 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the key cannot make signatures of the algorithm asked for");
	haw_message_write(&raw, HAW_SIGNATURE_BLOB_MAX);
	done = make_raw(key, chosen->digest, data, &raw);
	made = haw_message_all(&raw);
	haw_put_text(out, chosen->name);
	mark = haw_put_string_begin(out);
	if (done && type->family->to_wire)
		done = type->family->to_wire(type, made, out);
	else if (done)
		haw_put_bytes(out, made.ptr, made.len);
	haw_put_string_end(out, mark);
	haw_message_free(&raw);
	if (!done)
		return haw_hostkey_engine_failed(err, "a signature's key or data");
	return haw_message_ok(out) ? 0
				   : haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
						   "there is no room for a signature");
}

static bool raw_is_right(EVP_PKEY *key, const char *digest, haw_span data, haw_span raw)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool right = context && EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		     EVP_DigestVerify(context, raw.ptr, raw.len, data.ptr, data.len) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return right;
}

static const struct haw_signature_algorithm *algorithm_named(haw_span name)
{
	const struct haw_signature_algorithm *each;

	for (size_t i = 0; (each = haw_signature_algorithm_at(i)); i++)
		if (haw_span_is(name, each->name))
			return each;
	return NULL;
}

static int wrong(haw_error *err, const char *why)
{
	return haw_error_set(err, HAW_EINTEGRITY, HAW_FAULT_PEER, 0, "%s", why);
}

int haw_hostkey_verify(EVP_PKEY *key, const char *algorithm, haw_span data, haw_span signature,
		       haw_error *err)
{
	const struct haw_hostkey_type *type = haw_hostkey_find_type(key);
	const struct haw_signature_algorithm *named;
	haw_message in, raw;
	haw_span name, wire;
	bool right;

	haw_message_read(&in, signature.ptr, signature.len);
	name = haw_get_string(&in);
	wire = haw_get_string(&in);
	if (!haw_message_complete(&in) || signature.len > HAW_SIGNATURE_BLOB_MAX)
		return haw_hostkey_malformed(err, "a signature is malformed");
	named = algorithm_named(name);
	/* RFC 8332 §3.2: the key's type says nothing about the digest; what was agreed must be what
	 * was signed with, or a peer could choose a weaker one. */
	if (!named || (algorithm && !haw_span_is(name, algorithm)))
		return wrong(err, "a signature was made with another algorithm than the one agreed on");
	if (!type || strcmp(type->name, named->key_type) != 0)
		return wrong(err, "a signature's algorithm does not belong to its key");
	haw_message_write(&raw, HAW_SIGNATURE_BLOB_MAX);
	right = type->family->from_wire(type, key, wire, &raw) &&
		raw_is_right(key, named->digest, data, haw_message_all(&raw));
	haw_message_free(&raw);
	return right ? 0 : wrong(err, "a signature does not match its key and data");
}

int haw_hostkey_verify_blob(haw_span blob, const char *algorithm, haw_span data, haw_span signature,
			    haw_error *err)
{
	EVP_PKEY *key;
	haw_error local;
	int result;

	if (!err)
		err = &local;
	key = haw_hostkey_parse(blob, err);
	if (!key)
		return err->code;
	result = haw_hostkey_verify(key, algorithm, data, signature, err);
	EVP_PKEY_free(key);
	return result;
}
