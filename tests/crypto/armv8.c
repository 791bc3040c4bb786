/* SPDX-License-Identifier: Apache-2.0
 *
 * The armv8 backend: what it serves on which processor, with what processors say of themselves injected, and
 * the vectors of the GCM specification and of Wycheproof through each of its kernels.
 */
#include "crypto-backends/armv8/armv8.h"

#include <string.h>

#include "../wycheproof.h"
#include "crypto-backends/cpu.h"
#include "crypto-backends/selftest.h"
#include "harness.h"

/* ---- Which processor ---- */

struct processor {
	const char *name;
	uint64_t hwcap; /* as Linux gives it */
	bool aes, gcm, sha2, eor3;
};

static const struct processor processors[] = {
	{"Raspberry Pi 4: no extension", 0x83, false, false, false, false},
	{"Cortex-A72", 0x8fb, true, true, true, false},
	{"Neoverse N1", 0x119ffb, true, true, true, false},
	{"Neoverse V1", 0x3fffff, true, true, true, true},
	{"AES without PMULL", 0x0b, true, false, false, false},
	{"AES and PMULL without SHA2", 0x1b, true, true, false, false},
	{"AES and SHA2 without PMULL", 0x4b, true, false, true, false},
	{"SHA3 without AES", 0x20053, false, false, false, false},
};

static bool serves(const struct haw_armv8 *b, const haw_suite *suite)
{
	return !b->base.refuses(&b->base, suite);
}

static void check_suite(const struct haw_armv8 *b, const struct processor *p, const haw_suite *suite)
{
	const haw_suite *half = haw_suite_half(suite);
	bool gcm = suite->cipher_kind == HAW_CIPHER_AES_GCM, ctr = suite->cipher_kind == HAW_CIPHER_AES_CTR;
	bool served =
		(gcm && p->gcm) || (ctr && suite->mac_kind == HAW_MAC_HMAC_SHA2_256 && p->aes && p->sha2);

	CHECK_MSG(serves(b, suite) == served, "%s: %s", p->name, suite->name);
	if (ctr && half)
		CHECK_MSG(serves(b, half) == p->aes, "%s: %s", p->name, half->name);
	if (served)
		CHECK_MSG(!haw_selftest_run(&b->base, suite), "%s: %s", p->name, suite->name);
}

static void serves_what_the_processor_can(void)
{
	const haw_suite *suite;

	for (size_t i = 0; i < sizeof(processors) / sizeof(processors[0]); i++) {
		const struct processor *p = &processors[i];
		struct haw_cpu_arm raw = {.hwcap = p->hwcap};
		struct haw_armv8 b;
		uint32_t features = haw_cpu_from_arm(&raw);

		if ((features & haw_cpu_features()) != features) {
			harness_skip(p->name, "this processor has less");
			continue;
		}
		haw_armv8_init(&b, p->name, features);
		CHECK_MSG(!b.base.unusable(&b.base) == p->aes, "%s", p->name);
		CHECK_MSG((strstr(b.base.version(&b.base), "EOR3") != NULL) ==
				  ((features & HAW_CPU_ARM_SHA3) != 0),
			  "%s", p->name);
		for (size_t at = 0; (suite = haw_suite_at(at)); at++)
			check_suite(&b, p, suite);
	}
}

/* ---- GCM ---- */

struct gcm_kernels {
	const char *name;
	haw_armv8_gcm_kernel *seal, *open;
	uint32_t needs;
};

static const struct gcm_kernels kernels[] = {
	{"AES and PMULL", haw_armv8_gcm_seal, haw_armv8_gcm_open, HAW_CPU_ARM_AES | HAW_CPU_PMULL},
	{"with EOR3", haw_armv8_gcm_seal_eor3, haw_armv8_gcm_open_eor3,
	 HAW_CPU_ARM_AES | HAW_CPU_PMULL | HAW_CPU_ARM_SHA3},
};

struct gcm_case {
	const uint8_t *key, *iv, *aad, *msg, *ct, *tag;
	size_t key_len, iv_len, aad_len, msg_len, ct_len, tag_len;
};

/* Decipher IN and compute its tag. Packets are whole blocks: a last piece of one is filled up with zeros,
 * which is what GHASH does. */
