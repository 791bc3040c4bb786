/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that no honest peer sends, by method and role; tests/kex/dh.c has those of Diffie-Hellman. Then each
 * method's messages twice, and in the wrong order.
 */
#include "pair.h"

#include "transport/kex/kem.h"

static const char mlkem[] = "mlkem768x25519-sha256", sntrup[] = "sntrup761x25519-sha512";
static const struct {
	const char *method;
	const struct haw_kem *kem;
} hybrids[] = {{mlkem, &haw_mlkem768}, {sntrup, &haw_sntrup761}};

enum { POINT = 32, VALUE_MAX = 2048 };

/* A pair, and what each sent: the strings of its message. */
struct exchange {
	struct pair p;
	uint8_t public[VALUE_MAX], reply[VALUE_MAX];
	size_t public_len, reply_len;
};

static bool begin(struct exchange *x, const char *method)
{
	haw_message m;
	haw_span value;

	CHECK_OR(pair_init(&x->p, method) && pair_make_init(&x->p), false);
	haw_message_read(&m, haw_message_all(&x->p.init).ptr, haw_message_all(&x->p.init).len);
	haw_get_byte(&m);
	value = haw_get_string(&m);
	CHECK_OR(haw_message_complete(&m) && value.len <= VALUE_MAX, false);
	memcpy(x->public, value.ptr, value.len);
	x->public_len = value.len;
	return true;
}

static bool answer(struct exchange *x)
{
	haw_message m;
	haw_span value;

	CHECK_OR(pair_make_reply(&x->p), false);
	haw_message_read(&m, haw_message_all(&x->p.reply).ptr, haw_message_all(&x->p.reply).len);
	haw_get_byte(&m);
	haw_get_string(&m);
	value = haw_get_string(&m);
	CHECK_OR(haw_message_ok(&m) && value.len <= VALUE_MAX, false);
	memcpy(x->reply, value.ptr, value.len);
	x->reply_len = value.len;
	return true;
}

/* What a server (client) makes of VALUE. */
static int give(struct haw_kex *side, bool server, const uint8_t *value, size_t len, haw_error *err)
{
	struct haw_kex_reply reply;
	haw_message m;
	int result;

	haw_message_write(&m, 0);
	haw_put_byte(&m, server ? 30 : 31);
	if (!server)
		haw_put_string(&m, "any bytes serve as a host key here", 34);
	haw_put_string(&m, value, len);
	if (!server)
		haw_put_string(&m, "signature", 9);
	result = pair_feed(side, haw_message_all(&m), &reply, err);
	haw_message_free(&m);
	return result;
}

static void refuses(const char *what, const char *method, bool server, const uint8_t *value, size_t len)
{
	haw_error err = {0};
	struct exchange x;
	int result;

	CHECK(begin(&x, method));
	result = give(server ? x.p.server : x.p.client, server, value, len, &err);
	CHECK_MSG(result == HAW_EPROTOCOL && err.fault == HAW_FAULT_PEER, "%s, %s: %d %s", method, what,
		  result, err.message);
	CHECK(haw_kex_hash(server ? x.p.server : x.p.client).len == 0);
	pair_clear(&x.p);
}

/* ---- Hybrids ---- */

static void lengths(void)
{
	static uint8_t zeroes[VALUE_MAX];

	for (size_t i = 0; i < 2; i++) {
		size_t public = hybrids[i].kem->public_size, ciphertext = hybrids[i].kem->ciphertext_size;
		const size_t wrong[] = {0,
					1,
					POINT,
					public,
					ciphertext,
					public + POINT - 1,
					public + POINT + 1,
					ciphertext + POINT - 1,
					ciphertext + POINT + 1,
					VALUE_MAX};

		for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
			refuses("a length", hybrids[i].method, true, zeroes, wrong[j]);
			refuses("a length", hybrids[i].method, false, zeroes, wrong[j]);
		}
	}
}

/* Of everything else that is right, the point is of low order. */
static void points_of_low_order(void)
{
	for (size_t i = 0; i < 2; i++)
		for (uint8_t low = 0; low < 2; low++) {
			struct exchange x;

			CHECK(begin(&x, hybrids[i].method) && answer(&x));
			memset(x.public + x.public_len - POINT, 0, POINT);
			memset(x.reply + x.reply_len - POINT, 0, POINT);
			x.public[x.public_len - POINT] = x.reply[x.reply_len - POINT] = low;
			refuses("a point of low order", hybrids[i].method, true, x.public, x.public_len);
			CHECK(give(x.p.client, false, x.reply, x.reply_len, NULL) == HAW_EPROTOCOL);
			pair_clear(&x.p);
		}
}

