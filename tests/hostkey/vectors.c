/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of Project Wycheproof, and one of RFC 8032, in SSH's clothes.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>

#include "harness.h"
#include "transport/hostkey/hostkey.h"
#include "wycheproof.h"

struct tally {
	const char *algorithm, *curve;
	size_t accepted, refused, passed_over;
};

static void compare(const struct wycheproof_case *c, struct tally *tally, haw_message *blob,
		    haw_message *signature)
{
	size_t len;
	const uint8_t *data = wycheproof_bytes(c, "msg", &len);
	const char *result = wycheproof_text(c, "result");
	int got = haw_hostkey_verify_blob(haw_message_all(blob), tally->algorithm, (haw_span){data, len},
					  haw_message_all(signature), NULL);

	CHECK(haw_message_ok(blob) && haw_message_ok(signature));
	if (strcmp(result, "acceptable") == 0)
		tally->passed_over++;
	else if (strcmp(result, "valid") == 0)
		tally->accepted++;
	else
		tally->refused++;
	CHECK_MSG(strcmp(result, "acceptable") == 0 || (got == 0) == (strcmp(result, "valid") == 0),
		  "%s %s \"%s\": %d", tally->algorithm, result, wycheproof_text(c, "comment"), got);
}

static void start(haw_message *blob, haw_message *signature, const char *type, const struct tally *tally)
{
	haw_message_write(blob, 0);
	haw_message_write(signature, 0);
	haw_put_text(blob, type);
	haw_put_text(signature, tally->algorithm);
}

static void finish(haw_message *blob, haw_message *signature)
{
	haw_message_free(blob);
	haw_message_free(signature);
}

static void judge_ed25519(const struct wycheproof_case *c, void *user)
{
	haw_message blob, signature;
	const uint8_t *bytes;
	size_t len;

	start(&blob, &signature, "ssh-ed25519", user);
	bytes = wycheproof_bytes(c, "pk", &len);
	haw_put_string(&blob, bytes, len);
	bytes = wycheproof_bytes(c, "sig", &len);
	haw_put_string(&signature, bytes, len);
	compare(c, user, &blob, &signature);
	finish(&blob, &signature);
}

static void judge_rsa(const struct wycheproof_case *c, void *user)
{
	haw_message blob, signature;
	const uint8_t *bytes;
	size_t len;

	start(&blob, &signature, "ssh-rsa", user);
	bytes = wycheproof_bytes(c, "publicExponent", &len);
	haw_put_mpint(&blob, bytes, len, false);
	bytes = wycheproof_bytes(c, "modulus", &len);
	haw_put_mpint(&blob, bytes, len, false);
	bytes = wycheproof_bytes(c, "sig", &len);
	haw_put_string(&signature, bytes, len);
	compare(c, user, &blob, &signature);
	finish(&blob, &signature);
}

static void put_number(haw_message *out, const BIGNUM *number)
{
	uint8_t bytes[256];

	haw_put_mpint(out, bytes, (size_t)BN_bn2bin(number, bytes), BN_is_negative(number));
}

/* The vectors are DER. What is not, or not canonical, has no counterpart in SSH's format. */
static bool put_pair(const uint8_t *der, size_t len, haw_message *signature)
{
	const uint8_t *p = der;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)len);
	uint8_t *again = NULL;
	int again_len = pair ? i2d_ECDSA_SIG(pair, &again) : -1;
	bool canonical = again_len == (int)len && memcmp(again, der, len) == 0 &&
			 BN_num_bytes(ECDSA_SIG_get0_r(pair)) <= 256 &&
			 BN_num_bytes(ECDSA_SIG_get0_s(pair)) <= 256;
	size_t mark = haw_put_string_begin(signature);

	if (canonical) {
		put_number(signature, ECDSA_SIG_get0_r(pair));
		put_number(signature, ECDSA_SIG_get0_s(pair));
	}
	haw_put_string_end(signature, mark);
	OPENSSL_free(again);
	ECDSA_SIG_free(pair);
	return canonical;
}

