/* SPDX-License-Identifier: Apache-2.0
 *
 * Which algorithms there are, which are offered, and how a user edits the lists.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <hawser/transport.h>

#include "transport/connection/algorithms.h"

struct algorithm {
	const char *name;
	bool offered;
};

static const struct algorithm kex[] = {
	{"mlkem768x25519-sha256", true},
	{"sntrup761x25519-sha512", true},
	{"sntrup761x25519-sha512@openssh.com", true},
	{"curve25519-sha256", true},
	{"curve25519-sha256@libssh.org", true},
	{"ecdh-sha2-nistp256", true},
	{"ecdh-sha2-nistp384", true},
	{"ecdh-sha2-nistp521", true},
	{"diffie-hellman-group-exchange-sha256", true},
	{"diffie-hellman-group16-sha512", true},
	{"diffie-hellman-group18-sha512", true},
	{"diffie-hellman-group14-sha256", true},
	{NULL, false},
};

/* Certificates first, as OpenSSH: a server that has none goes on to its plain keys. */
static const struct algorithm host_keys[] = {
	{"ssh-ed25519-cert-v01@openssh.com", true},
	{"ecdsa-sha2-nistp256-cert-v01@openssh.com", true},
	{"ecdsa-sha2-nistp384-cert-v01@openssh.com", true},
	{"ecdsa-sha2-nistp521-cert-v01@openssh.com", true},
	{"sk-ssh-ed25519-cert-v01@openssh.com", true},
	{"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", true},
	{"rsa-sha2-512-cert-v01@openssh.com", true},
	{"rsa-sha2-256-cert-v01@openssh.com", true},
	{"ssh-ed25519", true},
	{"ecdsa-sha2-nistp256", true},
	{"ecdsa-sha2-nistp384", true},
	{"ecdsa-sha2-nistp521", true},
	{"sk-ssh-ed25519@openssh.com", true},
	{"sk-ecdsa-sha2-nistp256@openssh.com", true},
	{"rsa-sha2-512", true},
	{"rsa-sha2-256", true},
	{NULL, false},
};

/* CBC chains packets and its padding has been an oracle; 3DES has blocks of 64 bits besides. */
static const struct algorithm ciphers[] = {
	{"aes128-gcm@openssh.com", true},
	{"aes256-gcm@openssh.com", true},
	{"chacha20-poly1305@openssh.com", true},
	{"AEAD_AES_128_GCM", true},
	{"AEAD_AES_256_GCM", true},
	{"aes128-ctr", true},
	{"aes192-ctr", true},
	{"aes256-ctr", true},
	{"aes128-cbc", false},
	{"aes192-cbc", false},
	{"aes256-cbc", false},
	{"3des-cbc", false},
	{NULL, false},
};

/* Encrypt-then-MAC only by default: the others authenticate plaintext, SHA-1 is on its way out, and a tag
 * of 64 bits is short. RFC 5647 §5.1 has its names in this list too; they are last, and are never chosen. */
static const struct algorithm macs[] = {
	{"hmac-sha2-256-etm@openssh.com", true},
	{"hmac-sha2-512-etm@openssh.com", true},
	{"umac-128-etm@openssh.com", true},
	{"hmac-sha2-256", false},
	{"hmac-sha2-512", false},
	{"umac-128@openssh.com", false},
	{"hmac-sha1-etm@openssh.com", false},
	{"hmac-sha1", false},
	{"umac-64-etm@openssh.com", false},
	{"umac-64@openssh.com", false},
	{"AEAD_AES_128_GCM", true},
	{"AEAD_AES_256_GCM", true},
	{NULL, false},
};

static const struct algorithm compressions[] = {
	{"none", true},
	{"zlib@openssh.com", false},
	{"zlib", false},
	{NULL, false},
};

static const struct {
	const char *noun;
	const struct algorithm *list;
} kinds[] = {
	[HAW_ALGORITHM_KEX] = {"key exchange", kex},
	[HAW_ALGORITHM_HOST_KEY] = {"host key algorithm", host_keys},
	[HAW_ALGORITHM_CIPHER] = {"cipher", ciphers},
	[HAW_ALGORITHM_MAC] = {"MAC", macs},
	[HAW_ALGORITHM_COMPRESSION] = {"compression", compressions},
};