/* FIPS 203 §7.2: each coefficient below q. */
static void mlkem_keys(void)
{
	for (size_t at = 0; at < 1152; at += 3)
		for (int second = 0; second < 2; second++) {
			struct exchange x;

			/* 3329 = 0xd01, in each place once. */
			CHECK(begin(&x, mlkem));
			if (second) {
				x.public[at + 1] = (uint8_t)((x.public[at + 1] & 0x0f) | 0x10);
				x.public[at + 2] = 0xd0;
			} else {
				x.public[at] = 0x01;
				x.public[at + 1] = (uint8_t)((x.public[at + 1] & 0xf0) | 0x0d);
			}
			CHECK_MSG(give(x.p.server, true, x.public, x.public_len, NULL) == HAW_EPROTOCOL,
				  "byte %zu", at);
			pair_clear(&x.p);
			if (at % 48)
				break;
		}
	{
		struct exchange x;

		/* 3328 is the largest that is one. */
		CHECK(begin(&x, mlkem));
		x.public[0] = 0x00;
		x.public[1] = (uint8_t)((x.public[1] & 0xf0) | 0x0d);
		CHECK(give(x.p.server, true, x.public, x.public_len, NULL) == HAW_KEX_SIGN);
		pair_clear(&x.p);
	}
}

/* Bytes that no encoding of 761 numbers below 4591 gives. */
static void sntrup_keys(void)
{
	struct exchange x;

	CHECK(begin(&x, sntrup));
	memset(x.public, 0xff, 1158);
	refuses("a key of ones", sntrup, true, x.public, x.public_len);
	pair_clear(&x.p);
	CHECK(begin(&x, sntrup));
	/* The last number is below its modulus, which is below 2^16. */
	x.public[1156] = x.public[1157] = 0xff;
	refuses("a last number too large", sntrup, true, x.public, x.public_len);
	pair_clear(&x.p);
	CHECK(begin(&x, sntrup));
	memset(x.public, 0, 1158);
	CHECK(give(x.p.server, true, x.public, x.public_len, NULL) == HAW_KEX_SIGN);
	pair_clear(&x.p);
}

/* Implicit rejection: the client goes on with another secret, so that the server's signature, which is over a
 * hash of the right one, cannot fit. The same ciphertext gives the same. */
static void ciphertexts(void)
{
	for (size_t i = 0; i < 2; i++)
		for (size_t at = 0; at < hybrids[i].kem->ciphertext_size; at += 97) {
			struct exchange x;

			CHECK(begin(&x, hybrids[i].method) && answer(&x));
			x.reply[at] ^= 0x10;
			CHECK(give(x.p.client, false, x.reply, x.reply_len, NULL) == HAW_KEX_VERIFY);
			CHECK(!haw_span_equal(haw_kex_hash(x.p.client), haw_kex_hash(x.p.server)));
			CHECK(!haw_span_equal(haw_message_all(&x.p.client->secret),
					      haw_message_all(&x.p.server->secret)));
			pair_clear(&x.p);
		}
	for (size_t i = 0; i < 2; i++)
		for (int filling = 0; filling < 256; filling += 255) {
			struct exchange x;

			CHECK(begin(&x, hybrids[i].method) && answer(&x));
			memset(x.reply, filling, hybrids[i].kem->ciphertext_size);
			CHECK(give(x.p.client, false, x.reply, x.reply_len, NULL) == HAW_KEX_VERIFY);
			CHECK(!haw_span_equal(haw_kex_hash(x.p.client), haw_kex_hash(x.p.server)));
			pair_clear(&x.p);
		}
}

static void implicit_rejection_of_sntrup(void)
{
	const struct haw_kem *kem = &haw_sntrup761;
	static uint8_t public[VALUE_MAX], secret[2 * VALUE_MAX], ciphertext[VALUE_MAX];
	uint8_t ours[HAW_KEM_KEY_SIZE], theirs[HAW_KEM_KEY_SIZE], again[HAW_KEM_KEY_SIZE];

	for (unsigned i = 0; i < 40; i++) {
		CHECK(kem->make(NULL, public, secret) == HAW_KEM_DONE);
		CHECK(kem->encapsulate(NULL, public, ciphertext, ours) == HAW_KEM_DONE);
		CHECK(kem->decapsulate(NULL, secret, ciphertext, theirs) == HAW_KEM_DONE);
		CHECK(memcmp(ours, theirs, sizeof(ours)) == 0);
		/* In the polynomial and in the confirmation behind it. */
		ciphertext[i * 26] ^= (uint8_t)(1 << i % 8);
		CHECK(kem->decapsulate(NULL, secret, ciphertext, theirs) == HAW_KEM_DONE);
		CHECK(kem->decapsulate(NULL, secret, ciphertext, again) == HAW_KEM_DONE);
		CHECK(memcmp(ours, theirs, sizeof(ours)) != 0 && memcmp(theirs, again, sizeof(ours)) == 0);
		CHECK(kem->encapsulate(NULL, public, ciphertext, again) == HAW_KEM_DONE);
		CHECK(memcmp(ours, again, sizeof(ours)) != 0);
	}
}

