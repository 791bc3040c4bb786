/* SPDX-License-Identifier: Apache-2.0
 *
 * Project Wycheproof's vectors for the primitives: through the reference, through the calls of ipsec-mb that
 * packets are made with, and through the library's HMAC.
 */
#include "wycheproof.h"

#include <openssl/crypto.h>

#include "crypto-backends/openssl/hmac.h"
#include "harness.h"
#include "reference.h"
#include "wycheproof_gcm.h"

struct tally {
	const char *digest;
	size_t tested;
};

struct gcm_case {
	const uint8_t *key, *iv, *aad, *msg, *ct, *tag;
	size_t key_len, iv_len, aad_len, msg_len, ct_len, tag_len;
	bool valid;
};

static bool read_gcm(const struct wycheproof_case *c, struct gcm_case *g)
{
	g->key = wycheproof_bytes(c, "key", &g->key_len);
	g->iv = wycheproof_bytes(c, "iv", &g->iv_len);
	g->aad = wycheproof_bytes(c, "aad", &g->aad_len);
	g->msg = wycheproof_bytes(c, "msg", &g->msg_len);
	g->ct = wycheproof_bytes(c, "ct", &g->ct_len);
	g->tag = wycheproof_bytes(c, "tag", &g->tag_len);
	g->valid = strcmp(wycheproof_text(c, "result"), "valid") == 0;
	/* SSH has 12-byte nonces and keys of 128 and 256 bits only. */
	return g->iv_len == 12 && (g->key_len == 16 || g->key_len == 32) && g->tag_len == 16;
}

static void judge_gcm_reference(const struct wycheproof_case *c, void *user)
{
	struct tally *tally = user;
	struct gcm_case g;
	uint8_t *out, tag[16];
	bool same;

	if (!read_gcm(c, &g) || !g.valid)
		return;
	out = malloc(g.msg_len + 1);
	reference_aes_gcm(g.key, g.key_len, g.iv, g.aad, g.aad_len, g.msg, out, g.msg_len, tag);
	same = g.ct_len == g.msg_len && memcmp(out, g.ct, g.ct_len) == 0 && memcmp(tag, g.tag, 16) == 0;
	free(out);
	tally->tested++;
	CHECK_MSG(same, "%s", wycheproof_text(c, "comment"));
}

/* The ciphertext must decrypt, and its tag be the one given exactly if the vector is valid. */
static void judge_gcm_ipsecmb(const struct wycheproof_case *c, void *user)
{
	struct tally *tally = user;
	struct gcm_case g;
	uint8_t *out, tag[16];
	bool right;

	if (!read_gcm(c, &g))
		return;
	out = malloc(g.ct_len + 1);
	wycheproof_gcm_open(g.key, g.key_len, g.iv, g.aad, g.aad_len, g.ct, out, g.ct_len, tag);
	right = (memcmp(tag, g.tag, 16) == 0) == g.valid;
	if (g.valid && right)
		right = memcmp(out, g.msg, g.msg_len) == 0;
	free(out);
	tally->tested++;
	CHECK_MSG(right, "%s", wycheproof_text(c, "comment"));
}

static void judge_hmac(const struct wycheproof_case *c, void *user)
{
	struct tally *tally = user;
	EVP_MD *digest = EVP_MD_fetch(NULL, tally->digest, NULL);
	size_t key_len, msg_len, tag_len;
	const uint8_t *key = wycheproof_bytes(c, "key", &key_len);
	const uint8_t *msg = wycheproof_bytes(c, "msg", &msg_len);
	const uint8_t *tag = wycheproof_bytes(c, "tag", &tag_len);
	bool valid = strcmp(wycheproof_text(c, "result"), "valid") == 0, right = true;
	struct haw_hmac hmac = {0};
	uint8_t computed[EVP_MAX_MD_SIZE];

	/* Key exchange derives keys of the digest's size; longer than a block they never are. */
	if (key_len <= (size_t)EVP_MD_get_block_size(digest)) {
		right = haw_hmac_init(&hmac, digest, key, key_len);
		/* Twice, and in two parts: the state of the key must survive a message. */
		for (int i = 0; right && i < 2; i++)
			right = haw_hmac_start(&hmac) && haw_hmac_update(&hmac, msg, msg_len / 2) &&
				haw_hmac_update(&hmac, msg + msg_len / 2, msg_len - msg_len / 2) &&
				haw_hmac_finish(&hmac, computed);
		right = right && (CRYPTO_memcmp(computed, tag, tag_len) == 0) == valid;
		tally->tested++;
	}
	haw_hmac_free(&hmac);
	EVP_MD_free(digest);
	CHECK_MSG(right, "%s: %s", tally->digest, wycheproof_text(c, "comment"));
}

static void hmac_file(const char *file, const char *digest)
{
	struct tally tally = {.digest = digest};

	if (wycheproof_run(file, file, judge_hmac, &tally) > 0)
		CHECK_MSG(tally.tested > 100, "%zu tested", tally.tested);
}

static void hmac_vectors(void)
{
	hmac_file("hmac_sha1.json", "SHA1");
	hmac_file("hmac_sha256.json", "SHA256");
	hmac_file("hmac_sha512.json", "SHA512");
}

static void gcm_vectors_by_the_reference(void)
{
	struct tally tally = {0};

	if (wycheproof_run("aes_gcm.json", "aes_gcm.json", judge_gcm_reference, &tally) > 0)
		CHECK_MSG(tally.tested > 50, "%zu tested", tally.tested);
}

static void gcm_vectors_by_ipsecmb(void)
{
	const haw_backend *backend = haw_backend_find("ipsecmb");
	struct tally tally = {0};

	if (!backend || backend->unusable(backend)) {
		harness_skip("ipsecmb", backend ? backend->unusable(backend) : "not in this build");
		return;
	}
	if (wycheproof_run("aes_gcm.json", "aes_gcm.json", judge_gcm_ipsecmb, &tally) > 0)
		CHECK_MSG(tally.tested > 100, "%zu tested", tally.tested);
}

int main(void)
{
	RUN(gcm_vectors_by_the_reference);
	RUN(gcm_vectors_by_ipsecmb);
	RUN(hmac_vectors);
	return harness_end();
}
