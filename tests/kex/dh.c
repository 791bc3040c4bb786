/* SPDX-License-Identifier: Apache-2.0
 *
 * Diffie-Hellman with peers that do what they must not: values outside of 1 < f < p - 1, groups that
 * nobody asked for, messages in the wrong order; and which group a server chooses.
 */
#include "pair.h"

#include <openssl/bn.h>

#include "transport/kex/moduli.h"
#include "transport/wire/ssh_numbers.h"

static const char *const methods[] = {"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
				      "diffie-hellman-group18-sha512",
				      "diffie-hellman-group-exchange-sha256"};

static bool is_group_exchange(const char *method)
{
	return strstr(method, "exchange");
}

static BIGNUM *prime(unsigned bits)
{
	return bits == 2048   ? BN_get_rfc3526_prime_2048(NULL)
	       : bits == 3072 ? BN_get_rfc3526_prime_3072(NULL)
	       : bits == 4096 ? BN_get_rfc3526_prime_4096(NULL)
	       : bits == 6144 ? BN_get_rfc3526_prime_6144(NULL)
			      : BN_get_rfc3526_prime_8192(NULL);
}

static BIGNUM *prime_of(const char *method)
{
	return prime(strstr(method, "group14") ? 2048 : strstr(method, "group16") ? 4096 : 8192);
}

static void put_bn(haw_message *out, const BIGNUM *number, bool negative)
{
	uint8_t bytes[2048];

	haw_put_mpint(out, bytes, (size_t)BN_bn2bin(number, bytes), negative);
}

/* What the side of ROLE makes of the public value F. */
static int take(const char *method, enum haw_kex_role role, const BIGNUM *f, bool negative, haw_error *err)
{
	bool server = role == HAW_KEX_SERVER, exchange = is_group_exchange(method);
	struct haw_kex_reply reply;
	haw_message m;
	struct pair p;
	int result;

	CHECK_OR(pair_init(&p, method) && pair_make_init(&p), -1000);
	haw_message_write(&m, 0);
	haw_put_byte(&m, server ? (exchange ? 32 : 30) : (exchange ? 33 : 31));
	if (!server)
		haw_put_string(&m, "key", 3);
	put_bn(&m, f, negative);
	if (!server)
		haw_put_string(&m, "signature", 9);
	result = pair_feed(server ? p.server : p.client, haw_message_all(&m), &reply, err);
	CHECK_OR(result >= 0 || haw_kex_hash(server ? p.server : p.client).len == 0, -1000);
	haw_message_free(&m);
	pair_clear(&p);
	return result;
}

static void judge_value(const char *method, const BIGNUM *f, bool negative, bool good)
{
	for (int role = HAW_KEX_CLIENT; role <= HAW_KEX_SERVER; role++) {
		haw_error err = {0};
		int result = take(method, role, f, negative, &err);
		int wanted = !good ? HAW_EPROTOCOL : role == HAW_KEX_SERVER ? HAW_KEX_SIGN : HAW_KEX_VERIFY;

		CHECK_MSG(result == wanted, "%s: %d, not %d", method, result, wanted);
		CHECK(good || (err.fault == HAW_FAULT_PEER && err.message[0]));
	}
}

static void values_outside_the_range(void)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		BIGNUM *p = prime_of(methods[i]), *f = BN_new();

		for (unsigned low = 0; low < 3; low++) {
			BN_set_word(f, low);
			judge_value(methods[i], f, false, low == 2);
		}
		/* p - 2, p - 1, p, p + 1, p + 2 */
		for (unsigned high = 0; high < 5; high++) {
			BN_copy(f, p);
			BN_sub_word(f, 2);
			BN_add_word(f, high);
			judge_value(methods[i], f, false, high == 0);
		}
		BN_set_word(f, 2);
		judge_value(methods[i], f, true, false);
		BN_lshift(f, p, 2);
		judge_value(methods[i], f, false, false);
		BN_lshift(f, p, 3000);
		judge_value(methods[i], f, false, false);
		BN_free(p);
		BN_free(f);
	}
}

/* ---- Groups that a server proposes ---- */

