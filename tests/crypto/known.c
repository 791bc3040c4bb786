/* SPDX-License-Identifier: Apache-2.0
 *
 * Known answers: the reference against published vectors, then the self-test's known packets, and each
 * backend, against the reference. With --print: the table of known packets, for crypto-backends/known.c.
 */
#include <openssl/crypto.h>

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
	size_t i;

	for (i = 0; (suite = haw_suite_at(i)); i++) {
		uint8_t wire[256];
		size_t total = known_packet(suite, wire);

		CHECK(i < haw_known_packet_count);
		CHECK(strcmp(haw_known_packets[i].suite, suite->name) == 0);
		CHECK_MSG(strlen(haw_known_packets[i].wire) == 2 * total &&
				  is_hex(wire, haw_known_packets[i].wire),
			  "%s", suite->name);
	}
	CHECK(i == haw_known_packet_count);
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

static void print_packets(void)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		uint8_t wire[256];
		size_t total = known_packet(suite, wire);

		printf("\t{ \"%s\",", suite->name);
		for (size_t at = 0; at < total; at++) {
			if (at % 44 == 0)
				printf("%s\n\t  \"", at ? "\"" : "");
			printf("%02x", wire[at]);
		}
		printf("\" },\n");
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		print_packets();
		return 0;
	}
	RUN(chacha20_rfc8439_block);
	RUN(poly1305_rfc8439);
	RUN(ctr_sp800_38a);
	RUN(gcm_case_4);
	RUN(known_packets_are_right);
	RUN(backends_pass_self_tests);
	return harness_end();
}
