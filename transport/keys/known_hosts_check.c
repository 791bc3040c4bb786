/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking known hosts: which lines name a host, and what they say about its key.
 */
#include <hawser/known_hosts.h>

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "transport/keys/hosts.h"
#include "transport/keys/text.h"

#define SSH_PORT 22

bool haw_hosts_hash(const char *name, const uint8_t *salt, uint8_t *hash)
{
	unsigned int len = HAW_HOSTS_SALT_SIZE;

	return HMAC(EVP_sha1(), salt, HAW_HOSTS_SALT_SIZE, (const unsigned char *)name, strlen(name), hash,
		    &len) != NULL;
}

static bool parse_digest(haw_span text, uint8_t *out)
{
	uint8_t bytes[32];
	size_t len;

	if (text.len != HAW_BASE64_SIZE(HAW_HOSTS_SALT_SIZE) - 1 ||
	    !haw_base64_decode(bytes, &len, (const char *)text.ptr, text.len) || len != HAW_HOSTS_SALT_SIZE)
		return false;
	memcpy(out, bytes, HAW_HOSTS_SALT_SIZE);
	return true;
}

bool haw_hosts_parse_hash(haw_span name, uint8_t *salt, uint8_t *hash)
{
	const size_t digits = HAW_BASE64_SIZE(HAW_HOSTS_SALT_SIZE) - 1;

	if (name.len != 3 + digits + 1 + digits || memcmp(name.ptr, "|1|", 3) != 0 ||
	    name.ptr[3 + digits] != '|')
		return false;
	return parse_digest((haw_span){name.ptr + 3, digits}, salt) &&
	       parse_digest((haw_span){name.ptr + 4 + digits, digits}, hash);
}

bool haw_hosts_plain_name(const char *host, uint16_t port, char *out, size_t size)
{
	int n;

	if (port == 0 || port == SSH_PORT)
		n = snprintf(out, size, "%s", host);
	else
		n = snprintf(out, size, "[%s]:%u", host, port);
	if (n < 0 || (size_t)n >= size)
		return false;
	for (; *out; out++)
		if (*out >= 'A' && *out <= 'Z')
			*out = (char)(*out - 'A' + 'a');
	return true;
}

bool haw_hosts_line_names(const struct haw_hosts_line *line, const char *name)
{
	uint8_t hash[HAW_HOSTS_SALT_SIZE];
	haw_span names = {(const uint8_t *)line->names, strlen(line->names)};

	if (!line->hashed)
		return haw_pattern_list_match(names, name, true);
	return haw_hosts_hash(name, line->salt, hash) && CRYPTO_memcmp(hash, line->hash, sizeof(hash)) == 0;
}

void haw_hosts_fill_entry(const struct haw_hosts_line *line, haw_known_hosts_entry *entry)
{
	*entry = (haw_known_hosts_entry){
		.file = line->file,
		.line = line->line,
		.marker = line->marker,
		.names = line->names,
		.key_type = line->type,
		.blob = line->blob,
	};
	haw_fingerprint_sha256(line->blob, entry->fingerprint, sizeof(entry->fingerprint));
}

bool haw_known_hosts_at(const haw_known_hosts *kh, size_t index, haw_known_hosts_entry *entry)
{
	if (index >= kh->line_count)
		return false;
	haw_hosts_fill_entry(kh->lines[index], entry);
	return true;
}

bool haw_known_hosts_find(const haw_known_hosts *kh, const char *host, uint16_t port, size_t *index,
			  haw_known_hosts_entry *entry)
{
	char name[HAW_HOSTS_NAME_MAX];

	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return false;
	while (*index < kh->line_count) {
		const struct haw_hosts_line *line = kh->lines[(*index)++];

		if (haw_hosts_line_names(line, name)) {
			haw_hosts_fill_entry(line, entry);
			return true;
		}
	}
	return false;
}

/* What is asked about: a plain key, or a certificate's authority and the key inside. */
struct subject {
	const char *type;
	haw_span blob, authority;
	bool certificate;
};

/* A certificate: is its authority one? */
static int judge_authority(const struct haw_hosts_line *line, const struct subject *subject)
{
	if (line->marker != HAW_MARKER_CERT_AUTHORITY)
		return 0;
	return haw_span_equal(line->blob, subject->authority) ? HAW_KNOWN_MATCH : HAW_KNOWN_CHANGED;
}

/* What one line says about SUBJECT: a result, or 0 for nothing. */
static int judge_line(const struct haw_hosts_line *line, const struct subject *subject)
{
	bool same = haw_span_equal(line->blob, subject->blob);

	if (line->marker == HAW_MARKER_REVOKED)
		return same || (subject->certificate && haw_span_equal(line->blob, subject->authority))
			       ? HAW_KNOWN_REVOKED
			       : 0;
	if (subject->certificate)
		return judge_authority(line, subject);
	if (line->marker != HAW_MARKER_NONE)
		return 0;
	if (same)
		return HAW_KNOWN_MATCH;
	return strcmp(line->type, subject->type) == 0 ? HAW_KNOWN_CHANGED : HAW_KNOWN_OTHER_TYPE;
}

/* Which of two results decides: a revoked key before everything, a match before a difference. */
static int weight(int result)
{
	static const int weights[] = {
		[0] = 0,
		[HAW_KNOWN_UNKNOWN] = 1,
		[HAW_KNOWN_OTHER_TYPE] = 2,
		[HAW_KNOWN_CHANGED] = 3,
		[HAW_KNOWN_MATCH] = 4,
		[HAW_KNOWN_REVOKED] = 5,
	};

	return weights[result];
}

