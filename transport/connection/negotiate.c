/* SPDX-License-Identifier: Apache-2.0
 *
 * KEXINIT: what we offer, and what both agree on (RFC 4253 §7.1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "transport/connection/algorithms.h"
#include "transport/connection/internal.h"
#include "transport/hostkey/hostkey.h"

static const enum haw_algorithm_kind kind_of[HAW_LIST_COUNT] = {
	[HAW_LIST_KEX] = HAW_ALGORITHM_KEX,
	[HAW_LIST_HOST_KEY] = HAW_ALGORITHM_HOST_KEY,
	[HAW_LIST_CIPHER_C2S] = HAW_ALGORITHM_CIPHER,
	[HAW_LIST_CIPHER_S2C] = HAW_ALGORITHM_CIPHER,
	[HAW_LIST_MAC_C2S] = HAW_ALGORITHM_MAC,
	[HAW_LIST_MAC_S2C] = HAW_ALGORITHM_MAC,
	[HAW_LIST_COMPRESSION_C2S] = HAW_ALGORITHM_COMPRESSION,
	[HAW_LIST_COMPRESSION_S2C] = HAW_ALGORITHM_COMPRESSION,
};

static const char *directions[HAW_LIST_COUNT] = {
	[HAW_LIST_CIPHER_C2S] = " (client to server)",
	[HAW_LIST_CIPHER_S2C] = " (server to client)",
	[HAW_LIST_MAC_C2S] = " (client to server)",
	[HAW_LIST_MAC_S2C] = " (server to client)",
	[HAW_LIST_COMPRESSION_C2S] = " (client to server)",
	[HAW_LIST_COMPRESSION_S2C] = " (server to client)",
};

/* The server role offers the algorithms of the keys that it holds. */
static bool can_prove(const struct haw_connection *c, haw_span algorithm)
{
	for (size_t i = 0; i < c->options.identity_count; i++)
		if (haw_key_type_serves(c->options.identities[i].key_type, algorithm))
			return true;
	return false;
}

static bool can_do(const struct haw_connection *c, int at, haw_span algorithm)
{
	char name[HAW_NAME_MAX + 1];

	if (algorithm.len > HAW_NAME_MAX)
		return false;
	memcpy(name, algorithm.ptr, algorithm.len);
	name[algorithm.len] = '\0';
	return haw_algorithm_available(kind_of[at], name, c->options.selector);
}

static bool keeps(const struct haw_connection *c, int at, haw_span algorithm)
{
	return can_do(c, at, algorithm) &&
	       (at != HAW_LIST_HOST_KEY || !c->options.server || can_prove(c, algorithm));
}

/* Ciphers that imply their MAC need none, so the default may be empty; what was asked for must not be. */
static bool may_be_empty(const struct haw_connection *c, int at, const char *wanted)
{
	char usual[HAW_LIST_MAX];

	return c->options.server ||
	       (kind_of[at] == HAW_ALGORITHM_MAC &&
		haw_algorithm_list(HAW_ALGORITHM_MAC, NULL, usual, sizeof(usual), NULL) == 0 &&
		strcmp(usual, wanted) == 0);
}

/* What would fail later is not offered. A server without keys is judged when a client comes. */
static int keep_possible(struct haw_connection *c, int at, char *list, haw_error *err)
{
	haw_span rest, name;
	char wanted[HAW_LIST_MAX];
	size_t len = 0;

	strcpy(wanted, list);
	rest = (haw_span){(const uint8_t *)wanted, strlen(wanted)};
	while (haw_list_next(&rest, &name)) {
		if (!keeps(c, at, name))
			continue;
		if (len > 0)
			list[len++] = ',';
		memcpy(list + len, name.ptr, name.len);
		len += name.len;
	}
	list[len] = '\0';
	if (len > 0 || may_be_empty(c, at, wanted))
		return 0;
	return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			     "OpenSSL, as configured here, has no %s of those asked for (%.200s); `hawser "
			     "ciphers` lists what there is",
			     haw_algorithm_noun(kind_of[at]), wanted);
}

