/* SPDX-License-Identifier: Apache-2.0
 *
 * Known answers: the reference against published vectors, then the self-test's known packets, and each
 * backend, against the reference. With --print: the tables of known packets, for crypto-backends/known.c.
 */
#include <openssl/crypto.h>

#include "crypto-backends/openssl/hmac.h"
#include "crypto-backends/selftest.h"
#include "harness.h"
#include "reference.h"

static size_t unhex(const char *text, uint8_t *out)
{
	size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned value;

		if (sscanf(text + 2 * i, "%2x", &value) != 1)
			abort();
		out[i] = (uint8_t)value;
	}
	return len;
}

static bool is_hex(const uint8_t *data, const char *text)
{
	uint8_t expected[1024];
	size_t len = unhex(text, expected);

	return memcmp(data, expected, len) == 0;
}

/* RFC 8439 §2.3.2 has a 96-bit nonce; its first four bytes are the upper half of our counter. */
static void chacha20_rfc8439_block(void)
{
	uint8_t key[32], nonce[8], zero[64] = {0}, out[64];

	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	unhex("0000004a00000000", nonce);
	reference_chacha20(key, UINT64_C(0x0900000000000001), nonce, zero, out, 64);
	CHECK(is_hex(out, "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
			  "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"));
}

/* RFC 8439 §2.5.2. */
static void poly1305_rfc8439(void)
{
	static const char text[] = "Cryptographic Forum Research Group";
	uint8_t key[32], tag[16];

	unhex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b", key);
	reference_poly1305(key, (const uint8_t *)text, strlen(text), tag);
	CHECK(is_hex(tag, "a8061dc1305136c6c22b8baf0c0127a9"));
}

/* SP 800-38A F.5.1. */
static void ctr_sp800_38a(void)
{
	uint8_t key[16], counter[16], plain[32], out[32];

	unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
	unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", counter);
	unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", plain);
	reference_aes_ctr(key, 16, counter, plain, out, 32);
	CHECK(is_hex(out, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"));
}

/* Test case 4 of the GCM specification by McGrew and Viega. */
static void gcm_case_4(void)
{
	uint8_t key[16], iv[12], aad[20], plain[60], out[60], tag[16];

	unhex("feffe9928665731c6d6a8f9467308308", key);
	unhex("cafebabefacedbaddecaf888", iv);
	unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
	unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	      plain);
	reference_aes_gcm(key, 16, iv, aad, 20, plain, out, 60, tag);
	CHECK(is_hex(out, "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"));
	CHECK(is_hex(tag, "5bc94fbc3221a5db94fae95ae7121a47"));
}

/* SP 800-38A F.2.1, F.2.3 and F.2.5: the first two blocks. */
static void cbc_sp800_38a(void)
{
	static const struct {
		const char *key, *out;
	} vectors[] = {
		{"2b7e151628aed2a6abf7158809cf4f3c",
		 "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		 "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		 "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"},
	};
	uint8_t key[32], iv[16], plain[32], out[32];

	unhex("000102030405060708090a0b0c0d0e0f", iv);
	unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", plain);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		reference_cbc(key, unhex(vectors[i].key, key), 16, iv, plain, out, 32);
		CHECK(is_hex(out, vectors[i].out));
	}
}

/* SP 800-67's keys (B.1) in CBC mode with a zero IV: its ECB example for the first block. */
static void triple_des_sp800_67(void)
{
	static const char text[] = "The qufck";
	uint8_t key[24], iv[8] = {0}, out[8];

	unhex("0123456789abcdef23456789abcdef01456789abcdef0123", key);
	reference_cbc(key, 24, 8, iv, (const uint8_t *)text, out, 8);
	CHECK(is_hex(out, "a826fd8ce53b855f"));
}

/* RFC 4418's appendix: messages of repeated text, and the tags of 64 and 96 bits. The latter are the first
 * three quarters of those of 128 bits: three of the four hashes, under the same pad (§3.1, §5.1). */