static int propose(const BIGNUM *p, const BIGNUM *g, bool negative, bool more, haw_error *err)
{
	struct haw_kex_reply reply;
	struct haw_kex *client = haw_kex_new(haw_kex_method_find(methods[3]), HAW_KEX_CLIENT, NULL, NULL);
	const struct haw_kex_transcript transcript = {0};
	haw_message m, out;
	int result;

	haw_message_write(&m, 0);
	haw_message_write(&out, 0);
	CHECK_OR(client && haw_kex_start(client, &out, NULL) == 0, -1000);
	haw_kex_set_transcript(client, &transcript);
	haw_put_byte(&m, HAW_MSG_KEX_DH_GEX_GROUP);
	put_bn(&m, p, negative);
	put_bn(&m, g, false);
	if (more)
		haw_put_byte(&m, 0);
	result = pair_feed(client, haw_message_all(&m), &reply, err);
	haw_message_free(&m);
	haw_message_free(&out);
	haw_kex_free(client);
	return result;
}

static void proposal(const char *what, const BIGNUM *p, const BIGNUM *g, bool good)
{
	haw_error err = {0};
	int result = propose(p, g, false, false, &err);

	CHECK_MSG(result == (good ? HAW_KEX_MORE : HAW_EPROTOCOL), "%s: %d %s", what, result, err.message);
	CHECK(good || err.fault == HAW_FAULT_PEER);
}

/* A number without small factors of BITS bits that no list of groups has. */
static BIGNUM *odd_number(int bits)
{
	BIGNUM *p = BN_new();

	BN_set_word(p, 1);
	BN_lshift(p, p, bits - 1);
	BN_add_word(p, 1);
	for (bool found = false; !found; ) {
		BN_add_word(p, 2);
		found = true;
		for (BN_ULONG divisor = 3; divisor < 2000; divisor += 2)
			found = found && BN_mod_word(p, divisor) != 0;
	}
	return p;
}

static void sizes_outside_what_was_asked(void)
{
	static const struct {
		int bits;
		bool good;
	} sizes[] = {{2, false}, {512, false}, {1024, false}, {2047, false}, {2048, true}, {4000, true},
		     {8192, true}, {8193, false}, {16000, false}};
	BIGNUM *two = BN_new();

	BN_set_word(two, 2);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		BIGNUM *p = sizes[i].bits < 64 ? BN_dup(BN_value_one()) : odd_number(sizes[i].bits);
		char what[32];

		snprintf(what, sizeof(what), "%d bits", sizes[i].bits);
		proposal(what, p, two, sizes[i].good);
		BN_free(p);
	}
	BN_free(two);
}

static void groups_that_are_none(void)
{
	BIGNUM *p = prime(3072), *g = BN_new(), *bad = BN_new();
	haw_error err = {0};

	BN_set_word(g, 2);
	proposal("a good one", p, g, true);
	CHECK(propose(p, g, true, false, &err) == HAW_EPROTOCOL);
	CHECK(propose(p, g, false, true, &err) == HAW_EPROTOCOL);
	BN_copy(bad, p);
	BN_sub_word(bad, 1);
	proposal("an even modulus", bad, g, false);
	BN_lshift(bad, BN_value_one(), 3071);
	proposal("a power of two", bad, g, false);
	/* 1999 times an odd number */
	BN_copy(bad, p);
	BN_div_word(bad, 4096);
	BN_set_bit(bad, 0);
	BN_mul_word(bad, 1999);
	CHECK(BN_num_bits(bad) >= 2048 && BN_is_odd(bad));
	proposal("a small factor", bad, g, false);
	BN_zero(bad);
	proposal("modulus 0", bad, g, false);
	for (unsigned low = 0; low < 2; low++) {
		BN_set_word(bad, low);
		proposal("a generator below 2", p, bad, false);
	}
	for (unsigned high = 0; high < 3; high++) {
		BN_copy(bad, p);
		BN_sub_word(bad, 1);
		BN_add_word(bad, high);
		proposal("a generator above p - 2", p, bad, false);
	}
	BN_lshift(bad, p, 9000);
	proposal("an enormous generator", p, bad, false);
	BN_free(p);
	BN_free(g);
	BN_free(bad);
}

/* ---- Sizes that a client asks for ---- */