static bool is_kind(enum haw_algorithm_kind kind)
{
	return (unsigned)kind < sizeof(kinds) / sizeof(kinds[0]);
}

const char *haw_algorithm_at(enum haw_algorithm_kind kind, size_t index, bool *offered)
{
	if (!is_kind(kind))
		return NULL;
	for (const struct algorithm *a = kinds[kind].list; a->name; a++)
		if (index-- == 0) {
			if (offered)
				*offered = a->offered;
			return a->name;
		}
	return NULL;
}

static bool is_ours(enum haw_algorithm_kind kind, haw_span name)
{
	for (const struct algorithm *a = kinds[kind].list; a->name; a++)
		if (haw_span_is(name, a->name))
			return true;
	return false;
}

/* A list being put together in a caller's buffer. */
struct list {
	char *out;
	size_t size, len;
	bool full;
};

static void add(struct list *list, haw_span name)
{
	haw_span have = {(const uint8_t *)list->out, list->len};
	char text[128];

	if (name.len >= sizeof(text)) {
		list->full = true;
		return;
	}
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	if (haw_list_has(have, text))
		return;
	if (list->len + name.len + 2 > list->size) {
		list->full = true;
		return;
	}
	if (list->len > 0)
		list->out[list->len++] = ',';
	memcpy(list->out + list->len, name.ptr, name.len);
	list->len += name.len;
	list->out[list->len] = '\0';
}

static bool matches_any(haw_span patterns, const char *name)
{
	haw_span pattern;
	char text[128];

	while (haw_list_next(&patterns, &pattern)) {
		if (pattern.len >= sizeof(text))
			continue;
		memcpy(text, pattern.ptr, pattern.len);
		text[pattern.len] = '\0';
		if (fnmatch(text, name, 0) == 0)
			return true;
	}
	return false;
}

/* The lists of packet protection are also what is measured, so what is certain to be left out is not there.
 */
static bool is_served(enum haw_algorithm_kind kind, const char *name)
{
	return (kind != HAW_ALGORITHM_CIPHER && kind != HAW_ALGORITHM_MAC) ||
	       haw_algorithm_available(kind, name, NULL);
}

static void add_defaults(struct list *list, enum haw_algorithm_kind kind, haw_span except)
{
	for (const struct algorithm *a = kinds[kind].list; a->name; a++)
		if (a->offered && !matches_any(except, a->name) && is_served(kind, a->name))
			add(list, (haw_span){(const uint8_t *)a->name, strlen(a->name)});
}

static int add_names(struct list *list, enum haw_algorithm_kind kind, haw_span names, haw_error *err)
{
	haw_span name;
	char shown[100];

	while (haw_list_next(&names, &name)) {
		if (!is_ours(kind, name))
			return haw_error_set(
				err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
				"there is no %s \"%s\" here; `hawser ciphers` lists what there is",
				kinds[kind].noun, haw_escape(shown, sizeof(shown), name.ptr, name.len));
		add(list, name);
	}
	return 0;
}

int haw_algorithm_list(enum haw_algorithm_kind kind, const char *text, char *out, size_t size, haw_error *err)
{
	struct list list = {.out = out, .size = size};
	haw_span names = {(const uint8_t *)text, text ? strlen(text) : 0};
	const haw_span nothing = {NULL, 0};
	char form = text && *text && strchr("+-^", *text) ? *text : 0;
	int result = 0;

	if (!is_kind(kind) || size == 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0, "no such kind of algorithm");
	out[0] = '\0';
	if (form) {
		names.ptr++;
		names.len--;
	}
	if (form == '+' || form == '-' || !text)
		add_defaults(&list, kind, form == '-' ? names : nothing);
	if (form != '-')
		result = add_names(&list, kind, names, err);
	if (form == '^')
		add_defaults(&list, kind, nothing);
	if (result < 0)
		return result;
	if (list.full || list.len == 0)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     list.full ? "the list of %s names is too long"
					       : "the list of %s names is empty, or OpenSSL, as "
						 "configured here, has none of them",
				     kinds[kind].noun);
	return 0;
}

const char *haw_algorithm_noun(enum haw_algorithm_kind kind)
{
	return is_kind(kind) ? kinds[kind].noun : "algorithm";
}
