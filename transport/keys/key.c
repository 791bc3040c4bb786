/* SPDX-License-Identifier: Apache-2.0
 *
 * The key object: what is known of a key is computed once, when it is made, and read without locks
 * afterwards.
 */
#include <hawser/key.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "transport/hostkey/certificate.h"
#include "transport/hostkey/family.h"
#include "transport/keys/key_internal.h"
#include "transport/keys/text.h"

int haw_key_format_error(haw_error *err, const char *reason)
{
	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "%s", reason);
}

int haw_key_passphrase_error(haw_error *err, bool given)
{
	return haw_error_set(err, HAW_EPASSPHRASE, HAW_FAULT_LOCAL, 0,
			     given ? "the passphrase of the private key is wrong"
				   : "the private key needs a passphrase");
}

static void dispose(haw_key *key)
{
	EVP_PKEY_free(key->pkey);
	free(key->blob);
	free(key->comment);
	haw_certificate_free(key->certificate);
	free(key);
}

static int judge_rsa_size(EVP_PKEY *pkey, haw_error *err)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (!EVP_PKEY_is_a(pkey, "RSA") || (bits >= HAW_RSA_BITS_MIN && bits <= HAW_RSA_BITS_MAX))
		return 0;
	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			     "the RSA key has %d bits; from %d to %d are accepted", bits, HAW_RSA_BITS_MIN,
			     HAW_RSA_BITS_MAX);
}

static int set_blob(haw_key *key, haw_span blob, haw_error *err)
{
	key->blob = malloc(blob.len);
	if (!key->blob)
		return haw_no_memory(err);
	memcpy(key->blob, blob.ptr, blob.len);
	key->blob_len = blob.len;
	if (!haw_fingerprint_sha256(blob, key->fingerprint, sizeof(key->fingerprint)))
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL refuses SHA-256");
	return 0;
}

/* Fill in what follows from the key. */
static int describe(haw_key *key, haw_error *err)
{
	haw_message m;
	int result = judge_rsa_size(key->pkey, err);

	if (result < 0)
		return result;
	key->type = haw_hostkey_type_of(key->pkey);
	if (!key->type)
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"the key is of a type that is not supported (ed25519, ecdsa and rsa are)");
	key->bits = haw_hostkey_bits(key->pkey);
	haw_message_write(&m, 0);
	result = haw_hostkey_encode(key->pkey, &m, err);
	if (result == 0)
		result = set_blob(key, haw_message_all(&m), err);
	haw_message_free(&m);
	return result;
}

/* A key of PKEY, which is taken over, that is still to be described. */
static haw_key *new_key(EVP_PKEY *pkey, haw_span comment, haw_error *err)
{
	haw_key *key = calloc(1, sizeof(*key));

	if (!key) {
		EVP_PKEY_free(pkey);
		haw_no_memory(err);
		return NULL;
	}
	atomic_init(&key->references, 1);
	key->pkey = pkey;
	/* A comment is text: it ends at a NUL, and nobody needs more than a screen of it. */
	if (comment.len > HAW_KEY_COMMENT_MAX)
		comment.len = HAW_KEY_COMMENT_MAX;
	key->comment = comment.len > 0 ? strndup((const char *)comment.ptr, comment.len) : strdup("");
	if (key->comment)
		return key;
	haw_no_memory(err);
	dispose(key);
	return NULL;
}

haw_key *haw_key_wrap(EVP_PKEY *pkey, bool can_sign, haw_span comment, haw_error *err)
{
	haw_key *key = new_key(pkey, comment, err);

	if (!key)
		return NULL;
	key->can_sign = can_sign;
	if (describe(key, err) == 0)
		return key;
	dispose(key);
	return NULL;
}

haw_key *haw_key_from_plain_blob(haw_span blob, haw_error *err)
{
	struct haw_hostkey_public public_key;
	haw_key *key;

	if (haw_hostkey_read(blob, &public_key, err) < 0)
		return NULL;
	key = new_key(public_key.pkey, (haw_span){NULL, 0}, err);
	if (!key)
		return NULL;
	key->type = public_key.type->name;
	key->bits = haw_hostkey_bits(key->pkey);
	if (set_blob(key, blob, err) == 0)
		return key;
	dispose(key);
	return NULL;
}