static void umac_rfc4418(void)
{
	static const struct {
		const char *text;
		size_t times;
		const char *tag64, *tag96;
	} vectors[] = {
		{"", 0, "6e155fad26900be1", "32fedb100c79ad58f07ff764"},
		{"a", 3, "44b5cb542f220104", "185e4fe905cba7bd85e4c2dc"},
		{"a", 1 << 10, "26bf2f5d60118bd9", "7a54abe04af82d60fb298c3c"},
		{"a", 1 << 15, "27f8ef643b0d118d", "7b136bd911e4b734286ef2be"},
		{"a", 1 << 20, "a4477e87e9f55853", "f8acfa3ac31cfeea047f7b11"},
		{"abc", 1, "d4d7b9f6bd4fbfcf", "883c3d4b97a61976ffcf2323"},
		{"abc", 500, "d4cf26ddefd5c01a", "8824a260c53c66a36c9260a6"},
	};
	const uint8_t *key = (const uint8_t *)"abcdefghijklmnop", *nonce = (const uint8_t *)"bcdefghi";

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t unit = strlen(vectors[i].text), len = unit * vectors[i].times;
		uint8_t *message = malloc(len + 1), tag[16];

		for (size_t at = 0; at < len; at++)
			message[at] = (uint8_t)vectors[i].text[at % unit];
		reference_umac(key, nonce, message, len, 8, tag);
		CHECK_MSG(is_hex(tag, vectors[i].tag64), "\"%s\" * %zu", vectors[i].text, vectors[i].times);
		reference_umac(key, nonce, message, len, 16, tag);
		CHECK_MSG(is_hex(tag, vectors[i].tag96), "\"%s\" * %zu", vectors[i].text, vectors[i].times);
		free(message);
	}
}

static bool hmac_is(const char *digest, const uint8_t *key, size_t key_len, const uint8_t *message,
		    size_t len, const char *expected)
{
	EVP_MD *fetched = EVP_MD_fetch(NULL, digest, NULL);
	uint8_t tag[EVP_MAX_MD_SIZE];
	struct haw_hmac hmac = {0};
	bool right = haw_hmac_init(&hmac, fetched, key, key_len) && haw_hmac_start(&hmac) &&
		     haw_hmac_update(&hmac, message, len) && haw_hmac_finish(&hmac, tag) &&
		     is_hex(tag, expected);

	haw_hmac_free(&hmac);
	EVP_MD_free(fetched);
	return right;
}

/* RFC 4231 §4.2-§4.5; keys of the others are longer than a block, as SSH's never are (nist.c has §4.8). */
static void hmac_rfc4231(void)
{
	static const struct {
		const char *key, *message, *sha256, *sha512;
	} vectors[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		 "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		 "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
		 "ddddddddd",
		 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
		 "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
		 "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
		 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc"
		 "dcdcdcdcd",
		 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
		 "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
		 "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"},
	};
	uint8_t key[64], message[64];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t key_len = unhex(vectors[i].key, key), len = unhex(vectors[i].message, message);

		CHECK(hmac_is("SHA256", key, key_len, message, len, vectors[i].sha256));
		CHECK(hmac_is("SHA512", key, key_len, message, len, vectors[i].sha512));
	}
}

static size_t known_packet(const haw_suite *suite, uint8_t *wire)
{
	uint32_t length = haw_known_length(suite);
	uint8_t plain[64];
	haw_keys keys;

	haw_known_keys(&keys);
	haw_known_plaintext(plain, length);
	reference_seal(suite, &keys, HAW_KNOWN_SEQ, HAW_KNOWN_NUMBER, HAW_KNOWN_BLOCK, plain, length, wire);
	return 4 + length + suite->tag_size;
}

static void known_packets_are_right(void)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		const haw_suite *half = haw_suite_half(suite);
		uint8_t wire[HAW_KNOWN_SIZE], known[HAW_KNOWN_SIZE];
		size_t total = known_packet(suite, wire);

		CHECK_MSG(haw_known_wire(suite, known) == total && memcmp(known, wire, total) == 0, "%s",
			  suite->name);
		total -= suite->tag_size;
		CHECK(!half || (haw_known_wire(half, known) == total && memcmp(known, wire, total) == 0));
	}
}

static void backends_pass_self_tests(void)
{
	const haw_backend *backend;
	const haw_suite *suite;

	for (size_t b = 0; (backend = haw_backend_at(b)); b++) {
		if (backend->unusable(backend)) {
			harness_skip(backend->name, backend->unusable(backend));
			continue;
		}
		for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
			if (backend->refuses(backend, suite))
				continue;
			CHECK_MSG(!haw_selftest_run(backend, suite), "%s %s: %s", backend->name, suite->name,
				  haw_selftest_run(backend, suite));
			CHECK(!haw_backend_check(backend, suite));
		}
	}
}

