/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates as keys: what one says, copied out of its blob once, and whether that is in order.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/hostkey/certificate.h"
#include "transport/keys/key_internal.h"
#include "transport/keys/text.h"

/* What the public struct points to, in one piece of memory: the arrays and the strings stand behind
 * it. */
struct haw_certificate_copy {
	haw_certificate public;
	const char *key_type;
};

const haw_certificate *haw_certificate_of(const struct haw_certificate_copy *copy)
{
	return &copy->public;
}

const char *haw_certificate_key_type(const struct haw_certificate_copy *copy)
{
	return copy->key_type;
}

void haw_certificate_free(struct haw_certificate_copy *copy)
{
	free(copy);
}

static size_t count_strings(haw_span list)
{
	haw_message m;
	size_t count = 0;

	haw_message_read(&m, list.ptr, list.len);
	for (; haw_message_ok(&m) && !haw_message_complete(&m); count++)
		haw_get_string(&m);
	return count;
}

/* Strings are copied to *AT, each with a NUL behind it. */
static const uint8_t *copy_bytes(char **at, haw_span bytes)
{
	char *start = *at;

	if (bytes.len > 0)
		memcpy(start, bytes.ptr, bytes.len);
	start[bytes.len] = '\0';
	*at += bytes.len + 1;
	return (const uint8_t *)start;
}

static const char *copy_text(char **at, haw_span text)
{
	return (const char *)copy_bytes(at, text);
}

static void copy_principals(const char **out, haw_span list, char **at)
{
	haw_message m;

	haw_message_read(&m, list.ptr, list.len);
	while (!haw_message_complete(&m))
		*out++ = copy_text(at, haw_get_string(&m));
}

static void copy_options(haw_certificate_option *out, haw_span list, char **at)
{
	haw_message m;

	haw_message_read(&m, list.ptr, list.len);
	for (; !haw_message_complete(&m); out++) {
		haw_span data;

		out->name = copy_text(at, haw_get_string(&m));
		data = haw_get_string(&m);
		out->data = (haw_span){copy_bytes(at, data), data.len};
	}
}

static struct haw_certificate_copy *copy_fields(const struct haw_certificate_fields *f)
{
	size_t principals = count_strings(f->principals), critical = count_strings(f->critical_options) / 2,
	       extensions = count_strings(f->extensions) / 2;
	haw_span algorithm = haw_certificate_algorithm(f), authority_type = haw_hostkey_type(f->authority);
	/* Every string loses its length of 4 bytes and gains a NUL. */
	size_t text = f->principals.len + f->critical_options.len + f->extensions.len + f->key_id.len +
		      f->authority.len + algorithm.len + authority_type.len + 4;
	haw_certificate_option *options;
	struct haw_certificate_copy *copy;
	const char **names;
	char *at;

	copy = malloc(sizeof(*copy) + (critical + extensions) * sizeof(*options) +
		      principals * sizeof(*names) + text);
	if (!copy)
		return NULL;
	options = (haw_certificate_option *)(copy + 1);
	names = (const char **)(options + critical + extensions);
	at = (char *)(names + principals);
	copy->key_type = f->key_type;
	copy->public = (haw_certificate){
		.size = sizeof(haw_certificate),
		.kind = (enum haw_certificate_kind)f->kind,
		.serial = f->serial,
		.principals = names,
		.principal_count = principals,
		.valid_after = f->valid_after,
		.valid_before = f->valid_before,
		.critical_options = options,
		.critical_option_count = critical,
		.extensions = options + critical,
		.extension_count = extensions,
	};
	copy_principals(names, f->principals, &at);
	copy_options(options, f->critical_options, &at);
	copy_options(options + critical, f->extensions, &at);
	copy->public.key_id = copy_text(&at, f->key_id);
	copy->public.authority = (haw_span){copy_bytes(&at, f->authority), f->authority.len};
	copy->public.authority_type = copy_text(&at, authority_type);
	copy->public.signature_algorithm = copy_text(&at, algorithm);
	return copy;
}

/* An authority that cannot be judged is noted; a signature that is wrong makes no certificate. */
static int judge_signature(const struct haw_certificate_fields *f, haw_certificate *c, haw_error *err)
{
	int result = haw_certificate_verify(f, err);

	c->verified = result == 0;
	if (!haw_fingerprint_sha256(f->authority, c->authority_fingerprint, sizeof(c->authority_fingerprint)))
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL refuses SHA-256");
	if (result == 0 || result == HAW_EUNSUPPORTED)
		return 0;
	haw_error_prefix(err, "a certificate does not bear its authority's signature");
	return result;
}

static int take_blob(haw_key *key, haw_span blob, haw_error *err)
{
	uint8_t *own = malloc(blob.len);

	if (!own)
		return haw_no_memory(err);
	memcpy(own, blob.ptr, blob.len);
	free(key->blob);
	key->blob = own;
	key->blob_len = blob.len;
	return 0;
}