static void gcm_open(const struct gcm_kernels *k, const struct gcm_case *g, uint8_t *out, uint8_t tag[16])
{
	struct haw_armv8_gcm_state state;
	struct haw_armv8_aes aes;
	struct haw_armv8_ghash ghash;
	size_t whole = g->ct_len / 16, rest = g->ct_len % 16;
	uint8_t last[16];
	uint8x16_t mask;

	haw_armv8_aes_init(&aes, g->key, g->key_len);
	haw_armv8_ghash_init(&ghash, &aes);
	haw_armv8_gcm_start(&aes, &state, g->iv, &mask);
	for (size_t at = 0; at < g->aad_len; at += 16) {
		memset(last, 0, 16);
		memcpy(last, g->aad + at, g->aad_len - at < 16 ? g->aad_len - at : 16);
		haw_armv8_gcm_hash(&ghash, &state, last);
	}
	k->open(&aes, &ghash, &state, g->ct, out, whole);
	memset(last, 0, 16);
	if (rest) {
		memcpy(last, g->ct + 16 * whole, rest);
		k->open(&aes, &ghash, &state, last, last, 1);
		memcpy(out + 16 * whole, last, rest);
	}
	haw_armv8_gcm_finish(&ghash, &state, g->aad_len, g->ct_len, mask, tag);
}

static void judge(const struct wycheproof_case *c, void *user)
{
	const struct gcm_kernels *k = user;
	struct gcm_case g;
	bool valid = strcmp(wycheproof_text(c, "result"), "valid") == 0, right;
	uint8_t *out, tag[16];

	g.key = wycheproof_bytes(c, "key", &g.key_len);
	g.iv = wycheproof_bytes(c, "iv", &g.iv_len);
	g.aad = wycheproof_bytes(c, "aad", &g.aad_len);
	g.msg = wycheproof_bytes(c, "msg", &g.msg_len);
	g.ct = wycheproof_bytes(c, "ct", &g.ct_len);
	g.tag = wycheproof_bytes(c, "tag", &g.tag_len);
	/* SSH has 12-byte nonces and keys of 128 and 256 bits only. */
	if (g.iv_len != 12 || (g.key_len != 16 && g.key_len != 32) || g.tag_len != 16)
		return;
	out = malloc(g.ct_len + 1);
	gcm_open(k, &g, out, tag);
	right = (memcmp(tag, g.tag, 16) == 0) == valid && (!valid || memcmp(out, g.msg, g.msg_len) == 0);
	free(out);
	CHECK_MSG(right, "%s: %s", k->name, wycheproof_text(c, "comment"));
}

static void wycheproof_vectors(void)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct gcm_kernels k = kernels[i];

		if ((haw_cpu_features() & k.needs) != k.needs)
			harness_skip(k.name, "this processor lacks the instructions");
		else
			wycheproof_run(k.name, "aes_gcm.json", judge, &k);
	}
}

/* Counters that wrap within a group of eight and behind it (SP 800-38D §6.2: 32 bits) decipher what was
 * enciphered one block at a time, whatever the number of blocks. */
static void counters_wrap_in_32_bits(const struct gcm_kernels *k)
{
	static const uint8_t key[16] = {1, 2, 3};
	uint8_t plain[16 * 40], made[sizeof(plain)];
	struct haw_armv8_aes aes;
	struct haw_armv8_ghash ghash;

	memset(plain, 0x5a, sizeof(plain));
	haw_armv8_aes_init(&aes, key, sizeof(key));
	haw_armv8_ghash_init(&ghash, &aes);
	for (uint32_t blocks = 1; blocks <= 40; blocks++) {
		struct haw_armv8_gcm_state all = {.counter = {1, 2, 3, UINT32_MAX - 10}}, single = all;

		k->seal(&aes, &ghash, &all, plain, made, blocks);
		for (uint32_t i = 0; i < blocks; i++)
			k->open(&aes, &ghash, &single, made + 16 * i, made + 16 * i, 1);
		CHECK_MSG(memcmp(made, plain, 16 * (size_t)blocks) == 0, "%s: %u blocks", k->name, blocks);
		CHECK_MSG(vmaxvq_u8(veorq_u8(all.hash, single.hash)) == 0, "%s: hash of %u blocks", k->name,
			  blocks);
	}
}

static void counters_wrap(void)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		if ((haw_cpu_features() & kernels[i].needs) != kernels[i].needs)
			harness_skip(kernels[i].name, "this processor lacks the instructions");
		else
			counters_wrap_in_32_bits(&kernels[i]);
	}
}

/* FIPS 180-4's example "abc", padded by hand. */
static void sha256_abc(void)
{
	static const uint8_t expected[8] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
	uint8_t block[64] = {'a', 'b', 'c', 0x80, [63] = 24}, digest[32];
	struct haw_armv8_sha256 sha;

	if (!(haw_cpu_features() & HAW_CPU_ARM_SHA2)) {
		harness_skip("SHA-256", "this processor lacks the SHA2 instructions");
		return;
	}
	haw_armv8_sha256_start(&sha);
	haw_armv8_sha256_blocks(&sha, block, 1);
	haw_armv8_sha256_put(&sha, digest);
	CHECK(memcmp(digest, expected, sizeof(expected)) == 0);
}

int main(void)
{
	RUN(serves_what_the_processor_can);
	RUN(wycheproof_vectors);
	RUN(counters_wrap);
	RUN(sha256_abc);
	return harness_end();
}