haw_key *haw_key_copy_plain(const haw_key *key, haw_error *err)
{
	haw_span comment = {(const uint8_t *)key->comment, strlen(key->comment)};

	if (!key->can_sign)
		return haw_key_from_plain_blob(haw_key_blob(key), err);
	EVP_PKEY_up_ref(key->pkey);
	return haw_key_wrap(key->pkey, true, comment, err);
}

haw_key *haw_key_ref(const haw_key *key)
{
	haw_key *own = (haw_key *)(uintptr_t)key;

	atomic_fetch_add_explicit(&own->references, 1, memory_order_relaxed);
	return own;
}

void haw_key_free(haw_key *key)
{
	if (key && atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) == 1)
		dispose(key);
}

haw_key *haw_key_from_blob(haw_span blob, haw_error *err)
{
	return haw_certificate_is(blob) ? haw_key_from_certificate(blob, err)
					: haw_key_from_plain_blob(blob, err);
}

/* ---- Properties ---- */

static const char *plain_type(const haw_key *key)
{
	return key->certificate ? haw_certificate_key_type(key->certificate) : key->type;
}

const char *haw_key_type(const haw_key *key)
{
	return key->type;
}

const char *haw_key_type_short(const haw_key *key)
{
	static const struct {
		const char *type, *plain, *certificate;
	} names[] = {
		{"ssh-ed25519", "ED25519", "ED25519-CERT"},
		{"ssh-rsa", "RSA", "RSA-CERT"},
		{"sk-ssh-ed25519@openssh.com", "ED25519-SK", "ED25519-SK-CERT"},
		{"sk-ecdsa-sha2-nistp256@openssh.com", "ECDSA-SK", "ECDSA-SK-CERT"},
	};
	const char *type = plain_type(key);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(type, names[i].type) == 0)
			return key->certificate ? names[i].certificate : names[i].plain;
	return key->certificate ? "ECDSA-CERT" : "ECDSA";
}

haw_span haw_key_blob(const haw_key *key)
{
	return (haw_span){key->blob, key->blob_len};
}

unsigned int haw_key_bits(const haw_key *key)
{
	return key->bits;
}

const char *haw_key_comment(const haw_key *key)
{
	return key->comment;
}

const char *haw_key_fingerprint(const haw_key *key)
{
	return key->fingerprint;
}

char *haw_key_fingerprint_md5(const haw_key *key, char out[HAW_FINGERPRINT_SIZE])
{
	uint8_t digest[16];
	size_t at = 3;

	if (EVP_Digest(key->blob, key->blob_len, digest, NULL, EVP_md5(), NULL) != 1)
		return NULL;
	memcpy(out, "MD5", 4);
	for (size_t i = 0; i < sizeof(digest); i++)
		at += (size_t)snprintf(out + at, HAW_FINGERPRINT_SIZE - at, ":%02x", digest[i]);
	return out;
}

const haw_certificate *haw_key_certificate(const haw_key *key)
{
	return key->certificate ? haw_certificate_of(key->certificate) : NULL;
}

bool haw_key_can_sign(const haw_key *key)
{
	return key->can_sign;
}

bool haw_key_equal(const haw_key *a, const haw_key *b)
{
	return haw_span_equal(haw_key_blob(a), haw_key_blob(b));
}

/* ---- Signatures ---- */

const char *haw_key_algorithm_at(const haw_key *key, size_t index)
{
	static const char *const rsa[] = {"rsa-sha2-512", "rsa-sha2-256"};
	static const char *const rsa_certificate[] = {"rsa-sha2-512-cert-v01@openssh.com",
						      "rsa-sha2-256-cert-v01@openssh.com"};

	if (strcmp(plain_type(key), "ssh-rsa") == 0)
		return index > 1 ? NULL : key->certificate ? rsa_certificate[index] : rsa[index];
	return index == 0 ? key->type : NULL;
}

/* The signature algorithm that ALGORITHM stands for, if keys of KEY's type serve it. */
static const struct haw_signature_algorithm *served(const haw_key *key, const char *algorithm)
{
	const haw_span name = {(const uint8_t *)algorithm, strlen(algorithm)};
	bool certificate;
	const struct haw_signature_algorithm *found = haw_key_algorithm_find(name, &certificate);

	if (!found || strcmp(found->key_type, plain_type(key)) != 0 || (certificate && !key->certificate))
		return NULL;
	return found;
}

