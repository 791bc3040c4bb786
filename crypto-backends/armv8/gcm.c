/* SPDX-License-Identifier: Apache-2.0
 *
 * aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 §7; the length in the clear).
 */
#include "crypto-backends/armv8/armv8.h"
#include "crypto-backends/armv8/pieces.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { TAG = 16, GROUP = 128 };

struct gcm {
	struct haw_sync sync;
	haw_armv8_gcm_kernel *kernel;
	struct haw_armv8_aes aes;
	struct haw_armv8_ghash ghash;
	uint8_t iv[12];
};

/* Seal or open the packet at WALK and compute its tag. The length field is the associated data. */
static void process(const struct gcm *g, const haw_job *job, struct haw_walk *walk, uint8_t tag[TAG])
{
	struct haw_armv8_gcm_state state;
	uint8_t nonce[12], length[16] = {0};
	uint8x16_t mask;
	struct piece piece;

	haw_gcm_nonce(nonce, g->iv, job->number);
	haw_armv8_gcm_start(&g->aes, &state, nonce, &mask);
	haw_walk_get(walk, length, HAW_LENGTH_SIZE);
	haw_walk_put(walk, length, HAW_LENGTH_SIZE);
	haw_armv8_gcm_hash(&g->ghash, &state, length);
	for (size_t left = job->length; left > 0; left -= piece.len) {
		piece_next(&piece, walk, left, GROUP);
		g->kernel(&g->aes, &g->ghash, &state, piece.in, piece.out, piece.len / HAW_ARMV8_BLOCK);
		piece_done(&piece, walk);
	}
	haw_armv8_gcm_finish(&g->ghash, &state, HAW_LENGTH_SIZE, job->length, mask, tag);
}

static int seal(struct haw_sync *s, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t tag[TAG];

	process((const struct gcm *)s, job, &walk, tag);
	haw_walk_put(&walk, tag, TAG);
	return 0;
}

static int open(struct haw_sync *s, haw_job *job)
{
	struct haw_walk walk = haw_walk_start(job);
	uint8_t computed[TAG], received[TAG];

	process((const struct gcm *)s, job, &walk, computed);
	haw_walk_get(&walk, received, TAG);
	return CRYPTO_memcmp(computed, received, TAG) == 0 ? 0 : HAW_EINTEGRITY;
}

static void gcm_free(haw_sealer *s)
{
	OPENSSL_cleanse(s, sizeof(struct gcm));
	free(s);
}

haw_sealer *haw_armv8_gcm_new(const haw_suite *suite, const haw_keys *keys, bool opens, bool eor3,
			      haw_error *err)
{
	struct gcm *g = calloc(1, sizeof(*g));

	if (!g) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "no memory for the keys of a connection");
		return NULL;
	}
	haw_sync_init(&g->sync, suite, opens, opens ? open : seal, gcm_free);
	if (opens)
		g->kernel = eor3 ? haw_armv8_gcm_open_eor3 : haw_armv8_gcm_open;
	else
		g->kernel = eor3 ? haw_armv8_gcm_seal_eor3 : haw_armv8_gcm_seal;
	memcpy(g->iv, keys->iv, sizeof(g->iv));
	haw_armv8_aes_init(&g->aes, keys->key, suite->key_size);
	haw_armv8_ghash_init(&g->ghash, &g->aes);
	return &g->sync.base;
}
