/* SPDX-License-Identifier: Apache-2.0
 *
 * Known answers: RFC 7748, whole exchanges with hash and keys, Project Wycheproof.
 */
#include "pair.h"
#include "wycheproof.h"

struct known_answer {
	const char *method, *client_private, *server_private, *secret, *hash, *key_a, *key_f;
};

#include "known_answers.h"

static bool adopt(struct haw_kex *side, const char *method, const char *private)
{
	uint8_t bytes[80];
	EVP_PKEY *key = pair_private_key(method, bytes, pair_unhex(private, bytes, sizeof(bytes)));

	return key && haw_ecdh_adopt(side, key, NULL) == 0;
}

static bool is_hex(haw_span span, const char *digits)
{
	uint8_t bytes[512];
	size_t len = pair_unhex(digits, bytes, sizeof(bytes));

	return span.len == len && memcmp(span.ptr, bytes, len) == 0;
}

/* K as the exchange keeps it: an mpint of the secret. */
static bool secret_is(const struct haw_kex *side, const uint8_t *secret, size_t len)
{
	uint8_t room[128];
	haw_message expected;

	haw_message_write_to(&expected, room, sizeof(room));
	haw_put_mpint(&expected, secret, len, false);
	return haw_span_equal(haw_message_all(&expected), haw_message_all(&side->secret));
}

static bool derives(const struct haw_kex *side, char letter, const char *digits)
{
	haw_span session = SPAN("the hash of the first exchange..");
	uint8_t key[150];

	/* In one piece, and as the beginning of it, each with a length of its own. */
	for (size_t len = 0; len <= sizeof(key); len += 25) {
		uint8_t expected[150];

		pair_unhex(digits, expected, sizeof(expected));
		if (haw_kex_derive(side, letter, session, key, len, NULL) != 0 ||
		    memcmp(key, expected, len) != 0)
			return false;
	}
	return true;
}

static bool side_is_right(const struct haw_kex *side, const struct known_answer *known)
{
	uint8_t secret[80];
	size_t len = pair_unhex(known->secret, secret, sizeof(secret));

	CHECK_OR(secret_is(side, secret, len), false);
	CHECK_OR(is_hex(haw_kex_hash(side), known->hash), false);
	CHECK_OR(derives(side, 'A', known->key_a), false);
	CHECK_OR(derives(side, 'F', known->key_f), false);
	return true;
}

static void whole_exchanges(void)
{
	for (size_t i = 0; i < sizeof(known_answers) / sizeof(known_answers[0]); i++) {
		const struct known_answer *known = &known_answers[i];
		struct haw_kex_reply reply;
		struct pair p;

		CHECK(pair_init(&p, known->method));
		CHECK(adopt(p.client, known->method, known->client_private));
		CHECK(adopt(p.server, known->method, known->server_private));
		CHECK(pair_make_init(&p) && pair_make_reply(&p));
		CHECK(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) == HAW_KEX_VERIFY);
		CHECK_MSG(side_is_right(p.client, known), "client of answer %zu", i);
		CHECK_MSG(side_is_right(p.server, known), "server of answer %zu", i);
		pair_clear(&p);
	}
}

/* A client whose private key is known, given the peer's public value in a reply. */
static int agree(struct pair *p, const char *method, const uint8_t *private, size_t private_len,
		 const uint8_t *public, size_t public_len, haw_error *err)
{
	EVP_PKEY *key = pair_private_key(method, private, private_len);
	struct haw_kex_reply reply;

	CHECK_OR(key && pair_init(p, method), -1000);
	CHECK_OR(haw_ecdh_adopt(p->client, key, NULL) == 0 && pair_make_init(p), -1000);
	haw_put_byte(&p->reply, 31);
	haw_put_string(&p->reply, "key", 3);
	haw_put_string(&p->reply, public, public_len);
	haw_put_string(&p->reply, "signature", 9);
	return pair_feed(p->client, haw_message_all(&p->reply), &reply, err);
}

