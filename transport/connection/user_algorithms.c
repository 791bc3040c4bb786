/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/connection/user_algorithms.h"

#include <string.h>

#include "transport/hostkey/hostkey.h"
#include "transport/keys/text.h"

/* In OpenSSH's order. SHA-1 is not among them. */
static const char *const all[] = {
	"ssh-ed25519-cert-v01@openssh.com",
	"ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"ecdsa-sha2-nistp384-cert-v01@openssh.com",
	"ecdsa-sha2-nistp521-cert-v01@openssh.com",
	"sk-ssh-ed25519-cert-v01@openssh.com",
	"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"rsa-sha2-512-cert-v01@openssh.com",
	"rsa-sha2-256-cert-v01@openssh.com",
	"ssh-ed25519",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com",
	"rsa-sha2-512",
	"rsa-sha2-256",
};

enum { COUNT = sizeof(all) / sizeof(all[0]) };

static haw_span span_of(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

static void add(char *out, const char *name)
{
	size_t at = strlen(out), len = strlen(name);

	if (haw_list_has(span_of(out), name) || at + len + 2 > HAW_USER_ALGORITHMS_MAX)
		return;
	if (at > 0)
		out[at++] = ',';
	memcpy(out + at, name, len + 1);
}

/* Those that match PATTERNS, in the order of the patterns. */
static void add_matching(char *out, haw_span patterns)
{
	haw_span pattern;

	while (haw_list_next(&patterns, &pattern))
		for (size_t i = 0; i < COUNT; i++)
			if (haw_pattern_match(pattern, all[i]))
				add(out, all[i]);
}

void haw_user_algorithms(const char *text, char out[HAW_USER_ALGORITHMS_MAX])
{
	char form = text && *text && strchr("+-^", *text) ? *text : 0;
	haw_span patterns = span_of(text ? text + (form != 0) : "");

	out[0] = '\0';
	if (text && (form == 0 || form == '^'))
		add_matching(out, patterns);
	if (text && form == 0)
		return;
	for (size_t i = 0; i < COUNT; i++)
		if (form != '-' || !haw_pattern_list_match(patterns, all[i], false))
			add(out, all[i]);
}

/* Does ALGORITHM go with keys of TYPE, as their blobs name it? */
static const struct haw_signature_algorithm *serves(haw_span algorithm, haw_span type)
{
	bool certificate;
	const struct haw_signature_algorithm *found = haw_key_algorithm_find(algorithm, &certificate);

	if (!found)
		return NULL;
	if (strcmp(found->key_type, "ssh-rsa") != 0)
		return haw_span_equal(algorithm, type) ? found : NULL;
	return haw_span_is(type, certificate ? "ssh-rsa-cert-v01@openssh.com" : "ssh-rsa") ? found : NULL;
}

haw_span haw_user_algorithm_for(haw_span blob, const char *list, haw_span accepted)
{
	haw_span type = haw_hostkey_type(blob), rest = span_of(list), name, first = {NULL, 0};

	while (haw_list_next(&rest, &name)) {
		const struct haw_signature_algorithm *found = serves(name, type);

		if (!found)
			continue;
		if (accepted.len == 0 || haw_list_has(accepted, found->name))
			return name;
		if (first.len == 0)
			first = name;
	}
	return first;
}