/* ---- Curves ---- */

static void points_that_are_none(void)
{
	static const struct {
		const char *method;
		size_t size;
	} curves[] = {{"ecdh-sha2-nistp256", 65}, {"ecdh-sha2-nistp384", 97}, {"ecdh-sha2-nistp521", 133}};

	for (size_t i = 0; i < 3; i++)
		for (int server = 0; server < 2; server++) {
			uint8_t value[256] = {0};
			struct exchange x;

			refuses("infinity", curves[i].method, server, value, 1);
			refuses("zeroes", curves[i].method, server, value, curves[i].size);
			value[0] = 4;
			refuses("the origin", curves[i].method, server, value, curves[i].size);
			CHECK(begin(&x, curves[i].method) && x.public_len == curves[i].size);
			memcpy(value, x.public, x.public_len);
			pair_clear(&x.p);
			value[curves[i].size - 1] ^= 1;
			refuses("off the curve", curves[i].method, server, value, curves[i].size);
			value[curves[i].size - 1] ^= 1;
			for (uint8_t form = 0; form < 8; form++) {
				value[0] = form;
				if (form != 4)
					refuses("another form", curves[i].method, server, value,
						curves[i].size);
			}
			value[0] = 2;
			refuses("a compressed point", curves[i].method, server, value,
				curves[i].size / 2 + 1);
			memset(value + 1, 0xff, curves[i].size - 1);
			value[0] = 4;
			refuses("coordinates outside of the field", curves[i].method, server, value,
				curves[i].size);
		}
}

/* ---- Order ---- */

static void each_order(const char *method)
{
	struct haw_kex_reply reply;
	struct pair p;
	uint8_t init, answered;

	CHECK(pair_init(&p, method) && pair_make_init(&p) && pair_make_reply(&p));
	init = p.init.data[0];
	answered = p.reply.data[0];
	/* Twice. */
	CHECK(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) == HAW_KEX_VERIFY);
	CHECK(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) == HAW_EPROTOCOL);
	CHECK(pair_feed(p.server, haw_message_all(&p.init), &reply, NULL) == HAW_EPROTOCOL);
	pair_clear(&p);
	/* With any other number of the method's, each in a new exchange. */
	for (unsigned number = 29; number < 51; number++) {
		CHECK(pair_init(&p, method) && pair_make_init(&p) && pair_make_reply(&p));
		p.reply.data[0] = (uint8_t)number;
		CHECK_MSG(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) ==
				  (number == answered ? HAW_KEX_VERIFY : HAW_EPROTOCOL),
			  "%s: %u to the client", method, number);
		pair_clear(&p);
		CHECK(pair_init(&p, method) && pair_make_init(&p));
		p.init.data[0] = (uint8_t)number;
		CHECK_MSG(pair_feed(p.server, haw_message_all(&p.init), &reply, NULL) ==
				  (number == init ? HAW_KEX_SIGN : HAW_EPROTOCOL),
			  "%s: %u to the server", method, number);
		pair_clear(&p);
	}
	/* Each other's. */
	CHECK(pair_init(&p, method) && pair_make_init(&p));
	CHECK(pair_feed(p.client, haw_message_all(&p.init), &reply, NULL) == HAW_EPROTOCOL);
	pair_clear(&p);
}

static void messages_twice_and_out_of_order(void)
{
	const char *name;

	for (size_t i = 0; (name = haw_kex_method_at(i)); i++)
		/* Fifty exchanges in 8192 bits say no more than fifty in 2048. */
		if (!strstr(name, "group18") && !strstr(name, "group16") && !strstr(name, "group-exchange"))
			each_order(name);
}

int main(void)
{
	RUN(lengths);
	RUN(points_of_low_order);
	RUN(mlkem_keys);
	RUN(sntrup_keys);
	RUN(ciphertexts);
	RUN(implicit_rejection_of_sntrup);
	RUN(points_that_are_none);
	RUN(messages_twice_and_out_of_order);
	return harness_end();
}