int haw_negotiate_defaults(struct haw_connection *c, haw_error *err)
{
	const char *given[HAW_LIST_COUNT] = {
		[HAW_LIST_KEX] = c->options.kex,
		[HAW_LIST_HOST_KEY] = c->options.host_keys,
		[HAW_LIST_CIPHER_C2S] = c->options.ciphers,
		[HAW_LIST_CIPHER_S2C] = c->options.ciphers,
		[HAW_LIST_MAC_C2S] = c->options.macs,
		[HAW_LIST_MAC_S2C] = c->options.macs,
		[HAW_LIST_COMPRESSION_C2S] = c->options.compression,
		[HAW_LIST_COMPRESSION_S2C] = c->options.compression,
	};

	for (int i = 0; i < HAW_LIST_COUNT; i++) {
		char list[HAW_LIST_MAX];
		int result = haw_algorithm_list(kind_of[i], given[i], list, sizeof(list), err);

		if (result < 0)
			return result;
		result = keep_possible(c, i, list, err);
		if (result < 0)
			return result;
		c->lists[i] = strdup(list);
		if (!c->lists[i])
			return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	}
	return 0;
}

int haw_connection_begin_with(struct haw_connection *c, const char *text, haw_error *err)
{
	char list[HAW_LIST_MAX], *copy;
	int result = haw_algorithm_list(HAW_ALGORITHM_HOST_KEY, text, list, sizeof(list), err);

	if (result == 0)
		result = keep_possible(c, HAW_LIST_HOST_KEY, list, err);
	if (result < 0)
		return result;
	copy = strdup(list);
	if (!copy)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	free(c->lists[HAW_LIST_HOST_KEY]);
	c->lists[HAW_LIST_HOST_KEY] = copy;
	return haw_exchange_start(c, err);
}

int haw_negotiate_write(struct haw_connection *c, haw_message *out, haw_error *err)
{
	char kex[HAW_LIST_MAX + 64];
	uint8_t *cookie;

	haw_message_reset(out);
	haw_put_byte(out, HAW_MSG_KEXINIT);
	cookie = haw_put_space(out, 16);
	if (!cookie || RAND_bytes(cookie, 16) != 1)
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_SYSTEM, 0, "no random bytes are available");
	/* RFC 8308 §2.1 and OpenSSH's strict key exchange: pseudo names, in the first KEXINIT only. */
	strcpy(kex, c->lists[HAW_LIST_KEX]);
	if (c->exchanges == 0)
		strcat(kex, c->options.server ? ",ext-info-s,kex-strict-s-v00@openssh.com"
					      : ",ext-info-c,kex-strict-c-v00@openssh.com");
	haw_put_name_list(out, kex);
	for (int i = HAW_LIST_HOST_KEY; i < HAW_LIST_COUNT; i++)
		haw_put_name_list(out, c->lists[i]);
	haw_put_name_list(out, ""); /* languages */
	haw_put_name_list(out, "");
	haw_put_bool(out, c->options.guess && c->exchanges == 0 && !c->options.server);
	haw_put_u32(out, 0);
	if (!haw_message_ok(out))
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the lists of algorithms are too long");
	return 0;
}

static haw_span first_of(haw_span list)
{
	haw_span name = {NULL, 0};

	haw_list_next(&list, &name);
	return name;
}

/* What would help: the first algorithm of ours that the peer has, and that is offered on request only. */
static const char *remedy(enum haw_algorithm_kind kind, haw_span peer, char *text, size_t size)
{
	static const char *const options[] = {
		[HAW_ALGORITHM_KEX] = "KexAlgorithms",
		[HAW_ALGORITHM_HOST_KEY] = "HostKeyAlgorithms",
		[HAW_ALGORITHM_CIPHER] = "Ciphers",
		[HAW_ALGORITHM_MAC] = "MACs",
	};
	const char *name;
	bool offered;

	text[0] = '\0';
	for (size_t i = 0; kind <= HAW_ALGORITHM_MAC && (name = haw_algorithm_at(kind, i, &offered)); i++)
		if (!offered && haw_list_has(peer, name)) {
			snprintf(text, size, "; if it must be, allow it with -o %s=+%s", options[kind], name);
			break;
		}
	return text;
}

