/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of revoked keys: lists of public keys, a line each, and OpenSSH's key revocation lists
 * (PROTOCOL.krl). The file is walked for the one key that is asked about and nothing is kept. What
 * cannot be understood is an error, never "not revoked".
 */
#include <string.h>

#include <openssl/evp.h>

#include "transport/hostkey/certificate.h"
#include "transport/keys/key_internal.h"
#include "transport/keys/text.h"

enum { REVOKED_FILE_MAX = 64 << 20 };

static const uint8_t krl_magic[8] = "SSHKRL\n"; /* the NUL counts */

enum krl_section {
	KRL_CERTIFICATES = 1,
	KRL_EXPLICIT_KEY = 2,
	KRL_FINGERPRINT_SHA1 = 3,
	KRL_SIGNATURE = 4,
	KRL_FINGERPRINT_SHA256 = 5
};

enum krl_certificates {
	KRL_SERIAL_LIST = 0x20,
	KRL_SERIAL_RANGE = 0x21,
	KRL_SERIAL_BITMAP = 0x22,
	KRL_KEY_ID = 0x23
};

/* What is looked for: the key, and of a certificate its authority too. */
struct subject {
	haw_span blobs[2];
	uint8_t sha1[2][20], sha256[2][32];
	size_t count;
	const haw_certificate *certificate;
};

static int malformed(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "%s", what);
}

/* ---- Key revocation lists. Each function: 1 revoked, 0 not, -1 malformed ---- */

static bool any_equal(const struct subject *s, haw_span blob)
{
	for (size_t i = 0; i < s->count; i++)
		if (haw_span_equal(blob, s->blobs[i]))
			return true;
	return false;
}

static bool any_digest(const struct subject *s, haw_span digest, bool sha1)
{
	for (size_t i = 0; i < s->count; i++) {
		const haw_span own = sha1 ? (haw_span){s->sha1[i], 20} : (haw_span){s->sha256[i], 32};

		if (haw_span_equal(digest, own))
			return true;
	}
	return false;
}

static int walk_keys(const struct subject *s, haw_span section, int kind)
{
	haw_message m;
	int found = 0;

	haw_message_read(&m, section.ptr, section.len);
	while (haw_message_ok(&m) && !haw_message_complete(&m)) {
		haw_span item = haw_get_string(&m);

		if (kind == KRL_EXPLICIT_KEY ? haw_hostkey_type(item).len == 0
					     : item.len != (kind == KRL_FINGERPRINT_SHA1 ? 20 : 32))
			return -1;
		if (kind == KRL_EXPLICIT_KEY)
			found |= any_equal(s, item);
		else
			found |= any_digest(s, item, kind == KRL_FINGERPRINT_SHA1);
	}
	return haw_message_ok(&m) ? found : -1;
}

/* Bits count from the last of the bitmap's bytes. */
static int serial_in_bitmap(haw_message *m, uint64_t serial)
{
	uint64_t offset = haw_get_u64(m);
	haw_span bits = haw_get_mpint_unsigned(m);
	uint64_t at = serial - offset;

	if (!haw_message_ok(m))
		return -1;
	if (serial < offset || at / 8 >= bits.len)
		return 0;
	return bits.ptr[bits.len - 1 - at / 8] >> (at % 8) & 1;
}

static int walk_serials(haw_span section, int kind, uint64_t serial)
{
	haw_message m;
	int found = 0;

	haw_message_read(&m, section.ptr, section.len);
	if (kind == KRL_SERIAL_RANGE) {
		uint64_t low = haw_get_u64(&m), high = haw_get_u64(&m);

		if (low > high)
			return -1;
		found = serial >= low && serial <= high;
	} else if (kind == KRL_SERIAL_BITMAP) {
		found = serial_in_bitmap(&m, serial);
	}
	while (kind == KRL_SERIAL_LIST && haw_message_ok(&m) && !haw_message_complete(&m))
		found |= haw_get_u64(&m) == serial;
	if (!haw_message_complete(&m))
		return -1;
	/* As OpenSSH: 0 is what an authority writes that does not count. */
	return serial == 0 ? 0 : found;
}

