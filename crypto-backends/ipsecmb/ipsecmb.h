/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ipsecmb backend: what the library offers at one level of the processor's features.
 *
 * The library has its routines several times, for SSE, AVX, AVX2 and AVX-512, each with and without the
 * extensions for SHA and for vector AES. A backend is one such choice: haw_backend_ipsecmb the best that the
 * machine allows, haw_ipsecmb_at the others, for tests.
 *
 * Direct calls (AES-GCM, key expansion) touch nothing but what they are given, so one set of routines, found
 * once, serves all threads. Everything else goes through a manager of some 200 KiB, which serves one thread
 * at a time: a workspace, lent for the length of one submit.
 */
#ifndef HAW_IPSECMB_IPSECMB_H
#define HAW_IPSECMB_IPSECMB_H

#include <hawser/backend.h>

#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdatomic.h>

struct haw_ipsecmb_workspace;

struct haw_ipsecmb_gcm {
	aes_gcm_pre_t expand_key;
	aes_gcm_init_t start;
	aes_gcm_enc_dec_t seal, open; /* one shot */
	aes_gcm_enc_dec_update_t seal_more, open_more;
	aes_gcm_enc_dec_finalize_t seal_finish, open_finish;
};

/* How many messages a manager hashes side by side, and from when on that pays: a full set of lanes takes as
 * long as its longest message does, so the bytes of all must be at least `worth` tenths of that one's. */
struct haw_ipsecmb_lanes {
	uint16_t count, worth;
};

/* The library at one level. Constant once it has been probed. */
struct haw_ipsecmb {
	haw_backend base;
	uint32_t needs; /* enum haw_cpu_feature that this machine must have */
	uint32_t uses;  /* those of the machine's that may be used */

	pthread_mutex_t probing;
	_Atomic bool probed;
	const char *trouble; /* why it cannot be used */
	uint64_t flags;      /* for managers */
	init_mb_mgr_t init;  /* of managers at this level */
	/* SHA extensions hash two messages of SHA-1 and SHA-256 faster than vectors hash a few; those
	 * routines are in another manager. NULL without. */
	init_mb_mgr_t init_pairs;
	struct haw_ipsecmb_lanes sha1, sha256, sha512;
	struct haw_ipsecmb_gcm gcm128, gcm256;
	keyexp_t expand128, expand192, expand256;
	hash_one_block_t sha1_block, sha256_block, sha512_block;

	pthread_mutex_t lending;
	struct haw_ipsecmb_workspace *idle; /* those not lent; kept for the life of the process */
};

/* The backend restricted to the level at INDEX (0, 1, ...), or NULL behind the last: for tests. It is named
 * "ipsecmb-LEVEL", and unusable where the machine lacks the level. */
const haw_backend *haw_ipsecmb_at(size_t index);

/* The routines for keys of KEY_SIZE bytes, or NULL. BACKEND is one of ipsecmb's, and usable. Any thread. */
const struct haw_ipsecmb_gcm *haw_ipsecmb_gcm(const haw_backend *backend, size_t key_size);

haw_sealer *haw_ipsecmb_gcm_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				bool opens, haw_error *err);
haw_sealer *haw_ipsecmb_chacha_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				   bool opens, haw_error *err);
/* Counter mode with HMAC, or its cipher's half. */
haw_sealer *haw_ipsecmb_ctr_new(struct haw_ipsecmb *library, const haw_suite *suite, const haw_keys *keys,
				bool opens, haw_error *err);

#endif