static int wrong_algorithm(const haw_key *key, const char *algorithm, haw_error *err)
{
	char name[64];

	return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "a key of type %s does not serve %s",
			     key->type, haw_escape(name, sizeof(name), algorithm, strlen(algorithm)));
}

int haw_key_sign(const haw_key *key, const char *algorithm, haw_span data, haw_message *out, haw_error *err)
{
	const struct haw_signature_algorithm *chosen;

	if (!key->can_sign)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the private half of the key is not there to sign with");
	if (!algorithm)
		algorithm = haw_key_algorithm_at(key, 0);
	chosen = served(key, algorithm);
	if (!chosen)
		return wrong_algorithm(key, algorithm, err);
	return haw_hostkey_sign(key->pkey, chosen->name, data, out, err);
}

/* PROTOCOL.u2f: bit 0 of the flags behind the signature says that somebody was there. */
static bool was_touched(haw_span signature)
{
	haw_message m;

	haw_message_read(&m, signature.ptr, signature.len);
	haw_get_string(&m);
	haw_get_string(&m);
	return (haw_get_byte(&m) & 1) != 0;
}

int haw_key_verify_untouched(const haw_key *key, const char *algorithm, haw_span data, haw_span signature,
			     haw_error *err)
{
	const haw_span type = haw_hostkey_type(signature);
	const struct haw_signature_algorithm *chosen;
	char named[64];

	if (type.len == 0 || type.len >= sizeof(named) || memchr(type.ptr, '\0', type.len))
		return haw_key_format_error(err, "the signature is malformed");
	memcpy(named, type.ptr, type.len);
	named[type.len] = '\0';
	if (!algorithm)
		algorithm = named;
	chosen = served(key, algorithm);
	if (!chosen)
		return wrong_algorithm(key, algorithm, err);
	if (strcmp(chosen->name, named) != 0)
		return haw_error_set(err, HAW_EINTEGRITY, HAW_FAULT_PEER, 0,
				     "a signature was made with another algorithm than the one agreed on");
	return haw_hostkey_verify_blob(haw_key_blob(key), NULL, data, signature, err);
}

static bool is_by_device(haw_span signature)
{
	const haw_span type = haw_hostkey_type(signature);

	return type.len > 3 && memcmp(type.ptr, "sk-", 3) == 0;
}

int haw_key_verify(const haw_key *key, const char *algorithm, haw_span data, haw_span signature,
		   haw_error *err)
{
	int result = haw_key_verify_untouched(key, algorithm, data, signature, err);

	if (result == 0 && is_by_device(signature) && !was_touched(signature))
		return haw_error_set(err, HAW_EINTEGRITY, HAW_FAULT_PEER, 0,
				     "a device signed without anybody touching it");
	return result;
}

/* ---- Making one ---- */

static EVP_PKEY *generate(const char *type, unsigned int bits, haw_error *err)
{
	static const struct {
		const char *type, *curve;
		unsigned int bits;
	} curves[] = {
		{"ecdsa-sha2-nistp256", "P-256", 256},
		{"ecdsa-sha2-nistp384", "P-384", 384},
		{"ecdsa-sha2-nistp521", "P-521", 521},
	};
	bool any_curve = strcasecmp(type, "ecdsa") == 0;
	char name[64];

	if (strcasecmp(type, "ed25519") == 0 || strcmp(type, "ssh-ed25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (strcasecmp(type, "rsa") == 0 || strcmp(type, "ssh-rsa") == 0) {
		bits = bits ? bits : 3072;
		if (bits >= HAW_RSA_BITS_MIN && bits <= HAW_RSA_BITS_MAX)
			return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	}
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		bool sized = bits == curves[i].bits || (bits == 0 && (!any_curve || i == 0));

		if (sized && (any_curve || strcmp(type, curves[i].type) == 0))
			return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[i].curve);
	}
	haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
		      "no key of type \"%s\" and %u bits can be made",
		      haw_escape(name, sizeof(name), type, strlen(type)), bits);
	return NULL;
}

haw_key *haw_key_generate(const char *type, unsigned int bits, const char *comment, haw_error *err)
{
	haw_span text = {(const uint8_t *)comment, comment ? strlen(comment) : 0};
	EVP_PKEY *pkey;

	haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL cannot make a key");
	pkey = generate(type, bits, err);
	return pkey ? haw_key_wrap(pkey, true, text, err) : NULL;
}