static const char *const cipher_kinds[] = {
	[HAW_CIPHER_AES_GCM] = "HAW_CIPHER_AES_GCM",
	[HAW_CIPHER_CHACHA20_POLY1305] = "HAW_CIPHER_CHACHA20_POLY1305",
	[HAW_CIPHER_AES_CTR] = "HAW_CIPHER_AES_CTR",
	[HAW_CIPHER_AES_CBC] = "HAW_CIPHER_AES_CBC",
	[HAW_CIPHER_3DES_CBC] = "HAW_CIPHER_3DES_CBC",
};

static const char *const mac_kinds[] = {
	[HAW_MAC_NONE] = "HAW_MAC_NONE",
	[HAW_MAC_HMAC_SHA1] = "HAW_MAC_HMAC_SHA1",
	[HAW_MAC_HMAC_SHA2_256] = "HAW_MAC_HMAC_SHA2_256",
	[HAW_MAC_HMAC_SHA2_512] = "HAW_MAC_HMAC_SHA2_512",
	[HAW_MAC_UMAC_64] = "HAW_MAC_UMAC_64",
	[HAW_MAC_UMAC_128] = "HAW_MAC_UMAC_128",
};

static bool same_cipher(const haw_suite *a, const haw_suite *b)
{
	return a->cipher_kind == b->cipher_kind && a->key_size == b->key_size;
}

/* The first suite with SUITE's cipher and that length mode. */
static const haw_suite *first_like(const haw_suite *suite, bool whole)
{
	const haw_suite *other;

	for (size_t i = 0; (other = haw_suite_at(i)); i++)
		if (same_cipher(suite, other) && whole == (other->length_mode == HAW_LENGTH_FIRST_BLOCK))
			return other;
	return NULL;
}

static void print_hex(const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		if (at % 44 == 0)
			printf("%s\n\t \"", at ? "\"" : "");
		printf("%02x", data[at]);
	}
	printf("\"");
}

static void print_packets(void)
{
	const haw_suite *suite;
	uint8_t wire[HAW_KNOWN_SIZE];

	printf("static const struct {\n\tuint8_t kind;\n\tuint16_t key_size;\n"
	       "\tconst char *clear, *whole; /* the length in the clear or apart, and enciphered */\n"
	       "} packets[] = {\n");
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		const haw_suite *whole = first_like(suite, true);

		if (first_like(suite, false) != suite)
			continue;
		printf("\t{%s, %u,", cipher_kinds[suite->cipher_kind], suite->key_size);
		print_hex(wire, known_packet(suite, wire) - suite->tag_size);
		printf(whole ? "," : ", NULL");
		if (whole)
			print_hex(wire, known_packet(whole, wire) - whole->tag_size);
		printf("},\n");
	}
	printf("};\n\n");
}

static void print_tags(void)
{
	const haw_suite *suite, *first = NULL;
	uint8_t wire[HAW_KNOWN_SIZE];

	printf("static const struct {\n\tuint8_t mac, cipher;\n\tuint16_t key_size; /* of the cipher; "
	       "0: the tag is over the plaintext */\n\tconst char *tag;\n} tags[] = {\n");
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		bool plain = suite->length_mode == HAW_LENGTH_FIRST_BLOCK;
		size_t packet = 4 + haw_known_length(suite);

		if (plain && !first)
			first = suite;
		if (suite->mac_kind == HAW_MAC_NONE ? first_like(suite, false) != suite
						    : plain && !same_cipher(suite, first))
			continue;
		printf("\t{%s, %s, %u,", mac_kinds[suite->mac_kind], cipher_kinds[suite->cipher_kind],
		       plain ? 0 : suite->key_size);
		known_packet(suite, wire);
		print_hex(wire + packet, suite->tag_size);
		printf("},\n");
	}
	printf("};\n");
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		print_packets();
		print_tags();
		return 0;
	}
	RUN(chacha20_rfc8439_block);
	RUN(poly1305_rfc8439);
	RUN(ctr_sp800_38a);
	RUN(gcm_case_4);
	RUN(cbc_sp800_38a);
	RUN(triple_des_sp800_67);
	RUN(umac_rfc4418);
	RUN(hmac_rfc4231);
	RUN(known_packets_are_right);
	RUN(backends_pass_self_tests);
	return harness_end();
}