static void judge_ecdsa(const struct wycheproof_case *c, void *user)
{
	struct tally *tally = user;
	haw_message blob, signature;
	const uint8_t *bytes;
	size_t len;

	start(&blob, &signature, tally->algorithm, tally);
	haw_put_text(&blob, tally->curve);
	bytes = wycheproof_bytes(c, "uncompressed", &len);
	haw_put_string(&blob, bytes, len);
	bytes = wycheproof_bytes(c, "sig", &len);
	if (put_pair(bytes, len, &signature)) {
		compare(c, tally, &blob, &signature);
	} else {
		CHECK(strcmp(wycheproof_text(c, "result"), "valid") != 0);
		tally->passed_over++;
	}
	finish(&blob, &signature);
}

struct file {
	const char *name;
	void (*judge)(const struct wycheproof_case *c, void *user);
	struct tally tally;
	size_t accepted_least, refused_least;
};

static void wycheproof(void)
{
	struct file files[] = {
		{"ed25519.json", judge_ed25519, {.algorithm = "ssh-ed25519"}, 80, 60},
		{"ecdsa_secp256r1_sha256.json",
		 judge_ecdsa,
		 {.algorithm = "ecdsa-sha2-nistp256", .curve = "nistp256"},
		 170,
		 80},
		{"ecdsa_secp384r1_sha384.json",
		 judge_ecdsa,
		 {.algorithm = "ecdsa-sha2-nistp384", .curve = "nistp384"},
		 170,
		 80},
		{"ecdsa_secp521r1_sha512.json",
		 judge_ecdsa,
		 {.algorithm = "ecdsa-sha2-nistp521", .curve = "nistp521"},
		 170,
		 80},
		{"rsa_signature_2048_sha256.json", judge_rsa, {.algorithm = "rsa-sha2-256"}, 9, 240},
		{"rsa_signature_4096_sha512.json", judge_rsa, {.algorithm = "rsa-sha2-512"}, 7, 240},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct file *f = &files[i];

		if (wycheproof_run(f->name, f->name, f->judge, &f->tally) == 0)
			continue;
		CHECK_MSG(f->tally.accepted >= f->accepted_least && f->tally.refused >= f->refused_least,
			  "%s: %zu accepted, %zu refused, %zu passed over", f->name, f->tally.accepted,
			  f->tally.refused, f->tally.passed_over);
	}
}

/* RFC 8032 §7.1, TEST 3 */
static void rfc_8032(void)
{
	static const uint8_t blob[] =
		"\0\0\0\x0bssh-ed25519\0\0\0\x20"
		"\xfc\x51\xcd\x8e\x62\x18\xa1\xa3\x8d\xa4\x7e\xd0\x02\x30\xf0\x58"
		"\x08\x16\xed\x13\xba\x33\x03\xac\x5d\xeb\x91\x15\x48\x90\x80\x25";
	static const uint8_t signature[] =
		"\0\0\0\x0bssh-ed25519\0\0\0\x40"
		"\x62\x91\xd6\x57\xde\xec\x24\x02\x48\x27\xe6\x9c\x3a\xbe\x01\xa3"
		"\x0c\xe5\x48\xa2\x84\x74\x3a\x44\x5e\x36\x80\xd7\xdb\x5a\xc3\xac"
		"\x18\xff\x9b\x53\x8d\x16\xf2\x90\xae\x67\xf7\x60\x98\x4d\xc6\x59"
		"\x4a\x7c\x15\xe9\x71\x6e\xd2\x8d\xc0\x27\xbe\xce\xea\x1e\xc4\x0a";
	haw_span data = {(const uint8_t *)"\xaf\x82", 2};

	CHECK(haw_hostkey_verify_blob((haw_span){blob, sizeof(blob) - 1}, "ssh-ed25519", data,
				      (haw_span){signature, sizeof(signature) - 1}, NULL) == 0);
}

int main(void)
{
	RUN(rfc_8032);
	RUN(wycheproof);
	return harness_end();
}
