/* SPDX-License-Identifier: Apache-2.0
 *
 * The sealer or opener that does a guard's packets when its engine does not.
 *
 * Where packets need only their numbers it stands ready from the start. Where each needs the ciphertext of
 * the one before it (CBC) it cannot follow what another one does: so it is made when it is called for, from
 * the keys and the last block of ciphertext, which is the initialization vector of what comes next.
 */
#ifndef HAW_CRYPTO_GUARD_SPARE_H
#define HAW_CRYPTO_GUARD_SPARE_H

#include <hawser/backend.h>

/* Make a sealer, or an opener if OPENS, that completes inside submit; NULL if nothing can. */
typedef haw_sealer *(*haw_spare_fn)(const haw_suite *suite, const haw_keys *keys, bool opens);

struct haw_spare {
	haw_spare_fn make;
	const haw_suite *suite;
	haw_sealer *sealer; /* NULL: not called for */
	bool opens, chained;
	/* Of chained suites alone. */
	uint8_t key[HAW_KEY_MAX], iv[HAW_IV_MAX], mac_key[HAW_MAC_KEY_MAX];
};

/* False if nothing can stand in for SUITE. KEYS are copied. */
bool haw_spare_init(struct haw_spare *spare, haw_spare_fn make, const haw_suite *suite, const haw_keys *keys,
		    bool opens);
/* Wipe and free. */
void haw_spare_clear(struct haw_spare *spare);
/* The sealer where the stream stands, or NULL. */
haw_sealer *haw_spare_sealer(struct haw_spare *spare);
/* JOB was done by the engine: its outputs are there, and its inputs still. */
void haw_spare_follow(struct haw_spare *spare, const haw_job *job);
/* Do JOB. */
void haw_spare_run(struct haw_spare *spare, haw_job *job);
/* The engine goes on after all. */
void haw_spare_put_away(struct haw_spare *spare);

#endif