static int walk_key_ids(haw_span section, const char *key_id)
{
	haw_message m;
	int found = 0;

	haw_message_read(&m, section.ptr, section.len);
	while (haw_message_ok(&m) && !haw_message_complete(&m))
		found |= haw_span_is(haw_get_string(&m), key_id);
	return haw_message_ok(&m) ? found : -1;
}

/* An authority of a type that is not supported here may stand there; a damaged one not. */
static bool is_key(haw_span blob)
{
	haw_error err;
	haw_key *key = haw_key_from_plain_blob(blob, &err);

	haw_key_free(key);
	return key || err.code == HAW_EUNSUPPORTED;
}

static int walk_certificates(const struct subject *s, haw_span section)
{
	const haw_certificate *c = s->certificate;
	haw_message m;
	haw_span authority;
	bool ours;
	int found = 0;

	haw_message_read(&m, section.ptr, section.len);
	authority = haw_get_string(&m);
	haw_get_string(&m);
	if (authority.len > 0 && !is_key(authority))
		return -1;
	/* No authority: whichever it is. */
	ours = c && (authority.len == 0 || haw_span_equal(authority, c->authority));
	while (found >= 0 && haw_message_ok(&m) && !haw_message_complete(&m)) {
		int kind = haw_get_byte(&m), result;
		haw_span part = haw_get_string(&m);

		if (kind == KRL_KEY_ID)
			result = walk_key_ids(part, ours ? c->key_id : "");
		else if (kind >= KRL_SERIAL_LIST && kind <= KRL_SERIAL_BITMAP)
			result = walk_serials(part, kind, ours ? c->serial : 0);
		else
			result = -1;
		found = result < 0 ? -1 : found | (ours && result);
	}
	return haw_message_ok(&m) ? found : -1;
}

static int walk_section(const struct subject *s, int kind, haw_span section)
{
	switch (kind) {
	case KRL_CERTIFICATES:
		return walk_certificates(s, section);
	case KRL_EXPLICIT_KEY:
	case KRL_FINGERPRINT_SHA1:
	case KRL_FINGERPRINT_SHA256:
		return walk_keys(s, section, kind);
	default:
		return -1;
	}
}

static int walk_krl(const struct subject *s, haw_span file)
{
	haw_message m;
	int found = 0;

	haw_message_read(&m, file.ptr, file.len);
	haw_get_bytes(&m, sizeof(krl_magic));
	if (haw_get_u32(&m) != 1)
		return -1;
	haw_get_bytes(&m, 8 + 8 + 8); /* its version, date, flags */
	haw_get_string(&m);
	haw_get_string(&m); /* a comment */
	while (found >= 0 && haw_message_ok(&m) && !haw_message_complete(&m)) {
		int kind = haw_get_byte(&m), result = 0;
		haw_span part = haw_get_string(&m);

		/* Whose signature would count is nowhere configured: as in OpenSSH, whoever writes the file
		 * is believed. */
		if (kind == KRL_SIGNATURE)
			haw_get_string(&m);
		else
			result = walk_section(s, kind, part);
		found = result < 0 ? -1 : found | result;
	}
	return haw_message_ok(&m) ? found : -1;
}

/* ---- Lists of keys ---- */

static haw_span take_word(haw_span *line)
{
	haw_span word;

	while (line->len > 0 && (*line->ptr == ' ' || *line->ptr == '\t')) {
		line->ptr++;
		line->len--;
	}
	word = (haw_span){line->ptr, 0};
	while (word.len < line->len && line->ptr[word.len] != ' ' && line->ptr[word.len] != '\t')
		word.len++;
	line->ptr += word.len;
	line->len -= word.len;
	return word;
}