static int ask(uint32_t min, uint32_t wanted, uint32_t max, size_t len, unsigned *bits)
{
	struct haw_kex *server = haw_kex_new(haw_kex_method_find(methods[3]), HAW_KEX_SERVER, NULL, NULL);
	const struct haw_kex_transcript transcript = {0};
	struct haw_kex_reply reply;
	haw_message m, out;
	int result;

	haw_message_write(&m, 0);
	haw_message_write(&out, 0);
	CHECK_OR(server && haw_kex_start(server, &out, NULL) == 0, -1000);
	haw_kex_set_transcript(server, &transcript);
	haw_put_byte(&m, HAW_MSG_KEX_DH_GEX_REQUEST);
	haw_put_u32(&m, min);
	haw_put_u32(&m, wanted);
	haw_put_u32(&m, max);
	haw_put_byte(&m, 0);
	result = haw_kex_receive(server, (haw_span){m.data, len}, &out, &reply, NULL);
	if (result == HAW_KEX_MORE) {
		haw_message_rewind(&out);
		haw_get_byte(&out);
		*bits = (unsigned)haw_get_mpint_unsigned(&out).len * 8;
	}
	haw_message_free(&m);
	haw_message_free(&out);
	haw_kex_free(server);
	return result;
}

static void sizes_that_are_asked_for(void)
{
	static const struct {
		uint32_t min, wanted, max;
		unsigned bits; /* 0: refused */
	} sizes[] = {
		{2048, 3072, 8192, 8192}, {2048, 2048, 2048, 2048},   {1024, 1024, 8192, 8192},
		{1024, 1024, 2048, 2048}, {2048, 3072, 4096, 4096},   {0, 1, 0xffffffff, 8192},
		{1024, 1024, 1024, 0},	  {512, 1024, 2047, 0},	      {8193, 8193, 8193, 0},
		{4096, 2048, 8192, 0},	  {2048, 8192, 4096, 0},      {0, 0, 0, 0},
		{5000, 5000, 5000, 0},	  {0xffffffff, 0xffffffff, 0xffffffff, 0},
	};
	unsigned bits = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int result = ask(sizes[i].min, sizes[i].wanted, sizes[i].max, 13, &bits);

		CHECK_MSG(result == (sizes[i].bits ? HAW_KEX_MORE : HAW_EPROTOCOL), "request %zu: %d", i,
			  result);
		CHECK_MSG(!sizes[i].bits || bits == sizes[i].bits, "request %zu: %u bits", i, bits);
	}
	for (size_t len = 1; len <= 14; len++)
		CHECK(ask(2048, 3072, 8192, len, &bits) == (len == 13 ? HAW_KEX_MORE : HAW_EPROTOCOL));
}

/* ---- Order ---- */

/* Group exchange at a server (client) that has seen so many of its two messages. */
static int out_of_order(bool server, unsigned seen, uint8_t number)
{
	struct haw_kex_reply reply;
	haw_message m, out;
	struct pair p;
	BIGNUM *prime_number = prime(2048);
	int result;

	CHECK_OR(pair_init(&p, methods[3]), -1000);
	haw_message_write(&m, 0);
	haw_message_write(&out, 0);
	if (seen == 0) {
		CHECK_OR(haw_kex_start(p.client, &p.init, NULL) == 0 &&
				 haw_kex_start(p.server, &out, NULL) == 0,
			 -1000);
		haw_kex_set_transcript(p.client, &p.client_transcript);
	} else {
		CHECK_OR(pair_make_init(&p), -1000);
	}
	/* As the message would be in its place. */
	haw_put_byte(&m, number);
	if (number == 34) {
		haw_put_u32(&m, 2048);
		haw_put_u32(&m, 2048);
		haw_put_u32(&m, 8192);
	} else if (number == 30) {
		haw_put_u32(&m, 2048);
	} else if (number == 31) {
		put_bn(&m, prime_number, false);
		haw_put_mpint(&m, "\2", 1, false);
	} else {
		if (number == 33)
			haw_put_string(&m, "key", 3);
		haw_put_mpint(&m, "\5", 1, false);
		if (number == 33)
			haw_put_string(&m, "signature", 9);
	}
	result = pair_feed(server ? p.server : p.client, haw_message_all(&m), &reply, NULL);
	haw_message_free(&m);
	haw_message_free(&out);
	BN_free(prime_number);
	pair_clear(&p);
	return result;
}

static void messages_out_of_order(void)
{
	for (unsigned number = 29; number < 40; number++)
		for (unsigned seen = 0; seen < 2; seen++) {
			int server = seen == 0 && number == 34	 ? HAW_KEX_MORE
				     : seen == 1 && number == 32 ? HAW_KEX_SIGN
								 : HAW_EPROTOCOL;
			int client = seen == 0 && number == 31	 ? HAW_KEX_MORE
				     : seen == 1 && number == 33 ? HAW_KEX_VERIFY
								 : HAW_EPROTOCOL;

			CHECK_MSG(out_of_order(true, seen, (uint8_t)number) == server, "server, %u", number);
			CHECK_MSG(out_of_order(false, seen, (uint8_t)number) == client, "client, %u", number);
		}
}

