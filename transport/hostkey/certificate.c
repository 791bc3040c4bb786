/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/hostkey/certificate.h"

#include <string.h>

#include "transport/hostkey/family.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Names of certificates, as types of blobs and as algorithms. An RSA blob is of type
 * ssh-rsa-cert-v01@openssh.com whatever the algorithm; OpenSSH takes the others as types too. */
static const struct {
	const char *name, *key_type;
	const char *algorithm; /* NULL: a type only, its signatures would be SHA-1 */
} names[] = {
	{"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "ssh-ed25519"},
	{"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
	{"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
	{"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
	{"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"},
	{"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
	 "sk-ecdsa-sha2-nistp256@openssh.com"},
	{"rsa-sha2-512-cert-v01@openssh.com", "ssh-rsa", "rsa-sha2-512"},
	{"rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa", "rsa-sha2-256"},
	{"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", NULL},
};

static size_t find(haw_span name)
{
	size_t i = 0;

	while (i < COUNT(names) && !haw_span_is(name, names[i].name))
		i++;
	return i;
}

const struct haw_signature_algorithm *haw_key_algorithm_find(haw_span name, bool *certificate)
{
	const struct haw_signature_algorithm *each;
	size_t i = find(name);

	*certificate = i < COUNT(names);
	if (*certificate)
		return names[i].algorithm ? haw_signature_algorithm_find(names[i].algorithm) : NULL;
	for (i = 0; (each = haw_signature_algorithm_at(i)); i++)
		if (haw_span_is(name, each->name))
			return each;
	return NULL;
}

bool haw_key_type_serves(const char *type, haw_span name)
{
	bool certificate;
	const struct haw_signature_algorithm *algorithm = haw_key_algorithm_find(name, &certificate);
	size_t i = find((haw_span){(const uint8_t *)type, strlen(type)});

	if (!algorithm || certificate != (i < COUNT(names)))
		return false;
	return strcmp(algorithm->key_type, certificate ? names[i].key_type : type) == 0;
}

bool haw_certificate_is(haw_span blob)
{
	return find(haw_hostkey_type(blob)) < COUNT(names);
}

static bool has_nul(haw_span text)
{
	return text.len > 0 && memchr(text.ptr, '\0', text.len);
}

static bool principals_are_sound(haw_span list)
{
	haw_message in;
	size_t count = 0;

	haw_message_read(&in, list.ptr, list.len);
	while (haw_message_ok(&in) && !haw_message_complete(&in)) {
		haw_span name = haw_get_string(&in);

		if (name.len == 0 || has_nul(name) || ++count > HAW_CERTIFICATE_PRINCIPALS_MAX)
			return false;
	}
	return haw_message_ok(&in);
}

/* PROTOCOL.certkeys: options are ordered by their names, and each name stands there once. */
static bool options_are_sound(haw_span list)
{
	haw_span last = {NULL, 0};
	haw_message in;

	haw_message_read(&in, list.ptr, list.len);
	while (haw_message_ok(&in) && !haw_message_complete(&in)) {
		haw_span name = haw_get_string(&in);
		size_t shorter = name.len < last.len ? name.len : last.len;
		int order = last.ptr ? memcmp(last.ptr, name.ptr, shorter) : -1;

		haw_get_string(&in);
		if (name.len == 0 || has_nul(name) || order > 0 || (order == 0 && name.len <= last.len))
			return false;
		last = name;
	}
	return haw_message_ok(&in);
}

static int judge_form(const struct haw_certificate_fields *f, haw_error *err)
{
	if (f->kind != 1 && f->kind != 2)
		return haw_hostkey_malformed(err, "a certificate is neither a user's nor a host's");
	if (has_nul(f->key_id) || !principals_are_sound(f->principals))
		return haw_hostkey_malformed(err, "a certificate's names are malformed");
	if (!options_are_sound(f->critical_options) || !options_are_sound(f->extensions))
		return haw_hostkey_malformed(
			err, "a certificate's options are malformed, stand there twice or not in order");
	if (haw_hostkey_type(f->authority).len == 0)
		return haw_hostkey_malformed(err, "the key of a certificate's authority is malformed");
	if (haw_certificate_is(f->authority))
		return haw_hostkey_malformed(err, "a certificate was signed by another certificate");
	if (haw_certificate_algorithm(f).len == 0)
		return haw_hostkey_malformed(err, "a certificate's signature is malformed");
	return 0;
}

int haw_certificate_read(haw_span blob, struct haw_certificate_fields *f, haw_error *err)
{
	const uint8_t *numbers;
	haw_message in;
	size_t i;

	memset(f, 0, sizeof(*f));
	haw_message_read(&in, blob.ptr, blob.len);
	i = find(haw_get_string(&in));
	if (i == COUNT(names))
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
				     "certificates of that type are not supported");
	f->type = names[i].name;
	f->key_type = names[i].key_type;
	haw_get_string(&in); /* the nonce: it only keeps the authority from signing what somebody chose */
	numbers = haw_message_remainder(&in).ptr;
	i = haw_hostkey_named_type((haw_span){(const uint8_t *)f->key_type, strlen(f->key_type)})->strings;
	while (i-- > 0)
		haw_get_string(&in);
	if (haw_message_ok(&in))
		f->numbers = (haw_span){numbers, (size_t)(haw_message_remainder(&in).ptr - numbers)};
	f->serial = haw_get_u64(&in);
	f->kind = haw_get_u32(&in);
	f->key_id = haw_get_string(&in);
	f->principals = haw_get_string(&in);
	f->valid_after = haw_get_u64(&in);
	f->valid_before = haw_get_u64(&in);
	f->critical_options = haw_get_string(&in);
	f->extensions = haw_get_string(&in);
	haw_get_string(&in); /* reserved */
	f->authority = haw_get_string(&in);
	f->signed_part = haw_message_so_far(&in);
	f->signature = haw_get_string(&in);
	if (!haw_message_complete(&in) || blob.len > HAW_CERTIFICATE_BLOB_MAX)
		return haw_hostkey_malformed(err, "a certificate is malformed");
	return judge_form(f, err);
}

int haw_certificate_put_plain(const struct haw_certificate_fields *f, haw_message *out, haw_error *err)
{
	haw_put_text(out, f->key_type);
	haw_put_bytes(out, f->numbers.ptr, f->numbers.len);
	return haw_message_ok(out) ? 0 : haw_hostkey_malformed(err, "the key in a certificate is too long");
}

haw_span haw_certificate_algorithm(const struct haw_certificate_fields *f)
{
	return haw_hostkey_type(f->signature);
}

int haw_certificate_verify(const struct haw_certificate_fields *f, haw_error *err)
{
	haw_span name = haw_certificate_algorithm(f);
	char shown[80];
	bool certificate;

	if (!haw_key_algorithm_find(name, &certificate))
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_PEER, 0,
				     "a certificate was signed by %s, which is not accepted",
				     haw_escape(shown, sizeof(shown), name.ptr, name.len));
	return haw_hostkey_verify_blob(f->authority, NULL, f->signed_part, f->signature, err);
}