/* A certificate on the list revokes the key inside. */
static int compare_listed(const struct subject *s, haw_span blob)
{
	struct haw_certificate_fields fields;
	haw_message plain;
	int found;

	if (!haw_certificate_is(blob))
		return any_equal(s, blob);
	if (haw_certificate_read(blob, &fields, NULL) < 0)
		return -1;
	haw_message_write(&plain, 0);
	found = haw_certificate_put_plain(&fields, &plain, NULL) < 0 ? -1
								     : any_equal(s, haw_message_all(&plain));
	haw_message_free(&plain);
	return found;
}

/* The line's memory serves to decode it. */
static int walk_line(const struct subject *s, haw_span line)
{
	haw_span type = take_word(&line), digits = take_word(&line), blob;
	size_t len;

	if (type.len == 0 || type.ptr[0] == '#')
		return 0;
	if (digits.len == 0 ||
	    !haw_base64_decode((uint8_t *)digits.ptr, &len, (const char *)digits.ptr, digits.len))
		return -1;
	blob = (haw_span){digits.ptr, len};
	return haw_span_equal(haw_hostkey_type(blob), type) ? compare_listed(s, blob) : -1;
}

static int walk_list(const struct subject *s, haw_span file)
{
	int found = 0;

	while (found == 0 && file.len > 0) {
		const uint8_t *end = memchr(file.ptr, '\n', file.len);
		size_t taken = end ? (size_t)(end - file.ptr) + 1 : file.len;
		haw_span line = {file.ptr, taken};

		while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
			line.len--;
		file.ptr += taken;
		file.len -= taken;
		found = walk_line(s, line);
	}
	return found;
}

/* ---- Asking ---- */

static int describe(struct subject *s, const haw_key *key, const haw_key *plain, haw_error *err)
{
	s->certificate = haw_key_certificate(key);
	s->blobs[s->count++] = haw_key_blob(plain);
	if (s->certificate)
		s->blobs[s->count++] = s->certificate->authority;
	for (size_t i = 0; i < s->count; i++)
		if (EVP_Digest(s->blobs[i].ptr, s->blobs[i].len, s->sha1[i], NULL, EVP_sha1(), NULL) != 1 ||
		    EVP_Digest(s->blobs[i].ptr, s->blobs[i].len, s->sha256[i], NULL, EVP_sha256(), NULL) != 1)
			return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0,
					     "OpenSSL refuses the digests of a key revocation list");
	return 0;
}

static int search(const struct subject *s, uint8_t *data, size_t len, const haw_key *key, haw_error *err)
{
	haw_span file = {data, len};
	int found;

	if (len >= sizeof(krl_magic) && memcmp(data, krl_magic, sizeof(krl_magic)) == 0) {
		found = walk_krl(s, file);
		if (found < 0)
			return malformed(err, "the key revocation list is damaged, or of a newer form");
	} else {
		found = walk_list(s, file);
		if (found < 0)
			return malformed(err, "a line of the list of revoked keys is no public key");
	}
	return found ? haw_error_set(err, HAW_EREFUSED, HAW_FAULT_PEER, 0, "the key %s %s%s is revoked",
				     haw_key_type_short(key), haw_key_fingerprint(key),
				     s->certificate ? ", its certificate or its authority" : "")
		     : 0;
}

int haw_key_check_revoked(const haw_key *key, const char *path, haw_error *err)
{
	haw_key *plain = haw_key_plain(key, err);
	struct subject subject = {.count = 0};
	char name[256];
	uint8_t *data;
	size_t len;
	int result;

	if (!plain)
		return err ? err->code : HAW_ENOMEM;
	result = describe(&subject, key, plain, err);
	if (result == 0)
		result = haw_text_file_read(path, REVOKED_FILE_MAX, &data, &len, NULL, err);
	if (result == 0) {
		result = search(&subject, data, len, key, err);
		if (result < 0)
			haw_error_prefix(err, "%s", haw_escape(name, sizeof(name), path, strlen(path)));
		haw_text_file_free(data, len);
	}
	haw_key_free(plain);
	return result;
}