/* RFC 4253 §7.1: the first name on the client's list that is also on the server's. */
static int choose(struct haw_connection *c, int at, haw_span peer, char *name, haw_error *err)
{
	haw_span ours = {(const uint8_t *)c->lists[at], strlen(c->lists[at])};
	haw_span client = c->options.server ? peer : ours, server = c->options.server ? ours : peer, each;
	char shown[200], advice[128];

	while (haw_list_next(&client, &each)) {
		if (each.len > HAW_NAME_MAX)
			continue;
		memcpy(name, each.ptr, each.len);
		name[each.len] = '\0';
		/* RFC 5647 §5.1: such a MAC goes with the cipher of that name only, which needs none chosen.
		 */
		if (kind_of[at] == HAW_ALGORITHM_MAC && strncmp(name, "AEAD_", 5) == 0)
			continue;
		if (haw_list_has(server, name))
			return 0;
	}
	name[0] = '\0';
	return haw_error_set(err, HAW_ENEGOTIATION, HAW_FAULT_PEER, 0,
			     "no %s%s in common: we offer %.160s, the peer offers %s%s",
			     haw_algorithm_noun(kind_of[at]), directions[at] ? directions[at] : "",
			     c->lists[at], haw_escape(shown, sizeof(shown), peer.ptr, peer.len),
			     remedy(kind_of[at], peer, advice, sizeof(advice)));
}

static int choose_suites(struct haw_connection *c, struct haw_chosen *chosen, const haw_span *lists,
			 haw_error *err)
{
	for (int d = 0; d < 2; d++) {
		const char *cipher = chosen->names[HAW_LIST_CIPHER_C2S + d];
		char *mac = chosen->names[HAW_LIST_MAC_C2S + d];

		/* A cipher that implies its MAC needs no MAC in common. */
		chosen->suites[d] = haw_suite_find(cipher, NULL);
		if (!chosen->suites[d]) {
			int result = choose(c, HAW_LIST_MAC_C2S + d, lists[HAW_LIST_MAC_C2S + d], mac, err);

			if (result < 0)
				return result;
			chosen->suites[d] = haw_suite_find(cipher, mac);
		}
		if (!chosen->suites[d])
			return haw_error_set(err, HAW_ENEGOTIATION, HAW_FAULT_LOCAL, 0,
					     "no suite of %s with %s is built in", cipher, mac);
	}
	return 0;
}

static int read_lists(haw_message *peer, haw_span *lists, bool *follows, haw_error *err)
{
	haw_get_bytes(peer, 16);
	for (int i = 0; i < HAW_LIST_COUNT; i++)
		lists[i] = haw_get_name_list(peer);
	haw_get_name_list(peer);
	haw_get_name_list(peer);
	*follows = haw_get_bool(peer);
	haw_get_u32(peer);
	return haw_connection_end_of_message(peer, "KEXINIT", err);
}

static void note_pseudo_names(struct haw_connection *c, haw_span kex)
{
	if (c->exchanges > 0)
		return;
	c->strict = haw_list_has(kex, c->options.server ? "kex-strict-c-v00@openssh.com"
							: "kex-strict-s-v00@openssh.com");
	c->peer_ext_info = haw_list_has(kex, c->options.server ? "ext-info-c" : "ext-info-s");
}

/* RFC 4253 §7.1: a guess is right if the first names agree, in the key exchange and in the host key. */
static bool guesses_agree(const struct haw_connection *c, const haw_span *lists)
{
	for (int i = HAW_LIST_KEX; i <= HAW_LIST_HOST_KEY; i++) {
		haw_span ours = {(const uint8_t *)c->lists[i], strlen(c->lists[i])};

		if (!haw_span_equal(first_of(ours), first_of(lists[i])))
			return false;
	}
	return true;
}

int haw_negotiate_choose(struct haw_connection *c, haw_message *peer, haw_error *err)
{
	struct haw_exchange *x = &c->exchange;
	struct haw_chosen *chosen = &x->chosen;
	haw_span lists[HAW_LIST_COUNT];
	bool follows;

	if (read_lists(peer, lists, &follows, err) < 0)
		return HAW_EPROTOCOL;
	note_pseudo_names(c, lists[HAW_LIST_KEX]);
	for (int i = 0; i < HAW_LIST_COUNT; i++) {
		int result;

		if (i == HAW_LIST_MAC_C2S || i == HAW_LIST_MAC_S2C)
			continue;
		result = choose(c, i, lists[i], chosen->names[i], err);
		if (result < 0)
			return result;
	}
	chosen->method = haw_kex_method_find(chosen->names[HAW_LIST_KEX]);
	if (!chosen->method)
		return haw_error_set(err, HAW_ENEGOTIATION, HAW_FAULT_LOCAL, 0,
				     "no key exchange %s is built in", chosen->names[HAW_LIST_KEX]);
	/* Whoever guessed: a wrong guess is ignored and the right packet is sent again. */
	x->skip_packet = follows && !guesses_agree(c, lists);
	x->guess_sent = x->guess_sent && guesses_agree(c, lists);
	return choose_suites(c, chosen, lists, err);
}