static int check_name(const haw_known_hosts *kh, const char *name, const struct subject *subject,
		      const struct haw_hosts_line **decided)
{
	int result = HAW_KNOWN_UNKNOWN;

	*decided = NULL;
	for (size_t i = 0; i < kh->line_count; i++) {
		int says = judge_line(kh->lines[i], subject);

		/* The name comes last, because hashed ones are dear. */
		if (weight(says) > weight(result) && haw_hosts_line_names(kh->lines[i], name)) {
			result = says;
			*decided = kh->lines[i];
		}
	}
	return result;
}

static int check_subject(const haw_known_hosts *kh, const char *host, uint16_t port,
			 const struct subject *subject, haw_known_hosts_entry *match, haw_error *err)
{
	const struct haw_hosts_line *decided, *bare_decided;
	char name[HAW_HOSTS_NAME_MAX];
	int result, bare;

	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	result = check_name(kh, name, subject, &decided);
	if (result != HAW_KNOWN_REVOKED && port != 0 && port != SSH_PORT) {
		/* A revoked key is revoked at every port. A match without a port counts where the port
		 * has no line of its own, as in ssh(1). */
		haw_hosts_plain_name(host, 0, name, sizeof(name));
		bare = check_name(kh, name, subject, &bare_decided);
		if (bare == HAW_KNOWN_REVOKED || (bare == HAW_KNOWN_MATCH && result == HAW_KNOWN_UNKNOWN)) {
			result = bare;
			decided = bare_decided;
		}
	}
	if (decided && match)
		haw_hosts_fill_entry(decided, match);
	return result;
}

int haw_known_hosts_check(const haw_known_hosts *kh, const char *host, uint16_t port, const haw_key *key,
			  haw_known_hosts_entry *match, haw_error *err)
{
	const haw_certificate *certificate = haw_key_certificate(key);
	haw_key *plain = haw_key_plain(key, err);
	struct subject subject;
	int result;

	if (match)
		*match = (haw_known_hosts_entry){.file = NULL};
	if (!plain)
		return err ? err->code : HAW_ENOMEM;
	subject = (struct subject){.type = haw_key_type(plain), .blob = haw_key_blob(plain)};
	if (certificate) {
		subject.certificate = true;
		subject.authority = certificate->authority;
	}
	result = check_subject(kh, host, port, &subject, match, err);
	haw_key_free(plain);
	return result;
}

static bool name_has_authority(const haw_known_hosts *kh, const char *name)
{
	for (size_t i = 0; i < kh->line_count; i++)
		if (kh->lines[i]->marker == HAW_MARKER_CERT_AUTHORITY &&
		    haw_hosts_line_names(kh->lines[i], name))
			return true;
	return false;
}

bool haw_known_hosts_has_authority(const haw_known_hosts *kh, const char *host, uint16_t port)
{
	char name[HAW_HOSTS_NAME_MAX];

	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return false;
	return name_has_authority(kh, name) ||
	       (port != 0 && port != SSH_PORT && haw_hosts_plain_name(host, 0, name, sizeof(name)) &&
		name_has_authority(kh, name));
}

static size_t collect_types(const haw_known_hosts *kh, const char *name, const char **types, size_t max,
			    size_t count)
{
	for (size_t i = 0; i < kh->line_count; i++) {
		const struct haw_hosts_line *line = kh->lines[i];
		size_t at = 0;

		if (line->marker != HAW_MARKER_NONE || !haw_hosts_line_names(line, name))
			continue;
		while (at < count && at < max && strcmp(types[at], line->type) != 0)
			at++;
		if (at == count && at < max)
			types[count++] = line->type;
	}
	return count;
}

size_t haw_known_hosts_key_types(const haw_known_hosts *kh, const char *host, uint16_t port,
				 const char **types, size_t max)
{
	char name[HAW_HOSTS_NAME_MAX];
	size_t count;

	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return 0;
	count = collect_types(kh, name, types, max, 0);
	if (count == 0 && port != 0 && port != SSH_PORT && haw_hosts_plain_name(host, 0, name, sizeof(name)))
		count = collect_types(kh, name, types, max, 0);
	return count;
}

/* Bytes that would end the name, or turn it into a pattern, a list or a hash. */
static bool is_storable(const char *host)
{
	if (*host == '\0' || *host == '|' || *host == '@' || *host == '#')
		return false;
	for (; *host; host++)
		if ((unsigned char)*host <= ' ' || *host == 0x7f || strchr(",*?![]", *host))
			return false;
	return true;
}

int haw_known_hosts_name(const char *host, uint16_t port, bool hash, char *out, size_t size, haw_error *err)
{
	char name[HAW_HOSTS_NAME_MAX], escaped[128], salt_text[HAW_BASE64_SIZE(HAW_HOSTS_SALT_SIZE)];
	char hash_text[HAW_BASE64_SIZE(HAW_HOSTS_SALT_SIZE)];
	uint8_t salt[HAW_HOSTS_SALT_SIZE], digest[HAW_HOSTS_SALT_SIZE];
	int n;

	if (!is_storable(host))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the name \"%s\" cannot be stored as a known host",
				     haw_escape(escaped, sizeof(escaped), host, strlen(host)));
	if (!haw_hosts_plain_name(host, port, name, sizeof(name)))
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	if (hash) {
		if (RAND_bytes(salt, sizeof(salt)) != 1 || !haw_hosts_hash(name, salt, digest))
			return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0,
					     "OpenSSL cannot hash a host's name with HMAC-SHA1");
		haw_base64_encode(salt_text, salt, sizeof(salt), true);
		haw_base64_encode(hash_text, digest, sizeof(digest), true);
		n = snprintf(out, size, "|1|%s|%s", salt_text, hash_text);
	} else {
		n = snprintf(out, size, "%s", name);
	}
	if (n < 0 || (size_t)n >= size)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "the host's name is too long");
	return 0;
}