/* ---- moduli(5) ---- */

static void add_line(char *text, size_t size, const char *form, unsigned bits)
{
	BIGNUM *p = prime(bits);
	char *digits = BN_bn2hex(p);
	size_t at = strlen(text);

	snprintf(text + at, size - at, form, bits - 1, digits);
	OPENSSL_free(digits);
	BN_free(p);
}

static unsigned chosen(const char *text, uint32_t min, uint32_t wanted, uint32_t max, BN_ULONG *generator)
{
	BIGNUM *p, *g;
	unsigned bits;

	if (!haw_moduli_choose((haw_span){(const uint8_t *)text, strlen(text)}, min, wanted, max, &p, &g))
		return 0;
	bits = (unsigned)BN_num_bits(p);
	*generator = BN_get_word(g);
	BN_free(p);
	BN_free(g);
	return bits;
}

static void groups_of_a_file(void)
{
	static char text[30000];
	BN_ULONG g;

	/* Three that count; one composite, one untested, one not tried, one of another type, one broken. */
	add_line(text, sizeof(text), "# Time Type ...\n\n20220714110357 2 6 100 %u 5 %s\n", 3072);
	add_line(text, sizeof(text), "20220714110357 2 6 100 %u 5 %s\r\n", 4096);
	add_line(text, sizeof(text), "20220714110357 2 7 100 %u 2 %s\n", 2048);
	add_line(text, sizeof(text), "20220714110357 2 0 100 %u 2 %s\n", 2048);
	add_line(text, sizeof(text), "20220714110357 2 6 0 %u 2 %s\n", 2048);
	add_line(text, sizeof(text), "20220714110357 4 6 100 %u 2 %s\n", 2048);
	add_line(text, sizeof(text), "20220714110357 2 6 100 %u 2 %sx\n", 2048);
	add_line(text, sizeof(text), "20220714110357 2 6 100 %u 5 %s", 6144);
	CHECK(chosen(text, 2048, 2048, 8192, &g) == 8192 && g == 2); /* the broken line was the best */
	*strstr(text, "x\n") = 'g';
	CHECK(chosen(text, 3000, 2048, 8192, &g) == 3072 && g == 5);
	CHECK(chosen(text, 3000, 3072, 8192, &g) == 3072 && g == 5);
	CHECK(chosen(text, 3000, 3073, 8192, &g) == 4096 && g == 5);
	CHECK(chosen(text, 3000, 8192, 8192, &g) == 6144 && g == 5);
	CHECK(chosen(text, 3000, 8192, 5000, &g) == 4096 && g == 5);
	/* None in range: RFC 3526. */
	CHECK(chosen(text, 7000, 8192, 8192, &g) == 8192 && g == 2);
	CHECK(chosen("", 2048, 3072, 5000, &g) == 4096 && g == 2);
	CHECK(chosen("2 2 2", 2048, 2048, 3000, &g) == 2048 && g == 2);
	CHECK(chosen("", 5000, 5000, 6000, &g) == 0);
}

/* A server with a file of its own proposes from it, and both sides agree. */
static void exchange_with_a_file(void)
{
	static char text[4000];
	struct haw_kex_reply reply;
	struct pair p;

	add_line(text, sizeof(text), "20220714110357 2 6 100 %u 5 %s\n", 3072);
	CHECK(pair_init(&p, methods[3]));
	haw_kex_set_strength(p.client, 128);
	haw_kex_set_moduli(p.server, (haw_span){(const uint8_t *)text, strlen(text)});
	CHECK(pair_make_init(&p) && pair_make_reply(&p));
	CHECK(haw_message_all(&p.init).len <= 1 + 4 + 385);
	CHECK(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) == HAW_KEX_VERIFY);
	CHECK(haw_span_equal(haw_kex_hash(p.client), haw_kex_hash(p.server)));
	pair_clear(&p);
}

int main(void)
{
	RUN(values_outside_the_range);
	RUN(sizes_outside_what_was_asked);
	RUN(groups_that_are_none);
	RUN(sizes_that_are_asked_for);
	RUN(messages_out_of_order);
	RUN(groups_of_a_file);
	RUN(exchange_with_a_file);
	return harness_end();
}