struct rfc7748 {
	const char *private, *public, *secret;
};

/* RFC 7748 §5.2 and §6.1 */
static const struct rfc7748 rfc7748[] = {
	{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
	{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	 "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	{"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

static void rfc_7748(void)
{
	for (size_t i = 0; i < sizeof(rfc7748) / sizeof(rfc7748[0]); i++) {
		uint8_t private[32], public[32], secret[32];
		struct pair p;

		pair_unhex(rfc7748[i].private, private, sizeof(private));
		pair_unhex(rfc7748[i].public, public, sizeof(public));
		pair_unhex(rfc7748[i].secret, secret, sizeof(secret));
		CHECK(agree(&p, "curve25519-sha256", private, 32, public, 32, NULL) == HAW_KEX_VERIFY);
		CHECK(secret_is(p.client, secret, 32));
		pair_clear(&p);
	}
}

/* RFC 8731 §3, RFC 7748 §7: values of low order lead to a secret of zeroes. */
static void low_order_is_refused(void)
{
	static const char *const values[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t private[32], public[32];

	memset(private, 0x77, sizeof(private));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		haw_error err = {0};
		struct pair p;

		pair_unhex(values[i], public, sizeof(public));
		CHECK_MSG(agree(&p, "curve25519-sha256", private, 32, public, 32, &err) == HAW_EPROTOCOL,
			  "value %zu", i);
		CHECK(err.fault == HAW_FAULT_PEER && haw_kex_hash(p.client).len == 0);
		pair_clear(&p);
	}
}

struct tally {
	const char *method;
	size_t agreed, refused;
};

static void judge(const struct wycheproof_case *c, void *user)
{
	struct tally *tally = user;
	const char *id = wycheproof_text(c, "comment"), *result = wycheproof_text(c, "result");
	size_t private_len, public_len, shared_len;
	const uint8_t *private = wycheproof_bytes(c, "private", &private_len);
	const uint8_t *public = wycheproof_bytes(c, "public", &public_len);
	const uint8_t *shared = wycheproof_bytes(c, "shared", &shared_len);
	/* Acceptable are values that may be refused: RFC 8731 wants zero secrets refused, this
	 * library takes uncompressed points only. */
	bool wanted = strcmp(result, "invalid") != 0 && !wycheproof_flag(c, "ZeroSharedSecret") &&
		      !wycheproof_flag(c, "CompressedPublic") && !wycheproof_flag(c, "CompressedPoint");
	struct pair p;
	int got;

	while (private_len > 66 && *private == 0) {
		private++;
		private_len--;
	}
	got = agree(&p, tally->method, private, private_len, public, public_len, NULL);
	CHECK_MSG(got == (wanted ? HAW_KEX_VERIFY : HAW_EPROTOCOL), "%s (%s): %d", id, result, got);
	CHECK_MSG(!wanted || secret_is(p.client, shared, shared_len), "%s: another secret", id);
	if (wanted)
		tally->agreed++;
	else
		tally->refused++;
	pair_clear(&p);
}

static void run_file(const char *file, const char *method, size_t agreed_least)
{
	struct tally tally = {.method = method};

	if (wycheproof_run(file, file, judge, &tally) > 0)
		CHECK_MSG(tally.agreed >= agreed_least && tally.refused > 0, "%s: %zu and %zu", file,
			  tally.agreed, tally.refused);
}

static void wycheproof(void)
{
	run_file("x25519.json", "curve25519-sha256", 400);
	run_file("ecdh_secp256r1_ecpoint.json", "ecdh-sha2-nistp256", 300);
	run_file("ecdh_secp384r1_ecpoint.json", "ecdh-sha2-nistp384", 300);
	run_file("ecdh_secp521r1_ecpoint.json", "ecdh-sha2-nistp521", 300);
}

int main(void)
{
	RUN(rfc_7748);
	RUN(low_order_is_refused);
	RUN(whole_exchanges);
	RUN(wycheproof);
	return harness_end();
}
