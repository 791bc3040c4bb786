/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures: string algorithm, string signature (RFC 4253 §6.6); a FIDO device appends its flags and
 * a counter.
 */
#include <string.h>

#include <openssl/err.h>

#include "transport/hostkey/certificate.h"
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

static int wrong(haw_error *err, const char *why)
{
	return haw_error_set(err, HAW_EINTEGRITY, HAW_FAULT_PEER, 0, "%s", why);
}

/* What a device signs in place of DATA (PROTOCOL.u2f): its application's digest, flags, counter, and
 * the digest of DATA. */
static bool wrap_for_device(const struct haw_hostkey_public *key, haw_span flags_and_counter, haw_span data,
			    haw_message *out)
{
	uint8_t *application = haw_put_space(out, 32), *digest;
	size_t len;
	bool done = application && EVP_Q_digest(NULL, "SHA256", NULL, key->application.ptr,
						key->application.len, application, &len) == 1;

	haw_put_bytes(out, flags_and_counter.ptr, flags_and_counter.len);
	digest = haw_put_space(out, 32);
	return done && digest && EVP_Q_digest(NULL, "SHA256", NULL, data.ptr, data.len, digest, &len) == 1;
}

static bool is_right(const struct haw_hostkey_public *key, const struct haw_signature_algorithm *algorithm,
		     haw_span data, haw_span wire, haw_span flags_and_counter)
{
	uint8_t wrapped_bytes[32 + 5 + 32];
	haw_message raw, wrapped;
	bool right = true;

	haw_message_write_to(&wrapped, wrapped_bytes, sizeof(wrapped_bytes));
	if (key->type->device) {
		right = wrap_for_device(key, flags_and_counter, data, &wrapped);
		data = haw_message_all(&wrapped);
	}
	haw_message_write(&raw, HAW_SIGNATURE_BLOB_MAX);
	right = right && key->type->family->from_wire(key->type, key->pkey, wire, &raw) &&
		raw_is_right(key->pkey, algorithm->digest, data, haw_message_all(&raw));
	haw_message_free(&raw);
	return right;
}

static int verify(const struct haw_hostkey_public *key, const struct haw_signature_algorithm *wanted,
		  haw_span data, haw_span signature, haw_error *err)
{
	const struct haw_signature_algorithm *named;
	haw_span name, wire, flags_and_counter = {NULL, 0};
	haw_message in;
	bool certificate;

	haw_message_read(&in, signature.ptr, signature.len);
	name = haw_get_string(&in);
	wire = haw_get_string(&in);
	if (key->type && key->type->device)
		flags_and_counter = haw_get_bytes(&in, 5);
	if (!haw_message_complete(&in) || signature.len > HAW_SIGNATURE_BLOB_MAX)
		return haw_hostkey_malformed(err, "a signature is malformed");
	named = haw_key_algorithm_find(name, &certificate);
	/* RFC 8332 §3.2: the key's type says nothing about the digest; what was agreed must be what
	 * was signed with, or a peer could choose a weaker one. */
	if (!named || certificate || (wanted && named != wanted))
		return wrong(err, "a signature was made with another algorithm than the one agreed on");
	if (!key->type || strcmp(key->type->name, named->key_type) != 0)
		return wrong(err, "a signature's algorithm does not belong to its key");
	return is_right(key, named, data, wire, flags_and_counter)
		       ? 0
		       : wrong(err, "a signature does not match its key and data");
}

static int find_wanted(const char *algorithm, bool certificate, const struct haw_signature_algorithm **wanted,
		       haw_error *err)
{
	bool names_certificate = certificate;

	*wanted = NULL;
	if (!algorithm)
		return 0;
	*wanted = haw_key_algorithm_find((haw_span){(const uint8_t *)algorithm, strlen(algorithm)},
					 &names_certificate);
	if (!*wanted)
		return wrong(err, "a signature was made with another algorithm than the one agreed on");
	if (names_certificate != certificate)
		return wrong(err, certificate ? "a certificate came where a plain key was agreed on"
					      : "a plain key came where a certificate was agreed on");
	return 0;
}

int haw_hostkey_verify(EVP_PKEY *pkey, const char *algorithm, haw_span data, haw_span signature,
		       haw_error *err)
{
	const struct haw_hostkey_public key = {.type = haw_hostkey_find_type(pkey), .pkey = pkey};
	const struct haw_signature_algorithm *wanted;
	int result = find_wanted(algorithm, false, &wanted, err);

	return result < 0 ? result : verify(&key, wanted, data, signature, err);
}

int haw_hostkey_verify_blob(haw_span blob, const char *algorithm, haw_span data, haw_span signature,
			    haw_error *err)
{
	const struct haw_signature_algorithm *wanted;
	bool certificate = haw_certificate_is(blob);
	struct haw_hostkey_public key;
	haw_message plain;
	int result;

	haw_message_write(&plain, HAW_HOSTKEY_BLOB_MAX);
	if (certificate) {
		struct haw_certificate_fields fields;

		result = haw_certificate_read(blob, &fields, err);
		if (result == 0)
			result = haw_certificate_put_plain(&fields, &plain, err);
		blob = haw_message_all(&plain);
	} else {
		result = 0;
	}
	if (result == 0)
		result = find_wanted(algorithm, certificate, &wanted, err);
	if (result == 0)
		result = haw_hostkey_read(blob, &key, err);
	if (result == 0) {
		result = verify(&key, wanted, data, signature, err);
		EVP_PKEY_free(key.pkey);
	}
	haw_message_free(&plain);
	return result;
}

void haw_hostkey_put_proof(haw_message *out, haw_span session_id, haw_span blob)
{
	haw_put_text(out, "hostkeys-prove-00@openssh.com");
	haw_put_string(out, session_id.ptr, session_id.len);
	haw_put_string(out, blob.ptr, blob.len);
}
