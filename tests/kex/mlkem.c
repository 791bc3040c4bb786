/* SPDX-License-Identifier: Apache-2.0
 *
 * ML-KEM-768 against Project Wycheproof's known answers: keys from seeds, encapsulation with known chance,
 * keys and ciphertexts that are none; and what both sides make of each other.
 */
#include "harness.h"
#include "transport/kex/mlkem768.h"
#include "wycheproof.h"

struct tally {
	size_t valid, invalid;
};

static bool same(const uint8_t *ours, const uint8_t *known, size_t len, size_t wanted)
{
	return len == wanted && memcmp(ours, known, len) == 0;
}

static bool make(const uint8_t *seed, uint8_t *public, uint8_t *secret)
{
	return haw_mlkem768_make(NULL, seed, seed + MLKEM_SEED, public, secret) == HAW_KEM_DONE;
}

static void judge_make(const struct wycheproof_case *c, void *user)
{
	uint8_t public[MLKEM_PUBLIC_BYTES], secret[MLKEM_SECRET_BYTES];
	struct tally *tally = user;
	size_t seed_len, ek_len, dk_len;
	const uint8_t *seed = wycheproof_bytes(c, "seed", &seed_len);
	const uint8_t *ek = wycheproof_bytes(c, "ek", &ek_len), *dk = wycheproof_bytes(c, "dk", &dk_len);

	CHECK(strcmp(wycheproof_text(c, "result"), "valid") == 0 && seed_len == 2 * MLKEM_SEED);
	CHECK(make(seed, public, secret));
	CHECK(same(public, ek, ek_len, sizeof(public)) && same(secret, dk, dk_len, sizeof(secret)));
	tally->valid++;
}

static void keys_from_seeds(void)
{
	struct tally tally = {0};

	if (wycheproof_run("keys_from_seeds", "mlkem_768_keygen_seed.json", judge_make, &tally) > 0)
		CHECK(tally.valid >= 100);
}

static void judge_encapsulation(const struct wycheproof_case *c, void *user)
{
	uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], key[HAW_KEM_KEY_SIZE];
	struct tally *tally = user;
	size_t m_len, ek_len, c_len, k_len;
	const uint8_t *m = wycheproof_bytes(c, "m", &m_len), *ek = wycheproof_bytes(c, "ek", &ek_len),
		      *known = wycheproof_bytes(c, "c", &c_len), *k = wycheproof_bytes(c, "K", &k_len);
	bool valid = strcmp(wycheproof_text(c, "result"), "valid") == 0;
	enum haw_kem_result result;

	/* Lengths are the caller's to judge: tests/kex/hybrid.c. */
	if (m_len != MLKEM_SEED || ek_len != MLKEM_PUBLIC_BYTES) {
		CHECK(!valid);
		tally->invalid++;
		return;
	}
	result = haw_mlkem768_encapsulate(NULL, m, ek, ciphertext, key);
	CHECK_MSG(result == (valid ? HAW_KEM_DONE : HAW_KEM_INVALID), "%s: %d", wycheproof_text(c, "comment"),
		  result);
	if (!valid) {
		CHECK(haw_mlkem768.encapsulate(NULL, ek, ciphertext, key) == HAW_KEM_INVALID);
		tally->invalid++;
		return;
	}
	CHECK(same(ciphertext, known, c_len, sizeof(ciphertext)) && same(key, k, k_len, sizeof(key)));
	tally->valid++;
}

static void encapsulations(void)
{
	struct tally tally = {0};

	if (wycheproof_run("encapsulations", "mlkem_768_encaps.json", judge_encapsulation, &tally) > 0)
		CHECK(tally.valid >= 133 && tally.invalid >= 132);
}

static void judge_decapsulation(const struct wycheproof_case *c, void *user)
{
	uint8_t public[MLKEM_PUBLIC_BYTES], secret[MLKEM_SECRET_BYTES], key[HAW_KEM_KEY_SIZE];
	struct tally *tally = user;
	size_t seed_len, ek_len, c_len, k_len;
	const uint8_t *seed = wycheproof_bytes(c, "seed", &seed_len);
	const uint8_t *ek = wycheproof_bytes(c, "ek", &ek_len), *k = wycheproof_bytes(c, "K", &k_len);
	const uint8_t *ciphertext = wycheproof_bytes(c, "c", &c_len);

	if (strcmp(wycheproof_text(c, "result"), "valid") != 0) {
		CHECK(seed_len != 2 * MLKEM_SEED || c_len != MLKEM_CIPHERTEXT_BYTES);
		tally->invalid++;
		return;
	}
	CHECK(seed_len == 2 * MLKEM_SEED && make(seed, public, secret) &&
	      same(public, ek, ek_len, sizeof(public)));
	CHECK(c_len == MLKEM_CIPHERTEXT_BYTES);
	CHECK(haw_mlkem768_decapsulate(NULL, secret, ciphertext, key) == HAW_KEM_DONE);
	CHECK_MSG(same(key, k, k_len, sizeof(key)), "%s", wycheproof_text(c, "comment"));
	/* OpenSSL's, where it has it. */
	CHECK(haw_mlkem768.decapsulate(NULL, secret, ciphertext, key) == HAW_KEM_DONE &&
	      same(key, k, k_len, sizeof(key)));
	tally->valid++;
}

static void decapsulations(void)
{
	struct tally tally = {0};

	if (wycheproof_run("decapsulations", "mlkem_768.json", judge_decapsulation, &tally) > 0)
		CHECK(tally.valid >= 153 && tally.invalid >= 40);
}

/* Ours and OpenSSL's (which is ours as well before 3.5), each with the other's keys and ciphertexts. */
static void both_agree(void)
{
	static const struct haw_kem *const kems[] = {&haw_mlkem768, &haw_mlkem768_own};
	uint8_t public[MLKEM_PUBLIC_BYTES], secret[MLKEM_SECRET_BYTES], ciphertext[MLKEM_CIPHERTEXT_BYTES];
	uint8_t ours[HAW_KEM_KEY_SIZE], theirs[HAW_KEM_KEY_SIZE], rejected[HAW_KEM_KEY_SIZE];

	for (int i = 0; i < 64; i++) {
		const struct haw_kem *maker = kems[i & 1], *sender = kems[i >> 1 & 1];
		const struct haw_kem *taker = kems[i >> 2 & 1];

		CHECK(maker->make(NULL, public, secret) == HAW_KEM_DONE);
		CHECK(sender->encapsulate(NULL, public, ciphertext, ours) == HAW_KEM_DONE);
		CHECK(taker->decapsulate(NULL, secret, ciphertext, theirs) == HAW_KEM_DONE);
		CHECK(memcmp(ours, theirs, sizeof(ours)) == 0);
		ciphertext[17 * i] ^= 1 << i % 8;
		CHECK(taker->decapsulate(NULL, secret, ciphertext, theirs) == HAW_KEM_DONE);
		CHECK(memcmp(ours, theirs, sizeof(ours)) != 0);
		CHECK(kems[1]->decapsulate(NULL, secret, ciphertext, rejected) == HAW_KEM_DONE);
		CHECK(memcmp(rejected, theirs, sizeof(ours)) == 0);
	}
}

int main(void)
{
	RUN(keys_from_seeds);
	RUN(encapsulations);
	RUN(decapsulations);
	RUN(both_agree);
	return harness_end();
}