/* Make the plain KEY the one that FIELDS certify. */
static int certify(haw_key *key, const struct haw_certificate_fields *f, haw_span blob, haw_error *err)
{
	int result;

	key->certificate = copy_fields(f);
	if (!key->certificate)
		return haw_no_memory(err);
	result = judge_signature(f, &key->certificate->public, err);
	if (result == 0)
		result = take_blob(key, blob, err);
	/* As algorithm and as type; RSA has other names as an algorithm. */
	key->type = f->type;
	return result;
}

static haw_key *plain_key(const struct haw_certificate_fields *f, haw_error *err)
{
	haw_key *key = NULL;
	haw_message blob;

	haw_message_write(&blob, HAW_HOSTKEY_BLOB_MAX);
	if (haw_certificate_put_plain(f, &blob, err) == 0)
		key = haw_key_from_plain_blob(haw_message_all(&blob), err);
	haw_message_free(&blob);
	return key;
}

haw_key *haw_key_from_certificate(haw_span blob, haw_error *err)
{
	struct haw_certificate_fields fields;
	haw_key *key;

	if (haw_certificate_read(blob, &fields, err) < 0)
		return NULL;
	key = plain_key(&fields, err);
	if (!key || certify(key, &fields, blob, err) == 0)
		return key;
	haw_key_free(key);
	return NULL;
}

haw_key *haw_key_plain(const haw_key *key, haw_error *err)
{
	struct haw_certificate_fields fields;

	if (!key->certificate)
		return haw_key_ref(key);
	if (key->can_sign)
		return haw_key_copy_plain(key, err);
	return haw_certificate_read(haw_key_blob(key), &fields, err) < 0 ? NULL : plain_key(&fields, err);
}

haw_key *haw_key_with_certificate(const haw_key *key, const haw_key *certificate, haw_error *err)
{
	struct haw_certificate_fields fields;
	haw_key *inside, *made;

	if (key->certificate || !certificate->certificate) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "a plain key and a certificate for it are needed");
		return NULL;
	}
	if (haw_certificate_read(haw_key_blob(certificate), &fields, err) < 0)
		return NULL;
	inside = plain_key(&fields, err);
	if (!inside)
		return NULL;
	if (!haw_key_equal(inside, key)) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "the certificate is for another key: %s, not %s",
			      haw_key_fingerprint(certificate), haw_key_fingerprint(key));
		haw_key_free(inside);
		return NULL;
	}
	haw_key_free(inside);
	made = haw_key_copy_plain(key, err);
	if (!made || certify(made, &fields, haw_key_blob(certificate), err) == 0)
		return made;
	haw_key_free(made);
	return NULL;
}

/* ---- Is it in order? ---- */

static int refuse(haw_error *err, const char *why)
{
	return haw_error_set(err, HAW_EREFUSED, HAW_FAULT_PEER, 0, "the certificate %s", why);
}

static bool is_for(const haw_certificate *c, const char *principal)
{
	for (size_t i = 0; i < c->principal_count; i++)
		if (strcmp(c->principals[i], principal) == 0)
			return true;
	return false;
}

static haw_span span_of(const char *text)
{
	return (haw_span){(const uint8_t *)text, text ? strlen(text) : 0};
}

static int check_signer(const haw_certificate *c, const char *algorithms, haw_error *err)
{
	char shown[80];

	if (c->verified && (!algorithms || haw_list_has(span_of(algorithms), c->signature_algorithm)))
		return 0;
	haw_escape(shown, sizeof(shown), c->signature_algorithm, strlen(c->signature_algorithm));
	return haw_error_set(err, HAW_EREFUSED, HAW_FAULT_PEER, 0,
			     c->verified
				     ? "the certificate was signed by the algorithm %s, which is not allowed"
				     : "the certificate's signature (%s) cannot be checked",
			     shown);
}

static int check_options(const haw_certificate *c, const char *known, haw_error *err)
{
	char shown[80];

	for (size_t i = 0; i < c->critical_option_count; i++) {
		const char *name = c->critical_options[i].name;

		if (!haw_list_has(span_of(known), name))
			return haw_error_set(
				err, HAW_EREFUSED, HAW_FAULT_PEER, 0,
				"the certificate has the critical option \"%s\", which is not known here",
				haw_escape(shown, sizeof(shown), name, strlen(name)));
	}
	return 0;
}

int haw_certificate_check(const haw_certificate *c, const haw_certificate_rules *rules, haw_error *err)
{
	haw_certificate_rules r = {0};
	int result;

	memcpy(&r, rules, rules->size < sizeof(r) ? rules->size : sizeof(r));
	if (c->kind != r.kind)
		return refuse(err, r.kind == HAW_CERTIFICATE_HOST ? "is not a host's" : "is not a user's");
	if (r.now < c->valid_after)
		return refuse(err, "is not valid yet");
	if (r.now >= c->valid_before)
		return refuse(err, "has expired");
	if (c->principal_count == 0 ? r.principal_required : r.principal && !is_for(c, r.principal))
		return refuse(err, "is not for that name");
	result = check_options(c, r.options, err);
	return result < 0 ? result : check_signer(c, r.algorithms, err);
}
